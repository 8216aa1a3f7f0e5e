from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_api.json_body import read_json, to_json
from runicorn_db.errors import InvalidQuery

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


def refuse(constant: str) -> None:
    raise AssertionError(constant)


@given(VALUES)
def test_whatever_is_written_is_strict_json_in_utf8(value: object) -> None:
    json.loads(to_json(value).decode("utf-8"), parse_constant=refuse)


def test_non_finite_numbers_are_null() -> None:
    assert to_json([math.nan, math.inf, -math.inf, 1e308]) == b"[null,null,null,1e308]"


def test_lone_surrogates_become_replacement_characters_everywhere() -> None:
    value = {"a\udcff": ["\ud800x", ("ok \U0001f600", {"\udfff": 1})]}
    assert json.loads(to_json(value)) == {"a\ufffd": ["\ufffdx", ["ok \U0001f600", {"\ufffd": 1}]]}


def test_floats_keep_every_digit() -> None:
    assert json.loads(to_json(1704067200.1234567)) == 1704067200.1234567


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value: object) -> None:
    text = to_json(value)
    assert to_json(read_json(text)) == text


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "Expecting value at line 1, column 1"),
        (b"{", "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"[1] x", "Extra data at line 1, column 5"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"1e999", "the number '1e999' is too large"),
        (b"-1e999", "the number '-1e999' is too large"),
        (b"9" * 5000, "the number '" + "9" * 64 + "…' is too large"),
        (b"[-1" + b"0" * 309 + b"]", "the number '-1" + "0" * 62 + "…' is too large"),
        (b"\xef\xbb\xbf{}", "it begins with a byte order mark"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b'"\\ud800"', "a lone surrogate in a string"),
        (b'{"\\udfff": 1}', "a lone surrogate in a string"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'{"a": 1, "a": 1}', "'a' is given twice"),
        (b'[{"\\u001b": {"x": 1, "x": 2}}]', "'x' is given twice"),
        (b'"a\nb"', "Invalid control character at"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_careful_json_is_refused_with_a_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        read_json(body)
    assert str(error.value).startswith("Invalid JSON: " + sentence)
