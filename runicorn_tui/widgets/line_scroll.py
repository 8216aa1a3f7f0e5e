"""What all that is read line by line looks like."""

from __future__ import annotations

from textual.scroll_view import ScrollView

from runicorn_tui import keys
from runicorn_tui.terminal import shows


class LineScroll(ScrollView, can_focus=True):
    """A page of lines with a narrow scroll bar."""

    DEFAULT_CSS = """
    LineScroll {
        height: 1fr;
        background: $background;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-color: $frame;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
    }
    """
    BINDINGS = keys.bindings("table")


def lines_of_a_page(height: int) -> int:
    """How far a page is turned where so many lines are on screen: half of it where the terminal is far away."""
    lines = max(1, height - 1)
    return -(-lines // 2) if shows.is_slow else lines
