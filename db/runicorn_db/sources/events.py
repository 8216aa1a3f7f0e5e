"""The tail of a Runicorn `events.jsonl`: what was appended since the last look, in batches of columns.

Only whole lines are read, in blocks, so that memory does not grow with the file. A line or a value that
cannot be used is skipped and counted; the rest of the file is read all the same.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from runicorn_db.chunks import Points
from runicorn_db.series import SeriesBatch, TextPoint
from runicorn_db.sources.files import Unreadable, clean_text, open_regular, reason_of

RESERVED = ("global_step", "step", "time", "stage", "epoch")
MAX_TEXT_LENGTH = 1000
MAX_NAME_LENGTH = 1000
MAX_FILE_BYTES = 64 << 30

NOT_JSON = "Line is not valid JSON"
NOT_UTF8 = "Line is not UTF-8"
TOO_DEEP = "Line is nested too deeply"
TOO_LONG = "Line is too long"
NOT_AN_OBJECT = "Line is not an object"
NO_DATA = "Metrics are not an object"
BAD_STEP = "Step is missing or not a whole number of 64 bits"
BAD_NUMBER = "Number is too large for a float"
BAD_NAME = f"Metric name is longer than {MAX_NAME_LENGTH} characters"
BAD_TIME = "Time is not in the years 1970 to 9999"

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 16 << 20
_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1
_END_OF_9999 = 253402300800
_NUMBERS = (int, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a file has been read: byte `offset` comes after `line` whole lines; no `inode`: never read."""

    inode: int | None = None
    offset: int = 0
    line: int = 0


class Skipped(NamedTuple):
    """`count` lines or values were left out for one reason, the first of them in `line` (from 1)."""

    message: str
    line: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBatch(SeriesBatch):
    """What one block of lines holds; the next look begins at `position`.

    `is_restart`: the file was replaced or truncated. What was stored of it is void, and this batch
    begins at its first byte. `last_event_at`: time of the last event of any type, None without one.
    """

    position: Position
    is_restart: bool
    last_event_at: float | None
    skipped: tuple[Skipped, ...]


def read_events(
    path: str | bytes,
    position: Position | None = None,
    *,
    directory: int | None = None,
    block_bytes: int = _BLOCK_BYTES,
    longest_line: int = _LONGEST_LINE,
) -> Iterator[EventBatch]:
    """What `path` (below the open `directory` when given) holds after `position`, block by block.

    Bytes after the last newline wait for the next look; no batch at all when nothing changed. Raises Unreadable
    for a link, for everything that is not a regular file, for one over MAX_FILE_BYTES and for errors of the disk.
    """
    position = position or Position()
    descriptor = open_regular(os.fsencode(path), directory=directory)
    try:
        status = os.fstat(descriptor)
        if status.st_size > MAX_FILE_BYTES:
            raise Unreadable(f"Larger than {MAX_FILE_BYTES >> 30} GiB")
        # SQLite has signed integers only, some network file systems have inodes that use the 64th bit.
        inode = status.st_ino - 2**64 if status.st_ino > _MAX_STEP else status.st_ino
        is_inside = _is_inside_long_line(descriptor, position.offset, longest_line)
        is_restart = (
            position.inode not in (None, inode) or position.offset > status.st_size or is_inside is None
        )
        start = Position() if is_restart else position
        is_told = position.inode == inode and not is_restart
        for block in _blocks(
            descriptor, start, status.st_size, min(block_bytes, longest_line), longest_line, bool(is_inside) and not is_restart
        ):
            yield _batch(block, inode, is_restart=is_restart)
            is_restart, is_told = False, True
        if not is_told:
            yield _batch(_Block([], [], start.offset, start.line), inode, is_restart=is_restart)
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    finally:
        os.close(descriptor)


def _is_inside_long_line(descriptor: int, offset: int, longest_line: int) -> bool | None:
    """Whether a look ended at `offset` because a line there is too long; None: no look can have ended there."""
    if offset == 0 or os.pread(descriptor, 1, offset - 1) == b"\n":
        return False
    is_long = offset > longest_line and b"\n" not in os.pread(descriptor, longest_line, offset - longest_line)
    return True if is_long else None


class _Block(NamedTuple):
    """Whole lines, and where they end; `long_lines` are the numbers of those that are left out."""

    lines: list[bytes]
    long_lines: list[int]
    offset: int
    line: int


def _blocks(
    descriptor: int, start: Position, size: int, block_bytes: int, longest_line: int, is_inside: bool
) -> Iterator[_Block]:
    offset, line = start.offset, start.line
    kept = b""
    while offset < size and (data := os.pread(descriptor, min(block_bytes, size - offset), offset)):
        offset += len(data)
        if is_inside:
            _, newline, data = data.partition(b"\n")
            if not newline:
                yield _Block([], [], offset, line)
                continue
            is_inside = False
            line += 1
        data = kept + data
        end = data.rfind(b"\n") + 1
        kept = data[end:]
        lines = data[: end - 1].split(b"\n") if end else []
        long_lines: list[int] = []
        # A block is no longer than the longest line: only its first line, begun in earlier blocks, can be too long.
        if lines and len(lines[0]) > longest_line:
            long_lines.append(line + 1)
            lines[0] = b""
        line += len(lines)
        if len(kept) > longest_line:
            long_lines.append(line + 1)
            is_inside, kept = True, b""
        if lines or long_lines:
            yield _Block(lines, long_lines, offset - len(kept), line)


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    ts: Any = None
    data: Any = None


def _integer(digits: str) -> int:
    # Python refuses to convert thousands of digits; the first 400 are as far beyond any float.
    return int(digits[:400])


_decode = msgspec.json.Decoder(_Event).decode
# For what msgspec refuses: NaN, Infinity, 1e999, lone surrogates, integers of thousands of digits.
_decode_tolerantly = json.JSONDecoder(parse_int=_integer).decode


def _batch(block: _Block, inode: int, *, is_restart: bool) -> EventBatch:
    columns = _Columns()
    for line in block.long_lines:
        columns.skip(TOO_LONG, line)
    columns.read(block.lines, block.line - len(block.lines) + 1)
    return EventBatch(
        points={name: points for name, points in columns.points.items() if points.steps},
        texts=columns.texts,
        position=Position(inode=inode, offset=block.offset, line=block.line),
        is_restart=is_restart,
        last_event_at=columns.last_event_at,
        skipped=tuple(Skipped(message, line, count) for message, (line, count) in columns.skipped.items()),
    )


class _Columns:
    """Gathers the values of lines, metric by metric."""

    def __init__(self) -> None:
        self.points: dict[str, Points] = {}
        self.texts: list[TextPoint] = []
        self.last_event_at: float | None = None
        self.skipped: dict[str, tuple[int, int]] = {}
        # By name as logged; None: not a metric.
        self._by_name: dict[str, Points | None] = dict.fromkeys(RESERVED)

    def skip(self, message: str, line: int) -> None:
        first, count = self.skipped.get(message, (line, 0))
        self.skipped[message] = (min(first, line), count + 1)

    def read(self, lines: list[bytes], first_line: int) -> None:
        try:
            events: Iterable[_Event] = list(map(_decode, lines))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events = [self._event(line, number) for number, line in enumerate(lines, first_line)]
        for number, event in enumerate(events, first_line):
            if event.ts is not None:
                self._take_time(event.ts, number)
            if event.type == "metrics":
                self._take_metrics(event.data, number)

    def _event(self, line: bytes, number: int) -> _Event:
        try:
            return _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        try:
            value = _decode_tolerantly(line.decode("utf-8")) if line.strip() else {}
        except UnicodeDecodeError:
            self.skip(NOT_UTF8, number)
        except RecursionError:
            self.skip(TOO_DEEP, number)
        except json.JSONDecodeError:
            self.skip(NOT_JSON, number)
        else:
            if isinstance(value, dict):
                return _Event(value.get("type"), value.get("ts"), value.get("data"))
            self.skip(NOT_AN_OBJECT, number)
        return _Event()

    def _take_time(self, time: object, line: int) -> None:
        if type(time) in (float, int) and 0 <= time < _END_OF_9999:
            self.last_event_at = float(time)
        else:
            self.skip(BAD_TIME, line)

    def _take_metrics(self, data: Any, line: int) -> None:
        if type(data) is not dict:
            return self.skip(NO_DATA, line)
        step = data.get("global_step")
        if step is None:
            step = data.get("step")
        if type(step) is float and step.is_integer():
            step = int(step)
        if type(step) is not int or not _MIN_STEP <= step <= _MAX_STEP:
            return self.skip(BAD_STEP, line)
        by_name = self._by_name
        for name, value in data.items():
            kind = type(value)
            if kind is float or kind in _NUMBERS:
                points = by_name[name] if name in by_name else self._new_metric(name)
                ...
        return None
