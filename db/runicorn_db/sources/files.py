"""Opening and reading files that other programs wrote, are still writing, or made to do harm.

Nothing here follows a symbolic link, waits on a pipe or changes anything.
"""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

MAX_JSON_BYTES = 16 * 2**20

_UNFIT = re.compile("[\0\ud800-\udfff]")
_KINDS = (
    (stat.S_ISLNK, "Symbolic link, not followed"),
    (stat.S_ISDIR, "A directory, not a file"),
    (stat.S_ISFIFO, "A named pipe, not a file"),
    (stat.S_ISSOCK, "A socket, not a file"),
    (stat.S_ISCHR, "A device, not a file"),
    (stat.S_ISBLK, "A device, not a file"),
)


class Unreadable(Exception):
    """A file or directory cannot be read; `reason` is a sentence without its name."""

    def __init__(self, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """Something that was skipped: `path` is relative to the root, `line` counts from 1."""

    path: bytes
    message: str
    line: int | None = None


def clean_text(text: str) -> str:
    """`text` with U+FFFD for every NUL and lone surrogate: fit for SQLite, UTF-8 and JSON."""
    return _UNFIT.sub("\ufffd", text)


def text_of_name(name: bytes) -> str:
    """A file name as text; bytes that are no UTF-8 become U+FFFD."""
    return clean_text(os.fsdecode(name))


def reason_of(error: OSError) -> str:
    """The system's own words for `error`, without numbers and file names."""
    return error.strerror or type(error).__name__


def _refusal(path: bytes, directory: int | None, error: OSError) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        return Unreadable("No such file", is_missing=True)
    try:
        mode = os.stat(path, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return Unreadable(reason_of(error))
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), None)
    return Unreadable(kind or reason_of(error))


def open_regular(path: bytes, *, directory: int | None = None) -> int:
    """A descriptor for reading a regular file, at once whatever is there; the caller closes it.

    `path` is relative to the open `directory` when one is given. Raises Unreadable for everything
    that is not a regular file: links, pipes, devices, sockets, directories.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        raise _refusal(path, directory, error) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise Unreadable(next((words for is_kind, words in _KINDS if is_kind(mode)), "Not a regular file"))


def open_directory(root: str, path: bytes) -> int:
    """A descriptor of the directory `path` below `root`; no component of `path` may be a link.

    Raises Unreadable. The root itself may be a link: the user named it.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        descriptor = os.open(root, flags)
        for part in path.split(b"/") if path else ():
            if part in (b"", b".", b".."):
                os.close(descriptor)
                raise Unreadable("Not a path below the root")
            try:
                below = os.open(part, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = below
    except FileNotFoundError as error:
        raise Unreadable("No such directory", is_missing=True) from error
    except NotADirectoryError as error:
        raise Unreadable("Not a directory, or a symbolic link") from error
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    return descriptor


def read_regular(path: bytes, *, directory: int | None = None, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """The content of a regular file of at most `max_bytes`; otherwise raises Unreadable."""
    descriptor = open_regular(path, directory=directory)
    try:
        size = os.fstat(descriptor).st_size
        if size <= max_bytes:
            parts: list[bytes] = []
            remaining = max_bytes + 1
            # No more room than the file needs: asking for a mebibyte each time costs more than reading.
            while remaining and (part := os.read(descriptor, min(remaining, max(size, 2**12) + 1))):
                parts.append(part)
                remaining -= len(part)
            if remaining:
                return b"".join(parts)
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    finally:
        os.close(descriptor)
    raise Unreadable(f"Larger than {max_bytes // 2**20} MiB")


def _decoded(content: bytes) -> Any:
    """As Python's json reads it, which takes several times as long: for what only that accepts, and to say why not."""
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        return msgspec.json.decode(content)
    return json.loads(content.decode("utf-8-sig"))


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """Why a file gave no object, and where if that is known."""

    message: str
    line: int | None = None


def read_json_object(
    path: bytes, *, directory: int | None = None, max_bytes: int = MAX_JSON_BYTES
) -> tuple[dict[str, Any], JsonProblem | None]:
    """The JSON object in a file, or `{}` with the problem; a missing file is `{}` without one.

    `NaN` and `Infinity` are read as Python's json writes them. Texts may hold lone surrogates: see `clean_text`.
    """
    try:
        content = read_regular(path, directory=directory, max_bytes=max_bytes)
    except Unreadable as error:
        return {}, None if error.is_missing else JsonProblem(error.reason)
    if not content.strip():
        return {}, JsonProblem("Empty file")
    try:
        value = _decoded(content)
    except UnicodeDecodeError as error:
        return {}, JsonProblem("Not UTF-8", content.count(b"\n", 0, error.start) + 1)
    except json.JSONDecodeError as error:
        return {}, JsonProblem(f"Not JSON: {error.msg}", error.lineno)
    except RecursionError:
        return {}, JsonProblem("Nested too deeply")
    except ValueError:
        # Python refuses integers of more than some thousand digits.
        return {}, JsonProblem("A number has too many digits")
    if isinstance(value, dict):
        return value, None
    return {}, JsonProblem("Not a JSON object")
