"""Rows of the index as objects."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path

import pytest

from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row


@pytest.fixture
def row(tmp_path: Path) -> Experiment:
    with Store(tmp_path / "index.db") as store:
        model.add_roots(store, tmp_path)
        model.insert(store, [Row(id="a", best_metric_value=0.5, tags=("x", "y"), description="d", pid=7)])
        (found,) = store.find(ExperimentQuery()).experiments
    return found


def test_a_row_that_was_read_is_like_one_that_was_made(row: Experiment) -> None:
    made = Experiment(**asdict(row))
    assert type(row) is Experiment
    assert (row, hash(row), repr(row)) == (made, hash(made), repr(made))
    assert replace(row, name="b") == replace(made, name="b") != row


def test_a_row_that_was_read_cannot_be_changed(row: Experiment) -> None:
    with pytest.raises(FrozenInstanceError):
        row.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del row.name  # type: ignore[misc]
    assert row.name == "resnet"
