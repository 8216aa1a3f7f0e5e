"""What the POST requests carry: JSON objects with known fields only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from runicorn_api.contract import read_filter_object
from runicorn_api.forms import json_kind
from runicorn_api.json_body import read_json
from runicorn_db.errors import InvalidQuery
from runicorn_db.query import (
    DEFAULT_DELETE_REASON,
    MAX_BATCH_DELETE,
    MAX_REASON_LENGTH,
    ExperimentQuery,
    shown,
)

MAX_TOTAL = 2**63 - 1
"""More than an index can count."""

BATCH_DELETE_FIELDS: Mapping[str, str] = {
    "exp_ids": f"Ids of experiments, 1 to {MAX_BATCH_DELETE}. Required.",
    "reason": f"Why, at most {MAX_REASON_LENGTH} characters; `{DEFAULT_DELETE_REASON}` when left out.",
    "dry_run": "`true`: change nothing, answer what would happen.",
}
BATCH_RESTORE_FIELDS: Mapping[str, str] = {"exp_ids": BATCH_DELETE_FIELDS["exp_ids"]}
DELETE_MATCHING_FIELDS: Mapping[str, str] = {
    "query": "Filters of the list by name, without `include_deleted`.",
    "expected_total": "How many experiments the list counted for this query. Required.",
    "reason": BATCH_DELETE_FIELDS["reason"],
    "dry_run": BATCH_DELETE_FIELDS["dry_run"],
    "all": "`true` is needed for a query without any filter, which takes every experiment.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDelete:
    ids: tuple[str, ...]
    reason: str
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMatching:
    query: ExperimentQuery
    expected_total: int
    reason: str
    dry_run: bool


def read_batch_delete(body: bytes) -> BatchDelete:
    values = read_object(body, BATCH_DELETE_FIELDS)
    return BatchDelete(
        ids=_read_ids(values, "delete"), reason=_read_reason(values), dry_run=_read_flag(values, "dry_run")
    )


def read_batch_restore(body: bytes) -> tuple[str, ...]:
    """The ids to restore."""
    return _read_ids(read_object(body, BATCH_RESTORE_FIELDS), "restore")


def read_delete_matching(body: bytes) -> DeleteMatching:
    values = read_object(body, DELETE_MATCHING_FIELDS)
    filters = values.get("query", {})
    if not isinstance(filters, dict):
        raise InvalidQuery(f"query must be an object, not {json_kind(filters)}")
    query = read_filter_object(cast(Mapping[str, object], filters))
    is_all = _read_flag(values, "all")
    if query.is_unfiltered and not is_all:
        raise InvalidQuery('query is empty: add "all": true to delete every experiment')
    return DeleteMatching(
        query=query,
        expected_total=_read_total(values),
        reason=_read_reason(values),
        dry_run=_read_flag(values, "dry_run"),
    )


def read_object(body: bytes, known: Mapping[str, str]) -> dict[str, Any]:
    value = read_json(body)
    if not isinstance(value, dict):
        raise InvalidQuery(f"The body must be a JSON object, not {json_kind(value)}")
    values = cast(dict[str, Any], value)
    for name in values:
        if name not in known:
            raise InvalidQuery(f"Unknown field '{shown(name)}': allowed are {', '.join(known)}")
    return values


def _read_ids(values: Mapping[str, Any], verb: str) -> tuple[str, ...]:
    given = values.get("exp_ids")
    if given is None or given == []:
        raise InvalidQuery("exp_ids is required")
    if not isinstance(given, list):
        raise InvalidQuery(f"exp_ids must be a list of strings, not {json_kind(given)}")
    for item in cast(Sequence[object], given):
        if not isinstance(item, str):
            raise InvalidQuery(f"exp_ids must be a list of strings, not of {json_kind(item)}")
    ids = tuple(dict.fromkeys(cast(Sequence[str], given)))
    if len(ids) > MAX_BATCH_DELETE:
        raise InvalidQuery(f"Cannot {verb} more than {MAX_BATCH_DELETE} experiments at once")
    return ids


def _read_reason(values: Mapping[str, Any]) -> str:
    reason = values.get("reason", DEFAULT_DELETE_REASON)
    if not isinstance(reason, str):
        raise InvalidQuery(f"reason must be a string, not {json_kind(reason)}")
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidQuery(f"reason must be at most {MAX_REASON_LENGTH} characters, not {len(reason)}")
    return reason or DEFAULT_DELETE_REASON


def _read_flag(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name, False)
    if not isinstance(value, bool):
        raise InvalidQuery(f"{name} must be true or false, not {json_kind(value)}")
    return value


def _read_total(values: Mapping[str, Any]) -> int:
    total = values.get("expected_total")
    if total is None:
        raise InvalidQuery("expected_total is required")
    if not isinstance(total, int) or isinstance(total, bool) or not 0 <= total <= MAX_TOTAL:
        raise InvalidQuery(f"expected_total must be an integer from 0 to {MAX_TOTAL}, not '{shown(total)}'")
    return total
