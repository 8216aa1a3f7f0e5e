"""Rows of one result, page by page: a million experiments at constant memory."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from runicorn_db.query import Experiment, Page, Snapshot
from runicorn_tui.key_sets import difference, has, intersection

PAGE = 128
KEPT_PAGES = 24
_LOOKED_FOR = 65_536

Read = Callable[[int, int], Awaitable[Sequence[Experiment | None] | None]]
Load = Callable[[Snapshot], Awaitable[list[Experiment | None] | None]]


class Pages:
    """The rows that were looked at last.

    Belongs to the event loop: `read(begin, end)` is the only thing that waits. It answers None when
    it could not read.
    """

    def __init__(self, read: Read, total: int) -> None:
        self._read = read
        self._pages: OrderedDict[int, Sequence[Experiment | None]] = OrderedDict()
        self._total = total

    def __len__(self) -> int:
        return self._total

    def row(self, index: int) -> Experiment | None:
        """The row, or None when it is not loaded or no longer in the index."""
        page = self._pages.get(index // PAGE, ())
        return page[index % PAGE] if index % PAGE < len(page) else None

    def is_loaded(self, first: int, last: int) -> bool:
        """Whether everything from `first` to `last`, both included, has been read."""
        return not self._missing(first, last)

    async def ensure(self, first: int, last: int) -> None:
        """Reads what is missing from `first` to `last`."""
        for number in self._missing(first, last):
            page = await self._read(number * PAGE, (number + 1) * PAGE)
            if page is None:
                return
            self._pages[number] = page
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)

    def _missing(self, first: int, last: int) -> list[int]:
        numbers = range(max(first, 0) // PAGE, min(last, self._total - 1) // PAGE + 1)
        for number in numbers:
            if number in self._pages:
                self._pages.move_to_end(number)
        return [number for number in numbers if number not in self._pages]


class ResultPages(Pages):
    """What one question answered: its exact number and its rows.

    It begins with the first page and an exact total; `freeze` adds the order of everything, which
    then no longer changes.
    """

    def __init__(self, load: Load, page: Page | None = None) -> None:
        super().__init__(self._part, 0 if page is None else page.total)
        self._load = load
        self._first: Sequence[Experiment] = () if page is None else page.experiments
        self._first_keys = Snapshot() if page is None else page.snapshot
        self.snapshot: Snapshot | None = None

    def freeze(self, snapshot: Snapshot) -> bool:
        """From now on the rows are those of `snapshot`, whatever changes in the index; whether the first page stays."""
        self.snapshot = snapshot
        self._total = len(snapshot)
        stays = snapshot[: len(self._first)].keys == self._first_keys.keys
        if not stays:
            self._first = ()
        return stays

    def key(self, index: int) -> int | None:
        """What stands for the experiment in a row, None where that is not known yet."""
        known = self._first_keys if self.snapshot is None else self.snapshot
        return known.keys[index] if 0 <= index < len(known) else None

    def part(self, index: int) -> Snapshot:
        """The experiment of one row."""
        known = self._first_keys if self.snapshot is None else self.snapshot
        return known[index : index + 1]

    def between(self, first: int, last: int) -> Snapshot:
        """The experiments of these rows, both included; none as long as the order is not known."""
        return Snapshot() if self.snapshot is None else self.snapshot[first : last + 1]

    def anchor(self, index: int) -> tuple[Snapshot | None, int]:
        """A snapshot, once there is one, and where the experiment of this row stands in it."""
        return self.snapshot, index

    def fresh(self) -> ResultPages:
        """The same experiments in the same order, to be read again."""
        rows = ResultPages(self._load)
        if self.snapshot is not None:
            rows.freeze(self.snapshot)
        return rows

    def row(self, index: int) -> Experiment | None:
        if index // PAGE in self._pages or index >= len(self._first):
            return super().row(index)
        return self._first[index]

    def is_loaded(self, first: int, last: int) -> bool:
        return last < len(self._first) or super().is_loaded(first, last)

    async def ensure(self, first: int, last: int) -> None:
        # Without an order there is only the first page.
        if self.snapshot is not None:
            await super().ensure(first, last)

    async def _part(self, begin: int, end: int) -> Sequence[Experiment | None] | None:
        return [] if self.snapshot is None else await self._load(self.snapshot[begin:end])


def position(snapshot: Snapshot, key: Snapshot) -> int | None:
    """Where the experiment of a one-row snapshot stands in another one."""
    try:
        return snapshot.keys.index(key.keys[0])
    except ValueError:
        return None


def added(before: Snapshot, after: Snapshot) -> int:
    """How many experiments of `after` are not in `before`."""
    return len(difference(after, before))


def survivor(before: Snapshot, cursor: int, after: Snapshot) -> int:
    """Where the cursor belongs in `after`: on its experiment, else the next one that is left, else the one before."""
    if not 0 <= cursor < len(before):
        return 0
    same = position(after, before[cursor : cursor + 1])
    if same is not None:
        return same
    below = before.keys[cursor:]
    above = before.keys[:cursor]
    above.reverse()
    key = _first_left(below, after)
    key = _first_left(above, after) if key is None else key
    return 0 if key is None else after.keys.index(key)


def _first_left(keys: array[int], after: Snapshot) -> int | None:
    """The first of `keys` that `after` holds; a set of all of them would take a hundred megabytes."""
    for begin in range(0, len(keys), _LOOKED_FOR):
        wanted = keys[begin : begin + _LOOKED_FOR]
        left = intersection(Snapshot(wanted), after)
        if len(left):
            return next(key for key in wanted if has(left, key))
    return None
