"""Rows of the index as the frozen objects of `query`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from runicorn_db.errors import UnknownExperiment
from runicorn_db.query import Experiment, ExperimentDetail, MetricSummary

# Constant text for any number of rows: json_each instead of a list of placeholders.
_ROWS = """
SELECT seq, experiment.id, project, experiment.name, status, created_at, updated_at, started_at, ended_at,
    duration_seconds, exit_reason, best_metric_name, best_metric_value, best_metric_step, best_metric_mode, pid,
    hostname, tags, description, deleted_at, delete_reason, size_bytes, experiment.path, root.path, root.name,
    is_pinned, missing_at
FROM experiment JOIN root ON root.id = root_id
WHERE seq IN (SELECT value FROM json_each(?))
"""


def read_rows(connection: sqlite3.Connection, keys: Sequence[int]) -> list[Experiment | None]:
    """The experiments of `keys` in that order; None for what is no longer in the index."""
    found = {row[0]: _experiment(row) for row in connection.execute(_ROWS, (json.dumps(list(keys)),))}
    return [found.get(key) for key in keys]


def _experiment(row: Sequence[Any]) -> Experiment:
    # Each field by its name and none through a dict: pages of a thousand rows are built here.
    return Experiment(
        id=row[1],
        project=row[2],
        name=row[3],
        status=row[4],
        created_at=row[5],
        updated_at=row[6],
        started_at=row[7],
        ended_at=row[8],
        duration_seconds=row[9],
        exit_reason=row[10],
        best_metric_name=row[11],
        best_metric_value=row[12],
        best_metric_step=row[13],
        best_metric_mode=row[14],
        pid=row[15],
        hostname=row[16],
        tags=() if row[17] == "[]" else tuple(json.loads(row[17])),
        description=row[18],
        deleted_at=row[19],
        delete_reason=row[20],
        size_bytes=row[21],
        run_dir=_joined(row[23], row[22]),
        root=row[24],
        is_pinned=bool(row[25]),
        is_missing=row[26] is not None,
    )


def _joined(root: str, path: bytes) -> str:
    # What os.path.join gives for a path below a root, in a third of the time.
    return f"{root}{os.fsdecode(path)}" if root.endswith("/") else f"{root}/{os.fsdecode(path)}"


def read_detail(connection: sqlite3.Connection, experiment_id: str) -> ExperimentDetail:
    """Everything about one experiment but its series; `query_time_ms` is left at 0. Raises `UnknownExperiment`."""
    row = connection.execute(
        "SELECT seq, params, step_count, first_step, last_step, has_environment, file_count"
        " FROM experiment WHERE id = ?",
        (experiment_id,),
    ).fetchone()
    if row is None:
        raise UnknownExperiment(experiment_id)
    seq, params, step_count, first_step, last_step, has_environment, file_count = row
    (experiment,) = read_rows(connection, [seq])
    assert experiment is not None
    metrics = connection.execute(
        "SELECT name, count, first, last, min, max, min_step, max_step, last_step"
        " FROM metric JOIN metric_name ON metric_name.id = metric_id WHERE experiment_seq = ? ORDER BY name",
        (seq,),
    )
    return ExperimentDetail(
        experiment=experiment,
        params=json.loads(params),
        metrics={metric[0]: _metric_summary(metric[1:]) for metric in metrics},
        total_data_points=step_count,
        step_range=None if first_step is None else (first_step, last_step),
        environment_available=bool(has_environment),
        file_count=file_count,
        query_time_ms=0.0,
    )


def _metric_summary(values: Iterable[object]) -> MetricSummary:
    names = ("count", "first", "last", "min", "max", "min_step", "max_step", "last_step")
    return MetricSummary(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]
