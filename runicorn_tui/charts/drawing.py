"""Lines, axes, grid and crosshair as rows of coloured text.

plotext draws the lines alone, on coordinates scaled to 0..1 where none of its failures can occur;
no text of a user ever reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_tui.charts.envelope import Point, clipped, envelope
from runicorn_tui.charts.frame import ASCII_GLYPHS, Canvas, Color, Frame, Glyphs, Span, Theme
from runicorn_tui.charts.series import LARGEST, Series, drawable, extent, smoothed
from runicorn_tui.charts.view import Marker, View

_GLYPHS: dict[Marker, Glyphs] = {
    "braille": Glyphs(dots=(2, 4)),
    "blocks": Glyphs(dots=(2, 2)),
    "ascii": ASCII_GLYPHS,
}
_PLOTEXT_MARKERS: dict[Marker, str] = {"braille": "braille", "blocks": "hd"}
ASCII_MARKS = "*+ox#@%&"
"""The character of each line where colours and braille cannot be trusted."""
_ASCII_FAINT = "."
_PIECE = re.compile(r"\x1b\[38;2;(\d+);(\d+);(\d+)m|\x1b\[0m|([^\x1b]+)")
# More faint lines than this only hide the smoothed ones.
_MOST_FAINT_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """`hidden` finite values in the range could not be drawn; the canvas of `columns` shows the steps of `span`."""

    rows: tuple[tuple[Span, ...], ...]
    hidden: int = 0
    columns: int = 0
    span: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stroke:
    points: list[Point]
    color: Color
    ascii_mark: str


def draw(series: Sequence[Series], view: View, width: int, height: int, theme: Theme) -> Drawing:
    """A chart of exactly `height` rows of `width` columns; no series and no size makes it raise."""
    whole = extent(series)
    if whole is None:
        return _message("nothing to draw", width, height, theme)
    low, high = _widened(*sorted(max(-LARGEST, min(LARGEST, end)) for end in view.span(whole)))
    raw: list[list[Point]] = []
    hidden = 0
    for one in series:
        points, left_out = drawable(one, is_log=view.is_log, low=low, high=high)
        raw.append(points)
        hidden += left_out
    strokes = _strokes(series, raw, (low, high), view, theme)
    bounds = _bounds(strokes, is_log=view.is_log)
    if bounds is None:
        return _message("no value in this range can be drawn", width, height, theme, hidden)
    frame = Frame(x=(low, high), y=bounds, is_log=view.is_log, size=(width, height), glyphs=_GLYPHS[view.marker])
    if frame.columns < 4 or frame.rows < 1:
        return _message("too small", width, height, theme, hidden)
    canvas = _canvas(strokes, frame, view.marker)
    frame.add_grid(canvas, theme)
    frame.add_cursor(canvas, view.cursor, theme)
    broken = [x for one in series for x in one.broken() if low <= x <= high]
    rows = frame.around(canvas, broken, theme)
    return Drawing(rows=rows, hidden=hidden, columns=frame.columns, span=(low, high))


def _strokes(
    series: Sequence[Series], raw: Sequence[list[Point]], span: tuple[float, float], view: View, theme: Theme
) -> list[_Stroke]:
    """What to draw, the last on top: smoothed lines over their faint originals."""
    marks = [ASCII_MARKS[number % len(ASCII_MARKS)] for number in range(len(series))]
    drawn = raw
    strokes: list[_Stroke] = []
    if view.smoothing:
        drawn = [smoothed(points, view.smoothing) for points in raw]
        if len(series) <= _MOST_FAINT_LINES:
            for one, points in zip(series, raw, strict=True):
                color = _faded(one.color, theme.background)
                strokes.append(_Stroke(points=clipped(points, *span), color=color, ascii_mark=_ASCII_FAINT))
    for one, points, mark in zip(series, drawn, marks, strict=True):
        strokes.append(_Stroke(points=clipped(points, *span), color=one.color, ascii_mark=mark))
    return strokes


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, or one around it where it is too narrow for floats to tell points apart."""
    largest = max(abs(low), abs(high))
    if high - low > largest * 1e-9:
        return low, high
    margin = largest * 0.05 or 1.0
    return low - margin, high + margin


def _bounds(strokes: Sequence[_Stroke], *, is_log: bool) -> tuple[float, float] | None:
    values = [y for stroke in strokes for _, y in stroke.points if y is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    if is_log:
        return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)
    # An axis that nearly reaches zero had better begin there.
    if 0 < low < 0.15 * high:
        low = 0.0
    return _widened(low, high)


def _faded(color: Color, background: Color) -> Color:
    red, green, blue = ((a + 2 * b) // 3 for a, b in zip(color, background, strict=True))
    return red, green, blue


def _canvas(strokes: Sequence[_Stroke], frame: Frame, marker: Marker) -> Canvas:
    # Imported late: it takes a fifth of a second, and most sessions begin without a chart.
    from textual_plotext.plot import Plot

    plot = Plot()
    # The public plot_size would cut the canvas to the size of the terminal that this process began in.
    plot._set_size(frame.columns, frame.rows)  # pyright: ignore[reportPrivateUsage]
    plot.frame(False)
    plot.xticks([], [])
    plot.yticks([], [])
    plot.canvas_color("default")
    plot.axes_color("default")
    plot.xlim(0, 1)
    plot.ylim(0, 1)
    width, height = frame.high - frame.low, frame.top - frame.bottom
    for stroke in strokes:
        points = envelope(stroke.points, frame.low, frame.high, frame.columns * frame.glyphs.dots[0])
        xs = [(x - frame.low) / width for x, _ in points]
        ys = [None if y is None else (y - frame.bottom) / height for _, y in points]
        if xs:
            plot.plot(xs, ys, marker=_PLOTEXT_MARKERS.get(marker, stroke.ascii_mark), color=stroke.color)
    return _cells(plot.build(), frame.columns, frame.rows)


def _cells(drawn: str, columns: int, rows: int) -> Canvas:
    """plotext's text with colour sequences as single characters with colours."""
    canvas: Canvas = []
    for line in drawn.split("\n")[:rows]:
        cells: list[Span] = []
        color: Color | None = None
        for piece in _PIECE.finditer(line):
            red, green, blue, text = piece.groups()
            if text is not None:
                cells.extend((character, color) for character in text)
            else:
                color = (int(red), int(green), int(blue)) if red is not None else None
        canvas.append((cells + [(" ", None)] * columns)[:columns])
    return canvas


def _message(text: str, width: int, height: int, theme: Theme, hidden: int = 0) -> Drawing:
    """The sentence in the middle of an empty chart."""
    blank: tuple[Span, ...] = ((" " * max(0, width), None),)
    words: tuple[Span, ...] = ((text[: max(0, width)].center(max(0, width)), theme.label),)
    middle = max(0, height) // 2
    return Drawing(rows=tuple(words if row == middle else blank for row in range(max(0, height))), hidden=hidden)
