"""Where V1 answers what."""

from __future__ import annotations

from collections.abc import Callable

from runicorn_api.gate import ServerSettings
from runicorn_api.readers import Readers
from runicorn_api.v1.exports import Environment, MetricsCsv, Report
from runicorn_api.v1.hierarchy import NamedRuns, Names, PathRuns, Paths, Projects
from runicorn_api.v1.metrics import Progress, Series, by_step, by_time
from runicorn_api.v1.recycle_bin import Empty, RecycleBin, Restore, SoftDelete
from runicorn_api.v1.runs import Run, Runs
from runicorn_api.v1.settings import Config, StatusCheck
from runicorn_db.store import Store

Route = tuple[str, str, object]
"""Template, kind of rate limit, resource."""

LASTING = (Series, Progress, RecycleBin, Projects, Names, Paths, MetricsCsv, Report)
"""What only the index can change: runs are not among it, whose artifacts are counted in their directories."""


def v1_routes(
    store: Store, readers: Readers, settings: ServerSettings, should_stop: Callable[[], bool]
) -> tuple[Route, ...]:
    environment = Environment(store, readers)
    metrics_csv = MetricsCsv(store, readers)
    report = Report(store, readers)
    return (
        ("/api/runs", "list", Runs(store, readers)),
        ("/api/runs/{run_id}", "other", Run(store, readers)),
        ("/api/runs/{run_id}/metrics_step", "other", Series(store, readers, by_step)),
        ("/api/runs/{run_id}/metrics", "other", Series(store, readers, by_time)),
        ("/api/runs/{run_id}/progress", "other", Progress(store, readers)),
        ("/api/runs/soft-delete", "soft_delete", SoftDelete(store)),
        ("/api/recycle-bin", "other", RecycleBin(store, readers)),
        ("/api/recycle-bin/restore", "other", Restore(store)),
        ("/api/recycle-bin/empty", "purge", Empty(store, is_allowed=settings.allows_purge, should_stop=should_stop)),
        ("/api/projects", "other", Projects(store, readers)),
        ("/api/projects/{project}/names", "other", Names(store, readers)),
        ("/api/projects/{project}/names/{name}/runs", "other", NamedRuns(store, readers)),
        ("/api/paths", "other", Paths(store, readers)),
        ("/api/paths/runs", "other", PathRuns(store, readers)),
        ("/api/experiments/{run_id}/environment", "other", environment),
        ("/api/experiments/{run_id}/export/csv", "other", metrics_csv),
        ("/api/experiments/{run_id}/export/report", "other", report),
        # Where the original 0.4.1 really had them.
        ("/api/environment/{run_id}", "other", environment),
        ("/api/export/{run_id}/csv", "other", metrics_csv),
        ("/api/export/{run_id}/report", "other", report),
        ("/api/config", "other", Config(store, readers)),
        ("/api/status/check", "other", StatusCheck(store)),
    )
