"""The lines of a log as they are shown: all, or without the states a progress bar went through."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from runicorn_tui import format
from runicorn_tui.log_file import LogFile
from runicorn_tui.progress_lines import Collapsed
from runicorn_tui.sgr import styled

_PAGE = 64
_PAGES = 24
_COUNT_STYLE = Style(dim=True)


class LogRows:
    """Reads what is on screen and counts the rest. `count` and `line_count` are those of the last `settle`."""

    def __init__(self, log: LogFile, *, is_collapsed: bool = False) -> None:
        self.log = log
        self.count = 0
        self.line_count = 0
        self._edition = log.edition
        self._collapsed = Collapsed(log) if is_collapsed else None
        self._pages: OrderedDict[int, list[Text]] = OrderedDict()
        # Two threads must not read on at once.
        self._reading = asyncio.Lock()
        self.is_reading = False
        """Whether somebody reads on to the end."""

    @property
    def is_collapsed(self) -> bool:
        return self._collapsed is not None

    async def collapse(self, is_collapsed: bool) -> None:
        """Leaves out, or shows again, what progress bars overwrote. May raise Unreadable."""
        collapsed = Collapsed(self.log) if is_collapsed else None
        async with self._reading:
            while collapsed is not None and await asyncio.to_thread(collapsed.extend):
                pass
        self._collapsed = collapsed
        self._pages.clear()
        self.count = 0
        self.settle()

    async def read_on(self) -> bool:
        """Reads the next block of what was written since; whether there was any. May raise Unreadable."""
        async with self._reading:
            return await asyncio.to_thread(self._read_on)

    def _read_on(self) -> bool:
        is_more = self.log.extend()
        collapsed = self._collapsed
        if collapsed is not None:
            while collapsed.extend():
                pass
        return is_more

    def settle(self) -> bool:
        """Takes over what was read; whether the file was cut or replaced."""
        is_other = self.log.edition is not self._edition
        if is_other:
            self._edition = self.log.edition
            self._pages.clear()
        elif self.count:
            # The last line may have been unfinished.
            self._pages.pop((self.count - 1) // _PAGE, None)
        self.line_count = self.log.line_count
        self.count = self.line_count if self._collapsed is None else len(self._collapsed)
        return is_other

    @property
    def is_settled(self) -> bool:
        """Whether `settle` would change nothing."""
        return self.log.edition is self._edition and self.log.line_count == self.line_count

    def forget(self) -> None:
        """The file cannot be read (any more)."""
        self._pages.clear()
        self.count = self.line_count = 0

    def line(self, row: int) -> int:
        """The number of the line in a row."""
        if self._collapsed is None:
            return row
        numbers = self._collapsed.lines(row, row + 1)
        return numbers[0] if numbers else max(0, self.line_count - 1)

    def row(self, line: int) -> int:
        """The row in which a line is, or the last state of its progress bar."""
        return line if self._collapsed is None else self._collapsed.row(line)

    def text(self, row: int) -> Text | None:
        """The row with its colours; None when it is not in memory."""
        page = self._pages.get(row // _PAGE)
        return None if page is None or row % _PAGE >= len(page) else page[row % _PAGE]

    async def ensure(self, first: int, last: int) -> bool:
        """Reads the rows from `first` to `last` that are not in memory; whether there were any."""
        is_more = False
        for page in range(max(0, first) // _PAGE, min(last, self.count - 1) // _PAGE + 1):
            if page in self._pages:
                self._pages.move_to_end(page)
                continue
            edition = self._edition
            rows = await asyncio.to_thread(self._read, page * _PAGE, min(self.count, (page + 1) * _PAGE))
            if edition is not self._edition:
                return True
            is_more = True
            self._pages[page] = rows
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return is_more

    def _read(self, first: int, after: int) -> list[Text]:
        collapsed = self._collapsed
        if collapsed is None:
            return [styled(line) for line in self.log.lines_at(range(first, after))]
        # The line before tells how many are left out.
        numbers = collapsed.lines(max(0, first - 1), after)
        before = [-1, *numbers] if first == 0 else list(numbers)
        texts = [styled(line) for line in self.log.lines_at(before[1:])]
        return [_counted(text, number - above) for text, above, number in zip(texts, before, before[1:], strict=False)]

    @property
    def held(self) -> Sequence[int]:
        """How many rows of each page are in memory."""
        return [len(page) for page in self._pages.values()]


def _counted(text: Text, lines: int) -> Text:
    return text if lines == 1 else Text.assemble((f"×{format.count(lines)} ", _COUNT_STYLE), text, no_wrap=True, end="")
