"""The line in which a metric is looked for."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Input

from runicorn_tui import keys


class MetricSearch(Input):
    """One line without a blinking cursor: blinking would write for ever."""

    DEFAULT_CSS = """
    MetricSearch { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    MetricSearch:focus { border: none; }
    """
    BINDINGS = keys.bindings("search")

    class Done(Message):
        """The metrics found are wanted."""

    class Cleared(Message):
        """All metrics are wanted."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder="part of a metric's name", compact=True, select_on_focus=True, id=id)

    def on_mount(self) -> None:
        self.cursor_blink = False

    def action_done(self) -> None:
        self.post_message(self.Done())

    def action_clear(self) -> None:
        self.post_message(self.Cleared())
