"""Cursors: texts that say where in which list the next page begins."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import replace

from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue, Value
from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.text import is_unicode

_TEXT_COLUMNS = ("name", "project", "status")

Position = tuple[Value, float, str]
"""The value that the list is ordered by (None for `created_at`), `created_at` and id of the last experiment seen."""


def write_cursor(query: ExperimentQuery, last: Experiment, value: Value = None) -> str:
    """An opaque text that continues after `last`; `value`: what it is ordered by where that is a named value."""
    if not isinstance(query.order_by, NamedValue) and query.order_by != "created_at":
        value = getattr(last, query.order_by)
    content = json.dumps([_fingerprint(query), value, last.created_at, last.id]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_cursor(query: ExperimentQuery) -> Position:
    """Where the cursor of `query` stands. Raises `InvalidQuery` for what `write_cursor` did not write for it."""
    text = query.cursor or ""
    try:
        content = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        fingerprint, value, created_at, name = content
    except (ValueError, TypeError, RecursionError):
        raise _refused() from None
    if fingerprint != _fingerprint(query):
        raise InvalidQuery("cursor belongs to another query: the order and the filters must stay the same")
    if not (_is_value(query, value) and _is_number(created_at) and _is_text(name)):
        raise _refused()
    return value, created_at, name


def _refused() -> InvalidQuery:
    return InvalidQuery("cursor must be the next_cursor of an earlier answer")


def _is_value(query: ExperimentQuery, value: object) -> bool:
    if query.order_by in _TEXT_COLUMNS:
        return _is_text(value)
    is_param = isinstance(query.order_by, NamedValue) and query.order_by.is_param
    return value is None or _is_number(value) or (is_param and _is_text(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and is_unicode(value)


def _is_number(value: object) -> bool:
    """Whether SQLite can hold it."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return isinstance(value, float) and math.isfinite(value)


def _fingerprint(query: ExperimentQuery) -> str:
    same = replace(query, page=1, per_page=50, cursor=None)
    return hashlib.blake2b(repr(same).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
