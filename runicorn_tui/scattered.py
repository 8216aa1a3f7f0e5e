"""Which dots a scatter has: of the experiments that are compared, and of others beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment
from runicorn_db.sources.values import number_or_none
from runicorn_tui import comparison_text, format
from runicorn_tui.compared import Compared
from runicorn_tui.comparison import ABSENT, Row
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.scatter import Dot, Scattered

MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """What is drawn over what; both rows of one comparison."""

    x: Row
    y: Row

    @property
    def values(self) -> tuple[NamedValue, NamedValue]:
        """What has to be read of other experiments. Raises InvalidQuery for a name that none can be asked by."""
        return _named(self.x), _named(self.y)


def find(rows: Sequence[Row], like: Row) -> Row | None:
    """The same parameter or metric in another state of the comparison."""
    return next((row for row in rows if (row.kind, row.name) == (like.kind, like.name)), None)


def _named(row: Row) -> NamedValue:
    return NamedValue("param" if row.kind == "parameter" else row.kind, row.name)


def compared_dots(compared: Compared, scatter: Scatter) -> list[Dot]:
    """Those whose lines are not hidden, with their numbers and colours."""
    held = zip(compared.details, scatter.x.values, scatter.y.values, strict=True)
    return [
        Dot(x=_held(x), y=_number(y), number=compared.number(id), color=compared.style(id).color)
        for id, x, y in held
        if id not in compared.hidden
    ]


def other_dots(experiments: Sequence[Experiment | None], scatter: Scatter, apart: Collection[str]) -> list[Dot]:
    """Of experiments that were read with the values of a scatter; those `apart` have a dot already."""
    x, y = scatter.values
    others = [one for one in experiments if one is not None and one.id not in apart]
    return [Dot(x=_held(one.values.get(x)), y=_number(one.values.get(y))) for one in others]


def _held(value: object) -> float | str | None:
    if value is ABSENT or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return format.written(value)
    if isinstance(value, str):
        return value
    return _number(value)


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) else number_or_none(value)


def said(scatter: Scatter, drawing: Scattered, others: str, *, is_log: bool) -> list[str]:
    """What there is to say about a scatter, the most important first."""
    parts = [f"{safe(comparison_text.title(scatter.y))} over {safe(comparison_text.title(scatter.x))}"]
    if others:
        parts.append(others)
    if drawing.placeless:
        parts.append(f"{format.count(drawing.placeless)} without a place on both axes")
    if drawing.behind:
        parts.append(f"{format.count(drawing.behind)} behind another")
    if is_log:
        parts.append("logarithmic")
    if drawing.is_log_x:
        parts.append("x logarithmic")
    return parts
