from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.series import Series
from runicorn_tui.charts.view import MARKERS, SMOOTHINGS, View

THEME = Theme(
    axis=(90, 90, 90),
    label=(150, 150, 150),
    grid=(50, 50, 50),
    cursor=(200, 200, 200),
    warning=(255, 80, 80),
    background=(18, 18, 18),
)
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)


def series(ys, *, color=BLUE, stride=1):
    return Series(xs=[stride * x for x in range(len(ys))], ys=ys, color=color)


def lines_of(drawing: Drawing) -> list[str]:
    return ["".join(text for text, _ in row) for row in drawing.rows]


hostile = st.none() | st.floats() | st.sampled_from([math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, 0.0, -0.0])
points = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1) | st.floats(), hostile), max_size=40)
all_series = st.lists(
    points.map(lambda found: Series(xs=[x for x, _ in found], ys=[y for _, y in found], color=ORANGE)), max_size=3
)
views = st.builds(
    View,
    low=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    high=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    is_log=st.booleans(),
    smoothing=st.sampled_from(SMOOTHINGS),
    marker=st.sampled_from(MARKERS),
    cursor=st.none() | st.floats(),
)


@settings(max_examples=400, deadline=None)
@given(all_series, views, st.integers(-1, 60), st.integers(-1, 20))
def test_no_series_no_view_and_no_size_makes_it_raise(found, view, width, height):
    drawing = draw(found, view, width, height, THEME)
    assert len(drawing.rows) == max(0, height)
    assert all(len(line) == max(0, width) for line in lines_of(drawing))


@settings(max_examples=100, deadline=None)
@given(st.lists(hostile, min_size=1, max_size=60), st.sampled_from(MARKERS), st.booleans())
def test_a_drawing_is_filled_to_the_width_and_free_of_control_characters(ys, marker, is_log):
    drawing = draw([series(ys)], View(marker=marker, is_log=is_log), 50, 12, THEME)
    assert all(line.isprintable() and len(line) == 50 for line in lines_of(drawing))


def test_ascii_marker_draws_in_ascii_alone():
    drawing = draw([series([1.0, 5.0, None, 2.0])], View(marker="ascii", cursor=1), 50, 12, THEME)
    assert all(line.isascii() for line in lines_of(drawing))


def test_lines_keep_their_colours_and_a_later_one_lies_on_top():
    drawing = draw([series([0.0, 1.0]), series([1.0, 0.0], color=ORANGE)], View(), 40, 10, THEME)
    colors = {color for row in drawing.rows for _, color in row}
    assert {BLUE, ORANGE} <= colors


def test_the_line_begins_at_the_bottom_left_and_ends_at_the_top_right():
    rows = lines_of(draw([series([0.0, 1.0])], View(), 40, 10, THEME))
    assert rows[7].split("┤")[1][0] != " "
    assert rows[0][-1] != " "


def test_ticks_and_labels_stand_at_the_axes():
    rows = lines_of(draw([series([0.0, 1.0, 2.0], stride=500)], View(), 60, 14, THEME))
    assert rows[0].startswith("2.0┤")
    assert rows[11].startswith("  0┤")
    assert rows[12].strip().startswith("└┬")
    assert rows[13].split() == ["0", "200", "400", "600", "800", "1000"]


def test_a_value_that_is_not_finite_is_marked_on_the_axis():
    drawing = draw([series([1.0, 2.0, None, 2.0, 1.0])], View(), 60, 14, THEME)
    assert lines_of(drawing)[12].count("×") == 1
    assert ("×", THEME.warning) in drawing.rows[12]
    assert drawing.hidden == 0


def test_what_a_logarithmic_axis_cannot_show_is_counted():
    drawing = draw([series([1.0, 10.0, 0.0, -5.0, 100.0])], View(is_log=True), 60, 14, THEME)
    assert drawing.hidden == 2
    assert any(line.lstrip().startswith("10┤") for line in lines_of(drawing))


def test_nothing_to_draw_is_said():
    assert "nothing to draw" in lines_of(draw([], View(), 40, 8, THEME))[4]
    nothing = lines_of(draw([series([None, math.nan])], View(), 40, 8, THEME))
    assert "no value in this range can be drawn" in nothing[4]


def test_a_constant_lies_in_the_middle():
    rows = lines_of(draw([series([3.0] * 10)], View(), 40, 11, THEME))
    assert "⠤" in rows[4] or "⠒" in rows[4] or "⣀" in rows[4] or "⠉" in rows[4]


def test_smoothing_draws_the_original_faintly_below():
    plain = draw([series([0.0, 5.0] * 20)], View(), 60, 14, THEME)
    smooth = draw([series([0.0, 5.0] * 20)], View(smoothing=0.9), 60, 14, THEME)
    faint = (40, 72, 89)
    assert faint not in {color for row in plain.rows for _, color in row}
    assert {faint, BLUE} <= {color for row in smooth.rows for _, color in row}


def test_the_crosshair_stands_at_its_step():
    drawing = draw([series([0.0] * 5 + [1.0] * 6)], View(cursor=5), 60, 14, THEME)
    assert any(color == THEME.cursor for row in drawing.rows for _, color in row)
    assert drawing.span == (0, 10)
