"""The points of one line, and what has to be done to them before a canvas may see them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_tui.charts.envelope import Point
from runicorn_tui.charts.palette import Style

# Ranges beyond overflow a float, and denormal numbers have too few digits to divide by.
LARGEST = 1e150
SMALLEST = 1e-290

_MOST_UNITS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line: `ys[i]` belongs to `xs[i]`, xs ascending; None is a logged value that was not finite.

    `steps[i]` is the step of that point, x itself where nothing is given. `smoothing_unit` is the distance in x at
    which the weight of smoothing counts once, 0 for the mean distance of the points: a curve may hold only some of
    the points that were logged.
    """

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    style: Style
    steps: Sequence[int] = ()
    smoothing_unit: float = 0.0

    def index_near(self, x: float) -> int | None:
        """The point at `x` or the last before it, else the first; None without points."""
        return max(0, bisect_right(self.xs, x) - 1) if self.xs else None

    def next_x(self, x: float, distance: float) -> float:
        """The x of a point at least `distance` on, to the left where it is negative; at the ends the last there is."""
        if not self.xs:
            return x
        if distance > 0:
            return self.xs[min(len(self.xs) - 1, bisect_left(self.xs, x + distance))]
        return self.xs[max(0, bisect_right(self.xs, x + distance) - 1)]

    def broken(self) -> list[float]:
        """Where a value was logged that is not finite."""
        return [x for x, y in zip(self.xs, self.ys, strict=True) if y is None or not math.isfinite(y)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is to be read off a curve at one of its points; None: not finite. `smoothed` only where that is drawn."""

    x: float
    step: float
    value: float | None
    smoothed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """How many finite values of a range do not stand where they belong."""

    beyond: int = 0
    """Left out: too large to draw, or too near to zero for a logarithmic axis."""
    not_positive: int = 0
    """Left out: a logarithmic axis has no place for zero and less."""
    flattened: int = 0
    """Drawn as zero: nearer to it than the canvas can tell."""
    clipped: int = 0
    """Outliers, drawn at the border."""

    def __add__(self, other: Missing) -> Missing:
        return Missing(
            beyond=self.beyond + other.beyond,
            not_positive=self.not_positive + other.not_positive,
            flattened=self.flattened + other.flattened,
            clipped=self.clipped + other.clipped,
        )


NOTHING_MISSING = Missing()


def extent(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """First and last x of all curves; None without points."""
    ends: list[float] = []
    for one in curves:
        for order in (one.xs, reversed(one.xs)):
            end = next((x for x in order if abs(x) < LARGEST), None)
            if end is not None:
                ends.append(end)
    return (min(ends), max(ends)) if ends else None


def drawable(
    points: Sequence[Point], *, is_log: bool, low: float = -LARGEST, high: float = LARGEST
) -> tuple[list[Point], Missing]:
    """The points as they can be drawn, None where the line must break, and what is missing from `low` to `high`.

    On a logarithmic axis y is the exponent of ten.
    """
    found: list[Point] = []
    beyond = not_positive = flattened = 0
    for x, y in points:
        if not abs(x) < LARGEST:
            continue
        if y is None or not math.isfinite(y):
            found.append((x, None))
            continue
        is_inside = low <= x <= high
        size = abs(y)
        if is_log and y <= 0:
            not_positive += is_inside
            found.append((x, None))
        elif size >= LARGEST or (is_log and size < SMALLEST):
            beyond += is_inside
            found.append((x, None))
        elif is_log:
            found.append((x, math.log10(y)))
        elif size < SMALLEST:
            flattened += is_inside and y != 0
            found.append((x, 0.0))
        else:
            found.append((x, y))
    return found, Missing(beyond=beyond, not_positive=not_positive, flattened=flattened)


def smoothing_unit(first: float, last: float, count: int) -> float:
    """The distance of `count` logged points, at least a thousandth of the range they reach over.

    So a short series is smoothed point by point, and a long one by as much of the screen, however few of its points
    were read.
    """
    return (last - first) / max(1, min(count - 1, _MOST_UNITS))


def smoothed(points: Sequence[Point], weight: float, unit: float = 0.0) -> list[Point]:
    """Exponential moving average, corrected for its start so that the first value is itself; gaps stay gaps.

    What is `unit` away counts `weight` as much, two units away the square of it, and so on. Values that cannot be
    drawn count as gaps.
    """
    if unit <= 0 and len(points) > 1:
        unit = (points[-1][0] - points[0][0]) / (len(points) - 1)
    averaged: list[Point] = []
    total = share = 0.0
    before: float | None = None
    for x, y in points:
        if y is None or not abs(y) < LARGEST:
            averaged.append((x, None))
            continue
        distance = 1.0 if before is None or unit <= 0 else max(0.0, (x - before) / unit)
        before = x
        kept = weight**distance
        total = kept * total + (1 - kept) * y
        share = kept * share + (1 - kept)
        averaged.append((x, total / share))
    return averaged


def outlier_bounds(columns: Sequence[Sequence[float]], share: float) -> tuple[float, float] | None:
    """Between which values all columns but `share` of each at either end lie, with a little room; None without any.

    The room, half the distance, is why a straight line has no outliers.
    """
    ordered = [sorted(column) for column in columns if column]
    if not ordered:
        return None
    cuts = [min(math.ceil(share * len(column)), (len(column) - 1) // 4) for column in ordered]
    low = min(column[cut] for column, cut in zip(ordered, cuts, strict=True))
    high = max(column[-1 - cut] for column, cut in zip(ordered, cuts, strict=True))
    room = (high - low) / 2
    lowest, highest = min(column[0] for column in ordered), max(column[-1] for column in ordered)
    return max(low - room, lowest), min(high + room, highest)
