"""What is said of a group: its value, the states of its experiments, their size, their best metric. No widget."""

from __future__ import annotations

import json

from runicorn_db.groups import Group, GroupBy, Groups
from runicorn_tui import format
from runicorn_tui.terminal import Drawn, safe

_NO_VALUE = "(none)"
_NO_TAG = "(no tag)"
_SHOWN_STATES = ("finished", "failed", "interrupted", "running")
_DIRECTIONS = {"max": "↑", "min": "↓"}


def label(group: Group, by: GroupBy) -> str:
    """The value as a person reads it; a text that could be taken for something else stands in quotes. Not made safe."""
    value = group.value
    if value is None:
        return _NO_TAG if by == "tag" else _NO_VALUE
    if not isinstance(value, str):
        return format.written(value)
    if by == "status":
        return format.status(value)
    return json.dumps(value, ensure_ascii=False) if _is_mistakable(value) else value


def _is_mistakable(text: str) -> bool:
    if text in ("", _NO_VALUE, _NO_TAG):
        return True
    try:
        return not isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False


def state_counts(group: Group) -> list[tuple[str, int]]:
    """The states that there are and how many are in each, what is over first."""
    counts = ((status, group.by_status.get(status, 0)) for status in _SHOWN_STATES)
    return [(status, count) for status, count in counts if count]


def states(group: Group) -> str:
    """`✓57 ✗38 ■19 ▸19`: those that there are."""
    counts = state_counts(group)
    return Drawn(" ".join(f"{format.STATUS_GLYPHS[status]}{format.count(count)}" for status, count in counts))


def size(group: Group) -> str:
    """What they take on disk; `≥` where it is not known of all."""
    if not group.measured:
        return format.DASH
    return Drawn(f"{'' if group.measured == group.count else '≥'}{format.size(group.size_bytes)}")


def metric(group: Group) -> str:
    """The metric of the best value and which way is better."""
    if group.best_metric_name is None:
        return format.DASH
    return Drawn(f"{_DIRECTIONS[group.best_metric_mode or 'max']} {safe(group.best_metric_name)}")


def left_out(groups: Groups) -> str:
    """What the last line says of the values that have none."""
    values, experiments = format.plural(groups.more, "more value"), format.plural(groups.more_experiments, "experiment")
    return Drawn(f"… {values} with fewer: {experiments}")


def is_overlapping(groups: Groups) -> bool:
    """Whether experiments stand in several of the groups."""
    return sum(group.count for group in groups.groups) + groups.more_experiments > groups.total
