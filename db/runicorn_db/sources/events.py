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
TOO_LONG = "Line is longer than 4 MiB"
NOT_AN_OBJECT = "Line is not an object"
NO_DATA = "Metrics are not an object"
BAD_STEP = "Step is missing or not a whole number of 64 bits"
BAD_NUMBER = "Number is too large for a float"
BAD_NAME = f"Metric name is longer than {MAX_NAME_LENGTH} characters"
BAD_TIME = "Time is not in the years 1970 to 9999"

_BLOCK_BYTES = 1 << 20
# A line takes up to thirty times its length as objects.
_LONGEST_LINE = 4 << 20
_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1
_END_OF_9999 = 253402300800


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a file has been read: byte `offset` comes after `line` whole lines; no `inode`: never read."""

    inode: int | None = None
    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
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
        # SQLite has signed integers only, and some network file systems use the 64th bit of an inode.
        inode = status.st_ino - 2**64 if status.st_ino > _MAX_STEP else status.st_ino
        is_inside = _is_inside_long_line(descriptor, position.offset, longest_line)
        is_restart = position.inode not in (None, inode) or position.offset > status.st_size or is_inside is None
        start = Position() if is_restart else position
        reader = _Reader(descriptor, start, is_inside=bool(is_inside) and not is_restart, longest_line=longest_line)
        is_known = position.inode == inode and not is_restart
        for block in reader.blocks(status.st_size, min(block_bytes, longest_line)):
            yield _batch(block, inode, is_restart=is_restart)
            is_restart, is_known = False, True
        if not is_known:
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


class _Reader:
    """Cuts a file into blocks of whole lines; holds no more of a line than `longest_line` bytes and a block."""

    def __init__(self, descriptor: int, start: Position, *, is_inside: bool, longest_line: int) -> None:
        self._descriptor = descriptor
        self._longest_line = longest_line
        self._offset = start.offset
        self._line = start.line
        # What was read of the line that is not whole yet; nothing of it is kept inside one that is too long.
        self._kept = b""
        self._is_inside = is_inside

    def blocks(self, size: int, block_bytes: int) -> Iterator[_Block]:
        while self._offset < size:
            data = os.pread(self._descriptor, min(block_bytes, size - self._offset), self._offset)
            if not data:
                return
            self._offset += len(data)
            if self._is_inside:
                _, newline, data = data.partition(b"\n")
                self._is_inside = not newline
                self._line += len(newline)
            if block := self._block(data):
                yield block

    def _block(self, data: bytes) -> _Block | None:
        if self._is_inside:
            return _Block([], [], self._offset, self._line)
        data = self._kept + data
        end = data.rfind(b"\n") + 1
        self._kept = data[end:]
        lines = data[: end - 1].split(b"\n") if end else []
        long_lines: list[int] = []
        # A block is no longer than the longest line: only its first line, begun in earlier blocks, can be too long.
        if lines and len(lines[0]) > self._longest_line:
            long_lines.append(self._line + 1)
            lines[0] = b""
        self._line += len(lines)
        if len(self._kept) > self._longest_line:
            long_lines.append(self._line + 1)
            self._is_inside, self._kept = True, b""
        if not (lines or long_lines):
            return None
        return _Block(lines, long_lines, self._offset - len(self._kept), self._line)


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

    def _take_time(self, time: Any, line: int) -> None:
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
            if kind is float or kind is int or kind is bool:
                points = by_name[name] if name in by_name else self._new_metric(name, line)
                if points is None:
                    continue
                try:
                    points.values.append(value)
                except OverflowError:
                    self.skip(BAD_NUMBER, line)
                else:
                    points.steps.append(step)
            elif kind is str and name not in RESERVED:
                self._take_text(name, step, value, line)
        if (stage := data.get("stage")) is not None:
            self._take_stage(step, stage, line)
        return None

    def _new_metric(self, name: str, line: int) -> Points | None:
        if len(name) > MAX_NAME_LENGTH:
            self.skip(BAD_NAME, line)
            return None
        # Two names may become one.
        points = self.points.setdefault(clean_text(name), Points(array("q"), array("d")))
        self._by_name[name] = points
        return points

    def _take_text(self, name: str, step: int, text: str, line: int) -> None:
        if len(name) > MAX_NAME_LENGTH:
            self.skip(BAD_NAME, line)
        else:
            self.texts.append(TextPoint(clean_text(name), step, clean_text(text[:MAX_TEXT_LENGTH])))

    def _take_stage(self, step: int, stage: object, line: int) -> None:
        try:
            text = stage if isinstance(stage, str) else json.dumps(stage, ensure_ascii=False)
        except RecursionError:
            self.skip(TOO_DEEP, line)
        else:
            self._take_text("stage", step, text, line)
