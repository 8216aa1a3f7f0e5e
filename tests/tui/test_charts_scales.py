from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.scales import log_ticks, tick_labels, ticks

finite = st.floats(min_value=-1e150, max_value=1e150, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 2.5, 5, [0, 0.5, 1.0, 1.5, 2.0, 2.5]),
        (-3, 3, 3, [-2, 0, 2]),
        (0.013, 0.047, 4, [0.02, 0.03, 0.04]),
        (0, 20_000, 4, [0, 5000, 10_000, 15_000, 20_000]),
        (7, 7, 4, [7]),
    ],
)
def test_ticks_are_one_two_or_five_times_a_power_of_ten_apart(low, high, count, expected):
    assert ticks(low, high, count) == expected


def test_an_axis_of_steps_has_no_ticks_between_two_steps():
    assert ticks(0, 3, 10, smallest=1.0) == [0, 1, 2, 3]


@given(finite, finite, st.integers(1, 30))
def test_ticks_are_few_ascending_and_inside_whatever_the_range(a, b, count):
    low, high = min(a, b), max(a, b)
    found = ticks(low, high, count)
    slack = (high - low) * 1e-6
    assert len(found) <= 60
    assert found == sorted(found)
    assert all(low - slack <= value <= high + slack for value in found)


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (1e-4, 1, 5, [1e-4, 1e-3, 1e-2, 0.1, 1]),
        (1e-9, 1e3, 4, [1e-9, 1e-5, 0.1, 1000]),
        (0.2, 0.9, 4, [0.2, 0.5]),
    ],
)
def test_log_ticks_are_powers_of_ten_thinned_or_filled(low, high, count, expected):
    assert log_ticks(low, high, count) == pytest.approx(expected)


@given(st.floats(-290, 149), st.floats(1e-6, 300), st.integers(1, 20))
def test_log_ticks_are_positive_and_few_whatever_the_range(exponent, width, count):
    low, high = 10.0**exponent, 10.0 ** min(150.0, exponent + width)
    found = log_ticks(low, high, count)
    assert len(found) <= 60
    assert all(math.isfinite(value) for value in found)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0, 5000, 10_000], ["0", "5k", "10k"]),
        ([0, 4000, 8000], ["0", "4000", "8000"]),
        ([1_000_000, 1_500_000], ["1.0M", "1.5M"]),
        ([1e-5, 2e-5], ["1e-5", "2e-5"]),
        ([1e20, 2e20], ["1e20", "2e20"]),
        ([1_000_001, 1_000_002], ["1.000001M", "1.000002M"]),
        ([0.01], ["0.01"]),
        ([], []),
    ],
)
def test_labels_share_unit_and_decimals(values, expected):
    assert tick_labels(values) == expected


@given(finite, finite, st.integers(1, 12))
def test_labels_of_different_ticks_differ_and_are_short(a, b, count):
    low, high = min(a, b), max(a, b)
    if high - low <= max(abs(low), abs(high)) * 1e-9:
        return
    labels = tick_labels(ticks(low, high, count))
    assert len(set(labels)) == len(labels)
    assert all(len(label) <= 20 for label in labels)
