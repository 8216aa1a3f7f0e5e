"""What a value in a file of another program may count as; None where it does not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from runicorn_db.sources.files import clean_text

MAX_DEPTH = 32

_json = json.JSONEncoder(ensure_ascii=False).encode
_YEAR_10000 = 253402300800.0


def time_or_none(value: object) -> float | None:
    """`value` if it is a time in Unix seconds from 1970 to 9999."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < _YEAR_10000 else None


def text_or_none(value: object) -> str | None:
    """`value` made clean if it is a text that is not empty."""
    return clean_text(value) if isinstance(value, str) and value else None


def tags_in(value: object) -> set[str]:
    """The tags of a JSON list: trimmed, without empty ones and what is no text."""
    if not isinstance(value, list):
        return set()
    return {clean_text(tag.strip()) for tag in value if isinstance(tag, str) and tag.strip()}


def number_or_none(value: object) -> float | None:
    """`value` if it is a finite number; booleans are 0 and 1."""
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def integer_or_none(value: object) -> int | None:
    """`value` if it is a whole number that fits into 64 bits; booleans are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**63) <= value < 2**63 else None


class TooDeep(Exception):
    """A parameter is nested deeper than MAX_DEPTH."""


def clean_value(value: object, depth: int = 0) -> Any:
    """A JSON value that every writer can write: clean texts, no NaN or infinity (None), integers within 64 bits.

    Larger integers become floats. Raises TooDeep.
    """
    if depth > MAX_DEPTH:
        raise TooDeep
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_value(item, depth + 1) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    whole = integer_or_none(value) if isinstance(value, int) else None
    return number_or_none(value) if whole is None else whole


def flatten(params: Mapping[str, Any]) -> tuple[tuple[str, str, float | None], ...]:
    """Parameters as (dotted name, text, number): one for each leaf, names unique, the last of equal names.

    A number's text is its JSON; a list is a leaf whose text is its JSON.
    """
    leaves: dict[str, tuple[str, str, float | None]] = {}

    def add(prefix: str, items: Mapping[str, Any]) -> None:
        for key, value in items.items():
            name = prefix + key
            if isinstance(value, dict) and value:
                add(f"{name}.", value)
            else:
                text = value if isinstance(value, str) else _json(value)
                leaves[name] = (name, text, number_or_none(value))

    add("", params)
    return tuple(leaves.values())
