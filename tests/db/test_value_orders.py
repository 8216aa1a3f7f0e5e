"""Orders by metrics and parameters, on a few rows that a person can read; `test_plan` holds them to the model."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import plan
from runicorn_db.criteria import Criteria, Status
from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row, Series
from tests.db.strategies import METRICS, NAMED_VALUES, PARAMS, ROW_LISTS
from tests.db.test_query_plans import SORT, Listener

ACC = NamedValue("best", "acc")
LR = NamedValue("param", "lr")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("orders")
    with Store(folder / "index.db") as opened:
        model.add_roots(opened, folder)
        yield opened


def fill(store: Store, rows: list[Row]) -> None:
    model.clear(store)
    model.insert(store, [replace(row, created_at=float(number)) for number, row in enumerate(rows)])


def listed(store: Store, value: NamedValue, *, desc: bool) -> str:
    """The ids in order, which is the same page by page and all at once."""
    query = ExperimentQuery(order_by=value, order_desc=desc, per_page=2)
    page = store.find(query)
    found = [experiment.id for experiment in page.experiments]
    while page.next_cursor is not None:
        page = store.find(replace(query, cursor=page.next_cursor))
        found += [experiment.id for experiment in page.experiments]
    assert found == store.id_list(store.ids(query))
    return "".join(found)


def test_numbers_come_before_texts_and_texts_before_nothing_in_both_directions(store: Store) -> None:
    values = {"a": ("10", 10.0), "b": ("auto", None), "c": ("9", 9.0), "e": ("Auto", None), "f": ("true", 1.0)}
    fill(store, [Row(id=name, params={"lr": value}) for name, value in values.items()] + [Row(id="x"), Row(id="y")])
    assert listed(store, LR, desc=False) == "fca" + "eb" + "xy"
    assert listed(store, LR, desc=True) == "acf" + "be" + "yx"


def test_long_texts_are_ordered_by_their_beginning_then_by_age(store: Store) -> None:
    texts = {"a": "x" * 64 + "b", "b": "x" * 64 + "a", "c": "x" * 63 + "w"}
    fill(store, [Row(id=name, params={"lr": (text, None)}) for name, text in texts.items()])
    assert listed(store, LR, desc=False) == "cab"
    assert listed(store, LR, desc=True) == "bac"


def test_a_metric_counts_by_its_best_value_where_it_is_the_best_metric_and_else_by_its_last(store: Store) -> None:
    fill(
        store,
        [
            Row(id="a", best_metric_name="acc", best_metric_value=0.9, metrics={"acc": Series(last=0.1)}),
            Row(id="b", best_metric_name="loss", best_metric_value=0.95, metrics={"acc": Series(last=0.5)}),
            Row(id="c", best_metric_name="acc", best_metric_value=0.3),
            Row(id="d", best_metric_name="acc", metrics={"acc": Series(last=0.7)}),
            Row(id="e", metrics={"acc": Series(last=0.4, max=0.99)}),
        ],
    )
    assert listed(store, ACC, desc=True) == "abecd"
    assert listed(store, ACC, desc=False) == "cebad"
    assert listed(store, NamedValue("last", "acc"), desc=True) == "dbeac"
    assert listed(store, NamedValue("max", "acc"), desc=True) == "edcba"


def test_a_name_that_nobody_has_leaves_the_order_of_creation(store: Store) -> None:
    fill(store, [Row(id="a"), Row(id="b")])
    assert listed(store, ACC, desc=True) == listed(store, LR, desc=True) == "ba"


@pytest.mark.parametrize("order_desc", [True, False])
@pytest.mark.parametrize(
    ("value", "index"),
    [
        (NamedValue("last", "acc"), "metric_last"),
        (NamedValue("min", "acc"), "metric_min"),
        (NamedValue("max", "acc"), "metric_max"),
        (LR, "experiment_param_name"),
        (NamedValue("param", "opt"), "experiment_param_text"),
    ],
)
def test_a_page_is_read_along_an_index(store: Store, value: NamedValue, index: str, order_desc: bool) -> None:
    held = {"metrics": {"acc": Series(last=1.0, min=1.0, max=1.0)}, "params": {"lr": ("1", 1.0), "opt": ("sgd", None)}}
    fill(store, [Row(id=f"{number}", **held) for number in range(4)])  # type: ignore[arg-type]
    query = ExperimentQuery(order_by=value, order_desc=order_desc, per_page=2)
    for asked in (query, replace(query, cursor=store.find(query).next_cursor)):
        with store.database.snapshot() as connection:
            listener = Listener(connection)
            plan.find_page(listener, asked)  # type: ignore[arg-type]
            found = [steps for steps in listener.plans_of("SELECT ") if index in steps]
        assert found
        assert SORT not in " ".join(found)
        assert re.search(rf"USING (COVERING )?INDEX {index} \(", found[-1])


@given(ROW_LISTS, st.lists(NAMED_VALUES, max_size=4, unique=True))
def test_rows_carry_the_values_that_were_asked_for(store: Store, rows: list[Row], values: list[NamedValue]) -> None:
    model.clear(store)
    model.insert(store, rows)
    by_id = {row.id: row for row in rows}
    for experiment in store.rows(store.ids(ExperimentQuery(include_deleted=True)), values):
        assert experiment is not None
        assert dict(experiment.values) == {value: held(by_id[experiment.id], value) for value in values}


def held(row: Row, value: NamedValue) -> object:
    if not value.is_param:
        return model.ordering_value(row, value)
    text, number = row.params.get(value.name, (None, None))
    return text if text is None or number is None else json.loads(text)


def test_a_page_carries_them_too(store: Store) -> None:
    fill(store, [Row(id="a", params={"lr": ("0.001", 0.001)})])
    assert store.find(ExperimentQuery(), values=[LR, ACC]).experiments[0].values == {LR: 0.001, ACC: None}
    assert store.find(ExperimentQuery()).experiments[0].values == {}


@given(ROW_LISTS)
def test_names_are_counted_over_what_is_neither_in_the_trash_nor_missing(store: Store, rows: list[Row]) -> None:
    model.clear(store)
    model.insert(store, rows)
    every: dict[NamedValue, int] = {}
    for row in rows:
        is_live = row.deleted_at is None and not row.is_missing
        for value in (*(NamedValue("best", m) for m in row.metrics), *(NamedValue("param", p) for p in row.params)):
            every[value] = every.get(value, 0) + is_live
    assert store.value_names() == sorted(every, key=lambda value: (value.is_param, value.name))
    assert store.value_counts() == every


@given(METRICS, PARAMS)
@settings(max_examples=5)
def test_a_forged_position_is_refused_or_answered_but_never_breaks(store: Store, metric: str, param: str) -> None:
    values = {"metrics": {metric: Series(last=1.0, min=1.0, max=1.0)}, "params": {param: ("x", None)}}
    fill(store, [Row(id=name, **values) for name in "abc"])  # type: ignore[arg-type]
    for value in (NamedValue("max", metric), NamedValue("best", metric), NamedValue("param", param)):
        query = ExperimentQuery(per_page=1, order_by=value)
        cursor = store.find(query).next_cursor
        assert cursor is not None
        fingerprint = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
        for position in (
            "NaN",
            "1e400",
            "9" * 30,
            "true",
            "null",
            '"x"',
            '"\\ud800"',
            "[]",
            "0.5",
            '"' + "x" * 99 + '"',
        ):
            text = base64.urlsafe_b64encode(f'["{fingerprint}", {position}, 0.5, "b"]'.encode()).decode().rstrip("=")
            try:
                page = store.find(replace(query, cursor=text))
            except InvalidQuery as error:
                assert "next_cursor" in str(error)
            else:
                assert page.total == 3


def test_a_filter_and_the_trash_are_looked_at_along_the_way(store: Store) -> None:
    rows = [
        Row(id="a", status="failed", metrics={"acc": Series(last=0.1)}),
        Row(id="b", metrics={"acc": Series(last=0.9)}),
        Row(id="c", status="failed", metrics={"acc": Series(last=0.5)}, deleted_at=1.0),
        Row(id="d", status="failed", metrics={"acc": Series(last=0.7)}),
    ]
    fill(store, rows)
    failed = ExperimentQuery(order_by=ACC, filter=Criteria(((Status(values=("failed",)),),)))
    assert [experiment.id for experiment in store.find(failed).experiments] == ["d", "a"]
    every = replace(failed, include_deleted=True)
    assert [experiment.id for experiment in store.find(every).experiments] == ["d", "c", "a"]
