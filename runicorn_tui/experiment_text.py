"""What the index knows about one experiment, as lines of a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from textual.content import Content

from runicorn_db.query import Experiment, ExperimentDetail, MetricSummary
from runicorn_tui import format
from runicorn_tui.fact_lines import LABEL, MARGIN, labelled, room, wrapped
from runicorn_tui.parameter_text import first_parameters, leaves
from runicorn_tui.run_facts import RunFacts
from runicorn_tui.run_text import asset_lines, environment_lines
from runicorn_tui.terminal import Drawn
from runicorn_tui.widgets.line_table import fit, shortened
from runicorn_tui.widgets.sheet import MakeLine

STATUS_COLORS: Mapping[str, str] = {
    "running": "$primary",
    "finished": "$success",
    "failed": "$error",
    "interrupted": "$warning",
}
_NUMBER = 10
_LEAST_NUMBER = 8
_STEP = 10
# From here on there is room for the steps of lowest and highest value.
_WIDE = 100
# From here on two facts stand side by side.
_TWO_COLUMNS = 70
_FARTHEST = 46
# Below this width the number of values is left out for those themselves.
_NARROW = 60

VANISHED = "This experiment is no longer in the index: it was purged, or its root was removed."
NO_METRICS = "No metrics: the program never logged a number."
NO_METRICS_YET = "No metrics: the program has not logged a number yet."


def no_metrics(detail: ExperimentDetail) -> str:
    """Why there is no metric, in a sentence."""
    return NO_METRICS_YET if detail.experiment.status == "running" else NO_METRICS


def overview(
    detail: ExperimentDetail, width: int, facts: RunFacts | None = None, *, with_variables: bool = False, key: str = "e"
) -> Sequence[MakeLine]:
    """The facts, those of the index first, then a table of the metrics and what the run made and used."""
    lines = [partial(Content, "")]
    lines += [partial(_same, content) for content in _facts(detail, width)]
    if facts is not None:
        told = environment_lines(facts, width, with_variables=with_variables, key=key)
        lines += [partial(_same, content) for content in told]
    lines.append(partial(Content, ""))
    lines += _metrics(detail, width)
    if facts is not None and facts.assets:
        title = f" {format.plural(len(facts.assets), 'thing')} made or used"
        lines += [partial(Content, ""), partial(Content.styled, title, "bold $text-muted")]
        lines += [partial(_same, content) for content in asset_lines(facts.assets, width)]
    return lines


def _metrics(detail: ExperimentDetail, width: int) -> list[MakeLine]:
    if not detail.metrics:
        return [partial(Content.styled, " " * MARGIN + no_metrics(detail), "$text-muted")]
    return [
        partial(_metric_head, width, len(detail.metrics)),
        *(partial(_metric_line, name, summary, width) for name, summary in sorted(detail.metrics.items())),
    ]


def _same(content: Content) -> Content:
    return content


def _facts(detail: ExperimentDetail, width: int) -> list[Content]:
    experiment = detail.experiment
    lines = _state(detail, width)
    lines += wrapped("name", experiment.name or format.DASH, width)
    lines += wrapped("project", experiment.project or format.DASH, width)
    lines.append(labelled("id", Content(fit(experiment.id, room(width)).rstrip())))
    lines.append(Content(""))
    lines += _in_two(_pairs(detail), width)
    lines.append(Content(""))
    lines += _best(experiment, width)
    lines += first_parameters(leaves(detail.params), width)
    lines += wrapped("tags", "  ".join(experiment.tags) or format.DASH, width)
    lines += wrapped("description", experiment.description or format.DASH, width)
    lines += wrapped("root", experiment.root or format.DASH, width)
    lines += wrapped("directory", experiment.run_dir or format.DASH, width)
    return lines


def _state(detail: ExperimentDetail, width: int) -> list[Content]:
    experiment = detail.experiment
    lines = [labelled("status", _status(experiment, room(width)))]
    if experiment.deleted_at is not None:
        lines += wrapped("in the trash", _deletion(detail), width, style="$warning")
    if experiment.is_missing:
        lines += wrapped("missing", "the directory was gone when its root was last read", width, style="$warning")
    return lines


def summary(detail: ExperimentDetail, width: int) -> list[Content]:
    """What is worth a look in passing, the most telling first."""
    experiment = detail.experiment
    lines = wrapped("name", experiment.name or format.DASH, width, style="bold", most=2)
    lines += _state(detail, width)
    lines += wrapped("project", experiment.project or format.DASH, width, most=1)
    lines += _best(experiment, width)[:2]
    lines.append(labelled("duration", Content(duration(experiment))))
    if experiment.tags:
        lines += wrapped("tags", "  ".join(experiment.tags), width, most=2)
    if detail.params:
        lines += first_parameters(leaves(detail.params), width)
    if experiment.description:
        lines += wrapped("description", experiment.description, width, most=3)
    return lines


def _in_two(pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]], width: int) -> list[Content]:
    """Two columns, or one where two have no room."""
    if width < _TWO_COLUMNS:
        return [labelled(*_plain(fact, room(width))) for column in zip(*pairs, strict=True) for fact in column]
    half = min((width - MARGIN) // 2, _FARTHEST)
    lines: list[Content] = []
    for pair in pairs:
        left, right = (labelled(*_plain(fact, half - LABEL - 2)) for fact in pair)
        lines.append(Content.assemble(left, " " * max(2, half + MARGIN - left.cell_length), right[MARGIN:]))
    return lines


def _deletion(detail: ExperimentDetail) -> str:
    experiment = detail.experiment
    batch = None if detail.deletion_batch is None else f"deletion {detail.deletion_batch}"
    return ", ".join(filter(None, (f"since {_when(experiment.deleted_at)}", batch, experiment.delete_reason)))


def _when(timestamp: float | None) -> str:
    """With the time zone: what is read here is told to others."""
    return format.DASH if timestamp is None else f"{format.when(timestamp)} {format.zone(timestamp)}"


def _pairs(detail: ExperimentDetail) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    experiment = detail.experiment
    process = format.DASH if experiment.pid is None else str(experiment.pid)
    steps = format.DASH
    if detail.step_range is not None:
        first, last = detail.step_range
        steps = f"{format.count(detail.total_data_points)}, from {format.count(first)} to {format.count(last)}"
    size = Drawn(f"{format.size(experiment.size_bytes)} in {format.plural(detail.file_count, 'file')}")
    return [
        (("created", _when(experiment.created_at)), ("host", format.text(experiment.hostname))),
        (("started", _when(experiment.started_at)), ("process", process)),
        (("ended", _when(experiment.ended_at)), ("size", size)),
        (("duration", duration(experiment)), ("steps", steps)),
    ]


def duration(experiment: Experiment) -> str:
    """How long it ran, or has run so far."""
    seconds = format.duration(format.seconds_run(experiment))
    return f"{seconds} so far" if experiment.status == "running" else seconds


def _status(experiment: Experiment, room: int) -> Content:
    word = Content.styled(format.status(experiment.status), f"bold {STATUS_COLORS.get(experiment.status, '')}")
    if not experiment.exit_reason:
        return word
    reason = shortened(experiment.exit_reason, max(4, room - word.cell_length - 2))
    return Content.assemble(word, Content.styled(f"  {reason}", "$text-muted"))


def _best(experiment: Experiment, width: int) -> list[Content]:
    if experiment.best_metric_value is None:
        return [labelled("best", Content(format.DASH))]
    notes = [experiment.best_metric_name or "unnamed", experiment.best_metric_mode or ""]
    if experiment.best_metric_step is not None:
        notes.append(f"at step {format.count(experiment.best_metric_step)}")
    number = format.number(experiment.best_metric_value)
    first, *others = wrapped("best", "  ".join(filter(None, (number, *notes))), width)
    begin = MARGIN + LABEL
    return [first.stylize("bold", begin, begin + len(number)), *others]


def _plain(fact: tuple[str, str], room: int) -> tuple[str, Content]:
    label, value = fact
    return label, Content(fit(value, max(4, room)).rstrip())


def _metric_head(width: int, count: int) -> Content:
    cells = [fit(format.plural(count, "metric"), _name_room(width))]
    cells += [fit(title, size, is_right=True) for title, size in _columns(width)]
    return Content.styled(" " * MARGIN + "  ".join(cells), "bold $text-muted")


def _columns(width: int) -> list[tuple[str, int]]:
    if width < _NARROW:
        return [("last", _LEAST_NUMBER), ("min", _LEAST_NUMBER), ("max", _LEAST_NUMBER)]
    steps = [("at step", _STEP)] if width >= _WIDE else []
    return [("count", _STEP), ("last", _NUMBER), ("min", _NUMBER), *steps, ("max", _NUMBER), *steps]


def _name_room(width: int) -> int:
    return max(8, min(60, width - MARGIN - sum(size + 2 for _, size in _columns(width))))


def _metric_line(name: str, summary: MetricSummary, width: int) -> Content:
    def step(value: int | None) -> str:
        return format.DASH if value is None else format.count(value)

    said = {
        "count": [(format.count(summary.count), "$text-muted")],
        "last": [(format.number(summary.last), "bold")],
        "min": [(format.number(summary.min), "")],
        "max": [(format.number(summary.max), "")],
        "at step": [(step(summary.min_step), "$text-muted"), (step(summary.max_step), "$text-muted")],
    }
    cells = [Content(" " * MARGIN + fit(name, _name_room(width)))]
    for title, size in _columns(width):
        text, style = said[title].pop(0)
        cells.append(Content.styled(fit(text, size, is_right=True), style))
    return Content("  ").join(cells)
