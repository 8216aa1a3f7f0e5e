"""Snapshots as sets: a million experiments in a few megabytes, and no long turn for any thread."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from operator import gt, lt

from runicorn_db.query import Snapshot

_PARTS = 64
_SAMPLE = 4096
_FEW = 65_536


def union(one: Snapshot, other: Snapshot) -> Snapshot:
    """What either holds, ascending."""
    return _combined(one, other, lambda left, right: left | right)


def difference(one: Snapshot, other: Snapshot) -> Snapshot:
    """What `one` holds and `other` does not, ascending."""
    return _combined(one, other, lambda left, right: left - right)


def intersection(one: Snapshot, other: Snapshot) -> Snapshot:
    """What both hold, ascending."""
    return _combined(one, other, lambda left, right: left & right)


def symmetric_difference(one: Snapshot, other: Snapshot) -> Snapshot:
    """What one of both holds and not the other, ascending."""
    return _combined(one, other, lambda left, right: left ^ right)


def toggled(one: Snapshot, other: Snapshot) -> Snapshot:
    """`one` without what `other` holds where it holds all of that, else with it; ascending."""
    return union(one, other) if common(one, other) < len(other) else difference(one, other)


def common(one: Snapshot, other: Snapshot) -> int:
    """How many both hold."""
    few, many = sorted((one, other), key=len)
    if len(few) > _FEW:
        return len(intersection(one, other))
    wanted = set(few.keys)
    # Part by part, so that no other thread waits long for its turn.
    parts = (many.keys[begin : begin + _FEW] for begin in range(0, len(many), _FEW)) if wanted else ()
    return sum(sum(map(wanted.__contains__, part)) for part in parts)


def ordered_as(listed: Snapshot, ascending: Snapshot) -> Snapshot:
    """What an ascending snapshot holds, in the order of a list; what is not listed comes last."""
    found = array("q", (key for key in listed.keys if has(ascending, key)))
    if len(found) < len(ascending):
        found.extend(difference(ascending, Snapshot(found)).keys)
    return Snapshot(found)


def has(ordered: Snapshot, key: int) -> bool:
    """Whether an ascending snapshot holds a key."""
    place = bisect_left(ordered.keys, key)
    return place < len(ordered) and ordered.keys[place] == key


def _combined(one: Snapshot, other: Snapshot, operation: Callable[[set[int], set[int]], set[int]]) -> Snapshot:
    # Cut at the same places, so that only one part at a time takes the memory of a set.
    sample = sorted(one.keys[:: len(one) // _SAMPLE + 1] + other.keys[:: len(other) // _SAMPLE + 1])
    pivots = sample[:: len(sample) // _PARTS + 1][1:]
    result = array("q")
    for left, right in zip(_cut(one.keys, pivots), _cut(other.keys, pivots), strict=True):
        result.extend(sorted(operation(set(left), set(right))))
    return Snapshot(result)


def _cut(keys: array[int], pivots: list[int]) -> Iterator[Iterable[int]]:
    ordered = _ascending(keys)
    if ordered is None:
        parts: list[array[int]] = [array("q") for _ in range(len(pivots) + 1)]
        for key in keys:
            parts[bisect_left(pivots, key)].append(key)
        yield from parts
        return
    places = [0, *(bisect_right(ordered, pivot) for pivot in pivots), len(keys)]
    yield from (ordered[begin:end] for begin, end in pairwise(places))


def _ascending(keys: array[int]) -> memoryview[int] | None:
    """A look at keys that ascend or descend, as ascending ones; None for any other order, which has to be copied."""
    view = memoryview(keys)
    if all(map(lt, view, view[1:])):
        return view
    return view[::-1] if all(map(gt, view, view[1:])) else None
