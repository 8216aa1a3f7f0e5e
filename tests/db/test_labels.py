"""The numbers that carry the order of experiments."""

from __future__ import annotations

import random
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import labels
from runicorn_db.criteria import Criteria, Has, Tag, Text
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db import model
from tests.db.model import Row, Series
from tests.db.runs import CREATED, write_json, write_run
from tests.db.strategies import TEXTS

Key = tuple[float, str]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """As much of the index as the numbers need."""
    opened = sqlite3.connect(":memory:")
    opened.execute(
        "CREATE TABLE experiment (seq INTEGER PRIMARY KEY, created_at REAL NOT NULL, id TEXT NOT NULL UNIQUE)"
    )
    yield opened
    opened.close()


def add(connection: sqlite3.Connection, keys: list[Key]) -> None:
    placed = labels.place(connection, keys)
    assert placed.keys() == {name for _, name in keys}
    connection.executemany(
        "INSERT INTO experiment (seq, created_at, id) VALUES (?, ?, ?)",
        [(placed[name], created_at, name) for created_at, name in keys],
    )


def in_order(connection: sqlite3.Connection) -> list[Key]:
    return connection.execute("SELECT created_at, id FROM experiment ORDER BY seq").fetchall()


def numbers(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT id, seq FROM experiment").fetchall())


TIMES = st.sampled_from(
    [0.0, -0.0, -1e-9, -1.0, -1e300, 1e-3, 1.7e9, 1.7e9 + 2**-12, 1.7e9 + 1, 8.796e9, 8.8e9, 1.7e12, 1e18, 1e300]
) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.tuples(TIMES, TEXTS | st.text(st.characters(exclude_categories=("Cs",)), max_size=4))
BATCHES = st.lists(st.lists(KEYS, max_size=12), max_size=8)


@settings(max_examples=200, suppress_health_check=[])
@given(batches=BATCHES)
def test_order_by_number_is_order_by_creation_and_id(batches: list[list[Key]]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE experiment (seq INTEGER PRIMARY KEY, created_at REAL, id TEXT UNIQUE)")
    known: set[str] = set()
    for batch in batches:
        fresh = list({name: (at, name) for at, name in batch if name not in known}.values())
        known |= {name for _, name in fresh}
        add(connection, fresh)
    keys = in_order(connection)
    assert keys == sorted(keys)
    assert {name for _, name in keys} == known
    connection.close()


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize(("before", "after"), [(0.0, 2**-12), (2**-12, 0.0)])
def test_order_holds_when_creation_times_change_inside_one_instant(
    connection: sqlite3.Connection, before: float, after: float, step: int
) -> None:
    names = [f"{number:02}" for number in range(40)]
    add(connection, [(before, name) for name in names])
    for name in names[::step]:
        seq = labels.place(connection, [(after, name)])[name]
        connection.execute("UPDATE experiment SET seq = ?, created_at = ? WHERE id = ?", (seq, after, name))
        keys = in_order(connection)
        assert keys == sorted(keys)


def test_thousands_of_one_instant_keep_the_order_of_their_ids(connection: sqlite3.Connection) -> None:
    keys = [(1.7e9, f"run_{number:05}") for number in range(5000)]
    random.Random(1).shuffle(keys)
    for begin in range(0, len(keys), 100):
        add(connection, keys[begin : begin + 100])
    assert in_order(connection) == sorted(keys)


@pytest.mark.parametrize("step", [1, -1])
def test_one_after_another_at_the_same_end_of_an_instant(connection: sqlite3.Connection, step: int) -> None:
    keys = [(1.7e9, f"run_{number:05}") for number in range(300)][::step]
    for key in keys:
        add(connection, [key])
    assert in_order(connection) == sorted(keys)


def test_thousands_before_the_epoch_and_after_every_calendar(connection: sqlite3.Connection) -> None:
    rng = random.Random(2)
    keys = [(rng.uniform(-1e12, 0), f"old_{number}") for number in range(2000)]
    keys += [(rng.uniform(8.8e9, 1e19), f"far_{number}") for number in range(2000)]
    rng.shuffle(keys)
    for begin in range(0, len(keys), 500):
        add(connection, keys[begin : begin + 500])
    assert in_order(connection) == sorted(keys)


@settings(max_examples=200)
@given(st.lists(KEYS, max_size=12, unique_by=lambda key: key[1]), KEYS)
def test_pivots_part_what_comes_before_a_key_from_what_comes_after(stored: list[Key], key: Key) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE experiment (seq INTEGER PRIMARY KEY, created_at REAL, id TEXT UNIQUE)")
    add(connection, stored)
    low, high = labels.pivots(connection, key)
    before = connection.execute("SELECT created_at, id FROM experiment WHERE seq < ? ORDER BY seq", (low,)).fetchall()
    after = connection.execute("SELECT created_at, id FROM experiment WHERE seq > ? ORDER BY seq", (high,)).fetchall()
    keys = sorted(stored)
    assert before == keys[: bisect_left(keys, key)]
    assert after == keys[bisect_right(keys, key) :]
    connection.close()


@pytest.mark.parametrize("places", [1, 2, 3, 7])
def test_a_number_never_changes_hands_when_an_instant_is_numbered_anew(
    connection: sqlite3.Connection, places: int
) -> None:
    """A snapshot holds numbers: what was marked for deletion must not turn into another experiment."""
    keys = [(1.7e9, f"{place}_{number:03}") for number in range(60) for place in range(places)]
    moved = 0
    for key in keys:
        before = numbers(connection)
        add(connection, [key])
        after = numbers(connection)
        owners = {number: name for name, number in before.items()}
        moved += sum(after[name] != number for name, number in before.items())
        assert all(owners.get(number, name) == name for name, number in after.items())
    assert moved, "this test needs an instant that is numbered anew"


@pytest.fixture
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index of one instant into which each experiment came alone."""
    folder = tmp_path_factory.mktemp("labels")
    with Store(folder / "index.db") as store:
        model.add_roots(store, folder)
        for number in range(40):
            model.insert(store, [crowded_row(number)])
        yield store


def crowded_row(number: int) -> Row:
    return Row(
        id=f"run_{number:03}",
        name=f"name{number:03}",
        description="even" if number % 2 == 0 else None,
        tags=(f"tag{number:03}",),
        metrics={f"metric{number:03}": Series(last=1.0)},
        params={f"param{number:03}": ("x", None)},
        deleted_at=1.0 if number % 10 == 9 else None,
    )


def test_what_hangs_on_an_experiment_follows_when_it_is_numbered_anew(crowded: Store) -> None:
    with crowded.database.snapshot() as connection:
        assert (
            len({seq - other for other, seq in zip(*[iter(sorted(numbers(connection).values()))] * 2, strict=True)}) > 1
        )
        for table in ("search_text", "experiment_tag", "experiment_param", "metric"):
            key = "seq" if table == "search_text" else "experiment_seq"
            (orphans,) = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT seq FROM experiment)"
            ).fetchone()
            assert orphans == 0, table
    for number in range(40):
        row = crowded_row(number)
        for term in (
            Tag(values=row.tags),
            Has(presence="metric", name=next(iter(row.metrics))),
            Has(presence="param", name=next(iter(row.params))),
            Text(text=row.name),
        ):
            query = ExperimentQuery(filter=Criteria(((term,),)), include_deleted=isinstance(term, Tag))
            expected = [row.id] if row.deleted_at is None or query.include_deleted else []
            assert crowded.id_list(crowded.ids(query)) == expected, str(term)


def test_the_search_index_is_sound_after_numbering_anew(crowded: Store) -> None:
    with crowded.database.writing() as connection:
        connection.execute("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 0)")
    found = crowded.find(ExperimentQuery(search="name", order_desc=False))
    assert [experiment.id for experiment in found.experiments] == [
        f"run_{number:03}" for number in range(40) if number % 10 != 9
    ]


@pytest.mark.parametrize("step", [1, -1])
def test_a_sync_updates_the_right_runs_while_it_numbers_them_anew(tmp_path: Path, step: int) -> None:
    """One by one they move to the end of one instant that has less and less room there; all change each time."""
    root = tmp_path / "root"
    names = [f"run_{number:02}" for number in range(24)]
    for name in names:
        write_run(root, name, created_at=CREATED + 1)
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        sync(store)
        for number in range(1, len(names) + 1):
            for name in names[::step][:number]:
                write_json(root / "vision/resnet/runs" / name / "meta.json", meta(name, name=f"{name} {number}"))
            sync(store)
        page = store.find(ExperimentQuery(order_desc=False))
        assert [(run.id, run.name, run.created_at) for run in page.experiments] == [
            (name, f"{name} 24", CREATED) for name in names
        ]
        assert store.find(ExperimentQuery(search='" 24"')).total == 24
        assert store.problems() == []


def meta(run_id: str, *, name: str) -> dict[str, object]:
    return {"id": run_id, "project": "vision", "name": name, "created_at": CREATED}


def test_a_snapshot_never_shows_another_experiment_than_it_was_taken_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("snapshot")
    with Store(folder / "index.db") as store:
        model.add_roots(store, folder)
        for number in range(60):
            model.insert(store, [crowded_row(number)])
            if number == 0:
                continue
            taken = store.ids(ExperimentQuery(include_deleted=True))
            wanted = store.id_list(taken)
            model.insert(store, [Row(id=f"run_{number:03}_later")])
            rows = store.rows(taken)
            assert all(row is None or row.id == name for row, name in zip(rows, wanted, strict=True))
            assert set(store.id_list(taken)) <= set(wanted)
