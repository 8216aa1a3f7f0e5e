"""Lines to read: scrolled, not chosen from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from runicorn_tui import keys

Line = Callable[[], Content]
"""A line that is made when it comes on screen."""
Layout = Callable[[int], Sequence[Line]]
"""All lines for a width."""


class Sheet(ScrollView, can_focus=True):
    """Any number of lines, of which only those on screen are drawn."""

    DEFAULT_CSS = """
    Sheet {
        height: 1fr;
        background: $background;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-color: $panel-lighten-2;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = set()
    BINDINGS = keys.bindings("table")

    class Moved(Message):
        """Other lines are on screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout: Layout = lambda width: ()
        self._lines: Sequence[Line] = ()

    def show(self, layout: Layout) -> None:
        """Other lines; the place that was scrolled to stays."""
        self._layout = layout
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        if self.size.width:
            self._lines = self._layout(self.size.width - 1)
            self.virtual_size = Size(self.size.width, len(self._lines))
            self.refresh()
            self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        number = self.scroll_offset.y + y
        if number >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        content = self._lines[number]()
        segments = content.render_segments(self.visual_style)
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _go(self, top: int) -> None:
        self.scroll_to(y=max(0, top), animate=False, immediate=True, force=True)
        self.refresh()

    def action_move(self, by: int) -> None:
        self._go(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        self._go(self.scroll_offset.y + by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self._lines))
