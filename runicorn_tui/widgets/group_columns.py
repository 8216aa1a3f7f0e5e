"""The line of a group: value, how many, the best of them, their size, their states, the newest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runicorn_db.groups import Group, GroupBy, Groups
from runicorn_tui import format
from runicorn_tui.group_text import label, metric, size, states
from runicorn_tui.widgets.line_layout import Column


def group_columns(groups: Groups, by: GroupBy, clock: Callable[[], float]) -> Sequence[Column[Group]]:
    """Numbers are never cut: what has no room is left out."""
    most = max((group.count for group in groups.groups), default=0)
    widest = max((len(states(group)) for group in groups.groups), default=0)
    return [
        Column(id="value", title=str(by), width=12, grow=40, rank=0, text=lambda g: label(g, by), tone="group"),
        Column(
            id="count",
            title="count",
            width=max(5, len(format.count(most))),
            rank=1,
            is_right=True,
            text=lambda g: format.count(g.count),
        ),
        Column(
            id="best", title="best", width=8, rank=2, is_right=True, text=lambda g: format.number(g.best_metric_value)
        ),
        Column(id="metric", title="metric", width=10, grow=8, rank=6, text=metric, tone="muted"),
        Column(id="states", title="status", width=max(6, widest), rank=4, text=states),
        Column(id="size", title="size", width=8, rank=3, is_right=True, text=size, tone="muted"),
        Column(
            id="latest",
            title="latest",
            width=6,
            rank=5,
            is_right=True,
            text=lambda g: format.age(clock() - g.latest),
            tone="muted",
        ),
    ]
