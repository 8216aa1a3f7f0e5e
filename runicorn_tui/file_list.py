"""The files of a run directory, read without following a link out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runicorn_db.run_directory import LOG_NAME, opened_directory
from runicorn_db.sources.files import Unreadable

LOG_SUFFIXES = (b".log", b".txt", b".out", b".err")
_MOST_LOGS = 100

_KINDS = (
    (stat.S_ISREG, ""),
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """`path` is relative to the run directory; `note` says what is no regular file, or why something is not read.

    Bytes and Unix seconds; None where that is not known.
    """

    path: bytes
    size: int | None
    changed_at: float | None
    note: str = ""


def walk(run_dir: str, should_stop: Callable[[], bool] = bool) -> Iterator[FileEntry]:
    """Everything below a run directory that is no directory, and the directories that cannot be read.

    Blocks. Raises Unreadable when the run directory itself cannot be read.
    """
    waiting = [b""]
    while waiting and not should_stop():
        directory = waiting.pop()
        try:
            with opened_directory(run_dir, directory) as descriptor, os.scandir(descriptor) as entries:
                for entry in entries:
                    path = directory + b"/" + os.fsencode(entry.name) if directory else os.fsencode(entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    else:
                        yield _entry(path, entry)
        except Unreadable as error:
            if not directory:
                raise
            yield FileEntry(directory + b"/", None, None, error.reason)


def _entry(path: bytes, entry: os.DirEntry[str]) -> FileEntry:
    try:
        state = entry.stat(follow_symlinks=False)
    except OSError as error:
        return FileEntry(path, None, None, error.strerror or "")
    note = next((note for is_kind, note in _KINDS if is_kind(state.st_mode)), "device")
    return FileEntry(path, state.st_size if not note else None, state.st_mtime, note)


def log_names(run_dir: str) -> list[bytes]:
    """The files directly in a run directory that look like logs, `logs.txt` first. Blocks."""
    try:
        with opened_directory(run_dir) as descriptor, os.scandir(descriptor) as entries:
            names = [os.fsencode(entry.name) for entry in entries]
    except Unreadable:
        return []
    logs = sorted(name for name in names if name.lower().endswith(LOG_SUFFIXES))[:_MOST_LOGS]
    return sorted(logs, key=lambda name: name != LOG_NAME)
