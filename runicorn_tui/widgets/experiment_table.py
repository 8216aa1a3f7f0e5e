"""The list of experiments: its columns and its marks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message

from runicorn_db.query import Experiment, Snapshot
from runicorn_tui import keys
from runicorn_tui.key_sets import difference, symmetric_difference, union
from runicorn_tui.marks import Marks
from runicorn_tui.rows import ResultPages
from runicorn_tui.tree import TreeRows
from runicorn_tui.widgets.experiment_columns import ColumnChoice, column_of, columns
from runicorn_tui.widgets.line_layout import Tone
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.status_line import working

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

Ask = Callable[..., Awaitable[Any]]
Operation = Callable[[Snapshot, Snapshot], Snapshot]


class ExperimentTable(LineTable[Experiment]):
    """Experiments with marks; a range is open from `range_start` to the cursor until it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("marks"), *keys.bindings("columns")]

    class Marked(Message):
        """Other experiments are marked."""

    class ColumnsChanged(Message):
        """Other columns are shown, or in another order; the values of new ones are not read yet."""

    class ColumnEntered(Message):
        """The cursor among the columns came, moved or went."""

    class Refused(Message):
        """Not done, because the filter is only half understood."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, clock: Callable[[], float], ask: Ask, *, id: str | None = None) -> None:
        super().__init__(columns(clock), gutter=4, id=id)
        self._clock = clock
        self._ask = ask
        self.choice = ColumnChoice()
        # Marks change one after the other, and whoever asks what is chosen waits for them.
        self._marking = asyncio.Lock()
        self.is_listed = asyncio.Event()
        """Set while the list is what was asked for last; what is about all of it waits for that."""
        self.marks = Marks()
        self.range_start: int | None = None
        self.watched: frozenset[str] = frozenset()
        """Ids of those whose end is to be told."""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    @property
    def pages(self) -> ResultPages | TreeRows | None:
        """The rows as what the store answered, once there are any."""
        return self.rows if isinstance(self.rows, ResultPages | TreeRows) else None

    def gutter_text(self, index: int, row: Experiment | None) -> tuple[str, Tone]:
        is_marked = row is not None and self.is_highlighted(index, row)
        pin = "◆" if row is not None and row.is_pinned else " "
        watch = "◎" if row is not None and row.id in self.watched else " "
        return f"{watch}{'●' if is_marked else ' '}{pin} ", "plain" if pin == watch == " " else "muted"

    def is_highlighted(self, index: int, row: Experiment) -> bool:
        key = self.pages.key(index) if self.pages is not None else None
        return (key is not None and key in self.marks) or self.is_in_range(index)

    def is_in_range(self, index: int) -> bool:
        if self.range_start is None:
            return False
        low, high = sorted((self.range_start, self.cursor))
        return low <= index <= high

    @property
    def listed(self) -> Snapshot:
        """Everything listed; nothing as long as its order is not known."""
        known = None if self.pages is None else self.pages.snapshot
        return Snapshot() if known is None else known

    async def chosen(self) -> Snapshot:
        """The marked experiments, an open range included, or else the one under the cursor."""
        current = Snapshot() if self.pages is None else self.pages.part(self.cursor)
        part = self.take_range()
        async with self._marking:
            await self._combine(part, union)
        return self.marks.snapshot if len(self.marks) else current

    async def hidden(self) -> int:
        """How many of the marked experiments are not listed."""
        await self.is_listed.wait()
        return len(await self._ask(difference, self.marks.snapshot, self.listed))

    def take_range(self) -> Snapshot | None:
        """The experiments of the open range, which is closed; the cursor may move on at once."""
        start, pages = self.range_start, self.pages
        if start is None or pages is None or pages.snapshot is None:
            return None
        self.range_start = None
        low, high = sorted((start, self.cursor))
        return pages.between(low, high)

    def end_range(self) -> None:
        """Closes an open range without marking anything: by a key, or where its lines become others."""
        if self.range_start is not None:
            self.range_start = None
            self.mark_changed()

    @work(group="marks")
    async def _mark(self, part: Snapshot | None, operation: Operation) -> None:
        """By a part of the list, None: by all of it."""
        with working(self, f"marking… {self.app.keymap.hint('clear')} gives up"):
            # What acts on the marks waits for these.
            async with self._marking:
                if part is None:
                    await self.is_listed.wait()
                    part = self.listed
                await self._combine(part, operation)

    def stop_marking(self) -> bool:
        """Whether there was something to stop: marks that are being set at this moment."""
        stopped = self.workers.cancel_group(self, "marks")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return len(stopped) > 0  # pyright: ignore[reportUnknownArgumentType]

    async def _combine(self, part: Snapshot | None, operation: Operation) -> None:
        """Changes the marks by a part of the list; what is marked by hand meanwhile counts too."""
        before = None
        while part is not None and before is not self.marks.snapshot:
            before = self.marks.snapshot
            after = await self._ask(operation, before, part)
            if before is self.marks.snapshot:
                self.marks.become(after)
                self.mark_changed()
                return

    async def forget(self, part: Snapshot) -> None:
        """Unmarks these."""
        async with self._marking:
            await self._combine(part, difference)

    def restore_marks(self, sizes: Mapping[int, int | None]) -> None:
        """Marks these experiments too, wherever they are listed."""
        self.marks.restore(sizes)
        self.mark_changed()

    def mark_changed(self) -> None:
        """Repaints after a change of the marks."""
        self.refresh()
        self.post_message(self.Marked())

    def show_watched(self, ids: frozenset[str]) -> None:
        """Tells these apart, and no others."""
        self.watched = ids
        self.refresh()

    async def read_again(self) -> None:
        """Brings the lines on screen up to date, in place."""
        pages = self.pages
        if pages is None or pages.snapshot is None:
            return
        fresh, visible = pages.fresh(), range(self.top, min(self.top + self.body_height, len(pages)))
        await fresh.ensure(visible.start, visible.stop - 1)
        # A wheel turns it out of sight, and it is what the pane beside the list is about.
        await fresh.ensure(self.cursor, self.cursor)
        if pages is self.pages:
            self.rows = fresh
            for index in visible:
                if pages.row(index) != fresh.row(index):
                    self.refresh_row(index)

    # Columns.

    def choose(self, choice: ColumnChoice) -> None:
        """Shows these columns."""
        if choice != self.choice:
            self.begin_with(choice)
            self.post_message(self.ColumnsChanged())

    def begin_with(self, choice: ColumnChoice) -> None:
        """As `choose`, before there are rows."""
        self.choice = choice
        self.set_columns(columns(self._clock, choice.shown))

    def go_to_column(self, column_id: str | None) -> None:
        super().go_to_column(column_id)
        self.post_message(self.ColumnEntered())

    def _current_column(self) -> str:
        """The column under the cursor, or else that of the order, or else the first."""
        ids = self.choice.ids()
        ordered = None if self.order is None else self.order[0]
        return next(column for column in (self.column, ordered, ids[0]) if column in ids)

    async def action_column(self, by: int) -> None:
        """Moves among the columns; the first key only shows where one is."""
        ids, current = self.choice.ids(), self._current_column()
        step = 0 if self.column is None else by
        self.go_to_column(ids[max(0, min(ids.index(current) + step, len(ids) - 1))])

    def action_move_column(self, by: int) -> None:
        current = self._current_column()
        column = column_of(current)
        assert column is not None, "it is one of those shown"
        self.choose(self.choice.moved(column, by))
        self.go_to_column(current)

    def action_hide_column(self) -> None:
        """Hides the column under the cursor, which goes to the next one."""
        if self.column is None:
            return
        ids = self.choice.ids()
        at, column = ids.index(self._current_column()), column_of(self._current_column())
        assert column is not None, "it is one of those shown"
        left = self.choice.toggled(column)
        self.go_to_column(left.ids()[min(at, len(left.shown) - 1)])
        self.choose(left)

    def action_sort_column(self) -> None:
        self.post_message(self.Sorted(self._current_column()))

    # What the keys do.

    def action_range(self) -> None:
        """Opens a range at the cursor, or marks the one that is open."""
        if self.range_start is not None:
            self._mark(self.take_range() or Snapshot(), union)
        elif len(self.rows):
            self.range_start = self.cursor
            self.mark_changed()

    def action_mark_all(self) -> None:
        if not self._is_refused("mark all"):
            self._mark(None, union)

    def action_invert(self) -> None:
        """Marks what is listed and not marked, unmarks what is listed and marked."""
        if not self._is_refused("invert"):
            self._mark(None, symmetric_difference)

    def _is_refused(self, what: str) -> bool:
        if self.is_dimmed:
            self.post_message(self.Refused(what))
        return self.is_dimmed

    def action_unmark(self) -> None:
        """Clears the marks and an open range."""
        self.workers.cancel_group(self, "marks")  # pyright: ignore[reportUnknownMemberType]
        self.range_start = None
        self.marks.clear()
        self.mark_changed()

    async def action_mark(self) -> None:
        """Marks or unmarks the cursor's experiment and steps on."""
        row, key = self.current, None if self.pages is None else self.pages.key(self.cursor)
        if row is not None and key is not None:
            self.marks.toggle(key, row.size_bytes)
            self.refresh_row(self.cursor)
            self.post_message(self.Marked())
            await self.go(self.cursor + 1)

    async def action_extend(self, by: int) -> None:
        """Marks the cursor's experiment, moves, and marks the one it comes to."""
        for step in (0, by):
            if step:
                await self.go(self.cursor + step)
            row, key = self.current, None if self.pages is None else self.pages.key(self.cursor)
            if row is not None and key is not None:
                self.marks.add(key, row.size_bytes)
                self.refresh_row(self.cursor)
        self.post_message(self.Marked())

    async def go(self, index: int) -> None:
        await super().go(index)
        if self.range_start is not None:
            # Every line between the start and the cursor may look different now.
            self.refresh()
