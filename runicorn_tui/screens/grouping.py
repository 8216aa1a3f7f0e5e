"""The list in groups that fold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING

from textual import work

from runicorn_db.database import Interrupt
from runicorn_db.errors import InvalidQuery, StoreError
from runicorn_db.groups import GROUP_FIELDS, GroupBy, Groups, parse_group_by
from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_tui.screens.chosen_acts import ChosenActs
from runicorn_tui.tree import Tree, TreeRows, Value, landing

if TYPE_CHECKING:
    from textual.worker import Worker

    from runicorn_tui.rows import ResultPages
    from runicorn_tui.screens.pick import PickScreen
    from runicorn_tui.screens.tags import Tagged
    from runicorn_tui.widgets.grouped_table import GroupedTable

_FILL_SECONDS = 0.1
_MOST_FOLLOWED = 100_000
"""Of more experiments the groups say what was so when they were listed."""


class Grouping(ChosenActs):
    """`O` chooses what the list is grouped by, and takes the groups away again."""

    def __init__(self) -> None:
        super().__init__()
        self.group_by: GroupBy | None = None
        self.are_groups_changed = False
        """Whether the groups on screen are not those of now any more."""
        self._grouped_last = ""
        self._opened: set[Value] = set()

    if TYPE_CHECKING:
        _interrupt: Interrupt

        @property
        def table(self) -> GroupedTable: ...

        def _query(self) -> ExperimentQuery: ...
        def _list(self, *, keep: bool) -> Worker[None]: ...
        def _show(self, rows: ResultPages | TreeRows, cursor: int) -> None: ...
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
        self._list(keep=by is None)

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
            if before is None:
                loop.call_soon_threadsafe(show, groups, members, context=context)

        asking = asyncio.ensure_future(
            self.app.ask(self.app.store.group_members, query, by, told=told, interrupt=interrupt)
        )
        try:
            while not (await asyncio.wait({asking}, timeout=_FILL_SECONDS))[0]:
                await self._fill_lines(early)
            found = asking.result()
        finally:
            asking.cancel()
        if early:
            early[0].tree.complete(found.every)
            await self._fill_lines(early)
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

    async def look_at_groups(self) -> None:
        """Updates what is said of the groups, as far as they are still of the same size."""
        tree, by = self.table.group_tree, self.group_by
        if tree is None or by is None or tree.every is None or len(tree.every) > _MOST_FOLLOWED:
            return
        now = await self.app.ask(self.app.store.groups, self._query(), by, interrupt=self._interrupt)
        groups, is_other = await self.app.ask(tree.compared, now)
        if tree is self.table.group_tree:
            tree.groups, self.are_groups_changed = groups, is_other
            self.table.fit_groups()

    async def _tagged(self, tagged: Tagged | None) -> None:
        await super()._tagged(tagged)
        if tagged is not None and self.group_by == "tag":
            self._list(keep=True)
