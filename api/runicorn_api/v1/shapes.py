"""The shapes of what V1 takes and answers, field by field: the source of its part of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from runicorn_api.shapes import Count, Text, Time
from runicorn_api.v1.contract import EMPTY_FIELDS, SOFT_DELETE_FIELDS

Path = Annotated[str, Meta(description="Absolute.")]
RunIds = Annotated[list[str], Meta(min_length=1, description=SOFT_DELETE_FIELDS["run_ids"])]


# --- bodies


class RunChoice(Struct, forbid_unknown_fields=True):
    run_ids: RunIds


class Confirmation(Struct, forbid_unknown_fields=True):
    confirm: Annotated[bool, Meta(description=EMPTY_FIELDS["confirm"], extra_json_schema={"const": True})]


# --- answers


class RunItem(Struct, forbid_unknown_fields=True):
    id: str
    run_dir: Path
    created_time: Time
    status: str
    pid: int | None
    best_metric_value: float | None
    best_metric_name: str | None
    project: str
    name: str
    artifacts_created_count: Count
    artifacts_used_count: Count


class RunDetail(Struct, forbid_unknown_fields=True):
    id: str
    status: str
    pid: int | None
    run_dir: Path
    project: str
    name: str
    logs: Path
    metrics: Path
    metrics_step: Path
    artifacts_created_count: Count
    artifacts_used_count: Count


class Rows(Struct, forbid_unknown_fields=True):
    columns: Annotated[list[str], Meta(description="Empty where nothing was logged.")]
    rows: list[dict[str, float | str | None]]


class Progress(Struct, forbid_unknown_fields=True):
    available: Annotated[bool, Meta(extra_json_schema={"const": False})]
    status: str


class Outcome(Struct, forbid_unknown_fields=True):
    success: bool
    error: Text | UnsetType = UNSET


class SoftDeleted(Struct, forbid_unknown_fields=True):
    deleted_count: Count
    results: dict[str, Outcome]
    message: Text


class RunsRestored(Struct, forbid_unknown_fields=True):
    restored_count: Count
    results: dict[str, Outcome]
    message: Text


class DeletedRun(Struct, forbid_unknown_fields=True):
    id: str
    project: str
    name: str
    created_time: Time
    deleted_at: Time
    delete_reason: str
    original_status: str
    run_dir: Path


class RecycleBin(Struct, forbid_unknown_fields=True):
    deleted_runs: list[DeletedRun]


class Emptied(Struct, forbid_unknown_fields=True):
    permanently_deleted: Count
    errors: Annotated[dict[str, Text], Meta(description="Id: why it is still there.")]
    message: Text


class ProjectNames(Struct, forbid_unknown_fields=True):
    projects: list[str]


class ExperimentNames(Struct, forbid_unknown_fields=True):
    names: list[str]


class PathCounts(Struct, forbid_unknown_fields=True):
    """Runs at a path and below it."""

    total: Count
    running: Count
    finished: Count
    failed: Count


class Paths(Struct, forbid_unknown_fields=True):
    paths: list[str]
    tree: Annotated[dict[str, Any], Meta(description="An object for each part of a path, in that of the part before.")]
    stats: dict[str, PathCounts] | UnsetType = UNSET


class Environment(Struct, forbid_unknown_fields=True):
    available: bool
    environment: dict[str, Any] | None


class Config(Struct, forbid_unknown_fields=True):
    user_root_dir: Annotated[str, Meta(description="As Runicorn's own configuration has it; empty without one.")]
    storage: Annotated[str, Meta(description="The first root of the index; empty without one.")]
    config_file: Path


class StatusCheck(Struct, forbid_unknown_fields=True):
    checked: Annotated[int, Meta(ge=0, description="Runs whose files say that they are running.")]
    updated: Count
    message: Text
