"""The tail of a Runicorn `events.jsonl`: what was appended since the last look, in batches of columns.

Only whole lines are read, in blocks, so that memory does not grow with the file. A line or a value that
cannot be used is skipped and counted; the rest of the file is read all the same.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

from runicorn_db.chunks import Points, no_points
from runicorn_db.segments import concatenated
from runicorn_db.series import SeriesBatch
from runicorn_db.sources.event_columns import TOO_LONG, EventColumns
from runicorn_db.sources.files import Unreadable, open_regular, reason_of
from runicorn_db.text_series import TextColumns, by_name

MAX_FILE_BYTES = 64 << 30

_BLOCK_BYTES = 1 << 20
# A line takes up to thirty times its length as objects.
_LONGEST_LINE = 4 << 20
_MAX_INTEGER = 2**63 - 1


class Position(NamedTuple):
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
        inode = status.st_ino - 2**64 if status.st_ino > _MAX_INTEGER else status.st_ino
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


def joined(batches: Sequence[EventBatch]) -> EventBatch:
    """Batches that follow each other in a file as one."""
    if len(batches) == 1:
        return batches[0]
    points: dict[str, Points] = {}
    texts: dict[str, tuple[array[int], list[str]]] = {}
    for batch in batches:
        for name, part in batch.points.items():
            points.setdefault(name, no_points()).extend(part)
        for name, of_name in by_name(batch.texts).items():
            steps, values = texts.setdefault(name, (array("q"), []))
            steps.extend(of_name)
            values.extend(of_name.values())
    return EventBatch(
        points=points,
        texts=TextColumns(texts),
        times=concatenated(batch.times for batch in batches),
        position=batches[-1].position,
        is_restart=batches[0].is_restart,
        last_event_at=next((at for batch in reversed(batches) if (at := batch.last_event_at) is not None), None),
        skipped=tuple(skip for batch in batches for skip in batch.skipped),
    )


def _is_inside_long_line(descriptor: int, offset: int, longest_line: int) -> bool | None:
    """Whether a look ended at `offset` because a line there is too long; None: no look can have ended there."""
    if offset == 0 or os.pread(descriptor, 1, offset - 1) == b"\n":
        return False
    is_long = offset > longest_line and b"\n" not in os.pread(descriptor, longest_line, offset - longest_line)
    return True if is_long else None


class _Block(NamedTuple):
    """Whole lines with their newlines, and where they end; `long_lines` are the numbers of those that are left out."""

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
        lines = BytesIO(data[:end]).readlines()
        long_lines: list[int] = []
        # A block is no longer than the longest line: only its first line, begun in earlier blocks, can be too long.
        if lines and len(lines[0]) > self._longest_line + 1:
            long_lines.append(self._line + 1)
            lines[0] = b"\n"
        self._line += len(lines)
        if len(self._kept) > self._longest_line:
            long_lines.append(self._line + 1)
            self._is_inside, self._kept = True, b""
        if not (lines or long_lines):
            return None
        return _Block(lines, long_lines, self._offset - len(self._kept), self._line)


def _batch(block: _Block, inode: int, *, is_restart: bool) -> EventBatch:
    columns = EventColumns()
    for line in block.long_lines:
        columns.skip(TOO_LONG, line)
    columns.read(block.lines, block.line - len(block.lines) + 1)
    return EventBatch(
        points={name: points for name, points in columns.points.items() if points.steps},
        texts=columns.texts,
        times=columns.times,
        position=Position(inode=inode, offset=block.offset, line=block.line),
        is_restart=is_restart,
        last_event_at=columns.last_event_at,
        skipped=tuple(Skipped(message, line, count) for message, (line, count) in columns.skipped.items()),
    )
