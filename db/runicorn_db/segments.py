"""One stored metric: segments of full chunks with a pyramid of their extremes, and a tail that grows.

Always true of the segments of a metric: in the order of `first_step` they do not overlap; one holds up to
CHUNKS chunks of exactly MAX_POINTS points and then a tail that is shorter than a chunk.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from runicorn_db import chunks
from runicorn_db.chunks import Points, from_bytes, no_points, pack, stride_of, to_bytes, unpack
from runicorn_db.downsampling import extremes_of, finite

IDS = 64
"""Ids of chunks for each segment, as in the schema."""
CHUNKS = 64
"""Chunks of a full segment, IDS or fewer."""
GROUP = 8
"""Chunks that have one lowest and one highest point in the upper level of the pyramid."""

TIME_ID = 0
"""What stands in the place of a metric where times of steps are stored, as in the schema; no metric has it."""


def pack_candidates(points: Points) -> bytes:
    return to_bytes(points.steps) + to_bytes(points.values)


def unpack_candidates(data: bytes) -> Points:
    half = len(data) // 2
    return Points(from_bytes("q", data[:half]), from_bytes("d", data[half:]))


@dataclass(slots=True, kw_only=True)
class _Segment:
    """The full chunks of a segment as far as they are kept, without their points; no `id`: not stored yet."""

    id: int | None = None
    first_step: int = 0
    chunks: int = 0
    finite_count: int = 0
    stride: int = 0
    chunk_steps: array[int] = field(default_factory=lambda: array("q"))
    fine: Points = field(default_factory=no_points)

    def stride_with(self, steps: array[int]) -> int:
        """The one distance of all steps when these follow the chunks."""
        stride = stride_of(steps)
        if not self.chunks:
            return stride
        is_next = steps[0] == self.first_step + self.stride * self.chunks * chunks.MAX_POINTS
        return self.stride if self.stride and is_next and (stride == self.stride or len(steps) == 1) else 0

    def chunk_steps_with(self, parts: Iterable[Points]) -> array[int]:
        """First step and fingerprint of each chunk and of the tail, when these parts follow the chunks."""
        known = self.chunk_steps[: 2 * self.chunks]
        if self.stride:
            distance = self.stride * chunks.MAX_POINTS
            for number in range(self.chunks):
                known.extend((self.first_step + number * distance, self.stride))
        for part in parts:
            known.extend((part.steps[0], _fingerprint(part.steps)))
        return known

    def place_of(self, step: int) -> int:
        """The chunk where `step` belongs (0 for what comes before all), `chunks` for the tail."""
        if step <= self.first_step:
            return 0
        if self.stride:
            return min((step - self.first_step) // self.stride // chunks.MAX_POINTS, self.chunks)
        return bisect_right(self.chunk_steps[::2], step) - 1

    def kept_candidates(self, before: int) -> Points:
        end = bisect_left(self.fine.steps, before)
        return Points(self.fine.steps[:end], self.fine.values[:end])


class StoredMetric:
    """One metric of an experiment, to be added to."""

    def __init__(self, connection: sqlite3.Connection, experiment_seq: int, metric_id: int) -> None:
        self._connection = connection
        self._key = (experiment_seq, metric_id)

    def extend(self, points: Points) -> int:
        """Store points that lie after everything stored; how many steps are new."""
        last = self._load("ORDER BY first_step DESC LIMIT 1")
        if last is None:
            self._write(None, points)
        else:
            segment, tail = last
            segment.finite_count -= len(finite(tail).steps)
            self._write(segment, concatenated([tail, points]))
        return len(points.steps)

    def merge(self, points: Points) -> int:
        """Store points of any steps; how many steps are new."""
        starts = [
            step
            for (step,) in self._connection.execute(
                "SELECT first_step FROM series_segment WHERE experiment_seq = ? AND metric_id = ? ORDER BY first_step",
                self._key,
            )
        ]
        added = 0
        end = len(points.steps)
        for start in reversed(starts):
            # What comes before everything stored belongs to the first segment.
            begin = bisect_left(points.steps, start, 0, end) if start != starts[0] else 0
            if begin < end:
                added += self._merge_into(start, points.between(begin, end), is_last=start == starts[-1])
            end = begin
        return added

    def extremes(self) -> Points:
        """Finite points among which are the first lowest and the first highest."""
        rows = self._connection.execute(
            "SELECT coarse, tail FROM series_segment WHERE experiment_seq = ? AND metric_id = ? ORDER BY first_step",
            self._key,
        )
        return concatenated(
            part
            for coarse, tail in rows
            for part in (unpack_candidates(coarse), extremes_of(unpack(tail)) if tail else no_points())
        )

    def _load(self, which: str, *parameters: object) -> tuple[_Segment, Points] | None:
        row = self._connection.execute(
            "SELECT id, first_step, count / ?, finite_count, stride, chunk_steps, fine, tail FROM series_segment"
            f" WHERE experiment_seq = ? AND metric_id = ? {which}",
            (chunks.MAX_POINTS, *self._key, *parameters),
        ).fetchone()
        if row is None:
            return None
        segment_id, first_step, full, finite_count, stride, chunk_steps, fine, tail = row
        segment = _Segment(
            id=segment_id,
            first_step=first_step,
            chunks=full,
            finite_count=finite_count,
            stride=stride,
            chunk_steps=from_bytes("q", chunk_steps),
            fine=unpack_candidates(fine),
        )
        return segment, unpack(tail) if tail else no_points()

    def _merge_into(self, first_step: int, points: Points, *, is_last: bool) -> int:
        loaded = self._load("AND first_step = ?", first_step)
        assert loaded is not None
        segment, tail = loaded
        kept = segment.place_of(points.steps[0])
        stored = self._take_from(segment, kept, tail)
        together = merged([stored, points])
        capacity = CHUNKS * chunks.MAX_POINTS
        pieces = 1
        if not is_last and kept * chunks.MAX_POINTS + len(together.steps) > capacity:
            # All pieces of a segment in the midst of a series keep room for what else comes late.
            together = merged([self._take_from(segment, 0, no_points()), together])
            pieces = math.ceil(len(together.steps) / capacity)
        count = len(together.steps)
        size = math.ceil(count / pieces)
        self._write(segment, together.between(0, size))
        for begin in range(size, count, size):
            self._write(None, together.between(begin, begin + size))
        return count - len(stored.steps) if pieces == 1 else count - kept * chunks.MAX_POINTS - len(stored.steps)

    def _take_from(self, segment: _Segment, chunk: int, tail: Points) -> Points:
        """The points of a segment from one of its chunks on, which it has no longer."""
        ids = ((segment.id or 0) * IDS + chunk, (segment.id or 0) * IDS + segment.chunks - 1)
        rows = self._connection.execute("SELECT data FROM series_chunk WHERE id BETWEEN ? AND ? ORDER BY id", ids)
        points = concatenated([*(unpack(data) for (data,) in rows), tail])
        self._connection.execute("DELETE FROM series_chunk WHERE id BETWEEN ? AND ?", ids)
        segment.chunks = chunk
        segment.finite_count -= len(finite(points).steps)
        return points

    def _write(self, segment: _Segment | None, points: Points) -> None:
        """Store points after the kept chunks of a segment, and in new ones when it is full."""
        begin = 0
        while begin < len(points.steps):
            room = (CHUNKS - (segment.chunks if segment else 0)) * chunks.MAX_POINTS
            if room:
                self._write_segment(segment or _Segment(), points.between(begin, begin + room))
            begin += room
            segment = None

    def _write_segment(self, segment: _Segment, points: Points) -> None:
        packed = _pack_segment(segment, points, is_time=self._key[1] == TIME_ID)
        row = self._connection.execute(
            f"{_INSERT_SEGMENT} ON CONFLICT (id) DO UPDATE SET first_step = excluded.first_step,"
            " last_step = excluded.last_step, count = excluded.count, finite_count = excluded.finite_count,"
            " stride = excluded.stride, chunk_steps = excluded.chunk_steps,"
            " coarse = excluded.coarse, fine = excluded.fine, tail = excluded.tail",
            (segment.id, *self._key, *packed.columns),
        )
        first_id = (segment.id or row.lastrowid or 0) * IDS + segment.chunks
        self._connection.executemany(_INSERT_CHUNK, enumerate(packed.chunks, first_id))


_INSERT_SEGMENT = (
    "INSERT INTO series_segment (id, experiment_seq, metric_id, first_step, last_step, count, finite_count,"
    " stride, chunk_steps, coarse, fine, tail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_CHUNK = "INSERT INTO series_chunk (id, data) VALUES (?, ?)"


class PackedSegment(NamedTuple):
    """A segment as it is stored: its columns from `first_step` on, and the chunks that it has not stored yet."""

    columns: tuple[int | bytes, ...]
    chunks: list[bytes]


def pack_segments(points: Points, *, is_time: bool = False) -> list[PackedSegment]:
    """All points of a metric, sorted by step, as the segments of one that has none yet."""
    size = CHUNKS * chunks.MAX_POINTS
    return [
        _pack_segment(_Segment(), points.between(begin, begin + size), is_time=is_time)
        for begin in range(0, len(points.steps), size)
    ]


def store_segments(connection: sqlite3.Connection, packed: Iterable[tuple[int, int, PackedSegment]]) -> None:
    """Store segments of metrics that have none yet, each with its experiment and its metric."""
    (last_id,) = connection.execute("SELECT coalesce(max(id), 0) FROM series_segment").fetchone()
    numbered = list(enumerate(packed, last_id + 1))
    connection.executemany(
        _INSERT_SEGMENT, ((number, seq, metric_id, *segment.columns) for number, (seq, metric_id, segment) in numbered)
    )
    connection.executemany(
        _INSERT_CHUNK,
        (row for number, (_, _, segment) in numbered for row in enumerate(segment.chunks, number * IDS)),
    )


def _pack_segment(segment: _Segment, points: Points, *, is_time: bool) -> PackedSegment:
    """What is to be stored when points, sorted by step, follow the chunks that a segment keeps."""
    size = chunks.MAX_POINTS
    if not segment.chunks and len(points.steps) < size:
        return _pack_tail(points, is_time=is_time)
    end = len(points.steps) // size * size
    full = [points.between(begin, begin + size) for begin in range(0, end, size)]
    tail = points.between(end, len(points.steps))
    stride = segment.stride_with(points.steps)
    chunk_steps = array("q") if stride else segment.chunk_steps_with([*full, *([tail] if tail.steps else [])])
    fine = concatenated([segment.kept_candidates(points.steps[0]), *map(extremes_of, full)])
    columns = (
        segment.first_step if segment.chunks else points.steps[0],
        points.steps[-1],
        segment.chunks * size + len(points.steps),
        segment.finite_count + len(finite(points).steps),
        stride,
        to_bytes(chunk_steps),
        pack_candidates(_grouped(fine)),
        pack_candidates(fine),
        pack(tail, stride, is_time=is_time) if tail.steps else b"",
    )
    return PackedSegment(columns, [pack(chunk, stride, is_time=is_time) for chunk in full])


def _pack_tail(points: Points, *, is_time: bool) -> PackedSegment:
    """What is to be stored of a segment that has a tail alone: most runs are that short, and there are many."""
    steps = points.steps
    stride = stride_of(steps)
    chunk_steps = b"" if stride else to_bytes(array("q", (steps[0], _fingerprint(steps))))
    ends = (steps[0], steps[-1], len(steps), len(finite(points).steps))
    return PackedSegment((*ends, stride, chunk_steps, b"", b"", pack(points, stride, is_time=is_time)), [])


def merged(parts: Iterable[Points]) -> Points:
    """The points of all parts by step; later ones replace earlier ones."""
    values: dict[int, float] = {}
    for points in parts:
        values.update(zip(*points, strict=True))
    steps = sorted(values)
    # Mostly they come by step, some of them twice.
    in_order = values.values() if steps == list(values) else map(values.__getitem__, steps)
    return Points(array("q", steps), array("d", list(in_order)))


def concatenated(parts: Iterable[Points]) -> Points:
    """Parts that follow each other as one."""
    points = no_points()
    for part in parts:
        points.extend(part)
    return points


def _grouped(fine: Points) -> Points:
    """The lowest and highest of every GROUP chunks, which have two candidates each or fewer."""
    size = 2 * GROUP
    return concatenated(extremes_of(fine.between(at, at + size)) for at in range(0, len(fine.steps), size))


def _fingerprint(steps: array[int]) -> int:
    """Of steps with one stride that stride, else a negative number that other steps do not have."""
    return stride_of(steps) or ~(int.from_bytes(blake2b(to_bytes(steps), digest_size=8).digest(), "little") >> 1)
