"""Rows as a DataFrame of pandas or polars, whichever the caller has installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from runicorn_tui.client.errors import MissingPackage

_TEXTS = "tuple[str, ...]"
_PANDAS_TYPES = {"float": "float64", "int": "Int64"}
_POLARS_TYPES = {"float": "Float64", "int": "Int64", "str": "String"}


def kinds_of(record: type) -> dict[str, str]:
    """What each field of a record holds, without the `| None` that any column may have."""
    return {name: str(kind).removesuffix(" | None") for name, kind in record.__annotations__.items()}


def to_pandas(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> Any:
    """A column for each of `kinds`: its type does not depend on which values happen to be missing."""
    pandas = _package("pandas")
    columns = {name: pandas.Series(_values(rows, name), dtype=_PANDAS_TYPES.get(kind)) for name, kind in kinds.items()}
    return pandas.DataFrame(columns, index=range(len(rows)))


def to_polars(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> Any:
    """As `to_pandas`."""
    polars = _package("polars")
    known = {kind: getattr(polars, name) for kind, name in _POLARS_TYPES.items()}
    known[_TEXTS] = polars.List(polars.String)
    return polars.DataFrame(
        [polars.Series(name, _values(rows, name), dtype=known.get(kind), strict=False) for name, kind in kinds.items()]
    )


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row.get(name) for row in rows]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingPackage(f"to_{name}() needs {name}, which is not installed: pip install {name}") from None
