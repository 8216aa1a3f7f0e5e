"""A series reduced to what a canvas can show: the lowest and the highest point of each pixel column."""

from __future__ import annotations

from collections.abc import Iterable

Point = tuple[float, float | None]
"""x and y; a y of None breaks the line."""

# In pixel columns: dashes and dots.
_ON, _OFF = {1: 6, 2: 2}, {1: 4, 2: 4}


def clipped(points: Iterable[Point], low: float, high: float) -> list[Point]:
    """The part of a line from `low` to `high`, x ascending; where it crosses a border it is cut there."""
    inside: list[Point] = []
    previous: tuple[float, float] | None = None
    for x, y in points:
        if y is None:
            previous = None
            inside.append((x, None))
            continue
        here = (x, y)
        if previous is not None and previous[0] < low < x:
            inside.append(_crossing(previous, here, low))
        if previous is not None and previous[0] < high < x:
            inside.append(_crossing(previous, here, high))
        if x > high:
            break
        if x >= low:
            inside.append(here)
        previous = here
    return inside


def _crossing(a: tuple[float, float], b: tuple[float, float], x: float) -> Point:
    share = (x - a[0]) / (b[0] - a[0])
    return x, a[1] + (b[1] - a[1]) * share


def envelope(points: Iterable[Point], low: float, high: float, columns: int) -> list[Point]:
    """At most two points for each of `columns` pixel columns between `low` and `high`: every spike survives, in O(n).

    A gap narrower than a column is not kept: it could not be seen.
    """
    width = (high - low) / columns
    reduced: list[Point] = []
    extremes: list[tuple[float, float]] = []
    current, is_broken = -1, False
    for x, y in points:
        if y is None:
            is_broken = True
            continue
        column = min(columns - 1, max(0, int((x - low) / width)))
        if column != current:
            reduced += extremes
            if is_broken and reduced:
                reduced.append((x, None))
            extremes, current = [], column
        is_broken = False
        _keep_extremes(extremes, (x, y))
    return reduced + list(extremes)


def _keep_extremes(extremes: list[tuple[float, float]], point: tuple[float, float]) -> None:
    """`extremes` stays the lowest and the highest point so far, in the order in which they came."""
    if len(extremes) < 2:
        extremes.append(point)
        return
    lowest, highest = sorted(extremes, key=lambda held: held[1])
    if point[1] < lowest[1]:
        extremes[:] = [highest, point]
    elif point[1] > highest[1]:
        extremes[:] = [lowest, point]


def dashed(points: Iterable[Point], dash: int, columns: int) -> list[Point]:
    """A line over x from 0 to 1 with gaps: long strokes (1) or dots (2), measured in `columns` pixel columns.

    What falls into a gap is not drawn, a spike neither.
    """
    on, period = _ON[dash] / columns, (_ON[dash] + _OFF[dash]) / columns
    pieces: list[Point] = []
    previous: tuple[float, float] | None = None
    for x, y in points:
        if y is None:
            pieces.append((x, None))
            previous = None
            continue
        here = (x, y)
        if previous is None:
            previous = here
        for stroke in range(int(previous[0] / period), int(x / period) + 1):
            begin, end = max(previous[0], stroke * period), min(x, stroke * period + on)
            if begin <= end:
                pieces.append(previous if begin <= previous[0] else _crossing(previous, here, begin))
                pieces.append(here if end >= x else _crossing(previous, here, end))
                if end < x:
                    pieces.append((end, None))
        previous = here
    return pieces
