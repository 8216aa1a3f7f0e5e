"""The trash: every act of deletion, what it took, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content

from runicorn_db.errors import UnknownExperiment
from runicorn_db.query import Experiment
from runicorn_tui import format, keys
from runicorn_tui.acts import Act, acts
from runicorn_tui.messages import IndexChanged
from runicorn_tui.rows import Pages
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.experiment_table import columns as experiment_columns
from runicorn_tui.widgets.line_table import Column, LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line, StatusLine

_SOURCES = {"tui": "terminal", "api": "REST", "cli": "command", "runicorn": "Runicorn"}
_SHOWN_BATCHES = 2000


def _act_columns(clock: Callable[[], float]) -> list[Column[Act]]:
    def left(act: Act) -> str:
        if act.remaining == act.count:
            return f"{act.count:,}"
        return f"{act.remaining:,} of {act.count:,}" if act.remaining else f"0 of {act.count:,}"

    return [
        Column(id="when", title="deleted", width=16, rank=0, text=lambda act: format.when(act.created_at)),
        Column(
            id="age",
            title="age",
            width=5,
            rank=5,
            is_right=True,
            text=lambda act: format.age(clock() - act.created_at),
            tone="muted",
        ),
        Column(id="count", title="in trash", width=12, rank=1, is_right=True, text=left),
        Column(
            id="size",
            title="size",
            width=7,
            rank=4,
            is_right=True,
            text=lambda act: format.size(act.size_bytes),
            tone="muted",
        ),
        Column(
            id="source",
            title="from",
            width=8,
            rank=3,
            text=lambda act: _SOURCES.get(act.source, act.source),
            tone="muted",
        ),
        Column(id="reason", title="reason", width=12, grow=20, rank=2, text=lambda act: act.reason),
        Column(
            id="query",
            title="filter",
            width=12,
            grow=60,
            rank=6,
            text=lambda act: format.text(act.query),
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

    def _read(self) -> object:
        raise NotImplementedError

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
        yield LineTable[Act](_act_columns(self.app.clock), gutter=1)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    @property
    def table(self) -> LineTable[Act]:
        return cast("LineTable[Act]", self.query_one(LineTable))

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        with self.reporting():
            found = acts(await self.app.ask(self.app.store.batches, _SHOWN_BATCHES))
            held = sum(act.remaining for act in found)
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
        act = self.table.current
        if act is not None:

            def closed(is_changed: bool | None) -> None:
                if is_changed:
                    self._is_changed = True
                    self._read()

            self.app.push_screen(DeletedScreen(act), closed)

    @work(group="restore")
    async def action_restore(self) -> None:
        act = self.table.current
        if act is None:
            return
        with self.reporting():
            restored = 0
            for batch_id in act.ids:
                restored += (await self.app.ask(self.app.store.restore_batch, batch_id)).changed
            self._restored(restored)

    async def action_undo(self) -> None:
        """The newest deletion is the first line that still holds something."""
        for index in range(len(self.table.rows)):
            act = self.table.rows.row(index)
            if act is not None and act.remaining:
                await self.table.go(index)
                self.action_restore()
                return


class DeletedScreen(_TrashList):
    """What one act of deletion still holds."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self._act = act

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
        act = self._act
        with self.reporting():
            ids: list[str] = []
            for batch_id in act.ids:
                ids += await self.app.ask(self.app.store.batch_ids, batch_id)
            rows = Pages(lambda begin, end: self._get(ids[begin:end]), len(ids))
            await rows.ensure(0, self.table.body_height)
            self.query_one("#trash-title", Line).show(
                Content.assemble(
                    (" trash ", "bold $primary"),
                    (f"{format.when(act.created_at)}  {safe(act.reason)}", "$foreground"),
                ),
                Content.styled(f"{len(ids):,} of {act.count:,} in the trash ", "$text-muted"),
            )
            self.table.empty = ("All of these were restored.", "", "esc goes back")
            self.table.show(rows, self.table.cursor)
            self.clear_problem()

    async def _get(self, ids: Sequence[str]) -> list[Experiment | None] | None:
        def read() -> list[Experiment | None]:
            found: list[Experiment | None] = []
            for experiment_id in ids:
                try:
                    found.append(self.app.store.get(experiment_id).experiment)
                except UnknownExperiment:
                    found.append(None)
            return found

        with self.reporting():
            return await self.app.ask(read)
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
