"""A line to type in."""

from __future__ import annotations

from textual.widgets import Input


class StillInput(Input):
    """One line without a blinking cursor: blinking would write for ever."""

    def on_mount(self) -> None:
        self.cursor_blink = False
