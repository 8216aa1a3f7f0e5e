"""A line to type in."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from runicorn_tui.terminal import harmless


class StillInput(Input):
    """One line without a blinking cursor: blinking would write for ever."""

    def on_mount(self) -> None:
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        # What is typed holds no control characters.
        event.text = harmless(next(iter(event.text.splitlines()), ""))
