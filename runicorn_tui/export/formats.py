"""How the rows of an export are written: CSV, JSON, JSON lines, Parquet."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO, Protocol

from runicorn_api.json_body import to_json
from runicorn_tui.export import ExportError, Format
from runicorn_tui.export.tables import Cell, Field, Kind, Row
from runicorn_tui.output import CsvTable, JsonArray

TITLES: dict[Format, str] = {"csv": "CSV", "json": "JSON", "jsonl": "JSON lines", "parquet": "Parquet"}

NO_PARQUET = "Parquet needs pyarrow: pip install 'runicorn-tui[parquet]'"

_ROW_GROUP = 1 << 13


class Writer(Protocol):
    """Writes rows to a stream that its caller opens and closes; `finish` ends a whole file, `close` any."""

    def add(self, rows: Sequence[Row]) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


def writer(format: Format, stream: BinaryIO, fields: Sequence[Field]) -> Writer:
    """Raises ExportError when the format needs something that is not installed."""
    return _WRITERS[format](stream, fields)


def has_parquet() -> bool:
    return find_spec("pyarrow") is not None


def check(format: Format) -> None:
    """Raises ExportError when the format needs something that is not installed."""
    if format == "parquet" and not has_parquet():
        raise ExportError(NO_PARQUET)


class _Csv:
    """RFC 4180 in UTF-8; what a spreadsheet could take for a formula begins with an apostrophe."""

    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        self._stream = stream
        self._text = io.StringIO(newline="")
        self._table = CsvTable([field.name for field in fields], self._text)

    def add(self, rows: Sequence[Row]) -> None:
        self._table.add([",".join(cell) if isinstance(cell, tuple) else cell for cell in row] for row in rows)
        self.finish()

    def finish(self) -> None:
        self._stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def close(self) -> None:
        return


class _Json:
    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        self._names = [field.name for field in fields]
        self._array = JsonArray(stream.write)

    def add(self, rows: Sequence[Row]) -> None:
        self._array.add(dict(zip(self._names, row, strict=True)) for row in rows)

    def finish(self) -> None:
        with self._array:
            pass

    def close(self) -> None:
        return


class _JsonLines:
    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        self._stream = stream
        self._names = [field.name for field in fields]

    def add(self, rows: Sequence[Row]) -> None:
        self._stream.writelines(to_json(dict(zip(self._names, row, strict=True))) + b"\n" for row in rows)

    def finish(self) -> None:
        return

    def close(self) -> None:
        return


class _Parquet:
    def __init__(self, stream: BinaryIO, fields: Sequence[Field]) -> None:
        check("parquet")
        # Heavy, wanted by few, and without types of its own.
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
        types: dict[Kind, Any] = {
            "text": arrow.string(),
            "texts": arrow.list_(arrow.string()),
            "integer": arrow.int64(),
            "number": arrow.float64(),
            "truth": arrow.bool_(),
        }
        self._arrow = arrow
        self._convert = [_CONVERSIONS[field.kind] for field in fields]
        self._schema: Any = arrow.schema([(field.name, types[field.kind]) for field in fields])
        self._writer: Any = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        if len(self._rows) >= _ROW_GROUP:
            self._write()

    def finish(self) -> None:
        if self._rows:
            self._write()
        self._writer.close()

    def close(self) -> None:
        # It would end the file as if it were whole, once it is forgotten.
        self._writer.is_open = False

    def _write(self) -> None:
        columns = list(zip(*self._rows, strict=True))
        self._rows = []
        try:
            arrays = [
                self._arrow.array([None if cell is None else convert(cell) for cell in column], type=field.type)
                for column, convert, field in zip(columns, self._convert, self._schema, strict=True)
            ]
        except (ValueError, TypeError, OverflowError) as error:
            raise ExportError(f"A value changed its type while it was exported; export again ({error})") from error
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        return to_json(cell).decode()
    # Lone surrogates, such as those of a path that is no UTF-8, fit into no Parquet text.
    return cell if cell.isascii() else cell.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _texts(cell: Any) -> list[str]:
    return [_text(text) for text in cell]


_CONVERSIONS: dict[Kind, Callable[[Any], Cell | list[str]]] = {
    "text": _text,
    "texts": _texts,
    "integer": int,
    "number": float,
    "truth": bool,
}
_WRITERS: dict[Format, Callable[[BinaryIO, Sequence[Field]], Writer]] = {
    "csv": _Csv,
    "json": _Json,
    "jsonl": _JsonLines,
    "parquet": _Parquet,
}
