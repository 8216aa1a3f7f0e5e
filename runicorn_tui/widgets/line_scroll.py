"""What all that is read line by line looks like."""

from __future__ import annotations

from textual.scroll_view import ScrollView

from runicorn_tui import keys


class LineScroll(ScrollView, can_focus=True):
    """A page of lines with a narrow scroll bar."""

    DEFAULT_CSS = """
    LineScroll {
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
    BINDINGS = keys.bindings("table")
