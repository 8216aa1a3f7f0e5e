"""Aggregates over the experiments that match a query."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

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
    durations, duration_total, ranked = _durations(connection, query, live)
    return Summary(
        active=sum(by_status.values()),
        deleted=count(connection, f"({any_state}) AND deleted_at IS NOT NULL", args),
        by_status=by_status,
        success_rate=_success_rate(by_status),
        duration_mean=duration_total / durations if durations else None,
        duration_median=_quantile(durations, ranked, 0.5),
        duration_p95=_quantile(durations, ranked, 0.95),
        duration_total=duration_total,
        by_project=by_project,
        created_per_day=_per_day(connection, live, now),
        size_bytes=sum(project.size_bytes for project in by_project),
        query_time_ms=0.0,
    )


def _success_rate(by_status: Mapping[str, int]) -> float | None:
    ended = sum(by_status.get(status, 0) for status in ("finished", "failed", "interrupted"))
    return by_status.get("finished", 0) / ended if ended else None


def _durations(
    connection: sqlite3.Connection, query: ExperimentQuery, live: Sql
) -> tuple[int, float, Callable[[int], float]]:
    """How many durations are known, their sum, and what gives the one of a rank; the shortest has rank 0."""
    where, args = live
    known = f"FROM experiment WHERE {where} AND duration_seconds IS NOT NULL"
    if not query.is_unfiltered:
        ordered = [value for (value,) in connection.execute(f"SELECT duration_seconds {known} ORDER BY 1", args)]
        return len(ordered), sum(ordered), ordered.__getitem__
    number, total = connection.execute(f"SELECT count(*), total(duration_seconds) {known}", args).fetchone()

    def ranked(rank: int) -> float:
        # The durations of everything stand in an index: it is read from the nearer end.
        direction, skip = ("DESC", number - 1 - rank) if rank > number // 2 else ("ASC", rank)
        sql = f"SELECT duration_seconds {known} ORDER BY 1 {direction} LIMIT 1 OFFSET ?"
        return connection.execute(sql, [*args, skip]).fetchone()[0]

    return number, total, ranked


def _quantile(number: int, ranked: Callable[[int], float], share: float) -> float | None:
    """Linear interpolation between the two nearest ranks."""
    if not number:
        return None
    position = (number - 1) * share
    rank = int(position)
    low, high = ranked(rank), ranked(min(rank + 1, number - 1))
    return low + (high - low) * (position - rank)


def _projects(connection: sqlite3.Connection, live: Sql) -> tuple[ProjectSummary, ...]:
    """One pass: grouped as the index for it is ordered, put together here."""
    where, args = live
    statuses: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    created: dict[str, float] = {}
    sizes: dict[str, int] = defaultdict(int)
    bests: dict[str, list[_Best]] = defaultdict(list)
    sql = (
        "SELECT project, status, best_metric_name, best_metric_mode, count(*), max(created_at),"
        " coalesce(sum(size_bytes), 0), count(best_metric_value), max(best_metric_value), min(best_metric_value)"
        f" FROM experiment WHERE {where} GROUP BY project, status, best_metric_name, best_metric_mode"
    )
    for project, status, metric, mode, number, last, size, values, high, low in connection.execute(sql, args):
        statuses[project][status] += number
        created[project] = max(last, created.get(project, last))
        sizes[project] += size
        if metric is not None and values:
            bests[project].append(_Best(metric, mode or "max", values, high, low))
    summaries = [
        ProjectSummary(
            project=project,
            total=sum(by_status.values()),
            by_status=dict(by_status),
            success_rate=_success_rate(by_status),
            best_metric_name=(best := _most_used(bests[project]))[0],
            best_metric_value=best[1],
            last_created_at=created[project],
            size_bytes=sizes[project],
        )
        for project, by_status in statuses.items()
    ]
    return tuple(sorted(summaries, key=lambda summary: (-summary.total, summary.project)))


class _Best(NamedTuple):
    """Best values of one metric in one direction: how many, the highest and the lowest."""

    metric: str
    mode: str
    values: int
    high: float
    low: float


def _most_used(bests: Sequence[_Best]) -> tuple[str, float] | tuple[None, None]:
    """The most used metric (of several the first by name) and the best value of it."""
    together: dict[tuple[str, str], list[_Best]] = defaultdict(list)
    for best in bests:
        together[best.metric, best.mode].append(best)
    if not together:
        return None, None
    (metric, mode), chosen = min(
        together.items(),
        key=lambda item: (-sum(best.values for best in item[1]), item[0][0], item[0][1] != "min"),
    )
    return metric, min(best.low for best in chosen) if mode == "min" else max(best.high for best in chosen)


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
