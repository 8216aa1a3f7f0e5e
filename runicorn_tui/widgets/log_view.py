"""The log of an experiment: the lines on screen are read, the others are only counted."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from functools import partial
from typing import ClassVar, cast

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, work
from textual.app import App
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from runicorn_db.sources.files import Unreadable
from runicorn_tui import keys
from runicorn_tui.log_file import LogFile
from runicorn_tui.sgr import styled
from runicorn_tui.terminal import safe

_PAGE = 64
_PAGES = 24
_REPORT_SECONDS = 0.2
_TIME = re.compile(r"\[?\d\d:\d\d:\d\d\]?(?: \|)? ")

NO_LOG = "No log: the program wrote no logs.txt into its run directory."
EMPTY_LOG = "The log is empty: nothing has been written to logs.txt yet."


class LogView(ScrollView, can_focus=True):
    """Scrolls over a `LogFile`; `reload` looks whether the file has grown."""

    DEFAULT_CSS = """
    LogView {
        height: 1fr;
        background: $background;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-color: $panel-lighten-2;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        & > .log--time { color: $foreground 45%; }
        & > .log--found { background: $accent 35%; }
        & > .log--message { color: $foreground 60%; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--time", "log--found", "log--message"}
    BINDINGS = keys.bindings("table")

    class Moved(Message):
        """Other lines are on screen, or there are more of them, or following began or ended."""

    class NotFound(Message):
        """The text that was looked for is nowhere in the log."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._file: LogFile | None = None
        self._pages: OrderedDict[int, list[Text]] = OrderedDict()
        self._is_reading = False
        self._search = 0
        self.needle = ""
        self.message = "Reading the log…"
        """The sentence shown while there is no line."""
        self.line_count = 0
        self.is_following = False
        self.found: int | None = None

    # What is read.

    def open(self, run_dir: str, *, follow: bool) -> None:
        """Shows the log of this run directory, its end when it is followed."""
        self._file = LogFile(run_dir)
        self.is_following = follow
        self._pages.clear()
        self.line_count, self.found = 0, None
        self.reload()

    @work(group="log")
    async def reload(self) -> None:
        """Reads what was written since; nothing is painted when nothing was."""
        file = self._file
        if file is None or self._is_reading:
            return
        self._is_reading = True
        loop = asyncio.get_running_loop()
        reported, is_more = 0.0, False
        try:
            while file is self._file and await asyncio.to_thread(file.extend):
                is_more = True
                if loop.time() - reported > _REPORT_SECONDS:
                    await self._show_growth(file)
                    reported = loop.time()
        except Unreadable as error:
            self._say(NO_LOG if error.is_missing else f"The log cannot be read: {error.reason}.")
        else:
            if is_more or file.line_count != self.line_count:
                await self._show_growth(file)
            if not self.line_count:
                self._say(EMPTY_LOG)
        finally:
            self._is_reading = False

    async def _show_growth(self, file: LogFile) -> None:
        count = file.line_count
        if count < self.line_count:
            # The file was cut or replaced.
            self._pages.clear()
            self.found = None
        elif count:
            # The last line may have been unfinished.
            self._pages.pop((self.line_count - 1) // _PAGE, None)
        is_more = count != self.line_count
        self.line_count = count
        if is_more:
            self.virtual_size = Size(self.size.width, count)
        if self.is_following:
            await self.go(count)
        else:
            await self.go(self.top)

    def _say(self, message: str) -> None:
        if message == self.message and not self.line_count:
            return
        self.message = message
        self.line_count = 0
        self._pages.clear()
        self.virtual_size = Size(self.size.width, 0)
        self.refresh()
        self.post_message(self.Moved())

    async def _ensure(self, first: int, last: int) -> None:
        """Reads the pages of these lines that are not in memory."""
        file = self._file
        if file is None or not self.line_count:
            return
        for page in range(max(0, first) // _PAGE, min(last, self.line_count - 1) // _PAGE + 1):
            if page in self._pages:
                self._pages.move_to_end(page)
                continue
            try:
                lines = await asyncio.to_thread(_read, file, page)
            except Unreadable as error:
                self._say(NO_LOG if error.is_missing else f"The log cannot be read: {error.reason}.")
                return
            if file is not self._file:
                return
            self._pages[page] = lines
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)

    # Drawing.

    @property
    def _console(self) -> Console:
        # The type of `app` is that of any app.
        return cast("App[object]", self.app).console  # pyright: ignore[reportUnknownMemberType]

    @property
    def top(self) -> int:
        """The first line on screen, from 0."""
        return self.scroll_offset.y

    @property
    def bottom(self) -> int:
        """The line after the last one on screen."""
        return min(self.line_count, self.top + self.size.height)

    def render_line(self, y: int) -> Strip:
        # Without the scroll bar.
        width, plain = self.scrollable_content_region.width, self.rich_style
        number = self.top + y
        if not self.line_count:
            return self._message_line(y, width)
        page = self._pages.get(number // _PAGE)
        if page is None or number % _PAGE >= len(page):
            if number < self.line_count and page is None:
                self._read_visible()
            return Strip.blank(width, plain)
        text = page[number % _PAGE].copy()
        if match := _TIME.match(text.plain):
            text.stylize(self._color("log--time"), 0, match.end())
        if self.needle and number == self.found:
            text.highlight_regex(re.compile(re.escape(safe(self.needle)), re.IGNORECASE), self._found_style())
        strip = Strip([_over(plain, segment) for segment in text.render(self._console)])
        if strip.cell_length > width:
            strip = Strip([*strip.crop(0, width - 1), Segment("…", plain + self._color("log--time"))])
        return strip.adjust_cell_length(width, plain)

    def _color(self, component: str) -> Style:
        return Style(color=self.get_component_rich_style(component).color)

    def _found_style(self) -> Style:
        return Style(bgcolor=self.get_component_rich_style("log--found").bgcolor, bold=True)

    def _message_line(self, y: int, width: int) -> Strip:
        style = self.rich_style + self._color("log--message")
        text = safe(self.message) if y == max(0, self.size.height // 2 - 1) else ""
        padded = " " * max(0, (width - cell_len(text)) // 2) + text
        return Strip([Segment(padded, style)]).adjust_cell_length(width, style)

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(self.size.width, self.line_count)
        if self.is_following:
            self.run_worker(partial(self.go, self.line_count), group="visible", exclusive=True)
        self.post_message(self.Moved())

    def _read_visible(self) -> None:
        self.run_worker(partial(self._read_and_refresh, self.top), group="visible", exclusive=True)

    async def _read_and_refresh(self, top: int) -> None:
        await self._ensure(top, top + self.size.height - 1)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    # Moving.

    async def go(self, top: int) -> None:
        """Scrolls to a line after what will be on screen has been read."""
        height = self.size.height
        top = max(0, min(top, self.line_count - height))
        await self._ensure(top, top + height - 1)
        self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self.refresh()
        self.post_message(self.Moved())

    def _leave_end(self, top: int) -> None:
        if top < self.line_count - self.size.height:
            self.is_following = False

    async def action_move(self, by: int) -> None:
        self._leave_end(self.top + by)
        await self.go(self.top + by)

    async def action_page(self, by: int) -> None:
        await self.action_move(by * max(1, self.size.height - 1))

    async def action_first(self) -> None:
        await self.action_move(-self.top)

    async def action_last(self) -> None:
        await self.go(self.line_count)

    def on_mouse_scroll_up(self) -> None:
        self._leave_end(self.top - 1)

    async def follow(self, is_following: bool) -> None:
        """Whether the end stays on screen while the log grows."""
        self.is_following = is_following
        if is_following:
            await self.go(self.line_count)
        else:
            self.post_message(self.Moved())

    # Finding.

    @work(group="find", exclusive=True)
    async def find(self, text: str, *, is_backward: bool = False) -> None:
        """Goes to the next line with this text (`n`) or the one before (`N`); a newer search ends this one."""
        file = self._file
        if file is None or not text:
            return
        self._search += 1
        search, self.needle = self._search, text
        if self.found is not None:
            start = self.found
        else:
            start = self.top if is_backward else self.top - 1
        try:
            found = await asyncio.to_thread(
                file.find, text, start, is_backward=is_backward, should_stop=lambda: self._search != search
            )
        except Unreadable as error:
            self._say(f"The log cannot be read: {error.reason}.")
            return
        self.found = found
        if found is None:
            self.refresh()
            self.post_message(self.NotFound(text))
            return
        self.is_following = False
        if self.top <= found < self.bottom:
            self.refresh()
            self.post_message(self.Moved())
        else:
            await self.go(found - self.size.height // 2)


def _read(file: LogFile, page: int) -> list[Text]:
    return [styled(line) for line in file.lines(page * _PAGE, _PAGE)]


def _over(plain: Style, segment: Segment) -> Segment:
    """The segment on the view's background and in its colour where it has none of its own."""
    return Segment(segment.text, plain + segment.style if segment.style else plain)
