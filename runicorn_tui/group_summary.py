"""A group in short, as lines of a given width: what is said of all of it, and its first experiments."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from runicorn_db.groups import Group, GroupBy
from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment
from runicorn_tui import format
from runicorn_tui.experiment_text import STATUS_COLORS
from runicorn_tui.fact_lines import LABEL, MARGIN, labelled, wrapped
from runicorn_tui.group_text import label, metric, size, state_counts
from runicorn_tui.terminal import Drawn
from runicorn_tui.widgets.line_layout import GAP, fit

_NUMBER = 8
_MORE = len("2025-01-01 00:00")
# A narrower name gets the room of what else is said.
_LEAST_NAME = 16


def summary(group: Group, by: GroupBy, width: int) -> list[Content]:
    """What is worth a look in passing, the most telling first."""
    lines = _value(group, by, width)
    lines.append(labelled("experiments", Content(format.count(group.count))))
    lines += [labelled("" if number else "status", line) for number, line in enumerate(_states(group))]
    lines += _best(group, width)
    lines += wrapped("size", _size(group), width, most=2)
    lines.append(labelled("newest", Content(f"{format.when(group.latest)} {format.zone(group.latest)}")))
    return lines


def _value(group: Group, by: GroupBy, width: int) -> list[Content]:
    value = label(group, by)
    if isinstance(by, NamedValue):
        return wrapped("parameter", f"{by.name} = {value}", width, style="bold", most=2)
    return wrapped(by, value, width, style="bold", most=2)


def _states(group: Group) -> list[Content]:
    """How many are in each state."""
    counts = state_counts(group)
    names = max((len(format.status(status)) for status, _ in counts), default=0)
    room = max((len(format.count(count)) for _, count in counts), default=0)
    return [
        Content.assemble(
            Content.styled(format.status(status).ljust(names), STATUS_COLORS.get(status, "")),
            f"  {format.count(count):>{room}}",
            Content.styled(f"  {_share(count, group.count):>4}", "$text-muted"),
        )
        for status, count in counts
    ]


def _share(count: int, of: int) -> str:
    """In hundredths: neither none nor all as long as that is not so."""
    return "100%" if count == of else f"{min(max(round(100 * count / of), 1), 99)}%"


def _best(group: Group, width: int) -> list[Content]:
    number = format.number(group.best_metric_value)
    if group.best_metric_name is None:
        return [labelled("best", Content(number))]
    first, *others = wrapped("best", Drawn(f"{number}  {metric(group)}"), width, most=2)
    begin = MARGIN + LABEL
    return [first.stylize("bold", begin, begin + len(number)), *others]


def _size(group: Group) -> str:
    if group.measured in (0, group.count):
        return size(group)
    return Drawn(f"{size(group)}, {format.count(group.measured)} of them measured")


def first_experiments(rows: Sequence[Experiment | None], group: Group, order: str, width: int) -> list[Content]:
    """Under a title, those that come first by `order`, which is safe; what is None has gone meanwhile."""
    title = fit(Drawn(f"{_first(len(rows), group.count)} by {order}"), width - 2 * MARGIN).rstrip()
    found = [row for row in rows if row is not None]
    # Values of several metrics say nothing without their names.
    is_mixed = group.best_metric_name is None and any(row.best_metric_name for row in found)
    lines = [Content.styled(" " * MARGIN + title, "bold $text-muted")]
    return lines + [_experiment(row, width, with_metric=is_mixed) for row in found]


def _first(shown: int, count: int) -> str:
    return f"first {format.count(shown)} of {format.count(count)}" if shown < count else "all"


def _experiment(row: Experiment, width: int, *, with_metric: bool) -> Content:
    room = width - 2 * MARGIN - 2 - GAP - _NUMBER
    has_more = room - GAP - _MORE >= _LEAST_NAME
    name = fit(row.name or format.DASH, max(1, room - GAP - _MORE if has_more else room))
    best = fit(format.number(row.best_metric_value), _NUMBER, is_right=True)
    more = format.text(row.best_metric_name) if with_metric else format.when(row.created_at)
    return Content.assemble(
        " " * MARGIN,
        Content.styled(format.STATUS_GLYPHS.get(row.status, "?"), STATUS_COLORS.get(row.status, "")),
        f" {name}{' ' * GAP}{best}",
        Content.styled(f"{' ' * GAP}{fit(more, _MORE)}" if has_more else "", "$text-muted"),
    )
