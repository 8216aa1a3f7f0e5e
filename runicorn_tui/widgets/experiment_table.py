"""The list of experiments: its columns and its marks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message

from runicorn_db.query import Experiment, OrderField, Snapshot
from runicorn_tui import format, keys
from runicorn_tui.key_sets import difference, symmetric_difference, union
from runicorn_tui.marks import Marks
from runicorn_tui.rows import ResultPages
from runicorn_tui.widgets.line_table import Column, LineTable, Tone

ORDER_COLUMNS: dict[OrderField, str] = {
    "created_at": "age",
    "best_metric_value": "best",
    "name": "name",
    "project": "project",
    "status": "status",
    "duration_seconds": "duration",
    "size_bytes": "size",
    "updated_at": "updated",
    "ended_at": "ended",
}
"""Which column shows what an order sorts by; also the order in which the sort key walks through them."""

ORDER_NAMES: dict[OrderField, str] = {
    **ORDER_COLUMNS,
    "created_at": "created",
}

Ask = Callable[..., Awaitable[Any]]
Operation = Callable[[Snapshot, Snapshot], Snapshot]

# Finished is as it should be: only the rest stands out.
_STATUS_TONES: dict[str, Tone] = {"running": "live", "failed": "bad", "interrupted": "warn"}


def _state(experiment: Experiment) -> str:
    if experiment.deleted_at is not None:
        return "◌ in trash"
    return "◌ missing" if experiment.is_missing else format.status(experiment.status)


def _tone(experiment: Experiment) -> Tone:
    is_away = experiment.deleted_at is not None or experiment.is_missing
    return "muted" if is_away else _STATUS_TONES.get(experiment.status, "plain")


def order_of(column_id: str) -> OrderField | None:
    """The order that sorts by a column, None for a column without one."""
    return next((order for order, column in ORDER_COLUMNS.items() if column == column_id), None)


def columns(clock: Callable[[], float], *, in_trash: bool = False) -> list[Column[Experiment]]:
    """All columns; what fits is decided by width. `in_trash`: everything listed is, so that it need not be said."""

    def age(experiment: Experiment) -> str:
        return format.age(clock() - experiment.created_at)

    return [
        Column(id="name", title="name", width=12, grow=32, rank=0, text=lambda e: format.text(e.name)),
        Column(id="project", title="project", width=9, grow=5, rank=5, text=lambda e: e.project),
        Column(
            id="status",
            title="status",
            width=13,
            rank=1,
            text=(lambda e: format.status(e.status)) if in_trash else _state,
            tone=(lambda e: _STATUS_TONES.get(e.status, "plain")) if in_trash else _tone,
        ),
        Column(
            id="best",
            title="best",
            width=9,
            rank=3,
            is_right=True,
            text=lambda e: format.number(e.best_metric_value),
        ),
        Column(
            id="metric",
            title="metric",
            width=8,
            grow=6,
            rank=6,
            text=lambda e: format.text(e.best_metric_name),
            tone="muted",
        ),
        Column(id="age", title="age", width=5, rank=2, is_right=True, text=age, tone="muted"),
        Column(
            id="duration",
            is_extra=True,
            title="duration",
            width=10,
            rank=7,
            is_right=True,
            text=lambda e: format.duration(e.duration_seconds),
            tone="muted",
        ),
        Column(
            id="size",
            is_extra=True,
            title="size",
            width=7,
            rank=8,
            is_right=True,
            text=lambda e: format.size(e.size_bytes),
            tone="muted",
        ),
        Column(
            id="tags",
            is_extra=True,
            title="tags",
            width=10,
            grow=14,
            rank=9,
            text=lambda e: " ".join(e.tags),
            tone="muted",
        ),
        Column(id="id", is_extra=True, title="id", width=22, rank=10, text=lambda e: e.id, tone="muted"),
        Column(
            id="host",
            is_extra=True,
            title="host",
            width=8,
            grow=10,
            rank=11,
            text=lambda e: format.text(e.hostname),
            tone="muted",
        ),
    ]


class ExperimentTable(LineTable[Experiment]):
    """Experiments with marks; a range is open from `range_start` to the cursor until it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("marks")

    class Marked(Message):
        """Other experiments are marked."""

    class Refused(Message):
        """Not done, because the filter is only half understood."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, clock: Callable[[], float], ask: Ask, *, id: str | None = None) -> None:
        super().__init__(columns(clock), gutter=4, id=id)
        self._ask = ask
        # Marks change one after the other, and whoever asks what is chosen waits for them.
        self._marking = asyncio.Lock()
        self.is_listed = asyncio.Event()
        """Set while the list is what was asked for last; what is about all of it waits for that."""
        self.marks = Marks()
        self.range_start: int | None = None

    @property
    def pages(self) -> ResultPages | None:
        """The rows as pages of the store, once there are any."""
        return self.rows if isinstance(self.rows, ResultPages) else None

    def gutter_text(self, index: int, row: Experiment | None) -> tuple[str, Tone]:
        is_marked = row is not None and self.is_highlighted(index, row)
        pin = "◆" if row is not None and row.is_pinned else " "
        return f" {'●' if is_marked else ' '}{pin} ", "plain" if pin == " " else "muted"

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
        return pages.snapshot[low : high + 1]

    @work(group="marks")
    async def _mark(self, part: Snapshot | None, operation: Operation) -> None:
        """By a part of the list, None: by all of it."""
        if part is None:
            await self.is_listed.wait()
            part = self.listed
        async with self._marking:
            await self._combine(part, operation)

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

    def mark_changed(self) -> None:
        """Repaints after a change of the marks."""
        self.refresh()
        self.post_message(self.Marked())

    async def read_again(self) -> None:
        """Brings the lines on screen up to date, in place."""
        pages = self.pages
        if pages is None or pages.snapshot is None:
            return
        fresh, visible = pages.fresh(), range(self.top, min(self.top + self.body_height, len(pages)))
        await fresh.ensure(visible.start, visible.stop - 1)
        if pages is self.pages:
            self.rows = fresh
            for index in visible:
                if pages.row(index) != fresh.row(index):
                    self.refresh_row(index)

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
