"""Metric series as a table of columns: by range, thinned for a chart, with the times of its steps."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from runicorn_db.chunks import Points
from runicorn_db.downsampling import CANDIDATES, choose_steps, finite, min_max, share_of
from runicorn_db.query import MetricsQuery, MetricTable
from runicorn_db.segments import TIME_ID
from runicorn_db.series_range import LEVELS, Level, SeriesRange, points_per_candidate
from runicorn_db.step_union import Piece, count_distinct, ends_of, joined, union
from runicorn_db.text_series import read_texts

_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1
# Fewer candidates than this for each step to be kept are not worth choosing from: then all points are read.
_FEWEST_CANDIDATES = 2
_AT_ONCE = 10_000
# Where so many times are stored for each that is wanted, the wanted ones are looked up one by one.
_MOST_FOR_EACH = 8

T = TypeVar("T")


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
        times=_times(connection, experiment_seq, table.steps) if query.with_times else (),
        texts=_texts(connection, experiment_seq, table.steps) if query.with_texts else {},
        available_points=table.available,
        query_time_ms=0.0,
    )


def _times(connection: sqlite3.Connection, experiment_seq: int, steps: Sequence[int]) -> tuple[float | None, ...]:
    if not steps:
        return ()
    series = SeriesRange(connection, experiment_seq, TIME_ID, steps[0], steps[-1])
    if series.count > _MOST_FOR_EACH * len(steps):
        return tuple(series.values_at(steps))
    return _column(series.points(), steps, series)


def _texts(
    connection: sqlite3.Connection, experiment_seq: int, steps: Sequence[int]
) -> dict[str, tuple[str | None, ...]]:
    sql = "SELECT DISTINCT name FROM text_chunk WHERE experiment_seq = ? ORDER BY name"
    names = [name for (name,) in connection.execute(sql, (experiment_seq,))]
    return {name: tuple(map(read_texts(connection, experiment_seq, name).get, steps)) for name in names}


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
