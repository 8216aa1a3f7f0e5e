"""Runs: all of them, and one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import falcon

from runicorn_api import answers
from runicorn_api.contract import read_nothing
from runicorn_api.readers import Readers
from runicorn_api.spool import send_parts
from runicorn_api.v1.contract import check_run_id
from runicorn_api.v1.run_files import ArtifactCounts
from runicorn_api.v1.run_list import is_live, live_runs, write_runs
from runicorn_db.errors import UnknownExperiment
from runicorn_db.query import Experiment, ExperimentDetail, ExperimentQuery, shown
from runicorn_db.store import Store


class Runs:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        send_runs(resp, self._store, self._readers, ExperimentQuery())

    on_head = on_get


class Run:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        read_nothing(req.query_string)
        run = find_detail(self._store, self._readers, run_id).experiment
        roots = self._readers.rows(self._store.root_names)
        answers.send(resp, _write_detail(run, ArtifactCounts(roots)))

    on_head = on_get


def send_runs(resp: falcon.Response, store: Store, readers: Readers, query: ExperimentQuery) -> None:
    """All runs that match as one array, newest first."""
    counts = ArtifactCounts(readers.rows(store.root_names))
    send_parts(resp, write_runs(live_runs(store, readers, query), counts))


def find_detail(store: Store, readers: Readers, run_id: str) -> ExperimentDetail:
    """A run that is not in the trash. Raises InvalidQuery or HTTPError 404."""
    check_run_id(run_id)
    with named_run(run_id):
        detail = readers.rows(lambda: store.get(run_id))
        if not is_live(detail.experiment):
            raise UnknownExperiment(run_id)
    return detail


@contextmanager
def named_run(run_id: str) -> Generator[None]:
    """Have what is unknown refused in the words of V1."""
    try:
        yield
    except UnknownExperiment:
        raise falcon.HTTPNotFound(description=f"Run not found: {shown(run_id)}") from None


def _write_detail(run: Experiment, counts: ArtifactCounts) -> dict[str, object]:
    made, used = counts.of(run.run_dir)
    events = f"{run.run_dir}/events.jsonl"
    return {
        "id": run.id,
        "status": run.status,
        "pid": run.pid,
        "run_dir": run.run_dir,
        "project": run.project,
        "name": run.name,
        "logs": f"{run.run_dir}/logs.txt",
        "metrics": events,
        "metrics_step": events,
        "artifacts_created_count": made,
        "artifacts_used_count": used,
    }
