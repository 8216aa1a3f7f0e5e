"""Filters as keyword arguments, and how they are written for the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast
from urllib.parse import quote, urlencode


class Filters(TypedDict, total=False):
    """Which experiments; all of them must hold together, and `None` is "not given".

    `status` (any of them), `tags` (all of them) and `roots` (any of them) are one text or several. `created_after` and
    `created_before` are Unix seconds; bounds are inclusive. `filter` is a text in the filter language, such as
    `status:failed acc>0.9 -tag:keep`.
    """

    project: str | None
    name: str | None
    status: str | Iterable[str] | None
    tags: str | Iterable[str] | None
    search: str | None
    created_after: float | None
    created_before: float | None
    best_metric_min: float | None
    best_metric_max: float | None
    include_deleted: bool | None
    filter: str | None
    roots: str | Iterable[str] | None


def given(values: Mapping[str, object]) -> dict[str, Any]:
    """The values that are given, as JSON has them. Raises ValueError for an empty one.

    The server takes an empty value for "not given", and would answer with more than was asked for.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, (str, bool, int, float)):
            value = _texts(name, value)
        if value in ("", []):
            raise ValueError(f"{name} is empty: leave it out, or give None")
        found[name] = value
    return found


def _texts(name: str, values: object) -> list[str]:
    texts = list(cast(Iterable[object], values)) if isinstance(values, Iterable) else [values]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a number, a text or several texts, not {text!r}")
        # The server trims them, and forgets those of which nothing is left.
        if not text or text != text.strip():
            raise ValueError(f"{name} cannot ask for {text!r}: it begins or ends with white space, or is empty")
    return cast(list[str], texts)


def query_texts(values: Mapping[str, object]) -> dict[str, str]:
    """The parameters of a query string. Raises ValueError for a value that none can say."""
    return {name: _text(name, value) for name, value in given(values).items()}


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        texts = cast(list[str], value)
        for text in texts:
            if "," in text:
                raise ValueError(f"{name} cannot ask for {text!r}: a list is separated by commas")
        return ",".join(texts)
    return str(value)


def encoded(texts: Mapping[str, str]) -> str:
    """The query string, with its question mark if there is anything to ask."""
    return f"?{urlencode(texts, quote_via=quote, safe=':,')}" if texts else ""


def segment(experiment_id: str) -> str:
    """An id as a part of a path. Raises ValueError for an empty one: it would be another path."""
    if not experiment_id:
        raise ValueError("The id of an experiment is empty")
    return quote(experiment_id, safe="")


def ids_of(ids: str | Iterable[str]) -> list[str]:
    """One id or several, as a list."""
    return [ids] if isinstance(ids, str) else list(ids)
