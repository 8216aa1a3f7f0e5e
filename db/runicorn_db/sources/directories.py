"""Where the run directories of a Runicorn root are, and how much lies in them."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Container, Iterator
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from runicorn_db.sources.files import FileProblem, Unreadable, reason_of

_PRUNED_AT_ROOT = frozenset({b"artifacts", b"archive", b"index", b"webui"})
_RUN_FILES = (b"meta.json", b"status.json")
_OTHER_RUN_FILES = frozenset({b"events.jsonl", b"summary.json", b"logs.txt", b"assets.json", b".deleted"})
_MADE_ID = re.compile(rb"\d{8}_\d{6}_[a-f0-9]{6}")
_ENTRIES_AT_ONCE = 5000
# What a tracker itself writes, and a little more.
_FEW_ENTRIES = 16


class FoundRun(NamedTuple):
    """A run directory: its path below the root, and whether it lies in 0.7's `.recycle`."""

    path: bytes
    is_recycled: bool = False


class _Place(Enum):
    ROOT = 1
    PROJECT = 2  # 0.2 to 0.5: a part of project or name
    RUNS = 3  # 0.2 to 0.5: `…/runs`, every directory in it is a run
    TREE_TOP = 4  # `ROOT/runs`: 0.1 has its runs here, 0.6 and later begin here
    TREE = 5  # 0.6 and later: a part of the path
    RECYCLE = 6


def find_run_directories(
    root: str, problems: list[FileProblem] | None = None, *, known: Container[bytes] = ()
) -> Iterator[FoundRun]:
    """Every run directory below `root`, in a fixed order; nothing in it is opened but directories.

    Whether a directory of the `known` ones still is one of a run is left to the caller's own look at it.
    Raises Unreadable, when first asked, if the root itself cannot be listed. A directory below it
    that cannot be listed is appended to `problems`: of what lies under its path nothing is known.
    """
    base = os.fsencode(root)
    try:
        entries = _subdirectories(base, b"", _Place.ROOT, problems)
    except OSError as error:
        raise Unreadable(reason_of(error), is_missing=isinstance(error, FileNotFoundError)) from error
    waiting: list[tuple[bytes, _Place]] = [(name, _place_at_root(name)) for name in reversed(entries)]
    while waiting:
        path, place = waiting.pop()
        try:
            names = _subdirectories(base, path, place, problems)
        except OSError as error:
            _report(problems, path, reason_of(error))
            continue
        below: list[tuple[bytes, _Place]] = []
        for name in names:
            child = path + b"/" + name
            try:
                found = None if child in known else _place_below(base, child, name, place)
            except OSError as error:
                _report(problems, child, reason_of(error))
                continue
            if found is None:
                yield FoundRun(child, place is _Place.RECYCLE)
            else:
                below.append((child, found))
        waiting.extend(reversed(below))


def _report(problems: list[FileProblem] | None, path: bytes, message: str) -> None:
    if problems is not None:
        problems.append(FileProblem(path=path, message=message))


def _place_at_root(name: bytes) -> _Place:
    return _Place.TREE_TOP if name == b"runs" else _Place.PROJECT


def _subdirectories(base: bytes, path: bytes, place: _Place, problems: list[FileProblem] | None) -> list[bytes]:
    names: list[bytes] = []
    with os.scandir(base + b"/" + path) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name.startswith(b".") and not (name == b".recycle" and place is _Place.TREE_TOP):
                    continue
                if place is _Place.ROOT and name in _PRUNED_AT_ROOT:
                    continue
                names.append(name)
            elif place not in (_Place.ROOT, _Place.PROJECT) and entry.is_symlink():
                _report(problems, path + b"/" + name, "Symbolic link, not followed")
    names.sort()
    return names


def _place_below(base: bytes, path: bytes, name: bytes, place: _Place) -> _Place | None:
    """What the directory `path` in `place` is: None for a run."""
    if place is _Place.PROJECT:
        return _Place.RUNS if name == b"runs" else _Place.PROJECT
    if place is _Place.TREE_TOP and name == b".recycle":
        return _Place.RECYCLE
    full = base + b"/" + path
    if any(_exists(full + b"/" + file) for file in _RUN_FILES):
        return None
    if place is _Place.TREE:
        return _Place.TREE
    if _MADE_ID.fullmatch(name):
        return None
    if place is _Place.TREE_TOP:
        return None if _holds_run_file(full) else _Place.TREE
    return _Place.PROJECT if _is_mere_path(full) else None


def _exists(path: bytes) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _holds_run_file(path: bytes) -> bool:
    with os.scandir(path) as entries:
        return any(entry.name in _OTHER_RUN_FILES for entry in entries)


def _is_mere_path(path: bytes) -> bool:
    """A project called `a/runs/b` puts directories into `…/runs` that are no runs: nothing but directories in them."""
    with os.scandir(path) as entries:
        kinds = [entry.is_dir(follow_symlinks=False) and entry.name != b"media" for entry in entries]
    return bool(kinds) and all(kinds)


def measure(root: str, path: bytes) -> tuple[int, int]:
    """Bytes and number of the regular files of a run directory; links are not followed, lock files not counted.

    What cannot be listed, or vanishes meanwhile, counts nothing.
    """
    return deque(measuring(root, path), maxlen=1).pop()


def measure_small(root: str, path: bytes) -> tuple[int, int] | None:
    """What `measure` finds, None where that takes longer than to read the small files of a run."""
    found = _measuring(root, path, _FEW_ENTRIES)
    measured = next(found)
    return measured if next(found, None) is None else None


def measuring(root: str, path: bytes) -> Iterator[tuple[int, int]]:
    """What `measure` found so far, now and then, and at the end all of it: a large tree takes long."""
    return _measuring(root, path, _ENTRIES_AT_ONCE)


def _measuring(root: str, path: bytes, at_once: int) -> Iterator[tuple[int, int]]:
    size = count = seen = 0
    waiting = [os.fsencode(root) + b"/" + path]
    while waiting:
        # What lies in it may vanish, or the directory itself.
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen % at_once == 0:
                    yield size, count
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
                        count += not entry.name.endswith(b".lock")
    yield min(size, 2**63 - 1), count
