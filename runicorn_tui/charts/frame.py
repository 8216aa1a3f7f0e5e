"""Where values stand on the screen, and the axes around them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from runicorn_tui.charts.scales import log_ticks, tick_labels, ticks

Color = tuple[int, int, int]
Span = tuple[str, Color | None]
"""A piece of text in one colour; None where there is nothing but background."""
Canvas = list[list[Span]]
"""Rows of single characters."""

_COLUMNS_PER_TICK = 10
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
class Glyphs:
    """Characters of axes, grid and crosshair; `dots` are the points of a cell, across and down."""

    dots: tuple[int, int]
    left: str = "│"
    left_tick: str = "┤"
    corner: str = "└"
    below: str = "─"
    below_tick: str = "┬"
    grid: str = "┈"
    cursor: str = "│"
    broken: str = "×"


ASCII_GLYPHS = Glyphs(
    dots=(1, 1), left="|", left_tick="+", corner="+", below="-", below_tick="+", grid=".", cursor="|", broken="x"
)


class Frame:
    """A canvas of `columns` by `rows` cells for x from `low` to `high` and y from `bottom` to `top`.

    On a logarithmic axis `bottom` and `top` are exponents of ten. The labels take `left` columns and two rows.
    """

    def __init__(
        self, *, x: tuple[float, float], y: tuple[float, float], is_log: bool, size: tuple[int, int], glyphs: Glyphs
    ) -> None:
        self.low, self.high = x
        self.bottom, self.top = y
        self.width = size[0]
        self.rows = size[1] - 2
        self.glyphs = glyphs
        wanted = max(2, self.rows // _ROWS_PER_TICK)
        self.y_ticks = _exponents(*y, wanted) if is_log else _labelled(ticks(*y, wanted))
        self.left = max((len(label) for _, label in self.y_ticks), default=0) + 1
        self.columns = self.width - self.left

    def column(self, x: float) -> int:
        """The cell that plotext draws x in, so that crosshair and ticks meet the line."""
        return _cell((x - self.low) / (self.high - self.low), self.columns, self.glyphs.dots[0])

    def row(self, y: float) -> int:
        """From the top."""
        return self.rows - 1 - _cell((y - self.bottom) / (self.top - self.bottom), self.rows, self.glyphs.dots[1])

    def add_grid(self, canvas: Canvas, theme: Theme) -> None:
        """A dotted line at every y tick, behind everything."""
        for y, _ in self.y_ticks:
            cells = canvas[self.row(y)]
            # Every other cell: a whole row of dots would outshine the lines.
            for column in range(1, self.columns, 2):
                if cells[column][0] == " ":
                    cells[column] = (self.glyphs.grid, theme.grid)

    def add_cursor(self, canvas: Canvas, x: float | None, theme: Theme) -> None:
        """The crosshair, behind the lines."""
        if x is None or not self.low <= x <= self.high:
            return
        column = self.column(x)
        for cells in canvas:
            if cells[column][0] in (" ", self.glyphs.grid):
                cells[column] = (self.glyphs.cursor, theme.cursor)

    def around(self, canvas: Canvas, broken: Iterable[float], theme: Theme) -> tuple[tuple[Span, ...], ...]:
        """The canvas with its axes; `broken` are the x of values that are not finite, marked on the axis."""
        labels = {self.row(y): label for y, label in self.y_ticks}
        rows: list[tuple[Span, ...]] = []
        for number, cells in enumerate(canvas):
            label = labels.get(number, "").rjust(self.left - 1)
            edge = self.glyphs.left_tick if number in labels else self.glyphs.left
            rows.append(_joined([(label, theme.label), (edge, theme.axis), *cells]))
        return (*rows, *self._below(broken, theme))

    def _below(self, broken: Iterable[float], theme: Theme) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        axis: list[Span] = [(self.glyphs.below, theme.axis)] * self.columns
        labels = [" "] * self.width
        free_from = 0
        values = ticks(self.low, self.high, max(1, self.columns // _COLUMNS_PER_TICK), smallest=1.0)
        for x, label in _labelled(values):
            column = self.column(x)
            axis[column] = (self.glyphs.below_tick, theme.axis)
            start = max(0, min(self.width - len(label), self.left + column - len(label) // 2))
            if start >= free_from:
                labels[start : start + len(label)] = label
                free_from = start + len(label) + 2
        for x in broken:
            axis[self.column(x)] = (self.glyphs.broken, theme.warning)
        corner: list[Span] = [(" " * (self.left - 1), None), (self.glyphs.corner, theme.axis)]
        return _joined([*corner, *axis]), (("".join(labels)[: self.width], theme.label),)


def _cell(share: float, cells: int, dots: int) -> int:
    return max(0, min(cells - 1, math.floor(0.5 + (cells * dots - 1) * share) // dots))


def _labelled(values: list[float]) -> list[tuple[float, str]]:
    return list(zip(values, tick_labels(values), strict=True))


def _exponents(bottom: float, top: float, count: int) -> list[tuple[float, str]]:
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
