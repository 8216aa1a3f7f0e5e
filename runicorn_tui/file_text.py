"""A file as lines to look at: JSON in order, the first bytes of what is no text, anything else as it is."""

from __future__ import annotations

import json
import os

from runicorn_db.run_directory import opened_directory, opened_file
from runicorn_db.sources.files import Unreadable, read_json_object
from runicorn_tui import format
from runicorn_tui.log_file import LogFile, TextLines

MAX_JSON_BYTES = 4 * 2**20
_HEAD = 8192
_DUMPED = 1024
_PER_LINE = 16
# Of what a text may have now and then: a log that was cut in a letter, a stray byte.
_MOST_UNDECODABLE = 0.1


def lines_of(run_dir: str, path: bytes) -> tuple[LogFile, str]:
    """The lines of a file of a run, and a remark on what they are. Blocks; raises Unreadable."""
    with opened_file(run_dir, path) as descriptor:
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, _HEAD, 0)
    if is_binary(head):
        shown = min(size, _DUMPED)
        text = hexdump(head[:shown])
        return TextLines(run_dir, path, text), f"no text: the first {format.count(shown)} bytes of {format.size(size)}"
    if path.lower().endswith(b".json"):
        if size > MAX_JSON_BYTES:
            return LogFile(run_dir, path), "too large to be set out"
        return _json_lines(run_dir, path)
    return LogFile(run_dir, path), ""


def _json_lines(run_dir: str, path: bytes) -> tuple[LogFile, str]:
    directory, _, name = path.rpartition(b"/")
    with opened_directory(run_dir, directory) as descriptor:
        value, problem = read_json_object(name, directory=descriptor, max_bytes=MAX_JSON_BYTES)
    if problem is not None:
        where = "" if problem.line is None else f" in line {format.count(problem.line)}"
        return LogFile(run_dir, path), f"as it is: {problem.message}{where}"
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    except RecursionError:
        return LogFile(run_dir, path), "as it is: Nested too deeply"
    return TextLines(run_dir, path, text.encode("utf-8", "backslashreplace")), "set out"


def is_binary(head: bytes) -> bool:
    """Whether a file that begins so is no text to read."""
    if b"\0" in head:
        return True
    undecodable = head.decode("utf-8", "replace").count("\ufffd") - head.count(b"\xef\xbf\xbd")
    return undecodable > max(4, len(head) * _MOST_UNDECODABLE)


def hexdump(data: bytes) -> bytes:
    """Offset, bytes and letters, sixteen to a line."""
    lines: list[str] = []
    for start in range(0, len(data), _PER_LINE):
        part = data[start : start + _PER_LINE]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):<{3 * _PER_LINE}} {letters}")
    return "\n".join(lines).encode("ascii")


def reason(error: Unreadable) -> str:
    """Why a file cannot be looked into, in a sentence."""
    return "This file is no longer there." if error.is_missing else f"The file cannot be read: {error.reason}."
