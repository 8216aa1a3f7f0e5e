"""One stored metric between two steps: how much there is, its points, its extremes, single values."""

from __future__ import annotations

import json
import math
import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, cast, get_args

from runicorn_db import chunks, segments
from runicorn_db.chunks import Points, from_bytes, to_bytes, unpack, unpack_values, value_at, values_at
from runicorn_db.downsampling import extremes_of, finite, min_max
from runicorn_db.segments import IDS, concatenated, pack_candidates, unpack_candidates
from runicorn_db.step_union import Irregular, Piece, joined

Level = Literal["coarse", "fine"]
LEVELS: tuple[Level, ...] = get_args(Level)


def points_per_candidate(level: Level) -> int:
    """How many points one of the lowest and highest points stands for."""
    return chunks.MAX_POINTS // 2 * (segments.GROUP if level == "coarse" else 1)


class _Segment(NamedTuple):
    # A dataclass takes three times as long to make, and a long series has hundreds.
    id: int
    first_step: int
    last_step: int
    point_count: int
    finite_count: int
    stride: int
    chunk_steps: bytes

    @property
    def chunks(self) -> int:
        return self.point_count // chunks.MAX_POINTS

    def places_of(self, steps: Iterable[int]) -> list[int]:
        """The chunk where each step between the ends belongs, `chunks` for the tail."""
        if self.stride:
            first, width = self.first_step, self.stride * chunks.MAX_POINTS
            return [(step - first) // width for step in steps]
        firsts = from_bytes("q", self.chunk_steps)[::2]
        return [bisect_right(firsts, step) - 1 for step in steps]


class SeriesRange:
    """The points of one metric from step `low` to step `high`, read as far as they are needed.

    Of segments that the range cuts the chunks that it reaches are read at once, others when points are asked for.
    """

    def __init__(
        self, connection: sqlite3.Connection, experiment_seq: int, metric_id: int, low: int, high: int
    ) -> None:
        self._connection = connection
        self._key = (experiment_seq, metric_id)
        rows = connection.execute(
            "SELECT id, first_step, last_step, count, finite_count, stride, chunk_steps FROM series_segment"
            " WHERE experiment_seq = ? AND metric_id = ? AND last_step >= ? AND first_step <= ? ORDER BY first_step",
            (*self._key, low, high),
        )
        segments = list(map(_Segment._make, rows))
        self._cut = {
            segment.id: self._read_between(segment, low, high)
            for segment in segments
            if segment.first_step < low or segment.last_step > high
        }
        # The range may lie between two steps of a segment.
        self._segments = [segment for segment in segments if segment.id not in self._cut or self._cut[segment.id].steps]
        self.count = self.finite_count = 0
        for segment in self._segments:
            cut = self._cut.get(segment.id)
            self.count += segment.point_count if cut is None else len(cut.steps)
            self.finite_count += segment.finite_count if cut is None else len(finite(cut).steps)

    def pieces(self) -> Iterator[Piece]:
        """The structure of the steps."""
        for segment in self._segments:
            cut = self._cut.get(segment.id)
            first, last = self._ends(segment)
            if segment.stride:
                yield range(first, last + 1, segment.stride)
            elif cut is not None:
                yield Irregular(first, last, len(cut.steps), to_bytes(cut.steps), cut.steps.__iter__)
            else:
                steps = _StepsOf(self, segment)
                yield Irregular(first, last, segment.point_count, segment.chunk_steps, steps)

    def points(self) -> Points:
        """All points; their steps are a range when they have one distance."""
        pieces = list(joined(self.pieces()))
        if len(pieces) == 1 and isinstance(steps := pieces[0], range):
            values: array[float] = array("d")
            for segment in self._segments:
                cut = self._cut.get(segment.id)
                for part in map(unpack_values, self._packed(segment)) if cut is None else (cut.values,):
                    values.extend(part)
            # Whoever only reads them may take a range for the array.
            return Points(cast("array[int]", steps), values)
        return concatenated(map(self.points_of, self._segments))

    def points_of(self, segment: _Segment) -> Points:
        cut = self._cut.get(segment.id)
        return concatenated(map(unpack, self._packed(segment))) if cut is None else cut

    def candidates(self, level: Level) -> Points:
        """Finite points by step, among them the first lowest and the first highest of all."""
        parts: list[bytes] = []
        # SQLite reads a row only up to the last column that is asked for.
        rows = self._connection.execute(
            f"SELECT id, {level}, iif(count % ?, tail, NULL) FROM series_segment"
            " WHERE experiment_seq = ? AND metric_id = ? AND first_step BETWEEN ? AND ? ORDER BY first_step",
            (chunks.MAX_POINTS, *self._key, self._segments[0].first_step, self._segments[-1].first_step),
        )
        for segment_id, packed, tail in rows:
            if (cut := self._cut.get(segment_id)) is not None:
                pieces = math.ceil(len(cut.steps) / (2 * points_per_candidate(level)))
                parts.append(pack_candidates(min_max(finite(cut), pieces)))
            else:
                parts.append(packed)
                if tail:
                    parts.append(pack_candidates(extremes_of(unpack(tail))))
        # Joined as bytes: arrays of every segment take three times as long.
        steps = [part[: len(part) // 2] for part in parts]
        values = [part[len(part) // 2 :] for part in parts]
        return unpack_candidates(b"".join(steps + values))

    def values_at(self, steps: Sequence[int]) -> list[float | None]:
        """What was logged at these ascending steps; None where nothing was."""
        found: list[float | None] = [None] * len(steps)
        wanted: dict[int, list[int]] = {}
        end = 0
        for segment in self._segments:
            begin = bisect_left(steps, segment.first_step, end)
            end = bisect_right(steps, segment.last_step, begin)
            if begin == end:
                continue
            if (cut := self._cut.get(segment.id)) is not None:
                found[begin:end] = [value_at(cut, step) for step in steps[begin:end]]
                continue
            first_id, full = segment.id * IDS, segment.chunks
            places = segment.places_of(steps[begin:end])
            if places[-1] == full:
                in_tail = bisect_left(places, full)
                found[begin + in_tail : end] = values_at(self._tail(segment), steps[begin + in_tail : end])
                del places[in_tail:]
            for index, place in enumerate(places, begin):
                wanted.setdefault(first_id + place, []).append(index)
        rows = self._connection.execute(
            "SELECT series_chunk.id, data FROM json_each(?) CROSS JOIN series_chunk ON series_chunk.id = value",
            (json.dumps(list(wanted)),),
        )
        for chunk_id, data in rows:
            # Ascending steps of one chunk stand side by side.
            begin, end = wanted[chunk_id][0], wanted[chunk_id][-1] + 1
            found[begin:end] = values_at(data, steps[begin:end])
        return found

    def _ends(self, segment: _Segment) -> tuple[int, int]:
        cut = self._cut.get(segment.id)
        return (segment.first_step, segment.last_step) if cut is None else (cut.steps[0], cut.steps[-1])

    def _read_between(self, segment: _Segment, low: int, high: int) -> Points:
        begin, end = segment.places_of((max(low, segment.first_step), min(high, segment.last_step)))
        points = concatenated(map(unpack, self._packed(segment, begin, end)))
        return points.between(bisect_left(points.steps, low), bisect_right(points.steps, high))

    def _packed(self, segment: _Segment, begin: int = 0, end: int = IDS) -> Iterator[bytes]:
        """The chunks of a segment from `begin` to `end`, both included, and its tail when it is among them."""
        for (data,) in self._connection.execute(
            "SELECT data FROM series_chunk WHERE id BETWEEN ? AND ? ORDER BY id",
            (segment.id * IDS + begin, segment.id * IDS + min(end, IDS - 1)),
        ):
            yield data
        if end >= segment.chunks and segment.point_count % chunks.MAX_POINTS:
            yield self._tail(segment)

    def _tail(self, segment: _Segment) -> bytes:
        (tail,) = self._connection.execute("SELECT tail FROM series_segment WHERE id = ?", (segment.id,)).fetchone()
        return tail


class _StepsOf(NamedTuple):
    """Reads the steps of a whole segment when they are asked for."""

    series: SeriesRange
    segment: _Segment

    def __call__(self) -> Iterable[int]:
        return self.series.points_of(self.segment).steps
