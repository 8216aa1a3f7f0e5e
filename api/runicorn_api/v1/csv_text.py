"""Columns as CSV that no spreadsheet takes for anything but values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from runicorn_api.answers import Column
from runicorn_db.text import csv_cell, printable

_ROWS_AT_ONCE = 1000


def csv_parts(columns: Mapping[str, Column]) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, the names first; None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_cells(columns))
    for start in range(0, len(next(iter(columns.values()), ())), _ROWS_AT_ONCE):
        parts = [_cells(column[start : start + _ROWS_AT_ONCE]) for column in columns.values()]
        writer.writerows(zip(*parts, strict=True))
        yield _taken(text)
    yield _taken(text)


def _cells(values: Iterable[float | str | None]) -> Iterator[float | str | None]:
    return (csv_cell(value, printable) for value in values)


def _taken(text: io.StringIO) -> bytes:
    part = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return part
