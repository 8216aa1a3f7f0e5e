"""Printing to stdout: tables for people, CSV and JSON for programs.

Texts from data are made safe here for tables and CSV; JSON stays untouched.
"""

from __future__ import annotations

import csv
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TextIO

import click

from runicorn_api.json_body import to_json
from runicorn_db.text import csv_cell
from runicorn_tui.numeral import Numeral
from runicorn_tui.terminal import harmless, safe

Cell = str | int | float | bool | None

_NARROWEST = 8


def note(sentence: str) -> None:
    """A sentence for the person at the terminal: on stderr, so that stdout carries only data."""
    click.echo(safe(sentence), err=True)


# JSON


def write_json(value: object) -> None:
    """One JSON document on a line of its own."""
    write_bytes(to_json(value) + b"\n")


def write_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


class JsonArray:
    """One JSON array, written as its items become known, an item a line. Leave the `with` block to close it."""

    def __init__(self, write: Callable[[bytes], object] = write_bytes) -> None:
        self._write = write
        self._opening = b"["

    def __enter__(self) -> JsonArray:
        return self

    def add(self, items: Iterable[object]) -> None:
        for item in items:
            self._write(self._opening + b"\n" + to_json(item))
            self._opening = b","

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        # After an error the array stays open: half a list must not pass for a whole one.
        if error is None:
            self._write(b"[]\n" if self._opening == b"[" else b"\n]\n")


# CSV


class _Utf8:
    """stdout for data: UTF-8 whatever a terminal can show."""

    def write(self, text: str) -> int:
        write_bytes(text.encode("utf-8", "backslashreplace"))
        return len(text)


class CsvTable:
    """CSV as RFC 4180 has it, written row by row; None is an empty cell."""

    def __init__(self, header: Sequence[str], file: TextIO | None = None) -> None:
        self._writer = csv.writer(file or _Utf8(), lineterminator="\r\n")
        self._writer.writerow([csv_cell(title, harmless) for title in header])

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        self._writer.writerows([csv_cell(cell, harmless) for cell in row] for row in rows)


# Tables


def width(text: str) -> int:
    """How many terminal columns the text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    nothing = sum(unicodedata.combining(character) != 0 or character in "\u200c\u200d" for character in text)
    return len(text) + wide - nothing


def shortened(text: str, columns: int) -> str:
    """The text in at most so many terminal columns, with an ellipsis where it was cut; a number with fewer digits."""
    if isinstance(text, Numeral):
        return text.within(columns)
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """When a terminal is too narrow, `is_elastic` columns give way; when it still is, the last `is_extra` ones go."""

    title: str
    align: Literal["left", "right"] = "left"
    is_elastic: bool = False
    is_extra: bool = False


class Table:
    """Aligned columns for people. The first rows that are added settle the widths.

    On a terminal a row fits its width; elsewhere nothing is cut.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._widths: list[int] | None = None
        self._is_terminal = sys.stdout.isatty()

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        texts = [[cell if isinstance(cell, Numeral) else safe(cell) for cell in row] for row in rows]
        if self._widths is None:
            self._widths = self._fitted(texts)
            self._write([column.title for column in self._columns])
        for row in texts:
            self._write(row)

    def _fitted(self, rows: list[list[str]]) -> list[int]:
        """The width of each column; 0 for one that is not shown."""
        titles = [column.title for column in self._columns]
        widths = [max(map(width, cells)) for cells in zip(titles, *rows, strict=True)]
        if not self._is_terminal:
            return widths
        least = [min(w, _NARROWEST) if c.is_elastic else w for w, c in zip(widths, self._columns, strict=True)]
        extra = [i for i, column in enumerate(self._columns) if column.is_extra]
        while self._surplus(least) > 0 and extra:
            dropped = extra.pop()
            least[dropped] = widths[dropped] = 0
        elastic = [i for i, column in enumerate(self._columns) if column.is_elastic and widths[i] > _NARROWEST]
        for _ in range(self._surplus(widths)):
            widest = max(elastic, key=lambda i: widths[i], default=None)
            if widest is None or widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
        return widths

    @staticmethod
    def _surplus(widths: Sequence[int]) -> int:
        shown = [columns for columns in widths if columns]
        return sum(shown) + 2 * (len(shown) - 1) - shutil.get_terminal_size().columns

    def _write(self, row: Sequence[str]) -> None:
        assert self._widths is not None
        cells: list[str] = []
        for text, columns, column in zip(row, self._widths, self._columns, strict=True):
            if not columns:
                continue
            shown = shortened(text, columns) if self._is_terminal and column.is_elastic else text
            padding = " " * max(0, columns - width(shown))
            cells.append(padding + shown if column.align == "right" else shown + padding)
        click.echo("  ".join(cells).rstrip())


def write_fields(values: Mapping[str, str]) -> None:
    """`name  value` lines with the values below each other."""
    longest = max((width(safe(name)) for name in values), default=0)
    for name, value in values.items():
        label = safe(name)
        click.echo(f"{label}{' ' * (longest - width(label))}  {safe(value)}".rstrip())
