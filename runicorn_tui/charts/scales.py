"""Where the ticks of an axis stand and how numbers are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Tick = tuple[float, str]
"""Where it stands and what is written beside it."""

# From which size on a unit is used: 9,500 reads better than 9.5k.
_UNITS = ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
_MAX_TICKS = 50
_MAX_DECIMALS = 6


def ticks(low: float, high: float, count: int, *, smallest: float = 0.0) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`, both finite.

    `smallest` is the least distance between two of them: 1 for an axis of whole steps.
    """
    span = high - low
    if not 0 < span < math.inf:
        return [low]
    step = max(_round_step(span / max(1, count)), smallest)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [_snapped(number, step) for number in range(first, min(last, first + _MAX_TICKS) + 1)]


def _round_step(raw: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(raw))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * 0.75)


def _snapped(number: int, step: float) -> float:
    """`number * step` without the last digit that binary multiplication leaves behind (3 * 0.1)."""
    return float(f"{number * step:.12g}")


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Powers of ten between the two positive numbers, thinned or filled (2, 5) to about `count`."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = last - first + 1
    if decades < 2:
        values = [mantissa * 10.0**exponent for exponent in range(first - 1, last + 1) for mantissa in (1, 2, 5)]
        inside = [value for value in values if low <= value * (1 + 1e-9) and value <= high * (1 + 1e-9)]
        return inside if len(inside) > 1 else ticks(low, high, count)
    stride = max(1, math.ceil(decades / max(1, count)))
    return [10.0**exponent for exponent in range(first, last + 1, stride)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """One label a tick, all with the same unit and the same number of decimals; no two alike."""
    largest = max(map(abs, values), default=0.0)
    gap = min((b - a for a, b in pairwise(values) if b > a), default=largest)
    if 1e-3 <= largest < 1e15 or largest == 0:
        unit, suffix = next(((size, name) for least, size, name in _UNITS if largest >= least), (1.0, ""))
        scaled = [value / unit for value in values]
        for decimals in range(_MAX_DECIMALS + 1):
            if all(abs(round(value, decimals) - value) <= gap / unit * 1e-3 for value in scaled):
                return [f"{value:.{decimals}f}{suffix}" if value else "0" for value in scaled]
    for digits in range(1, 13):
        labels = [_compact(f"{value:.{digits}g}") for value in values]
        if len(set(labels)) == len(labels) and all(
            abs(float(label) - value) <= gap * 1e-3 for label, value in zip(labels, values, strict=True)
        ):
            return labels
    return [_compact(f"{value:.12g}") for value in values]


def labelled(values: Sequence[float]) -> list[Tick]:
    """The values with what `tick_labels` says to them."""
    return list(zip(values, tick_labels(values), strict=True))


def _compact(text: str) -> str:
    """`1e-05` as `1e-5` and `1e+20` as `1e20`."""
    mantissa, letter, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if letter else text
