"""Gives every experiment a `seq` so that ordering by seq is ordering by (created_at, id).

Each millisecond owns a range of a million numbers. Inside it a newcomer takes a number between its
neighbours; where none is free, the range is numbered anew (its rows are few).
"""

from __future__ import annotations

import bisect
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

_SLOT_BITS = 20
_SLOT_SIZE = 1 << _SLOT_BITS
# The number after its last one still fits into SQLite's 64 bits.
_LAST_SLOT = (1 << (63 - _SLOT_BITS)) - 2

Key = tuple[float, str]


def slot_begin(created_at: float) -> int:
    """The first number of the millisecond of `created_at`."""
    return math.floor(min(max(created_at * 1000, 0.0), _LAST_SLOT)) << _SLOT_BITS


def slot_end(created_at: float) -> int:
    """The last number of the millisecond of `created_at`."""
    return slot_begin(created_at) + _SLOT_SIZE - 1


def place(connection: sqlite3.Connection, keys: Iterable[Key]) -> dict[str, int]:
    """A free seq for each new (created_at, id); stored rows are moved out of the way where that is needed."""
    placed: dict[str, int] = {}
    for begin, group in groupby(sorted(keys), key=lambda key: slot_begin(key[0])):
        new = list(group)
        stored = _stored(connection, begin)
        if not stored:
            placed.update(zip((key[1] for key in new), _spread(begin - 1, begin + _SLOT_SIZE, len(new)), strict=True))
        elif (found := _between(begin, stored, new)) is not None:
            placed.update(found)
        else:
            placed.update(_number_anew(connection, begin, stored, new))
    return placed


def pivots(connection: sqlite3.Connection, key: Key) -> tuple[int, int]:
    """(low, high): what comes before `key` has a seq below low, what comes after it one above high."""
    begin = slot_begin(key[0])
    stored = _stored(connection, begin)
    low = next((seq for seq, stored_key in stored if stored_key >= key), begin + _SLOT_SIZE)
    high = next((seq for seq, stored_key in reversed(stored) if stored_key <= key), begin - 1)
    return low, high


def _stored(connection: sqlite3.Connection, begin: int) -> list[tuple[int, Key]]:
    sql = "SELECT seq, created_at, id FROM experiment WHERE seq BETWEEN ? AND ? ORDER BY seq"
    return [
        (seq, (created_at, name)) for seq, created_at, name in connection.execute(sql, (begin, begin + _SLOT_SIZE - 1))
    ]


def _spread(low: int, high: int, count: int) -> Sequence[int]:
    """`count` numbers between `low` and `high` (both exclusive), as far apart as they can be."""
    step = (high - low) // (count + 1)
    return range(low + step, low + step * count + 1, step) if step else ()


def _between(begin: int, stored: list[tuple[int, Key]], new: list[Key]) -> dict[str, int] | None:
    placed: dict[str, int] = {}
    bounds = [begin - 1, *(seq for seq, _ in stored), begin + _SLOT_SIZE]
    gaps: dict[int, list[Key]] = {}
    for key in new:
        gaps.setdefault(bisect.bisect_left(stored, key, key=itemgetter(1)), []).append(key)
    for gap, keys in gaps.items():
        numbers = _spread(bounds[gap], bounds[gap + 1], len(keys))
        if not numbers:
            return None
        placed.update(zip((key[1] for key in keys), numbers, strict=True))
    return placed


def _number_anew(
    connection: sqlite3.Connection, begin: int, stored: list[tuple[int, Key]], new: list[Key]
) -> dict[str, int]:
    places = {name for _, name in new}
    # A stored row that is itself to get a new place stays where it is until its caller moves it.
    staying = [(seq, key) for seq, key in stored if key[1] not in places]
    order = sorted([key for _, key in staying] + new)
    taken = [seq for seq, _ in stored]
    numbers = dict(zip((key[1] for key in order), _unused(begin, taken, len(order)), strict=True))
    connection.executemany(
        "UPDATE experiment SET seq = ? WHERE seq = ?", [(numbers[name], seq) for seq, (_, name) in staying]
    )
    return {name: numbers[name] for name in places}


def _unused(begin: int, taken: Sequence[int], count: int) -> Iterator[int]:
    """`count` numbers of a slot that are not `taken` (sorted), as far apart as they can be.

    No number passes from one experiment to another: whoever still holds it must not meet the wrong one.
    """
    skipped = 0
    for rank in _spread(-1, _SLOT_SIZE - len(taken), count):
        while skipped < len(taken) and taken[skipped] <= begin + rank + skipped:
            skipped += 1
        yield begin + rank + skipped
