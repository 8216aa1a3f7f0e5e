"""The line in which a part of a name is typed."""

from __future__ import annotations

from textual.message import Message

from runicorn_tui import keys
from runicorn_tui.widgets.still_input import StillInput


class SearchLine(StillInput):
    """Hidden until it is opened."""

    DEFAULT_CSS = """
    SearchLine { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    SearchLine:focus { border: none; }
    """
    BINDINGS = keys.bindings("search")

    class Done(Message):
        """What was found is wanted."""

    class Cleared(Message):
        """All is wanted."""

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=True, id=id)

    def open(self) -> None:
        """Shows the line and takes the keys."""
        self.display = True
        self.focus()

    def action_done(self) -> None:
        self.display = bool(self.value)
        self.post_message(self.Done())

    def action_clear(self) -> None:
        self.value = ""
        self.display = False
        self.post_message(self.Cleared())
