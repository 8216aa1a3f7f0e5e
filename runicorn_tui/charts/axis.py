"""What a chart is drawn over: the steps, the time since the beginning, or the clock on the wall."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from runicorn_tui.charts.scales import Tick, labelled, ticks
from runicorn_tui.charts.times import duration_ticks, wall_ticks

Axis = Literal["step", "relative", "wall"]
AXES: tuple[Axis, ...] = ("step", "relative", "wall")

_COLUMNS_PER_TICK: dict[Axis, int] = {"step": 10, "relative": 11, "wall": 15}


def axis_ticks(axis: Axis, low: float, high: float, columns: int) -> list[Tick]:
    """Round numbers, durations or dates, as many as `columns` cells have room for."""
    count = max(1, columns // _COLUMNS_PER_TICK[axis])
    match axis:
        case "step":
            return labelled(ticks(low, high, count, smallest=1.0))
        case "relative":
            return duration_ticks(low, high, count)
        case "wall":
            return wall_ticks(low, high, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of a curve by ascending x; `untimed` had no time, and so no place on an axis of time."""

    xs: Sequence[float]
    ys: Sequence[float | None]
    steps: Sequence[int]
    untimed: int = 0


def placed(
    axis: Axis,
    steps: Sequence[int],
    ys: Sequence[float | None],
    times: Sequence[float | None] = (),
    origin: float = 0.0,
) -> Points:
    """Where logged values stand on an axis. `times` are Unix times; relative ones count from `origin`."""
    if axis == "step":
        return Points(xs=steps, ys=ys, steps=steps)
    shift = origin if axis == "relative" else 0.0
    rows = [(time - shift, y, step) for step, y, time in zip(steps, ys, times, strict=True) if time is not None]
    # A resumed program may have logged early steps late.
    if any(later[0] < earlier[0] for earlier, later in pairwise(rows)):
        rows.sort(key=lambda row: row[0])
    return Points(
        xs=[row[0] for row in rows],
        ys=[row[1] for row in rows],
        steps=[row[2] for row in rows],
        untimed=len(steps) - len(rows),
    )


def steps_between(points: Points, low: float, high: float) -> tuple[int, int] | None:
    """First and last step of the points from `low` to `high` and their neighbours; None without points."""
    begin = max(0, bisect_left(points.xs, low) - 1)
    inside = points.steps[begin : bisect_left(points.xs, high) + 1]
    return (min(inside), max(inside)) if inside else None


def carried(x: float, source: Sequence[float], target: Sequence[float]) -> float:
    """What is at `x` on the one axis on the other; source and target are the same points in the same order."""
    if not source:
        return x
    place = bisect_left(source, x)
    if place == 0 or place == len(source):
        return target[min(place, len(source) - 1)]
    begin, end = source[place - 1], source[place]
    share = (x - begin) / (end - begin)
    return target[place - 1] + share * (target[place] - target[place - 1])
