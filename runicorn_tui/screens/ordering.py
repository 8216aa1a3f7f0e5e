"""What the list is ordered by, and the columns it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work

from runicorn_db.named_values import NamedValue
from runicorn_db.query import Order
from runicorn_tui.rows import PAGE
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.widgets.experiment_columns import ORDER_COLUMNS, column_id_of, order_of
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.line_table import LineTable

if TYPE_CHECKING:
    from runicorn_tui.widgets.grouped_table import GroupedTable

_ASCENDS: frozenset[Order] = frozenset(("name", "project", "status"))


class Ordering(BrowserScreen[None]):
    """Orders the list by a key or a column's title; chooses its columns."""

    def __init__(self) -> None:
        super().__init__()
        self._order_by: Order = "created_at"
        self._order_desc = True

    if TYPE_CHECKING:

        @property
        def table(self) -> GroupedTable: ...

        def _list_by_key(self, *, keep: bool) -> None: ...
        def _show_keys(self) -> None: ...
        def remember_order(self) -> None: ...

    # Order.

    def action_sort(self) -> None:
        orders: tuple[Order, ...] = (*ORDER_COLUMNS, *self.table.choice.values)
        at = orders.index(self._order_by) if self._order_by in orders else -1
        self._sort_by(orders[(at + 1) % len(orders)])

    def action_reverse(self) -> None:
        self._order_desc = not self._order_desc
        self.remember_order()
        self._list_by_key(keep=False)

    def _sort_by(self, order: Order) -> None:
        is_lowest = isinstance(order, NamedValue) and order.which == "min"
        ascends = is_lowest or order in _ASCENDS or self._is_less_better(order)
        self._order_by, self._order_desc = order, not ascends
        self.remember_order()
        self._list_by_key(keep=False)

    def _is_less_better(self, order: Order) -> bool:
        """Whether all of the first page that have this best value say that less is better; the best come first."""
        named = order.name if isinstance(order, NamedValue) and order.which == "best" else None
        if order != "best_metric_value" and named is None:
            return False
        if (tree := self.table.group_tree) is not None:
            groups = tree.groups.groups
            return {group.best_metric_mode for group in groups if group.best_metric_value is not None} == {"min"}
        rows = self.table.rows
        first = (rows.row(index) for index in range(min(PAGE, len(rows))))
        modes = {
            row.best_metric_mode
            for row in first
            if row is not None and row.best_metric_value is not None and named in (None, row.best_metric_name)
        }
        return modes == {"min"}

    @on(LineTable.Sorted)
    def _column_to_sort_by(self, event: LineTable.Sorted) -> None:
        self._sort_by_column(event.column_id)

    def _sort_by_column(self, column_id: str) -> None:
        if column_id == column_id_of(self._order_by):
            self.action_reverse()
        elif (order := order_of(column_id)) is not None:
            self._sort_by(order)
        else:
            self.say(f"There is no order by {column_id}.")

    # Columns.

    def action_columns(self) -> None:
        from runicorn_tui.screens.columns import ColumnsScreen

        self.app.push_screen(ColumnsScreen(self.table.choice, self.table.choose, self._sort_by_column))

    @on(ExperimentTable.ColumnEntered)
    def _column_entered(self) -> None:
        self._show_keys()

    @on(ExperimentTable.ColumnsChanged)
    @work(group="columns", exclusive=True)
    async def _columns_changed(self) -> None:
        """Reads the values of new columns for the lines on screen; others when they are looked at."""
        self.app.remember(columns=self.table.choice.ids())
        pages = self.table.pages
        if pages is None or pages.snapshot is None:
            self._list_by_key(keep=False)
            return
        with self.reporting():
            await self.table.read_again()
