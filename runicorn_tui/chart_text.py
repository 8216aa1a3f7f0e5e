"""What is said about a chart, in words."""

from __future__ import annotations

from collections.abc import Sequence

from runicorn_db.query import Experiment, MetricSummary
from runicorn_tui import format
from runicorn_tui.charts.curve import Missing
from runicorn_tui.charts.times import duration
from runicorn_tui.charts.view import View
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.legend import Extreme

NO_TIMES = "No times: the values of this metric were logged without any."


def looked_at(view: View, extent: tuple[float, float]) -> list[str]:
    """Everything about a view that is not as it was at first."""
    parts: list[str] = []
    if view.axis != "step":
        parts.append("relative time" if view.axis == "relative" else f"wall time {format.zone()}")
    if view.is_zoomed:
        parts.append(_range(view, *view.span(extent)))
    if view.is_log:
        parts.append("logarithmic")
    if view.smoothing:
        parts.append(f"smoothed {view.smoothing:g}")
    if view.clip:
        parts.append(f"percentiles {view.clip * 100:.0f} to {100 - view.clip * 100:.0f}")
    return parts


def _range(view: View, low: float, high: float) -> str:
    match view.axis:
        case "step":
            return f"steps {format.count(round(low))} to {format.count(round(high))}"
        case "relative":
            return f"{duration(low)} to {duration(high)}"
        case "wall":
            return f"{format.moment(low)} to {format.moment(high)}"


def missing(found: Missing, *, is_log: bool, is_partial: bool) -> list[str]:
    """Which values of the range do not stand where they belong; `is_partial`: only some were read and counted."""
    least = "at least " if is_partial else ""
    beyond = "below 1e-290 or beyond 1e150" if is_log else "beyond 1e150"
    sentences = (
        (found.not_positive, "of zero or less hidden"),
        (found.beyond, f"{beyond} hidden"),
        (found.flattened, "below 1e-290 drawn as 0"),
        (found.clipped, "clipped"),
    )
    return [f"{least}{format.plural(count, 'value')} {what}" for count, what in sentences if count]


def place(step: float, time: float | None, began_at: float) -> list[str]:
    """Where the crosshair stands, in every way that is known."""
    parts = [f"step {format.count(round(step))}"]
    if time is not None:
        parts += [f"at {duration(round(time - began_at))}", format.moment(time)]
    return parts


def extremes(name: str, summary: MetricSummary, experiment: Experiment) -> tuple[Extreme, ...]:
    """The lowest and the highest value of a metric; the better one is known for the best metric alone."""
    mode = experiment.best_metric_mode if name == experiment.best_metric_name else None
    found: list[Extreme] = []
    for side, value, step in (("min", summary.min, summary.min_step), ("max", summary.max, summary.max_step)):
        if value is not None and step is not None:
            found.append(Extreme(name=side, value=value, step=step, is_best=side == mode))
    return tuple(found)


def grid_place(page: range, total: int) -> str:
    """Which of so many metrics are on screen."""
    if not total:
        return "0 metrics"
    first, last = page.start + 1, min(page.stop, total)
    if total <= len(page):
        return format.plural(total, "metric")
    return f"metrics {format.count(first)} to {format.count(last)} of {format.count(total)}"


def matching(names: Sequence[str], wanted: str) -> list[str]:
    """The names that have every word of what is looked for in them, as they are or as they are shown."""
    words = wanted.casefold().split()
    return [name for name in names if all(word in name.casefold() or word in safe(name).casefold() for word in words)]
