"""Questions to the store and its answers: frozen, validated when made, standard library only.

Times are float Unix seconds (UTC), sizes are bytes, `None` means unknown or none.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias, get_args

from runicorn_db.criteria import STATUSES, Criteria
from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue, Value
from runicorn_db.text import is_unicode, printable

OrderField = Literal[
    "created_at",
    "updated_at",
    "best_metric_value",
    "status",
    "name",
    "project",
    "ended_at",
    "duration_seconds",
    "size_bytes",
]
ORDER_FIELDS: tuple[OrderField, ...] = get_args(OrderField)
Order: TypeAlias = OrderField | NamedValue

MAX_PAGE = 1_000_000
MAX_PER_PAGE = 1000
MAX_SEARCH_LENGTH = 256
MAX_DOWNSAMPLE = 100_000
MAX_BATCH_DELETE = 1000
MAX_REASON_LENGTH = 500
DEFAULT_DELETE_REASON = "user_batch_delete"

Source = Literal["tui", "api", "cli", "runicorn"]
"""Who deleted: one of our three doors, or another tool whose marker was found."""


def shown(value: object) -> str:
    """`value` for an error sentence: at most 64 characters, control characters escaped."""
    text = str(value)
    return printable(text if len(text) <= 64 else text[:64] + "…")


def words_of(search: str) -> list[str]:
    """The words of a search text: split at white space, `"a b"` in double quotes is one word."""
    return [word for pair in re.findall(r'"([^"]*)"|([^\s"]+)', search) if (word := pair[0] or pair[1])]


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidQuery(f"{name} must be an integer from {low} to {high}, not '{shown(value)}'")


def _check_finite(name: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise InvalidQuery(f"{name} must be a finite number, not '{shown(value)}'")


def _check_text(name: str, value: str | None) -> None:
    if value is not None and "\0" in value:
        raise InvalidQuery(f"{name} must not contain NUL")
    if value is not None and not is_unicode(value):
        raise InvalidQuery(f"{name} must be valid Unicode, not '{shown(value)}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentQuery:
    """Which experiments, in which order, which page. All filters are combined by AND.

    `tags`: all of them; `status`: any of them; bounds are inclusive; `roots`: names of roots, any of them.
    `cursor` (from `Page.next_cursor`) continues after a page instead of counting pages.
    """

    project: str | None = None
    name: str | None = None
    status: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    search: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    best_metric_min: float | None = None
    best_metric_max: float | None = None
    include_deleted: bool = False
    filter: Criteria = field(default_factory=Criteria)
    roots: tuple[str, ...] = ()
    page: int = 1
    per_page: int = 50
    order_by: Order = "created_at"
    order_desc: bool = True
    cursor: str | None = None

    def __post_init__(self) -> None:
        for name in ("project", "name", "search"):
            _check_text(name, getattr(self, name))
        for tag in self.tags:
            _check_text("tags", tag)
        for status in self.status:
            if status not in STATUSES:
                raise InvalidQuery(f"status must be one of {', '.join(STATUSES)}, not '{shown(status)}'")
        if self.search is not None and len(self.search) > MAX_SEARCH_LENGTH:
            raise InvalidQuery(f"search must be at most {MAX_SEARCH_LENGTH} characters, not {len(self.search)}")
        for name in ("created_after", "created_before", "best_metric_min", "best_metric_max"):
            _check_finite(name, getattr(self, name))
        _check_range("page", self.page, 1, MAX_PAGE)
        _check_range("per_page", self.per_page, 1, MAX_PER_PAGE)
        if not isinstance(self.order_by, NamedValue) and self.order_by not in ORDER_FIELDS:
            raise InvalidQuery(f"order_by must be one of {', '.join(ORDER_FIELDS)}, not '{shown(self.order_by)}'")
        if self.cursor is not None and self.page != 1:
            raise InvalidQuery("cursor and page cannot be used together")

    @property
    def is_unfiltered(self) -> bool:
        """Whether this asks for every experiment that is not in the trash."""
        return not self.include_deleted and self._is_plain

    @property
    def is_everything(self) -> bool:
        """Whether this asks for every experiment, in the trash or not."""
        return self.include_deleted and self._is_plain

    @property
    def _is_plain(self) -> bool:
        plain = ExperimentQuery()
        others = {"page", "per_page", "order_by", "order_desc", "cursor", "search", "include_deleted"}
        names = {f.name for f in fields(self)} - others
        return not words_of(self.search or "") and all(getattr(self, name) == getattr(plain, name) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One experiment as the list shows it."""

    id: str
    project: str
    name: str
    status: str
    created_at: float
    updated_at: float
    started_at: float | None = None
    ended_at: float | None = None
    duration_seconds: float | None = None
    exit_reason: str | None = None
    best_metric_name: str | None = None
    best_metric_value: float | None = None
    best_metric_step: int | None = None
    best_metric_mode: str | None = None
    pid: int | None = None
    hostname: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    deleted_at: float | None = None
    delete_reason: str | None = None
    size_bytes: int | None = None
    run_dir: str = ""
    root: str = ""
    is_pinned: bool = False
    is_missing: bool = False
    values: Mapping[NamedValue, Value] = field(default_factory=dict[NamedValue, Value], hash=False)
    """The metrics and parameters that were asked for with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of experiments and the exact number of all that match, both from one snapshot.

    `snapshot` holds the same experiments, for what takes a snapshot.
    """

    experiments: tuple[Experiment, ...]
    total: int
    page: int
    per_page: int
    next_cursor: str | None
    query_time_ms: float
    snapshot: Snapshot = field(default_factory=lambda: Snapshot())

    @property
    def has_next(self) -> bool:
        return self.next_cursor is not None

    @property
    def has_prev(self) -> bool:
        return self.page > 1 and self.total > 0


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The experiments that matched at one moment, in order, 8 bytes each.

    Opaque: `len()` counts it, slicing narrows it, the store turns it into rows and ids.
    """

    keys: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, part: slice) -> Snapshot:
        return Snapshot(self.keys[part])


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSummary:
    """One metric of one experiment: over distinct steps, last logged value of each; non-finite values are None.

    `min` and `max` are over the finite values; `min_step`, `max_step` are where they were first reached.
    """

    count: int
    first: float | None
    last: float | None
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None
    last_step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDetail:
    """One experiment with its parameters and the summary of its metrics.

    `total_data_points` counts distinct steps that have at least one metric; `step_range` spans the same steps.
    `deletion_batch` is the act of deletion that put it into the trash.
    """

    experiment: Experiment
    params: Mapping[str, object]
    metrics: Mapping[str, MetricSummary]
    total_data_points: int
    step_range: tuple[int, int] | None
    environment_available: bool
    file_count: int
    query_time_ms: float
    deletion_batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsQuery:
    """Series of one experiment: some metrics (none named: all), a step range inclusive at both ends, at most N rows.

    `with_times` asks for the time of each row too, `with_texts` for what was logged there as text.
    """

    experiment_id: str
    metrics: tuple[str, ...] = ()
    step_min: int | None = None
    step_max: int | None = None
    downsample: int | None = None
    with_times: bool = False
    with_texts: bool = False

    def __post_init__(self) -> None:
        if self.step_min is not None and self.step_max is not None and self.step_min > self.step_max:
            raise InvalidQuery(f"step_range must not end before it begins: '{self.step_min}:{self.step_max}'")
        if self.downsample is not None:
            _check_range("downsample", self.downsample, 1, MAX_DOWNSAMPLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """Series as columns: `steps[i]` belongs to `values[metric][i]`; None is a missing or a non-finite value.

    `metrics` are the columns in order; `unknown` those of them that the experiment does not have.
    `non_finite` counts, for each metric, logged values in the range (before downsampling) that are NaN or infinite.
    `times[i]`, where they were asked for, is when `steps[i]` was last logged (Unix seconds, to the millisecond), None
    where that is not known. `texts`, where they were asked for, are columns as `values` are, sorted by name.
    """

    metrics: tuple[str, ...]
    unknown: tuple[str, ...]
    steps: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    non_finite: Mapping[str, int]
    available_points: int
    query_time_ms: float
    times: tuple[float | None, ...] = ()
    texts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict[str, tuple[str | None, ...]])

    @property
    def is_downsampled(self) -> bool:
        return len(self.steps) < self.available_points


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSummary:
    project: str
    total: int
    by_status: Mapping[str, int]
    success_rate: float | None
    best_metric_name: str | None
    best_metric_value: float | None
    last_created_at: float
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Aggregates over the experiments that match: active ones, except `total` = `active` + `deleted`.

    `created_per_day`: ISO dates (UTC), the last 30 days, zero days included. `success_rate` is
    finished / (finished + failed + interrupted), None without any.
    """

    active: int
    deleted: int
    by_status: Mapping[str, int]
    success_rate: float | None
    duration_mean: float | None
    duration_median: float | None
    duration_p95: float | None
    duration_total: float
    by_project: tuple[ProjectSummary, ...]
    created_per_day: tuple[tuple[str, int], ...]
    size_bytes: int
    query_time_ms: float

    @property
    def total(self) -> int:
        return self.active + self.deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One Runicorn storage root. `state`: "new", "ok", "unreadable" or "empty"; `problem` says more."""

    name: str
    path: str
    state: str
    problem: str | None
    is_writable: bool
    experiments: int
    added_at: float
    last_synced_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a root that was skipped. `line` is the first such line (from 1), `count` how many in this file."""

    root: str
    path: str
    line: int | None
    message: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    database_path: str
    database_size_bytes: int
    schema_version: int
    sqlite_version: str
    experiments: int
    roots: tuple[Root, ...]
