"""Rows of the index as the frozen objects of `query`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields, make_dataclass, replace
from typing import Any

from runicorn_db.errors import QueryFailed, UnknownExperiment
from runicorn_db.named_values import NamedValue, Value
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


_METRICS = """
SELECT experiment_seq, name, last, min, max FROM metric JOIN metric_name ON metric_name.id = metric_id
WHERE experiment_seq IN (SELECT value FROM json_each(?))
    AND metric_id IN (SELECT id FROM metric_name WHERE name IN (SELECT value FROM json_each(?)))
"""
_PARAMS = """
SELECT experiment_seq, name, text, number IS NOT NULL FROM experiment_param
WHERE experiment_seq IN (SELECT value FROM json_each(?)) AND name IN (SELECT value FROM json_each(?))
"""


def read_rows(
    connection: sqlite3.Connection, keys: Sequence[int], values: Sequence[NamedValue] = ()
) -> list[Experiment | None]:
    """The experiments of `keys` in that order, with these of their values; None for what is no longer in the index."""
    found = {row[0]: _experiment(row) for row in connection.execute(_ROWS, (json.dumps(list(keys)),))}
    if values:
        held = _read_values(connection, found, values)
        found = {key: replace(row, values=held[key]) for key, row in found.items()}
    return [found.get(key) for key in keys]


def _read_values(
    connection: sqlite3.Connection, found: Mapping[int, Experiment], values: Sequence[NamedValue]
) -> dict[int, dict[NamedValue, Value]]:
    keys = json.dumps(list(found))
    metrics = {value.name for value in values if not value.is_param}
    params = {value.name for value in values if value.is_param}
    logged: dict[tuple[int, str], dict[str, float | None]] = {}
    if metrics:
        for key, name, last, low, high in connection.execute(_METRICS, (keys, json.dumps(list(metrics)))):
            logged[key, name] = {"last": last, "min": low, "max": high}
    set_to: dict[tuple[int, str], Value] = {}
    if params:
        for key, name, text, is_number in connection.execute(_PARAMS, (keys, json.dumps(list(params)))):
            set_to[key, name] = json.loads(text) if is_number else text

    def value_of(key: int, row: Experiment, value: NamedValue) -> Value:
        if value.is_param:
            return set_to.get((key, value.name))
        if value.which == "best" and row.best_metric_name == value.name:
            return row.best_metric_value
        return logged.get((key, value.name), {}).get("last" if value.which == "best" else value.which)

    return {key: {value: value_of(key, row, value) for value in values} for key, row in found.items()}


# A frozen dataclass is filled by one slow call a field, most of what a page costs: this one has the same slots and
# becomes frozen with its class.
_Draft = make_dataclass(
    "_Draft",
    [(f.name, f.type, field(default=f.default, default_factory=f.default_factory)) for f in fields(Experiment)],  # type: ignore[arg-type]
    slots=True,
    kw_only=True,
)


def _experiment(row: Sequence[Any]) -> Experiment:
    # Each field by its name and none through a dict: pages of a thousand rows are built here.
    draft: Any = _Draft(
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
        values={},
    )
    draft.__class__ = Experiment
    return draft


def _joined(root: str, path: bytes) -> str:
    # What os.path.join gives for a path below a root, in a third of the time.
    return f"{root}{os.fsdecode(path)}" if root.endswith("/") else f"{root}/{os.fsdecode(path)}"


def read_detail(connection: sqlite3.Connection, experiment_id: str) -> ExperimentDetail:
    """Everything about one experiment but its series; `query_time_ms` is left at 0. Raises `UnknownExperiment`."""
    row = connection.execute(
        "SELECT seq, params, step_count, first_step, last_step, has_environment, file_count, batch_id"
        " FROM experiment WHERE id = ?",
        (experiment_id,),
    ).fetchone()
    if row is None:
        raise UnknownExperiment(experiment_id)
    seq, params, step_count, first_step, last_step, has_environment, file_count, batch = row
    (experiment,) = read_rows(connection, [seq])
    if experiment is None:
        raise QueryFailed("Database query failed: the index holds damaged values")
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
        deletion_batch=batch,
    )


def _metric_summary(values: Iterable[object]) -> MetricSummary:
    names = ("count", "first", "last", "min", "max", "min_step", "max_step", "last_step")
    return MetricSummary(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]
