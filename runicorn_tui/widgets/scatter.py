"""A dot for each experiment: what it was given, what came out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.message import Message
from textual.strip import Strip

from runicorn_tui.charts.curve import LARGEST, SMALLEST
from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.palette import Color
from runicorn_tui.charts.scales import Tick, labelled, log_ticks, tick_labels, ticks
from runicorn_tui.parameter_leaves import natural
from runicorn_tui.widgets.chart_canvas import ChartCanvas
from runicorn_tui.widgets.line_layout import shortened

Span = tuple[str, Color | None]
_Canvas = list[list[Span]]

_COLUMNS_PER_TICK, _ROWS_PER_TICK = 10, 3
_WIDEST_NAME = 16
# From how many powers of ten on an axis is logarithmic: that is how learning rates are chosen.
_DECADES = 2
_MARGIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One experiment. `x` is a number or a name, None where it has none; so is `y`.

    Those that are compared have a number and a colour, others have none.
    """

    x: float | str | None
    y: float | None
    number: int | None = None
    color: Color | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scattered:
    """A drawing, and how many dots are not to be seen: without a place on the axes, or behind another."""

    rows: tuple[tuple[Span, ...], ...]
    placeless: int = 0
    behind: int = 0
    is_log_x: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glyphs:
    compared: str = "●"
    other: str = "·"
    grid: str = "┈"
    left: str = "│"
    left_tick: str = "┤"
    corner: str = "└"
    below: str = "─"
    below_tick: str = "┬"


_UNICODE = _Glyphs()
_ASCII = _Glyphs(compared="o", other=".", grid=" ", left="|", left_tick="+", corner="+", below="-", below_tick="+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """From `low` to `high`, on a logarithmic one exponents of ten; names stand at 0, 1, 2."""

    low: float
    high: float
    is_log: bool = False
    names: Mapping[str, int] = field(default_factory=dict[str, int])

    def value(self, held: float | str) -> float | None:
        """Where it stands between `low` and `high`; None where it has no place."""
        if self.names:
            return float(self.names[str(held)])
        if isinstance(held, str) or not abs(held) < LARGEST or (self.is_log and held < SMALLEST):
            return None
        return math.log10(held) if self.is_log else held

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def ticks(self, count: int) -> list[Tick]:
        if self.names:
            return [(float(place), shortened(name, _WIDEST_NAME)) for name, place in self.names.items()]
        if self.is_log:
            values = [value for value in log_ticks(10.0**self.low, 10.0**self.high, count) if value > 0]
            return [(math.log10(value), tick_labels([value])[0]) for value in values]
        return labelled(ticks(self.low, self.high, count))


def scatter(dots: Sequence[Dot], *, is_log: bool, is_ascii: bool, size: tuple[int, int], theme: Theme) -> Scattered:
    """Exactly `size` columns and rows; `is_log` is about y. No dot and no size makes it raise."""
    x_axis = _axis([dot.x for dot in dots if dot.x is not None])
    y_axis = _numbers([dot.y for dot in dots if dot.y is not None], is_log=is_log)
    placed = [(dot, *place) for dot in dots if (place := _place(dot, x_axis, y_axis)) is not None]
    placeless = len(dots) - len(placed)
    width, height = size
    if x_axis is None or y_axis is None or not placed:
        return Scattered(rows=_sentence("no experiment has both", width, height, theme), placeless=placeless)
    rows = height - 2
    y_ticks = y_axis.ticks(max(2, rows // _ROWS_PER_TICK))
    left = max((len(label) for _, label in y_ticks), default=0) + 1
    columns = width - left
    if columns < 4 or rows < 1:
        return Scattered(rows=_sentence("too small", width, height, theme), placeless=placeless)
    glyphs = _ASCII if is_ascii else _UNICODE
    canvas: _Canvas = [[(" ", None)] * columns for _ in range(rows)]
    labels = {rows - 1 - _cell(y_axis.share(y), rows): label for y, label in y_ticks}
    for row in labels:
        canvas[row][1::2] = [(glyphs.grid, theme.grid)] * len(canvas[row][1::2])
    cells: dict[tuple[int, int], Dot] = {}
    # Those that are compared are on top.
    for dot, x, y in sorted(placed, key=lambda one: one[0].number is not None):
        cells[rows - 1 - _cell(y, rows), _cell(x, columns)] = dot
    _add_dots(canvas, cells, glyphs, theme)
    lines = [_line(labels.get(number), left, cells, glyphs, theme) for number, cells in enumerate(canvas)]
    below = _below(x_axis, left, columns, glyphs, theme)
    return Scattered(
        rows=(*lines, *below), placeless=placeless, behind=len(placed) - len(cells), is_log_x=x_axis.is_log
    )


def _place(dot: Dot, x_axis: _Axis | None, y_axis: _Axis | None) -> tuple[float, float] | None:
    """How far along both axes, from 0 to 1."""
    if x_axis is None or y_axis is None or dot.x is None or dot.y is None:
        return None
    x, y = x_axis.value(dot.x), y_axis.value(dot.y)
    return None if x is None or y is None else (x_axis.share(x), y_axis.share(y))


def _axis(xs: Sequence[float | str]) -> _Axis | None:
    """Numbers stand where they belong, names side by side in natural order; among names a number is one."""
    if any(isinstance(x, str) for x in xs):
        names = sorted({str(x) for x in xs}, key=natural)
        return _Axis(low=-0.5, high=len(names) - 0.5, names={name: place for place, name in enumerate(names)})
    numbers = [x for x in xs if not isinstance(x, str) and abs(x) < LARGEST]
    is_log = bool(numbers) and min(numbers) >= SMALLEST and max(numbers) / min(numbers) >= 10**_DECADES
    return _numbers(numbers, is_log=is_log)


def _numbers(values: Sequence[float], *, is_log: bool) -> _Axis | None:
    """An axis for those that have a place on it, with a little room at both ends; None without any."""
    found = [value for value in values if abs(value) < LARGEST and (not is_log or value >= SMALLEST)]
    if not found:
        return None
    low, high = min(found), max(found)
    if is_log:
        low, high = math.log10(low), math.log10(high)
    room = (high - low) * _MARGIN
    if room <= max(abs(low), abs(high)) * 1e-9:
        room = max(abs(low), abs(high)) * _MARGIN or 1.0
    return _Axis(low=low - room, high=high + room, is_log=is_log)


def _cell(share: float, cells: int) -> int:
    return max(0, min(cells - 1, int(share * cells)))


def _add_dots(canvas: _Canvas, cells: Mapping[tuple[int, int], Dot], glyphs: _Glyphs, theme: Theme) -> None:
    """Those that are compared with their numbers beside, where no other dot is."""
    for (row, column), dot in cells.items():
        if dot.number is not None:
            for place, digit in enumerate(str(dot.number), column + 1):
                if place < len(canvas[row]):
                    canvas[row][place] = (digit, dot.color)
    for (row, column), dot in cells.items():
        is_compared = dot.number is not None
        glyph = glyphs.compared if is_compared else glyphs.other
        canvas[row][column] = (glyph, dot.color if is_compared else theme.label)


def _line(label: str | None, left: int, cells: Sequence[Span], glyphs: _Glyphs, theme: Theme) -> tuple[Span, ...]:
    edge = glyphs.left if label is None else glyphs.left_tick
    spans: list[Span] = [((label or "").rjust(left - 1), theme.label), (edge, theme.axis)]
    for text, color in cells:
        if spans[-1][1] == color:
            spans[-1] = (spans[-1][0] + text, color)
        else:
            spans.append((text, color))
    return tuple(spans)


def _below(
    axis: _Axis, left: int, columns: int, glyphs: _Glyphs, theme: Theme
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    line, labels, free_from = [glyphs.below] * columns, [" "] * (left + columns), 0
    for value, label in axis.ticks(max(1, columns // _COLUMNS_PER_TICK)):
        column = _cell(axis.share(value), columns)
        line[column] = glyphs.below_tick
        width = cell_len(label)
        start = max(0, min(left + columns - width, left + column - width // 2))
        if start >= free_from:
            # A wide character takes the place of two.
            labels[start : start + width] = [label, *[""] * (width - 1)]
            free_from = start + width + 2
    edge = " " * (left - 1) + glyphs.corner + "".join(line)
    return ((edge, theme.axis),), (("".join(labels), theme.label),)


def _sentence(text: str, width: int, height: int, theme: Theme) -> tuple[tuple[Span, ...], ...]:
    rows: list[tuple[Span, ...]] = [((" " * max(0, width), None),) for _ in range(max(0, height))]
    if rows:
        rows[len(rows) // 2] = ((text[: max(0, width)].center(width), theme.label),)
    return tuple(rows)


class ScatterChart(ChartCanvas):
    """Shows the dots that `show` was last given."""

    class Drawn(Message):
        """A new drawing is on screen."""

        def __init__(self, drawing: Scattered) -> None:
            super().__init__()
            self.drawing = drawing

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._dots: Sequence[Dot] = ()
        self._is_log = self._is_ascii = False

    def show(self, dots: Sequence[Dot], *, is_log: bool, is_ascii: bool) -> None:
        self._dots, self._is_log, self._is_ascii = dots, is_log, is_ascii
        self.request()

    async def draw_once(self) -> None:
        drawing = await asyncio.to_thread(
            scatter,
            self._dots,
            is_log=self._is_log,
            is_ascii=self._is_ascii,
            size=(self.size.width, self.size.height),
            theme=self.theme_colors(),
        )
        self.paint([Strip(line) for line in self.styled(drawing.rows)])
        self.post_message(self.Drawn(drawing))
