"""Groups of experiments as commands print them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from runicorn_api.json_body import to_json
from runicorn_db.criteria import STATUSES
from runicorn_db.groups import Group, GroupBy, Groups
from runicorn_tui import format, output
from runicorn_tui.group_text import is_overlapping, label, metric, size, states
from runicorn_tui.output import Cell, Column

_FACTS = ("best_metric_name", "best_metric_value", "best_metric_mode", "size_bytes", "measured", "latest")


def print_groups(groups: Groups, by: GroupBy, *, limit: int, form: Literal["table", "json", "jsonl", "csv"]) -> None:
    """Prints at most `limit` groups (0: all there are), and on stderr what the numbers do not show."""
    listed = groups.groups[:limit] if limit else groups.groups
    match form:
        case "json":
            with output.JsonArray() as array:
                array.add(map(_item, listed))
        case "jsonl":
            output.write_bytes(b"".join(to_json(_item(group)) + b"\n" for group in listed))
        case "csv":
            output.CsvTable(["value", "count", *STATUSES, *_FACTS]).add(map(_csv_cells, listed))
        case "table":
            now = time.time()
            output.Table(_columns(by)).add(_cells(group, by, now) for group in listed)
    every = len(groups.groups) + groups.more
    if len(listed) < len(groups.groups):
        output.note(f"{len(listed):,} of {every:,} groups; --limit 0 lists more.")
    elif groups.more:
        output.note(f"The largest {len(listed):,} of {every:,} groups; a filter narrows them.")
    if is_overlapping(groups):
        output.note(f"{format.plural(groups.total, 'experiment')}; one with several tags counts in each.")


def _item(group: Group) -> dict[str, Any]:
    return asdict(group)


def _csv_cells(group: Group) -> Sequence[Cell]:
    counts = (group.by_status[status] for status in STATUSES)
    return (group.value, group.count, *counts, *(getattr(group, name) for name in _FACTS))


def _columns(by: GroupBy) -> list[Column]:
    return [
        Column(title=str(by).upper() if isinstance(by, str) else str(by), is_elastic=True),
        Column(title="COUNT", align="right"),
        Column(title="BEST", align="right"),
        Column(title="METRIC", is_elastic=True),
        Column(title="STATUS"),
        Column(title="SIZE", align="right"),
        Column(title="LATEST", align="right", is_extra=True),
    ]


def _cells(group: Group, by: GroupBy, now: float) -> tuple[str, ...]:
    return (
        label(group, by),
        format.count(group.count),
        format.number(group.best_metric_value),
        metric(group),
        states(group),
        size(group),
        format.age(now - group.latest),
    )
