"""A `runicorn.db` of the original Runicorn as a source: what no file of a run says.

The file is never opened where it could change: SQLite makes `-shm` and `-wal` files even for a
read-only connection. Without a log beside it, it is opened as immutable; with one, a private copy is opened.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote

from runicorn_db.sources.files import FileProblem, Unreadable, clean_text, open_regular, reason_of
from runicorn_db.sources.values import integer_or_none, number_or_none, text_or_none, time_or_none

DATABASE_PATHS = (b"runicorn.db", b"index/runicorn.db")
MAX_DATABASE_BYTES = 2 * 2**30
MAX_SECONDS = 20.0

_LOGS = (b"-wal", b"-journal")
_LOG_HEADER_BYTES = 32
_ATTEMPTS = 3
_RESERVED = frozenset({"global_step", "step", "time", "stage", "epoch"})
_STEPS_PER_CHECK = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRow:
    """What the database knows of one run."""

    best_metric_name: str | None = None
    best_metric_value: float | None = None
    best_metric_step: int | None = None
    best_metric_mode: str | None = None
    deleted_at: float | None = None
    delete_reason: str | None = None
    tags: frozenset[str] = frozenset()


class SeriesRow(NamedTuple):
    """One logged value. `value` is NaN for one that was logged as NaN; `logged_at` may be unknown."""

    name: str
    step: int
    value: float
    logged_at: float | None


class _Changed(Exception):
    """The database was written to while it was read."""


class LegacyDatabase:
    """One `runicorn.db`, read completely when opened; `series` reads more until `close`."""

    def __init__(self, path: bytes, connection: sqlite3.Connection, copy: tempfile.TemporaryDirectory[str] | None):
        self.path = path
        self.rows: Mapping[str, LegacyRow] = {}
        self._connection = connection
        self._copy = copy
        self._deadline = math.inf
        connection.set_progress_handler(self._is_late, _STEPS_PER_CHECK)

    @classmethod
    def open(cls, root: str, path: bytes, problems: list[FileProblem]) -> Self | None:
        """Read `path` below `root`, or None with a problem if it is damaged, too large or never at rest.

        A database without the tables of Runicorn is one without rows, and no problem.
        """
        full = os.fsencode(root) + b"/" + path
        message = "Written to all the time while it was read"
        for _ in range(_ATTEMPTS):
            try:
                return cls._open_once(full, path)
            except _Changed:
                continue
            except Unreadable as error:
                message = error.reason
            except OSError as error:
                message = f"Cannot be copied: {reason_of(error)}"
            except (sqlite3.Error, sqlite3.Warning) as error:
                message = f"Not readable as a database: {error}"
            break
        problems.append(FileProblem(path=path, message=clean_text(message)))
        return None

    @classmethod
    def _open_once(cls, full: bytes, path: bytes) -> Self:
        _check(full)
        before = _state(full)
        copy = _copy(full, before) if any(size for _, size in before[1:]) else None
        try:
            connection = _connect(full) if copy is None else _connect_copy(copy)
        except sqlite3.Error:
            if copy is not None:
                copy.cleanup()
            raise
        database = cls(path, connection, copy)
        try:
            database.rows = database._read_rows()
        except (sqlite3.Error, sqlite3.Warning):
            database.close()
            # A database that is being written to can look damaged.
            if copy is None and _state(full) != before:
                raise _Changed from None
            raise
        if copy is None and _state(full) != before:
            database.close()
            raise _Changed
        return database

    def close(self) -> None:
        """Close the connection and remove the copy, if there was one."""
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def series(self, run_id: str) -> Iterator[SeriesRow]:
        """The numeric points of a run in the order they were logged. Raises Unreadable on damage."""
        try:
            columns = self._columns("metrics")
            if not {"experiment_id", "timestamp", "metric_name", "metric_value", "step"} <= columns:
                return
            order = "id" if "id" in columns else "timestamp"
            self._deadline = time.monotonic() + MAX_SECONDS
            rows = self._connection.execute(
                "SELECT metric_name, step, metric_value, timestamp FROM metrics"
                f" WHERE experiment_id = ? ORDER BY {order}",
                (run_id,),
            )
            for name, step, value, logged_at in rows:
                point = _point(name, step, value, logged_at)
                if point is not None:
                    yield point
        except sqlite3.Error as error:
            raise Unreadable(f"Not readable as a database: {clean_text(str(error))}") from error

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _columns(self, table: str) -> set[str]:
        """The columns of a table; none if there is no such table (a view is not one)."""
        rows = self._connection.execute(
            "SELECT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
            " WHERE t.name = ? AND t.sql LIKE 'CREATE TABLE%'",
            (table,),
        )
        return {name for (name,) in rows}

    def _read_rows(self) -> dict[str, LegacyRow]:
        self._deadline = time.monotonic() + MAX_SECONDS
        rows: dict[str, LegacyRow] = {}
        for table, key in (("runs", "run_id"), ("experiments", "id")):
            columns = self._columns(table)
            if key in columns:
                rows.update(self._read_table(table, key, columns))
        if {"experiment_id", "tag"} <= self._columns("experiment_tags"):
            for run_id, tag in self._connection.execute("SELECT experiment_id, tag FROM experiment_tags"):
                if isinstance(tag, str) and tag.strip():
                    row = rows.get(run_id, LegacyRow())
                    rows[run_id] = replace(row, tags=row.tags | {clean_text(tag.strip())})
        return rows

    def _read_table(self, table: str, key: str, columns: set[str]) -> Iterator[tuple[str, LegacyRow]]:
        wanted = [
            name if name in columns else "NULL"
            for name in (
                "best_metric_name",
                "best_metric_value",
                "best_metric_step",
                "best_metric_mode",
                "deleted_at",
                "delete_reason",
            )
        ]
        rows = self._connection.execute(f"SELECT {key}, {', '.join(wanted)} FROM {table}")
        for run_id, name, value, step, mode, deleted_at, reason in rows:
            if not isinstance(run_id, str):
                continue
            yield (
                run_id,
                LegacyRow(
                    best_metric_name=text_or_none(name),
                    best_metric_value=number_or_none(value),
                    best_metric_step=integer_or_none(step),
                    best_metric_mode=mode if mode in ("max", "min") else None,
                    deleted_at=time_or_none(deleted_at),
                    delete_reason=text_or_none(reason),
                ),
            )


def _point(name: object, step: object, value: object, logged_at: object) -> SeriesRow | None:
    if not isinstance(name, str) or name in _RESERVED or not isinstance(step, int):
        return None
    if value is None:
        value = math.nan
    if not isinstance(value, (int, float)):
        return None
    return SeriesRow(clean_text(name), step, float(value), time_or_none(logged_at))


def _state(full: bytes) -> list[tuple[int, int]]:
    """Modification time and size of the database and of the logs beside it; (0, 0) if missing."""
    state: list[tuple[int, int]] = []
    for suffix in (b"", *_LOGS):
        try:
            status = os.lstat(full + suffix)
        except FileNotFoundError:
            state.append((0, 0))
        else:
            state.append((status.st_mtime_ns, status.st_size))
    return state


def _check(full: bytes) -> None:
    """Refuse what is no plain file, or too large."""
    size = 0
    for suffix in (b"", *_LOGS):
        try:
            descriptor = open_regular(full + suffix)
        except Unreadable as error:
            if error.is_missing and suffix:
                continue
            raise
        size += os.fstat(descriptor).st_size
        os.close(descriptor)
    if size > MAX_DATABASE_BYTES:
        raise Unreadable(f"Larger than {MAX_DATABASE_BYTES // 2**30} GiB")


def _copy(full: bytes, before: list[tuple[int, int]]) -> tempfile.TemporaryDirectory[str]:
    """A private copy of the database and its logs that is one state of it. Raises _Changed when it cannot be.

    While a write-ahead log only grows, the database and a log that is copied after it belong
    together: what a checkpoint may have brought into the one is in the other too, and half a commit is
    told by its checksum. A log that was begun anew has another header (https://sqlite.org/walformat.html).
    """
    directory = tempfile.TemporaryDirectory(prefix="runicorn-tui-", ignore_cleanup_errors=True)
    try:
        header = _log_header(full)
        for suffix in (b"", *_LOGS):
            _copy_file(full + suffix, Path(directory.name, f"copy.db{suffix.decode()}"))
        has_journal = before[2][1] > 0
        if _log_header(full) != header or (has_journal and _state(full) != before):
            raise _Changed
    except (OSError, Unreadable, _Changed):
        directory.cleanup()
        raise
    return directory


def _log_header(full: bytes) -> bytes:
    try:
        descriptor = open_regular(full + _LOGS[0])
    except Unreadable as error:
        if error.is_missing:
            return b""
        raise
    try:
        return os.read(descriptor, _LOG_HEADER_BYTES)
    finally:
        os.close(descriptor)


def _copy_file(source: bytes, target: Path) -> None:
    try:
        descriptor = open_regular(source)
    except Unreadable as error:
        if error.is_missing:
            return
        raise
    with open(descriptor, "rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)


def _connect(full: bytes) -> sqlite3.Connection:
    uri = f"file:{quote(os.path.realpath(full))}?immutable=1"
    return _configured(sqlite3.connect(uri, uri=True, check_same_thread=False))


def _connect_copy(copy: tempfile.TemporaryDirectory[str]) -> sqlite3.Connection:
    return _configured(sqlite3.connect(Path(copy.name, "copy.db"), check_same_thread=False))


def _configured(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    # The schema is a stranger's: nothing in it may call functions with side effects.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection
