"""plotext behind a canvas of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from runicorn_tui.charts.palette import Color
from runicorn_tui.charts.raster import DOTS, Dot, Marker, Stroke, dots_of_lines, visible

Span = tuple[str, Color | None]
"""A piece of text in one colour; None where there is nothing but background."""

_PLOTEXT_MARKERS: dict[Marker, str] = {"braille": "braille", "blocks": "hd"}
# plotext takes some microseconds for each dot of a line, and noisy lines have tens of thousands.
_MOST_LINE_DOTS = 2000


class Canvas:
    """`columns` by `rows` cells, an axis with labels on the left of them, another below; later marks lie on top.

    plotext gets numbers from 0 to 1, with which none of its failures (infinite, huge and denormal numbers, logarithms)
    can occur, and no text of a user.
    """

    def __init__(
        self,
        *,
        columns: int,
        rows: int,
        marker: Marker,
        x_ticks: Iterable[int],
        y_ticks: Mapping[int, str],
        axis: Color,
    ) -> None:
        """`x_ticks` are columns, `y_ticks` rows counted from below and their labels."""
        # Imported late: it takes a fifth of a second, and most sessions begin without a chart.
        from textual_plotext.plot import Plot

        self.columns, self.rows = columns, rows
        self._marker: Marker = marker
        # A figure of its own: plotext's global one would mix what two threads draw. What is typed of it is not enough.
        self._plot: Any = Plot()
        self._plot.xaxes(True, False)
        self._plot.yaxes(True, False)
        self._plot.canvas_color("default")
        self._plot.axes_color("default")
        self._plot.ticks_color(axis)
        self._plot.xlim(0, 1)
        self._plot.ylim(0, 1)
        left = max(map(len, y_ticks.values()), default=0) + 1
        self._plot.yticks([_share(row, rows) for row in y_ticks], list(y_ticks.values()))
        ticks = sorted(set(x_ticks))
        # Without labels: plotext places them in the order of a set and leaves out what has no room left.
        self._plot.xticks([_share(column, columns) for column in ticks], [""] * len(ticks))
        # The public plot_size would cut the canvas to the size of the terminal that this process began in.
        self._plot._set_size(left + columns, rows + (2 if ticks else 1))

    def add_marks(self, cells: Iterable[Dot], mark: str, color: Color) -> None:
        """One character in each of these cells, (column, row from below)."""
        places = list(cells)
        self._scatter(places, [mark] * len(places), color)

    def add_lines(self, strokes: Sequence[Stroke]) -> None:
        """As lines, or, where that would be slow, as what can be seen of them in each cell."""
        across, up = DOTS[self._marker]
        size = (self.columns * across, self.rows * up)
        if dots_of_lines(strokes, *size) <= _MOST_LINE_DOTS:
            for stroke in strokes:
                self._add_line(stroke)
            return
        for stroke, seen in zip(strokes, visible(strokes, self._marker, self.columns, self.rows), strict=True):
            marks = [stroke.mark if up == 1 else _sign(left, right, up) for left, right in seen.values()]
            self._scatter(list(seen), marks, stroke.color)

    def _add_line(self, stroke: Stroke) -> None:
        if stroke.points:
            xs, ys = zip(*stroke.points, strict=True)
            marker = _PLOTEXT_MARKERS.get(self._marker, stroke.mark)
            self._plot.plot(list(xs), list(ys), marker=marker, color=stroke.color)

    def _scatter(self, cells: Sequence[Dot], marks: list[str], color: Color) -> None:
        if cells:
            xs = [_share(column, self.columns) for column, _ in cells]
            ys = [_share(row, self.rows) for _, row in cells]
            self._plot.scatter(xs, ys, marker=marks, color=color)

    def cells(self) -> list[list[Span]]:
        """Rows of single characters from above, the axes included; x ticks have no labels."""
        # Not build(): it would also write them as text with colour sequences, to be read again.
        self._plot._set_sizes()
        self._plot._build_matrix()
        matrix = self._plot.monitor.matrix
        found: list[list[Span]] = [
            [(sign, color if isinstance(color, tuple) else None) for sign, color in zip(signs, colors, strict=True)]
            for signs, colors in zip(reversed(matrix.marker), reversed(matrix.fullground), strict=True)
        ]
        return found[: self.rows + 1]


def _share(place: int, count: int) -> float:
    return place / max(1, count - 1)


@cache
def _sign(left: int, right: int, up: int) -> str:
    """plotext's character for the dots in the left and in the right half of a cell `up` dots high."""
    from plotext import _utility  # pyright: ignore[reportMissingTypeStubs, reportPrivateUsage]

    plotext: Any = _utility
    return plotext.get_hd_marker(tuple(half >> y & 1 for y in reversed(range(up)) for half in (left, right)))
