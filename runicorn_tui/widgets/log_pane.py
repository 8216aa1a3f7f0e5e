"""The log with the line below it: where one is, and what is looked for."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

from textual import on, work
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from runicorn_db.run_directory import LOG_NAME, opened_file
from runicorn_db.sources.files import Unreadable
from runicorn_tui import format, keys, pager
from runicorn_tui.file_list import log_names
from runicorn_tui.log_file import LogFile
from runicorn_tui.log_search import Matches, PatternTooSlow, Spans, UnclearPattern, error_hits, hits_of, spans_of
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.log_view import LogView
from runicorn_tui.widgets.status_line import Line
from runicorn_tui.widgets.still_input import StillInput

_WAIT_FOR_LINES = 0.05
_REPORT_SECONDS = 0.2


class FindInput(StillInput):
    """What is looked for in the log."""

    BINDINGS = keys.bindings("find")

    class Done(Message):
        """This text is wanted."""

    class Cancelled(Message):
        """The log is wanted again."""

    def action_done(self) -> None:
        self.post_message(self.Done())

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())


@dataclass(slots=True)
class _Hunt:
    """What is looked for, how it is called, and what was found of it."""

    name: str
    absent: str
    matches: Matches
    spans: Spans | None = None
    # Two threads must not look further at once.
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def told(self, line: int) -> str:
        """Where a match is, and the how-maniest of all."""
        place, all_found = self.matches.place(line), format.count(len(self.matches.lines))
        of_all = f", {format.count(place)} of {all_found}{'' if self.matches.is_complete else '…'}" if place else ""
        return f"{self.name} in line {format.count(line + 1)}{of_all}"

    async def extend(self) -> bool:
        async with self.looking:
            return await asyncio.to_thread(self.matches.extend)


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
        self._names: list[bytes] = []
        self._hunt: _Hunt | None = None
        self._errors: _Hunt | None = None
        self._found_by: _Hunt | None = None
        self._is_looking = False
        self._sought = ""
        self._turn = 0
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield LogView(id="log-lines")
        yield FindInput(placeholder="find in the log, or /regex/", compact=True, select_on_focus=True, id="log-find")
        yield Line(id="log-place")

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    # What is read.

    @work(group="open", exclusive=True)
    async def open_run(self, run_dir: str, *, follow: bool) -> None:
        """Shows the log of a run: logs.txt, or another file that looks like one where that is missing."""
        names = await asyncio.to_thread(log_names, run_dir)
        self._names = names
        self.open(LogFile(run_dir, LOG_NAME if LOG_NAME in names or not names else names[0]), follow=follow)

    def open(self, log: LogFile, *, follow: bool = False) -> None:
        """Shows these lines."""
        self._hunt = self._errors = self._found_by = None
        self._is_looking = False
        self._turn += 1
        self._problem = ""
        self.log_view.open(log, follow=follow)

    @work(group="open", exclusive=True)
    async def action_other_file(self) -> None:
        log = self.log_view.log_file
        if log is None:
            return
        names = await asyncio.to_thread(log_names, log.run_dir)
        self._names = names
        if [log.path] == names or not names:
            self._say("There is no other log file: no further *.log, *.txt, *.out or *.err")
            return
        at = names.index(log.path) + 1 if log.path in names else 0
        self.open(LogFile(log.run_dir, names[at % len(names)]), follow=self.log_view.is_following)

    # Where one is.

    @on(LogView.Moved)
    def _moved(self, message: LogView.Moved) -> None:
        self._say("" if message.is_step else self._problem)

    def _say(self, problem: str) -> None:
        self._problem = problem
        self._show_place()

    def _show_place(self) -> None:
        view = self.log_view
        parts: list[Content] = []
        # The answer to a search is what one waits for: it stands first and stays where there is no room for both.
        if self._problem:
            parts.append(Content.styled(safe(self._problem), "$warning"))
        elif self._hunt is not None and self._is_looking:
            looked_at, lines = format.count(self._hunt.matches.looked_at), format.count(view.line_count)
            parts.append(Content.styled(f"searched {looked_at} of {lines} lines for {self._hunt.name}", "$accent"))
        elif self._found_by is not None and view.found is not None and view.top <= view.found < view.bottom:
            parts.append(Content(self._found_by.told(view.found)))
        if view.is_following:
            parts.append(Content.styled("following", "bold $primary"))
        states = (("wrapped", view.is_wrapping), ("progress collapsed", view.is_collapsed))
        parts += [Content.styled(word, "$text-muted") for word, is_so in states if is_so]
        place = Content(self._place())
        left, right = (parts, place) if parts else ([place], Content(""))
        self.query_one("#log-place", Line).show(
            Content.assemble(" ", Content("  ").join(left)), Content.assemble(right, " ")
        )

    def _place(self) -> str:
        view = self.log_view
        log = view.log_file
        name = f"{safe(log.path.decode('utf-8', 'backslashreplace'))}  " if log and len(self._names) > 1 else ""
        if not view.line_count:
            return name
        first, last = format.count(view.top + 1), format.count(view.bottom)
        return f"{name}lines {first} to {last} of {format.count(view.line_count)}"

    # How it is shown.

    async def action_follow(self) -> None:
        self._problem = ""
        await self.log_view.follow(not self.log_view.is_following)

    async def action_wrap(self) -> None:
        self._problem = ""
        await self.log_view.wrap(not self.log_view.is_wrapping)

    @work(group="collapse", exclusive=True)
    async def action_collapse(self) -> None:
        self._problem = ""
        await self.log_view.collapse(not self.log_view.is_collapsed)

    @work(group="pager", exclusive=True)
    async def action_pager(self) -> None:
        log = self.log_view.log_file
        if log is None:
            return
        with ExitStack() as opened:
            try:
                descriptor = await asyncio.to_thread(opened.enter_context, opened_file(log.run_dir, log.path))
                # The type of `app` is that of any app.
                with cast("App[object]", self.app).suspend():  # pyright: ignore[reportUnknownMemberType]
                    problem = pager.page(descriptor)
            except Unreadable as error:
                problem = f"The file cannot be read: {error.reason}."
            except SuspendNotSupported:
                problem = "A pager needs a terminal, and this is not one."
        if problem is not None:
            self._say(problem)

    # Finding.

    def action_find(self) -> None:
        find = self.query_one(FindInput)
        find.display = True
        find.focus()

    @on(FindInput.Done)
    def _find(self) -> None:
        self._sought = self.query_one(FindInput).value
        self._close_find()
        self.find(self._sought)

    @on(FindInput.Cancelled)
    def _close_find(self) -> None:
        self.query_one(FindInput).display = False
        self.log_view.focus()

    def find(self, text: str) -> None:
        """Goes to the next line with this text, or with a match of this `/regular expression/`."""
        log = self.log_view.log_file
        if not text or log is None:
            return
        try:
            matches, spans = Matches(log, hits_of(text)), spans_of(text)
        except UnclearPattern as error:
            self._say(str(error))
            return
        name = f"'{safe(text)}'"
        self._look(_Hunt(name, f"{name} is not in the log", matches, spans), 1)

    def action_find_next(self, direction: int) -> None:
        if self._hunt is not None and self._hunt is not self._errors:
            self._look(self._hunt, direction)
        else:
            self.find(self._sought)

    def action_error(self, direction: int) -> None:
        """To the first error (0), the next one (1) or the one before (-1)."""
        log = self.log_view.log_file
        if log is None:
            return
        if self._errors is None:
            self._errors = _Hunt("error", "No line looks like an error", Matches(log, error_hits))
        self._look(self._errors, direction)

    @work(group="find")
    async def _look(self, hunt: _Hunt, direction: int) -> None:
        """Goes to a match as soon as it is found, then counts the others; a newer search ends this one."""
        self._turn += 1
        turn = self._turn
        # Of a log that was searched to its end already the answer comes at once.
        self._is_looking = hunt is not self._hunt or not hunt.matches.is_complete
        self._hunt, self._problem = hunt, ""
        self._show_place()
        problem = ""
        try:
            found = await self._seek(hunt, direction, turn)
            if turn == self._turn:
                await self._reach(hunt, found)
            while turn == self._turn and await hunt.extend():
                pass
        except Unreadable as error:
            problem = f"The log cannot be read: {error.reason}."
        except PatternTooSlow:
            problem = "This pattern takes too long"
        if turn == self._turn:
            self._is_looking = False
            self._say(problem or self._problem)

    async def _seek(self, hunt: _Hunt, direction: int, turn: int) -> int | None:
        """The line of a match, None without any; says how far it is."""
        view, loop = self.log_view, asyncio.get_running_loop()
        start = view.found if view.found is not None else view.top if direction < 0 else view.top - 1
        start = start if direction else -1
        reported = loop.time()
        found: int | None = None
        is_more = True
        while found is None and is_more and turn == self._turn:
            is_more = await hunt.extend()
            if not is_more and view.is_reading:
                is_more = True
                await asyncio.sleep(_WAIT_FOR_LINES)
            found = hunt.matches.after(start) if direction >= 0 else None
            if turn == self._turn and loop.time() - reported > _REPORT_SECONDS:
                reported = loop.time()
                self._show_place()
        return hunt.matches.next(start, is_backward=direction < 0) if found is None else found

    async def _reach(self, hunt: _Hunt, found: int | None) -> None:
        self._is_looking = False
        if found is None:
            self.log_view.found = None
            self._say(hunt.absent)
        else:
            self._found_by = hunt
            await self.log_view.reveal(found, hunt.spans)
