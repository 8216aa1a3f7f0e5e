"""Aggregates over the experiments that match a query."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runicorn_db.conditions import Sql, matching
from runicorn_db.criteria import STATUSES
from runicorn_db.plan import count
from runicorn_db.query import ExperimentQuery, ProjectSummary, Summary

_DAYS = 30


def summarise(connection: sqlite3.Connection, query: ExperimentQuery) -> Summary:
    """The aggregates of `query`; `query_time_ms` is left at 0."""
    now = time.time()
    any_state, args = matching(replace(query, include_deleted=True), now=now)
    live = matching(query, visibility="live", now=now)
    if query.filter:
        live = f"({any_state}) AND live = 1", args
    by_project = _projects(connection, live)
    by_status: dict[str, int] = dict.fromkeys(STATUSES, 0)
    for project in by_project:
        for status, number in project.by_status.items():
            by_status[status] += number
    durations = _durations(connection, live)
    return Summary(
        active=sum(by_status.values()),
        deleted=count(connection, f"({any_state}) AND deleted_at IS NOT NULL", args),
        by_status=by_status,
        success_rate=_success_rate(by_status),
        duration_mean=sum(durations) / len(durations) if durations else None,
        duration_median=_quantile(durations, 0.5),
        duration_p95=_quantile(durations, 0.95),
        duration_total=sum(durations),
        by_project=by_project,
        created_per_day=_per_day(connection, live, now),
        size_bytes=sum(project.size_bytes for project in by_project),
        query_time_ms=0.0,
    )


def _success_rate(by_status: Mapping[str, int]) -> float | None:
    ended = sum(by_status.get(status, 0) for status in ("finished", "failed", "interrupted"))
    return by_status.get("finished", 0) / ended if ended else None


def _durations(connection: sqlite3.Connection, live: Sql) -> list[float]:
    where, args = live
    sql = f"SELECT duration_seconds FROM experiment WHERE {where} AND duration_seconds IS NOT NULL ORDER BY 1"
    return [duration for (duration,) in connection.execute(sql, args)]


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Linear interpolation between the two nearest ranks."""
    if not ordered:
        return None
    position = (len(ordered) - 1) * share
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _projects(connection: sqlite3.Connection, live: Sql) -> tuple[ProjectSummary, ...]:
    where, args = live
    statuses: dict[str, dict[str, int]] = defaultdict(dict)
    created: dict[str, float] = {}
    sizes: dict[str, int] = defaultdict(int)
    sql = (
        "SELECT project, status, count(*), max(created_at), coalesce(sum(size_bytes), 0)"
        f" FROM experiment WHERE {where} GROUP BY project, status ORDER BY project, status"
    )
    for project, status, number, last, size in connection.execute(sql, args):
        statuses[project][status] = number
        created[project] = max(last, created.get(project, last))
        sizes[project] += size
    best = _best_metrics(connection, live)
    summaries = [
        ProjectSummary(
            project=project,
            total=sum(by_status.values()),
            by_status=by_status,
            success_rate=_success_rate(by_status),
            best_metric_name=best.get(project, (None, None))[0],
            best_metric_value=best.get(project, (None, None))[1],
            last_created_at=created[project],
            size_bytes=sizes[project],
        )
        for project, by_status in statuses.items()
    ]
    return tuple(sorted(summaries, key=lambda summary: (-summary.total, summary.project)))


def _best_metrics(connection: sqlite3.Connection, live: Sql) -> dict[str, tuple[str, float]]:
    """For each project its most used best metric and the best value of it."""
    where, args = live
    sql = (
        "SELECT project, best_metric_name, coalesce(best_metric_mode, 'max') AS mode, count(*), max(best_metric_value),"
        f" min(best_metric_value) FROM experiment WHERE {where}"
        " AND best_metric_name IS NOT NULL AND best_metric_value IS NOT NULL"
        " GROUP BY project, best_metric_name, mode ORDER BY project, count(*), best_metric_name DESC, mode"
    )
    rows = connection.execute(sql, args)
    # The last row of a project wins: the order puts the most used metric there.
    return {project: (name, low if mode == "min" else high) for project, name, mode, _, high, low in rows}


def _per_day(connection: sqlite3.Connection, live: Sql, now: float) -> tuple[tuple[str, int], ...]:
    where, args = live
    today = datetime.fromtimestamp(now, UTC).date()
    days = [today - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)]
    begin = datetime.combine(days[0], datetime.min.time(), UTC).timestamp()
    sql = (
        f"SELECT cast(created_at / 86400 AS INTEGER), count(*) FROM experiment WHERE {where}"
        " AND created_at >= ? GROUP BY 1"
    )
    counts = dict(connection.execute(sql, [*args, begin]).fetchall())
    epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
    return tuple((day.isoformat(), counts.get((day - epoch).days, 0)) for day in days)
