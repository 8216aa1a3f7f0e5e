"""The line a filter is typed into: what it may become, what was typed before, what is wrong in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.worker import Worker, WorkerCancelled

from runicorn_db.database import Interrupt
from runicorn_db.errors import StoreError
from runicorn_db.filter_terms import Note
from runicorn_tui import keys
from runicorn_tui.completions import Begun, Candidate, FilterWords, begun_at
from runicorn_tui.filter_history import FilterHistory
from runicorn_tui.terminal import harmless
from runicorn_tui.widgets.still_input import StillInput

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp


def one_cell(text: str) -> str:
    """As long as `text` and harmless: a line that is typed into counts characters, so each stays one."""
    if text == harmless(text):
        return text
    return "".join(c if harmless(c) == c else _PICTURES.get(c, "\N{REPLACEMENT CHARACTER}") for c in text)


_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "\N{SYMBOL FOR DELETE}"}


class _Drawing(Highlighter):
    """Underlines what the notes are about."""

    def __init__(self, value: Callable[[], str]) -> None:
        self.notes: Sequence[Note] = ()
        self._value = value

    def highlight(self, text: Text) -> None:
        # Not of the text: some control characters are gone from it, and the columns after them would be others.
        text.plain = one_cell(self._value())
        for note in self.notes:
            text.stylize("underline", note.column, note.column + max(1, note.length))


class FilterInput(StillInput):
    """Where the filter is typed."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("filter")

    class Offered(Message):
        """Other candidates, or another one of them is chosen."""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def __init__(
        self, words: FilterWords, leave: Callable[[bool], None], *, placeholder: str = "", id: str | None = None
    ) -> None:
        """`leave` is told at once, not by a message: the next key may be there already. True: with what was typed."""
        self._drawing = _Drawing(lambda: self.value)
        super().__init__(placeholder=placeholder, select_on_focus=False, compact=True, highlighter=self._drawing, id=id)
        self._words = words
        self._leave = leave
        self.history = FilterHistory()
        self.candidates: Sequence[Candidate] = ()
        """What the piece at the cursor may become; none: no list is open."""
        self.chosen = 0
        self.begun: Begun | None = None
        self._looked = ("", 0)
        self._is_being_set = False
        self._interrupt = Interrupt()
        self._looking: Worker[None] | None = None

    def on_unmount(self) -> None:
        self._interrupt.cancel()

    def on_blur(self) -> None:
        self._close()

    def show_notes(self, notes: Sequence[Note]) -> None:
        """Underlines the words they are about."""
        if notes != self._drawing.notes:
            self._drawing.notes = notes
            self.refresh()

    def set_text(self, text: str) -> None:
        """Another text that nothing is offered for."""
        self._is_being_set = True
        self.value = text
        self._is_being_set = False
        self.action_end()
        self._looked = (text, self.cursor_position)
        self._close()

    # What it may become.

    def watch_value(self) -> None:
        if not self._is_being_set:
            # Not before the cursor stands where it belongs, and before the next key.
            self.call_next(self._catch_up)

    def watch_selection(self) -> None:
        self.call_next(self._look_again)

    def _look_again(self) -> None:
        if self._looked != (self.value, self.cursor_position):
            self._close()

    def _catch_up(self) -> None:
        """Letters that came before the focus are inserted by the app, and a key after them may be here already."""
        if self._looked[0] != self.value:
            self._look()

    def _look(self, *, is_asked: bool = False) -> None:
        """Finds out, in a thread, what the piece at the cursor may become."""
        self._interrupt.cancel()
        self._looked = (self.value, self.cursor_position)
        begun = begun_at(self.value, self.cursor_position)
        if begun is None or not (begun.letters or begun.field or is_asked):
            self._close()
        else:
            self._interrupt = Interrupt()
            self._looking = self._look_up(begun, self._interrupt)

    @work(group="completion", exclusive=True)
    async def _look_up(self, begun: Begun, interrupt: Interrupt) -> None:
        # The letter is painted first. By the screen: this line may be waiting for what is found.
        is_painted = asyncio.Event()
        self.screen.call_after_refresh(is_painted.set)
        await is_painted.wait()
        try:
            found = await self.app.ask(self._words.candidates, begun, interrupt)
        except StoreError:
            # What is wrong with the index is for the list to say.
            found = ()
        if interrupt is self._interrupt and self.screen.focused is self:
            self.begun = begun
            self._offer(found)

    def _offer(self, candidates: Sequence[Candidate], chosen: int = 0) -> None:
        if candidates or self.candidates:
            self.candidates, self.chosen = candidates, chosen
            self.post_message(self.Offered())

    def _close(self) -> None:
        self._interrupt.cancel()
        self._interrupt = Interrupt()
        self._offer(())

    async def _found(self) -> None:
        """Waits for what was typed last to be looked up."""
        self._catch_up()
        if self._looking is not None:
            with suppress(WorkerCancelled):
                await self._looking.wait()

    async def action_complete(self) -> None:
        """Takes the chosen candidate, or else opens the list."""
        await self._found()
        if not self.candidates:
            self._look(is_asked=True)
            await self._found()
        else:
            self.take(self.chosen)

    async def action_right(self) -> None:
        if self.candidates and self.cursor_position == len(self.value):
            self.take(self.chosen)
        else:
            self.action_cursor_right()

    def take(self, place: int) -> None:
        """Writes a candidate in the place of what was begun."""
        begun, candidate = self.begun, self.candidates[place]
        if begun is None:
            return
        before, after = self.value[: begun.begin], self.value[self.cursor_position :]
        self.set_text(before + candidate.text + after)
        self.cursor_position = len(before) + len(candidate.text)
        if candidate.goes_on:
            self._look()

    # Ways out and around.

    def action_step(self, by: int) -> None:
        """Through the open list, else through what was typed before, and down at its end to the list of experiments."""
        if self.candidates:
            self._offer(self.candidates, (self.chosen + by) % len(self.candidates))
            return
        text = self.history.walk(by, self.value)
        if text is not None:
            self.set_text(text)
        elif by > 0:
            self.action_done()

    def action_done(self) -> None:
        self._leave(True)

    def action_clear(self) -> None:
        if self.candidates:
            self._close()
        else:
            self._leave(False)
