"""The list follows the index: rows are updated in place, and what came or matches no longer is counted."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from runicorn_db.criteria import Criteria
from runicorn_db.query import ExperimentQuery
from runicorn_tui.rows import added
from runicorn_tui.screens import BrowserScreen

if TYPE_CHECKING:
    from runicorn_tui.widgets.grouped_table import GroupedTable

REST_SHARE = 20
"""So many times as long as a look at the whole index took it is then left alone: at a million it takes its time."""


class Following(BrowserScreen[None]):
    """A screen with a list that stays as it is until it is made anew."""

    def __init__(self) -> None:
        super().__init__()
        self.forget_changes()

    if TYPE_CHECKING:
        _criteria: Criteria

        @property
        def table(self) -> GroupedTable: ...
        def _query(self) -> ExperimentQuery: ...
        def _show_status(self) -> None: ...

    def forget_changes(self) -> None:
        """The list was made anew."""
        self.new = self.gone = 0
        """How many experiments came since the list was made, and how many of it match its filter no longer."""
        self._is_outdated = False
        self._count_at = 0.0

    @work(group="live", exclusive=True)
    async def look_again(self, *, is_grown: bool) -> None:
        """Updates the visible rows in place and counts what is new or matches no longer; neither moves the cursor."""
        self._is_outdated |= is_grown or bool(self._criteria)
        with self.reporting():
            await self.table.read_again()
            if self._is_outdated:
                await asyncio.sleep(self._count_at - time.monotonic())
                await self._count_changes()
            self._show_status()

    async def _count_changes(self) -> None:
        pages, ask, began = self.table.pages, self.app.ask, time.monotonic()
        if pages is None or (before := pages.snapshot) is None:
            return
        # Only how many: the order by a metric takes its time.
        now = await ask(self.app.store.ids, replace(self._query(), order_by="created_at"))
        new = await ask(added, before, now)
        gone = await ask(added, now, before) if self._criteria else 0
        self._is_outdated, ended = False, time.monotonic()
        self._count_at = ended + REST_SHARE * (ended - began)
        if self.table.pages is not None and before is self.table.pages.snapshot:
            self.new, self.gone = new, gone
