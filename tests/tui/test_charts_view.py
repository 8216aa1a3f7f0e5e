from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.curve import Curve
from runicorn_tui.charts.palette import style
from runicorn_tui.charts.view import CLIPS, MARKERS, SMOOTHINGS, View

EXTENT = (0.0, 1000.0)
LINE = Curve(label="loss", xs=range(1001), ys=[1.0] * 1001, style=style(0))


def test_zooming_in_halves_the_range_around_the_middle():
    assert View().zoomed_in(EXTENT).span(EXTENT) == (250, 750)


def test_zooming_keeps_the_crosshair_where_it_is_on_the_screen():
    low, high = View(cursor=100).zoomed_in(EXTENT).span(EXTENT)
    assert (100 - low) / (high - low) == 0.1


def test_zooming_out_far_enough_is_the_whole_range_again():
    view = View().zoomed_in(EXTENT).zoomed_out(EXTENT)
    assert not view.is_zoomed


def test_zooming_in_stops_before_two_steps():
    view = View()
    for _ in range(40):
        view = view.zoomed_in(EXTENT)
    low, high = view.span(EXTENT)
    assert 2 <= high - low < 4


def test_panning_stops_at_the_ends():
    view = View().zoomed_in(EXTENT)
    for _ in range(10):
        view = view.panned(EXTENT, 1)
    assert view.span(EXTENT) == (500, 1000)
    for _ in range(10):
        view = view.panned(EXTENT, -1)
    assert view.span(EXTENT) == (0, 500)


def test_the_whole_range_cannot_be_panned():
    assert View().panned(EXTENT, 1) == View()


def test_the_crosshair_begins_in_the_middle_and_stays_in_range():
    view = View().pointed(LINE, EXTENT, 1, 10)
    assert view.cursor == 500
    for _ in range(20):
        view = view.pointed(LINE, EXTENT, 1, 10)
    assert view.cursor == 1000


def test_smoothing_marker_and_clipping_come_round_again():
    view = View()
    for _ in SMOOTHINGS:
        view = view.smoother(1)
    for _ in MARKERS:
        view = view.next_marker()
    for _ in CLIPS:
        view = view.next_clip()
    assert view == View()


@given(st.lists(st.sampled_from(["in", "out", "left", "right", "point"]), max_size=40))
def test_no_sequence_of_keys_leaves_the_extent(keys):
    view = View()
    for key in keys:
        match key:
            case "in":
                view = view.zoomed_in(EXTENT)
            case "out":
                view = view.zoomed_out(EXTENT)
            case "left":
                view = view.panned(EXTENT, -1)
            case "right":
                view = view.panned(EXTENT, 1)
            case _:
                view = view.pointed(LINE, EXTENT, 1, 50)
        low, high = view.span(EXTENT)
        assert -1e-6 <= low < high <= 1000 + 1e-6


def test_a_range_at_the_end_follows_it_and_another_stays():
    view = View(low=600, high=1000)
    assert view.followed(EXTENT, (0, 1300)).span(EXTENT) == (900, 1300)
    assert view.panned(EXTENT, -1).followed(EXTENT, (0, 1300)) == view.panned(EXTENT, -1)
    assert View().followed(EXTENT, (0, 1300)) == View()


def test_another_axis_takes_range_and_crosshair_along():
    view = View(low=250, high=750, cursor=500)
    timed = view.on_axis("relative", [0, 1000], [0, 2000])
    assert (timed.axis, timed.low, timed.high, timed.cursor) == ("relative", 500, 1500, 1000)
    assert timed.on_axis("step", [0, 2000], [0, 1000]) == view


def test_a_range_that_is_nothing_on_the_other_axis_is_the_whole_range():
    view = View(low=250, high=750).on_axis("wall", [0, 1000], [5.0, 5.0])
    assert not view.is_zoomed


def test_the_crosshair_stops_only_at_points():
    line = Curve(label="loss", xs=[0, 400, 1000], ys=[1.0, 2.0, 3.0], style=style(0))
    view = View()
    found: list[float | None] = []
    for _ in range(4):
        view = view.pointed(line, EXTENT, 1, 50)
        found.append(view.cursor)
    assert found == [400, 1000, 1000, 1000]
