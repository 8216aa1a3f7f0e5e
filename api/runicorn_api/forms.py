"""The forms a parameter's value can have: each read from text or JSON, and written back as text."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from runicorn_db.criteria import Criteria
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.query import shown

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[0-9]{1,9}")
_STEP_RANGE = re.compile(r"(-?[0-9]+)?:(-?[0-9]+)?")
_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1

StepRange = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How values of one kind look. `read` and `write` are given the parameter's name for their sentences.

    `read` raises InvalidQuery for text that is no such value, `write` for a value that no text can say.
    """

    label: str
    read: Callable[[str, str], Any]
    write: Callable[[str, Any], str]
    schema: Mapping[str, object]
    """The same for machines: JSON Schema."""
    json_types: tuple[type, ...] = (str,)
    is_list: bool = False

    def read_json(self, name: str, value: object) -> Any:
        """The value that a JSON body gives; None where it means "not given"."""
        seen = json_kind(value)
        if self.is_list and isinstance(value, list):
            items = cast(Sequence[object], value)
            if all(isinstance(item, str) for item in items):
                return _trimmed(cast(Sequence[str], items)) or None
            seen = "a list of other things"
        # A JSON boolean is an int for Python, and never a number for a person.
        elif isinstance(value, self.json_types) and (bool in self.json_types or not isinstance(value, bool)):
            text = value if isinstance(value, str) else str(value).lower()
            return self.read(name, text) if text else None
        raise InvalidQuery(f"{name} must be a {self.label}, not {seen}")


def json_kind(value: object) -> str:
    """The kind of a JSON value, for a sentence: `a string`, `null`."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((label for kind, label in kinds if isinstance(value, kind)), "null")


def _trimmed(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stripped for item in items if (stripped := item.strip())))


def _read_text(_name: str, text: str) -> str:
    return text


def _write_text(name: str, value: str) -> str:
    if not value:
        raise InvalidQuery(f"{name} cannot be asked for as an empty text")
    return value


def _read_list(_name: str, text: str) -> tuple[str, ...]:
    return _trimmed(text.split(","))


def _write_list(name: str, values: Sequence[str]) -> str:
    for value in values:
        if "," in value or not value or value != value.strip():
            raise InvalidQuery(f"{name} cannot say '{shown(value)}' in a list separated by commas")
    return ",".join(values)


def _read_number(name: str, text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise InvalidQuery(f"{name} must be a finite number, not '{shown(text)}'")
    return value


def _write_number(_name: str, value: float) -> str:
    return repr(value)


def _read_integer(low: int, high: int, name: str, text: str) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else low - 1
    if not low <= value <= high:
        raise InvalidQuery(f"{name} must be an integer from {low} to {high}, not '{shown(text)}'")
    return value


def _write_integer(_name: str, value: int) -> str:
    return str(value)


def _read_flag(name: str, text: str) -> bool:
    value = _FLAGS.get(text.lower())
    if value is None:
        raise InvalidQuery(f"{name} must be one of {', '.join(_FLAGS)}, not '{shown(text)}'")
    return value


def _write_flag(_name: str, value: bool) -> str:
    return "true" if value else "false"


def _read_filter(_name: str, text: str) -> Criteria:
    criteria, notes = parse(text)
    if notes:
        note = notes[0]
        column = note.column + 1
        raise InvalidQuery(f"filter is not understood at column {column} of '{shown(text)}': {note.message}")
    return criteria


def _write_filter(_name: str, value: Criteria) -> str:
    return str(value)


def _read_step_range(name: str, text: str) -> StepRange:
    match = _STEP_RANGE.fullmatch(text)
    if match is None or text == ":":
        raise InvalidQuery("Invalid step_range format, use 'min:max'")
    # 20 digits are more than any step has, and Python refuses to read thousands of them.
    if any(len(part) > 20 or not _MIN_STEP <= int(part) <= _MAX_STEP for part in match.groups() if part):
        raise InvalidQuery(f"{name} must be within 64-bit integers, not '{shown(text)}'")
    low, high = (int(part) if part else None for part in match.groups())
    return low, high


def _write_step_range(_name: str, value: StepRange) -> str:
    low, high = value
    return f"{'' if low is None else low}:{'' if high is None else high}"


_PLAIN_TEXT = {"type": "string", "pattern": "^[^\\u0000]*$"}

TEXT = Form(label="string", read=_read_text, write=_write_text, schema=_PLAIN_TEXT)
LIST = Form(
    label="list of strings",
    read=_read_list,
    write=_write_list,
    schema={"type": "array", "items": _PLAIN_TEXT},
    is_list=True,
)
NUMBER = Form(
    label="number",
    read=_read_number,
    write=_write_number,
    schema={"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max},
    json_types=(int, float),
)
FLAG = Form(label="boolean", read=_read_flag, write=_write_flag, schema={"type": "boolean"}, json_types=(bool,))
FILTER = Form(
    label="string", read=_read_filter, write=_write_filter, schema={"type": "string", "format": "runicorn-filter"}
)
STEP_RANGE = Form(
    label="string",
    read=_read_step_range,
    write=_write_step_range,
    schema={"type": "string", "format": "runicorn-step-range", "pattern": "^(-?[0-9]+:(-?[0-9]+)?|:-?[0-9]+)$"},
)


def integer(low: int, high: int) -> Form:
    """A form for the integers from `low` to `high`: ASCII digits only."""
    read = partial(_read_integer, low, high)
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Form(label="integer", read=read, write=_write_integer, schema=schema, json_types=(int,))
