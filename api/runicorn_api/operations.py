"""Every request that the application answers: one row each, from which the OpenAPI document is made."""

from __future__ import annotations

from runicorn_api import shapes
from runicorn_api.contract import FILTER_PARAMETERS, LIST_PARAMETERS, METRICS_PARAMETERS, TRASH_PARAMETERS
from runicorn_api.operation import Operation
from runicorn_api.v1.operations import V1_OPERATIONS

V2 = "/api/v2"

OPERATIONS = (
    Operation(
        name="listExperiments",
        method="GET",
        path=f"{V2}/experiments",
        kind="list",
        summary="A page of the list",
        parameters=LIST_PARAMETERS,
        answer=shapes.Page,
        has_tag=True,
    ),
    Operation(
        name="getExperiment",
        method="GET",
        path=f"{V2}/experiments/{{experiment_id}}",
        kind="detail",
        summary="One experiment",
        answer=shapes.Detail,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="getMetrics",
        method="GET",
        path=f"{V2}/experiments/{{experiment_id}}/metrics/fast",
        kind="metrics",
        summary="Metric series of one experiment",
        parameters=METRICS_PARAMETERS,
        answer=shapes.MetricTable,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="batchDelete",
        method="POST",
        path=f"{V2}/experiments/batch-delete",
        kind="write",
        summary="Move experiments to the trash",
        body=shapes.BatchDelete,
        answer=shapes.Deleted,
    ),
    Operation(
        name="batchRestore",
        method="POST",
        path=f"{V2}/experiments/batch-restore",
        kind="write",
        summary="Take experiments back out of the trash",
        body=shapes.BatchRestore,
        answer=shapes.Restored,
    ),
    Operation(
        name="deleteMatching",
        method="POST",
        path=f"{V2}/experiments/delete-matching",
        kind="write",
        summary="Move all that match to the trash",
        body=shapes.DeleteMatching,
        answer=shapes.MatchingDeleted,
        refusals=(409,),
    ),
    Operation(
        name="listTrash",
        method="GET",
        path=f"{V2}/trash",
        kind="other",
        summary="Deletion batches, or what one of them still holds",
        parameters=TRASH_PARAMETERS,
        answer=shapes.Trash,
        refusals=(404,),
        has_tag=True,
    ),
    Operation(
        name="summary",
        method="GET",
        path=f"{V2}/analytics/summary",
        kind="other",
        summary="Aggregates over the experiments that match",
        parameters=FILTER_PARAMETERS,
        answer=shapes.Summary,
        has_tag=True,
    ),
    Operation(
        name="health",
        method="GET",
        path="/api/health",
        kind="other",
        summary="Whether server and index are well",
        answer=shapes.Health,
    ),
    Operation(
        name="counters",
        method="GET",
        path="/metrics",
        kind="other",
        summary="Counters for Prometheus, if the server was told to count",
        answer="prometheus",
        refusals=(404,),
    ),
    Operation(
        name="openapi",
        method="GET",
        path="/openapi.json",
        kind="other",
        summary="This description, as OpenAPI 3.1",
        answer="openapi",
    ),
    Operation(
        name="docs",
        method="GET",
        path="/docs",
        kind="other",
        summary="This description, as a page to read",
        answer="html",
    ),
    *V1_OPERATIONS,
)
