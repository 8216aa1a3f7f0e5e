"""The trash: every act of deletion, what it took, and the way back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content

from runicorn_db.query import Batch, Experiment, Snapshot
from runicorn_tui import format, keys
from runicorn_tui.messages import IndexChanged
from runicorn_tui.rows import Pages
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.experiment_table import columns as experiment_columns
from runicorn_tui.widgets.line_table import Column, LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line, StatusLine

_SOURCES = {"tui": "terminal", "api": "REST", "cli": "command", "runicorn": "Runicorn"}
_SHOWN_BATCHES = 2000


def _batch_columns(clock: Callable[[], float]) -> list[Column[Batch]]:
    def left(batch: Batch) -> str:
        if batch.remaining == batch.count:
            return f"{batch.count:,}"
        return f"{batch.remaining:,} of {batch.count:,}" if batch.remaining else f"0 of {batch.count:,}"

    return [
        Column(id="when", title="deleted", width=16, rank=0, text=lambda batch: format.when(batch.created_at)),
        Column(
            id="age",
            title="age",
            width=5,
            rank=5,
            is_right=True,
            text=lambda batch: format.age(clock() - batch.created_at),
            tone="muted",
        ),
        Column(id="count", title="in trash", width=12, rank=1, is_right=True, text=left),
        Column(
            id="size",
            title="size",
            width=7,
            rank=4,
            is_right=True,
            text=lambda batch: format.size(batch.size_bytes),
            tone="muted",
        ),
        Column(
            id="source",
            title="from",
            width=8,
            rank=3,
            text=lambda batch: _SOURCES.get(batch.source, batch.source),
            tone="muted",
        ),
        Column(id="reason", title="reason", width=12, grow=20, rank=2, text=lambda batch: batch.reason),
        Column(
            id="query",
            title="filter",
            width=12,
            grow=60,
            rank=6,
            text=lambda batch: format.text(batch.query),
            tone="muted",
        ),
    ]


class _TrashList(BrowserScreen[bool]):
    """A title, a list, a status and the keys; closes with whether something was restored."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("trash", "table", "app")
    BINDINGS = keys.bindings("trash")
    AUTO_FOCUS = "LineTable"

    def __init__(self) -> None:
        super().__init__()
        self._is_changed = False

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([key for key in keys.of("trash", "app") if key.in_footer])
        self._read()

    @abstractmethod
    def _read(self) -> object:
        """Fill the list from the store."""

    def action_back(self) -> None:
        self.dismiss(self._is_changed)

    def on_index_changed(self, message: IndexChanged) -> None:
        self._is_changed = True
        self._read()

    @on(LineTable.Moved)
    def _cursor_moved(self) -> None:
        table = cast("LineTable[object]", self.query_one(LineTable))
        self.query_one(StatusLine).show_position(table.cursor, len(table.rows))

    def _restored(self, restored: int) -> None:
        self._is_changed = self._is_changed or restored > 0
        self.notify(f"{format.plural(restored, 'experiment')} restored", markup=False)
        self._read()


class TrashScreen(_TrashList):
    """One line for each act of deletion, newest first."""

    def compose(self) -> ComposeResult:
        yield Line(id="trash-title")
        yield LineTable[Batch](_batch_columns(self.app.clock), gutter=1)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    @property
    def table(self) -> LineTable[Batch]:
        return cast("LineTable[Batch]", self.query_one(LineTable))

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        with self.reporting():
            found = await self.app.ask(self.app.store.batches, _SHOWN_BATCHES)
            held = sum(batch.remaining for batch in found)
            self.query_one("#trash-title", Line).show(
                Content.assemble((" trash", "bold $primary")),
                Content.styled(
                    f"{format.plural(held, 'experiment')} in {format.plural(len(found), 'deletion')} ", "$text-muted"
                ),
            )
            self.table.empty = ("Nothing was deleted yet.", "", "esc goes back to the experiments")
            self.table.show(RowList(found), self.table.cursor)
            self.clear_problem()

    @on(LineTable.Chosen)
    def action_open(self) -> None:
        batch = self.table.current
        if batch is not None:

            def closed(is_changed: bool | None) -> None:
                if is_changed:
                    self._is_changed = True
                    self._read()

            self.app.push_screen(DeletedScreen(batch), closed)

    @work(group="restore")
    async def action_restore(self) -> None:
        batch = self.table.current
        if batch is None:
            return
        with self.reporting():
            self._restored(await self.app.restore_batch(batch.id))

    async def action_undo(self) -> None:
        """The newest deletion is the first line that still holds something."""
        for index in range(len(self.table.rows)):
            batch = self.table.rows.row(index)
            if batch is not None and batch.remaining:
                await self.table.go(index)
                self.action_restore()
                return


class DeletedScreen(_TrashList):
    """What one act of deletion still holds."""

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self._batch = batch

    def compose(self) -> ComposeResult:
        yield Line(id="trash-title")
        yield LineTable[Experiment](experiment_columns(self.app.clock, in_trash=True), gutter=1)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    @property
    def table(self) -> LineTable[Experiment]:
        return cast("LineTable[Experiment]", self.query_one(LineTable))

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        batch = self._batch
        with self.reporting():
            held = await self.app.ask(self.app.store.batch_snapshot, batch.id)
            rows = Pages(lambda begin, end: self._get(held[begin:end]), len(held))
            await rows.ensure(0, self.table.body_height)
            self.query_one("#trash-title", Line).show(
                Content.assemble(
                    (" trash ", "bold $primary"),
                    (f"{format.when(batch.created_at)}  {safe(batch.reason)}", "$foreground"),
                ),
                Content.styled(f"{len(held):,} of {batch.count:,} in the trash ", "$text-muted"),
            )
            self.table.empty = ("All of these were restored.", "", "esc goes back")
            self.table.show(rows, self.table.cursor)
            self.clear_problem()

    async def _get(self, part: Snapshot) -> list[Experiment | None] | None:
        with self.reporting():
            return await self.app.ask(self.app.store.rows, part)
        return None

    @on(LineTable.Chosen)
    def action_open(self) -> None:
        current = self.table.current
        if current is not None:
            from runicorn_tui.screens.experiment import ExperimentScreen

            self.app.push_screen(ExperimentScreen(current.id))

    @work(group="restore")
    async def action_restore(self) -> None:
        current = self.table.current
        if current is not None:
            with self.reporting():
                result = await self.app.ask(self.app.store.restore, [current.id])
                self._restored(result.changed)

    def action_undo(self) -> None:
        self.action_restore()
