"""The files of a run directory, and what the run made and used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import cast

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from runicorn_db.sources.files import Unreadable
from runicorn_tui import format, keys
from runicorn_tui.file_list import FileEntry, walk
from runicorn_tui.run_facts import Asset
from runicorn_tui.run_text import asset_lines
from runicorn_tui.terminal import Drawn
from runicorn_tui.widgets.line_table import Column, LineTable, RowList
from runicorn_tui.widgets.search_line import SearchLine
from runicorn_tui.widgets.sheet import MakeLine, Sheet
from runicorn_tui.widgets.status_line import Line

_FIRST_REPORT = 500
_LEAST_HEIGHT_WITH_ASSETS = 14

_ORDERS: dict[str, Callable[[FileEntry], object]] = {
    "size": lambda entry: (-1 if entry.size is None else entry.size, entry.path),
    "name": lambda entry: entry.path,
    "changed": lambda entry: (entry.changed_at or 0.0, entry.path),
}
# By size and by time what is largest and latest comes first.
_DESCENDING = {"size": True, "name": False, "changed": True}


def _columns() -> list[Column[FileEntry]]:
    def size(entry: FileEntry) -> str:
        return entry.note or format.size(entry.size)

    return [
        Column(id="name", title="file", width=16, grow=80, rank=0, text=lambda entry: shown_path(entry.path)),
        Column(id="size", title="size", width=8, grow=12, rank=1, is_right=True, text=size),
        Column(
            id="changed",
            title="changed",
            width=16,
            rank=2,
            text=lambda entry: format.when(entry.changed_at),
            tone="muted",
        ),
    ]


def shown_path(path: bytes) -> str:
    """A path as text; bytes that are no UTF-8 as `\\xNN`. Not made safe."""
    return path.decode("utf-8", "backslashreplace")


class FilePane(Vertical):
    """Flat, with paths relative to the run directory; the line below counts them."""

    DEFAULT_CSS = """
    FilePane {
        & #files-place { height: 1; background: $surface; }
        & #assets { display: none; border-top: solid $rule; }
    }
    """
    BINDINGS = keys.bindings("files")

    class Chosen(Message):
        """A file is to be looked into."""

        def __init__(self, entry: FileEntry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._run_dir: str | None = None
        self._entries: list[FileEntry] = []
        self._is_complete = False
        self._problem = ""
        self._order, self._is_descending = "size", True
        self._stop = threading.Event()
        self._assets: tuple[Asset, ...] = ()

    def compose(self) -> ComposeResult:
        yield LineTable[FileEntry](_columns(), id="file-table")
        assets = Sheet(id="assets")
        assets.can_focus = False
        yield assets
        yield SearchLine("part of a file's path", id="file-search")
        yield Line(id="files-place")

    @property
    def table(self) -> LineTable[FileEntry]:
        return cast("LineTable[FileEntry]", self.query_one("#file-table", LineTable))

    @property
    def current(self) -> FileEntry | None:
        """The file under the cursor."""
        return self.table.current

    @property
    def is_complete(self) -> bool:
        """Whether the whole directory was read."""
        return self._is_complete

    # Reading.

    def open(self, run_dir: str) -> None:
        """Lists the files of another run directory, or the same again."""
        self._run_dir = run_dir
        self._stop.set()
        self._stop = threading.Event()
        self._read(run_dir, self._stop)

    def reload(self) -> None:
        """Looks at the directory again."""
        if self._run_dir is not None:
            self.open(self._run_dir)

    def show_assets(self, assets: tuple[Asset, ...]) -> None:
        """What the run made and used, as far as a third of the height allows; the overview shows all."""
        self._assets = assets
        self._show_assets()

    def on_resize(self) -> None:
        self._show_assets()

    def _show_assets(self) -> None:
        sheet, assets = self.query_one("#assets", Sheet), self._assets
        sheet.display = bool(assets) and self.size.height >= _LEAST_HEIGHT_WITH_ASSETS
        most = max(1, self.size.height // 3)
        shown = assets if len(assets) <= most else assets[: most - 1]
        sheet.styles.height = min(len(assets), most) + 1

        def lines(width: int) -> Sequence[MakeLine]:
            made: list[MakeLine] = [partial(_same, line) for line in asset_lines(shown, width)]
            if len(shown) < len(assets):
                left = f" and {format.count(len(assets) - len(shown))} more in the overview"
                made.append(partial(Content.styled, left, "$text-muted"))
            return made

        sheet.show(lines)

    def on_unmount(self) -> None:
        self._stop.set()

    @work(group="files")
    async def _read(self, run_dir: str, stop: threading.Event) -> None:
        """Shows what there is so far, ever more at a time, so that sorting it does not take longer than reading."""
        walked = walk(run_dir, stop.is_set)
        entries: list[FileEntry] = []
        is_first = not self._entries
        self._is_complete, self._problem = False, ""
        is_more = True
        try:
            while is_more and not stop.is_set():
                wanted = max(_FIRST_REPORT, len(entries))
                batch = await asyncio.to_thread(_take, walked, wanted)
                entries += batch
                is_more = len(batch) == wanted
                if is_more and is_first and not stop.is_set():
                    await self._show(list(entries))
        except Unreadable as error:
            self._problem = (
                "The run directory is no longer there." if error.is_missing else f"It cannot be read: {error.reason}."
            )
        if not stop.is_set():
            self._is_complete = True
            await self._show(entries)

    # Showing.

    async def _show(self, entries: list[FileEntry]) -> None:
        self._entries = entries
        words = self.query_one(SearchLine).value.encode("utf-8", "surrogateescape").lower()
        order, is_descending = self._order, self._is_descending
        chosen = await asyncio.to_thread(_chosen, entries, words, order, is_descending)
        if entries is not self._entries or (order, is_descending) != (self._order, self._is_descending):
            return
        table = self.table
        current = table.current
        cursor = next((row for row, entry in enumerate(chosen) if current and entry.path == current.path), 0)
        table.empty = (self._problem or self._why_empty(),)
        table.order = (self._order, self._is_descending)
        table.show(RowList(chosen), cursor if table.cursor else 0)
        self._show_place(chosen)

    def _why_empty(self) -> str:
        if self._entries:
            return "No file has this in its path."
        return "No files: the run directory is empty." if self._is_complete else Drawn("Reading the run directory…")

    def _show_place(self, chosen: Sequence[FileEntry]) -> None:
        total = sum(entry.size or 0 for entry in chosen)
        said = f"{format.plural(len(chosen), 'file')}, {format.size(total)}"
        if len(chosen) < len(self._entries):
            said += f", of {format.count(len(self._entries))}"
        if not self._is_complete:
            said += ", still reading…"
        self.query_one("#files-place", Line).show(Content(f" {said}"), Content(f"by {self._order} "))

    @work(group="file-order")
    async def _show_again(self) -> None:
        await self._show(self._entries)

    # Choosing.

    def action_open(self) -> None:
        current = self.current
        if current is not None:
            self.post_message(self.Chosen(current))

    @on(LineTable.Chosen)
    def _clicked(self) -> None:
        self.action_open()

    def action_sort(self) -> None:
        orders = list(_ORDERS)
        self._order_by(orders[(orders.index(self._order) + 1) % len(orders)])

    @on(LineTable.Sorted)
    def _title_clicked(self, message: LineTable.Sorted) -> None:
        if message.column_id == self._order:
            self.action_reverse()
        else:
            self._order_by(message.column_id)

    def _order_by(self, order: str) -> None:
        self._order, self._is_descending = order, _DESCENDING[order]
        self._show_again()

    def action_reverse(self) -> None:
        self._is_descending = not self._is_descending
        self._show_again()

    def action_search(self) -> None:
        self.query_one(SearchLine).open()

    @on(Input.Changed)
    def _searched(self) -> None:
        self._show_again()

    @on(SearchLine.Done)
    @on(SearchLine.Cleared)
    def _search_done(self) -> None:
        self.table.focus()


def _same(content: Content) -> Content:
    return content


def _take(walked: Iterator[FileEntry], count: int) -> list[FileEntry]:
    return list(islice(walked, count))


def _chosen(entries: list[FileEntry], words: bytes, order: str, is_descending: bool) -> list[FileEntry]:
    chosen = [entry for entry in entries if words in entry.path.lower()] if words else entries
    return sorted(chosen, key=_ORDERS[order], reverse=is_descending)  # type: ignore[arg-type]
