"""Chooses the columns of the list: the list behind follows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from runicorn_db.database import Interrupt
from runicorn_db.errors import Interrupted, StoreError
from runicorn_db.named_values import NamedValue, Which
from runicorn_db.text import fold
from runicorn_tui import format, keys
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.experiment_columns import DEFAULT, FURTHER, ColumnChoice, id_of
from runicorn_tui.widgets.line_layout import Column, Tone
from runicorn_tui.widgets.line_table import LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

_OF_A_METRIC: dict[Which, str] = {
    "best": "metric: best, or else last",
    "last": "metric: last",
    "min": "metric: lowest",
    "max": "metric: highest",
}
_GUTTER = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A column that there could be. `counted` is the value whose experiments are counted for it."""

    column: str | NamedValue
    kind: str
    counted: NamedValue | None = None


def entries(shown: Sequence[str | NamedValue], named: Sequence[NamedValue]) -> list[Entry]:
    """Those that are shown, in their order, then the other columns, metrics and parameters."""
    every = [Entry(column, "column") for column in (*DEFAULT, *FURTHER)]
    for value in named:
        if value.is_param:
            every.append(Entry(value, "parameter", value))
        else:
            every += [Entry(NamedValue(which, value.name), kind, value) for which, kind in _OF_A_METRIC.items()]
    by_column = {entry.column: entry for entry in every}
    # A metric that is shown may have gone with the last experiment that had it.
    first = [by_column.pop(column, Entry(column, "no longer in the index")) for column in shown]
    return [*first, *by_column.values()]


class EntryTable(LineTable[Entry]):
    """Entries with a mark at those that are shown, and at which place."""

    def __init__(self) -> None:
        super().__init__(self._columns_of_entries(), gutter=_GUTTER, id="columns-list")
        self.places: dict[str | NamedValue, int] = {}
        self.counts: dict[NamedValue, int] | None = None

    def _columns_of_entries(self) -> list[Column[Entry]]:
        return [
            Column(id="name", title="column", width=16, grow=60, rank=0, text=lambda e: str(e.column)),
            Column(id="kind", title="what", width=26, rank=2, text=lambda e: e.kind, tone="muted"),
            Column(id="count", title="experiments", width=11, rank=1, is_right=True, text=self._count, tone="muted"),
        ]

    def _count(self, entry: Entry) -> str:
        if entry.counted is None:
            return ""
        return Drawn("…") if self.counts is None else format.count(self.counts.get(entry.counted, 0))

    def gutter_text(self, index: int, row: Entry | None) -> tuple[str, Tone]:
        place = None if row is None else self.places.get(row.column)
        return ("    ", "plain") if place is None else (f"●{place:>2} ", "mark")


class SearchInput(StillInput):
    """A part of a column's name."""

    BINDINGS = keys.bindings("search")

    class Left(Message):
        """The person goes on to the list."""

    def action_done(self) -> None:
        self.post_message(self.Left())

    def action_clear(self) -> None:
        self.value = ""
        self.post_message(self.Left())


class ColumnsScreen(ModalScreen[None]):
    """`change` is told every choice as it is made, `sort` the column to order by."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("chooser", "search", "table")
    BINDINGS = keys.bindings("chooser")
    AUTO_FOCUS = "EntryTable"

    def __init__(
        self, choice: ColumnChoice, change: Callable[[ColumnChoice], None], sort: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._choice = choice
        self._change = change
        self._sort = sort
        self._entries: list[Entry] = entries(choice.shown, ())
        self._interrupt = Interrupt()

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    @property
    def table(self) -> EntryTable:
        return self.query_one(EntryTable)

    def compose(self) -> ComposeResult:
        search = self.app.keymap.hint("search-columns")
        with Vertical(id="columns"):
            yield SearchInput(
                placeholder=f"{search} searches columns, metrics, parameters", compact=True, id="columns-search"
            )
            yield EntryTable()
            yield Line(id="columns-place")
            yield KeyBar()

    def on_mount(self) -> None:
        self.table.empty = ("no such column", f"{self.app.keymap.hint('search-clear')} takes the search back")
        self._show_choice()
        self._show_entries()
        self._show_keys()
        self.app.wait_for(self._read())

    def on_unmount(self) -> None:
        self._interrupt.cancel()

    @work(group="names")
    async def _read(self) -> None:
        """Which metrics and parameters there are."""
        try:
            self._entries = entries(self._choice.shown, await self.app.ask(self.app.store.value_names))
        except StoreError as error:
            self.notify(safe(error), severity="warning", markup=False)
            return
        self._show_entries()
        self._count()

    @work(group="counts")
    async def _count(self) -> None:
        """How many have each, which may take a second."""
        try:
            self.table.counts = await self.app.ask(self.app.store.value_counts, interrupt=self._interrupt)
            self.table.refresh()
        except Interrupted:
            return
        except StoreError as error:
            self.notify(safe(error), severity="warning", markup=False)

    def _show_entries(self) -> None:
        words = fold(self.query_one(SearchInput).value).split()
        found = [entry for entry in self._entries if all(word in fold(str(entry.column)) for word in words)]
        current = self.table.current
        self.table.show(RowList(found), found.index(current) if current in found else 0)

    def _show_choice(self) -> None:
        self.table.places = {column: number for number, column in enumerate(self._choice.shown, 1)}
        self.table.refresh()

    @on(LineTable.Moved)
    def _show_place(self) -> None:
        at, listed = self.table.cursor, len(self.table.rows)
        self.query_one("#columns-place", Line).show(
            Content.styled(f" {at + 1 if listed else 0:,}/{listed:,}", "$text-muted"),
            Content.styled(f"{len(self._choice.shown)} shown ", "$text-muted"),
        )

    def on_descendant_focus(self) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        scope: keys.Scope = "search" if isinstance(self.focused, SearchInput) else "chooser"
        self.query_one(KeyBar).show([key for key in keys.of(scope) if key.in_footer])

    @on(Input.Changed)
    def _searched(self) -> None:
        self._show_entries()

    @on(SearchInput.Left)
    def _search_left(self) -> None:
        self.set_focus(self.table)

    # What the keys do.

    def _choose(self, choice: ColumnChoice) -> None:
        if choice != self._choice:
            self._choice = choice
            self._change(choice)
            self._show_choice()
            self._show_place()

    def action_toggle_column(self) -> None:
        if (current := self.table.current) is not None:
            self._choose(self._choice.toggled(current.column))

    def action_move_column(self, by: int) -> None:
        if (current := self.table.current) is not None:
            self._choose(self._choice.moved(current.column, by))

    def action_sort_column(self) -> None:
        if (current := self.table.current) is not None:
            self._sort(id_of(current.column))

    def action_search(self) -> None:
        self.set_focus(self.query_one(SearchInput))

    def action_done(self) -> None:
        self.dismiss()
