"""What an export holds: a row for each experiment, or a row for each step of their series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db.errors import UnknownExperiment
from runicorn_db.named_values import NamedValue, Which
from runicorn_db.query import Experiment, ExperimentDetail, MetricsQuery, MetricTable, Snapshot
from runicorn_tui.acts import parts
from runicorn_tui.listing import COLUMN_FIELDS

if TYPE_CHECKING:
    from runicorn_db.store import Store

Cell: TypeAlias = "str | float | bool | tuple[str, ...] | None"
Row: TypeAlias = Sequence[Cell]
Kind = Literal["text", "texts", "integer", "number", "truth"]

MOST_CELLS = 1 << 18
"""About so many values of a series are in memory at once."""

_ALL_FIELDS = (*EXPERIMENT_FIELDS, "root", "is_pinned", "is_missing")
_OF_A_METRIC: tuple[Which, ...] = ("last", "min", "max")
_KINDS: dict[str, Kind] = {
    "str": "text",
    "str | None": "text",
    "int | None": "integer",
    "float": "number",
    "float | None": "number",
    "bool": "truth",
    "tuple[str, ...]": "texts",
}
_KIND_OF_FIELD: dict[str, Kind] = {
    field.name: _KINDS[field.type]
    for field in fields(Experiment)
    if isinstance(field.type, str) and field.type in _KINDS
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column. What a cell of it holds is its kind or None; `text` takes anything, numbers too."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some rows, and how many experiments they complete.

    `gone`: experiments that left the index since they were chosen. `non_finite`: logged values that are NaN or
    infinite, whose cells are empty.
    """

    rows: Sequence[Row]
    experiments: int
    gone: int = 0
    non_finite: int = 0


class Table(Protocol):
    """What a writer writes, part by part, so that any number of rows takes the memory of one part."""

    fields: Sequence[Field]
    total: int
    """Experiments."""

    def parts(self) -> Iterator[Part]: ...


class ExperimentTable:
    """One row for each experiment: these columns of the list, or None: everything, with each metric and parameter."""

    def __init__(self, store: Store, chosen: Snapshot, columns: Sequence[str | NamedValue] | None) -> None:
        self.total = len(chosen)
        self._store = store
        self._chosen = chosen
        needs_kinds = columns is None or any(isinstance(c, NamedValue) and c.is_param for c in columns)
        kinds: Mapping[NamedValue, Kind] = store.value_kinds(chosen) if needs_kinds else {}
        if columns is None:
            columns = (*_ALL_FIELDS, *_every(kinds))
        else:
            columns = tuple(c if isinstance(c, NamedValue) else COLUMN_FIELDS[c] for c in columns)
        # Two columns of the list may show one field, such as an age and an instant.
        columns = tuple(dict.fromkeys(columns))
        self._values = tuple(column for column in columns if isinstance(column, NamedValue))
        self._getters = [_getter(column) for column in columns]
        taken = {column for column in columns if isinstance(column, str)}
        self.fields: Sequence[Field] = [
            Field(column, _KIND_OF_FIELD[column])
            if isinstance(column, str)
            else _field(column, taken, kinds.get(column, "text") if column.is_param else "number")
            for column in columns
        ]

    def parts(self) -> Iterator[Part]:
        for part in parts(self._chosen):
            found = [row for row in self._store.rows(part, self._values) if row is not None]
            rows = [[get(experiment) for get in self._getters] for experiment in found]
            yield Part(rows=rows, experiments=len(part), gone=len(part) - len(found))


def _every(values: Iterable[NamedValue]) -> Iterator[NamedValue]:
    for value in values:
        if value.is_param:
            yield value
        else:
            yield from (NamedValue(which, value.name) for which in _OF_A_METRIC)


def _getter(column: str | NamedValue) -> Callable[[Experiment], Any]:
    if isinstance(column, NamedValue):
        return lambda experiment: experiment.values[column]
    return lambda experiment: getattr(experiment, column)


def _field(value: NamedValue, taken: set[str], kind: Kind) -> Field:
    """Under its name as the filter language writes it, in double quotes where another column has that one."""
    title = str(value)
    while title in taken:
        title = f'"{title}"'
    taken.add(title)
    return Field(title, kind)


class SeriesTable:
    """One row for each step of each experiment: these metrics, or all that any of them has.

    With `downsample` at most so many rows of each experiment.
    """

    def __init__(
        self, store: Store, chosen: Snapshot, metrics: Sequence[str] = (), *, downsample: int | None = None
    ) -> None:
        self.total = len(chosen)
        self._store = store
        self._chosen = chosen
        self._downsample = downsample
        self._metrics = tuple(dict.fromkeys(metrics)) or tuple(
            v.name for v in store.value_kinds(chosen) if not v.is_param
        )
        own = (Field("id", "text"), Field("name", "text"), Field("global_step", "integer"), Field("time", "number"))
        taken = {field.name for field in own}
        self.fields: Sequence[Field] = [
            *own,
            *(_field(NamedValue("best", name), taken, "number") for name in self._metrics),
        ]

    def parts(self) -> Iterator[Part]:
        for part in parts(self._chosen):
            ids = self._store.id_list(part)
            yield Part(rows=(), experiments=len(part) - len(ids), gone=len(part) - len(ids))
            for experiment_id in ids:
                yield from self._of(experiment_id)

    def _of(self, experiment_id: str) -> Iterator[Part]:
        try:
            detail = self._store.get(experiment_id)
            metrics = [name for name in self._metrics if name in detail.metrics]
            for low, high in self._ranges(detail, metrics):
                query = MetricsQuery(
                    experiment_id=experiment_id,
                    metrics=tuple(metrics),
                    step_min=low,
                    step_max=high,
                    downsample=self._downsample,
                    with_times=True,
                )
                table = self._store.series(query)
                rows = self._rows(detail.experiment, table)
                yield Part(rows=rows, experiments=0, non_finite=sum(table.non_finite.values()))
        except UnknownExperiment:
            yield Part(rows=(), experiments=1, gone=1)
        else:
            yield Part(rows=(), experiments=1)

    def _ranges(self, detail: ExperimentDetail, metrics: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Ranges of steps that are read one after the other."""
        if not metrics or detail.step_range is None:
            return
        rows = max(1, MOST_CELLS // len(self._metrics))
        if self._downsample is not None or detail.total_data_points <= rows:
            yield detail.step_range
        else:
            yield from self._halved(detail.experiment.id, metrics, *detail.step_range, rows)

    def _halved(
        self, experiment_id: str, metrics: Sequence[str], low: int, high: int, rows: int
    ) -> Iterator[tuple[int, int]]:
        # Asked for one row it counts all of them.
        query = MetricsQuery(
            experiment_id=experiment_id, metrics=tuple(metrics), step_min=low, step_max=high, downsample=1
        )
        if low == high or self._store.series(query).available_points <= rows:
            yield low, high
            return
        middle = (low + high) // 2
        yield from self._halved(experiment_id, metrics, low, middle, rows)
        yield from self._halved(experiment_id, metrics, middle + 1, high, rows)

    def _rows(self, experiment: Experiment, table: MetricTable) -> list[Row]:
        nothing = (None,) * len(table.steps)
        columns = [table.values.get(name, nothing) for name in self._metrics]
        rows = zip(table.steps, table.times, *columns, strict=True)
        return [(experiment.id, experiment.name, *row) for row in rows]
