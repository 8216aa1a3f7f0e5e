"""The points of one line, and what has to be done to them before a canvas may see them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

# The drawing library fails on infinities, on ranges that overflow a float and on denormal numbers.
LARGEST = 1e150
_SMALLEST = 1e-290


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: `ys[i]` belongs to `xs[i]`, xs ascending; None is a logged value that was not finite."""

    xs: Sequence[float]
    ys: Sequence[float | None]
    color: tuple[int, int, int]

    def near(self, x: float) -> tuple[float, float | None] | None:
        """The point at `x` or the nearest before it, else the first; None without points."""
        if not self.xs:
            return None
        position = max(0, bisect_right(self.xs, x) - 1)
        return self.xs[position], self.ys[position]

    def broken(self) -> list[float]:
        """Where a value was logged that is not finite."""
        return [x for x, y in zip(self.xs, self.ys, strict=True) if y is None or not math.isfinite(y)]


def extent(series: Sequence[Series]) -> tuple[float, float] | None:
    """First and last x of all series; None without points."""
    ends: list[float] = []
    for one in series:
        for order in (one.xs, reversed(one.xs)):
            end = next((x for x in order if abs(x) < LARGEST), None)
            if end is not None:
                ends.append(end)
    return (min(ends), max(ends)) if ends else None


def drawable(
    series: Series, *, is_log: bool, low: float = -LARGEST, high: float = LARGEST
) -> tuple[list[tuple[float, float | None]], int]:
    """The points that can be drawn, None where the line must break, and how many finite values from `low` to `high`
    are left out.

    On a logarithmic axis y is the exponent of ten, and values of zero or less are left out.
    """
    points: list[tuple[float, float | None]] = []
    hidden = 0
    for x, y in zip(series.xs, series.ys, strict=True):
        if not abs(x) < LARGEST:
            continue
        if y is None or not math.isfinite(y):
            points.append((x, None))
            continue
        if abs(y) < _SMALLEST:
            y = 0.0
        if abs(y) >= LARGEST or (is_log and y <= 0):
            hidden += low <= x <= high
            points.append((x, None))
            continue
        points.append((x, math.log10(y) if is_log else y))
    return points, hidden


def smoothed(points: Sequence[tuple[float, float | None]], weight: float) -> list[tuple[float, float | None]]:
    """Exponential moving average, corrected for its start so that the first value is itself; gaps stay gaps."""
    averaged: list[tuple[float, float | None]] = []
    total = share = 0.0
    for x, y in points:
        if y is None:
            averaged.append((x, None))
            continue
        total = weight * total + (1 - weight) * y
        share = weight * share + (1 - weight)
        averaged.append((x, total / share))
    return averaged
