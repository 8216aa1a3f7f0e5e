"""Pony's view of the index, and every question to the store once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pony import orm

from runicorn_db.database import Database
from runicorn_db.errors import InvalidQuery, UnknownBatch, UnknownExperiment
from runicorn_db.filter_language import parse
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery, MetricsQuery
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row, Series


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "index.db")
    yield opened
    opened.close()


ENTITIES = ("Root", "Batch", "Problem")


def mapped_columns(database: Database, name: str) -> set[str]:
    entity = getattr(database.entities, name)
    return {column for attribute in entity._attrs_ for column in attribute.columns}


@pytest.mark.parametrize("name", ENTITIES)
def test_an_entity_maps_the_columns_of_its_table(database: Database, name: str) -> None:
    table = getattr(database.entities, name)._table_
    with database.snapshot() as connection:
        columns = {row[1]: row for row in connection.execute(f"PRAGMA table_info ({table})")}
    mapped = mapped_columns(database, name)
    assert mapped <= columns.keys()
    for column in columns.keys() - mapped:
        _, _, _, is_required, default, _ = columns[column]
        assert not is_required or default is not None, f"{table}.{column} would be missing from every row Pony writes"


@pytest.mark.parametrize("name", ENTITIES)
def test_an_entity_has_the_primary_key_of_its_table(database: Database, name: str) -> None:
    entity = getattr(database.entities, name)
    with database.snapshot() as connection:
        info = connection.execute(f"PRAGMA table_info ({entity._table_})").fetchall()
    key = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    assert list(entity._pk_columns_) == key


def test_entities_can_be_written_and_read_back(database: Database) -> None:
    root, batch, problem = (getattr(database.entities, name) for name in ENTITIES)
    with orm.db_session:
        made = root(name=" a ", path="/x", state="ok", is_writable=False, added_at=1.5)
        batch(created_at=2.5, source="cli", reason=" r ", query="", count=3, size_bytes=2**40)
        problem(root=made, owner=b"", path=b"\xff", message=" m ", line=7, count=2)
    with orm.db_session:
        (read,) = root.select()[:]
        assert (read.name, read.path, read.state, read.problem, read.is_writable) == (" a ", "/x", "ok", None, False)
        assert (read.added_at, read.last_synced_at, read.signature) == (1.5, None, "")
        (read,) = batch.select()[:]
        assert (read.created_at, read.source, read.reason, read.query) == (2.5, "cli", " r ", "")
        assert (read.count, read.size_bytes) == (3, 2**40)
        (read,) = problem.select()[:]
        assert (read.root.name, bytes(read.owner), bytes(read.path), read.message) == (" a ", b"", b"\xff", " m ")
        assert (read.line, read.count) == (7, 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One experiment with all that an experiment can have, and one problem."""
    folder = tmp_path_factory.mktemp("catalogue")
    row = Row(
        id="run_1",
        tags=("a",),
        description="text",
        best_metric_name="acc",
        best_metric_value=0.5,
        metrics={"acc": Series(last=0.5, min=0.1, max=0.9)},
        params={"lr": ("0.1", 0.1)},
    )
    with Store(folder / "index.db") as opened:
        model.add_roots(opened, folder)
        model.insert(opened, [row])
        with opened.database.writing() as connection:
            connection.execute("INSERT INTO problem (root_id, owner, path, message) VALUES (1, x'', x'ff', 'odd')")
        yield opened


QUESTIONS: list[Callable[[Store], object]] = [
    lambda store: store.find(ExperimentQuery(search="text", tags=("a",), status=("finished",), roots=("main",))),
    lambda store: store.find(ExperimentQuery(filter=parse("has:acc or is:deleted -tag:a or acc>0.1 age>1d")[0])),
    lambda store: [store.find(ExperimentQuery(order_by=order)) for order in ORDER_FIELDS],
    lambda store: store.rows(store.ids(ExperimentQuery())),
    lambda store: store.id_list(store.ids(ExperimentQuery())),
    lambda store: store.get("run_1"),
    lambda store: store.resolve("run"),
    lambda store: store.series(MetricsQuery(experiment_id="run_1")),
    lambda store: store.summary(ExperimentQuery()),
    lambda store: store.health(),
    lambda store: store.roots(),
    lambda store: store.problems(),
    lambda store: store.preview_delete(["run_1"]),
    lambda store: store.delete(["run_1"], source="api"),
    lambda store: store.batches(),
    lambda store: store.batch_ids(store.batches()[0].id),
    lambda store: store.restore_batch(store.batches()[0].id),
    lambda store: store.delete_matching(ExperimentQuery(search="text"), source="tui", dry_run=True),
    lambda store: store.annotate(["run_1"], add_tags=["b"], description="new", pinned=True),
]


def test_every_question_to_the_store_has_an_answer(store: Store) -> None:
    for ask in QUESTIONS:
        assert ask(store), ask


def test_a_problem_is_told_with_its_root(store: Store) -> None:
    (problem,) = store.problems()
    assert (problem.root, problem.path, problem.message) == (model.ROOTS[0], "\udcff", "odd")


def test_an_id_that_is_no_unicode_is_unknown(store: Store) -> None:
    for ask in (store.get, store.resolve, lambda name: store.series(MetricsQuery(experiment_id=name))):
        with pytest.raises(UnknownExperiment):
            ask("run_\udcff")
    assert store.delete(["\udcff"], source="cli").errors == {"\udcff": "not found"}
    assert store.preview_delete(["\udcff"]).total == 0


def test_a_metric_that_is_no_unicode_is_unknown(store: Store) -> None:
    table = store.series(MetricsQuery(experiment_id="run_1", metrics=("\udcff",)))
    assert table.unknown == ("\udcff",)


def test_a_batch_number_past_64_bits_is_unknown(store: Store) -> None:
    with pytest.raises(UnknownBatch):
        store.restore_batch(2**63)


def test_a_reason_that_is_no_unicode_is_refused(store: Store) -> None:
    with pytest.raises(InvalidQuery, match="reason"):
        store.delete(["run_1"], source="cli", reason="\udcff")


# --- beginnings of ids


def test_a_beginning_of_an_id_stands_for_the_only_one_that_has_it(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        model.add_roots(store, tmp_path)
        names = ["run", "run_1", "run_10", "run_2", "x%y", "学习_1", "Run"]
        model.insert(store, [Row(id=name, deleted_at=1.0 if name == "run_2" else None) for name in names])
        for prefix, expected in (
            ("run", "run"),
            ("run_1", "run_1"),
            ("run_10", "run_10"),
            ("run_2", "run_2"),
            ("x", "x%y"),
            ("学", "学习_1"),
            ("R", "Run"),
        ):
            assert store.resolve(prefix) == expected
        for prefix in ("ru", "run_"):
            with pytest.raises(InvalidQuery, match="more than one"):
                store.resolve(prefix)
        for prefix in ("", "x_", "%", "run_3", "run_100", "zzz", "学习习"):
            with pytest.raises(UnknownExperiment):
                store.resolve(prefix)
