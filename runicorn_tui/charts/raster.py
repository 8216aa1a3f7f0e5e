"""Which dots of a canvas its lines touch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from runicorn_tui.charts.envelope import Point
from runicorn_tui.charts.palette import Color

Marker = Literal["braille", "blocks", "ascii"]
Dot = tuple[int, int]
"""Counted from the left and from below."""

DOTS: dict[Marker, tuple[int, int]] = {"braille": (2, 4), "blocks": (2, 2), "ascii": (1, 1)}
"""The dots of a cell, across and up."""

Seen = dict[Dot, tuple[int, int]]
"""What can be seen of a line: its cells, and which dots of their left and of their right half, the lowest in bit 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A line to draw, x and y from 0 to 1; `mark` is its character where a cell is one dot."""

    points: Sequence[Point]
    color: Color
    mark: str


def dots_of_lines(strokes: Iterable[Stroke], width: int, height: int) -> float:
    """About how many dots of `width` by `height` the lines touch together; a dot counts again in each line."""
    return sum(
        max(1.0, (b[0] - a[0]) * width, abs(b[1] - a[1]) * height)
        for stroke in strokes
        for a, b in pairwise(stroke.points)
        if a[1] is not None and b[1] is not None
    )


def visible(strokes: Sequence[Stroke], marker: Marker, columns: int, rows: int) -> list[Seen]:
    """What can be seen of each line where the last one is on top: a cell belongs to one line.

    Costs a turn for each column of dots and each cell, not for each dot.
    """
    across, up = DOTS[marker]
    whole = (1 << up) - 1
    taken: set[Dot] = set()
    found: list[Seen] = []
    for stroke in reversed(strokes):
        masks = _masks(stroke.points, columns * across, rows * up)
        seen: Seen = {}
        for column in range(columns):
            left, right = masks[column * across], masks[(column + 1) * across - 1]
            for row in _touched(left | right, up):
                if (column, row) not in taken:
                    seen[column, row] = (left >> row * up & whole, right >> row * up & whole)
        taken.update(seen)
        found.append(seen)
    return found[::-1]


def _touched(mask: int, up: int) -> list[int]:
    """The rows of cells, `up` dots each, with a dot."""
    first = max(0, (mask & -mask).bit_length() - 1) // up
    return [row for row in range(first, -(-mask.bit_length() // up)) if mask >> row * up & ((1 << up) - 1)]


def _masks(points: Sequence[Point], width: int, height: int) -> list[int]:
    """For each column of dots which of them the line touches, the lowest in the lowest bit."""
    masks = [0] * width
    previous: Dot | None = None
    for x, y in points:
        if y is None:
            previous = None
            continue
        here = math.floor(0.5 + (width - 1) * x), math.floor(0.5 + (height - 1) * y)
        _add_segment(masks, previous or here, here)
        previous = here
    return masks


def _add_segment(masks: list[int], a: Dot, b: Dot) -> None:
    if a[0] == b[0]:
        masks[a[0]] |= _run(a[1], b[1])
        return
    slope = (b[1] - a[1]) / (b[0] - a[0])
    # A flat line has one dot a column, a steep one as many as it climbs there.
    reach = 0.5 if abs(slope) > 1 else 0.0
    for column in range(a[0], b[0] + 1):
        begin = a[1] + slope * (max(a[0], column - reach) - a[0])
        end = a[1] + slope * (min(b[0], column + reach) - a[0])
        masks[column] |= _run(round(begin), round(end))


def _run(a: int, b: int) -> int:
    low, high = (a, b) if a < b else (b, a)
    return ((1 << (high - low + 1)) - 1) << low
