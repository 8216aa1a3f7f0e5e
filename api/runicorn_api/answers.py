"""What the resources answer: the store's objects in the shapes of the contract."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict

import falcon
import msgspec

from runicorn_api.contract import EXPERIMENT_FIELDS, STEP_COLUMN
from runicorn_api.json_body import to_json
from runicorn_db.outcomes import Batch, ChangeResult, MatchingResult
from runicorn_db.query import Experiment, ExperimentDetail, Health, MetricsQuery, MetricTable, Page, Summary

MAX_BODY_BYTES = 64 * 1024 * 1024
JSON_UTF8 = "application/json; charset=utf-8"

BATCH_FIELDS = ("id", "created_at", "source", "reason", "query", "count", "remaining", "size_bytes")
"""What the trash says of a deletion batch, in this order."""

Column = Sequence[float | str | None]

_ROWS_AT_ONCE = 1024


def send(response: falcon.Response, answer: Mapping[str, object], *, way_out: str = "use paging") -> None:
    """Put `answer` into the response as one bytes object, or refuse it with 400 when it is too large."""
    body = to_json(answer)
    if len(body) > MAX_BODY_BYTES:
        raise too_large(way_out)
    response.content_type = JSON_UTF8
    response.data = body


def too_large(way_out: str) -> falcon.HTTPError:
    return falcon.HTTPError(400, description=f"Result too large: {way_out}")


def _milliseconds(value: float) -> float:
    return round(value, 2)


def write_experiment(experiment: Experiment, names: Sequence[str] = EXPERIMENT_FIELDS) -> dict[str, object]:
    return {name: getattr(experiment, name) for name in names}


def write_page(page: Page, names: Sequence[str]) -> dict[str, object]:
    return {
        "experiments": [write_experiment(experiment, names) for experiment in page.experiments],
        "total": page.total,
        "page": page.page,
        "per_page": page.per_page,
        "has_next": page.has_next,
        "has_prev": page.has_prev,
        "query_time_ms": _milliseconds(page.query_time_ms),
        "next_cursor": page.next_cursor,
    }


def write_detail(detail: ExperimentDetail) -> dict[str, object]:
    steps = detail.step_range
    extra = {"params": detail.params, "root": detail.experiment.root}
    return {
        "experiment": write_experiment(detail.experiment) | extra,
        "metrics_summary": {
            "total_data_points": detail.total_data_points,
            "available_metrics": sorted(detail.metrics),
            "step_range": {"min": steps[0], "max": steps[1]} if steps else None,
            "metrics": {name: asdict(detail.metrics[name]) for name in sorted(detail.metrics)},
        },
        "environment_available": detail.environment_available,
        "file_count": detail.file_count,
        "query_time_ms": _milliseconds(detail.query_time_ms),
    }


def write_table(table: MetricTable, query: MetricsQuery, *, max_bytes: float = MAX_BODY_BYTES) -> dict[str, object]:
    """Raises HTTPError 400 as soon as the rows are known to take more than `max_bytes`."""
    has_range = query.step_min is not None or query.step_max is not None
    columns = [(STEP_COLUMN, table.steps), *((name, table.values[name]) for name in table.metrics)]
    return {
        "columns": [STEP_COLUMN, *table.metrics],
        "rows": write_rows(columns, max_bytes=max_bytes),
        "query_time_ms": _milliseconds(table.query_time_ms),
        "total_points": len(table.steps),
        "available_points": table.available_points,
        "applied_filters": {
            "metrics": table.metrics,
            "step_range": [query.step_min, query.step_max] if has_range else None,
            "downsampled": table.is_downsampled,
            "unknown_metrics": table.unknown,
        },
    }


def write_rows(
    columns: Iterable[tuple[str, Column]], *, texts: Collection[str] = (), max_bytes: float = MAX_BODY_BYTES
) -> msgspec.Raw:
    """Rows of these columns, the first of which says how many; `texts` names those with texts among their values.

    Raises HTTPError 400 as soon as they are known to take more than `max_bytes`.
    """
    named: dict[bytes, Column] = {}
    for name, column in columns:
        # A name must not stand twice in an object, nor a metric that nobody has in the place of the step.
        named.setdefault(to_json(name), column)
    keys = [(b"," if number else b"{") + name + b":" for number, name in enumerate(named)]
    with_texts = set(map(to_json, texts))
    has_texts = [name in with_texts for name in named]
    parts: list[bytes] = []
    size = 0
    # In parts, with a moment for other threads after each: while one is made none of them can run.
    for start in range(0, len(next(iter(named.values()), ())), _ROWS_AT_ONCE):
        part = _rows_json(keys, [column[start : start + _ROWS_AT_ONCE] for column in named.values()], has_texts)
        size += len(part)
        if size > max_bytes:
            raise too_large("use downsample")
        parts += (b",", part)
        time.sleep(0)
    # Joined once: each copy of a large answer is a time in which no other thread runs.
    return msgspec.Raw(b"".join([b"[", *parts[1:], b"]"]))


def _rows_json(keys: Sequence[bytes], columns: Sequence[Column], has_texts: Sequence[bool]) -> bytes:
    """Rows as JSON objects, in which each value of a column stands after its key: without an object for each row."""
    count, width = len(columns[0]), 2 * len(columns) + 1
    pieces = [b"},"] * (width * count)
    for number, (key, column, has_text) in enumerate(zip(keys, columns, has_texts, strict=True)):
        pieces[2 * number :: width] = [key] * count
        # No number has a comma in it.
        pieces[2 * number + 1 :: width] = map(to_json, column) if has_text else to_json(column)[1:-1].split(b",")
    pieces[-1] = b"}"
    return b"".join(pieces)


def write_change(change: ChangeResult, done: str) -> dict[str, object]:
    """`done` is the name of the count: `deleted` or `restored`."""
    return {
        done: change.succeeded,
        "failed": change.failed,
        "results": change.results,
        "errors": change.errors,
        "query_time_ms": _milliseconds(change.query_time_ms),
    }


def write_matching(result: MatchingResult) -> dict[str, object]:
    # What somebody else deleted in between is in the trash all the same: no experiment can fail by itself.
    return {
        "deleted": result.matched,
        "failed": 0,
        "batch": result.batch,
        "query_time_ms": _milliseconds(result.query_time_ms),
    }


def write_batches(batches: Sequence[Batch]) -> dict[str, object]:
    return {"batches": [{name: getattr(batch, name) for name in BATCH_FIELDS} for batch in batches]}


def write_held(batch: int, experiments: Sequence[Experiment | None]) -> dict[str, object]:
    """What is left of a batch; None for what left the index since."""
    return {"batch": batch, "experiments": [write_experiment(row) for row in experiments if row is not None]}


def write_paging(total: int, page: int, per_page: int, query_time_ms: float) -> dict[str, object]:
    return {
        "total": total,
        "page": page,
        "per_page": per_page,
        "has_next": page * per_page < total,
        "has_prev": page > 1 and total > 0,
        "query_time_ms": _milliseconds(query_time_ms),
    }


def write_summary(summary: Summary) -> dict[str, object]:
    return {
        "total": summary.total,
        "active": summary.active,
        "deleted": summary.deleted,
        "by_status": summary.by_status,
        "success_rate": summary.success_rate,
        "duration_seconds": {
            "mean": summary.duration_mean,
            "median": summary.duration_median,
            "p95": summary.duration_p95,
            "total": summary.duration_total,
        },
        "by_project": [
            {
                "project": project.project,
                "total": project.total,
                "by_status": project.by_status,
                "success_rate": project.success_rate,
                "best_metric_name": project.best_metric_name,
                "best_metric_value": project.best_metric_value,
                "last_created_at": project.last_created_at,
                "size_bytes": project.size_bytes,
            }
            for project in summary.by_project
        ],
        "created_per_day": [{"date": date, "count": count} for date, count in summary.created_per_day],
        "size_bytes": summary.size_bytes,
        "query_time_ms": _milliseconds(summary.query_time_ms),
    }


def write_health(health: Health) -> dict[str, object]:
    """The part of the health answer that the index tells."""
    return {
        "database": {
            "path": health.database_path,
            "size_bytes": health.database_size_bytes,
            "schema_version": health.schema_version,
            "sqlite_version": health.sqlite_version,
        },
        "experiments": health.experiments,
        "roots": [asdict(root) for root in health.roots],
    }


def unknown_health(path: str) -> dict[str, object]:
    """The same when the index does not answer."""
    return {
        "database": {
            "path": path,
            "size_bytes": None,
            "schema_version": None,
            "sqlite_version": sqlite3.sqlite_version,
        },
        "experiments": None,
        "roots": [],
    }
