from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.named_values import NamedValue
from runicorn_db.query import ORDER_FIELDS, Experiment
from runicorn_tui.format import DASH
from runicorn_tui.widgets.experiment_columns import (
    DEFAULT,
    FURTHER,
    ORDER_COLUMNS,
    ColumnChoice,
    column_id_of,
    column_of,
    columns,
    order_name,
    order_of,
)
from runicorn_tui.widgets.line_layout import fit
from tests.db.strategies import NAMED_VALUES

ACC, LR = NamedValue("max", "acc"), NamedValue("param", "lr")
COLUMNS = st.sampled_from((*DEFAULT, *FURTHER)) | NAMED_VALUES


@st.composite
def choices(draw: st.DrawFn) -> ColumnChoice:
    """Made as a person makes one: column by column."""
    choice = ColumnChoice()
    for column, by in draw(st.lists(st.tuples(COLUMNS, st.integers(-3, 3)), max_size=20)):
        choice = choice.moved(column, by) if by else choice.toggled(column)
    return choice


def test_a_metric_is_added_beside_the_best_value_and_the_next_one_after_it() -> None:
    choice = ColumnChoice().toggled(ACC).toggled(LR)
    assert choice.shown[3:6] == ("best", ACC, LR)
    assert choice.values == (ACC, LR)
    assert choice.toggled(ACC).toggled(LR) == ColumnChoice()


def test_a_column_that_was_hidden_comes_back_as_the_last() -> None:
    choice = ColumnChoice().toggled("status")
    assert "status" not in choice.shown
    assert choice.toggled("status").shown[-1] == "status"


def test_the_name_is_never_hidden_and_stays_first() -> None:
    assert ColumnChoice().toggled("name") == ColumnChoice()
    assert ColumnChoice().moved("name", 1) == ColumnChoice()
    assert ColumnChoice().moved("project", -5) == ColumnChoice()


def test_a_column_moves_as_far_as_there_are_places() -> None:
    assert ColumnChoice().moved("project", 1).shown[:3] == ("name", "status", "project")
    assert ColumnChoice().moved("project", 99).shown[-1] == "project"
    assert ColumnChoice().moved("ended", 1) == ColumnChoice()


def test_forty_metrics_and_parameters_are_the_most() -> None:
    choice = ColumnChoice()
    for number in range(50):
        choice = choice.toggled(NamedValue("param", f"p{number}"))
    assert len(choice.values) == 40
    assert ColumnChoice.of_ids([f"param:p{number}" for number in range(50)]).values == choice.values


@given(choices())
def test_ids_give_back_the_choice(choice: ColumnChoice) -> None:
    assert ColumnChoice.of_ids(choice.ids()) == choice
    assert choice.shown[0] == "name"
    assert len(set(choice.shown)) == len(choice.shown)


@pytest.mark.parametrize("text", ["", "nothing", "worst:acc", "max:", ":", "max:\udcff"])
def test_what_nobody_knows_is_left_out(text: str) -> None:
    assert column_of(text) is None
    assert ColumnChoice.of_ids([text, "age", "age"]).shown == ("name", "age")


@given(NAMED_VALUES)
def test_every_metric_and_parameter_can_be_ordered_by(value: NamedValue) -> None:
    assert order_of(column_id_of(value)) == value
    assert order_name(value) == str(value)


def test_every_order_has_a_column_that_shows_it() -> None:
    assert set(ORDER_COLUMNS) == set(ORDER_FIELDS)
    assert all(order_of(column_id_of(order)) == order for order in ORDER_FIELDS)
    assert order_of("tags") is None
    assert [column.id for column in columns(lambda: 0.0, FURTHER)] == list(FURTHER)


@pytest.mark.parametrize("width", [9, 14])
def test_a_long_number_keeps_its_exponent_in_a_narrow_column(width: int) -> None:
    (column,) = columns(lambda: 0.0, [LR])
    row = experiment(values={LR: 1.0017127e-06})
    assert fit(column.text(row), width, is_right=True).strip() in ("1.0017e-6", "1.0017127e-06")


def test_a_running_experiment_shows_the_time_so_far_and_its_best_as_not_final() -> None:
    duration, best = columns(lambda: 0.0, ["duration", "best"])
    running = experiment(status="running", created_at=100.0, started_at=160.0, updated_at=160.0 + 9420)
    assert duration.text(running) == "2h 37m"
    assert duration.text(replace(running, status="failed")) == DASH
    assert callable(best.tone)
    assert best.tone(running) == "muted"
    assert best.tone(replace(running, status="finished")) == "plain"


def experiment(**facts: Any) -> Experiment:
    """With these facts, and as few others as there may be."""
    least: dict[str, Any] = {"status": "finished", "created_at": 0.0, "updated_at": 0.0}
    return Experiment(id="a", project="p", name="n", **{**least, **facts})
