from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ExperimentQuery
from tests.db.strategies import NAMED_VALUES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("acc", NamedValue("best", "acc")),
        ("last.acc", NamedValue("last", "acc")),
        ("min.val/loss", NamedValue("min", "val/loss")),
        ("max.max.acc", NamedValue("max", "max.acc")),
        ("param.model.size", NamedValue("param", "model.size")),
        ("val.acc", NamedValue("best", "val.acc")),
        ("Max.acc", NamedValue("best", "Max.acc")),
        ("学习", NamedValue("best", "学习")),
    ],
)
def test_a_name_means_what_it_means_in_a_filter(text: str, value: NamedValue) -> None:
    assert NamedValue.parse(text) == value
    assert str(value) == text


@given(NAMED_VALUES)
def test_what_is_written_is_read(value: NamedValue) -> None:
    assert NamedValue.parse(str(value)) == value


@pytest.mark.parametrize("text", ["", "max.", "param.", "\udcff"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        NamedValue.parse(text)


@given(st.sampled_from(["max.acc", "param.lr", "acc"]))
def test_a_text_is_never_an_order_by_a_metric(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"order_by must be one of created_at, .*size_bytes, not"):
        ExperimentQuery(order_by=text)  # type: ignore[arg-type]
