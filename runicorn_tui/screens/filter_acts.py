"""What the filter line of the list leads to: a history, saved filters, the same query for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on

from runicorn_db.criteria import Criteria
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_terms import Note
from runicorn_db.named_values import NamedValue
from runicorn_db.query import MAX_PER_PAGE, ExperimentQuery
from runicorn_tui import saved_filters
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.filter_bar import FilterBar
from runicorn_tui.widgets.filter_input import FilterInput

if TYPE_CHECKING:
    from runicorn_db.groups import GroupBy
    from runicorn_tui.rows import ResultPages
    from runicorn_tui.tree import TreeRows
    from runicorn_tui.widgets.grouped_table import GroupedTable


class FilterActs(BrowserScreen[None]):
    """A screen with a filter bar and a list that follows it."""

    TYPED_COMMANDS: ClassVar[dict[str, tuple[str, str]]] = {
        ":curl": ("show_call", "this list as a REST call"),
        ":cli": ("show_command", "this list as a command line"),
    }
    """For the palette: an action and what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._listed_by = Criteria()
        """The filter of the rows on screen."""
        self._no_rows: tuple[Criteria, ResultPages | TreeRows] | None = None
        """A filter that matches nothing, while it is typed and the rows of the one before stay on screen."""

    if TYPE_CHECKING:
        _criteria: Criteria
        _notes: Sequence[Note]
        _address: str | None
        group_by: GroupBy | None

        @property
        def bar(self) -> FilterBar: ...
        @property
        def table(self) -> GroupedTable: ...
        def _show(self, rows: ResultPages | TreeRows, cursor: int) -> None: ...
        def _query(self) -> ExperimentQuery: ...
        def _list(self, *, keep: bool) -> None: ...
        def _hold_keys(self) -> None: ...
        def _show_status(self) -> None: ...

    @property
    def saved(self) -> Mapping[str, str]:
        """Name -> filter, as far as this browser knows."""
        return {} if self.app.memory is None else self.app.memory.state.saved_filters

    def read_filter(self, text: str) -> tuple[Criteria, tuple[Note, ...]]:
        """What a text means that was typed into the filter line; with a note it must not act."""
        return saved_filters.read(text, self.saved)

    def filter_changed(self, text: str) -> None:
        """Lists by another filter, once it is understood."""
        criteria, self._notes = self.read_filter(text)
        self.bar.show_notes(self._notes)
        if self._notes:
            # The last good rows stay: what was not understood would only widen the result.
            self._return_to_rows()
            self._dim()
            return
        self._criteria = criteria
        self.app.remember(filter=text)
        self._list(keep=False)
        if not isinstance(self.focused, FilterInput):
            self._hold_keys()

    def _dim(self) -> None:
        self.table.is_dimmed = True
        self.table.refresh()
        self._show_status()

    def keeps_rows(self, rows: ResultPages | TreeRows) -> bool:
        """Whether those on screen stay, dimmed, instead of these: nothing matches what is typed so far."""
        if len(rows) or not len(self.table.rows) or not isinstance(self.focused, FilterInput):
            self._listed_by, self._no_rows = self._criteria, None
            return False
        self._no_rows = (self._criteria, rows)
        if self._notes:
            self._return_to_rows()
        self._dim()
        return True

    def _return_to_rows(self) -> None:
        """The filter of the rows on screen is the last good one: what was typed since is only a step on the way."""
        if self._no_rows is not None:
            self._criteria, self._no_rows = self._listed_by, None

    def on_descendant_blur(self) -> None:
        """Nothing more is typed: that nothing matches is what there is to show."""
        if self._no_rows is not None and self.focused is self.table and self._no_rows[0] is self._criteria:
            self._show(self._no_rows[1], 0)

    def _is_refused(self, what: str) -> bool:
        """Whether the rows on screen are not those of the filter, which is then said."""
        if self._notes:
            self.say(f"Cannot {what} while the filter is unclear: {self._notes[0].message}", is_warning=True)
        elif self._no_rows is not None:
            self.say(f"Cannot {what}: no experiment matches the filter", is_warning=True)
        return bool(self._notes) or self._no_rows is not None

    @on(ExperimentTable.Refused)
    def _refused(self, event: ExperimentTable.Refused) -> None:
        self._is_refused(event.what)

    def restore_history(self) -> None:
        """The filters that were used before, in this index."""
        if self.app.memory is not None:
            self.bar.input.history.begin_with(self.app.memory.state.history)

    @on(FilterBar.Used)
    def _filter_used(self, event: FilterBar.Used) -> None:
        # Its list may be on its way since the last letter.
        self._hold_keys()
        if event.text.strip() and not self._notes:
            history = self.bar.input.history
            history.add(event.text)
            self.app.remember(history=list(history.texts))

    # Saved filters.

    def action_saved_filters(self) -> None:
        from runicorn_tui.screens.saved_filters import SavedFiltersScreen

        problem = f"The filter is unclear: {self._notes[0].message}" if self._notes else ""
        current = saved_filters.written_out(self.bar.text, self.saved)
        self.app.push_screen(SavedFiltersScreen(current, problem=problem), self._saved_chosen)

    def _saved_chosen(self, text: str | None) -> None:
        if text is not None:
            self.bar.set_text(text)
            self.bar.post_message(FilterBar.Used(text))

    # The same query elsewhere.

    def action_show_command(self) -> None:
        """As `runicorn-tui ls`."""
        if self._is_refused("show this list as a command line"):
            return
        from runicorn_tui.command_line import as_command
        from runicorn_tui.screens.query_text import QueryTextScreen

        text = as_command(self._query(), db=self.app.settings.db, group_by=self.group_by)
        self.app.push_screen(QueryTextScreen("This list as a command line", text))

    def action_show_call(self) -> None:
        """As curl."""
        if self._is_refused("show this list as a REST call"):
            return
        from runicorn_tui.rest import as_curl
        from runicorn_tui.screens.query_text import QueryTextScreen

        query = replace(self._query(), per_page=MAX_PER_PAGE)
        notes: list[str] = []
        if isinstance(query.order_by, NamedValue):
            notes.append(f"REST does not order by {query.order_by}: the newest come first.")
            query = replace(query, order_by="created_at", order_desc=True)
        if (listed := self.table.total) > MAX_PER_PAGE:
            notes.append(f"The first {MAX_PER_PAGE:,} of {listed:,}; its next_cursor, as cursor=, asks for more.")
        if self._address is None:
            notes.append(f"No server runs here: {self.app.keymap.hint('server')} starts it.")
        try:
            text = as_curl(query, self.app.settings, self._address)
        except InvalidQuery as error:
            self.say(str(error), is_warning=True)
            return
        self.app.push_screen(QueryTextScreen("This list as a REST call", text, tuple(notes)))
