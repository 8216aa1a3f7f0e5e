"""Metric series: appended batch by batch, or packed beforehand and stored at once; and the texts logged beside them.

Works on a connection whose transaction the caller has begun. The `metric` rows and the step columns of `experiment`
always agree with what is stored (see `segments`). The times of the steps are stored as the metrics are, apart from
them: no metric has their id.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt
from typing import NamedTuple

from runicorn_db.chunks import Points, no_points, stride_of, value_at
from runicorn_db.downsampling import finite
from runicorn_db.segments import TIME_ID, PackedSegment, StoredMetric, merged, pack_segments, store_segments
from runicorn_db.series_range import SeriesRange
from runicorn_db.series_table import read_table
from runicorn_db.text_series import PackedTexts, TextPoint, append_texts, by_name, pack_texts, read_texts, store_texts

__all__ = [
    "PackedSeries",
    "SeriesBatch",
    "TextPoint",
    "append",
    "clear",
    "pack",
    "read_table",
    "read_texts",
    "replace",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesBatch:
    """Logged values as they were logged: numbers by metric, texts together; steps repeat and jump as they like.

    `times` are Unix seconds, of steps that carry a metric; whole milliseconds of them are kept.
    """

    points: Mapping[str, Points]
    texts: Sequence[TextPoint]
    times: Points = field(default_factory=no_points)


# Count, first step and value, last step and value, lowest value and its step, highest value and its step.
_Row = tuple[int, int, float | None, int, float | None, float | None, int | None, float | None, int | None]


class PackedSeries(NamedTuple):
    """All of the series of an experiment as it is stored; `metrics` by name with their row in the table of metrics."""

    metrics: dict[str, tuple[_Row, list[PackedSegment]]]
    times: list[PackedSegment]
    texts: dict[str, list[PackedTexts]]
    step_count: int
    first_step: int | None
    last_step: int | None


_INSERT_ROW = (
    "INSERT INTO metric (experiment_seq, metric_id, count, first_step, first, last_step, last,"
    " min, min_step, max, max_step) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def append(connection: sqlite3.Connection, experiment_seq: int, batch: SeriesBatch) -> None:
    """Add a batch to the stored series: what it says about a (step, name) replaces what was there."""
    columns = {name: _sorted(points) for name, points in batch.points.items() if points.steps}
    if columns:
        _count_steps(connection, experiment_seq, [points.steps for points in columns.values()])
    for name, points in columns.items():
        _append_metric(connection, experiment_seq, name, points)
    if batch.times.steps:
        _append_times(connection, experiment_seq, _sorted(batch.times))
    for name, texts in by_name(batch.texts).items():
        append_texts(connection, experiment_seq, name, texts)


def pack(batch: SeriesBatch) -> PackedSeries:
    """What `replace` stores of a batch, made where nothing is known of the index."""
    columns = {name: _sorted(points) for name, points in batch.points.items() if points.steps}
    first, last, steps = _distinct([points.steps for points in columns.values()]) if columns else (None, None, ())
    return PackedSeries(
        {name: (_row(points, _extremes(points)), pack_segments(points)) for name, points in columns.items()},
        pack_segments(_sorted(batch.times), is_time=True) if batch.times.steps else [],
        {name: pack_texts(texts) for name, texts in by_name(batch.texts).items()},
        len(steps),
        first,
        last,
    )


def replace(connection: sqlite3.Connection, packed: Sequence[tuple[int, PackedSeries]]) -> None:
    """Make these all that is stored of the series of their experiments, table by table: few statements for many."""
    _clear(connection, [(seq,) for seq, _ in packed])
    ids = {name: _metric_id(connection, name) for name in {name: None for _, one in packed for name in one.metrics}}
    connection.executemany(
        _INSERT_ROW, [(seq, ids[name], *row) for seq, one in packed for name, (row, _) in one.metrics.items()]
    )
    store_segments(
        connection,
        (
            (seq, metric_id, segment)
            for seq, one in packed
            for metric_id, segments in [
                *((ids[name], segments) for name, (_, segments) in one.metrics.items()),
                (TIME_ID, one.times),
            ]
            for segment in segments
        ),
    )
    store_texts(
        connection,
        [(seq, name, texts) for seq, one in packed for name, parts in one.texts.items() for texts in parts],
    )
    connection.executemany(
        "UPDATE experiment SET step_count = ?, first_step = ?, last_step = ? WHERE seq = ?",
        [(one.step_count, one.first_step, one.last_step, seq) for seq, one in packed],
    )


def clear(connection: sqlite3.Connection, experiment_seq: int) -> None:
    """Forget every value of an experiment."""
    _clear(connection, [(experiment_seq,)])
    connection.execute(
        "UPDATE experiment SET step_count = 0, first_step = NULL, last_step = NULL WHERE seq = ?", (experiment_seq,)
    )


def _clear(connection: sqlite3.Connection, keys: Sequence[tuple[int]]) -> None:
    for table in ("metric", "series_segment", "text_chunk"):
        connection.executemany(f"DELETE FROM {table} WHERE experiment_seq = ?", keys)


def _sorted(points: Points) -> Points:
    """The points by step, of each step the last one."""
    if stride_of(points.steps) or all(map(lt, points.steps, points.steps[1:])):
        return points
    return merged([points])


def _count_steps(connection: sqlite3.Connection, experiment_seq: int, columns: Sequence[array[int]]) -> None:
    """Bring the step columns of the experiment to what they are once these sorted columns are stored."""
    first, last, distinct = _distinct(columns)
    steps = set(distinct)
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


def _distinct(columns: Sequence[array[int]]) -> tuple[int, int, Collection[int]]:
    """The first, the last and all of the steps of sorted columns."""
    # Mostly all metrics are logged together, some of them now and then.
    longest = max(columns, key=len)
    others = [steps for steps in columns if steps != longest]
    is_gapless = longest[-1] - longest[0] == len(longest) - 1
    if is_gapless and all(longest[0] <= steps[0] and steps[-1] <= longest[-1] for steps in others):
        return longest[0], longest[-1], longest
    if not others:
        return longest[0], longest[-1], longest
    steps = set(longest).union(*others)
    return min(steps), max(steps), steps


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
    # Each look at an array makes its numbers anew.
    numbers = values.tolist()
    low, high = min(numbers), max(numbers)
    return _Extremes((low, steps[numbers.index(low)]), (-high, steps[numbers.index(high)]))


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


def _row(points: Points, extremes: _Extremes | None) -> _Row:
    steps, values = points
    low, low_step = extremes.lowest if extremes else (None, None)
    high, high_step = (-extremes.highest[0], extremes.highest[1]) if extremes else (None, None)
    ends = (steps[0], _or_null(values[0]), steps[-1], _or_null(values[-1]))
    return (len(steps), *ends, low, low_step, high, high_step)


def _append_metric(connection: sqlite3.Connection, experiment_seq: int, name: str, points: Points) -> None:
    """Store points that are sorted by step, and what they change in the summary."""
    key = (experiment_seq, _metric_id(connection, name))
    stored_metric = StoredMetric(connection, *key)
    stored = connection.execute(
        "SELECT count, first_step, first, last_step, last, min, min_step, max, max_step"
        " FROM metric WHERE experiment_seq = ? AND metric_id = ?",
        key,
    ).fetchone()
    if stored is None:
        stored_metric.extend(points)
        connection.execute(_INSERT_ROW, (*key, *_row(points, _extremes(points))))
        return
    count, first_step, first, last_step, last, low, low_step, high, high_step = stored
    count += stored_metric.extend(points) if points.steps[0] > last_step else stored_metric.merge(points)
    known = None if low is None else _Extremes((low, low_step), (-high, high_step))
    is_lost = known is not None and _are_lost(known, points)
    extremes = _extremes(stored_metric.extremes()) if is_lost else _joined(known, _extremes(points))
    row = _row(points, extremes)
    begin = row[1:3] if row[1] <= first_step else (first_step, first)
    end = row[3:5] if row[3] >= last_step else (last_step, last)
    connection.execute(
        "UPDATE metric SET count = ?, first_step = ?, first = ?, last_step = ?, last = ?,"
        " min = ?, min_step = ?, max = ?, max_step = ? WHERE experiment_seq = ? AND metric_id = ?",
        (count, *begin, *end, *row[5:], *key),
    )


def _append_times(connection: sqlite3.Connection, experiment_seq: int, times: Points) -> None:
    key = (experiment_seq, TIME_ID)
    last = connection.execute(
        "SELECT last_step FROM series_segment WHERE experiment_seq = ? AND metric_id = ?"
        " ORDER BY first_step DESC LIMIT 1",
        key,
    ).fetchone()
    stored = StoredMetric(connection, *key)
    if last is None or times.steps[0] > last[0]:
        stored.extend(times)
    else:
        stored.merge(times)


def _metric_id(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM metric_name WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return row[0]
    (metric_id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM metric_name").fetchone()
    connection.execute("INSERT INTO metric_name (id, name) VALUES (?, ?)", (metric_id, name))
    return metric_id


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
