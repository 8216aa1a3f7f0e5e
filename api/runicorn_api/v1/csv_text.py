"""Columns as CSV that no spreadsheet takes for anything but values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from runicorn_api.answers import Column

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ROWS_AT_ONCE = 1000


def csv_parts(columns: Mapping[str, Column]) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, the names first; None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(csv_cell, columns))
    for start in range(0, len(next(iter(columns.values()), ())), _ROWS_AT_ONCE):
        parts = [map(csv_cell, column[start : start + _ROWS_AT_ONCE]) for column in columns.values()]
        writer.writerows(zip(*parts, strict=True))
        yield _taken(text)
    yield _taken(text)


def csv_cell(value: float | str | None) -> float | str | None:
    """Texts of one line that begin no formula: those that could begin one get an apostrophe. Numbers stay."""
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.startswith(_FORMULA_STARTS) else printable(value)


def printable(text: str) -> str:
    r"""`text` with `\x1b` and the like for what would not be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _taken(text: io.StringIO) -> bytes:
    part = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return part
