"""The log of an experiment: the lines on screen are read, the others are only counted."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from itertools import accumulate
from typing import ClassVar, cast

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, work
from textual.app import App
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from runicorn_db.run_directory import LOG_NAME
from runicorn_db.sources.files import Unreadable
from runicorn_tui.log_file import LogFile
from runicorn_tui.log_rows import LogRows
from runicorn_tui.log_search import Spans
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.line_scroll import LineScroll, lines_of_a_page

_REPORT_SECONDS = 0.2
_TIME = re.compile(r"\[?\d\d:\d\d:\d\d\]?(?: \|)? ")
# Lines that are cut to the width and kept; more than the largest screen has.
_CUT = 1024

NO_LOG = "No log: the program wrote no logs.txt into its run directory."
EMPTY_LOG = "The log is empty: nothing has been written to logs.txt yet."
EMPTY_FILE = "The file is empty."
NO_FILE = "This file is no longer there."


class LogView(LineScroll):
    """Scrolls over a `LogFile`; `reload` looks whether the file has grown."""

    DEFAULT_CSS = """
    LogView {
        & > .log--time { color: $dimmed; }
        & > .log--found { background: $found; }
        & > .log--message { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--time", "log--found", "log--message"}

    class Moved(Message):
        """Other lines are on screen, or there are more of them, or following began or ended.

        `is_step`: because a key asked for it.
        """

        def __init__(self, *, is_step: bool = False) -> None:
            super().__init__()
            self.is_step = is_step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: LogRows | None = None
        self._top = self._skip = 0
        self._cut: dict[tuple[int, int], list[Strip]] = {}
        self._window: tuple[Size, list[Strip], int] | None = None
        self._spans: Spans | None = None
        self.message = Drawn("Reading the log…")
        """The sentence shown while there is no line."""
        self.is_following = False
        self.is_wrapping = False
        self.found: int | None = None
        """The line that stands out."""

    # What is read.

    def open(self, log: LogFile, *, follow: bool) -> None:
        """Shows a log, its end when it is followed."""
        self._rows = LogRows(log, is_collapsed=self.is_collapsed)
        self.is_following = follow
        self.found = None
        self._top = self._skip = 0
        self._cut.clear()
        self.reload()

    @property
    def log_file(self) -> LogFile | None:
        """What is shown."""
        return None if self._rows is None else self._rows.log

    @property
    def line_count(self) -> int:
        """Lines of the log that are known so far."""
        return 0 if self._rows is None else self._rows.line_count

    @property
    def is_reading(self) -> bool:
        """Whether there may be lines that are not known yet."""
        return self._rows is not None and self._rows.is_reading

    @property
    def is_collapsed(self) -> bool:
        """Whether only the last state of each progress bar is shown."""
        return self._rows is not None and self._rows.is_collapsed

    @property
    def _count(self) -> int:
        return 0 if self._rows is None else self._rows.count

    @work(group="log")
    async def reload(self) -> None:
        """Reads what was written since; nothing is painted when nothing was."""
        rows = self._rows
        if rows is None or rows.is_reading:
            return
        rows.is_reading = True
        loop = asyncio.get_running_loop()
        reported, is_more = loop.time(), False
        try:
            while rows is self._rows and await rows.read_on():
                is_more = True
                if loop.time() - reported > _REPORT_SECONDS or not rows.count:
                    await self._show_growth(rows)
                    reported = loop.time()
        except Unreadable as error:
            self._fail(rows, error)
        else:
            if rows is self._rows:
                if is_more or not rows.is_settled:
                    await self._show_growth(rows)
                if not rows.line_count:
                    self.say(EMPTY_LOG if rows.log.path == LOG_NAME else EMPTY_FILE)
        finally:
            rows.is_reading = False

    async def _show_growth(self, rows: LogRows) -> None:
        if rows is not self._rows:
            return
        if rows.settle():
            self.found = None
        self._cut.clear()
        await self.go(rows.count if self.is_following else self._top, self._skip)

    def _fail(self, rows: LogRows, error: Unreadable) -> None:
        if rows is self._rows:
            is_log = rows.log.path == LOG_NAME
            if error.is_missing:
                self.say(NO_LOG if is_log else NO_FILE)
            else:
                self.say(f"The {'log' if is_log else 'file'} cannot be read: {error.reason}.")

    def say(self, message: str) -> None:
        """Shows a sentence instead of lines."""
        if message == self.message and not self._count:
            return
        self.message = message
        if self._rows is not None:
            self._rows.forget()
        self._cut.clear()
        self._place(0, 0)

    async def _ensure(self, first: int, last: int) -> None:
        rows = self._rows
        if rows is None or not rows.count:
            return
        try:
            if await rows.ensure(first, last):
                self._window = None
        except Unreadable as error:
            self._fail(rows, error)

    # Drawing.

    @property
    def _console(self) -> Console:
        # The type of `app` is that of any app.
        return cast("App[object]", self.app).console  # pyright: ignore[reportUnknownMemberType]

    @property
    def top(self) -> int:
        """The first line on screen, from 0."""
        return self._rows.line(self._top) if self._rows is not None and self._count else 0

    @property
    def bottom(self) -> int:
        """The line after the last one on screen."""
        _, _, after = self._shown()
        return self._rows.line(after - 1) + 1 if self._rows is not None and self._count and after else 0

    def _shown(self) -> tuple[Size, list[Strip], int]:
        """The room there is, what is shown in it, and the row after that."""
        room = self.scrollable_content_region.size
        if self._window is None or self._window[0] != room:
            height, row = room.height, self._top
            strips = self._strips(row)[self._skip :] if self._count else []
            while len(strips) < height and row + 1 < self._count:
                row += 1
                strips += self._strips(row)
            self._window = room, strips[:height], min(self._count, row + 1)
        return self._window

    def render_line(self, y: int) -> Strip:
        # Without the scroll bar.
        width = self.scrollable_content_region.width
        if not self._count:
            return self._message_line(y, width)
        _, strips, _ = self._shown()
        return strips[y] if y < len(strips) else Strip.blank(width, self.rich_style)

    def _strips(self, row: int) -> list[Strip]:
        """One row, cut at the width or wrapped there."""
        width, plain = self.scrollable_content_region.width, self.rich_style
        strips = self._cut.get((row, width))
        if strips is None:
            text = None if self._rows is None else self._rows.text(row)
            if text is None:
                self._read_visible()
                return [Strip.blank(width, plain)]
            parts = _folded(self._marked(text, row), width) if self.is_wrapping else [self._marked(text, row)]
            strips = [self._strip(part, width, plain) for part in parts]
            if len(self._cut) > _CUT:
                self._cut.clear()
            self._cut[row, width] = strips
        return strips

    def _marked(self, text: Text, row: int) -> Text:
        text = text.copy()
        if match := _TIME.match(text.plain):
            text.stylize(self._color("log--time"), 0, match.end())
        if self._rows is not None and self.found is not None and self._rows.line(row) == self.found:
            style = Style(bgcolor=self.get_component_rich_style("log--found").bgcolor, bold=True)
            for begin, end in [(0, len(text))] if self._spans is None else self._spans(text.plain):
                text.stylize(style, begin, end)
        return text

    def _strip(self, text: Text, width: int, plain: Style) -> Strip:
        strip = Strip([_over(plain, segment) for segment in text.render(self._console)])
        if strip.cell_length > width:
            strip = Strip([*strip.crop(0, width - 1), Segment("…", plain + self._color("log--time"))])
        return strip.adjust_cell_length(width, plain)

    def _color(self, component: str) -> Style:
        return Style(color=self.get_component_rich_style(component).color)

    def _message_line(self, y: int, width: int) -> Strip:
        style = self.rich_style + self._color("log--message")
        text = safe(self.message) if y == max(0, self.size.height // 2 - 1) else ""
        padded = " " * max(0, (width - cell_len(text)) // 2) + text
        return Strip([Segment(padded, style)]).adjust_cell_length(width, style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cut.clear()
        self._window = None

    def on_resize(self, event: events.Resize) -> None:
        self._cut.clear()
        top = self._count if self.is_following else self._top
        self._place(self._top, 0 if self.is_wrapping else self._skip)
        self.run_worker(partial(self.go, top), group="visible", exclusive=True)

    def _read_visible(self) -> None:
        self.run_worker(partial(self._read_and_refresh, self._top), group="visible", exclusive=True)

    async def _read_and_refresh(self, top: int) -> None:
        await self._ensure(top, top + self.size.height - 1)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if int(new_value) != self._top:
            # The scroll bar was dragged.
            self._top, self._skip, self._window = int(new_value), 0, None
            self.post_message(self.Moved())

    # Moving.

    async def go(self, top: int, skip: int = 0) -> None:
        """Scrolls to a row (without its first `skip` lines on screen), after what will be on screen has been read."""
        height = self.size.height
        top = max(0, min(top, self._count - 1))
        await self._ensure(top, top + height - 1)
        await self._ensure(self._count - height, self._count - 1)
        self._place(*min((top, skip), self._end()))

    def _end(self) -> tuple[int, int]:
        """The place from which the end is just on screen."""
        if not self.is_wrapping:
            return max(0, self._count - self.size.height), 0
        row, left = self._count, self.size.height
        while row > 0 and left > 0:
            row -= 1
            left -= len(self._strips(row))
        return max(0, row), max(0, -left)

    def _place(self, top: int, skip: int) -> None:
        self._top, self._skip, self._window = top, skip, None
        # Of a long wrapped line at the end the scroll bar knows nothing: each line may be the first on screen.
        spare = max(0, self.size.height - 1) if self.is_wrapping else 0
        self.virtual_size = Size(self.size.width, self._count + spare if self._count else 0)
        self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self.refresh()
        self.post_message(self.Moved())

    async def move(self, by: int) -> None:
        """Scrolls by so many lines of the screen; the end is left by going up."""
        await self._ensure(self._top - abs(by), self._top + abs(by) + self.size.height)
        top, skip = self._top, self._skip + by
        while skip < 0 and top > 0:
            top -= 1
            skip += len(self._strips(top))
        skip = max(0, skip)
        while top < self._count - 1 and skip >= (height := len(self._strips(top))):
            skip -= height
            top += 1
        await self.go(top, skip)
        self._stepped()

    def _stepped(self) -> None:
        if (self._top, self._skip) != self._end():
            self.is_following = False
        self.post_message(self.Moved(is_step=True))

    async def action_move(self, by: int) -> None:
        # Every step paints the whole page: half a page now and then is cheaper than a page for each line.
        await self.move(by * max(1, self.size.height // 2))

    async def action_page(self, by: int) -> None:
        await self.move(by * lines_of_a_page(self.size.height))

    async def action_first(self) -> None:
        await self.go(0)
        self._stepped()

    async def action_last(self) -> None:
        await self.go(self._count)
        self._stepped()

    def on_mouse_scroll_up(self) -> None:
        if self._top:
            self.is_following = False

    async def follow(self, is_following: bool) -> None:
        """Whether the end stays on screen while the log grows."""
        self.is_following = is_following
        if is_following:
            await self.go(self._count)
        else:
            self.post_message(self.Moved())

    async def wrap(self, is_wrapping: bool) -> None:
        """Whether long lines go on below instead of being cut."""
        self.is_wrapping = is_wrapping
        self._cut.clear()
        await self.go(self._count if self.is_following else self._top)

    async def collapse(self, is_collapsed: bool) -> None:
        """Whether of each progress bar only the last state is shown."""
        rows = self._rows
        if rows is None or rows.is_collapsed == is_collapsed:
            return
        line = self.top
        try:
            await rows.collapse(is_collapsed)
        except Unreadable as error:
            self._fail(rows, error)
            return
        if rows is self._rows:
            self._cut.clear()
            await self.go(self._count if self.is_following else rows.row(line))

    async def reveal(self, line: int, spans: Spans | None = None) -> None:
        """Has a line stand out, or some of it, and scrolls to it where it is not on screen."""
        rows = self._rows
        if rows is None:
            return
        self.is_following = False
        self.found, self._spans = line, spans
        self._cut.clear()
        self._window = None
        if self.top <= line < self.bottom:
            self.refresh()
            self.post_message(self.Moved())
        else:
            await self.go(rows.row(line) - self.size.height // 2)


def _folded(text: Text, width: int) -> list[Text]:
    pieces = chop_cells(text.plain, max(2, width))
    return list(text.divide(list(accumulate(map(len, pieces[:-1]))))) if len(pieces) > 1 else [text]


def _over(plain: Style, segment: Segment) -> Segment:
    """The segment on the view's background and in its colour where it has none of its own."""
    return Segment(segment.text, plain + segment.style if segment.style else plain)
