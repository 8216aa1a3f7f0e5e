from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from runicorn_tui.charts import canvas as module
from runicorn_tui.charts.canvas import Canvas
from runicorn_tui.charts.raster import DOTS, Stroke

GREY, BLUE, ORANGE = (90, 90, 90), (86, 180, 233), (230, 159, 0)
MARKERS = list(DOTS)


def blank(columns, rows, *, marker="braille", x_ticks=(), y_ticks=None):
    return Canvas(columns=columns, rows=rows, marker=marker, x_ticks=x_ticks, y_ticks=y_ticks or {}, axis=GREY)


def stroke(points, color=BLUE, mark="*"):
    return Stroke(points=points, color=color, mark=mark)


def texts(canvas):
    return ["".join(sign for sign, _ in row) for row in canvas.cells()]


def drawn(points, marker, columns, rows):
    """The cells between the axes."""
    canvas = blank(columns, rows, marker=marker)
    canvas.add_lines([stroke(points)])
    return [text[1:] for text in texts(canvas)[:rows]]


@pytest.fixture(params=["as lines", "as dots"])
def way(request, monkeypatch):
    """Both ways of drawing lines."""
    monkeypatch.setattr(module, "_MOST_LINE_DOTS", 10**9 if request.param == "as lines" else -1)


def test_axes_ticks_and_labels_stand_where_they_were_asked_for():
    canvas = blank(6, 3, x_ticks=[0, 4], y_ticks={0: "0", 2: "10"})
    canvas.add_marks([(0, 0), (5, 2)], "x", ORANGE)
    assert texts(canvas) == ["10┤     x", "  │      ", " 0┤x     ", "  └┬───┬─"]
    assert canvas.cells()[0][-1] == ("x", ORANGE)
    assert canvas.cells()[3][-1] == ("─", GREY)
    assert canvas.cells()[1][-1] == (" ", None)


def test_without_a_tick_the_canvas_is_as_large():
    canvas = blank(6, 3)
    canvas.add_marks([(0, 2)], "x", ORANGE)
    assert texts(canvas) == ["│x     ", "│      ", "│      ", "└──────"]


def test_a_canvas_may_be_larger_than_the_terminal():
    canvas = blank(700, 200)
    canvas.add_marks([(699, 199)], "x", ORANGE)
    rows = texts(canvas)
    assert len(rows) == 201
    assert rows[0].endswith("x")
    assert len(rows[0]) == 701


@pytest.mark.usefixtures("way")
def test_a_rising_line_goes_from_corner_to_corner():
    assert drawn([(0, 0), (1, 1)], "braille", 4, 2) == ["  ⡠⠊", "⡠⠊  "]
    assert drawn([(0, 0), (1, 1)], "blocks", 3, 3) == ["  ▞", " ▞ ", "▞  "]
    assert drawn([(0, 0), (1, 1)], "ascii", 3, 3) == ["  *", " * ", "*  "]


@pytest.mark.usefixtures("way")
def test_a_flat_line_is_one_dot_high_and_a_spike_reaches_the_top():
    assert drawn([(0, 0), (1, 0)], "braille", 3, 2) == ["   ", "⣀⣀⣀"]
    assert drawn([(0, 0), (0.4, 0), (0.4, 1), (0.4, 0), (1, 0)], "ascii", 6, 3) == ["  *   ", "  *   ", "******"]


@pytest.mark.usefixtures("way")
def test_a_gap_breaks_the_line_and_a_lone_point_is_a_dot():
    assert drawn([(0, 0), (0.2, 0), (0.5, None), (0.8, 0), (1, 0)], "ascii", 11, 1) == ["***     ***"]
    assert drawn([(0.5, 0.5)], "ascii", 3, 3) == ["   ", " * ", "   "]


@pytest.mark.usefixtures("way")
def test_the_last_line_is_on_top_of_the_others_and_of_earlier_marks():
    canvas = blank(2, 1, marker="ascii")
    canvas.add_marks([(0, 0), (1, 0)], ".", GREY)
    canvas.add_lines([stroke([(0, 0), (1, 0)]), stroke([(0, 0), (1, 0)], ORANGE, "+")])
    assert canvas.cells()[0][1:] == [("+", ORANGE), ("+", ORANGE)]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_comb_looks_the_same_drawn_as_lines_and_as_dots(marker, monkeypatch):
    width = 20 * DOTS[marker][0]
    points = []
    for tooth in range(width // 2):
        left, right, top = 2 * tooth / (width - 1), (2 * tooth + 1) / (width - 1), 0.3 + 0.7 * (tooth % 3 == 0)
        points += [(left, 0), (left, top), (right, top), (right, 0)]
    pictures = []
    for limit in (10**9, -1):
        monkeypatch.setattr(module, "_MOST_LINE_DOTS", limit)
        pictures.append(drawn(points, marker, 20, 8))
    assert pictures[0] == pictures[1]
    assert "".join(pictures[0]).strip()


def test_what_threads_draw_at_once_does_not_mix():
    def draw(number):
        canvas = blank(30, 6, y_ticks={0: str(number)})
        canvas.add_lines([stroke([(0, number % 7 / 6), (1, number % 5 / 4)], (number, 0, 0))])
        return canvas.cells()

    alone = [draw(number) for number in range(24)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(draw, range(24))) == alone
