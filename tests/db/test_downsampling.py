from __future__ import annotations

import math
import random
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.chunks import Points
from runicorn_db.downsampling import choose_steps, finite, lttb, min_max


def points_of(values: list[float], steps: list[int] | range | None = None) -> Points:
    return Points(array("q", steps or range(len(values))), array("d", values))


finite_values = st.floats(allow_nan=False, allow_infinity=False)
step_lists = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 99), min_size=1, unique=True).map(sorted)


@given(step_lists, st.data())
def test_exactly_as_many_steps_as_fit_with_ends_and_extremes(steps, data):
    columns: list[Points] = []
    for _ in range(data.draw(st.integers(0, 3))):
        at = sorted(data.draw(st.sets(st.sampled_from(steps))))
        columns.append(Points(array("q", at), array("d", [data.draw(finite_values) for _ in at])))
    for limit in range(1, len(steps) + 2):
        chosen = list(choose_steps(array("q", steps), columns, limit))
        assert len(chosen) == min(limit, len(steps))
        assert chosen == sorted(set(chosen) & set(steps))
        assert chosen[-1] == steps[-1]
        assert limit == 1 or chosen[0] == steps[0]
        for points in columns if limit >= 2 + 2 * len(columns) else ():
            if points.values:
                assert points.steps[points.values.index(min(points.values))] in chosen
                assert points.steps[points.values.index(max(points.values))] in chosen


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 500,
        [1e308, -1e308] * 250,
        [5e-324 * (step % 3) for step in range(500)],
        [1e9 + step % 2 for step in range(500)],
        [-math.exp(step / 10) for step in range(500)],
    ],
)
@pytest.mark.parametrize("steps", [range(500), range(-(2**63), -(2**63) + 500 * 2**55, 2**55)])
def test_flat_huge_and_tiny_series_are_chosen_from_as_any_other(values, steps):
    points = points_of(values, steps)
    for limit in (1, 2, 3, 10, 100, 499):
        chosen = lttb(min_max(points, 2 * limit), limit)
        assert len(chosen) == limit
        assert list(chosen) == sorted(set(chosen))
        assert len(choose_steps(points.steps, [points], limit)) == limit


def test_a_spike_of_one_step_survives_among_a_hundred_thousand():
    noise = random.Random(7)
    values = [math.exp(-step / 20_000) + noise.gauss(0, 0.01) for step in range(100_000)]
    for spike in (31_337, 77_777):
        values[spike] += 0.5
    assert {31_337, 77_777} <= set(lttb(min_max(points_of(values), 2000), 1000))


def test_a_zigzag_keeps_both_its_edges():
    values = [float(step % 2) for step in range(10_000)]
    kept = [values[step] for step in lttb(min_max(points_of(values), 200), 100)]
    assert 25 <= sum(kept) <= 75


def test_a_short_column_is_kept_whole_beside_a_long_one():
    long = points_of([math.sin(step / 50) for step in range(20_000)])
    short = points_of([float(step) for step in range(40)], range(0, 20_000, 500))
    chosen = choose_steps(long.steps, [long, short], 200)
    assert set(short.steps) <= set(chosen)


def test_steps_of_non_finite_values_fill_what_is_left():
    steps = array("q", range(1000))
    chosen = choose_steps(steps, [points_of([1.0, 2.0, 0.5], [10, 20, 30])], 100)
    assert len(chosen) == 100
    assert {0, 10, 20, 30, 999} <= set(chosen)
    assert max(b - a for a, b in pairwise(chosen)) < 40


def test_finite_leaves_out_nan_and_infinities_only():
    points = points_of([1.0, math.nan, math.inf, -math.inf, 2.0])
    assert finite(points) == Points(array("q", [0, 4]), array("d", [1.0, 2.0]))
    cancelling = points_of([math.inf, 1.0, -math.inf])
    assert list(finite(cancelling).values) == [1.0]


def test_finite_values_whose_sum_overflows_are_all_kept():
    points = points_of([1e308] * 9)
    assert finite(points) is points
