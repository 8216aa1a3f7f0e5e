"""Lines to read: scrolled, not chosen from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from runicorn_tui.widgets.line_scroll import LineScroll, lines_of_a_page

MakeLine = Callable[[], Content]
"""A line that is made when it comes on screen."""
MakeLines = Callable[[int], Sequence[MakeLine]]
"""All lines for a width."""


def _no_lines(width: int) -> Sequence[MakeLine]:
    return ()


class Sheet(LineScroll):
    """Any number of lines, of which only those on screen are made."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make_lines: MakeLines = _no_lines
        self._sheet_lines: Sequence[MakeLine] = ()

    def show(self, make_lines: MakeLines) -> None:
        """Other lines; the place that was scrolled to stays."""
        self._make_lines = make_lines
        self._remake()

    def on_resize(self, event: events.Resize) -> None:
        self._remake()

    def _remake(self) -> None:
        if self.size.width > 1:
            self._sheet_lines = self._make_lines(self.size.width - 1)
            self.virtual_size = Size(self.size.width, len(self._sheet_lines))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        number = self.scroll_offset.y + y
        if number >= len(self._sheet_lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = self._sheet_lines[number]().render_segments(self.visual_style)
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _go(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, immediate=True, force=True)

    def action_move(self, by: int) -> None:
        self._go(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        self._go(self.scroll_offset.y + by * lines_of_a_page(self.size.height))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self._sheet_lines))
