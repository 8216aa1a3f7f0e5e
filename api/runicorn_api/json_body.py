"""JSON in and out: strict when read, always valid when written."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

import msgspec

from runicorn_db.errors import InvalidQuery
from runicorn_db.query import shown

_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(value: object) -> bytes:
    """`value` as UTF-8 JSON: non-finite numbers are null, lone surrogates U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(value))


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, object], value).items()
        return {_without_surrogates(key): _without_surrogates(item) for key, item in items}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in cast(Sequence[object], value)]
    return value


def read_json(body: bytes) -> object:
    """The one JSON value in `body`.

    Raises InvalidQuery for anything that RFC 8259 or a careful reader would not accept: NaN, numbers
    beyond double precision, a byte order mark, invalid UTF-8, lone surrogates, a name twice in one object.
    """
    if body.startswith(codecs.BOM_UTF8):
        raise InvalidQuery("Invalid JSON: it begins with a byte order mark")
    try:
        value: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
        # Escaped lone surrogates pass the parser, and no UTF-8 text can hold them.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise InvalidQuery("Invalid JSON: nested too deeply") from None
    except UnicodeDecodeError as error:
        raise InvalidQuery(f"Invalid JSON: not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise InvalidQuery("Invalid JSON: a lone surrogate in a string") from None
    except ValueError as error:
        raise InvalidQuery(f"Invalid JSON: {_sentence(error)}") from None
    return value


def _sentence(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return str(error)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"'{shown(name)}' is given twice")
        found[name] = value
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> int:
    # As far as doubles go; Python would refuse to read thousands of digits in words of its own.
    _finite(text)
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number '{shown(text)}' is too large")
    return value
