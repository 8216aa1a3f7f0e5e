from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources.values import (
    TooDeep,
    clean_value,
    flatten,
    integer_or_none,
    number_or_none,
    tags_in,
    text_or_none,
    time_or_none,
)

texts = st.text(st.characters(exclude_categories=()), max_size=8)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (0, 0.0),
        (1795304858.25, 1795304858.25),
        (253402300799, 253402300799.0),
        (253402300800, None),
        (-0.5, None),
        (math.nan, None),
        (math.inf, None),
        (10**400, None),
        (True, None),
        ("5", None),
        (None, None),
    ],
)
def test_a_time_is_a_number_of_the_years_1970_to_9999(value: object, time: float | None) -> None:
    assert time_or_none(value) == time


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (True, 1.0), (-0.5, -0.5), (math.nan, None), (-math.inf, None), (10**400, None), ("1", None)],
)
def test_only_finite_numbers_are_numbers(value: object, number: float | None) -> None:
    assert number_or_none(value) == number


@pytest.mark.parametrize(
    ("value", "integer"),
    [
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(2**63), -(2**63)),
        (-(2**63) - 1, None),
        (3.0, 3),
        (3.5, None),
        (1e300, None),
        (math.inf, None),
        (False, None),
        ("3", None),
    ],
)
def test_whole_numbers_fit_into_64_bits(value: object, integer: int | None) -> None:
    assert integer_or_none(value) == integer


def test_texts_and_tags_are_clean_and_not_empty() -> None:
    assert text_or_none("a\0") == "a\ufffd"
    assert (text_or_none(""), text_or_none(5), text_or_none(None)) == (None, None, None)
    assert tags_in([" a ", "b\ud800", "", "  ", 5, None, ["c"], "a"]) == {"a", "b\ufffd"}
    assert (tags_in("abc"), tags_in({"a": 1}), tags_in(None)) == (set(), set(), set())


@given(json_values)
def test_a_cleaned_value_can_be_written_by_the_strictest_writer(value: Any) -> None:
    cleaned = clean_value(value)
    written = json.dumps(cleaned, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(written) == cleaned
    assert clean_value(cleaned) == cleaned


def test_large_integers_become_floats_and_those_without_bounds_nothing() -> None:
    assert clean_value([2**63 - 1, 10**20, 10**400, math.nan]) == [2**63 - 1, 1e20, None, None]


def test_deep_values_are_refused_and_shallow_ones_are_not() -> None:
    def nested(depth: int) -> object:
        value: object = 1
        for _ in range(depth):
            value = {"a": value}
        return value

    assert clean_value(nested(32)) == nested(32)
    with pytest.raises(TooDeep):
        clean_value(nested(33))


def test_parameters_are_flattened_with_dots() -> None:
    params = {
        "lr": 0.001,
        "epochs": 10,
        "amp": True,
        "name": "adam",
        "none": None,
        "model": {"depth": 3, "head": {"kind": "mlp"}, "layers": [64, 32], "extra": {}},
    }
    assert flatten(params) == (
        ("lr", "0.001", 0.001),
        ("epochs", "10", 10.0),
        ("amp", "true", 1.0),
        ("name", "adam", None),
        ("none", "null", None),
        ("model.depth", "3", 3.0),
        ("model.head.kind", "mlp", None),
        ("model.layers", "[64, 32]", None),
        ("model.extra", "{}", None),
    )


@given(st.dictionaries(texts, json_values, max_size=5))
def test_flattened_names_are_unique_whatever_the_keys_hold(params: dict[str, Any]) -> None:
    names = [name for name, _, _ in flatten(clean_value(params))]
    assert len(names) == len(set(names))


def test_of_equal_names_the_last_counts() -> None:
    assert flatten({"a.b": 1, "a": {"b": 2}}) == (("a.b", "2", 2.0),)
