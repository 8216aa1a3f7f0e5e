"""Small charts side by side, one of them chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from runicorn_tui import format
from runicorn_tui.charts.curve import NOTHING_MISSING, Curve, Missing
from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.charts.frame import Theme
from runicorn_tui.charts.palette import Color
from runicorn_tui.charts.tiling import Tiling, tiling
from runicorn_tui.charts.view import View
from runicorn_tui.widgets.chart_canvas import ChartCanvas
from runicorn_tui.widgets.line_table import fit

_VALUE_WIDTH = 9
_LEAST_LABEL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One small chart. `value` stands in its title; `swatch` is how it is marked for an overlay."""

    label: str
    curve: Curve | None
    value: float | None
    not_finite: int = 0
    swatch: str = ""
    color: Color | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    cells: Sequence[Cell]
    tiling: Tiling
    chosen: int
    view: View


@dataclass(frozen=True, slots=True)
class _Picture:
    """A drawing and what it was made of."""

    made_of: tuple[Curve | None, View, tuple[int, int], Theme]
    drawing: Drawing


class ChartGrid(ChartCanvas):
    """Shows the cells of one page; a cell is drawn again only when its curve or the view is another."""

    DEFAULT_CSS = """
    ChartGrid {
        & > .grid--title { color: $foreground; background: $surface; }
        & > .grid--chosen { color: $foreground; background: $cursor; text-style: bold; }
        & > .grid--muted { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--title", "grid--chosen", "grid--muted"}

    class Drawn(Message):
        """All cells are on screen; `missing` is what their drawings lack together."""

        def __init__(self, missing: Missing) -> None:
            super().__init__()
            self.missing = missing

    class Clicked(Message):
        """A click on the cell at `place`; `is_double` the second of two."""

        def __init__(self, place: int, *, is_double: bool) -> None:
            super().__init__()
            self.place = place
            self.is_double = is_double

    class Resized(Message):
        """Another number of cells may fit."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._page = _Page((), tiling(1, 1, 1), 0, View())
        self._pictures: list[_Picture] = []

    def tiling(self, count: int) -> Tiling:
        """How `count` cells would stand here."""
        return tiling(count, self.size.width, self.size.height)

    def show(self, cells: Sequence[Cell], tiling: Tiling, chosen: int, view: View) -> None:
        """The cells of a page, `chosen` the place of one of them."""
        self._page = _Page(cells, tiling, chosen, view)
        self.request()

    @property
    def columns(self) -> int:
        """How many cells of the screen the canvas of the chosen chart has."""
        chosen = self._page.chosen
        return self._pictures[chosen].drawing.columns if chosen < len(self._pictures) else 0

    def on_resize(self, event: events.Resize) -> None:
        self.post_message(self.Resized())

    def on_click(self, event: events.Click) -> None:
        place = self._page.tiling.place_at(event.x, event.y)
        if place is not None and place < len(self._page.cells):
            self.post_message(self.Clicked(place, is_double=event.chain > 1))

    async def draw_once(self) -> None:
        page, theme = self._page, self.theme_colors()
        size = (page.tiling.width, page.tiling.height - 1)
        pictures: list[_Picture] = []
        for place, cell in enumerate(page.cells):
            made_of = (cell.curve, page.view, size, theme)
            held = self._pictures[place] if place < len(self._pictures) else None
            if held is None or held.made_of != made_of:
                curves = () if cell.curve is None else (cell.curve,)
                held = _Picture(made_of, await asyncio.to_thread(draw, curves, page.view, *size, theme))
            pictures.append(held)
        self._pictures = pictures
        self.paint(self._composed(page))
        self.post_message(self.Drawn(sum((picture.drawing.missing for picture in pictures), NOTHING_MISSING)))

    def _composed(self, page: _Page) -> list[Strip]:
        strips: list[Strip] = []
        blank = Segment(" " * page.tiling.width, self.rich_style)
        gap = Segment(" ", self.rich_style)
        for row in range(page.tiling.rows):
            places = range(row * page.tiling.columns, (row + 1) * page.tiling.columns)
            blocks = [self._block(page, place) for place in places if place < len(page.cells)]
            for line in range(page.tiling.height):
                segments: list[Segment] = []
                for block in blocks:
                    segments += [*(block[line] if line < len(block) else [blank]), gap]
                strips.append(Strip(segments))
        return strips

    def _block(self, page: _Page, place: int) -> list[list[Segment]]:
        """A title and the chart below it."""
        drawing = self._pictures[place].drawing
        title = self._title(page.cells[place], drawing, page, is_chosen=place == page.chosen)
        return [title, *self.styled(drawing.rows)]

    def _title(self, cell: Cell, drawing: Drawing, page: _Page, *, is_chosen: bool) -> list[Segment]:
        component = self.get_component_rich_style("grid--chosen" if is_chosen else "grid--title")
        muted = component + Style(color=self.get_component_rich_style("grid--muted").color)
        value = cell.value
        if page.view.cursor is not None and drawing.readings and drawing.readings[0] is not None:
            value = drawing.readings[0].value
        is_ascii = page.view.marker == "ascii"
        head = (">" if is_ascii else "▌") if is_chosen else " "
        number = f" {format.number(value):>{_VALUE_WIDTH}} "
        notes = [""]
        if cell.not_finite:
            count = format.count(cell.not_finite)
            notes = [f" {count} not finite", f" {'x' if is_ascii else '×'}{count}", ""]
        room = page.tiling.width - len(head) - len(cell.swatch) - len(number)
        note = next(note for note in notes if room - len(note) >= _LEAST_LABEL or not note)
        room -= len(note)
        swatch = component if cell.color is None else component + Style.from_color(RichColor.from_rgb(*cell.color))
        return [
            Segment(head, component),
            Segment(cell.swatch, swatch),
            Segment(fit(cell.label, max(0, room)), component),
            Segment(note, muted),
            Segment(number, component),
        ]
