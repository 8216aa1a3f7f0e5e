"""What the server answers, as records: the fields of `docs/api.md` as typed attributes, and nothing left out.

Times are Unix seconds (UTC), sizes are bytes, `None` means unknown or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runicorn_tui.client import frames

Parts = Mapping[str, Callable[[Any], Any]]
"""How the fields are read that are more than a number or a text."""


class Record(Mapping[str, Any]):
    """One object of an answer, read-only: a field is an attribute, and an item as well.

    What a newer server adds is there as an item, `record["new"]`. A field that was not asked for, or that an older
    server does not send, raises AttributeError (KeyError as an item).

    >>> detail = client.get_experiment(experiment_id)
    >>> detail.experiment.status, detail.experiment["status"]
    ('finished', 'finished')
    >>> sorted(detail)
    ['environment_available', 'experiment', 'file_count', 'metrics_summary', 'query_time_ms']
    """

    __slots__ = ("_values",)

    _values: dict[str, Any]
    _parts: ClassVar[Parts] = {}

    def __init_subclass__(cls, parts: Parts | None = None) -> None:
        cls._parts = {**cls._parts, **(parts or {})}

    def __init__(self, values: Mapping[str, Any]) -> None:
        parts = self._parts
        read = {
            name: parts[name](value) if name in parts and value is not None else value for name, value in values.items()
        }
        object.__setattr__(self, "_values", read)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    if not TYPE_CHECKING:
        # Hidden from type checkers, so that they find a misspelt field.
        def __getattr__(self, name: str) -> Any:
            values = object.__getattribute__(self, "_values")
            if name not in values:
                raise AttributeError(f"The answer has no '{name}'; it has {', '.join(values)}")
            return values[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __reduce__(self) -> tuple[type[Record], tuple[dict[str, Any]]]:
        return type(self), (self._values,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def _each(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: tuple(kind(value) for value in values)


class Experiment(Record, parts={"tags": tuple}):
    """One experiment as the list tells it."""

    __slots__ = ()

    id: str
    project: str
    name: str
    status: str
    created_at: float
    best_metric_name: str | None
    best_metric_value: float | None
    pid: int | None
    run_dir: str
    updated_at: float
    started_at: float | None
    ended_at: float | None
    duration_seconds: float | None
    exit_reason: str | None
    best_metric_step: int | None
    best_metric_mode: str | None
    hostname: str | None
    tags: tuple[str, ...]
    description: str | None
    deleted_at: float | None
    delete_reason: str | None
    size_bytes: int | None


class WholeExperiment(Experiment):
    """All that is known of one experiment but its metrics."""

    __slots__ = ()

    params: dict[str, Any]
    root: str


class Steps(Record):
    """The first and the last step with a metric."""

    __slots__ = ()

    min: int
    max: int


class MetricSummary(Record):
    """One metric over its distinct steps; `min` and `max` are over the finite values."""

    __slots__ = ()

    count: int
    first: float | None
    last: float | None
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None
    last_step: int | None


class MetricsSummary(
    Record,
    parts={
        "available_metrics": tuple,
        "step_range": Steps,
        "metrics": lambda metrics: {name: MetricSummary(values) for name, values in metrics.items()},
    },
):
    """All metrics of one experiment; `total_data_points` counts distinct steps."""

    __slots__ = ()

    total_data_points: int
    available_metrics: tuple[str, ...]
    step_range: Steps | None
    metrics: dict[str, MetricSummary]


class Detail(Record, parts={"experiment": WholeExperiment, "metrics_summary": MetricsSummary}):
    """One experiment, its parameters and the summary of its metrics."""

    __slots__ = ()

    experiment: WholeExperiment
    metrics_summary: MetricsSummary
    environment_available: bool
    file_count: int
    query_time_ms: float


class AppliedFilters(Record, parts={"metrics": tuple, "step_range": tuple, "unknown_metrics": tuple}):
    """What the rows of a `Metrics` were chosen by."""

    __slots__ = ()

    metrics: tuple[str, ...]
    step_range: tuple[int | None, int | None] | None
    downsampled: bool
    unknown_metrics: tuple[str, ...]


class Metrics(Record, parts={"columns": tuple, "applied_filters": AppliedFilters}):
    """Metric series of one experiment, a row a step; `columns` begins with `global_step`.

    `total_points` counts the rows, `available_points` those there were before downsampling. A value is `None` where
    nothing was logged at that step, and where it is not finite.

    >>> metrics = client.get_metrics(experiment_id, ["loss"], step_range=(None, 3))
    >>> metrics.columns
    ('global_step', 'loss')
    >>> metrics.rows[0]
    {'global_step': 1, 'loss': 2.236254}
    >>> metrics.column("global_step")
    [1, 2, 3]
    """

    __slots__ = ()

    columns: tuple[str, ...]
    rows: list[dict[str, float | None]]
    query_time_ms: float
    total_points: int
    available_points: int
    applied_filters: AppliedFilters

    def column(self, name: str) -> list[float | None]:
        """The values of one column, a row each. Raises KeyError for a name that is not in `columns`."""
        if name not in self.columns:
            raise KeyError(name)
        return [row[name] for row in self.rows]

    def to_pandas(self) -> Any:
        """A pandas `DataFrame` with these columns. Raises `MissingPackage`."""
        return frames.to_pandas(self.rows, self._kinds)

    def to_polars(self) -> Any:
        """A polars `DataFrame` with these columns. Raises `MissingPackage`."""
        return frames.to_polars(self.rows, self._kinds)

    @property
    def _kinds(self) -> dict[str, str]:
        # The step comes first, and an integer it is.
        return {name: "float" if number else "int" for number, name in enumerate(self.columns)}


class Deleted(Record):
    """What a deletion by ids did: `results` tells for each id whether it is in the trash now, `errors` why not."""

    __slots__ = ()

    deleted: int
    failed: int
    results: dict[str, bool]
    errors: dict[str, str]
    query_time_ms: float


class Restored(Record):
    """What a restore did: `results` tells for each id whether it is out of the trash now, `errors` why not."""

    __slots__ = ()

    restored: int
    failed: int
    results: dict[str, bool]
    errors: dict[str, str]
    query_time_ms: float


class MatchingDeleted(Record):
    """What a deletion by filter did; `batch` is its number in the trash, `None` when nothing was deleted."""

    __slots__ = ()

    deleted: int
    failed: int
    batch: int | None
    query_time_ms: float


class Batch(Record):
    """One act of deletion: `count` experiments went with it, `remaining` are still in the trash."""

    __slots__ = ()

    id: int
    created_at: float
    source: str
    reason: str
    query: str
    count: int
    remaining: int
    size_bytes: int


class Health(Record, parts={"problems": tuple}):
    """Whether server and index are well: `status` is `ok` or `degraded`, `problems` has a sentence for each."""

    __slots__ = ()

    status: str
    version: str
    timestamp: float
    syncing: bool
    database: dict[str, Any]
    experiments: int | None
    roots: list[dict[str, Any]]
    problems: tuple[str, ...]
    rate_limits: dict[str, Any] | None


class Durations(Record):
    """How long the experiments took, in seconds."""

    __slots__ = ()

    mean: float | None
    median: float | None
    p95: float | None
    total: float


class ProjectSummary(Record):
    """The experiments of one project."""

    __slots__ = ()

    project: str
    total: int
    by_status: dict[str, int]
    success_rate: float | None
    best_metric_name: str | None
    best_metric_value: float | None
    last_created_at: float
    size_bytes: int


class Day(Record):
    """How many experiments were created on a date (ISO, UTC)."""

    __slots__ = ()

    date: str
    count: int


class Summary(
    Record, parts={"duration_seconds": Durations, "by_project": _each(ProjectSummary), "created_per_day": _each(Day)}
):
    """Aggregates over the experiments that match: the active ones, but for `total` = `active` + `deleted`."""

    __slots__ = ()

    total: int
    active: int
    deleted: int
    by_status: dict[str, int]
    success_rate: float | None
    duration_seconds: Durations
    by_project: tuple[ProjectSummary, ...]
    created_per_day: tuple[Day, ...]
    size_bytes: int
    query_time_ms: float
