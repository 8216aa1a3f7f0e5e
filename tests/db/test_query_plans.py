"""How SQLite answers the contract's questions: by the indexes that were made for them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runicorn_db import plan, summaries
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery, OrderField
from runicorn_db.rows import read_detail
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row

SORT = "TEMP B-TREE"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Nine experiments: the plan does not depend on how many there are, for nothing is analysed."""
    folder = tmp_path_factory.mktemp("plans")
    with Store(folder / "index.db") as opened:
        model.add_roots(opened, folder)
        rows = [
            Row(id=f"run_{number}", created_at=float(number), best_metric_value=number / 10, tags=("a", "b"))
            for number in range(9)
        ]
        model.insert(opened, rows)
        yield opened


class Listener:
    """A connection that remembers what it was asked; with its parameters, for a written-out LIMIT changes the plan."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.asked: list[tuple[str, Sequence[Any]]] = []

    def execute(self, sql: str, args: Sequence[Any] = ()) -> sqlite3.Cursor:
        self.asked.append((sql, args))
        return self.connection.execute(sql, args)

    def plans_of(self, *beginnings: str) -> list[str]:
        """How each question that begins like one of these was answered."""
        return [
            " | ".join(row[3] for row in self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", args))
            for sql, args in self.asked
            if sql.startswith(beginnings)
        ]


def plans(store: Store, query: ExperimentQuery) -> tuple[str, str]:
    """How the page and how the total of `query` are found; the latter is empty where a counter has it."""
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        plan.find_page(listener, query)  # type: ignore[arg-type]
        return listener.plans_of("SELECT seq ", "WITH hits")[0], " | ".join(
            listener.plans_of("SELECT count(*) FROM experiment ")
        )


def is_in_indexes(total: str) -> bool:
    """Whether no row of an experiment is read to count it."""
    return all("USING COVERING INDEX" in step for step in total.split(" | ") if re.search(r"\bexperiment\b", step))


@pytest.mark.parametrize("order_desc", [True, False])
@pytest.mark.parametrize(
    ("order_by", "index"),
    [
        ("updated_at", "experiment_updated"),
        ("best_metric_value", "experiment_best"),
        ("status", "experiment_status"),
        ("name", "experiment_name"),
        ("project", "experiment_project"),
    ],
)
def test_a_list_is_read_in_the_order_of_an_index(
    store: Store, order_by: OrderField, order_desc: bool, index: str
) -> None:
    query = ExperimentQuery(order_by=order_by, order_desc=order_desc, per_page=2)
    page, total = plans(store, query)
    assert f"USING COVERING INDEX {index}" in page
    assert is_in_indexes(total)
    after, _ = plans(store, replace(query, cursor=store.find(query).next_cursor))
    assert "SEARCH" in after
    assert f"USING COVERING INDEX {index} ({order_by}" in after
    assert SORT not in page + total + after


@pytest.mark.parametrize("order_desc", [True, False])
def test_the_newest_and_the_oldest_are_read_from_their_end_of_the_table(store: Store, order_desc: bool) -> None:
    query = ExperimentQuery(order_desc=order_desc, per_page=2)
    page, total = plans(store, query)
    assert SORT not in page
    assert "USING" not in page
    assert is_in_indexes(total)
    after, _ = plans(store, replace(query, cursor=store.find(query).next_cursor))
    assert "USING INTEGER PRIMARY KEY (rowid" in after


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"project": "vision"}, "experiment_project (project=?"),
        ({"status": ("finished",)}, "experiment_status (status=?"),
        ({"name": "resnet"}, "experiment_name (name=?"),
    ],
)
def test_an_exact_filter_is_answered_by_its_index_alone(store: Store, filters: dict[str, object], index: str) -> None:
    query = ExperimentQuery(per_page=2, **filters)  # type: ignore[arg-type]
    after = replace(query, cursor=store.find(query).next_cursor)
    for page, total in (plans(store, query), plans(store, after)):
        assert f"USING COVERING INDEX {index}" in page
        assert is_in_indexes(total)
        assert SORT not in page + total


@pytest.mark.parametrize("order_desc", [True, False])
@pytest.mark.parametrize(
    "bounds", [{"created_after": 1.0, "created_before": 7.0}, {"created_after": 1.0}, {"created_before": 7.0}]
)
def test_a_range_of_creation_is_read_from_where_it_begins(
    store: Store, bounds: dict[str, float], order_desc: bool
) -> None:
    query = ExperimentQuery(per_page=2, order_desc=order_desc, **bounds)
    after = replace(query, cursor=store.find(query).next_cursor)
    for page, total in (plans(store, query), plans(store, after)):
        assert "USING INTEGER PRIMARY KEY (rowid" in page
        assert "USING COVERING INDEX experiment_created (created_at" in total
        assert SORT not in page + total


@pytest.mark.parametrize("order_by", ["created_at", "updated_at", "best_metric_value", "status"])
def test_of_a_project_only_what_was_created_in_the_range_is_read(store: Store, order_by: OrderField) -> None:
    most = ExperimentQuery(project="vision", status=("finished", "failed"), created_after=1.0, order_by=order_by)
    for query in (replace(most, per_page=2, status=()), replace(most, per_page=2)):
        after = replace(query, cursor=store.find(query).next_cursor)
        for found in (*plans(store, query), plans(store, after)[1]):
            assert "INDEX experiment_project (project=? AND seq>?)" in found


def test_what_is_rare_in_a_project_is_found_by_its_status_whenever_it_was_created(store: Store) -> None:
    query = ExperimentQuery(project="vision", status=("running",), created_after=1.0, order_by="updated_at")
    page, _ = plans(store, query)
    assert "(project=? AND status=?)" in page


@pytest.mark.parametrize("query", [ExperimentQuery(tags=("a", "b")), ExperimentQuery(filter=parse("tag:a,b")[0])])
def test_two_tags_of_like_frequency_are_counted_side_by_side(store: Store, query: ExperimentQuery) -> None:
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        assert plan.find_page(listener, query).total == 9  # type: ignore[arg-type]
        (total,) = listener.plans_of("SELECT count(*) FROM (")
    assert "MERGE (INTERSECT)" in total
    assert SORT not in total


@pytest.mark.parametrize("order_desc", [True, False])
def test_the_total_with_the_trash_is_not_counted(store: Store, order_desc: bool) -> None:
    query = ExperimentQuery(include_deleted=True, per_page=2, order_desc=order_desc)
    for asked in (query, replace(query, cursor=store.find(query).next_cursor)):
        page, total = plans(store, asked)
        assert SORT not in page
        assert total == ""


def test_a_range_of_best_values_is_a_range_of_its_index(store: Store) -> None:
    bounds = {"best_metric_min": 0.1, "best_metric_max": 0.8}
    page, total = plans(store, ExperimentQuery(per_page=2, order_by="best_metric_value", **bounds))
    assert "USING COVERING INDEX experiment_best (best_metric_value>? AND best_metric_value<?)" in page
    assert "USING COVERING INDEX experiment_best (best_metric_value>? AND best_metric_value<?)" in total
    assert SORT not in page


@pytest.mark.parametrize(
    "query",
    [
        ExperimentQuery(status=("finished", "failed")),
        ExperimentQuery(project="vision", status=("finished", "failed")),
        ExperimentQuery(project="vision", status=("finished", "failed"), created_after=1.0, best_metric_min=0.1),
        ExperimentQuery(filter=parse("status:finished or best>0.5")[0]),
    ],
)
def test_the_total_of_combined_filters_is_counted_in_indexes_alone(store: Store, query: ExperimentQuery) -> None:
    _, total = plans(store, replace(query, per_page=1))
    assert is_in_indexes(total)


def test_words_and_tags_are_looked_up_and_not_scanned_for(store: Store) -> None:
    page, _ = plans(store, ExperimentQuery(search="resnet", per_page=1, project="vision"))
    assert "search_index VIRTUAL TABLE INDEX" in page
    for tags in (("a",), ("a", "b")):
        page, _ = plans(store, ExperimentQuery(tags=tags, per_page=1, name="resnet"))
        assert re.search(r"SEARCH \w*tag\w* USING .*\(tag=\?", page)


def test_words_too_short_for_the_text_index_are_looked_for_in_the_texts_alone(store: Store) -> None:
    page, _ = plans(store, ExperimentQuery(search="v1 a", per_page=1))
    assert "SCAN search_text" in page
    assert not re.search(r"\bexperiment\b", page)


def test_a_short_word_is_looked_for_only_where_the_long_ones_are(store: Store) -> None:
    page, _ = plans(store, ExperimentQuery(search="v1 resnet", per_page=1))
    assert "search_index VIRTUAL TABLE INDEX" in page
    assert "SEARCH search_text USING INTEGER PRIMARY KEY" in page
    assert "SCAN search_text" not in page


@pytest.mark.parametrize("order_desc", [True, False])
def test_the_ids_of_everything_are_read_in_an_index(store: Store, order_desc: bool) -> None:
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        plan.find_keys(listener, ExperimentQuery(order_desc=order_desc), None)  # type: ignore[arg-type]
        assert listener.plans_of("") == ["SCAN experiment USING COVERING INDEX experiment_created"]


def test_the_summary_of_everything_reads_no_rows(store: Store) -> None:
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        summaries.summarise(listener, ExperimentQuery())  # type: ignore[arg-type]
        found = listener.plans_of("")
    assert all("USING COVERING INDEX" in step for step in found)
    (groups,) = (step for step in found if "experiment_aggregate" in step)
    assert SORT not in groups


def test_one_experiment_is_looked_up_by_its_id(store: Store) -> None:
    with store.database.snapshot() as connection:
        listener = Listener(connection)
        read_detail(listener, "run_1")  # type: ignore[arg-type]
        assert len(listener.asked) == 3
        assert not any("SCAN experiment" in found for found in listener.plans_of(""))


def test_health_takes_no_longer_in_a_larger_index(tmp_path: Path) -> None:
    def steps(count: int) -> int:
        """How many instructions SQLite takes for it."""
        taken = 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        folder = tmp_path / str(count)
        folder.mkdir()
        with Store(folder / "index.db") as store:
            model.add_roots(store, folder)
            model.insert(store, [Row(id=f"run_{number}", created_at=float(number)) for number in range(count)])
            assert store.health().experiments == count
            with store.database.snapshot() as connection:
                connection.set_progress_handler(step, 1)
            store.health()
            with store.database.snapshot() as connection:
                connection.set_progress_handler(None, 0)
        return taken

    assert 0 < steps(900) < steps(9) * 1.2
