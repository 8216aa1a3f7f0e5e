"""Runs as V1 lists them, however many, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runicorn_api.json_body import to_json
from runicorn_api.readers import Readers
from runicorn_api.v1.run_files import ArtifactCounts
from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_db.store import Store

_ROWS_AT_ONCE = 1000


def experiments_of(store: Store, readers: Readers, snapshot: Snapshot) -> Iterator[Experiment]:
    """The experiments of a snapshot as they are when it is their turn, without those that left the index."""
    for begin in range(0, len(snapshot), _ROWS_AT_ONCE):
        rows = _rows(store, readers, snapshot[begin : begin + _ROWS_AT_ONCE])
        yield from (row for row in rows if row is not None)


def _rows(store: Store, readers: Readers, part: Snapshot) -> list[Experiment | None]:
    # A question for each part: between two of them others have their turn.
    return readers.searches(lambda: store.rows(part))


def live_runs(store: Store, readers: Readers, query: ExperimentQuery) -> Iterator[Experiment]:
    """All that match, newest first: each once, and none that went to the trash meanwhile."""
    snapshot = readers.searches(lambda: store.ids(query))
    return filter(is_live, experiments_of(store, readers, snapshot))


def is_live(experiment: Experiment) -> bool:
    return experiment.deleted_at is None and not experiment.is_missing


def write_runs(runs: Iterable[Experiment], counts: ArtifactCounts) -> Iterator[bytes]:
    """The parts of a JSON array of runs."""
    return array_parts(_write_run(run, counts) for run in runs)


def _write_run(run: Experiment, counts: ArtifactCounts) -> dict[str, object]:
    made, used = counts.of(run.run_dir)
    return {
        "id": run.id,
        "run_dir": run.run_dir,
        "created_time": run.created_at,
        "status": run.status,
        "pid": run.pid,
        "best_metric_value": run.best_metric_value,
        "best_metric_name": run.best_metric_name,
        "project": run.project,
        "name": run.name,
        "artifacts_created_count": made,
        "artifacts_used_count": used,
    }


def array_parts(items: Iterable[object]) -> Iterator[bytes]:
    """The parts of a JSON array."""
    opening = b"["
    for item in items:
        yield opening + to_json(item)
        opening = b","
    yield b"[]" if opening == b"[" else b"]"
