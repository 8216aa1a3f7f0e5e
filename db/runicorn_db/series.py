"""Metric series: appended batch by batch, read by range, thinned for a chart; and the texts logged beside them.

Works on a connection whose transaction the caller has begun. The `metric` rows and the step columns of `experiment`
always agree with what is stored (see `segments`).
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import lt
from typing import NamedTuple, TypeVar

from runicorn_db.chunks import Points, stride_of, value_at
from runicorn_db.downsampling import CANDIDATES, choose_steps, finite, min_max, share_of
from runicorn_db.query import MetricsQuery, MetricTable
from runicorn_db.segments import StoredMetric, merged
from runicorn_db.series_range import LEVELS, Level, SeriesRange, points_per_candidate
from runicorn_db.step_union import Piece, count_distinct, ends_of, joined, union
from runicorn_db.text_series import append_texts, read_texts

__all__ = ["SeriesBatch", "TextPoint", "append", "clear", "read_table", "read_texts"]

_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1
# Fewer candidates than this for each step to be kept are not worth choosing from: then all points are read.
_FEWEST_CANDIDATES = 2
_AT_ONCE = 10_000

T = TypeVar("T")


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
    """Add a batch to the stored series: what it says about a (step, name) replaces what was there."""
    columns = {name: _sorted(points) for name, points in batch.points.items() if points.steps}
    if columns:
        _count_steps(connection, experiment_seq, [points.steps for points in columns.values()])
    for name, points in columns.items():
        _append_metric(connection, experiment_seq, name, points)
    texts: dict[str, dict[int, str]] = {}
    for name, step, text in batch.texts:
        texts.setdefault(name, {})[step] = text
    for name, of_name in texts.items():
        append_texts(connection, experiment_seq, name, of_name)


def clear(connection: sqlite3.Connection, experiment_seq: int) -> None:
    """Forget every value of an experiment."""
    for table in ("metric", "series_segment", "text_chunk"):
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
    low, high = _within_64_bits(query.step_min, _MIN_STEP), _within_64_bits(query.step_max, _MAX_STEP)
    ranges = {
        metric: SeriesRange(connection, experiment_seq, metric_ids[metric], low, high)
        for metric in metrics
        if metric in metric_ids and _is_any_step_in(query)
    }
    some = {metric: series for metric, series in ranges.items() if series.count}
    table = (query.downsample is not None and _thinned(some, query.downsample)) or _whole(some)
    return MetricTable(
        metrics=metrics,
        unknown=tuple(metric for metric in metrics if metric not in metric_ids),
        steps=_as_tuple(table.steps),
        values={metric: table.values.get(metric) or (None,) * len(table.steps) for metric in metrics},
        non_finite={
            metric: some[metric].count - some[metric].finite_count if metric in some else 0 for metric in metrics
        },
        available_points=table.available,
        query_time_ms=0.0,
    )


def _is_any_step_in(query: MetricsQuery) -> bool:
    """Steps have 64 bits, bounds may have more."""
    is_above = query.step_min is not None and query.step_min > _MAX_STEP
    return not is_above and (query.step_max is None or query.step_max >= _MIN_STEP)


def _within_64_bits(step: int | None, default: int) -> int:
    return default if step is None else min(max(step, _MIN_STEP), _MAX_STEP)


class _Table(NamedTuple):
    steps: Sequence[int]
    values: Mapping[str, tuple[float | None, ...]]
    available: int


def _whole(ranges: Mapping[str, SeriesRange]) -> _Table:
    columns = {metric: series.points() for metric, series in ranges.items()}
    steps = union([points.steps for points in columns.values()])
    values = {metric: _column(columns[metric], steps, ranges[metric]) for metric in ranges}
    return _Table(steps, values, len(steps))


def _thinned(ranges: Mapping[str, SeriesRange], limit: int) -> _Table | None:
    """At most `limit` rows, with every value of each; None when there are no more anyway."""
    pieces = {metric: list(joined(series.pieces())) for metric, series in ranges.items()}
    available = count_distinct(list(pieces.values()))
    if limit >= available:
        return None
    share = share_of(limit, len(ranges))
    columns: dict[str, Points] = {}
    known: list[Sequence[int]] = []
    for metric, series in ranges.items():
        level = _level(series.count, share)
        points = series.points() if level is None else series.candidates(level)
        columns[metric] = min_max(finite(points), share * CANDIDATES // 2)
        known.append(points.steps if level is None else columns[metric].steps)
    steps = union(known)
    if len(steps) < available:
        ends = [end for column in pieces.values() for end in (ends_of(column[0])[0], ends_of(column[-1])[1])]
        steps = union([steps, array("q", sorted({min(ends), max(ends)}))])
    if len(steps) < limit:
        steps = union([steps, *(_samples(column, limit) for column in pieces.values())])
    if len(steps) < limit:
        # Metrics that are alike choose the same steps: only with all points are there enough others.
        steps = union([series.points().steps for series in ranges.values()])
    chosen = choose_steps(steps, list(columns.values()), limit)
    values = {metric: _values_at(series, columns[metric], chosen) for metric, series in ranges.items()}
    return _Table(chosen, values, available)


def _level(count: int, share: int) -> Level | None:
    """The part of the pyramid with enough candidates for `share` of `count` points; None: all points are needed."""
    enough = _FEWEST_CANDIDATES * share
    return next((level for level in LEVELS if count >= enough * points_per_candidate(level)), None)


def _samples(pieces: Sequence[Piece], limit: int) -> array[int]:
    """Up to `limit` evenly spread steps of the longest range."""
    longest = max((piece for piece in pieces if isinstance(piece, range)), key=len, default=range(0))
    slots = min(limit, len(longest))
    return array("q", (longest[slot * len(longest) // slots] for slot in range(slots)))


def _column(points: Points, steps: Sequence[int], series: SeriesRange) -> tuple[float | None, ...]:
    """The finite ones of all points of a series at `steps`, which are its own or more."""
    if series.finite_count == series.count:
        if points.steps == steps:
            return _as_tuple(points.values)
    else:
        points = finite(points)
    values = dict(zip(*points, strict=True))
    return tuple(map(values.get, steps))


def _as_tuple(numbers: Sequence[T]) -> tuple[T, ...]:
    # Slice by slice: no other thread can run while C code goes through all of a million numbers.
    slices = (numbers[begin : begin + _AT_ONCE] for begin in range(0, len(numbers), _AT_ONCE))
    return tuple(chain.from_iterable(slices))


def _values_at(series: SeriesRange, candidates: Points, steps: Sequence[int]) -> tuple[float | None, ...]:
    values: dict[int, float | None] = dict(zip(*candidates, strict=True))
    others = [step for step in steps if step not in values]
    for step, value in zip(others, series.values_at(others), strict=True):
        values[step] = value if value is not None and math.isfinite(value) else None
    return tuple(map(values.__getitem__, steps))


def _sorted(points: Points) -> Points:
    """The points by step, of each step the last one."""
    if stride_of(points.steps) or all(map(lt, points.steps, points.steps[1:])):
        return points
    return merged([points])


def _count_steps(connection: sqlite3.Connection, experiment_seq: int, columns: Sequence[array[int]]) -> None:
    """Bring the step columns of the experiment to what they are once these sorted columns are stored."""
    # Mostly all metrics are logged together.
    others = [steps for steps in columns[1:] if steps != columns[0]]
    steps: set[int] = set(columns[0]).union(*others)
    first, last = min(steps), max(steps)
    stored_first, stored_last = connection.execute(
        "SELECT first_step, last_step FROM experiment WHERE seq = ?", (experiment_seq,)
    ).fetchone()
    # A series that only grows meets what is stored in no more than its last step: nothing needs reading.
    steps -= {stored_first, stored_last}
    if stored_last is not None and steps and min(steps) < stored_last and max(steps) > stored_first:
        bounds = max(min(steps), stored_first), min(max(steps), stored_last)
        metrics = connection.execute("SELECT metric_id FROM metric WHERE experiment_seq = ?", (experiment_seq,))
        for (metric_id,) in metrics.fetchall():
            for piece in SeriesRange(connection, experiment_seq, metric_id, *bounds).pieces():
                steps.difference_update(piece if isinstance(piece, range) else piece.read())
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
    low = value_at(points, stored.lowest[1])
    high = value_at(points, stored.highest[1])
    is_low_lost = low is not None and not (math.isfinite(low) and low <= stored.lowest[0])
    return is_low_lost or (high is not None and not (math.isfinite(high) and -high <= stored.highest[0]))


def _append_metric(connection: sqlite3.Connection, experiment_seq: int, name: str, points: Points) -> None:
    """Store points that are sorted by step, and what they change in the summary."""
    key = (experiment_seq, _metric_id(connection, name))
    stored_metric = StoredMetric(connection, *key)
    first = (points.steps[0], _or_null(points.values[0]))
    last = (points.steps[-1], _or_null(points.values[-1]))
    stored = connection.execute(
        "SELECT count, first_step, first, last_step, last, min, min_step, max, max_step"
        " FROM metric WHERE experiment_seq = ? AND metric_id = ?",
        key,
    ).fetchone()
    if stored is None:
        count = stored_metric.extend(points)
        extremes = _extremes(points)
    else:
        count, first_step, first_value, last_step, last_value, low, low_step, high, high_step = stored
        count += stored_metric.extend(points) if first[0] > last_step else stored_metric.merge(points)
        known = None if low is None else _Extremes((low, low_step), (-high, high_step))
        is_lost = known is not None and _are_lost(known, points)
        extremes = _extremes(stored_metric.extremes()) if is_lost else _joined(known, _extremes(points))
        first = first if first[0] <= first_step else (first_step, first_value)
        last = last if last[0] >= last_step else (last_step, last_value)
    low, low_step = extremes.lowest if extremes else (None, None)
    high, high_step = (-extremes.highest[0], extremes.highest[1]) if extremes else (None, None)
    connection.execute(
        "INSERT INTO metric (experiment_seq, metric_id, count, first_step, first, last_step, last,"
        " min, min_step, max, max_step) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (experiment_seq, metric_id) DO UPDATE SET count = excluded.count,"
        " first_step = excluded.first_step, first = excluded.first,"
        " last_step = excluded.last_step, last = excluded.last,"
        " min = excluded.min, min_step = excluded.min_step, max = excluded.max, max_step = excluded.max_step",
        (*key, count, *first, *last, low, low_step, high, high_step),
    )


def _metric_id(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM metric_name WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return row[0]
    (metric_id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM metric_name").fetchone()
    connection.execute("INSERT INTO metric_name (id, name) VALUES (?, ?)", (metric_id, name))
    return metric_id


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
