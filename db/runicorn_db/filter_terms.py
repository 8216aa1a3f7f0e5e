"""From the pieces of one term of the filter language (field, operator, values) to the term they mean."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn, get_args

from runicorn_db.criteria import (
    NUMBER,
    STATUSES,
    Comparison,
    Date,
    DateField,
    Field,
    Has,
    Is,
    Metric,
    MetricValue,
    Number,
    NumberField,
    Param,
    Presence,
    State,
    Status,
    Tag,
    Term,
    TextField,
    date_interval,
    quote,
)
from runicorn_db.query import shown

TEXT_FIELDS: dict[str, TextField] = {name: name for name in get_args(TextField)}
_DATE_FIELDS: dict[str, DateField] = {name: name for name in get_args(DateField)}
_NUMBER_FIELDS: dict[str, NumberField] = {name: name for name in get_args(NumberField)}
_STATES: dict[str, State] = {name: name for name in get_args(State)}
_PRESENCES: dict[str, Presence] = {"tags": "tags", "description": "description", "environment": "environment"}
_METRIC_VALUES: dict[str, MetricValue] = {"last": "last", "min": "min", "max": "max"}
_COMPARISONS: dict[str, Comparison] = {":": "=", "=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

FIELDS: tuple[str, ...] = (*TEXT_FIELDS, "status", "tag", *_DATE_FIELDS, *_NUMBER_FIELDS, "has", "is")
"""Every field name, for completion; parameters are `param.NAME`, any other name is a metric."""

_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE_UNITS = {"b": 1} | {
    f"{letter}{ending}".lower(): base**power
    for power, letter in enumerate("kMGT", start=1)
    for ending, base in (("B", 1000), ("iB", 1024))
}

_AMOUNT = re.compile(r"((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)([A-Za-z]*)", re.ASCII)


@dataclass(frozen=True)
class Note:
    """What was not understood: `length` characters from `column` (from 0), and a sentence for a person."""

    column: int
    length: int
    message: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, a field name or a value, and where it stands."""

    begin: int
    end: int
    text: str
    is_quoted: bool = False


class Unclear(Exception):
    def __init__(self, begin: int, end: int, message: str) -> None:
        self.note = Note(begin, end - begin, message)


def build(name: Piece, operator: str, values: list[Piece], negated: bool) -> Term:
    """The term; `operator` is one of the operators but !=, which is a negated =. Raises Unclear."""
    field = "" if name.is_quoted else name.text.casefold()
    texts = tuple(value.text for value in values)
    if text_field := TEXT_FIELDS.get(field):
        _require_equality(name, operator)
        return Field(
            field=text_field, operation="exact" if operator == "=" else "contains", values=texts, negated=negated
        )
    if field == "status":
        _require_equality(name, operator)
        return Status(values=tuple(map(_status, values)), negated=negated)
    if field == "tag":
        _require_equality(name, operator)
        return Tag(values=texts, negated=negated)
    if date_field := _DATE_FIELDS.get(field):
        value = _single(name, values)
        return Date(
            field=date_field, comparison=_COMPARISONS[operator], date=_date(name, operator, value), negated=negated
        )
    if number_field := _NUMBER_FIELDS.get(field):
        return _number_term(name, number_field, operator, values, negated)
    if field == "has":
        _require_equality(name, operator)
        return _has(_single(name, values), negated)
    if field == "is":
        _require_equality(name, operator)
        return Is(state=_state(_single(name, values)), negated=negated)
    if _prefix(name) == "param":
        return _param(name, operator, values, negated)
    return _metric(name, operator, values, negated)


def _require_equality(name: Piece, operator: str) -> None:
    if operator not in (":", "="):
        field = name.text.casefold()
        raise Unclear(name.begin, name.end, f"{field} takes : or = or !=, not {operator}")


def _single(name: Piece, values: Sequence[Piece]) -> Piece:
    if len(values) > 1:
        message = f"{shown(name.text)} takes one value here; for any of several write them as terms with or between"
        raise Unclear(values[1].begin, values[-1].end, message)
    return values[0]


def _refuse(value: Piece, message: str) -> NoReturn:
    raise Unclear(value.begin, value.end, message)


def _status(value: Piece) -> str:
    found = [status for status in STATUSES if status.startswith(value.text.casefold())]
    if len(found) != 1:
        allowed = " or ".join(found) if found else f"one of {', '.join(STATUSES)}"
        _refuse(value, f"status is {allowed}, not '{shown(value.text)}'")
    return found[0]


def _state(value: Piece) -> State:
    state = _STATES.get(value.text.casefold())
    if state is None:
        _refuse(value, f"is: takes one of {', '.join(_STATES)}, not '{shown(value.text)}'")
    return state


def _date(name: Piece, operator: str, value: Piece) -> str:
    try:
        date_interval(value.text)
    except ValueError:
        field = name.text.casefold()
        message = f"{field} takes a date (2025-01, 2025-01-31 or 2025-01-31T12:00), not '{shown(value.text)}'"
        amount = _AMOUNT.fullmatch(value.text)
        if field == "created" and amount and amount[2] in _DURATION_UNITS:
            comparison = operator if operator[0] in "<>" else "<"
            message = f"created takes a date; for {value.text} back from now write age{comparison}{value.text}"
        _refuse(value, message)
    return value.text


def _number_term(name: Piece, field: NumberField, operator: str, values: Sequence[Piece], negated: bool) -> Number:
    if field == "age" and operator in (":", "="):
        first = shown(values[0].text)
        raise Unclear(name.begin, name.end, f"no age is exactly {first}: write age>{first} or age<{first}")
    if operator not in (":", "="):
        _single(name, values)
    if field in ("age", "duration"):
        numbers = tuple(
            _amount(value, _DURATION_UNITS, field, "a duration such as 20s, 5m, 2h, 30d, 1w") for value in values
        )
    elif field == "size":
        numbers = tuple(_amount(value, _SIZE_UNITS, field, "a size such as 100kB, 1.5GB, 2GiB") for value in values)
    else:
        numbers = tuple(_number(value) for value in values)
    return Number(field=field, comparison=_COMPARISONS[operator], values=numbers, negated=negated)


def _amount(value: Piece, units: dict[str, int], field: str, expected: str) -> float:
    match = _AMOUNT.fullmatch(value.text)
    if match is None:
        _refuse(value, f"{field} takes {expected}, not '{shown(value.text)}'")
    number, unit = float(match[1]), match[2].lower() if field == "size" else match[2]
    if unit not in units and (unit or number):
        _refuse(value, f"{field} needs a unit: {expected}, not '{shown(value.text)}'")
    number *= units.get(unit, 1)
    if not math.isfinite(number):
        _refuse(value, f"'{shown(value.text)}' is not a finite number")
    return number


def _number(value: Piece) -> float:
    if NUMBER.fullmatch(value.text) is None:
        _refuse(value, f"'{shown(value.text)}' is not a number")
    number = float(value.text)
    if not math.isfinite(number):
        _refuse(value, f"'{shown(value.text)}' is not a finite number")
    return number


def _prefix(name: Piece) -> str:
    """What stands before the first dot; in quotes it counts only as it is documented, in small letters."""
    before, dot, _ = name.text.partition(".")
    return (before if name.is_quoted else before.casefold()) if dot else ""


def _after_prefix(name: Piece) -> str:
    prefix, _, rest = name.text.partition(".")
    if not rest:
        _refuse(name, f"{shown(prefix)}. needs a name after it")
    return rest


def _has(value: Piece, negated: bool) -> Has:
    presence = None if value.is_quoted else _PRESENCES.get(value.text.casefold())
    if presence:
        return Has(presence=presence, negated=negated)
    if _prefix(value) == "param":
        return Has(presence="param", name=_after_prefix(value), negated=negated)
    return Has(presence="metric", name=value.text, negated=negated)


def _param(name: Piece, operator: str, values: Sequence[Piece], negated: bool) -> Param:
    param = _after_prefix(name)
    if operator not in (":", "="):
        _number(_single(name, values))
    comparison = "contains" if operator == ":" else _COMPARISONS[operator]
    return Param(param=param, comparison=comparison, values=tuple(value.text for value in values), negated=negated)


def _ways(name: str, operator: str, values: Sequence[Piece]) -> str:
    """What may have been meant by a field that there is not, and how that is written."""
    texts = tuple(value.text for value in values)
    param = Param(param=name, comparison="contains" if operator == ":" else "=", values=texts)
    text = quote(f"{name}{operator}{','.join(texts)}")
    return f"write {shown(param)} for a parameter, {shown(text)} for a text; a metric takes a number"


def _metric(name: Piece, operator: str, values: Sequence[Piece], negated: bool) -> Metric:
    wrong = next((value for value in values if NUMBER.fullmatch(value.text) is None), None)
    if wrong and not name.is_quoted:
        typed = name.text.casefold()[:32]
        near = [field for field in FIELDS if field.startswith(typed)] or get_close_matches(typed, FIELDS, cutoff=0.65)
        if near:
            _refuse(name, f"no field '{shown(name.text)}': did you mean {' or '.join(near)}?")
        if operator in (":", "="):
            _refuse(name, f"no field '{shown(name.text)}': {_ways(name.text, operator, values)}")
    if operator not in (":", "="):
        _single(name, values)
    value = _METRIC_VALUES.get(_prefix(name))
    return Metric(
        metric=_after_prefix(name) if value else name.text,
        value=value or "",
        comparison=_COMPARISONS[operator],
        values=tuple(map(_number, values)),
        negated=negated,
    )
