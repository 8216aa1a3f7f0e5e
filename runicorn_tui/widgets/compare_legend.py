"""The legend of a comparison: every experiment with its number, its line and its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from runicorn_tui.compared import Item
from runicorn_tui.widgets.line_layout import fit, shortened

_CELL = 38
_NUMBER, _VALUE = 2, 9
_GAP = "  "


class CompareLegend(Widget):
    """As many columns as there is room for; of more lines than that those around the current experiment.

    The last place then says how many more there are.
    """

    DEFAULT_CSS = """
    CompareLegend { height: 3; background: $surface; & > .legend--muted { color: $text-muted; } }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"legend--muted"}

    class Clicked(Message):
        """On the experiment at this place."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: Sequence[Item] = ()
        self._current = 0

    def show(self, items: Sequence[Item], current: int) -> None:
        if (items, current) != (self._items, self._current):
            self._items, self._current = items, current
            self.refresh()

    def lines_for(self, count: int, width: int) -> int:
        """How high it has to be to show so many experiments."""
        return -(-count // self._columns(width))

    def _columns(self, width: int) -> int:
        return max(1, width // _CELL)

    @property
    def _top(self) -> int:
        """The first line on screen."""
        columns, height = self._columns(self.size.width), max(1, self.size.height)
        if self.lines_for(len(self._items), self.size.width) <= height:
            return 0
        # Below them all there is a place for how many are not on screen.
        lines = self.lines_for(len(self._items) + 1, self.size.width)
        return max(0, min(self._current // columns - (height - 1) // 2, lines - height))

    def _shown(self) -> tuple[range, int | None]:
        """The places of those on screen, and the place that tells of the others, if there are any."""
        first, room = self._top * self._columns(self.size.width), self._columns(self.size.width) * self.size.height
        last = first + room - 1
        if room >= len(self._items) or last == self._current:
            return range(first, min(first + room, len(self._items))), None
        return range(first, min(last, len(self._items))), last

    def render_line(self, y: int) -> Strip:
        width, columns = self.size.width, self._columns(self.size.width)
        shown, more = self._shown()
        segments: list[Segment] = []
        for column in range(columns):
            place = (self._top + y) * columns + column
            size = width * (column + 1) // columns - width * column // columns
            if place == more:
                text = f" +{len(self._items) - len(shown):,} more"
                segments.append(Segment(fit(text, size), self.rich_style + self._dim))
            elif place in shown:
                segments += self._cell(self._items[place], size, is_current=place == self._current)
            else:
                segments.append(Segment(" " * size, self.rich_style))
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    @property
    def _dim(self) -> Style:
        return Style(color=self.get_component_rich_style("legend--muted").color)

    def _cell(self, item: Item, width: int, *, is_current: bool) -> list[Segment]:
        plain = self.rich_style + Style(bold=is_current)
        dim = plain + self._dim
        line = plain + Style.from_color(RichColor.from_rgb(*item.color)) if item.is_shown else dim
        room = width - _NUMBER - len(item.swatch) - len(_GAP) - 2
        note = shortened(item.note, max(0, room - _VALUE - 8))
        label = max(0, room - _VALUE - (len(note) + 1 if note else 0))
        return [
            Segment(f"{item.number:>{_NUMBER}}", plain + Style(reverse=is_current)),
            Segment(" ", self.rich_style),
            Segment(item.swatch if item.is_shown else " " * len(item.swatch), line),
            Segment(" " + fit(item.label, label), plain if item.is_shown else dim),
            Segment(fit(item.value, _VALUE, is_right=True), plain if item.is_shown else dim),
            Segment(f" {note}" if note else "", dim),
            Segment(_GAP, self.rich_style),
        ]

    def on_click(self, event: events.Click) -> None:
        columns = self._columns(self.size.width)
        place = (self._top + event.y) * columns + event.x * columns // max(1, self.size.width)
        if place in self._shown()[0]:
            self.post_message(self.Clicked(place))
