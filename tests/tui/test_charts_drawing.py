from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_tui.charts.axis import AXES
from runicorn_tui.charts.curve import Curve, Missing, Reading
from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.palette import Style, style
from runicorn_tui.charts.view import CLIPS, MARKERS, SMOOTHINGS, View

THEME = Theme(
    axis=(90, 90, 90),
    label=(150, 150, 150),
    grid=(50, 50, 50),
    cursor=(200, 200, 200),
    warning=(255, 80, 80),
    background=(18, 18, 18),
)
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)


def line(xs, ys, color=BLUE, dash=0):
    return Curve(label="", xs=xs, ys=ys, style=Style(color=color, mark="*", dash=dash))


def curve(ys, *, color=BLUE, stride=1, dash=0):
    return line([stride * x for x in range(len(ys))], ys, color, dash)


def lines_of(drawing: Drawing) -> list[str]:
    return ["".join(text for text, _ in row) for row in drawing.rows]


hostile = st.none() | st.floats() | st.sampled_from([math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, 0.0, -0.0])
points = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.floats(), hostile), max_size=40)
all_curves = st.lists(
    points.map(lambda found: line([x for x, _ in found], [y for _, y in found], ORANGE, len(found) % 3)), max_size=3
)
views = st.builds(
    View,
    low=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    high=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    is_log=st.booleans(),
    smoothing=st.sampled_from(SMOOTHINGS),
    marker=st.sampled_from(MARKERS),
    cursor=st.none() | st.floats(),
    axis=st.sampled_from(AXES),
    clip=st.sampled_from(CLIPS),
)


@settings(max_examples=400)
@given(all_curves, views, st.integers(-1, 60), st.integers(-1, 20))
def test_no_curve_no_view_and_no_size_makes_it_raise(found, view, width, height):
    drawing = draw(found, view, width, height, THEME)
    assert len(drawing.rows) == max(0, height)
    assert all(len(line) == max(0, width) for line in lines_of(drawing))


@settings(max_examples=100)
@given(st.lists(hostile, min_size=1, max_size=60), st.sampled_from(MARKERS), st.booleans())
def test_a_drawing_is_filled_to_the_width_and_free_of_control_characters(ys, marker, is_log):
    drawing = draw([curve(ys)], View(marker=marker, is_log=is_log), 50, 12, THEME)
    assert all(line.isprintable() and len(line) == 50 for line in lines_of(drawing))


def test_ascii_marker_draws_in_ascii_alone():
    drawing = draw([curve([1.0, 5.0, None, 2.0])], View(marker="ascii", cursor=1), 50, 12, THEME)
    assert all(line.isascii() for line in lines_of(drawing))


def test_lines_keep_their_colours_and_a_later_one_lies_on_top():
    drawing = draw([curve([0.0, 1.0]), curve([1.0, 0.0], color=ORANGE)], View(), 40, 10, THEME)
    colors = {color for row in drawing.rows for _, color in row}
    assert {BLUE, ORANGE} <= colors


def test_the_line_begins_at_the_bottom_left_and_ends_at_the_top_right():
    rows = lines_of(draw([curve([0.0, 1.0])], View(), 40, 10, THEME))
    assert rows[7].split("┤")[1][0] != " "
    assert rows[0][-1] != " "


def test_ticks_and_labels_stand_at_the_axes():
    rows = lines_of(draw([curve([0.0, 1.0, 2.0], stride=500)], View(), 60, 14, THEME))
    assert rows[0].startswith("2.0┤")
    assert rows[11].startswith("  0┤")
    assert rows[12].strip().startswith("└┬")
    assert rows[13].split() == ["0", "200", "400", "600", "800", "1000"]


def test_a_value_that_is_not_finite_is_marked_on_the_axis():
    drawing = draw([curve([1.0, 2.0, None, 2.0, 1.0])], View(), 60, 14, THEME)
    assert lines_of(drawing)[12].count("×") == 1
    assert ("×", THEME.warning) in drawing.rows[12]
    assert drawing.missing == Missing()


def test_what_a_logarithmic_axis_cannot_show_is_counted():
    drawing = draw([curve([1.0, 10.0, 0.0, -5.0, 100.0])], View(is_log=True), 60, 14, THEME)
    assert drawing.missing == Missing(not_positive=2)
    assert any(line.lstrip().startswith("10┤") for line in lines_of(drawing))


def test_a_range_without_a_tick_has_its_axis_in_the_same_row():
    rows = lines_of(draw([curve([1.0, 2.0])], View(low=0.2, high=0.8), 60, 14, THEME))
    assert rows[12].strip() == "└" + "─" * (60 - rows[12].index("└") - 1)
    assert not rows[13].strip()


@pytest.mark.parametrize("marker", MARKERS)
def test_a_line_that_goes_up_and_down_everywhere_nearly_fills_the_canvas(marker):
    drawing = draw([curve([0.0, 1.0] * 2000)], View(marker=marker), 100, 30, THEME)
    signs = [sign for line in lines_of(drawing)[:28] for sign in line[100 - drawing.columns :]]
    assert signs.count({"braille": "⣿", "blocks": "█", "ascii": "*"}[marker]) > 0.8 * len(signs)


def test_nothing_to_draw_is_said():
    assert "nothing to draw" in lines_of(draw([], View(), 40, 8, THEME))[4]
    nothing = lines_of(draw([curve([None, math.nan])], View(), 40, 8, THEME))
    assert "no value in this range can be drawn" in nothing[4]


def test_a_constant_lies_in_the_middle():
    rows = lines_of(draw([curve([3.0] * 10)], View(), 40, 11, THEME))
    assert "⠤" in rows[4] or "⠒" in rows[4] or "⣀" in rows[4] or "⠉" in rows[4]


def test_smoothing_draws_the_original_faintly_below():
    plain = draw([curve([0.0, 5.0] * 20)], View(), 60, 14, THEME)
    smooth = draw([curve([0.0, 5.0] * 20)], View(smoothing=0.9), 60, 14, THEME)
    faint = (40, 72, 89)
    assert faint not in {color for row in plain.rows for _, color in row}
    assert {faint, BLUE} <= {color for row in smooth.rows for _, color in row}


def test_the_crosshair_stands_at_its_step():
    drawing = draw([curve([0.0] * 5 + [1.0] * 6)], View(cursor=5), 60, 14, THEME)
    assert any(color == THEME.cursor for row in drawing.rows for _, color in row)
    assert drawing.span == (0, 10)


def test_outliers_are_marked_at_the_border_and_counted():
    ys = [float(x % 5) for x in range(100)]
    ys[50], ys[70] = 1e6, -1e6
    whole = draw([curve(ys)], View(), 60, 14, THEME)
    drawing = draw([curve(ys)], View(clip=0.01), 60, 14, THEME)
    assert whole.missing == Missing()
    assert drawing.missing == Missing(clipped=2)
    assert "▴" in lines_of(drawing)[0]
    assert "▾" in lines_of(drawing)[11]
    assert any(line.lstrip().startswith("2") for line in lines_of(drawing))


def test_a_reading_is_the_last_point_at_the_crosshair_or_at_the_right_edge():
    ys = [1.0, None, 4.0, 9.0]
    at_cursor = draw([curve(ys, stride=10)], View(cursor=25), 60, 14, THEME).readings
    assert at_cursor == (Reading(x=20, step=20, value=4.0),)
    broken = draw([curve(ys, stride=10)], View(cursor=10), 60, 14, THEME).readings
    assert broken == (Reading(x=10, step=10, value=None),)
    at_edge = draw([curve(ys, stride=10)], View(low=0, high=22, smoothing=0.5), 60, 14, THEME).readings
    assert at_edge[0] is not None
    assert (at_edge[0].step, at_edge[0].value) == (20, 4.0)
    assert at_edge[0].smoothed is not None
    assert 1 < at_edge[0].smoothed < 4


def test_on_an_axis_of_time_a_reading_tells_the_step():
    line = Curve(label="", xs=[60.0, 90.0], ys=[1.0, 2.0], steps=[7, 8], style=Style(color=BLUE, mark="*"))
    drawing = draw([line], View(axis="relative"), 60, 14, THEME)
    assert drawing.readings == (Reading(x=90.0, step=8, value=2.0),)
    assert lines_of(drawing)[13].split()[:5] == ["1m", "1m", "05s", "1m", "10s"]


def test_a_smoothed_line_on_a_logarithmic_axis_is_the_mean_of_the_values_not_of_their_logarithms():
    drawing = draw([curve([1.0, 1000.0] * 50)], View(is_log=True, smoothing=0.99), 60, 14, THEME)
    assert drawing.readings[0] is not None
    assert 400 < (drawing.readings[0].smoothed or 0) < 600


def test_lines_beyond_the_number_of_colours_are_broken():
    solid = draw([curve([1.0, 1.0])], View(), 60, 9, THEME)
    dashes = draw([curve([1.0, 1.0], dash=1)], View(), 60, 9, THEME)
    dots = draw([curve([1.0, 1.0], dash=2)], View(), 60, 9, THEME)

    def count(drawing: Drawing) -> int:
        return sum(bin(ord(sign) - 0x2800).count("1") for line in lines_of(drawing) for sign in line if sign > "⠀")

    assert count(solid) > count(dashes) > count(dots) > 10


def test_twenty_lines_have_twenty_styles():
    styles = [style(number) for number in range(20)]
    assert len({(one.color, one.dash) for one in styles}) == 20
    assert len({one.mark for one in styles}) == 20
