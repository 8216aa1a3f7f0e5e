"""Walking a list by cursors while it changes, and cursors that were never given out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.criteria import Criteria, Text
from runicorn_db.errors import InvalidQuery
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery, OrderField
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row
from tests.db.strategies import METRICS, ORDERS, PARAM_VALUES, PARAMS, SERIES, TIMES, VALUES

FAR = 1.76e12
"""A time in milliseconds that was taken for seconds: past every slot of its own."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("cursors")
    with Store(folder / "index.db") as opened:
        model.add_roots(opened, folder)
        yield opened


@pytest.fixture
def three(store: Store) -> Store:
    """Experiments `a`, `b` and `c`, the oldest first."""
    model.clear(store)
    model.insert(store, [Row(id=name, created_at=float(number)) for number, name in enumerate("abc")])
    return store


def purge(store: Store, name: str) -> None:
    """Takes an experiment out of the index altogether."""
    with store.database.writing() as connection:
        connection.execute("DELETE FROM experiment WHERE id = ?", (name,))


def small_rows(prefix: str, size: int) -> st.SearchStrategy[list[Row]]:
    row = st.builds(
        Row,
        id=st.integers(0, 99).map(lambda number: f"{number:02}{prefix}"),
        created_at=TIMES,
        updated_at=TIMES,
        ended_at=st.none() | TIMES,
        best_metric_value=st.none() | VALUES,
        name=st.sampled_from(["", "a", "é", "学"]),
        size_bytes=st.none() | st.sampled_from([0, 1, 2**62]),
        duration_seconds=st.none() | VALUES,
        best_metric_name=st.none() | METRICS,
        metrics=st.dictionaries(METRICS, SERIES, max_size=3),
        params=st.dictionaries(PARAMS, PARAM_VALUES, max_size=2),
    )
    return st.lists(row, max_size=size, unique_by=lambda row: row.id)


CHANGES = st.lists(st.sampled_from(["insert", "delete", "restore", "purge"]), max_size=3)


@given(st.data(), small_rows("old", 12), small_rows("new", 12), ORDERS, st.integers(1, 3))
def test_a_walk_sees_each_experiment_once_while_others_come_and_go(
    store: Store, data: st.DataObject, old: list[Row], new: list[Row], order: dict[str, object], per_page: int
) -> None:
    model.clear(store)
    model.insert(store, old)
    query = ExperimentQuery(per_page=per_page, **order)  # type: ignore[arg-type]
    waiting, touched = list(new), set[str]()
    page = store.find(query)
    seen = [experiment.id for experiment in page.experiments]
    while page.next_cursor is not None:
        for change in data.draw(CHANGES):
            if change == "insert":
                model.insert(store, waiting[-1:])
                touched |= {row.id for row in waiting[-1:]}
                del waiting[-1:]
                continue
            name = data.draw(st.sampled_from([row.id for row in old]))
            touched.add(name)
            if change == "purge":
                purge(store, name)
            else:
                model.put_into_trash(store, name, deleted_at=1.0 if change == "delete" else None)
        page = store.find(replace(query, cursor=page.next_cursor))
        seen += [experiment.id for experiment in page.experiments]
    assert len(seen) == len(set(seen))
    expected = [row.id for row in model.ordered(old, query) if row.id not in touched]
    assert [name for name in seen if name not in touched] == expected


@pytest.mark.parametrize("order_by", ORDER_FIELDS)
@pytest.mark.parametrize("order_desc", [True, False])
def test_a_cursor_outlives_the_experiment_that_it_stands_on(
    store: Store, order_by: OrderField, order_desc: bool
) -> None:
    rows = [Row(id=name, created_at=at) for name, at in (("a", -1e9), ("b", 0.0), ("c", FAR), ("d", FAR), ("e", 1e300))]
    model.clear(store)
    model.insert(store, rows)
    query = ExperimentQuery(order_by=order_by, order_desc=order_desc, per_page=1)
    seen: list[str] = []
    cursor = None
    for _ in rows:
        page = store.find(replace(query, cursor=cursor))
        seen += [experiment.id for experiment in page.experiments]
        cursor = page.next_cursor
        purge(store, seen[-1])
    assert seen == [row.id for row in model.ordered(rows, query)]
    assert cursor is None


def test_page_size_may_change_from_cursor_to_cursor(three: Store) -> None:
    query = ExperimentQuery(per_page=1)
    cursor = three.find(query).next_cursor
    page = three.find(replace(query, per_page=50, cursor=cursor))
    assert [experiment.id for experiment in page.experiments] == ["b", "a"]
    assert page.next_cursor is None


@pytest.mark.parametrize(
    "other",
    [
        {"order_desc": False},
        {"order_by": "name"},
        {"project": "vision"},
        {"include_deleted": True},
        {"filter": Criteria(((Text(text="r"),),))},
        {"tags": ("a",)},
    ],
)
def test_a_cursor_of_another_query_is_refused(three: Store, other: dict[str, object]) -> None:
    cursor = three.find(ExperimentQuery(per_page=1)).next_cursor
    with pytest.raises(InvalidQuery, match="belongs to another query"):
        three.find(ExperimentQuery(per_page=1, cursor=cursor, **other))  # type: ignore[arg-type]


def encoded(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def test_a_cursor_that_was_never_given_out_is_refused(three: Store) -> None:
    texts = ["", "x", "é", "====", "a b", "/+", encoded(""), encoded("{}"), encoded("1"), encoded("[1, 2, 3]")]
    texts += [encoded("[" * 20_000), encoded("9" * 5000), base64.urlsafe_b64encode(b"\xff\xfe").decode(), "A" * 10_000]
    for text in texts:
        with pytest.raises(InvalidQuery, match="cursor"):
            three.find(ExperimentQuery(cursor=text))


@pytest.mark.parametrize("order_by", ORDER_FIELDS)
def test_a_forged_position_is_refused_or_answered_but_never_breaks(three: Store, order_by: OrderField) -> None:
    query = ExperimentQuery(per_page=1, order_by=order_by)
    cursor = three.find(query).next_cursor
    assert cursor is not None
    fingerprint = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    positions = [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "9" * 30,
        "-1",
        "true",
        "null",
        '"x"',
        '"\\ud800"',
        "[]",
        "{}",
    ]
    for value in [*positions, "0.5"]:
        for created_at in [*positions, "0.5", "1e300", "-1e300"]:
            for name in ('"x"', "1", "null", '"\\udfff"'):
                forged = encoded(f'["{fingerprint}", {value}, {created_at}, {name}]')
                try:
                    page = three.find(replace(query, cursor=forged))
                except InvalidQuery as error:
                    assert "next_cursor" in str(error)
                else:
                    assert page.total == 3


@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_garbage_is_never_taken_for_a_cursor(store: Store, text: str) -> None:
    with pytest.raises(InvalidQuery, match="cursor"):
        store.find(ExperimentQuery(cursor=text))


def test_cursor_and_page_exclude_each_other() -> None:
    with pytest.raises(InvalidQuery, match="cannot be used together"):
        ExperimentQuery(cursor="x", page=2)
