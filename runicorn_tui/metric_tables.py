"""What was read of the metrics of one experiment, and the curves to draw of it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from runicorn_db.query import MetricsQuery, MetricTable
from runicorn_tui.charts.axis import Axis, Points, placed, steps_between
from runicorn_tui.charts.curve import Curve, smoothing_unit
from runicorn_tui.charts.palette import Style

ReadSeries = Callable[[MetricsQuery], Awaitable[MetricTable]]

_MOST_HELD = 64
_FEWEST_POINTS, _MOST_POINTS = 512, 4096
_POINTS_PER_DOT = 4


def points_for(columns: int) -> int:
    """How many points a chart of so many cells is worth reading: more than it has columns of dots, as a power of
    two, so that not every change of its size reads anew."""
    wanted = max(_FEWEST_POINTS, min(_MOST_POINTS, 2 * columns * _POINTS_PER_DOT))
    return 1 << (wanted - 1).bit_length()


@dataclass(slots=True)
class _Held:
    """A metric as far as it was read: whole, and the steps of a range in more detail."""

    whole: MetricTable
    points: int
    part: MetricTable | None = None
    steps: tuple[int, int] | None = None
    part_points: int = 0
    by_axis: dict[Axis, Points] = field(default_factory=dict[Axis, Points])
    curves: dict[tuple[Axis, Style], Curve] = field(default_factory=dict[tuple[Axis, Style], Curve])


class MetricTables:
    """Asks `read` for what is to be drawn and not in memory yet; the `most` metrics looked at last stay there."""

    def __init__(self, read: ReadSeries, *, most: int = _MOST_HELD) -> None:
        self._read = read
        self._most = most
        self._experiment_id = ""
        self._origin = 0.0
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._stale: set[str] = set()

    def of(self, experiment_id: str, began_at: float) -> None:
        """Which experiment the metrics are of, and when it began."""
        self._experiment_id, self._origin = experiment_id, began_at

    def outdate(self, names: Iterable[str]) -> None:
        """These have changed in the index: they are read again when they are wanted next."""
        self._stale |= set(names) & set(self._held)

    def outdate_all(self) -> None:
        self.outdate(self._held)

    # Reading.

    async def read_whole(self, name: str, points: int) -> None:
        """Reads a metric at `points` points, unless that is in memory."""
        held = self._held.get(name)
        is_coarse = held is not None and held.whole.is_downsampled and held.points < points
        if held is None or is_coarse or name in self._stale:
            self._held[name] = _Held(await self._fresh(name, points), points)
            while len(self._held) > self._most:
                self._stale.discard(self._held.popitem(last=False)[0])
        self._held.move_to_end(name)

    async def _fresh(self, name: str, points: int) -> MetricTable:
        # What changes while it is read is read again, and what was not read to the end too.
        was_stale = name in self._stale
        self._stale.discard(name)
        try:
            return await self._table(name, points)
        except BaseException:
            self._stale |= {name} if was_stale else set()
            raise

    async def read_range(self, name: str, axis: Axis, span: tuple[float, float], points: int) -> None:
        """Reads a range of an axis in more detail than the whole metric has there."""
        held = self._held[name]
        steps = self._steps_of(name, axis, span) if held.whole.is_downsampled else None
        if steps == held.steps and points <= held.part_points:
            return
        part = None if steps is None else await self._table(name, points, steps)
        held.part, held.steps, held.part_points = part, steps, points
        held.curves.clear()

    def _steps_of(self, name: str, axis: Axis, span: tuple[float, float]) -> tuple[int, int] | None:
        if axis == "step":
            return math.floor(span[0]), math.ceil(span[1])
        return steps_between(self.points(name, axis), *span)

    def forget_ranges(self, names: Iterable[str]) -> None:
        """The whole metrics are wanted again."""
        for name in names:
            held = self._held.get(name)
            if held is not None and held.part is not None:
                held.part, held.steps = None, None
                held.curves.clear()

    async def _table(self, name: str, points: int, steps: tuple[int, int] | None = None) -> MetricTable:
        low, high = steps or (None, None)
        # One metric at a time: then every row is a logged value, and None can only mean not finite.
        return await self._read(
            MetricsQuery(
                experiment_id=self._experiment_id,
                metrics=(name,),
                step_min=low,
                step_max=high,
                downsample=points,
                with_times=True,
            )
        )

    # What was read.

    def __contains__(self, name: str) -> bool:
        return name in self._held

    def table(self, name: str) -> MetricTable:
        """What is drawn: the range read in detail, else the whole metric."""
        held = self._held[name]
        return held.part or held.whole

    def not_finite(self, name: str) -> int:
        """How many values of the whole metric are not finite."""
        return self._held[name].whole.non_finite.get(name, 0)

    def has_times(self, names: Iterable[str]) -> bool:
        """Whether any value of these metrics is known with the time when it was logged."""
        return any(time is not None for name in names if name in self._held for time in self._held[name].whole.times)

    def translation(self, name: str, source: Axis, target: Axis) -> tuple[list[float], list[float]]:
        """Where the points of a metric stand on one axis and where on another, in the order of the first."""
        there = dict(zip(self.points(name, target).steps, self.points(name, target).xs, strict=True))
        here = self.points(name, source)
        both = [(x, there[step]) for x, step in zip(here.xs, here.steps, strict=True) if step in there]
        return [x for x, _ in both], [x for _, x in both]

    def points(self, name: str, axis: Axis) -> Points:
        """The whole metric on an axis."""
        held = self._held[name]
        if axis not in held.by_axis:
            held.by_axis[axis] = _placed(axis, name, held.whole, self._origin)
        return held.by_axis[axis]

    def curve(self, name: str, axis: Axis, style: Style) -> Curve:
        """The line to draw: inside a range that was read the detail, outside the whole metric."""
        held = self._held[name]
        if (axis, style) not in held.curves:
            whole = self.points(name, axis)
            points = whole
            if held.part is not None and held.steps is not None:
                points = _spliced(whole, _placed(axis, name, held.part, self._origin))
            first, last = (whole.xs[0], whole.xs[-1]) if whole.xs else (0.0, 0.0)
            held.curves[axis, style] = Curve(
                label=name,
                xs=points.xs,
                ys=points.ys,
                steps=points.steps,
                style=style,
                smoothing_unit=smoothing_unit(first, last, held.whole.available_points),
            )
        return held.curves[axis, style]

    def extent(self, names: Iterable[str], axis: Axis) -> tuple[float, float] | None:
        """From where to where the whole metrics reach; None without points."""
        ends = [points.xs for name in names if name in self._held and (points := self.points(name, axis)).xs]
        return (min(xs[0] for xs in ends), max(xs[-1] for xs in ends)) if ends else None

    def time_at(self, name: str, step: int) -> float | None:
        """When the value of that step was logged."""
        table = self.table(name)
        place = bisect_left(table.steps, step)
        return table.times[place] if table.steps[place : place + 1] == (step,) else None


def _placed(axis: Axis, name: str, table: MetricTable, origin: float) -> Points:
    return placed(axis, table.steps, table.values[name], table.times, origin)


def _spliced(whole: Points, part: Points) -> Points:
    """The part, and of the whole what lies left and right of it."""
    if not part.xs:
        return whole
    begin, end = bisect_left(whole.xs, part.xs[0]), bisect_right(whole.xs, part.xs[-1])
    return Points(
        xs=[*whole.xs[:begin], *part.xs, *whole.xs[end:]],
        ys=[*whole.ys[:begin], *part.ys, *whole.ys[end:]],
        steps=[*whole.steps[:begin], *part.steps, *whole.steps[end:]],
        untimed=part.untimed,
    )
