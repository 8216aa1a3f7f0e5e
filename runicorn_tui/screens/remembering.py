"""The list as it was left the last time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import work

from runicorn_db.criteria import Criteria
from runicorn_db.filter_terms import Note
from runicorn_db.query import Order
from runicorn_tui.marks import sizes_of
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.state import MOST_MARKS
from runicorn_tui.widgets.experiment_columns import ColumnChoice, column_id_of, order_of

if TYPE_CHECKING:
    from runicorn_tui.widgets.experiment_table import ExperimentTable
    from runicorn_tui.widgets.filter_bar import FilterBar


class Remembering(BrowserScreen[None]):
    """Begins with the columns, order, groups, filter and marks that are remembered, and says what they become."""

    def __init__(self) -> None:
        super().__init__()
        self._is_told_of_marks = False

    if TYPE_CHECKING:
        _criteria: Criteria
        _order_by: Order
        _order_desc: bool

        @property
        def bar(self) -> FilterBar: ...
        @property
        def table(self) -> ExperimentTable: ...
        def read_filter(self, text: str) -> tuple[Criteria, Sequence[Note]]: ...
        def restore_history(self) -> None: ...
        def begin_grouped(self, text: str) -> None: ...

    def restore(self) -> None:
        """Before anything is listed."""
        if self.app.memory is None:
            return
        state = self.app.memory.state
        if state.columns:
            self.table.begin_with(ColumnChoice.of_ids(state.columns))
        order = order_of(state.order_by)
        if order is not None:
            self._order_by, self._order_desc = order, state.order_desc
        self.begin_grouped(state.group_by)
        self.restore_history()
        criteria, notes = self.read_filter(state.filter)
        if state.filter and not notes:
            self._criteria = criteria
            self.bar.begin_with(state.filter)
        if state.marks:
            self._restore_marks(state.marks)

    @work(group="restore")
    async def _restore_marks(self, ids: list[str]) -> None:
        with self.reporting():
            self.table.restore_marks(await self.app.ask(sizes_of, self.app.store, ids))

    def remember_order(self) -> None:
        self.app.remember(order_by=column_id_of(self._order_by), order_desc=self._order_desc)

    def remember_marks(self) -> None:
        marked = self.table.marks.snapshot
        if len(marked) <= MOST_MARKS:
            self.app.remember(marks=partial(self.app.store.id_list, marked))
            return
        self.app.remember(marks=[])
        if self.app.memory is not None and not self._is_told_of_marks:
            self._is_told_of_marks = True
            self.say(f"More than {MOST_MARKS:,} marks are not remembered for the next start.")
