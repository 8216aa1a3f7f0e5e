"""Ticks of an axis of time: durations, and dates and times of day of the local time zone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from runicorn_tui.charts.scales import Tick, labelled, ticks

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# Round in hours and minutes, where 1, 2 and 5 times a power of ten are not; days again count by tens.
_DISTANCES = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
)
_MONTH, _YEAR = 30 * _DAY, 365 * _DAY
_WALL_DISTANCES = (
    *_DISTANCES,
    *(_DAY * count for count in (1, 2, 5, 10)),
    *(_MONTH * count for count in (1, 2, 3, 6)),
    *(_YEAR * count for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
_MOST_TICKS = 50
# Rather a few ticks more than too few.
_SLACK = 0.6
# What fits every calendar and every platform's clock.
_EARLIEST, _LATEST = -60_000_000_000.0, 250_000_000_000.0


def duration(seconds: float) -> str:
    """From the largest unit to the last that is not zero: 45s, 12m, 1h 20m, 2d 06h; below a minute with decimals."""
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < _MINUTE:
        return f"{sign}{seconds:.3g}s" if seconds else "0"
    rest = round(seconds)
    parts: list[str] = []
    for size, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s")):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count:02d}{letter}" if parts else f"{count:,}{letter}")
        if not rest and parts:
            break
    return sign + " ".join(parts)


def duration_ticks(low: float, high: float, count: int) -> list[Tick]:
    """About `count` round durations in seconds."""
    raw = (high - low) / max(1, count)
    if not 0 < raw < math.inf or raw < 0.75:
        return [(value, f"{label}s" if value else "0") for value, label in labelled(ticks(low, high, count))]
    distance = next((distance for distance in _DISTANCES if distance >= raw * _SLACK), None)
    if distance is None:
        return [(day * _DAY, duration(day * _DAY)) for day in ticks(low / _DAY, high / _DAY, count, smallest=1.0)]
    first, last = math.ceil(low / distance - 1e-9), math.floor(high / distance + 1e-9)
    seconds = [number * distance for number in range(first, min(last, first + _MOST_TICKS) + 1)]
    return [(second, duration(second)) for second in seconds]


def wall_ticks(low: float, high: float, count: int) -> list[Tick]:
    """About `count` round dates or times of day of the local time zone; low and high are Unix times.

    The first of a day says which day; where there is no calendar for them the numbers themselves are shown.
    """
    if not _EARLIEST <= low < high <= _LATEST:
        return labelled(ticks(low, high, count))
    distance = _distance((high - low) / max(1, count))
    found: list[Tick] = []
    day_before = None
    for moment in _moments(datetime.fromtimestamp(low), distance):
        at = moment.timestamp()
        if at > high or len(found) == _MOST_TICKS:
            break
        # The clock may have jumped back over an hour, or over one that is not there.
        if at >= low and (not found or at > found[-1][0]):
            found.append((at, _moment_label(moment, distance, is_new_day=moment.date() != day_before)))
            day_before = moment.date()
    return found


def _distance(raw: float) -> int:
    """The round number of seconds nearest to `raw`; months have 30 days and years 365."""
    return next((distance for distance in _WALL_DISTANCES if distance >= raw * _SLACK), _WALL_DISTANCES[-1])


def _moments(low: datetime, distance: int) -> Iterator[datetime]:
    """Round local times from before `low` on."""
    midnight = low.replace(hour=0, minute=0, second=0, microsecond=0)
    if distance >= _MONTH:
        months = distance // _YEAR * 12 or distance // _MONTH
        number = (low.year * 12 + low.month - 1) // months * months
        while 12 <= number < 12 * 9999:
            yield datetime(number // 12, number % 12 + 1, 1)
            number += months
        return
    step = timedelta(seconds=distance)
    if distance >= _DAY:
        moment = midnight - timedelta(days=midnight.toordinal() % (distance // _DAY))
    else:
        moment = midnight + (low - midnight) // step * step
    while True:
        yield moment
        moment += step


def _moment_label(moment: datetime, distance: int, *, is_new_day: bool) -> str:
    if distance >= _YEAR:
        return f"{moment:%Y}"
    if distance >= _MONTH:
        return f"{moment:%Y-%m}"
    day = f"{moment:%m-%d}"
    if distance >= _DAY:
        return day
    clock = f"{moment:%H:%M:%S}" if distance < _MINUTE else f"{moment:%H:%M}"
    if not is_new_day:
        return clock
    is_midnight = moment.hour == moment.minute == moment.second == 0
    return day if is_midnight else f"{day} {clock}"
