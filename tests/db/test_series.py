from __future__ import annotations

import json
import math
import os
import sqlite3
import tarfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import chunks, segments, series
from runicorn_db.chunks import MAX_POINTS, Points, unpack
from runicorn_db.index_file import migrations
from runicorn_db.query import MetricsQuery, MetricTable
from runicorn_db.series import SeriesBatch, TextPoint
from runicorn_db.sources.events import read_events

ROOTS = Path(__file__).parents[1] / "data" / "roots"

Logged = list[tuple[str, int, float]]


def new_connection() -> sqlite3.Connection:
    """An index with the experiments 1 and 2."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for step in migrations():
        connection.executescript(step)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("INSERT INTO root (id, name, path, added_at) VALUES (1, 'root', '/root', 0)")
    connection.executemany(
        "INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, created_at, updated_at,"
        " recorded_status) VALUES (?, ?, 1, x'61', '0.6', 'p', 'n', 'running', 0, 0, 'running')",
        [(1, "one"), (2, "two")],
    )
    return connection


@pytest.fixture
def connection():
    connection = new_connection()
    yield connection
    connection.close()


def points_of(pairs: list[tuple[int, float]]) -> Points:
    return Points(array("q", [step for step, _ in pairs]), array("d", [value for _, value in pairs]))


def batch_of(logged: Logged) -> SeriesBatch:
    metrics = dict.fromkeys(metric for metric, _, _ in logged)
    return SeriesBatch(
        points={
            name: points_of([(step, value) for metric, step, value in logged if metric == name]) for name in metrics
        },
        texts=[],
    )


def append(connection: sqlite3.Connection, logged: Logged, seq: int = 1) -> None:
    series.append(connection, seq, batch_of(logged))


def read(connection: sqlite3.Connection, seq: int = 1, **query: object) -> MetricTable:
    return series.read_table(connection, seq, MetricsQuery(experiment_id="one", **query))


class Stored(NamedTuple):
    """A segment as it is stored."""

    first_step: int
    last_step: int
    count: int
    finite_count: int
    chunks: list[Points]
    tail: Points

    @property
    def points(self) -> Points:
        return segments.concatenated([*self.chunks, self.tail])


def stored_segments(connection: sqlite3.Connection, metric: str) -> list[Stored]:
    rows = connection.execute(
        "SELECT series_segment.id, first_step, last_step, count, finite_count, tail FROM series_segment"
        " JOIN metric_name ON metric_name.id = metric_id WHERE experiment_seq = 1 AND name = ? ORDER BY first_step",
        (metric,),
    ).fetchall()
    found: list[Stored] = []
    for segment_id, *numbers, tail in rows:
        packed = connection.execute(
            "SELECT data FROM series_chunk WHERE id BETWEEN ? AND ? ORDER BY id",
            (segment_id * segments.IDS, segment_id * segments.IDS + segments.IDS - 1),
        )
        full = [unpack(data) for (data,) in packed]
        found.append(Stored(*numbers, full, unpack(tail) if tail else chunks.no_points()))
    return found


class Model:
    """The same series in plain Python: a dictionary for each metric, the last value wins."""

    def __init__(self, logged: Logged) -> None:
        self.values: dict[str, dict[int, float]] = {}
        for metric, step, value in logged:
            self.values.setdefault(metric, {})[step] = value

    def summaries(self) -> dict[str, tuple[object, ...]]:
        return {metric: self._summary(values) for metric, values in self.values.items()}

    def _summary(self, values: dict[int, float]) -> tuple[object, ...]:
        steps = sorted(values)
        finite = [step for step in steps if math.isfinite(values[step])]
        low = min(finite, key=lambda step: (values[step], step), default=None)
        high = max(finite, key=lambda step: (values[step], -step), default=None)
        ends = [values[step] if math.isfinite(values[step]) else None for step in (steps[0], steps[-1])]
        return (
            *(len(steps), steps[0], ends[0], steps[-1], ends[1]),
            *(values.get(low), low, values.get(high), high),
        )

    def steps(self, metrics: list[str] | None = None) -> list[int]:
        return sorted(set().union(*(self.values[metric] for metric in metrics or self.values)))

    def column(self, metric: str, steps: list[int]) -> tuple[float | None, ...]:
        values = (self.values[metric].get(step, math.nan) for step in steps)
        return tuple(value if math.isfinite(value) else None for value in values)


def check(connection: sqlite3.Connection, logged: Logged) -> None:
    """Everything stored is what the model says, and stored as it must be."""
    model = Model(logged)
    rows = connection.execute(
        "SELECT name, count, first_step, first, last_step, last, min, min_step, max, max_step"
        " FROM metric JOIN metric_name ON id = metric_id WHERE experiment_seq = 1"
    )
    assert {row[0]: row[1:] for row in rows} == model.summaries()
    steps = model.steps()
    assert connection.execute("SELECT step_count, first_step, last_step FROM experiment WHERE seq = 1").fetchone() == (
        (len(steps), steps[0], steps[-1]) if steps else (0, None, None)
    )
    table = read(connection)
    assert list(table.steps) == steps
    for metric, values in model.values.items():
        stored = stored_segments(connection, metric)
        whole = segments.concatenated(segment.points for segment in stored)
        assert list(whole.steps) == sorted(values)
        assert list(map(repr, whole.values)) == [repr(values[step]) for step in whole.steps]
        assert table.values[metric] == model.column(metric, steps)
        check_segments(stored)


def check_segments(stored: list[Stored]) -> None:
    for segment in stored:
        points = segment.points
        assert {len(chunk.steps) for chunk in segment.chunks} <= {chunks.MAX_POINTS}
        assert len(segment.tail.steps) < chunks.MAX_POINTS
        assert 0 < segment.count == len(points.steps) <= chunks.MAX_POINTS * segments.CHUNKS
        assert (segment.first_step, segment.last_step) == (points.steps[0], points.steps[-1])
        assert segment.finite_count == sum(map(math.isfinite, points.values))


def test_a_growing_series_is_stored_in_full_chunks(connection):
    logged = [("loss", step, 1 / (step + 1)) for step in range(40_100)]
    for begin in range(0, len(logged), 7777):
        append(connection, logged[begin : begin + 7777])
    check(connection, logged)
    assert [segment.count for segment in stored_segments(connection, "loss")] == [
        64 * MAX_POINTS,
        40_100 - 64 * MAX_POINTS,
    ]


def test_batches_of_just_a_chunk_each_begin_a_chunk(connection):
    logged = [("loss", step, float(step)) for step in range(3 * MAX_POINTS)]
    for begin in range(0, len(logged), MAX_POINTS):
        append(connection, logged[begin : begin + MAX_POINTS])
    check(connection, logged)
    assert [len(segment.chunks) for segment in stored_segments(connection, "loss")] == [3]


def test_the_last_value_of_a_step_wins_within_and_across_batches(connection):
    logged = [("a", 1, 5.0), ("a", 2, 6.0), ("a", 2, 7.0), ("b", 2, 1.0)]
    append(connection, logged)
    check(connection, logged)
    again = [("a", 2, 8.0), ("a", 3, 0.5), ("b", 1, 3.0)]
    append(connection, again)
    check(connection, logged + again)


def test_an_extreme_that_is_overwritten_gives_way_to_the_next(connection):
    logged: Logged = [("a", 1, 3.0), ("a", 2, -9.0), ("a", 3, 9.0), ("a", 4, 5.0), ("a", 5, 3.0)]
    for more in ([("a", 2, 4.0)], [("a", 3, math.nan)], [("a", 4, math.inf), ("a", 2, 3.0)], [("a", 1, 3.5)]):
        append(connection, logged)
        logged += more
        append(connection, more)
        check(connection, logged)


def test_an_equal_extreme_before_is_the_first_reached(connection):
    logged: Logged = [("a", 5, 1.0), ("a", 6, 2.0), ("a", 3, 1.0), ("a", 4, 2.0)]
    append(connection, logged[:2])
    append(connection, logged[2:])
    check(connection, logged)
    assert connection.execute("SELECT min_step, max_step FROM metric").fetchone() == (3, 4)


@pytest.mark.parametrize("count", [MAX_POINTS, 64 * MAX_POINTS, 700])
def test_a_gap_between_two_batches_of_one_stride_is_no_step(connection, count):
    logged = [("a", step, float(step)) for begin in (0, 50_000) for step in range(begin, begin + count)]
    append(connection, logged[:count])
    append(connection, logged[count:])
    check(connection, logged)
    assert read(connection, step_min=40_000, step_max=50_001).steps == (50_000, 50_001)
    assert read(connection, downsample=5).available_points == 2 * count


@pytest.mark.parametrize("stride", [1, 2])
def test_late_values_go_into_the_chunks_where_they_belong(connection, stride):
    logged = [("a", step, float(step)) for step in range(0, 40_000 * stride, stride)]
    append(connection, logged)
    late = [
        ("a", step, -1.0) for step in (1, 5000, 5001, 499 * stride, 500 * stride, 32_000 * stride, 39_999 * stride, -7)
    ]
    for entry in late:
        append(connection, [entry])
        logged.append(entry)
        check(connection, logged)
    tail = [("a", step, 0.5) for step in range(50_000 * stride, 100, -13)]
    append(connection, tail)
    check(connection, logged + tail)


def test_a_series_logged_backwards_is_stored_without_crumbs(connection):
    logged = [("a", step, float(step % 7)) for step in range(9000, 0, -1)]
    for begin in range(0, len(logged), 500):
        append(connection, logged[begin : begin + 500])
    check(connection, logged)
    assert len(stored_segments(connection, "a")) == 1


def test_a_run_that_is_repeated_replaces_itself(connection):
    first = [("a", step, 1.0) for step in range(10_000)] + [("b", step, 1.0) for step in range(0, 10_000, 10)]
    second = [("a", step, 2.0) for step in range(10_000)]
    append(connection, first)
    for begin in range(0, len(second), 3000):
        append(connection, second[begin : begin + 3000])
    check(connection, first + second)


def test_a_growing_series_reads_back_no_more_than_its_tail(connection):
    append(connection, [(metric, step, 0.5) for step in range(30_100) for metric in "ab"])
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    append(connection, [("a", 30_100, 0.5), ("b", 30_100, 0.5)])
    connection.set_trace_callback(None)
    assert not [sql for sql in statements if "series_chunk" in sql]
    assert len([sql for sql in statements if "SELECT" in sql and "tail" in sql]) == 2


def test_what_is_forgotten_leaves_no_chunk_behind(connection):
    append(connection, [("a", step, 0.5) for step in range(3000)])
    append(connection, [("a", step, 0.5) for step in range(3000)], seq=2)
    series.clear(connection, 1)
    assert connection.execute("SELECT count(*) FROM series_chunk").fetchone() == (6,)
    connection.execute("DELETE FROM experiment WHERE seq = 2")
    assert connection.execute("SELECT count(*) FROM series_chunk").fetchone() == (0,)


def test_experiments_do_not_touch_each_other(connection):
    append(connection, [("a", 1, 1.0)])
    append(connection, [("a", 1, 2.0), ("b", 7, 3.0)], seq=2)
    check(connection, [("a", 1, 1.0)])
    assert read(connection, seq=2).values == {"a": (2.0, None), "b": (None, 3.0)}
    series.clear(connection, 2)
    check(connection, [("a", 1, 1.0)])


def test_clear_forgets_everything_and_the_experiment_begins_anew(connection):
    append(connection, [("a", 1, 1.0), ("b", 9, 2.0)])
    series.append(connection, 1, SeriesBatch(points={}, texts=[TextPoint("note", 1, "x")]))
    series.clear(connection, 1)
    check(connection, [])
    assert series.read_texts(connection, 1, "note") == {}
    assert read(connection).metrics == ()
    append(connection, [("a", 5, 1.0)])
    check(connection, [("a", 5, 1.0)])


def test_of_texts_the_last_of_a_step_is_kept(connection):
    texts = [TextPoint("stage", 1, "warmup"), TextPoint("stage", 1, "train"), TextPoint("note", 1, "é")]
    series.append(connection, 1, SeriesBatch(points={}, texts=texts))
    series.append(
        connection, 1, SeriesBatch(points={}, texts=[TextPoint("note", 1, "later"), TextPoint("note", 0, "")])
    )
    assert series.read_texts(connection, 1, "note") == {0: "", 1: "later"}
    assert series.read_texts(connection, 1, "stage") == {1: "train"}
    check(connection, [])


def test_a_metric_without_points_is_no_metric(connection):
    series.append(connection, 1, SeriesBatch(points={"a": points_of([])}, texts=[]))
    check(connection, [])


def test_steps_at_both_ends_of_64_bits(connection):
    ends = (-(2**63), 2**63 - 1)
    logged: Logged = [("a", ends[1], 1.0), ("a", ends[0], 2.0), ("b", 0, 1.0), ("b", ends[1], 2.0), ("c", 0, 4.0)]
    for entry in logged:
        append(connection, [entry])
    check(connection, logged)
    assert read(connection, downsample=2).steps == ends
    assert read(connection, step_min=2**70).steps == ()
    assert read(connection, step_max=-(2**70)).steps == ()
    assert read(connection, step_min=-(2**70), step_max=2**70).steps == (ends[0], 0, ends[1])


values = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0]) | st.floats(width=64)
step_numbers = st.integers(-5, 12) | st.integers(-(2**63), 2**63 - 1)
entries = st.tuples(st.sampled_from(["a", "b", "c"]), step_numbers, values)


@given(st.lists(st.lists(entries, max_size=12), max_size=6))
@settings(max_examples=150)
def test_any_appends_give_what_the_model_gives(batches):
    connection = new_connection()
    logged: Logged = []
    for batch in batches:
        append(connection, batch)
        logged += batch
        check(connection, logged)
    connection.close()


@contextmanager
def small_segments() -> Iterator[None]:
    """Segments of 12 points: what takes hundreds of thousands otherwise takes a few dozens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "MAX_POINTS", 4)
        patch.setattr(segments, "CHUNKS", 3)
        patch.setattr(segments, "GROUP", 2)
        yield


small_entries = st.tuples(st.sampled_from("ab"), st.integers(0, 90), st.integers(-3, 3).map(float) | values)
small_batches = st.lists(st.lists(small_entries, max_size=40), max_size=8)


@given(small_batches, st.lists(st.integers(0, 4), max_size=3))
@settings(max_examples=60)
def test_any_appends_to_small_segments_give_what_the_model_gives(batches, together):
    with small_segments():
        connection = new_connection()
        logged: Logged = []
        for number, batch in enumerate(batches):
            # Mostly metrics are logged together, at steps that go on.
            if number in together:
                batch = [(metric, step + 20 * number, 0.5 * step) for step in range(30) for metric in "ab"]
            append(connection, batch)
            logged += batch
            check(connection, logged)
        connection.close()


@given(small_batches, st.booleans())
@settings(max_examples=60)
def test_what_was_packed_beforehand_is_stored_as_what_is_appended(batches, is_known):
    with small_segments():
        connection = new_connection()
        append(connection, [("other", 1, 2.0)], seq=2)
        if is_known:
            append(connection, [("a", step, 7.0) for step in range(0, 100, 3)])
        logged: Logged = []
        for number, batch in enumerate(batches):
            if number == 0:
                series.replace(connection, [(1, series.pack(batch_of(batch)))])
            else:
                append(connection, batch)
            logged += batch
            check(connection, logged)
        assert read(connection, seq=2).values == {"other": (2.0,)}
        connection.close()


@given(st.lists(st.lists(small_entries, max_size=20), min_size=2, max_size=2))
@settings(max_examples=30)
def test_many_experiments_are_replaced_at_once(batches):
    together, one_by_one = new_connection(), new_connection()
    for seq, batch in enumerate(batches, 1):
        append(together, [("gone", 3, 1.0)], seq=seq)
        append(one_by_one, batch, seq=seq)
    series.replace(together, [(seq, series.pack(batch_of(batch))) for seq, batch in enumerate(batches, 1)])
    assert [read(together, seq) for seq in (1, 2)] == [read(one_by_one, seq) for seq in (1, 2)]
    for connection in (together, one_by_one):
        connection.close()


@given(st.lists(entries, max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_where_a_run_is_split_into_batches_makes_no_difference(logged, cuts):
    connection = new_connection()
    bounds = [0, *sorted(cuts), len(logged)]
    for begin, end in pairwise(bounds):
        append(connection, logged[begin:end])
    check(connection, logged)
    connection.close()


SMALL: Logged = [
    *[("loss", step, 1.0 / (step + 5)) for step in range(-3, 20)],
    *[("val", step, float(step)) for step in range(0, 20, 5)],
    *[("val", 7, math.nan), ("only", 100, math.inf)],
]


def test_columns_are_all_metrics_sorted_or_those_asked_for_in_their_order(connection):
    append(connection, SMALL)
    assert read(connection).metrics == ("loss", "only", "val")
    table = read(connection, metrics=("val", "x", "loss", "val", "a\ud800"))
    assert table.metrics == ("val", "x", "loss", "a\ud800")
    assert table.unknown == ("x", "a\ud800")
    assert list(table.values) == list(table.metrics)
    assert table.values["x"] == (None,) * len(table.steps)
    assert table.non_finite == {"val": 1, "x": 0, "loss": 0, "a\ud800": 0}


def test_a_step_has_a_row_when_one_of_the_returned_metrics_was_logged_there(connection):
    append(connection, SMALL)
    table = read(connection, metrics=("val",))
    assert table.steps == (0, 5, 7, 10, 15)
    assert table.values == {"val": (0.0, 5.0, None, 10.0, 15.0)}
    assert table.available_points == 5
    assert read(connection, metrics=("only",)).values == {"only": (None,)}
    assert read(connection, metrics=("x",)).steps == ()
    assert read(connection, metrics=("x",), downsample=5).values == {"x": ()}
    assert len(read(connection).steps) == 24


BOUNDS = [-100, -3, -1, 0, 7, 19, 20, 100, 101]
RANGES = [(low, high) for low in [None, *BOUNDS] for high in [None, *BOUNDS] if None in (low, high) or low <= high]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_a_range_is_inclusive_and_open_where_it_has_no_end(connection, low, high):
    append(connection, SMALL)
    model = Model(SMALL)
    steps = model.steps()
    begin = 0 if low is None else bisect_left(steps, low)
    end = len(steps) if high is None else bisect_right(steps, high)
    table = read(connection, step_min=low, step_max=high)
    assert list(table.steps) == steps[begin:end]
    assert table.available_points == end - begin
    for metric in model.values:
        assert table.values[metric] == model.column(metric, steps[begin:end])
    nan_in_range = 7 in table.steps
    assert table.non_finite == {"loss": 0, "only": int(100 in table.steps), "val": int(nan_in_range)}


def test_a_range_reads_only_the_chunks_it_overlaps(connection):
    append(connection, [("a", step, float(step)) for step in range(50_000)])
    # Every other chunk is made unreadable: only a reader that leaves them alone gets an answer.
    connection.execute(
        "UPDATE series_chunk SET data = x'00' WHERE id NOT IN (SELECT id FROM series_chunk LIMIT 2 OFFSET 2)"
    )
    table = read(connection, step_min=2 * MAX_POINTS, step_max=4 * MAX_POINTS - 1)
    assert table.steps == tuple(range(2 * MAX_POINTS, 4 * MAX_POINTS))


def count_chunk_reads(connection: sqlite3.Connection) -> list[int]:
    """The ids of the chunks that are read from now on."""
    reads: list[int] = []
    connection.create_function("counted", 1, reads.append)
    connection.execute("ALTER TABLE series_chunk RENAME TO kept")
    connection.execute("CREATE VIEW series_chunk AS SELECT id, coalesce(counted(id), data) AS data FROM kept")
    return reads


@pytest.mark.parametrize("stride", [0, 3])
def test_a_chart_of_a_long_series_reads_next_to_none_of_its_chunks(connection, stride):
    logged = [("a", step * stride or step + step // 700, math.sin(step / 5000)) for step in range(100_000)]
    append(connection, logged)
    whole = read(connection)
    reads = count_chunk_reads(connection)
    for limit in (6, 20, 150):
        check_downsampled(read(connection, downsample=limit), whole, limit)
    assert len(reads) <= 6
    cut = {"step_min": 1234, "step_max": logged[-1][1] - 777}
    check_downsampled(read(connection, **cut, downsample=50), read(connection, **cut), 50)


def test_an_extreme_at_the_very_end_of_a_long_series_is_kept(connection):
    logged = [("a", step, math.sin(step)) for step in range(100_000)] + [("a", 100_000, 9.0), ("a", 100_001, -9.0)]
    append(connection, [*logged, ("a", 100_002, 0.0)])
    assert {100_000, 100_001, 100_002} <= set(read(connection, downsample=4).steps)


def test_alike_metrics_of_a_long_run_do_not_choose_the_same_rows_only(connection):
    append(connection, [(metric, step, math.sin(step / 3000)) for step in range(100_000) for metric in "abcdef"])
    reads = count_chunk_reads(connection)
    table = read(connection, downsample=60)
    assert len(table.steps) == 60
    assert table.available_points == 100_000
    assert len(reads) <= 60 * 6


def test_steps_that_only_look_alike_are_counted_one_by_one(connection):
    ends = {0, 499, 500, 999}
    steps = {name: sorted(ends | set(range(start, 999, 3)) | {start + 1}) for name, start in (("a", 1), ("b", 2))}
    logged = [(name, step, 1.0) for name in "ab" for step in steps[name]]
    append(connection, logged)
    assert len(steps["a"]) == len(steps["b"])
    assert read(connection, downsample=9).available_points == len(Model(logged).steps())


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(-50, 50), values), min_size=1, max_size=60),
    st.sampled_from([None, -20, 0]),
    st.sampled_from([None, 0, 30]),
)
@settings(max_examples=60)
def test_every_downsample_keeps_what_it_must(logged, low, high):
    connection = new_connection()
    append(connection, logged)
    for metrics in ((), ("a",), ("b", "x")):
        whole = read(connection, metrics=metrics, step_min=low, step_max=high)
        for limit in range(1, len(whole.steps) + 3):
            table = read(connection, metrics=metrics, step_min=low, step_max=high, downsample=limit)
            check_downsampled(table, whole, limit)
    connection.close()


small_points = st.integers(-10_000, 10_000).map(float) | st.sampled_from([math.nan, math.inf, 0.0])
small_steps = st.sampled_from(
    [range(200), range(0, 600, 3), range(100, 230), [step + step // 7 for step in range(180)]]
)
bounds = st.none() | st.integers(-10, 620)


@given(st.lists(small_steps, min_size=1, max_size=3), st.data())
@settings(max_examples=100)
def test_every_downsample_of_long_series_keeps_what_it_must(steps_of_metrics, data):
    # An example may be given up at any draw.
    with small_segments(), closing(new_connection()) as connection:
        for name, steps in zip("abc", steps_of_metrics, strict=False):
            append(connection, [(name, step, data.draw(small_points)) for step in steps])
        repeated = data.draw(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 600), small_points), max_size=5))
        for entry in repeated:
            append(connection, [entry])
        low, high = data.draw(st.tuples(bounds, bounds).filter(lambda ends: None in ends or ends[0] <= ends[1]))
        for metrics in ((), ("a",), ("b", "x", "a")):
            whole = read(connection, metrics=metrics, step_min=low, step_max=high)
            for limit in {1, 2, 4, 8, 12, 60, max(len(whole.steps) - 1, 1), len(whole.steps) + 1}:
                table = read(connection, metrics=metrics, step_min=low, step_max=high, downsample=limit)
                check_downsampled(table, whole, limit)


def check_downsampled(table: MetricTable, whole: MetricTable, limit: int) -> None:
    assert len(table.steps) == min(limit, len(whole.steps))
    assert list(table.steps) == sorted(set(table.steps))
    assert set(table.steps) <= set(whole.steps)
    assert (table.metrics, table.unknown, table.non_finite) == (whole.metrics, whole.unknown, whole.non_finite)
    assert table.available_points == len(whole.steps)
    assert table.is_downsampled == (limit < len(whole.steps))
    rows = {step: row for row, step in enumerate(whole.steps)}
    for metric in whole.metrics:
        kept = tuple(whole.values[metric][rows[step]] for step in table.steps)
        assert table.values[metric] == kept
        finite = [value for value in whole.values[metric] if value is not None]
        if finite and limit >= 2 + 2 * len(whole.metrics):
            known = [value for value in kept if value is not None]
            assert (min(known), max(known)) == (min(finite), max(finite))
    if whole.steps:
        assert table.steps[-1] == whole.steps[-1]
        assert limit == 1 or table.steps[0] == whole.steps[0]


def test_downsampling_is_the_same_every_time_and_for_every_order_of_appending(connection):
    logged = [("a", step, math.sin(step / 9) * step) for step in range(5000)]
    append(connection, logged)
    other = new_connection()
    append(other, logged[::-1])
    for limit in (7, 100, 999):
        assert read(connection, downsample=limit) == read(connection, downsample=limit) == read(other, downsample=limit)
    other.close()


def test_series_of_an_older_index_are_forgotten_and_read_again():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    oldest, this, *_ = migrations()
    connection.executescript(oldest)
    connection.executescript(
        """
        INSERT INTO root (id, name, path, added_at) VALUES (1, 'root', '/root', 0);
        INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, created_at, updated_at,
            recorded_status, step_count, first_step, last_step)
            VALUES (1, 'one', 1, x'61', '0.6', 'p', 'n', 'running', 0, 0, 'running', 1, 7, 7);
        INSERT INTO run_directory VALUES (1, x'61', 'one', 1, 'kept', 'read', 5, 99, 3);
        INSERT INTO metric_name VALUES (1, 'loss');
        INSERT INTO metric (experiment_seq, metric_id, count, first_step, last_step) VALUES (1, 1, 1, 7, 7);
        INSERT INTO series_chunk VALUES (1, 1, 0, 1, 7, 7, x'00');
        INSERT INTO text_point VALUES (1, 'stage', 7, 'train');
        INSERT INTO problem (root_id, owner, path, message)
            VALUES (1, x'61', x'61', 'of the run'), (1, CAST('a/events.jsonl' AS BLOB), x'61', 'of its series');
        """
    )
    connection.executescript(this)
    assert connection.execute("SELECT * FROM run_directory").fetchall() == [
        (1, b"a", "one", 1, "kept", None, None, 0, 0)
    ]
    assert connection.execute("SELECT message FROM problem").fetchall() == [("of the run",)]
    assert read(connection).metrics == ()
    append(connection, [("loss", 7, 0.5)])
    check(connection, [("loss", 7, 0.5)])
    connection.close()


def test_series_without_times_are_forgotten_and_read_again():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    before = next(number for number, step in enumerate(migrations()) if "measured_signature" in step)
    for step in migrations()[:before]:
        connection.executescript(step)
    connection.executescript(
        """
        INSERT INTO root (id, name, path, added_at) VALUES (1, 'root', '/root', 0);
        INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, created_at, updated_at,
            recorded_status, step_count, first_step, last_step, size_bytes)
            VALUES (1, 'one', 1, x'61', '0.6', 'p', 'n', 'running', 0, 0, 'running', 1, 7, 7, 99);
        INSERT INTO run_directory VALUES (1, x'61', 'one', 1, 'kept', 'read', 5, 99, 3);
        INSERT INTO metric_name VALUES (1, 'loss'), (2, 'time');
        INSERT INTO metric (experiment_seq, metric_id, count, first_step, last_step) VALUES (1, 1, 1, 7, 7);
        INSERT INTO series_segment VALUES (5, 1, 1, 7, 7, 500, 500, 1, x'', x'', x'', x'');
        INSERT INTO series_chunk VALUES (320, x'00');
        INSERT INTO text_chunk VALUES (1, 'stage', 7, 7, 0, x'00');
        """
    )
    for step in migrations()[before:]:
        connection.executescript(step)
    assert connection.execute("SELECT signature, events_signature, events_offset FROM run_directory").fetchall() == [
        ("kept", None, 0)
    ]
    assert connection.execute("SELECT count(*) FROM series_chunk").fetchone() == (0,)
    assert connection.execute("SELECT id, name FROM metric_name").fetchall() == [(segments.TIME_ID, "time")]
    assert connection.execute("SELECT size_bytes FROM experiment").fetchone() == (99,)
    assert read(connection).metrics == ()
    append(connection, [("loss", 7, 0.5)])
    check(connection, [("loss", 7, 0.5)])
    connection.close()


def events_of(root: str, run: str, directory: Path) -> tuple[Path, Logged]:
    """The `events.jsonl` of a real run, unpacked, and what its JSON lines say."""
    with tarfile.open(ROOTS / f"{root}.tar.gz") as archive:
        for member in archive:
            if f"/{run}/" in member.name and member.name.endswith("/events.jsonl"):
                content = archive.extractfile(member)
                assert content is not None
                path = directory / "events.jsonl"
                path.write_bytes(content.read())
                return path, logged_in(path.read_text())
    raise AssertionError(f"{root} has no {run}")


def logged_in(text: str) -> Logged:
    logged: Logged = []
    for line in text.splitlines():
        event = json.loads(line)
        for name, value in event["data"].items():
            is_metric = isinstance(value, int | float) and name not in ("global_step", "step", "time", "stage", "epoch")
            if event["type"] == "metrics" and is_metric:
                logged.append((name, event["data"]["global_step"], float(value)))
    return logged


@pytest.mark.parametrize(
    ("root", "run"),
    [
        ("root-0.4.1", "numerics/steps"),
        ("root-0.4.1", "numerics/nan_inf"),
        ("root-0.4.1", "numerics/nan_first"),
        ("root-0.4.1", "long_runs/steps_50000"),
        ("root-0.7.2", "numerics/steps"),
        ("root-0.7.2", "numerics/nan_inf"),
        ("root-0.7.2", "numerics/nan_first"),
        ("root-0.7.2", "long_runs/steps_3000"),
    ],
)
def test_a_real_run_is_stored_as_its_json_lines_say(connection, tmp_path, root, run):
    path, logged = events_of(root, run, tmp_path)
    for batch in read_events(os.fsencode(path), block_bytes=100_000):
        series.append(connection, 1, batch)
    check(connection, logged)


def test_the_steps_of_a_real_run_by_hand(connection, tmp_path):
    path, _ = events_of("root-0.4.1", "numerics/steps", tmp_path)
    for batch in read_events(os.fsencode(path)):
        series.append(connection, 1, batch)
    table = read(connection, metrics=("a", "b"), step_max=8)
    assert table.steps == (-1, 0, 1, 2, 3, 4, 7, 8)
    assert table.values == {"a": (0.5, 0.25, 7.0, 2.0, 8.0, 4.0, 5.0, 6.5), "b": (None,) * 8}
    assert read(connection, metrics=("a", "b"), step_min=9).values == {"a": (10.0, 11.5), "b": (None, 5.0)}
    # Step 6 was logged without any metric.
    assert connection.execute("SELECT step_count, first_step, last_step FROM experiment").fetchone() == (11, -1, 11)


def test_a_real_long_run_is_downsampled_to_its_shape(connection, tmp_path):
    path, _ = events_of("root-0.4.1", "long_runs/steps_50000", tmp_path)
    for batch in read_events(os.fsencode(path)):
        series.append(connection, 1, batch)
    whole = read(connection)
    for limit in (1, 2, 6, 1000, 40_000, 50_000, 100_000):
        check_downsampled(read(connection, downsample=limit), whole, limit)
    steps = read(connection, downsample=1000).steps
    assert max(after - before for before, after in pairwise(steps)) < 500
