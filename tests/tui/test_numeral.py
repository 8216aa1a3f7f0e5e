from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.numeral import Numeral


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("1.0017127e-06", 14, "1.0017127e-06"),
        ("1.0017127e-06", 9, "1.0017e-6"),
        ("1.0017127e-06", 6, "1e-06"),
        ("1.0017127e-06", 4, "1e-6"),
        ("-1.20e-05", 8, "-1.2e-05"),
        ("0.30000000000000004", 9, "0.3"),
        ("0.12345678901", 9, "0.1234568"),
        ("1234567890123", 9, "1.2346e12"),
        ("1,234,567", 8, "1234567"),
        ("9" * 400, 9, "1.000e400"),
        ("1e-300", 3, "…"),
        ("1e-300", 0, ""),
    ],
)
def test_a_number_without_room_has_fewer_digits_and_keeps_its_exponent(text: str, width: int, shown: str) -> None:
    assert Numeral(text).within(width) == shown


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(8, 24))
def test_what_is_shown_of_a_number_is_the_number_but_for_digits(value: float, width: int) -> None:
    shown = Numeral(json.dumps(value)).within(width)
    assert len(shown) <= width
    assert math.isclose(float(shown), value, rel_tol=0.5, abs_tol=5e-324) or math.isinf(float(shown))


@given(st.integers())
def test_a_whole_number_is_never_cut(value: int) -> None:
    shown = Numeral(value).within(9)
    assert len(shown) <= 9
    assert math.isclose(float(shown), value, rel_tol=0.01)
