"""The filter: a line to type in, how much it matches, and what in it is wrong, under the wrong word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from runicorn_db.criteria import Criteria, Term
from runicorn_db.filter_terms import Note
from runicorn_db.named_values import NamedValue
from runicorn_tui import unknown_names
from runicorn_tui.completions import FilterWords
from runicorn_tui.fact_lines import folded
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.completion import CompletionList
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.filter_input import FilterInput, one_cell
from runicorn_tui.widgets.line_layout import shortened

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

DEBOUNCE_SECONDS = 0.12


class FilterBar(Vertical):
    """Tells `changed` of another filter a moment after the last key, and at once when the line is left.

    By a call, not by a message: a key that comes right after is about the list of the new filter.
    """

    class Used(Message):
        """The person goes on to the list with this filter."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self, title: str, words: FilterWords, changed: Callable[[str], None], *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._changed = changed
        self._title = title
        self._words = words
        self._timer: Timer | None = None
        self._sent = ""
        self._notes: Sequence[Note] = ()
        self._hint = ""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(Content(f" {self._title} "), id="filter-title")
            yield FilterInput(
                self._words,
                self._left,
                placeholder=f"{self.app.keymap.hint('filter')} filters: status:failed age>30d acc>0.9",
                id="filter-input",
            )
            yield Static("", id="filter-count", markup=False)
        yield Static("", id="filter-notes", markup=False)
        yield CompletionList(id="filter-words")

    @property
    def input(self) -> FilterInput:
        return self.query_one(FilterInput)

    @property
    def text(self) -> str:
        """The filter."""
        return self.input.value

    @property
    def is_waiting(self) -> bool:
        """Whether something was typed that was not sent yet."""
        return self._timer is not None

    def begin_with(self, text: str) -> None:
        """A filter by which is listed already."""
        self._sent = text
        self.input.set_text(text)

    def set_text(self, text: str) -> None:
        """Another filter, at once."""
        self.input.set_text(text)
        self._send()

    def show_count(self, content: Content) -> None:
        self.query_one("#filter-count", Static).update(content, layout=False)

    def show_notes(self, notes: Sequence[Note]) -> None:
        """Marks the first wrong word and says what is wrong with it; no notes, no line."""
        self._notes = notes
        self.input.show_notes(notes)
        if notes:
            self._hint = ""
        self._show_line()

    async def show_unknown(self, criteria: Criteria) -> None:
        """Says which metric or parameter of a filter that matches nothing no experiment has; of none nothing."""
        asked = unknown_names.asked_for(criteria)
        hint = await self.app.ask(self._unknown, asked) if asked else ""
        if hint != self._hint and not self._notes:
            self._hint = hint
            self._show_line()

    def _unknown(self, asked: Mapping[NamedValue, Term]) -> str:
        """In a thread."""
        return unknown_names.sentence(asked, self._words.names())

    def _show_line(self) -> None:
        line = self.query_one("#filter-notes", Static)
        line.display = bool(self._notes or self._hint)
        if self._notes:
            line.update(self._noted(self._notes))
        elif self._hint:
            line.update(_below(safe(self._hint), "", self.size.width, "$warning"))

    def _noted(self, notes: Sequence[Note]) -> Content:
        note, text = notes[0], self.input.value
        begin = self._column(note.column)
        width = max(1, cell_len(one_cell(text[note.column : note.column + note.length])))
        more = f"  (+{len(notes) - 1} more)" if len(notes) > 1 else ""
        return _marked(max(0, begin), width, safe(note.message), more, self.size.width)

    def _column(self, place: int) -> int:
        """Where on this bar a character of the text stands."""
        return (
            self.input.region.x
            - self.region.x
            - self.input.scroll_offset.x
            + cell_len(one_cell(self.input.value[:place]))
        )

    def on_resize(self, event: events.Resize) -> None:
        self._show_line()

    @on(FilterInput.Offered)
    def _show_words(self, event: FilterInput.Offered) -> None:
        event.stop()
        line = self.input
        column = self._column(line.begun.begin) if line.begun is not None else 0
        self.query_one(CompletionList).offer(line.candidates, line.chosen, column)

    @on(CompletionList.Picked)
    def _picked(self, event: CompletionList.Picked) -> None:
        event.stop()
        if event.place < len(self.input.candidates):
            self.input.take(event.place)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._send)

    def _left(self, is_done: bool) -> None:
        self.screen.set_focus(self.screen.query_one(ExperimentTable))
        self.set_text(self.text if is_done else "")
        if is_done:
            self.post_message(self.Used(self.text))

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self.text != self._sent:
            self._sent = self.text
            self._changed(self.text)


def _marked(begin: int, width: int, message: str, more: str, room: int) -> Content:
    """`^^^^ message`; where that is too long the message goes before the marks, or below them."""
    marks = "^" * min(width, max(1, room - begin))
    length = cell_len(message + more)
    if begin + len(marks) + 1 + length <= room:
        return Content.assemble(" " * begin, (marks, "bold $error"), " ", (message + more, "$error"))
    if length + 2 <= begin:
        return Content.assemble(" " * (begin - length - 1), (message + more, "$error"), " ", (marks, "bold $error"))
    return Content.assemble(" " * begin, (marks, "bold $error"), "\n", _below(message, more, room, "$error"))


def _below(message: str, more: str, room: int, style: str) -> Content:
    """In two lines at most; cut, if it has to be, before `more`."""
    lines = folded(message + more, room - 1)
    if len(lines) > 2:
        first, *others = folded(message, room - 1)
        lines = [first, shortened(" ".join(others), room - 1 - cell_len(more)) + more]
    return Content.styled("\n".join(f" {line}" for line in lines), style)
