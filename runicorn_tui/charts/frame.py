"""Where values stand on the screen, and the axes around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runicorn_tui.charts.axis import Axis, axis_ticks
from runicorn_tui.charts.canvas import Canvas, Span
from runicorn_tui.charts.palette import Color
from runicorn_tui.charts.raster import DOTS, Marker
from runicorn_tui.charts.scales import Tick, labelled, log_ticks, tick_labels, ticks

_ROWS_PER_TICK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of everything but the lines; `background` is what faint lines fade into."""

    axis: Color
    label: Color
    grid: Color
    cursor: Color
    warning: Color
    background: Color


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glyphs:
    """Characters of grid, crosshair and marks; `axes` are those that stand for the ones of plotext."""

    axes: Mapping[str, str] = field(default_factory=dict[str, str])
    grid: str = "┈"
    cursor: str = "│"
    broken: str = "×"
    above: str = "▴"
    below: str = "▾"


_UNICODE = _Glyphs()
_ASCII = _Glyphs(
    axes={"│": "|", "┤": "+", "└": "+", "─": "-", "┬": "+"},
    grid=".",
    cursor="|",
    broken="x",
    above="^",
    below="v",
)


class Frame:
    """A canvas of `columns` by `rows` cells for x from `low` to `high` and y from `bottom` to `top`.

    On a logarithmic axis `bottom` and `top` are exponents of ten. The labels take `left` columns and two rows.
    """

    def __init__(
        self,
        *,
        x: tuple[float, float],
        y: tuple[float, float],
        is_log: bool,
        size: tuple[int, int],
        marker: Marker,
        axis: Axis = "step",
    ) -> None:
        self.low, self.high = x
        self.bottom, self.top = y
        self.width = size[0]
        self.rows = size[1] - 2
        self._marker: Marker = marker
        self._glyphs = _ASCII if marker == "ascii" else _UNICODE
        wanted = max(2, self.rows // _ROWS_PER_TICK)
        y_ticks = _exponents(*y, wanted) if is_log else labelled(ticks(*y, wanted))
        self._y_labels = {self.row(tick): label for tick, label in y_ticks} if self.rows > 0 else {}
        self.left = max(map(len, self._y_labels.values()), default=0) + 1
        self.columns = self.width - self.left
        self._axis: Axis = axis

    def column(self, x: float) -> int:
        """The cell that the line has x in, so that crosshair and ticks meet the line."""
        return _cell((x - self.low) / (self.high - self.low), self.columns, DOTS[self._marker][0])

    def row(self, y: float) -> int:
        """From below."""
        return _cell((y - self.bottom) / (self.top - self.bottom), self.rows, DOTS[self._marker][1])

    def canvas(self, theme: Theme) -> Canvas:
        """With axes and a dotted line at every y tick."""
        canvas = Canvas(
            columns=self.columns,
            rows=self.rows,
            marker=self._marker,
            x_ticks=(self.column(x) for x, _ in self._x_ticks()),
            y_ticks=self._y_labels,
            axis=theme.axis,
        )
        # Every other cell: a whole row of dots would outshine the lines.
        dotted = [(column, row) for row in self._y_labels for column in range(1, self.columns, 2)]
        canvas.add_marks(dotted, self._glyphs.grid, theme.grid)
        return canvas

    def add_cursor(self, canvas: Canvas, x: float | None, theme: Theme) -> None:
        """The crosshair."""
        if x is not None and self.low <= x <= self.high:
            column = self.column(x)
            canvas.add_marks([(column, row) for row in range(self.rows)], self._glyphs.cursor, theme.cursor)

    def add_clipped(self, canvas: Canvas, points: Iterable[tuple[float, float]], theme: Theme) -> None:
        """Where a value lies above or below what is drawn, a sign at that border."""
        places = {(self.column(x), y > self.top) for x, y in points}
        above = [(column, self.rows - 1) for column, is_above in places if is_above]
        below = [(column, 0) for column, is_above in places if not is_above]
        canvas.add_marks(above, self._glyphs.above, theme.warning)
        canvas.add_marks(below, self._glyphs.below, theme.warning)

    def finished(self, canvas: Canvas, broken: Iterable[float], theme: Theme) -> tuple[tuple[Span, ...], ...]:
        """The rows of the canvas; `broken` are the x of values that are not finite, marked on the axis."""
        *rows, axis = canvas.cells()
        axes = self._glyphs.axes
        for cells in rows:
            # plotext has one colour for axes and labels.
            cells[: self.left - 1] = [(sign, theme.label) for sign, _ in cells[: self.left - 1]]
            edge, color = cells[self.left - 1]
            cells[self.left - 1] = (axes.get(edge, edge), color)
        axis = [(axes.get(sign, sign), color) for sign, color in axis]
        for x in broken:
            axis[self.left + self.column(x)] = (self._glyphs.broken, theme.warning)
        return (*map(_joined, rows), _joined(axis), ((self._x_labels(), theme.label),))

    def _x_ticks(self) -> list[Tick]:
        return axis_ticks(self._axis, self.low, self.high, self.columns)

    def _x_labels(self) -> str:
        labels = [" "] * self.width
        free_from = 0
        for x, label in self._x_ticks():
            start = max(0, min(self.width - len(label), self.left + self.column(x) - len(label) // 2))
            if start >= free_from:
                labels[start : start + len(label)] = label
                free_from = start + len(label) + 2
        return "".join(labels)[: self.width]


def _cell(share: float, cells: int, dots: int) -> int:
    return max(0, min(cells - 1, math.floor(0.5 + (cells * dots - 1) * share) // dots))


def _exponents(bottom: float, top: float, count: int) -> list[Tick]:
    values = [value for value in log_ticks(10.0**bottom, 10.0**top, count) if value > 0]
    return [(math.log10(value), tick_labels([value])[0]) for value in values]


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Neighbours of one colour as one span."""
    joined: list[Span] = []
    for text, color in spans:
        if joined and (joined[-1][1] == color or text == " "):
            joined[-1] = (joined[-1][0] + text, joined[-1][1])
        elif text:
            joined.append((text, color))
    return tuple(joined)
