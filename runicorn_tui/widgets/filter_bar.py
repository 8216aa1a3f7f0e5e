"""The filter: a line to type in, how much it matches, and what in it is wrong, under the wrong word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from runicorn_db.filter_terms import Note
from runicorn_tui import keys
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.experiment_table import ExperimentTable

DEBOUNCE_SECONDS = 0.12


class FilterInput(Input):
    """One line without a blinking cursor: blinking would write for ever."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("filter")

    class Done(Message):
        """The person goes on to the list."""

    class Cleared(Message):
        """The person takes the filter back."""

    def on_mount(self) -> None:
        self.cursor_blink = False

    def action_done(self) -> None:
        self._leave()
        self.post_message(self.Done())

    def action_clear(self) -> None:
        self._leave()
        self.post_message(self.Cleared())

    def _leave(self) -> None:
        # At once, not by a message: the next key may be there already, and is meant for the list.
        self.screen.set_focus(self.screen.query_one(ExperimentTable))


class FilterBar(Vertical):
    """Sends `Changed` a moment after the last key and at once when the line is left."""

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._timer: Timer | None = None
        self._sent = ""
        self._notes: Sequence[Note] = ()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(Content(f" {self._title} "), id="filter-title")
            yield FilterInput(
                placeholder="/ filters: status:failed age>30d acc>0.9",
                select_on_focus=False,
                compact=True,
                id="filter-input",
            )
            yield Static("", id="filter-count", markup=False)
        yield Static("", id="filter-notes", markup=False)

    @property
    def input(self) -> FilterInput:
        return self.query_one(FilterInput)

    @property
    def text(self) -> str:
        return self.input.value

    @property
    def is_waiting(self) -> bool:
        """Whether something was typed that was not sent yet."""
        return self._timer is not None

    def set_text(self, text: str) -> None:
        """Another filter, at once."""
        self.input.value = text
        self._send()

    def show_count(self, content: Content) -> None:
        self.query_one("#filter-count", Static).update(content, layout=False)

    def show_notes(self, notes: Sequence[Note]) -> None:
        """Marks the first wrong word and says what is wrong with it; no notes, no line."""
        self._notes = notes
        self._draw_notes()

    def _draw_notes(self) -> None:
        line = self.query_one("#filter-notes", Static)
        line.display = bool(self._notes)
        if not self._notes:
            return
        note = self._notes[0]
        text = self.text
        begin = self.input.region.x - self.region.x - self.input.scroll_offset.x + cell_len(text[: note.column])
        width = max(1, cell_len(text[note.column : note.column + note.length]))
        more = f"  (+{len(self._notes) - 1} more)" if len(self._notes) > 1 else ""
        message = safe(note.message) + more
        line.update(_marked(max(0, begin), width, message, self.size.width))

    def on_resize(self, event: events.Resize) -> None:
        self._draw_notes()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._send)

    @on(FilterInput.Done)
    def _done(self, event: FilterInput.Done) -> None:
        event.stop()
        self._send()

    @on(FilterInput.Cleared)
    def _cleared(self, event: FilterInput.Cleared) -> None:
        event.stop()
        self.set_text("")

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self.text != self._sent:
            self._sent = self.text
            self.post_message(self.Changed(self.text))


def _marked(begin: int, width: int, message: str, room: int) -> Content:
    """`^^^^ message`; where that is too long the message goes before the marks, or below them."""
    marks = "^" * min(width, max(1, room - begin))
    length = cell_len(message)
    if begin + len(marks) + 1 + length <= room:
        return Content.assemble(" " * begin, (marks, "bold $error"), " ", (message, "$error"))
    if length + 2 <= begin:
        return Content.assemble(" " * (begin - length - 1), (message, "$error"), " ", (marks, "bold $error"))
    return Content.assemble(" " * begin, (marks, "bold $error"), "\n ", (message, "$error"))
