"""The shapes of what goes in and out as JSON, field by field: the source of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from runicorn_api.bodies import BATCH_DELETE_FIELDS, DELETE_MATCHING_FIELDS, MAX_TOTAL
from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db import outcomes, query
from runicorn_db.query import DEFAULT_DELETE_REASON, MAX_REASON_LENGTH

Count = Annotated[int, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0, description="Bytes.")]
Time = Annotated[float, Meta(description="Unix seconds, UTC.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, description="Time spent in the index, in milliseconds with 2 decimals.")]
Text = Annotated[str, Meta(min_length=1)]


# --- bodies

# No most: the thousand is counted without duplicates, which no schema can say.
Ids = Annotated[list[str], Meta(min_length=1, description=BATCH_DELETE_FIELDS["exp_ids"])]
Reason = Annotated[str, Meta(max_length=MAX_REASON_LENGTH, description=BATCH_DELETE_FIELDS["reason"])]


class BatchDelete(Struct, forbid_unknown_fields=True):
    exp_ids: Ids
    reason: Reason = DEFAULT_DELETE_REASON
    dry_run: Annotated[bool, Meta(description=BATCH_DELETE_FIELDS["dry_run"])] = False


class BatchRestore(Struct, forbid_unknown_fields=True):
    exp_ids: Ids


class DeleteMatching(Struct, forbid_unknown_fields=True):
    expected_total: Annotated[int, Meta(ge=0, le=MAX_TOTAL, description=DELETE_MATCHING_FIELDS["expected_total"])]
    query: Annotated[
        dict[str, Any],
        Meta(
            description=DELETE_MATCHING_FIELDS["query"],
            extra_json_schema={"$ref": "#/components/schemas/Filters"},
        ),
    ] = {}
    reason: Reason = DEFAULT_DELETE_REASON
    dry_run: Annotated[bool, Meta(description=DELETE_MATCHING_FIELDS["dry_run"])] = False
    all: Annotated[bool, Meta(description=DELETE_MATCHING_FIELDS["all"])] = False


# --- answers

_TYPES = get_type_hints(query.Experiment)
_ROWS = [(name, _TYPES[name]) for name in EXPERIMENT_FIELDS]

ListedExperiment = defstruct(
    "ListedExperiment",
    [(name, kind | UnsetType, UNSET) for name, kind in _ROWS],
    namespace={"__doc__": "All fields, or those that `fields` names."},
    forbid_unknown_fields=True,
)
Experiment = defstruct(
    "Experiment",
    [*_ROWS, ("params", dict[str, Any]), ("root", str)],
    namespace={"__doc__": "All that is known of one experiment but its metrics."},
    forbid_unknown_fields=True,
)
Root = defstruct("Root", [(f.name, get_type_hints(query.Root)[f.name]) for f in fields(query.Root)])


class Page(Struct, forbid_unknown_fields=True):
    experiments: list[ListedExperiment]  # pyright: ignore[reportInvalidTypeForm]
    total: Annotated[int, Meta(ge=0, description="How many match, on all pages; exact.")]
    page: Annotated[int, Meta(ge=1)]
    per_page: Annotated[int, Meta(ge=1)]
    has_next: bool
    has_prev: bool
    query_time_ms: Milliseconds
    next_cursor: Annotated[str | None, Meta(description="Give it as `cursor` for the next page; null on the last.")]


class Steps(Struct, forbid_unknown_fields=True):
    min: int
    max: int


class MetricsSummary(Struct, forbid_unknown_fields=True):
    total_data_points: Annotated[int, Meta(ge=0, description="Distinct steps with at least one metric.")]
    available_metrics: list[str]
    step_range: Steps | None
    metrics: Mapping[str, query.MetricSummary]


class Detail(Struct, forbid_unknown_fields=True):
    experiment: Experiment  # pyright: ignore[reportInvalidTypeForm]
    metrics_summary: MetricsSummary
    environment_available: bool
    file_count: Count
    query_time_ms: Milliseconds


class AppliedFilters(Struct, forbid_unknown_fields=True):
    metrics: list[str]
    step_range: Annotated[list[int | None], Meta(min_length=2, max_length=2)] | None
    downsampled: Annotated[bool, Meta(description="Whether rows were left out.")]
    unknown_metrics: Annotated[list[str], Meta(description="Asked for, but not logged by this experiment.")]


class MetricTable(Struct, forbid_unknown_fields=True):
    columns: Annotated[list[str], Meta(min_length=1, description="`global_step` first.")]
    rows: Annotated[list[dict[str, float | None]], Meta(description="Sorted by step.")]
    query_time_ms: Milliseconds
    total_points: Annotated[int, Meta(ge=0, description="Rows in this answer.")]
    available_points: Annotated[int, Meta(ge=0, description="Rows before downsampling.")]
    applied_filters: AppliedFilters


class Deleted(Struct, forbid_unknown_fields=True):
    deleted: Count
    failed: Count
    results: Annotated[dict[str, bool], Meta(description="Id: whether it is in the trash now.")]
    errors: Annotated[dict[str, Text], Meta(description="Id: why not.")]
    query_time_ms: Milliseconds


class Restored(Struct, forbid_unknown_fields=True):
    restored: Count
    failed: Count
    results: Annotated[dict[str, bool], Meta(description="Id: whether it is out of the trash now.")]
    errors: Annotated[dict[str, Text], Meta(description="Id: why not.")]
    query_time_ms: Milliseconds


class MatchingDeleted(Struct, forbid_unknown_fields=True):
    deleted: Count
    failed: Count
    batch: Annotated[int | None, Meta(description="The number of the deletion, by which it can be undone.")]
    query_time_ms: Milliseconds


class Trash(Struct, forbid_unknown_fields=True):
    """`batches`, or with `batch` the `experiments` that it still holds."""

    total: Annotated[int, Meta(ge=0, description="How many there are, on all pages; exact.")]
    page: Annotated[int, Meta(ge=1)]
    per_page: Annotated[int, Meta(ge=1)]
    has_next: bool
    has_prev: bool
    query_time_ms: Milliseconds
    batches: list[outcomes.Batch] | UnsetType = UNSET
    batch: int | UnsetType = UNSET
    experiments: list[ListedExperiment] | UnsetType = UNSET  # pyright: ignore[reportInvalidTypeForm]


class Durations(Struct, forbid_unknown_fields=True):
    mean: float | None
    median: float | None
    p95: float | None
    total: Annotated[float, Meta(description="Seconds.")]


class ProjectSummary(Struct, forbid_unknown_fields=True):
    project: str
    total: Count
    by_status: dict[str, Count]
    success_rate: Share | None
    best_metric_name: str | None
    best_metric_value: float | None
    last_created_at: Time
    size_bytes: Bytes


class Day(Struct, forbid_unknown_fields=True):
    date: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    count: Count


class Summary(Struct, forbid_unknown_fields=True):
    total: Count
    active: Count
    deleted: Count
    by_status: dict[str, Count]
    success_rate: Annotated[Share | None, Meta(description="Finished among those that ended.")]
    duration_seconds: Durations
    by_project: list[ProjectSummary]
    created_per_day: Annotated[list[Day], Meta(min_length=30, max_length=30, description="The last 30 days, UTC.")]
    size_bytes: Bytes
    query_time_ms: Milliseconds


class Database(Struct, forbid_unknown_fields=True):
    path: str
    size_bytes: Bytes | None
    schema_version: int | None
    sqlite_version: str


class RateLimits(Struct, forbid_unknown_fields=True):
    window_seconds: int
    limits: Annotated[dict[str, Count], Meta(description="Requests in this time by kind of route.")]
    clients: Annotated[Count, Meta(description="Clients whose requests are counted.")]
    refused: Annotated[Count, Meta(description="Requests over a limit since the server was started.")]


class Health(Struct, forbid_unknown_fields=True):
    status: Literal["ok", "degraded"]
    version: str
    timestamp: Time
    syncing: bool
    database: Database
    experiments: Count | None
    roots: list[Root]  # pyright: ignore[reportInvalidTypeForm]
    problems: Annotated[list[str], Meta(description="One sentence for each thing that is wrong.")]
    rate_limits: Annotated[RateLimits | None, Meta(description="Null without limits.")]


class Refusal(Struct, forbid_unknown_fields=True):
    detail: Annotated[str, Meta(min_length=1, description="One sentence.")]


class TooManyRequests(Struct, forbid_unknown_fields=True):
    detail: Text
    retry_after: Annotated[int, Meta(ge=1, le=60, description="Seconds.")]
