"""Numbers, sizes, times and states as a person reads them. Every unknown value is a dash."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping

from runicorn_db.named_values import NamedValue, Value
from runicorn_db.query import Experiment
from runicorn_tui.numeral import Numeral
from runicorn_tui.terminal import Drawn, safe

DASH = Drawn("—")

STATUS_GLYPHS: Mapping[str, str] = {"running": "▸", "finished": "✓", "failed": "✗", "interrupted": "■"}
"""Never colour alone: each state has a glyph beside its word."""

_AGE_UNITS = ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "m"))
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def count(value: int) -> str:
    """1234567 -> 1,234,567"""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """1 experiment, 2 experiments"""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def size(value: int | None) -> str:
    """Bytes in powers of ten with at most three digits: 1.4 GB, 87 MB, 512 B."""
    if value is None:
        return DASH
    amount, power = float(value), 0
    while amount >= 999.5 and power < len(_SIZE_UNITS) - 1:
        amount, power = amount / 1000, power + 1
    return f"{amount:.{1 if power and amount < 9.95 else 0}f} {_SIZE_UNITS[power]}"


def age(seconds: float | None) -> str:
    """The largest whole unit: 45s, 12m, 3h, 31d, 2y. What lies in the future is `now`."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 1:
        return "now"
    for length, unit in _AGE_UNITS:
        # Days up to two years: "1y" would hide eleven months.
        if seconds >= (2 * length if unit == "y" else length):
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def duration(seconds: float | None) -> str:
    """The two largest units: 45s, 12m 05s, 3h 20m, 4d 06h."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return DASH
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, second = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {second:02d}s"
    hours, minute = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h {minute:02d}m"
    days, hour = divmod(hours, 24)
    return f"{days}d {hour:02d}h"


def seconds_run(experiment: Experiment) -> float | None:
    """How long it ran; of a running one, how long until its last event, so that a quiet one does not tick."""
    seconds = experiment.duration_seconds
    if seconds is None and experiment.status == "running":
        return experiment.updated_at - (experiment.started_at or experiment.created_at)
    return seconds


def when(timestamp: float | None) -> str:
    """Date and minute in the local time zone."""
    return DASH if timestamp is None else _local("%Y-%m-%d %H:%M", timestamp)


def moment(timestamp: float | None) -> str:
    """Date and second in the local time zone."""
    return DASH if timestamp is None else _local("%Y-%m-%d %H:%M:%S", timestamp)


def zone(timestamp: float | None = None) -> str:
    """The local time zone, now or at an instant: UTC, CET."""
    return _local("%Z", time.time() if timestamp is None else timestamp)


def day(timestamp: float | None) -> str:
    """Date in the local time zone."""
    return DASH if timestamp is None else _local("%Y-%m-%d", timestamp)


def _local(pattern: str, timestamp: float) -> str:
    try:
        return time.strftime(pattern, time.localtime(timestamp))
    except (ValueError, OverflowError, OSError):
        return DASH


def number(value: float | None) -> str:
    """At most eight characters and a sign: 0.5130, 12.34, 1,234, 1.20e-05, 3.4e+21; a `Numeral` if it is one."""
    if value is None or not math.isfinite(value):
        return DASH
    magnitude = abs(value)
    if magnitude == 0:
        return Numeral("0")
    if magnitude >= 1e6 or magnitude < 1e-3:
        return Numeral(f"{value:.2e}" if magnitude < 1e100 and magnitude >= 1e-99 else f"{value:.1e}")
    if magnitude >= 1000:
        return Numeral(f"{value:,.0f}")
    decimals = 4 if magnitude < 10 else 3 if magnitude < 100 else 2
    return Numeral(f"{value:.{decimals}f}")


def value(what: NamedValue, held: Value) -> str:
    """A metric as any number, a parameter as it was written. Not made safe."""
    if held is None or isinstance(held, str):
        return DASH if held is None else held
    return written(held) if what.is_param else number(held)


def written(held: object) -> str:
    """What a program set, as JSON; a `Numeral` where it is a finite number. Not made safe."""
    text = json.dumps(held, ensure_ascii=False, default=str)
    is_whole = isinstance(held, int) and not isinstance(held, bool)
    return Numeral(text) if is_whole or (isinstance(held, float) and math.isfinite(held)) else text


def status(value: str) -> str:
    """Glyph and word."""
    return Drawn(f"{STATUS_GLYPHS.get(value, '?')} {safe(value)}")


def text(value: str | None) -> str:
    """The text, or a dash for none. Not made safe."""
    return value or DASH
