"""The list in groups that fold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING

from textual import work

from runicorn_db.database import Interrupt
from runicorn_db.errors import InvalidQuery, StoreError
from runicorn_db.groups import GROUP_FIELDS, GroupBy, GroupMembers, Groups, parse_group_by
from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_tui.group_order import arranged, arranged_members
from runicorn_tui.screens.chosen_acts import ChosenActs
from runicorn_tui.screens.following import REST_SHARE
from runicorn_tui.tree import Tree, TreeRows, Value, landing
from runicorn_tui.widgets.status_line import working

if TYPE_CHECKING:
    from textual.worker import Worker

    from runicorn_tui.rows import ResultPages
    from runicorn_tui.screens.pick import PickScreen
    from runicorn_tui.screens.tags import Tagged
    from runicorn_tui.widgets.grouped_table import GroupedTable

_FILL_SECONDS = 0.1


class Grouping(ChosenActs):
    """`O` chooses what the list is grouped by, and takes the groups away again."""

    def __init__(self) -> None:
        super().__init__()
        self.group_by: GroupBy | None = None
        self.are_groups_changed = False
        """Whether the groups on screen are not those of now any more."""
        self._grouped_last = ""
        self._opened: set[Value] = set()
        self._are_groups_outdated = False
        self._following: Worker[None] | None = None
        self._look_at = 0.0
        self._look = Interrupt()

    if TYPE_CHECKING:
        _interrupt: Interrupt

        @property
        def table(self) -> GroupedTable: ...

        def _query(self) -> ExperimentQuery: ...
        def _list_by_key(self, *, keep: bool) -> None: ...
        def _show(self, rows: ResultPages | TreeRows, cursor: int) -> None: ...
        def _show_status(self) -> None: ...
        def _read_preview(self) -> None: ...
        async def _load(self, part: Snapshot) -> list[Experiment | None] | None: ...

    def begin_grouped(self, text: str) -> None:
        """Groups as they were chosen the last time; nothing that is not known any more."""
        try:
            self.group_by = parse_group_by(text) if text else None
        except InvalidQuery:
            return

    def action_group(self) -> None:
        from runicorn_tui.screens.pick import PickScreen

        if self.group_by is not None:
            self.leave_groups()
            return
        # At once: the letters that follow are meant for it.
        known = dict.fromkeys([*GROUP_FIELDS, *filter(None, [self._grouped_last])])
        picking = PickScreen("Group by", list(known), self._grouped_last or None)
        self.app.push_screen(picking, self._picked)
        self._add_parameters(picking)

    @work(group="names")
    async def _add_parameters(self, picking: PickScreen) -> None:
        try:
            names = await self.app.ask(self.app.store.value_names)
        except StoreError as error:
            self.say(str(error), is_warning=True)
            return
        picking.show_names([*GROUP_FIELDS, *(str(name) for name in names if name.is_param)])

    def _picked(self, text: str | None) -> None:
        if text is not None:
            self._grouped_last = text
            self._group(parse_group_by(text))

    def leave_groups(self) -> None:
        """The list without groups, with the cursor on the same experiment."""
        self._group(None)

    def _group(self, by: GroupBy | None) -> None:
        self.group_by = by
        self._opened = set()
        self.app.remember(group_by="" if by is None else str(by))
        self._list_by_key(keep=by is None)

    # Listing.

    async def list_groups(self, query: ExperimentQuery, by: GroupBy, interrupt: Interrupt, *, keep: bool) -> int:
        """Shows the groups as soon as they are known, and their experiments as they are read; how many that are.

        With `keep` all at once, and the cursor stays on its experiment or group.
        """
        table, loop, context = self.table, asyncio.get_running_loop(), copy_context()
        before = table.group_tree if keep else None
        early: list[TreeRows] = []

        def show(groups: Groups, members: tuple[Snapshot, ...]) -> None:
            if interrupt is self._interrupt:
                early.append(TreeRows(self._load, Tree(groups, members, by, self._opened)))
                self._show(early[0], 0)
                self.call_after_refresh(self.app.first_rows_are_shown)

        def told(groups: Groups, members: tuple[Snapshot, ...]) -> None:
            table.measure_groups(groups, by)
            if before is None:
                shown = arranged(groups, members, query.order_by, is_descending=query.order_desc)
                loop.call_soon_threadsafe(show, *shown, context=context)

        def read() -> GroupMembers:
            found = self.app.store.group_members(query, by, told=told, interrupt=interrupt)
            return arranged_members(found, query.order_by, is_descending=query.order_desc)

        asking = asyncio.ensure_future(self.app.ask(read))
        try:
            with working(self, f"grouping… {self.app.keymap.hint('clear')} gives up"):
                while not (await asyncio.wait({asking}, timeout=_FILL_SECONDS))[0]:
                    await self._fill_lines(early)
            found = asking.result()
        finally:
            asking.cancel()
        if early:
            early[0].tree.complete(found.every)
            await self._fill_lines(early)
            if early[0] is table.rows:
                table.show(early[0], table.cursor)
        else:
            rows, cursor = TreeRows(self._load, Tree.of(found, by, self._opened)), 0
            if before is not None:
                cursor = await self.app.ask(landing, before, table.cursor, rows.tree)
            await rows.ensure(cursor - table.body_height, cursor + table.body_height)
            self._show(rows, cursor)
        self.are_groups_changed = False
        return len(found.every)

    async def _fill_lines(self, early: Sequence[TreeRows]) -> None:
        """Reads what can be read by now of the lines on screen."""
        table = self.table
        for rows in early:
            first, last = table.top, min(table.top + table.body_height, len(rows)) - 1
            if rows is table.rows and not rows.is_loaded(first, last):
                await rows.ensure(first, last)
                table.refresh()

    # What happens outside.

    def groups_may_differ(self) -> None:
        """Updates what is said of the groups: now, or when looking at them again does not take too much of the time."""
        self._are_groups_outdated = True
        if self._following is None or self._following.is_finished:
            self._following = self._follow_groups()

    @work(group="groups")
    async def _follow_groups(self) -> None:
        while self._are_groups_outdated:
            await asyncio.sleep(self._look_at - time.monotonic())
            self._are_groups_outdated, began = False, time.monotonic()
            with self.reporting():
                await self._look_at_groups()
            ended = time.monotonic()
            self._look_at = ended + REST_SHARE * (ended - began)

    async def _look_at_groups(self) -> None:
        """Updates what is said of the groups, as far as they are still of the same size."""
        tree, query = self.table.group_tree, self._query()
        if tree is None or tree.every is None:
            return
        table, store, interrupt = self.table, self.app.store, Interrupt()
        self._look = interrupt

        def look() -> tuple[Groups, bool]:
            groups, is_other = tree.compared(store.groups(query, tree.by, interrupt=interrupt))
            table.measure_groups(groups, tree.by)
            return groups, is_other

        groups, is_other = await self.app.ask(look)
        if tree is table.group_tree:
            table.update_groups(groups)
            self.are_groups_changed = is_other
            self._show_status()
            self._read_preview()

    def stop_looking(self) -> None:
        """Other groups are listed, or none: what is found out about these is no longer of interest."""
        self._look.cancel()
        if self._following is not None:
            self._following.cancel()
        self._following, self._look_at = None, 0.0

    def on_unmount(self) -> None:
        self.stop_looking()

    def _tagged(self, tagged: Tagged | None) -> None:
        super()._tagged(tagged)
        if tagged is not None and self.group_by == "tag":
            self._list_by_key(keep=True)
