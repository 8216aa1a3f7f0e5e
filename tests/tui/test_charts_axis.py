from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.axis import carried, placed, steps_between

rows = st.lists(st.tuples(st.integers(0, 1000), st.none() | st.floats(0, 1e6)), max_size=50).map(
    lambda found: sorted(dict(found).items())
)


def test_over_steps_the_points_are_what_was_logged():
    points = placed("step", (1, 2), (0.5, None))
    assert (points.xs, points.ys, points.untimed) == ((1, 2), (0.5, None), 0)


def test_relative_time_begins_at_the_origin_and_leaves_out_what_has_no_time():
    points = placed("relative", (1, 2, 3), (0.1, 0.2, 0.3), (110.0, None, 130.0), 100.0)
    assert (points.xs, points.ys, points.steps) == ([10.0, 30.0], [0.1, 0.3], [1, 3])
    assert points.untimed == 1


def test_steps_that_were_logged_again_later_stand_where_they_were_logged_last():
    points = placed("wall", (1, 2, 3), (0.1, 0.2, 0.3), (50.0, 90.0, 60.0))
    assert (points.xs, points.steps) == ([50.0, 60.0, 90.0], [1, 3, 2])


@given(rows, st.floats(0, 1e6), st.floats(0, 1e6))
def test_no_point_and_no_value_is_lost_but_those_without_a_time(rows, a, b):
    steps, times = [step for step, _ in rows], [time for _, time in rows]
    points = placed("wall", steps, [float(step) for step in steps], times)
    assert points.xs == sorted(points.xs)
    assert points.untimed + len(points.xs) == len(rows)
    assert all(y == step for y, step in zip(points.ys, points.steps, strict=True))
    low, high = min(a, b), max(a, b)
    found = steps_between(points, low, high)
    for step, time in rows:
        if time is not None and low <= time < high:
            assert found is not None
            assert found[0] <= step <= found[1]


def test_a_place_on_one_axis_is_carried_to_the_other_and_back():
    steps, times = [0.0, 10.0, 20.0], [100.0, 101.0, 140.0]
    assert carried(10, steps, times) == 101
    assert carried(15, steps, times) == 120.5
    assert carried(120.5, times, steps) == 15
    assert carried(-5, steps, times) == 100
    assert carried(99, steps, times) == 140
    assert carried(7, [], []) == 7
