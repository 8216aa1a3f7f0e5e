"""The columns of the list of experiments: those there are, those that are shown, and the orders they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len

from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment, Order, OrderField
from runicorn_tui import format
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.line_layout import Column, Tone

ORDER_COLUMNS: dict[OrderField, str] = {
    "created_at": "age",
    "best_metric_value": "best",
    "name": "name",
    "project": "project",
    "status": "status",
    "duration_seconds": "duration",
    "size_bytes": "size",
    "updated_at": "updated",
    "ended_at": "ended",
}
"""Which column shows what an order sorts by; also the order in which the sort key walks through them."""

ORDER_NAMES: dict[OrderField, str] = {
    **ORDER_COLUMNS,
    "created_at": "created",
}

DEFAULT: Final = ("name", "project", "status", "best", "metric", "age", "duration", "size", "tags", "id", "host")
FURTHER: Final = ("updated", "ended")
_MOST_VALUES = 40
_VALUE_WIDTHS = (9, 14)
_VALUE_RANK = 4
_NOT_READ = Drawn("…")

# Finished is as it should be: only the rest stands out.
_STATUS_TONES: dict[str, Tone] = {"running": "live", "failed": "bad", "interrupted": "warn"}


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The columns that are shown, in order: ids of the built-in ones, and metrics and parameters."""

    shown: tuple[str | NamedValue, ...] = DEFAULT

    @property
    def values(self) -> tuple[NamedValue, ...]:
        """The metrics and parameters among them."""
        return tuple(column for column in self.shown if isinstance(column, NamedValue))

    def toggled(self, column: str | NamedValue) -> ColumnChoice:
        """With the column, or without it. The name stays: a row without it cannot be told from others."""
        if column in self.shown:
            return self if column == "name" else replace(self, shown=tuple(c for c in self.shown if c != column))
        if isinstance(column, str):
            return replace(self, shown=(*self.shown, column))
        if len(self.values) == _MOST_VALUES:
            return self
        # Beside the best value, where a person looks for numbers, after those that were chosen before.
        places = [number for number, c in enumerate(self.shown) if c == "best" or isinstance(c, NamedValue)]
        at = places[-1] + 1 if places else len(self.shown)
        return replace(self, shown=(*self.shown[:at], column, *self.shown[at:]))

    def moved(self, column: str | NamedValue, by: int) -> ColumnChoice:
        """With the column so many places further on; the name stays first."""
        if column not in self.shown or column == "name":
            return self
        others = [c for c in self.shown if c != column]
        at = max(1, min(self.shown.index(column) + by, len(others)))
        return replace(self, shown=(*others[:at], column, *others[at:]))

    def ids(self) -> list[str]:
        """As texts that `of_ids` reads."""
        return [id_of(column) for column in self.shown]

    @classmethod
    def of_ids(cls, ids: Iterable[str]) -> ColumnChoice:
        """What `ids` wrote, without what nobody knows any more."""
        known: list[str | NamedValue] = []
        for text in ids:
            column = column_of(text)
            if column is not None and column not in known:
                known.append(column)
        others = [c for c in known if c != "name"]
        values = [c for c in others if isinstance(c, NamedValue)][:_MOST_VALUES]
        return cls(("name", *(c for c in others if isinstance(c, str) or c in values)))


def id_of(column: str | NamedValue) -> str:
    """A text for a column: `name`, `max:acc`, `param:lr`."""
    return column if isinstance(column, str) else f"{column.which}:{column.name}"


def column_of(text: str) -> str | NamedValue | None:
    """The column of such a text, None for one that is not known."""
    which, colon, name = text.partition(":")
    if not colon:
        return text if text in DEFAULT or text in FURTHER else None
    try:
        return NamedValue(which, name)  # pyright: ignore[reportArgumentType]
    except InvalidQuery:
        return None


def order_of(column_id: str) -> Order | None:
    """The order that sorts by a column, None for a column without one."""
    column = column_of(column_id)
    if isinstance(column, NamedValue):
        return column
    return next((order for order, shown in ORDER_COLUMNS.items() if shown == column), None)


def column_id_of(order: Order) -> str:
    """The column that shows what an order sorts by."""
    return id_of(order) if isinstance(order, NamedValue) else ORDER_COLUMNS[order]


def order_name(order: Order) -> str:
    return str(order) if isinstance(order, NamedValue) else ORDER_NAMES[order]


def columns(
    clock: Callable[[], float], shown: Sequence[str | NamedValue] = DEFAULT, *, in_trash: bool = False
) -> list[Column[Experiment]]:
    """These columns; what fits is decided by width. `in_trash`: everything listed is, so that it need not be said."""
    built_in = {column.id: column for column in _built_in(clock, in_trash=in_trash)}
    return [_value_column(column) if isinstance(column, NamedValue) else built_in[column] for column in shown]


def _state(experiment: Experiment) -> str:
    if experiment.deleted_at is not None:
        return Drawn("◌ in trash")
    return Drawn("◌ missing") if experiment.is_missing else format.status(experiment.status)


def _tone(experiment: Experiment) -> Tone:
    is_away = experiment.deleted_at is not None or experiment.is_missing
    return "muted" if is_away else _STATUS_TONES.get(experiment.status, "plain")


def _value_column(value: NamedValue) -> Column[Experiment]:
    low, high = _VALUE_WIDTHS
    title = str(value)
    # A name may be kilobytes long: what cannot show is not measured.
    width = cell_len(safe(title[: 2 * high])) + len("↓ ")
    return Column(
        id=id_of(value),
        title=title,
        width=max(low, min(width, high)),
        grow=max(0, min(width - high, 8)),
        rank=_VALUE_RANK,
        is_right=True,
        text=lambda e: format.value(value, e.values[value]) if value in e.values else _NOT_READ,
    )


def _built_in(clock: Callable[[], float], *, in_trash: bool) -> list[Column[Experiment]]:
    def ago(timestamp: float | None) -> str:
        return format.DASH if timestamp is None else format.age(clock() - timestamp)

    return [
        Column(id="name", title="name", width=12, grow=32, rank=0, text=lambda e: format.text(e.name)),
        Column(id="project", title="project", width=9, grow=5, rank=5, text=lambda e: e.project),
        Column(
            id="status",
            title="status",
            width=13,
            rank=1,
            text=(lambda e: format.status(e.status)) if in_trash else _state,
            tone=(lambda e: _STATUS_TONES.get(e.status, "plain")) if in_trash else _tone,
        ),
        Column(
            id="best",
            title="best",
            width=9,
            rank=3,
            is_right=True,
            text=lambda e: format.number(e.best_metric_value),
            # So far: it may be another one in a moment.
            tone=lambda e: "muted" if e.status == "running" else "plain",
        ),
        Column(
            id="metric",
            title="metric",
            width=8,
            grow=6,
            rank=6,
            text=lambda e: format.text(e.best_metric_name),
            tone="muted",
        ),
        Column(id="age", title="age", width=5, rank=2, is_right=True, text=lambda e: ago(e.created_at), tone="muted"),
        Column(
            id="duration",
            is_extra=True,
            title="duration",
            width=10,
            rank=7,
            is_right=True,
            text=lambda e: format.duration(format.seconds_run(e)),
            tone="muted",
        ),
        Column(
            id="size",
            is_extra=True,
            title="size",
            width=7,
            rank=8,
            is_right=True,
            text=lambda e: format.size(e.size_bytes),
            tone="muted",
        ),
        Column(
            id="tags",
            is_extra=True,
            title="tags",
            width=10,
            grow=14,
            rank=9,
            text=lambda e: " ".join(e.tags),
            tone="muted",
        ),
        Column(id="id", is_extra=True, title="id", width=22, rank=10, text=lambda e: e.id, tone="muted"),
        Column(
            id="host",
            is_extra=True,
            title="host",
            width=8,
            grow=10,
            rank=11,
            text=lambda e: format.text(e.hostname),
            tone="muted",
        ),
        Column(
            id="updated",
            title="updated",
            width=9,
            rank=4,
            is_right=True,
            text=lambda e: ago(e.updated_at),
            tone="muted",
        ),
        Column(id="ended", title="ended", width=9, rank=4, is_right=True, text=lambda e: ago(e.ended_at), tone="muted"),
    ]
