"""What the index knows about one experiment, as lines of a given width."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial

from rich.cells import cell_len, chop_cells
from textual.content import Content

from runicorn_db.query import Experiment, ExperimentDetail, MetricSummary
from runicorn_tui import format
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_table import fit
from runicorn_tui.widgets.sheet import MakeLine

STATUS_COLORS: Mapping[str, str] = {
    "running": "$primary",
    "finished": "$success",
    "failed": "$error",
    "interrupted": "$warning",
}
_LABEL = 13
_MARGIN = 1
_NUMBER = 10
_STEP = 10
# From here on there is room for the steps of lowest and highest value.
_WIDE = 100

NO_PARAMETERS = "No parameters: nothing in the run directory names any."
NO_METRICS = "No metrics: the program never logged a number."
NO_METRICS_YET = "No metrics: the program has not logged a number yet."


def no_metrics(detail: ExperimentDetail) -> str:
    """Why there is no metric, in a sentence."""
    return NO_METRICS_YET if detail.experiment.status == "running" else NO_METRICS


def folded(text: str, width: int) -> list[str]:
    """The whole text, made safe, in lines of at most `width` cells; its own line breaks stay."""
    lines: list[str] = []
    for line in text.split("\n") or [""]:
        shown = safe(line.expandtabs(4).rstrip("\r"))
        if cell_len(shown) <= width:
            lines.append(shown)
        elif len(shown) == cell_len(shown):
            lines += textwrap.wrap(shown, max(1, width), break_on_hyphens=False) or [""]
        else:
            lines += chop_cells(shown, max(2, width))
    return lines


def overview(detail: ExperimentDetail, width: int) -> Sequence[MakeLine]:
    """Everything but parameters: the facts, then a table of the metrics."""
    lines = [partial(Content, "")]
    lines += [partial(_same, content) for content in _facts(detail, width)]
    lines.append(partial(Content, ""))
    if not detail.metrics:
        lines.append(partial(Content.styled, " " * _MARGIN + no_metrics(detail), "$text-muted"))
        return lines
    is_wide = width >= _WIDE
    lines.append(partial(_metric_head, width, is_wide, len(detail.metrics)))
    lines += [partial(_metric_line, name, summary, width, is_wide) for name, summary in sorted(detail.metrics.items())]
    return lines


def _same(content: Content) -> Content:
    return content


def _facts(detail: ExperimentDetail, width: int) -> list[Content]:
    experiment = detail.experiment
    half = max(20, (width - _MARGIN) // 2)
    room = max(10, width - _MARGIN - _LABEL)
    lines = [_labelled("status", _status(experiment))]
    lines += _wrapped("name", experiment.name or format.DASH, room)
    lines += _wrapped("project", experiment.project or format.DASH, room)
    lines.append(_labelled("id", Content(fit(experiment.id, room).rstrip())))
    lines.append(Content(""))
    for left, right in _pairs(detail):
        cells = [Content.assemble(_labelled(*_plain(one, half - _LABEL - 2))) for one in (left, right)]
        gap = " " * max(2, half + _MARGIN - cells[0].cell_length)
        lines.append(Content.assemble(cells[0], gap, _unindented(cells[1])))
    lines.append(Content(""))
    lines.append(_labelled("best", _best(experiment)))
    lines += _wrapped("tags", "  ".join(experiment.tags) or format.DASH, room)
    lines += _wrapped("description", experiment.description or format.DASH, room)
    lines += _wrapped("directory", experiment.run_dir or format.DASH, room)
    if experiment.deleted_at is not None:
        reason = f", {experiment.delete_reason}" if experiment.delete_reason else ""
        lines += _wrapped("in the trash", f"since {format.when(experiment.deleted_at)}{reason}", room)
    if experiment.is_missing:
        lines += _wrapped("missing", "the directory was gone when its root was last read", room)
    return lines


def _pairs(detail: ExperimentDetail) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    experiment = detail.experiment
    process = format.DASH if experiment.pid is None else str(experiment.pid)
    steps = format.DASH
    if detail.step_range is not None:
        first, last = detail.step_range
        steps = f"{format.count(detail.total_data_points)}, from {format.count(first)} to {format.count(last)}"
    size = f"{format.size(experiment.size_bytes)} in {format.plural(detail.file_count, 'file')}"
    return [
        (("created", format.when(experiment.created_at)), ("host", format.text(experiment.hostname))),
        (("started", format.when(experiment.started_at)), ("process", process)),
        (("ended", format.when(experiment.ended_at)), ("size", size)),
        (("duration", duration(experiment)), ("steps", steps)),
    ]


def duration(experiment: Experiment) -> str:
    """How long it ran; of a running one, how long until its last event, so that a quiet one does not tick."""
    if experiment.duration_seconds is not None:
        return format.duration(experiment.duration_seconds)
    begin = experiment.started_at or experiment.created_at
    return f"{format.duration(experiment.updated_at - begin)} so far" if experiment.status == "running" else format.DASH


def _status(experiment: Experiment) -> Content:
    word = Content.styled(format.status(experiment.status), f"bold {STATUS_COLORS.get(experiment.status, '')}")
    if not experiment.exit_reason:
        return word
    return Content.assemble(word, Content.styled(f"  {safe(experiment.exit_reason)}", "$text-muted"))


def _best(experiment: Experiment) -> Content:
    if experiment.best_metric_value is None:
        return Content(format.DASH)
    name = safe(experiment.best_metric_name or "unnamed")
    notes = [experiment.best_metric_mode or ""]
    if experiment.best_metric_step is not None:
        notes.append(f"at step {format.count(experiment.best_metric_step)}")
    note = "  ".join(filter(None, notes))
    return Content.assemble(
        (format.number(experiment.best_metric_value), "bold"), f"  {name}  ", Content.styled(safe(note), "$text-muted")
    )


def _plain(fact: tuple[str, str], room: int) -> tuple[str, Content]:
    label, value = fact
    return label, Content(fit(value, max(4, room)).rstrip())


def _labelled(label: str, value: Content) -> Content:
    return Content.assemble(" " * _MARGIN, Content.styled(label.ljust(_LABEL), "$text-muted"), value)


def _unindented(content: Content) -> Content:
    return content[_MARGIN:]


def _wrapped(label: str, text: str, room: int) -> list[Content]:
    first, *others = folded(text, room)
    return [_labelled(label, Content(first)), *(_labelled("", Content(other)) for other in others)]


def _metric_head(width: int, is_wide: bool, count: int) -> Content:
    cells = [fit(format.plural(count, "metric"), _name_room(width, is_wide))]
    cells += [fit(title, size, is_right=True) for title, size in _columns(is_wide)]
    return Content.styled(" " * _MARGIN + "  ".join(cells), "bold $text-muted")


def _columns(is_wide: bool) -> list[tuple[str, int]]:
    steps = [("at step", _STEP)] if is_wide else []
    return [("count", _STEP), ("last", _NUMBER), ("min", _NUMBER), *steps, ("max", _NUMBER), *steps]


def _name_room(width: int, is_wide: bool) -> int:
    return max(8, min(60, width - 2 * _MARGIN - sum(size + 2 for _, size in _columns(is_wide))))


def _metric_line(name: str, summary: MetricSummary, width: int, is_wide: bool) -> Content:
    def number(value: float | None) -> str:
        return fit(format.number(value), _NUMBER, is_right=True)

    def step(value: int | None) -> list[Content]:
        shown = format.DASH if value is None else format.count(value)
        return [Content.styled(fit(shown, _STEP, is_right=True), "$text-muted")] if is_wide else []

    cells = [
        Content(" " * _MARGIN + fit(name, _name_room(width, is_wide))),
        Content.styled(fit(format.count(summary.count), _STEP, is_right=True), "$text-muted"),
        Content.styled(number(summary.last), "bold"),
        Content(number(summary.min)),
        *step(summary.min_step),
        Content(number(summary.max)),
        *step(summary.max_step),
    ]
    return Content("  ").join(cells)


def parameters(detail: ExperimentDetail, width: int) -> Sequence[MakeLine]:
    """Name and whole value of every parameter, in the order in which they were recorded."""
    if not detail.params:
        empty = [partial(Content, ""), partial(Content.styled, f" {NO_PARAMETERS}", "$text-muted")]
        return empty
    label = min(max(cell_len(safe(name[:200])) for name in detail.params) + 2, max(8, width // 3))
    lines = [partial(Content, "")]
    for name, value in detail.params.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        first, *others = folded(text, max(4, width - label - _MARGIN))
        lines.append(partial(_parameter_line, fit(name, label - 2) + "  ", first))
        lines += [partial(_parameter_line, " " * label, other) for other in others]
    return lines


def _parameter_line(label: str, value: str) -> Content:
    return Content.assemble(" " * _MARGIN, Content.styled(label, "$text-muted"), value)
