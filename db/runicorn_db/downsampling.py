"""Fewer rows with the same shape: the ends, the extremes, and between them what the eye would miss.

MinMax-LTTB: candidates are the lowest and highest point of equal pieces of the series; of those, Largest-Triangle-
Three-Buckets (Steinarsson 2013, https://hdl.handle.net/1946/15343) keeps the ones that stand out most.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import accumulate, compress

from runicorn_db.chunks import Points

CANDIDATES = 4
"""For each point that is kept, half of them lowest, half highest points."""

_SHORT = 6


def finite(points: Points) -> Points:
    """Those of the points that are neither NaN nor infinite; the same object when all are."""
    # One sum says that all are finite far faster than a look at each.
    if math.isfinite(sum(points.values)):
        return points
    is_finite = list(map(math.isfinite, points.values))
    if all(is_finite):
        return points
    return Points(array("q", compress(points.steps, is_finite)), array("d", compress(points.values, is_finite)))


def extremes_of(points: Points) -> Points:
    """The first lowest and the first highest of the finite points by step: two, one or none."""
    steps, values = finite(points)
    if not values:
        return Points(array("q"), array("d"))
    low, high = sorted((values.index(min(values)), values.index(max(values))))
    both = (low, high) if low != high else (low,)
    return Points(array("q", [steps[at] for at in both]), array("d", [values[at] for at in both]))


def choose_steps(steps: Sequence[int], columns: Sequence[Points], limit: int) -> array[int]:
    """Exactly `min(limit, len(steps))` of the ascending `steps`, ascending, the same ones every time.

    The last step is kept, from `limit` 2 on the first one too, then the first minimum and the first maximum of every
    column as far as they fit, which all do from 2 + 2 * len(columns) on. `columns` are finite and lie within `steps`.
    """
    if limit >= len(steps):
        return array("q", steps)
    chosen = {steps[-1]} if limit == 1 else {steps[0], steps[-1]}
    candidates = [
        min_max(points, share_of(limit, len(columns)) * CANDIDATES // 2) for points in columns if points.steps
    ]
    for points in candidates:
        for extreme in (min, max):
            if len(chosen) < limit:
                chosen.add(points.steps[points.values.index(extreme(points.values))])
    # What a short column does not need goes to the longer ones.
    candidates.sort(key=lambda points: len(points.steps))
    for position, points in enumerate(candidates):
        share = (limit - len(chosen)) // (len(candidates) - position)
        chosen.update(lttb(points, share))
    chosen.update(_between(steps, chosen, limit - len(chosen)))
    return array("q", sorted(chosen))


def share_of(limit: int, columns: int) -> int:
    """How many of `limit` steps one of so many columns may choose, when all need as many."""
    return math.ceil(limit / max(columns, 1))


def min_max(points: Points, pieces: int) -> Points:
    """The first lowest and first highest point of each of so many equal pieces, and the two ends.

    Of short pieces all points: choosing among these takes longer than LTTB takes for them.
    """
    count = len(points.steps)
    if count <= _SHORT * pieces:
        return points
    positions = [0]
    for piece in range(pieces):
        begin = piece * count // pieces
        part = points.values[begin : (piece + 1) * count // pieces]
        low, high = part.index(min(part)), part.index(max(part))
        positions += (begin + low, begin + high) if low < high else (begin + high, begin + low)
    positions.append(count - 1)
    unique = list(dict.fromkeys(positions))
    return Points(array("q", map(points.steps.__getitem__, unique)), array("d", map(points.values.__getitem__, unique)))


def lttb(points: Points, limit: int) -> Sequence[int]:
    """Steps of at most `limit` of the finite points, ascending; from 2 on the first and the last are among them."""
    steps, values = points
    if len(steps) <= limit:
        return steps
    if limit < 3:
        return (steps[0], steps[-1])[:limit]
    # Scaled to 0..1 and -1..1: areas of huge values and distances would overflow.
    first, span = steps[0], steps[-1] - steps[0]
    scale = max(max(values), -min(values)) or 1.0
    xs = [(step - first) / span for step in steps]
    ys = [value / scale for value in values]
    return [steps[position] for position in _lttb(xs, ys, limit)]


def _lttb(xs: list[float], ys: list[float], limit: int) -> list[int]:
    """Positions of `limit` points (3 or more, fewer than there are)."""
    inner = len(xs) - 2
    bounds = [1 + bucket * inner // (limit - 2) for bucket in range(limit - 1)]
    bounds.append(len(xs))
    # Means of buckets as differences of running sums.
    x_sums = list(accumulate(xs, initial=0.0))
    y_sums = list(accumulate(ys, initial=0.0))
    positions = [0]
    last = 0
    for begin, end, next_end in zip(bounds, bounds[1:], bounds[2:], strict=False):
        last_x, last_y, count = xs[last], ys[last], next_end - end
        x_distance = (x_sums[next_end] - x_sums[end]) / count - last_x
        y_distance = (y_sums[next_end] - y_sums[end]) / count - last_y
        shift = last_x * y_distance - last_y * x_distance
        largest = -1.0
        for position in range(begin, end):
            # Twice the area of the triangle.
            area = x_distance * ys[position] - y_distance * xs[position] + shift
            if area < 0:
                area = -area
            if area > largest:
                largest, last = area, position
        positions.append(last)
    positions.append(len(xs) - 1)
    return positions


def _between(steps: Sequence[int], chosen: set[int], missing: int) -> list[int]:
    """`missing` more steps that are not chosen yet, evenly spread."""
    slots = min(len(steps), 2 * (len(chosen) + missing))
    spare = [step for slot in range(slots) if (step := steps[slot * len(steps) // slots]) not in chosen]
    return [spare[number * len(spare) // missing] for number in range(missing)]
