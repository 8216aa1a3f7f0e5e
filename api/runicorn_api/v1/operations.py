"""Every request of V1: one row each, from which its part of the OpenAPI document is made."""

from __future__ import annotations

from dataclasses import replace

from runicorn_api.operation import Operation
from runicorn_api.v1 import shapes
from runicorn_api.v1.artifacts_shapes import ARTIFACT_OPERATIONS
from runicorn_api.v1.contract import (
    ENVIRONMENT_PARAMETERS,
    PATH_RUNS_PARAMETERS,
    PATHS_PARAMETERS,
    REPORT_PARAMETERS,
    SERIES_PARAMETERS,
)

_DOCUMENTED = (
    Operation(
        name="listRuns",
        method="GET",
        path="/api/runs",
        kind="list",
        summary="All runs, newest first",
        answer=shapes.RunItem,
        is_list=True,
    ),
    Operation(
        name="getRun",
        method="GET",
        path="/api/runs/{run_id}",
        kind="other",
        summary="One run, and where its files are",
        answer=shapes.RunDetail,
        refusals=(404,),
    ),
    Operation(
        name="getMetricsByStep",
        method="GET",
        path="/api/runs/{run_id}/metrics_step",
        kind="other",
        summary="Everything one run logged, by step",
        parameters=SERIES_PARAMETERS,
        answer=shapes.Rows,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="getMetricsByTime",
        method="GET",
        path="/api/runs/{run_id}/metrics",
        kind="other",
        summary="Everything one run logged, by seconds since the first point",
        parameters=SERIES_PARAMETERS,
        answer=shapes.Rows,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="getProgress",
        method="GET",
        path="/api/runs/{run_id}/progress",
        kind="other",
        summary="The status of one run; progress is never known",
        answer=shapes.Progress,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="streamLog",
        method="GET",
        path="/api/runs/{run_id}/logs/ws",
        kind="other",
        summary="The log of one run over a WebSocket, from its last lines on until it ends",
        answer="websocket",
        refusals=(426,),
    ),
    Operation(
        name="softDelete",
        method="POST",
        path="/api/runs/soft-delete",
        kind="soft_delete",
        summary="Move runs to the trash",
        body=shapes.RunChoice,
        answer=shapes.SoftDeleted,
    ),
    Operation(
        name="listRecycleBin",
        method="GET",
        path="/api/recycle-bin",
        kind="other",
        summary="All runs in the trash, the newest deletion first",
        answer=shapes.RecycleBin,
        has_tag=True,
    ),
    Operation(
        name="restoreRuns",
        method="POST",
        path="/api/recycle-bin/restore",
        kind="other",
        summary="Take runs back out of the trash",
        body=shapes.RunChoice,
        answer=shapes.RunsRestored,
    ),
    Operation(
        name="emptyRecycleBin",
        method="POST",
        path="/api/recycle-bin/empty",
        kind="purge",
        summary="Remove everything in the trash from disk for good, where the server was started with `--allow-purge`",
        body=shapes.Confirmation,
        answer=shapes.Emptied,
    ),
    Operation(
        name="listProjects",
        method="GET",
        path="/api/projects",
        kind="other",
        summary="All projects",
        answer=shapes.ProjectNames,
        has_tag=True,
    ),
    Operation(
        name="listNames",
        method="GET",
        path="/api/projects/{project}/names",
        kind="other",
        summary="All experiment names of a project",
        answer=shapes.ExperimentNames,
        has_tag=True,
    ),
    Operation(
        name="listNamedRuns",
        method="GET",
        path="/api/projects/{project}/names/{name}/runs",
        kind="other",
        summary="All runs of one name, newest first",
        answer=shapes.RunItem,
        is_list=True,
    ),
    Operation(
        name="listPaths",
        method="GET",
        path="/api/paths",
        kind="other",
        summary="All paths of runs",
        parameters=PATHS_PARAMETERS,
        answer=shapes.Paths,
        has_tag=True,
    ),
    Operation(
        name="listPathRuns",
        method="GET",
        path="/api/paths/runs",
        kind="other",
        summary="All runs at or below a path, newest first",
        parameters=PATH_RUNS_PARAMETERS,
        answer=shapes.RunItem,
        is_list=True,
    ),
    Operation(
        name="getEnvironment",
        method="GET",
        path="/api/experiments/{run_id}/environment",
        kind="other",
        summary="What one run found around it",
        parameters=ENVIRONMENT_PARAMETERS,
        answer=shapes.Environment,
        refusals=(404,),
    ),
    Operation(
        name="exportCsv",
        method="GET",
        path="/api/experiments/{run_id}/export/csv",
        kind="other",
        summary="Everything one run logged, as a file",
        parameters=SERIES_PARAMETERS,
        answer="csv",
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="exportReport",
        method="GET",
        path="/api/experiments/{run_id}/export/report",
        kind="other",
        summary="What is known of one run, to be read",
        parameters=REPORT_PARAMETERS,
        answer="report",
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="getConfig",
        method="GET",
        path="/api/config",
        kind="other",
        summary="Where the original Runicorn looks for runs, and where this server does",
        answer=shapes.Config,
    ),
    Operation(
        name="checkStatus",
        method="POST",
        path="/api/status/check",
        kind="other",
        summary="Look again whether what is recorded as running still runs",
        answer=shapes.StatusCheck,
    ),
)

_MOVED = {
    "getEnvironment": ("getEnvironmentOf", "/api/environment/{run_id}"),
    "exportCsv": ("exportCsvOf", "/api/export/{run_id}/csv"),
    "exportReport": ("exportReportOf", "/api/export/{run_id}/report"),
}
"""Where the original 0.4.1 has what its document promises elsewhere."""

V1_OPERATIONS = (
    *_DOCUMENTED,
    *(
        replace(operation, name=name, path=path)
        for operation in _DOCUMENTED
        if operation.name in _MOVED
        for name, path in [_MOVED[operation.name]]
    ),
    *ARTIFACT_OPERATIONS,
)
