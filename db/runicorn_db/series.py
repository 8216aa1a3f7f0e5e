"""Metric series: appended batch by batch, read by range, thinned for a chart.

Works on a connection whose transaction the caller has begun. Always true of what is stored, for each metric of an
experiment: chunks in the order of `number` hold at most MAX_POINTS points each, sorted by step, one value a step (the
last logged), no two chunks overlapping; its `metric` row and the step columns of `experiment` agree with them.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import lt
from typing import NamedTuple

from runicorn_db.chunks import MAX_POINTS, Points, pack, unpack
from runicorn_db.downsampling import choose_steps, finite
from runicorn_db.query import MetricsQuery, MetricTable

_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1


class TextPoint(NamedTuple):
    name: str
    step: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesBatch:
    """Logged values as they were logged: numbers by metric, texts together; steps repeat and jump as they like."""

    points: Mapping[str, Points]
    texts: Sequence[TextPoint]


def append(connection: sqlite3.Connection, experiment_seq: int, batch: SeriesBatch) -> None:
    """Add a batch to the stored series: what it says about a (step, metric) replaces what was there."""
    columns = {name: _sorted(points) for name, points in batch.points.items() if points.steps}
    if columns:
        _count_steps(connection, experiment_seq, [points.steps for points in columns.values()])
    for name, points in columns.items():
        _Metric(connection, experiment_seq, name).append(points)
    connection.executemany(
        "INSERT INTO text_point (experiment_seq, name, step, value) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (experiment_seq, name, step) DO UPDATE SET value = excluded.value",
        ((experiment_seq, *text) for text in batch.texts),
    )


def clear(connection: sqlite3.Connection, experiment_seq: int) -> None:
    """Forget every value of an experiment."""
    for table in ("metric", "series_chunk", "text_point"):
        connection.execute(f"DELETE FROM {table} WHERE experiment_seq = ?", (experiment_seq,))
    connection.execute(
        "UPDATE experiment SET step_count = 0, first_step = NULL, last_step = NULL WHERE seq = ?", (experiment_seq,)
    )


def read_table(connection: sqlite3.Connection, experiment_seq: int, query: MetricsQuery) -> MetricTable:
    """The series that `query` asks for; `query_time_ms` is left 0 for the caller to fill in."""
    metric_ids: dict[str, int] = dict(
        connection.execute(
            "SELECT name, id FROM metric JOIN metric_name ON id = metric_id WHERE experiment_seq = ?",
            (experiment_seq,),
        )
    )
    metrics = tuple(dict.fromkeys(query.metrics)) or tuple(sorted(metric_ids))
    columns = {
        metric: _read(connection, experiment_seq, metric_ids[metric], query.step_min, query.step_max)
        for metric in metrics
        if metric in metric_ids
    }
    finite_columns = {metric: finite(points) for metric, points in columns.items()}
    available = _union([points.steps for points in columns.values()])
    steps = available
    if query.downsample is not None:
        steps = choose_steps(available, list(finite_columns.values()), query.downsample)
    nothing = Points(array("q"), array("d"))
    return MetricTable(
        metrics=metrics,
        unknown=tuple(metric for metric in metrics if metric not in metric_ids),
        steps=tuple(steps),
        values={metric: _values_at(finite_columns.get(metric, nothing), steps) for metric in metrics},
        non_finite={
            metric: len(columns[metric].steps) - len(finite_columns[metric].steps) if metric in columns else 0
            for metric in metrics
        },
        available_points=len(available),
        query_time_ms=0.0,
    )


def _read(
    connection: sqlite3.Connection, experiment_seq: int, metric_id: int, step_min: int | None, step_max: int | None
) -> Points:
    low = _MIN_STEP if step_min is None else step_min
    high = _MAX_STEP if step_max is None else step_max
    rows = connection.execute(
        "SELECT data FROM series_chunk"
        " WHERE experiment_seq = ? AND metric_id = ? AND last_step >= ? AND first_step <= ? ORDER BY number",
        # SQLite has no integers beyond 64 bits.
        (experiment_seq, metric_id, min(max(low, _MIN_STEP), _MAX_STEP), min(max(high, _MIN_STEP), _MAX_STEP)),
    )
    steps: array[int] = array("q")
    values: array[float] = array("d")
    for (data,) in rows:
        points = unpack(data)
        steps += points.steps
        values += points.values
    begin, end = bisect_left(steps, low), bisect_right(steps, high)
    is_all = end - begin == len(steps)
    return Points(steps, values) if is_all else Points(steps[begin:end], values[begin:end])


def _union(columns: Sequence[array[int]]) -> array[int]:
    """All steps of the columns, ascending."""
    if not columns:
        return array("q")
    if all(steps == columns[0] for steps in columns):
        return columns[0]
    return array("q", sorted(set().union(*columns)))


def _values_at(points: Points, steps: array[int]) -> tuple[float | None, ...]:
    if points.steps == steps:
        return tuple(points.values)
    if len(steps) * 8 > len(points.steps):
        known = dict(zip(*points, strict=True))
        return tuple(map(known.get, steps))
    return tuple(_value_at(points, step) for step in steps)


def _sorted(points: Points) -> Points:
    """The points by step, of each step the last one."""
    if all(map(lt, points.steps, points.steps[1:])):
        return points
    return _merged([points])


def _merged(parts: Iterable[Points]) -> Points:
    """The points of all parts by step; later ones replace earlier ones."""
    values: dict[int, float] = {}
    for points in parts:
        values.update(zip(*points, strict=True))
    steps = array("q", sorted(values))
    return Points(steps, array("d", map(values.__getitem__, steps)))


def _count_steps(connection: sqlite3.Connection, experiment_seq: int, columns: Iterable[array[int]]) -> None:
    """Bring the step columns of the experiment to what they are once these sorted columns are stored."""
    steps: set[int] = set().union(*columns)
    first, last = min(steps), max(steps)
    stored_first, stored_last = connection.execute(
        "SELECT first_step, last_step FROM experiment WHERE seq = ?", (experiment_seq,)
    ).fetchone()
    # A series that only grows meets what is stored in no more than its last step: nothing needs reading.
    steps -= {stored_first, stored_last}
    if stored_last is not None and steps and min(steps) < stored_last and max(steps) > stored_first:
        chunks = connection.execute(
            "SELECT data FROM series_chunk WHERE experiment_seq = ? AND last_step >= ? AND first_step <= ?",
            (experiment_seq, min(steps), max(steps)),
        )
        for (data,) in chunks:
            steps.difference_update(unpack(data).steps)
    connection.execute(
        "UPDATE experiment SET step_count = step_count + ?, first_step = ?, last_step = ? WHERE seq = ?",
        (
            len(steps),
            first if stored_first is None else min(first, stored_first),
            last if stored_last is None else max(last, stored_last),
            experiment_seq,
        ),
    )


class _Extremes(NamedTuple):
    """Lowest and highest finite value, each with the step where it was first reached.

    The highest is negated: then the lesser of two pairs is the one to keep, among lowest and highest alike.
    """

    lowest: tuple[float, int]
    highest: tuple[float, int]


def _extremes(points: Points) -> _Extremes | None:
    steps, values = finite(points)
    if not values:
        return None
    low, high = min(values), max(values)
    return _Extremes((low, steps[values.index(low)]), (-high, steps[values.index(high)]))


def _joined(one: _Extremes | None, other: _Extremes | None) -> _Extremes | None:
    if one is None or other is None:
        return one or other
    return _Extremes(min(one.lowest, other.lowest), min(one.highest, other.highest))


def _are_lost(stored: _Extremes, points: Points) -> bool:
    """Whether `points` put something less extreme, or no finite value, where an extreme was."""
    low = _value_at(points, stored.lowest[1])
    high = _value_at(points, stored.highest[1])
    is_low_lost = low is not None and not (math.isfinite(low) and low <= stored.lowest[0])
    return is_low_lost or (high is not None and not (math.isfinite(high) and -high <= stored.highest[0]))


class _Metric:
    """One stored metric of an experiment, to be added to."""

    def __init__(self, connection: sqlite3.Connection, experiment_seq: int, name: str) -> None:
        connection.execute("INSERT INTO metric_name (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        (metric_id,) = connection.execute("SELECT id FROM metric_name WHERE name = ?", (name,)).fetchone()
        self._connection = connection
        self._key = (experiment_seq, metric_id)

    def append(self, points: Points) -> None:
        """Store points that are sorted by step, and what they change in the summary."""
        first = (points.steps[0], _or_null(points.values[0]))
        last = (points.steps[-1], _or_null(points.values[-1]))
        stored = self._connection.execute(
            "SELECT count, first_step, first, last_step, last, min, min_step, max, max_step"
            " FROM metric WHERE experiment_seq = ? AND metric_id = ?",
            self._key,
        ).fetchone()
        if stored is None:
            count = self._extend(points)
            extremes = _extremes(points)
        else:
            count, first_step, first_value, last_step, last_value, low, low_step, high, high_step = stored
            count += self._extend(points) if first[0] > last_step else self._merge(points)
            known = None if low is None else _Extremes((low, low_step), (-high, high_step))
            extremes = self._all_extremes() if known and _are_lost(known, points) else _joined(known, _extremes(points))
            first = first if first[0] <= first_step else (first_step, first_value)
            last = last if last[0] >= last_step else (last_step, last_value)
        self._write_summary(count, first, last, extremes)

    def _all_extremes(self) -> _Extremes | None:
        extremes = None
        rows = self._connection.execute(
            "SELECT data FROM series_chunk WHERE experiment_seq = ? AND metric_id = ?", self._key
        )
        for (data,) in rows:
            extremes = _joined(extremes, _extremes(unpack(data)))
        return extremes

    def _write_summary(
        self, count: int, first: tuple[int, float | None], last: tuple[int, float | None], extremes: _Extremes | None
    ) -> None:
        low, low_step = extremes.lowest if extremes else (None, None)
        high, high_step = (-extremes.highest[0], extremes.highest[1]) if extremes else (None, None)
        self._connection.execute(
            "INSERT INTO metric (experiment_seq, metric_id, count, first_step, first, last_step, last,"
            " min, min_step, max, max_step) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (experiment_seq, metric_id) DO UPDATE SET count = excluded.count,"
            " first_step = excluded.first_step, first = excluded.first,"
            " last_step = excluded.last_step, last = excluded.last,"
            " min = excluded.min, min_step = excluded.min_step, max = excluded.max, max_step = excluded.max_step",
            (*self._key, count, *first, *last, low, low_step, high, high_step),
        )

    def _extend(self, points: Points) -> int:
        """Store points that lie after everything stored; how many steps are new."""
        last = self._connection.execute(
            "SELECT number, count, data FROM series_chunk WHERE experiment_seq = ? AND metric_id = ?"
            " ORDER BY number DESC LIMIT 1",
            self._key,
        ).fetchone()
        number, stored_count, data = last or (0, 0, b"")
        added = len(points.steps)
        if stored_count == MAX_POINTS:
            number += 1
        elif stored_count:
            stored = unpack(data)
            points = Points(stored.steps + points.steps, stored.values + points.values)
        self._write(number, points, MAX_POINTS)
        return added

    def _merge(self, points: Points) -> int:
        """Store points of any steps; how many steps are new."""
        chunks: list[tuple[int, int]] = self._connection.execute(
            "SELECT number, first_step FROM series_chunk WHERE experiment_seq = ? AND metric_id = ? ORDER BY number",
            self._key,
        ).fetchall()
        added = 0
        end = len(points.steps)
        # From the end, so that a chunk that becomes several moves only those that are done with.
        for number, first_step in reversed(chunks):
            # What comes before everything stored belongs to the first chunk.
            begin = bisect_left(points.steps, first_step, 0, end) if number != chunks[0][0] else 0
            if begin < end:
                part = Points(points.steps[begin:end], points.values[begin:end])
                added += self._merge_into(number, part, is_last=number == chunks[-1][0])
            end = begin
        return added

    def _merge_into(self, number: int, points: Points, *, is_last: bool) -> int:
        (data,) = self._connection.execute(
            "SELECT data FROM series_chunk WHERE experiment_seq = ? AND metric_id = ? AND number = ?",
            (*self._key, number),
        ).fetchone()
        stored = unpack(data)
        merged = _merged([stored, points])
        count = len(merged.steps)
        pieces = math.ceil(count / MAX_POINTS)
        if pieces > 1 and not is_last:
            self._move_chunks(number, pieces - 1)
        # In the midst of a series all pieces keep room for what else comes late.
        self._write(number, merged, MAX_POINTS if is_last else math.ceil(count / pieces))
        return count - len(stored.steps)

    def _move_chunks(self, after: int, distance: int) -> None:
        # By way of negative numbers: SQLite checks for duplicates row by row.
        self._connection.execute(
            "UPDATE series_chunk SET number = -(number + ?) WHERE experiment_seq = ? AND metric_id = ? AND number > ?",
            (distance, *self._key, after),
        )
        self._connection.execute(
            "UPDATE series_chunk SET number = -number WHERE experiment_seq = ? AND metric_id = ? AND number < 0",
            self._key,
        )

    def _write(self, number: int, points: Points, size: int) -> None:
        """Store points as chunks of `size`, from `number` on."""
        pieces: Iterator[Points] = (
            Points(points.steps[begin : begin + size], points.values[begin : begin + size])
            for begin in range(0, len(points.steps), size)
        )
        self._connection.executemany(
            "INSERT INTO series_chunk (experiment_seq, metric_id, number, count, first_step, last_step, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (experiment_seq, metric_id, number) DO UPDATE"
            " SET count = excluded.count, first_step = excluded.first_step, last_step = excluded.last_step,"
            " data = excluded.data",
            (
                (*self._key, number + offset, len(piece.steps), piece.steps[0], piece.steps[-1], pack(piece))
                for offset, piece in enumerate(pieces)
            ),
        )


def _value_at(points: Points, step: int) -> float | None:
    position = bisect_left(points.steps, step)
    is_there = position < len(points.steps) and points.steps[position] == step
    return points.values[position] if is_there else None


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
