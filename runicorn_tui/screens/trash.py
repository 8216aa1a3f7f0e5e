"""The trash: every act of deletion, what it took, and the way back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.worker import Worker

from runicorn_db.outcomes import Batch, PurgeResult
from runicorn_db.query import Experiment, Snapshot
from runicorn_tui import format, keys, list_status
from runicorn_tui.messages import IndexChanged
from runicorn_tui.rows import ResultPages, survivor
from runicorn_tui.screens.purge import ConfirmPurge
from runicorn_tui.screens.report import SOURCES
from runicorn_tui.screens.undo import UndoScreen
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.typed_ahead import opening
from runicorn_tui.widgets.experiment_columns import ColumnChoice, columns
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line, StatusLine

_ALL = 1 << 31


def _nothing(hint: Callable[[str], str], *, is_emptied: bool) -> tuple[str, ...]:
    back = f"{hint('trash-back')} goes back"
    if is_emptied:
        return ("Every deletion was taken back or removed for good.", "", f"{hint('hide-emptied')} shows them, {back}")
    return ("Nothing was deleted yet.", "", f"{back}: there {hint('delete')} moves experiments here")


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
            text=lambda batch: SOURCES.get(batch.source, batch.source),
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


class _TrashList(UndoScreen[bool]):
    """A title, a list, a status and the keys; closes with whether other experiments are in the trash now."""

    AUTO_FOCUS = "LineTable"
    FOOTER: ClassVar[tuple[keys.Scope, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._is_changed = False

    def on_mount(self) -> None:
        rows = [key for scope in (*self.FOOTER, "app") for key in keys.of(scope) if key.in_footer]
        self.query_one(KeyBar).show(rows)
        self.query_one(LineTable).empty = (Drawn("Reading the trash…"),)
        self.app.wait_for(self._read())

    def show_problem(self, reason: str) -> None:
        super().show_problem(reason)
        # It is not being read any more.
        for table in self.query(LineTable[object]):
            table.empty = ()

    @abstractmethod
    def _read(self) -> Worker[None]:
        """Fill the list from the store."""

    @abstractmethod
    async def _chosen(self) -> Snapshot:
        """What the keys are about."""

    def action_back(self) -> None:
        self.dismiss(self._is_changed)

    def on_index_changed(self, message: IndexChanged) -> None:
        self.restored_or_deleted()

    def restored_or_deleted(self) -> None:
        self._is_changed = True
        self._read()

    @on(LineTable.Moved)
    def _cursor_moved(self) -> None:
        table = cast("LineTable[object]", self.query_one(LineTable))
        self.query_one(StatusLine).show_position(table.cursor, len(table.rows))

    @opening
    @work(group="delete", exclusive=True)
    async def action_purge(self) -> None:
        """Removes from disk, once that is agreed to."""
        with self.reporting():
            chosen = await self._chosen()
            if not len(chosen):
                self.say("Nothing of it is in the trash.")
                return
            result = await self.app.push_screen_wait(ConfirmPurge(chosen))
            if isinstance(result, str):
                self.show_problem(result)
            elif result is not None:
                await self._purged(result)

    async def _purged(self, result: PurgeResult) -> None:
        freed = f"{format.size(result.freed_bytes)} freed, {format.plural(result.file_count, 'file')}"
        rest = "" if result.is_complete else ". Stopped: the rest is in the trash as it was"
        self.say(f"{format.plural(result.purged, 'experiment')} removed for good, {freed}{rest}")
        self.restored_or_deleted()
        await self.show_errors("not removed", dict(result.errors))


class TrashScreen(_TrashList):
    """One line for each act of deletion, newest first."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("trash", "table", "app")
    FOOTER = ("trash",)
    BINDINGS = keys.bindings("trash")

    def __init__(self) -> None:
        super().__init__()
        self._hides_emptied = False

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
            found = await self.app.ask(self.app.store.batches, _ALL)
            held = sum(batch.remaining for batch in found)
            shown = [batch for batch in found if batch.remaining or not self._hides_emptied]
            hidden = f", {len(found) - len(shown):,} emptied ones hidden" if len(shown) < len(found) else ""
            self.query_one("#trash-title", Line).show(
                Content.assemble((" trash", "bold $primary")),
                Content.styled(
                    f"{format.plural(held, 'experiment')} in {format.plural(len(found), 'deletion')}{hidden} ",
                    "$text-muted",
                ),
            )
            self.table.empty = _nothing(self.app.keymap.hint, is_emptied=bool(found))
            self.table.show(RowList(shown), self._place(shown))
            self.clear_problem()

    def _place(self, shown: Sequence[Batch]) -> int:
        """The cursor stays on its batch, or the next older one that is left."""
        current = self.table.current
        if current is None:
            return 0
        return next((at for at, batch in enumerate(shown) if batch.id <= current.id), len(shown))

    async def _chosen(self) -> Snapshot:
        batch = self.table.current
        return Snapshot() if batch is None else await self.app.ask(self.app.store.batch_snapshot, batch.id)

    @on(LineTable.Chosen)
    def action_open(self) -> None:
        batch = self.table.current
        if batch is not None:

            def closed(is_changed: bool | None) -> None:
                if is_changed:
                    self.restored_or_deleted()

            self.app.push_screen(DeletedScreen(batch), closed)

    def action_hide_emptied(self) -> None:
        self._hides_emptied = not self._hides_emptied
        self._read()

    def action_journal(self) -> None:
        from runicorn_tui.screens.report import JournalScreen

        self.app.push_screen(JournalScreen())

    def action_restore(self) -> None:
        batch = self.table.current
        if batch is not None:
            self.app.run_worker(self._restore(batch), group="restore")

    async def _restore(self, batch: Batch) -> None:
        with self.reporting():
            result = await self.app.restore_batch(batch.id)
            age, source = self.app.clock() - batch.created_at, SOURCES.get(batch.source, batch.source)
            ago = f"{format.age(age)} ago" if age >= 1 else "just now"
            self.say(f"{format.plural(result.changed, 'experiment')} restored, deleted {ago} from {source}")
            self.show_change()
            await self.show_errors("not restored", dict(result.errors))


class DeletedTable(ExperimentTable, inherit_bindings=False):
    """Experiments with marks, all of them in the trash."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("table"), *keys.bindings("marks")]

    def begin_with(self, choice: ColumnChoice) -> None:
        self.choice = choice
        self.set_columns(columns(self._clock, choice.shown, in_trash=True))


class DeletedScreen(_TrashList):
    """What one act of deletion still holds; some of it can be marked, to be restored or removed for good."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("deleted", "marks", "table", "app")
    FOOTER = ("deleted", "marks")
    BINDINGS = keys.bindings("deleted")

    def __init__(self, batch: Batch) -> None:
        super().__init__()
        self._batch = batch

    def compose(self) -> ComposeResult:
        yield Line(id="trash-title")
        yield DeletedTable(self.app.clock, self.app.ask)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    def on_mount(self) -> None:
        self.table.begin_with(self.table.choice)
        super().on_mount()

    @property
    def table(self) -> DeletedTable:
        return self.query_one(DeletedTable)

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        batch, table = self._batch, self.table
        table.is_listed.clear()
        with self.reporting():
            held = await self.app.ask(self.app.store.batch_snapshot, batch.id)
            before, cursor = table.listed, table.cursor
            rows = ResultPages(self._get)
            rows.freeze(held)
            cursor = await self.app.ask(survivor, before, cursor, held)
            await rows.ensure(cursor - table.body_height, cursor + table.body_height)
            self.query_one("#trash-title", Line).show(
                Content.assemble(
                    (" trash ", "bold $primary"),
                    (f"{format.when(batch.created_at)}  {safe(batch.reason)}", "$foreground"),
                ),
                Content.styled(f"{len(held):,} of {batch.count:,} in the trash ", "$text-muted"),
            )
            table.empty = (
                "Nothing of this is in the trash any more.",
                "",
                f"{self.app.keymap.hint('trash-back')} goes back",
            )
            table.range_start = None
            table.show(rows, cursor)
            self.clear_problem()
        table.is_listed.set()

    async def _get(self, part: Snapshot) -> list[Experiment | None] | None:
        with self.reporting():
            return await self.app.ask(self.app.store.rows, part)
        return None

    async def _chosen(self) -> Snapshot:
        return await self.table.chosen()

    @on(ExperimentTable.Marked)
    def _marks_changed(self) -> None:
        self.query_one(StatusLine).show_parts(list_status.marks(self.table, self.app.keymap))

    @on(LineTable.Chosen)
    def action_open(self) -> None:
        current = self.table.current
        if current is not None:
            from runicorn_tui.screens.experiment import ExperimentScreen

            self.app.push_screen(ExperimentScreen(current.id))

    def action_restore(self) -> None:
        self.app.run_worker(self._restore(self.table), group="restore")

    async def _restore(self, table: DeletedTable) -> None:
        with self.reporting(), self.app.doing(lambda: "restoring"):
            chosen = await table.chosen()
            if not len(chosen):
                return
            result = await self.app.ask(self.app.store.restore, chosen)
            await table.forget(chosen)
            self.say(f"{format.plural(result.changed, 'experiment')} restored")
            self.show_change()
            await self.show_errors("not restored", dict(result.errors))

    async def _purged(self, result: PurgeResult) -> None:
        await self.table.forget(self.table.marks.snapshot)
        await super()._purged(result)
