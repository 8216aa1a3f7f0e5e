from __future__ import annotations

import random
import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db import chunks, segments, series
from runicorn_db.chunks import Points, no_points
from runicorn_db.index_file import migrations
from runicorn_db.query import MetricsQuery, MetricTable
from runicorn_db.series import SeriesBatch, TextPoint

Timed = list[tuple[int, float | None]]


def new_connection(path: str | Path = ":memory:") -> sqlite3.Connection:
    """An index with experiment 1."""
    connection = sqlite3.connect(path, isolation_level=None)
    for step in migrations():
        connection.executescript(step)
    connection.execute("INSERT INTO root (id, name, path, added_at) VALUES (1, 'root', '/root', 0)")
    connection.execute(
        "INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, created_at, updated_at,"
        " recorded_status) VALUES (1, 'one', 1, x'61', '0.6', 'p', 'n', 'running', 0, 0, 'running')"
    )
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = new_connection()
    yield connection
    connection.close()


def batch_of(logged: Timed) -> SeriesBatch:
    """One metric at these steps; where a time is None it is not known."""
    points, times = no_points(), no_points()
    for step, time in logged:
        points.steps.append(step)
        points.values.append(float(step % 7))
        if time is not None:
            times.steps.append(step)
            times.values.append(time)
    return SeriesBatch(points={"loss": points}, texts=(), times=times)


def read(connection: sqlite3.Connection, **query: object) -> MetricTable:
    return series.read_table(connection, 1, MetricsQuery(experiment_id="one", with_times=True, **query))


@contextmanager
def small_segments() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "MAX_POINTS", 4)
        patch.setattr(segments, "CHUNKS", 3)
        patch.setattr(segments, "GROUP", 2)
        yield


seconds = st.floats(1.7e9, 1.8e9) | st.floats(0, 253402300799) | st.none()
batches = st.lists(st.lists(st.tuples(st.integers(0, 60), seconds), max_size=25), min_size=1, max_size=6)


@given(batches, st.booleans(), st.none() | st.integers(0, 40), st.none() | st.integers(1, 20))
def test_every_row_has_the_time_at_which_its_step_was_last_logged(logged, is_packed, low, limit):
    with small_segments():
        connection = new_connection()
        expected: dict[int, float] = {}
        for number, batch in enumerate(logged):
            if is_packed and number == 0:
                series.replace(connection, [(1, series.pack(batch_of(batch)))])
            else:
                series.append(connection, 1, batch_of(batch))
            expected.update({step: round(time * 1000) / 1000 for step, time in batch if time is not None})
        table = read(connection, step_min=low, downsample=limit)
        assert table.times == tuple(expected.get(step) for step in table.steps)
        steps = {step for batch in logged for step, _ in batch if low is None or step >= low}
        assert len(table.steps) == min(len(steps), limit or len(steps))
        connection.close()


def test_times_come_only_where_they_are_asked_for(connection):
    series.append(connection, 1, batch_of([(1, 1.5), (2, 2.5)]))
    query = MetricsQuery(experiment_id="one")
    assert series.read_table(connection, 1, query).times == ()
    assert read(connection).times == (1.5, 2.5)


def test_texts_are_columns_beside_the_values_where_they_are_asked_for(connection):
    points = Points(array("q", [1, 2, 4]), array("d", [0.5, 0.25, 0.125]))
    texts = [TextPoint("stage", 1, "warmup"), TextPoint("stage", 4, "train"), TextPoint("note", 3, "no metric here")]
    series.append(connection, 1, SeriesBatch(points={"loss": points}, texts=texts))
    query = MetricsQuery(experiment_id="one", with_texts=True)

    table = series.read_table(connection, 1, query)
    assert table.texts == {"note": (None, None, None), "stage": ("warmup", None, "train")}
    assert list(table.texts) == ["note", "stage"]
    assert series.read_table(connection, 1, replace(query, downsample=1)).texts == {
        "note": (None,),
        "stage": ("train",),
    }
    assert read(connection).texts == {}


def test_a_few_times_of_a_long_series_are_found_and_the_others_left_alone(connection):
    logged: Timed = [(step, 1e9 + step / 8) for step in range(100_000)]
    series.append(connection, 1, batch_of(logged))
    table = read(connection, downsample=200)
    assert table.times == tuple(1e9 + step / 8 for step in table.steps)


def test_times_are_no_metric(connection):
    series.append(connection, 1, batch_of([(1, 1.5), (2, 2.5)]))
    assert read(connection).metrics == ("loss",)
    assert read(connection, metrics=("time",)).unknown == ("time",)
    assert connection.execute("SELECT count(*) FROM metric").fetchone() == (1,)
    series.clear(connection, 1)
    assert connection.execute("SELECT count(*) FROM series_segment").fetchone() == (0,)


def test_a_step_that_has_a_time_but_no_metric_asked_for_has_no_row(connection):
    series.append(connection, 1, batch_of([(1, 1.5), (2, 2.5)]))
    more = Points(array("q", [5]), array("d", [0.5]))
    series.append(
        connection, 1, SeriesBatch(points={"val": more}, texts=(), times=Points(more.steps, array("d", [9.5])))
    )
    table = read(connection, metrics=("val",))
    assert (table.steps, table.times) == ((5,), (9.5,))


def test_a_point_with_its_time_takes_ten_bytes_at_most(tmp_path):
    connection = new_connection(tmp_path / "index.db")
    chance = random.Random(3)
    empty = connection.execute("PRAGMA page_count").fetchone()[0]
    times = accumulate((abs(chance.gauss(0.3, 0.02)) for _ in range(99_999)), initial=1.7e9)
    values = array("d", [chance.random() for _ in range(100_000)])
    steps = array("q", range(100_000))
    batch = SeriesBatch(points={"loss": Points(steps, values)}, texts=(), times=Points(steps, array("d", times)))
    connection.execute("BEGIN")
    series.append(connection, 1, batch)
    connection.execute("COMMIT")
    used = connection.execute("PRAGMA page_count").fetchone()[0] - empty
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    assert used * page / 100_000 <= 10
    connection.close()
