"""The log with the line below it: where one is, and what is looked for."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from runicorn_tui import format, keys
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.log_view import LogView
from runicorn_tui.widgets.status_line import Line


class FindInput(Input):
    """One line without a blinking cursor: blinking would write for ever."""

    BINDINGS = keys.bindings("find")

    class Done(Message):
        """This text is wanted."""

    class Cancelled(Message):
        """The log is wanted again."""

    def on_mount(self) -> None:
        self.cursor_blink = False

    def action_done(self) -> None:
        self.post_message(self.Done())

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())


class LogPane(Vertical):
    """`/` opens the line to type in; without it the line says which lines are on screen."""

    DEFAULT_CSS = """
    LogPane {
        & FindInput { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
        & FindInput:focus { border: none; }
        & #log-place { height: 1; background: $surface; }
    }
    """
    BINDINGS = keys.bindings("log")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._is_not_found = False

    def compose(self) -> ComposeResult:
        yield LogView(id="log-lines")
        yield FindInput(placeholder="find in the log", compact=True, select_on_focus=True, id="log-find")
        yield Line(id="log-place")

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    @on(LogView.Moved)
    def _moved(self) -> None:
        self._is_not_found = False
        self._show_place()

    @on(LogView.NotFound)
    def _not_found(self) -> None:
        self._is_not_found = True
        self._show_place()

    def _show_place(self) -> None:
        view = self.log_view
        place = ""
        if view.line_count:
            first, last = format.count(view.top + 1), format.count(view.bottom)
            place = f"lines {first} to {last} of {format.count(view.line_count)}"
        parts: list[Content] = []
        # The answer to a search is what one waits for: it stands first and stays where there is no room for both.
        if self._is_not_found:
            parts.append(Content.styled(f"'{safe(view.needle)}' is not in the log", "$warning"))
        elif view.found is not None:
            parts.append(Content(f"'{safe(view.needle)}' in line {format.count(view.found + 1)}"))
        if view.is_following:
            parts.append(Content.styled("following", "bold $primary"))
        left, right = (parts, Content(place)) if parts else ([Content(place)], Content(""))
        self.query_one("#log-place", Line).show(
            Content.assemble(" ", Content("  ").join(left)), Content.assemble(right, " ")
        )

    # Acting.

    async def action_follow(self) -> None:
        await self.log_view.follow(not self.log_view.is_following)

    def action_find(self) -> None:
        find = self.query_one(FindInput)
        find.display = True
        find.focus()

    def action_find_next(self, direction: int) -> None:
        self.log_view.find(self.log_view.needle, is_backward=direction < 0)

    @on(FindInput.Done)
    def _find(self) -> None:
        text = self.query_one(FindInput).value
        self._close_find()
        self.log_view.find(text)

    @on(FindInput.Cancelled)
    def _close_find(self) -> None:
        self.query_one(FindInput).display = False
        self.log_view.focus()
