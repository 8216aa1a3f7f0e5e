"""The list of experiments that can be a tree of groups: lines of groups, their marks, folding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from rich.segment import Segment
from textual import on, work
from textual.binding import BindingType
from textual.strip import Strip

from runicorn_db.groups import Group, GroupBy, Groups
from runicorn_db.query import Experiment
from runicorn_tui import keys
from runicorn_tui.group_text import left_out
from runicorn_tui.key_sets import common, toggled, union
from runicorn_tui.tree import Place, Tree, TreeRows
from runicorn_tui.widgets.experiment_table import Ask, ExperimentTable, Operation
from runicorn_tui.widgets.group_columns import group_columns
from runicorn_tui.widgets.line_layout import Column, fit, widths
from runicorn_tui.widgets.line_table import Rows

_LEAST_BELOW = 3
"""So many lines of a group that was opened come on screen at once."""


class _Measured(NamedTuple):
    groups: Groups
    by: GroupBy
    columns: Sequence[Column[Group]]


class GroupedTable(ExperimentTable):
    """Shows what an `ExperimentTable` shows, and trees. Marking a group marks all of its experiments."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("groups")

    def __init__(self, clock: Callable[[], float], ask: Ask, *, id: str | None = None) -> None:
        super().__init__(clock, ask, id=id)
        self._group_columns: Sequence[Column[Group]] = ()
        self._measured: _Measured | None = None
        self._groups_shown: list[tuple[Column[Group], int]] = []

    @property
    def group_tree(self) -> Tree | None:
        """The tree that is shown."""
        return self.rows.tree if isinstance(self.rows, TreeRows) else None

    @property
    def _place(self) -> Place | None:
        return None if self.group_tree is None else self.group_tree.place(self.cursor)

    @property
    def group(self) -> int | None:
        """The group whose line the cursor is on."""
        place = self._place
        return None if place is None or place.offset is not None else place.group

    @property
    def total(self) -> int:
        """How many experiments are listed, in folded groups too."""
        return len(self.rows) if self.group_tree is None else self.group_tree.groups.total

    @property
    def labels(self) -> dict[str, str]:
        """What keys do on the cursor's line that they do not do on others, by the ids of their rows."""
        tree, group = self.group_tree, self.group
        if tree is None or group is None:
            return {}
        return {"open": "fold" if tree.is_open(group) else "unfold", "mark": "mark group"}

    @property
    def is_on_gone(self) -> bool:
        """Whether the cursor's line is that of an experiment which is no longer there."""
        place = self._place
        is_experiment = self.group_tree is None or (place is not None and place.offset is not None)
        return is_experiment and self.is_known and self.current is None

    # Drawing.

    def show(self, rows: Rows[Experiment], cursor: int = 0) -> None:
        super().show(rows, cursor)
        self._fit_groups()
        self._count_marks()

    def measure_groups(self, groups: Groups, by: GroupBy) -> None:
        """Finds out how much room they need, before they are shown: of ten thousand it takes a thread some time."""
        self._measured = self._measure(groups, by)

    def _measure(self, groups: Groups, by: GroupBy) -> _Measured:
        return _Measured(groups, by, group_columns(groups, by, self._clock))

    def _fit_groups(self) -> None:
        tree = self.group_tree
        if tree is None:
            self._measured = None
            return
        # A thread may be about to replace it.
        measured = self._measured
        if measured is None or measured.groups is not tree.groups or measured.by != tree.by:
            measured = self._measured = self._measure(tree.groups, tree.by)
        self._group_columns = measured.columns
        self._lay_out()

    def update_groups(self, groups: Groups) -> None:
        """Other facts of the groups that are shown; paints only the lines that change."""
        tree = self.group_tree
        if tree is None:
            return
        before, tree.groups = tree.groups.groups, groups
        self._fit_groups()
        for group in tree.groups_between(self.top, self.top + self.body_height):
            if groups.groups[group] != before[group]:
                self.refresh_row(tree.line(group))

    def _lay_out(self) -> None:
        super()._lay_out()
        if self.group_tree is not None:
            fitting = widths(self._group_columns, self.size.width - self._gutter - 1)
            before = [(column.id, size) for column, size in self._groups_shown]
            self._groups_shown = [(c, fitting[c.id]) for c in self._group_columns if c.id in fitting]
            if before != [(column.id, size) for column, size in self._groups_shown]:
                self.refresh()

    def _header(self, width: int) -> Strip:
        return self.draw_header(self._groups_shown, width) if self._has_group_titles else super()._header(width)

    def _title(self, column: Column[Any], size: int) -> str:
        # The order is that of the experiments, whose columns have some of the same names.
        if self._has_group_titles:
            return fit(column.title, size, is_right=column.is_right)
        return super()._title(column, size)

    @property
    def _has_group_titles(self) -> bool:
        """Whether the titles are those of the groups' lines, by which nothing is sorted: on one, or with no other."""
        tree = self.group_tree
        return tree is not None and self.column is None and (self.group is not None or not tree.has_open)

    def _column_at(self, x: int) -> Column[Experiment] | None:
        return None if self._has_group_titles else super()._column_at(x)

    async def go(self, index: int) -> None:
        had_group_titles = self._has_group_titles
        await super().go(index)
        if self._has_group_titles != had_group_titles:
            self.refresh_header()

    def _absent_line(self, index: int, width: int) -> Strip:
        tree, place = self.group_tree, None if self.group_tree is None else self.group_tree.place(index)
        if tree is None or (place is not None and place.offset is not None):
            return super()._absent_line(index, width)
        if place is None:
            style = self._style("muted", "cursor" if index == self.cursor else "row")
            text = " " * self._gutter + left_out(tree.groups)
            return Strip([Segment(text, style)]).adjust_cell_length(width, style)
        group, is_open = tree.groups.groups[place.group], tree.is_open(place.group)
        marked = self._marked_of(tree, place.group)
        mark = " " if not marked else "●" if marked == group.count else "◐"
        is_in_range = not is_open and self.is_in_range(index)
        gutter = f"{'▾' if is_open else '▸'}{'●' if is_in_range else mark}  "
        is_marked = is_in_range or marked == group.count
        return self.draw_line(index, group, self._groups_shown, (gutter, "group"), width, is_marked=is_marked)

    # Marks.

    def _marked_of(self, tree: Tree, group: int) -> int:
        """How many of a group are marked, as last counted."""
        if not len(self.marks):
            return 0
        counted = tree.marked.get(group)
        if counted is None or counted[0] != self.marks.changes:
            self.call_later(self._count_marks)
        return 0 if counted is None else counted[1]

    @on(ExperimentTable.Marked)
    @work(group="counts", exclusive=True)
    async def _count_marks(self) -> None:
        """Counts for the groups on screen; for others when they come there."""
        tree, marks, changes = self.group_tree, self.marks.snapshot, self.marks.changes
        if tree is None or tree.every is None:
            return
        for group in list(tree.groups_between(self.top, self.top + self.body_height)):
            before = tree.marked.get(group)
            if before is None or before[0] != changes:
                tree.marked[group] = (changes, await self._ask(common, tree.members[group], marks))
                if tree is self.group_tree:
                    self.refresh_row(tree.line(group))

    @work(group="marks")
    async def _mark_group(self, tree: Tree, group: int, operation: Operation) -> None:
        # What acts on the marks waits for these.
        async with self._marking:
            # Who belongs to it is known a moment after the groups.
            await self.is_listed.wait()
            if tree.every is not None:
                await self._combine(tree.members[group], operation)

    async def action_mark(self) -> None:
        """On the line of a group: marks all of it, or unmarks all of it where all are marked."""
        tree, group = self.group_tree, self.group
        if tree is None or group is None:
            await super().action_mark()
        elif not self._is_refused("mark the group"):
            self._mark_group(tree, group, toggled)
            if not tree.is_open(group):
                await self.go(self.cursor + 1)

    async def action_extend(self, by: int) -> None:
        if self.group_tree is None:
            await super().action_extend(by)
            return
        for step in (0, by):
            await self.go(self.cursor + step)
            await self._mark_line()
        self.post_message(self.Marked())

    async def _mark_line(self) -> None:
        """Marks the experiment of the cursor's line, or the group if it is folded."""
        tree, group, row, pages = self.group_tree, self.group, self.current, self.pages
        if tree is not None and group is not None:
            if not tree.is_open(group) and not self._is_refused("mark the group"):
                self._mark_group(tree, group, union)
        elif row is not None and pages is not None and (key := pages.key(self.cursor)) is not None:
            self.marks.add(key, row.size_bytes)
            self.refresh_row(self.cursor)

    # Folding and moving among groups.

    async def fold(self, *, is_open: bool | None = None) -> None:
        """Opens or closes the group under the cursor, None: the other of both."""
        tree, group, rows = self.group_tree, self.group, self.rows
        if tree is None or group is None:
            return
        was_open = tree.is_open(group)
        if is_open is None or is_open != was_open:
            # It is held by line, and the lines below this one become others.
            self.end_range()
            tree.fold(group, is_open=not was_open)
            below = min(_LEAST_BELOW, 0 if was_open else tree.groups.groups[group].count)
            top = self.top
            if self.cursor + below >= top + self.body_height:
                top = max(0, self.cursor - self.body_height // 2)
            await rows.ensure(top, top + self.body_height)
            if rows is self.rows:
                self.show(rows, tree.line(group))
                self._scroll(top)

    async def action_next_group(self, by: int) -> None:
        """To the line of the next group, or of the one above: first that of the cursor's experiment."""
        if self.group_tree is not None:
            await self.go(self.group_tree.neighbour(self.cursor, by))

    async def action_column(self, by: int) -> None:
        """On the line of a group there are no columns: the keys for them open and close it."""
        if self.column is None and self.group is not None:
            await self.fold(is_open=by > 0)
        else:
            await super().action_column(by)
