"""The first screen: every experiment, filtered, ordered, marked, deleted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from runicorn_db.criteria import Criteria
from runicorn_db.database import Interrupt
from runicorn_db.filter_terms import Note
from runicorn_db.query import Experiment, ExperimentQuery, Root, Snapshot
from runicorn_tui import keys, list_status
from runicorn_tui.completions import FilterWords
from runicorn_tui.messages import IndexChanged, ServerChanged, SyncFailed, SyncMoved
from runicorn_tui.rows import PAGE, ResultPages, survivor
from runicorn_tui.screens.filter_acts import FilterActs
from runicorn_tui.screens.following import Following
from runicorn_tui.screens.grouping import Grouping
from runicorn_tui.screens.hinting import FirstHints, Hinting
from runicorn_tui.screens.ordering import Ordering
from runicorn_tui.screens.previewing import Previewing
from runicorn_tui.screens.remembering import Remembering
from runicorn_tui.screens.undo import UndoScreen
from runicorn_tui.screens.watching import Watching
from runicorn_tui.terminal import safe
from runicorn_tui.tree import TreeRows
from runicorn_tui.typed_ahead import opening
from runicorn_tui.widgets.empty import empty_lines
from runicorn_tui.widgets.experiment_columns import column_id_of
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.filter_bar import FilterBar
from runicorn_tui.widgets.filter_input import FilterInput
from runicorn_tui.widgets.grouped_table import GroupedTable
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.preview import Preview
from runicorn_tui.widgets.status_line import KeyBar, Line, StatusLine

if TYPE_CHECKING:
    from runicorn_tui.screens.confirm import Outcome

_FILL_SECONDS = 1.0
_FIRST_PAINT_SECONDS = 0.5


class ExperimentsScreen(
    FilterActs, Following, Grouping, Ordering, Remembering, Previewing, Watching, Hinting, UndoScreen[None]
):
    """Shows what the filter matches; everything that asks the store runs in a worker."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("experiments", "marks", "groups", "columns", "table", "filter", "app")
    BINDINGS = keys.bindings("experiments")
    AUTO_FOCUS = "ExperimentTable"

    def __init__(self) -> None:
        super().__init__()
        self._criteria = Criteria()
        self._notes: Sequence[Note] = ()
        self._interrupt = Interrupt()
        self._are_shown = asyncio.Event()
        """Set when the rows are on screen that were asked for last, or cannot be had."""
        self._everything: int | None = None
        self._unpainted = ExitStack()
        self._is_listed = False
        # A first sync fills the list while one looks on.
        self._is_filling = False
        self._filled_at = 0.0
        self._sync = ""
        self._address: str | None = None
        self._roots: Sequence[Root] | None = None

    @property
    def table(self) -> GroupedTable:
        return self.query_one(GroupedTable)

    @property
    def bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    def compose(self) -> ComposeResult:
        yield FilterBar("experiments", FilterWords(self.app.store, lambda: self.saved), self.filter_changed)
        with Horizontal(id="experiments"):
            yield GroupedTable(self.app.clock, self.app.ask)
            yield Preview(self.app.ask, self.app.store)
        yield FirstHints(markup=False)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    def on_mount(self) -> None:
        # Painted once, with the first rows in it, unless they take their time.
        self._unpainted.callback(self.set_timer(_FIRST_PAINT_SECONDS, self._unpainted.close).stop)
        self._unpainted.enter_context(self.app.batch_update())
        self.restore()
        self._show_keys()
        self._list(keep=False)

    def on_unmount(self) -> None:
        self._interrupt.cancel()
        self._unpainted.close()

    # Listing.

    def _query(self) -> ExperimentQuery:
        return ExperimentQuery(
            filter=self._criteria,
            roots=self.app.roots,
            order_by=self._order_by,
            order_desc=self._order_desc,
            per_page=PAGE,
        )

    def _list(self, *, keep: bool) -> None:
        """Lists anew: the first rows at once and then the order of all, or with `keep` the cursor on its experiment."""
        self._interrupt.cancel()
        self._interrupt = Interrupt()
        self.stop_looking()
        # At once: what waits for the list before waits for this one from here on.
        self.table.is_listed.clear()
        self._are_shown.set()
        self._are_shown = asyncio.Event()
        self._read_list(self._interrupt, self._are_shown, self.table, keep=keep)

    def _list_by_key(self, *, keep: bool) -> None:
        """As `_list`, as a person wants it: the keys that follow are about its rows."""
        self._list(keep=keep)
        self._hold_keys()

    def _hold_keys(self) -> None:
        """Keys wait for the rows that were asked for last."""
        if self._is_listed and not self._are_shown.is_set():
            self.app.wait_for(self._until_shown())

    @work(group="shown")
    async def _until_shown(self) -> None:
        while not self._are_shown.is_set():
            await self._are_shown.wait()

    @work(group="list", exclusive=True)
    async def _read_list(
        self, interrupt: Interrupt, are_shown: asyncio.Event, table: GroupedTable, *, keep: bool
    ) -> None:
        # The table is given: when this is cut off by the end of the browser, the screen has none any more.
        criteria = self._criteria
        try:
            with self.reporting():
                if self.group_by is None:
                    listed = await self._list_by(self._query(), interrupt, keep=keep)
                else:
                    listed = await self.list_groups(self._query(), self.group_by, interrupt, keep=keep)
                self.forget_changes()
                self.clear_problem()
                await self.bar.show_unknown(Criteria() if listed else criteria)
                await self._count_everything(listed, criteria)
        finally:
            are_shown.set()
            if interrupt is self._interrupt:
                table.is_listed.set()

    async def _list_by(self, query: ExperimentQuery, interrupt: Interrupt, *, keep: bool) -> int:
        """How many there are."""
        ask, store, table = self.app.ask, self.app.store, self.table
        before, cursor = table.pages.anchor(table.cursor) if table.pages else (None, 0)
        rows = ResultPages(self._load)
        if not keep or before is None:
            before = None
            rows = ResultPages(
                self._load, await ask(store.find, query, values=table.choice.values, interrupt=interrupt)
            )
            self._show(rows, 0)
            self.call_after_refresh(self.app.first_rows_are_shown)
        after = await ask(store.ids, query, interrupt=interrupt)
        if not rows.freeze(after):
            table.end_range()
        if before is None:
            table.grown()
        else:
            cursor = await ask(survivor, before, cursor, after)
            await rows.ensure(cursor - table.body_height, cursor + table.body_height)
            self._show(rows, cursor)
        return len(after)

    def _show(self, rows: ResultPages | TreeRows, cursor: int) -> None:
        table = self.table
        self._is_listed = True
        self._are_shown.set()
        if self.keeps_rows(rows):
            return
        table.range_start = None
        table.is_dimmed = bool(self._notes)
        table.order = (column_id_of(self._order_by), self._order_desc)
        table.empty = self._empty_text()
        table.show(rows, cursor)
        if len(rows):
            self.hint_once()
        self._show_status()
        self._show_keys()
        self.call_later(self._unpainted.close)

    async def _load(self, part: Snapshot) -> list[Experiment | None] | None:
        with self.reporting():
            return await self.app.ask(self.app.store.rows, part, self.table.choice.values)
        return None

    async def _count_everything(self, listed: int, criteria: Criteria) -> None:
        store, ask = self.app.store, self.app.ask
        if criteria:
            query = ExperimentQuery(roots=self.app.roots, per_page=1)
            page = await ask(store.find, query, interrupt=self._interrupt)
            self._everything = page.total
        else:
            self._everything = listed
        if self._roots is None:
            shown = self.app.roots
            self._roots = [root for root in await ask(store.roots) if not shown or root.name in shown]
        self.table.empty = self._empty_text()
        if not listed:
            self.table.refresh()
        self._show_status()

    def _empty_text(self) -> tuple[str, ...]:
        return empty_lines(
            is_filtered=bool(self._criteria),
            sync=self._sync,
            roots=self._roots,
            index=self.app.store.path,
            hint=self.app.keymap.hint,
        )

    # The filter.

    def action_filter(self) -> None:
        # At once: the letters that follow are meant for it.
        self.set_focus(self.bar.input)

    def on_descendant_focus(self) -> None:
        self._show_keys()

    def action_clear(self) -> None:
        """One step back at a time: hints, marking that takes long, range, cursor among columns, groups, filter, marks.

        Where a filter matches nothing, it goes before the groups: an empty list says that this key clears it.
        """
        if self.close_hints() or (self.query_one(StatusLine).is_working and self.table.stop_marking()):
            return
        if self.table.range_start is not None:
            self.table.end_range()
        elif self.table.column is not None:
            self.table.go_to_column(None)
        elif self.group_by is not None and (len(self.table.rows) or not self.bar.text):
            self.leave_groups()
        elif self.bar.text:
            self.bar.set_text("")
        elif len(self.table.marks):
            self.table.action_unmark()

    # Acting.

    @opening
    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        from runicorn_tui.screens.confirm import ConfirmDelete

        if self._is_refused("delete"):
            return
        chosen = await self.chosen()
        if not len(chosen):
            return
        hidden = await self.table.hidden()
        outcome = await self.app.push_screen_wait(ConfirmDelete(chosen, hidden=hidden, query=str(self._criteria)))
        if outcome is not None:
            await self._deleted(outcome)

    async def _deleted(self, outcome: Outcome) -> None:
        if outcome.moved:
            await self.table.forget(outcome.done)
            self.say(f"{outcome.moved:,} moved to trash, {self.app.keymap.hint('undo')} undoes")
            self._list_by_key(keep=True)
        if outcome.problem is not None:
            self.say(f"The rest was not moved: {outcome.problem}", is_warning=True)
        self.show_failures("not moved to the trash", outcome.failures)

    def restored_or_deleted(self) -> None:
        self._list_by_key(keep=True)

    def action_trash(self) -> None:
        from runicorn_tui.screens.trash import TrashScreen

        def closed(is_changed: bool | None) -> None:
            if is_changed:
                self._list_by_key(keep=True)

        self.app.push_screen(TrashScreen(), closed)

    def action_copy_id(self) -> None:
        if (current := self.table.current) is not None:
            self.app.copy_to_clipboard(safe(current.id))
            self.say(f"Copied {current.id}")
        else:
            self.say_if_on_group()

    def action_copy_directory(self) -> None:
        if (current := self.table.current) is not None:
            self.copy(current.run_dir)
        else:
            self.say_if_on_group()

    @on(LineTable.Chosen)
    async def action_open(self) -> None:
        await self.table.fold()
        if (current := self.table.current) is not None:
            from runicorn_tui.screens.experiment import ExperimentScreen

            def closed(is_deleted: bool | None) -> None:
                if is_deleted:
                    self._list_by_key(keep=True)

            self.app.push_screen(ExperimentScreen(current.id), closed)

    def action_reload(self) -> None:
        self._roots = None
        self._list_by_key(keep=True)
        self.app.look_now()

    async def action_quit(self) -> None:
        await self.app.action_quit()

    # What happens outside.

    def on_index_changed(self, message: IndexChanged) -> None:
        self._roots = None
        if self._is_filling or not len(self.table.rows):
            self._fill()
        elif self._no_rows is not None:
            self._list(keep=False)
        else:
            self.look_again(is_grown=message.report.added > 0)
            self.groups_may_differ()

    def _fill(self) -> None:
        """Lists what a first sync has found so far."""
        self._roots, self._is_filling = None, True
        self._filled_at = time.monotonic()
        if not len(self.table.marks) and self.table.range_start is None:
            self._list(keep=self.table.cursor > 0)

    def on_sync_moved(self, message: SyncMoved) -> None:
        progress, is_empty = message.progress, not len(self.table.rows)
        if progress is None:
            self._sync, self._is_filling = "", False
        elif progress.done < progress.total or is_empty:
            self._sync = list_status.reading(progress)
            has_waited = time.monotonic() - self._filled_at > _FILL_SECONDS
            if progress.done and progress.phase == "list" and has_waited and (is_empty or self._is_filling):
                self._fill()
        if is_empty:
            self.table.empty = self._empty_text()
            self.table.refresh()
        self._show_status()

    def on_sync_failed(self, message: SyncFailed) -> None:
        self.show_problem(message.reason)

    def on_server_changed(self, message: ServerChanged) -> None:
        self._address = message.address
        self._show_status()

    # Telling.

    @on(LineTable.Moved)
    def _cursor_moved(self) -> None:
        self.query_one(StatusLine).show_position(
            self.table.cursor, len(self.table.rows), "" if self.table.group_tree is None else "line "
        )
        if self.table.group_tree is not None:
            self._show_keys()

    @on(ExperimentTable.Marked)
    def _marks_changed(self) -> None:
        self.remember_marks()
        self._show_status()
        self._show_keys()

    def _show_keys(self) -> None:
        if isinstance(self.focused, FilterInput):
            rows = [key for key in keys.of("filter") if key.in_footer]
        elif self.table.column is not None:
            rows = [key for key in keys.of("columns", "app") if key.in_footer]
        else:
            rows = [key for key in keys.of("experiments", "marks", "app") if key.in_footer]
        # An open range counts only once it is taken.
        count = 0 if self.table.range_start is not None else len(self.table.marks)
        labels = {"delete": f"delete {count:,}"} if count else {}
        self.query_one(KeyBar).show(rows, labels | self.table.labels)

    def _show_status(self) -> None:
        listed = self.table.total if self._no_rows is None else 0
        of = f" of {self._everything:,}" if self._criteria and self._everything is not None else ""
        if self._is_listed:
            self.bar.show_count(Content.assemble((f"{listed:,}", "bold"), (of, "$text-muted")))
        order = list_status.order(self._order_by, is_descending=self._order_desc)
        left = [order, *list_status.groups(self.table.group_tree)]
        left += list_status.marks(self.table, self.app.keymap)
        left += list_status.changed_groups(self.app.keymap) if self.are_groups_changed else []
        left += list_status.changes(self.new, self.gone, self.app.keymap)
        left += list_status.notices(self._notes, is_kept=self._no_rows is not None)
        right = list_status.surroundings(self._roots or (), self._address)
        if self._sync or self.app.is_watching:
            right.append(list_status.watching(self._sync))
        self.query_one(StatusLine).show_parts(left, right)
