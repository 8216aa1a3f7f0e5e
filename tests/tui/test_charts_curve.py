from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.curve import (
    LARGEST,
    Curve,
    Missing,
    drawable,
    outlier_bounds,
    smoothed,
    smoothing_unit,
)
from runicorn_tui.charts.palette import style

finite = st.floats(-1e6, 1e6)
columns = st.lists(st.lists(finite, max_size=200), max_size=4)


def curve(xs, ys):
    return Curve(label="loss", xs=xs, ys=ys, style=style(0))


def test_values_that_cannot_be_drawn_are_counted_and_break_the_line():
    points = list(zip((1, 2, 3, 4, 5, 6), (1.0, None, 1e200, 5e-324, -1e151, math.inf), strict=True))
    found, missing = drawable(points, is_log=False)
    assert found == [(1, 1.0), (2, None), (3, None), (4, 0.0), (5, None), (6, None)]
    assert missing == Missing(beyond=2, flattened=1)


def test_a_logarithmic_axis_leaves_out_zero_and_less_and_counts_them():
    points = [(1, 100.0), (2, 0.0), (3, -1.0), (4, 5e-324)]
    found, missing = drawable(points, is_log=True)
    assert found == [(1, 2.0), (2, None), (3, None), (4, None)]
    assert missing == Missing(not_positive=2, beyond=1)
    assert drawable(points, is_log=True, low=0, high=2)[1] == Missing(not_positive=1)


@given(st.lists(st.tuples(st.floats(), st.none() | st.floats()), max_size=60), st.booleans())
def test_each_finite_value_is_drawn_or_counted(points, is_log):
    found, missing = drawable(points, is_log=is_log)
    placeable = [(x, y) for x, y in points if abs(x) < LARGEST]
    logged = sum(y is not None and math.isfinite(y) for _, y in placeable)
    assert len(found) == len(placeable)
    assert sum(y is not None for _, y in found) + missing.beyond + missing.not_positive == logged
    assert all(y is None or abs(y) < LARGEST for _, y in found)


def test_smoothing_begins_at_the_first_value_and_keeps_gaps():
    assert smoothed([(0, 4.0), (1, None), (2, 4.0)], 0.9) == [(0, 4.0), (1, None), (2, 4.0)]
    rising = smoothed([(step, float(step)) for step in range(5)], 0.5)
    assert rising[0] == (0, 0.0)
    assert all(y is not None and y < x for x, y in rising[1:])


def test_smoothing_of_every_point_is_the_exponential_moving_average_corrected_for_its_start():
    values = [3.0, -1.0, 4.0, 1.0, -5.0]
    total = share = 0.0
    expected: list[float] = []
    for value in values:
        total, share = 0.8 * total + 0.2 * value, 0.8 * share + 0.2
        expected.append(total / share)
    assert [y for _, y in smoothed(list(enumerate(values)), 0.8, 1.0)] == pytest.approx(expected)


@given(st.lists(finite, min_size=1, max_size=60), st.floats(0.01, 0.99), st.floats(0.01, 100))
def test_a_smoothed_value_lies_between_the_values_before_it(values, weight, unit):
    for count, (_, y) in enumerate(smoothed(list(enumerate(values)), weight, unit), 1):
        assert y is not None
        assert min(values[:count]) - 1e-6 <= y <= max(values[:count]) + 1e-6


def test_reading_fewer_points_hardly_changes_what_is_smoothed():
    every = [(float(x), math.sin(x / 4000)) for x in range(100_001)]
    unit = smoothing_unit(0, 100_000, len(every))
    whole = dict(smoothed(every, 0.9, unit))
    for x, y in smoothed(every[::50], 0.9, unit)[20:]:
        assert y == pytest.approx(whole[x], abs=0.02)


def test_a_short_series_is_smoothed_point_by_point_and_a_long_one_by_the_thousandth():
    assert smoothing_unit(0, 99, 100) == 1
    assert smoothing_unit(0, 1e6, 1_000_001) == 1000
    assert smoothing_unit(5, 5, 1) == 0


def test_two_points_at_one_place_are_smoothed_without_a_division_by_zero():
    assert smoothed([(1.0, 2.0), (1.0, 8.0)], 0.9, 0.0) == [(1.0, 2.0), (1.0, pytest.approx(5.16, abs=0.01))]
    assert smoothed([(1.0, 2.0), (1.0, 8.0)], 0.9, 1.0) == [(1.0, 2.0), (1.0, 2.0)]


def test_an_outlier_is_outside_and_the_rest_inside():
    assert outlier_bounds([[0.0, 1.0, 2.0, 3.0, 1e9]], 0.01) == (0.0, 4.0)
    assert outlier_bounds([[]], 0.01) is None


@given(st.integers(2, 500), finite, st.floats(1, 100), st.sampled_from([0.01, 0.05]))
def test_a_straight_line_has_no_outliers(count, begin, slope, share):
    column = [begin + slope * x for x in range(count)]
    low, high = outlier_bounds([column], share) or (0.0, 0.0)
    assert all(low - 1e-6 <= value <= high + 1e-6 for value in column)


@given(columns, st.sampled_from([0.01, 0.05]))
def test_few_values_lie_outside_and_the_bounds_inside_the_values(columns, share):
    bounds = outlier_bounds(columns, share)
    values = [value for column in columns for value in column]
    if bounds is None:
        assert not values
        return
    low, high = bounds
    assert min(values) <= low <= high <= max(values)
    most = sum(2 * math.ceil(share * len(column)) for column in columns)
    assert sum(not low <= value <= high for value in values) <= most


def test_the_point_under_the_crosshair_is_the_last_one_before_it():
    line = curve((10, 20, 30), (1.0, None, 3.0))
    assert [line.index_near(x) for x in (25, 30, 0, 99)] == [1, 2, 0, 2]
    assert curve((), ()).index_near(0) is None


def test_the_crosshair_goes_on_to_a_point_that_is_there():
    line = curve((10, 20, 30), (1.0, None, 3.0))
    assert [line.next_x(10, distance) for distance in (1, 10, 11, 99)] == [20, 20, 30, 30]
    assert [line.next_x(30, distance) for distance in (-1, -10, -11, -99)] == [20, 20, 10, 10]
    assert curve((), ()).next_x(5, 1) == 5
