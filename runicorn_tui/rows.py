"""Rows of one result, page by page: a million experiments at constant memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from runicorn_db.query import Experiment, Page, Snapshot

PAGE = 128
KEPT_PAGES = 24

Load = Callable[[Snapshot], Awaitable[list[Experiment | None]]]


class RowPages:
    """What one question answered: its exact number and the rows that were looked at last.

    It begins with the first page and an exact total; `freeze` adds the order of everything, which
    then no longer changes. Belongs to the event loop: `load` is the only thing that waits.
    """

    def __init__(self, load: Load, page: Page | None = None) -> None:
        self._load = load
        self._pages: OrderedDict[int, Sequence[Experiment | None]] = OrderedDict()
        self._first: Sequence[Experiment] = () if page is None else page.experiments
        self._total = 0 if page is None else page.total
        self.snapshot: Snapshot | None = None

    def __len__(self) -> int:
        return self._total

    def freeze(self, snapshot: Snapshot) -> None:
        """From now on the rows are those of `snapshot`, whatever changes in the index."""
        self.snapshot = snapshot
        self._total = len(snapshot)

    def fresh(self) -> RowPages:
        """The same experiments in the same order, to be read again."""
        rows = RowPages(self._load)
        if self.snapshot is not None:
            rows.freeze(self.snapshot)
        return rows

    def row(self, index: int) -> Experiment | None:
        """The row, or None when it is not loaded or no longer in the index."""
        page = self._pages.get(index // PAGE)
        if page is not None:
            return page[index % PAGE] if index % PAGE < len(page) else None
        return self._first[index] if index < len(self._first) else None

    def is_loaded(self, first: int, last: int) -> bool:
        """Whether everything from `first` to `last`, both included, has been read."""
        return last < len(self._first) or not self._missing(first, last)

    async def ensure(self, first: int, last: int) -> None:
        """Reads what is missing from `first` to `last`; without an order there is only the first page."""
        if self.snapshot is None:
            return
        for number in self._missing(first, last):
            page = await self._load(self.snapshot[number * PAGE : (number + 1) * PAGE])
            self._pages[number] = page
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)

    def _missing(self, first: int, last: int) -> list[int]:
        numbers = range(max(first, 0) // PAGE, min(last, self._total - 1) // PAGE + 1)
        for number in numbers:
            if number in self._pages:
                self._pages.move_to_end(number)
        return [number for number in numbers if number not in self._pages]

    def key(self, index: int) -> Snapshot | None:
        """The experiment at `index` as a snapshot of one, to be found again by `position`."""
        return None if self.snapshot is None or not 0 <= index < self._total else self.snapshot[index : index + 1]


def position(snapshot: Snapshot, key: Snapshot) -> int | None:
    """Where the experiment of a one-row snapshot stands in another one."""
    try:
        return snapshot.keys.index(key.keys[0])
    except ValueError:
        return None


def added(before: Snapshot, after: Snapshot) -> int:
    """How many experiments of `after` are not in `before`."""
    return len(set(after.keys).difference(before.keys))
