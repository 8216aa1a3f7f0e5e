"""How the command line shows an experiment of a list: as a row for people, as CSV cells or as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment, shown
from runicorn_tui import format
from runicorn_tui.output import Cell, Column


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumn:
    """A column of a table for people; `field` is what JSON and CSV call it and hold in it."""

    column: Column
    field: str
    text: Callable[[Experiment, float], str]
    """Of an experiment at a time, Unix seconds."""


def _built_in(
    field: str,
    title: str,
    text: Callable[[Experiment, float], str],
    *,
    is_right: bool = False,
    is_elastic: bool = False,
) -> ListColumn:
    column = Column(title=title, align="right" if is_right else "left", is_elastic=is_elastic)
    return ListColumn(column=column, field=field, text=text)


def _ago(timestamp: float | None, now: float) -> str:
    return format.DASH if timestamp is None else format.age(now - timestamp)


_COLUMNS = {
    "id": _built_in("id", "ID", lambda e, _: e.id),
    "project": _built_in("project", "PROJECT", lambda e, _: e.project, is_elastic=True),
    "name": _built_in("name", "NAME", lambda e, _: e.name, is_elastic=True),
    "status": _built_in("status", "STATUS", lambda e, _: format.status(e.status)),
    "best": _built_in("best_metric_value", "BEST", lambda e, _: format.number(e.best_metric_value), is_right=True),
    "metric": _built_in("best_metric_name", "METRIC", lambda e, _: format.text(e.best_metric_name), is_elastic=True),
    "age": _built_in("created_at", "AGE", lambda e, now: _ago(e.created_at, now), is_right=True),
    "duration": _built_in(
        "duration_seconds", "DURATION", lambda e, _: format.duration(e.duration_seconds), is_right=True
    ),
    "size": _built_in("size_bytes", "SIZE", lambda e, _: format.size(e.size_bytes), is_right=True),
    "tags": _built_in("tags", "TAGS", lambda e, _: " ".join(e.tags), is_elastic=True),
    "host": _built_in("hostname", "HOST", lambda e, _: format.text(e.hostname), is_elastic=True),
    "created": _built_in("created_at", "CREATED", lambda e, _: format.when(e.created_at)),
    "updated": _built_in("updated_at", "UPDATED", lambda e, now: _ago(e.updated_at, now), is_right=True),
    "ended": _built_in("ended_at", "ENDED", lambda e, now: _ago(e.ended_at, now), is_right=True),
    "description": _built_in("description", "DESCRIPTION", lambda e, _: format.text(e.description), is_elastic=True),
    "run_dir": _built_in("run_dir", "RUN_DIR", lambda e, _: e.run_dir),
}
COLUMN_NAMES = tuple(_COLUMNS)
COLUMN_FIELDS = {name: column.field for name, column in _COLUMNS.items()}
"""What JSON and CSV call the columns of `COLUMN_NAMES`."""
_DEFAULT = ("id", "project", "name", "status", "best", "metric", "age", "duration", "size")
_MAY_GO = ("metric", "age", "duration", "size")
"""Of the default ones: where a terminal is too narrow."""

_NAME = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*?))\s*(?:,|$)')


def read_columns(text: str) -> tuple[str | NamedValue, ...]:
    """The columns of `name,acc,param.lr`: a name of `COLUMN_NAMES`, otherwise a metric or a parameter.

    One in double quotes is a metric or a parameter, whatever it is called. Raises `InvalidQuery`.
    """
    columns: list[str | NamedValue] = []
    at = 0
    while at < len(text):
        match = _NAME.match(text, at)
        if match is None or not match.group().strip(", "):
            raise InvalidQuery(f"columns are names with commas between them, not '{shown(text)}'")
        column = read_name(match[2], COLUMN_NAMES) if match[1] is None else NamedValue.parse(_unquoted(match[1]))
        columns += [column] if column not in columns else []
        at = match.end()
    return tuple(columns)


def read_name(text: str, known: Sequence[str]) -> str | NamedValue:
    """One of the `known` names, or else a metric or a parameter; in double quotes always that."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return NamedValue.parse(_unquoted(text[1:-1]))
    return text if text in known else NamedValue.parse(text)


def _unquoted(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text)


class Listing:
    """How experiments are listed: with these columns, or as always, with those in `also` beside."""

    def __init__(self, columns: Sequence[str | NamedValue] = (), also: Sequence[NamedValue] = ()) -> None:
        wanted = columns or (*_DEFAULT[:6], *also, *_DEFAULT[6:])
        self.values = tuple(column for column in wanted if isinstance(column, NamedValue))
        """What has to be read with each experiment."""
        self._shown = [_value(c) if isinstance(c, NamedValue) else _COLUMNS[c] for c in wanted]
        self._value_of = {field_of(value): value for value in self.values}
        self.columns = [c.column for c in self._shown]
        if not columns:
            may_go = [_COLUMNS[name] for name in _MAY_GO]
            self.columns = [_extra(c.column) if c in may_go else c.column for c in self._shown]
        self.fields: Sequence[str] = [c.field for c in self._shown] if columns else EXPERIMENT_FIELDS

    def cells(self, experiment: Experiment, now: float) -> tuple[str, ...]:
        """The texts of `columns`."""
        return tuple(column.text(experiment, now) for column in self._shown)

    def item(self, experiment: Experiment) -> dict[str, Any]:
        """The fields that were asked for, else those that REST answers in a list, in that order."""
        return dict(self._pairs(experiment))

    def _pairs(self, experiment: Experiment) -> Iterator[tuple[str, Any]]:
        for field in self.fields:
            value = self._value_of.get(field)
            yield field, getattr(experiment, field) if value is None else experiment.values[value]

    def csv_cells(self, experiment: Experiment) -> tuple[Cell, ...]:
        """The values of `item`; tags are joined by commas."""
        return tuple(",".join(experiment.tags) if field == "tags" else cell for field, cell in self._pairs(experiment))


def _extra(column: Column) -> Column:
    return Column(title=column.title, align=column.align, is_elastic=column.is_elastic, is_extra=True)


def _value(value: NamedValue) -> ListColumn:
    def text(experiment: Experiment, now: float) -> str:
        return format.value(value, experiment.values[value])

    return ListColumn(column=Column(title=str(value), align="right", is_elastic=True), field=field_of(value), text=text)


def field_of(value: NamedValue) -> str:
    """What JSON and CSV call it: as a filter would, in quotes where a field of every experiment is called so."""
    return f'"{value}"' if str(value) in EXPERIMENT_FIELDS else str(value)
