"""Marker and sidecar files follow the index: what is queued is written, also after a crash.

A queued row says only which experiment; what its files must say is read from the index, so writing twice does no harm.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from runicorn_db.database import Database
from runicorn_db.sources.sidecar import NotWritable, remove_marker, update_sidecar, write_marker

_PART = 100


class _Due(NamedTuple):
    seq: int
    queued_at: float
    root: str
    path: bytes
    layout: str
    status: str
    deleted_at: float | None
    delete_reason: str | None
    restored_at: float | None
    tags: str | None
    has_own_description: int
    description: str | None
    pin: int | None


_SELECT = """
SELECT experiment_seq, queued_at, root.path, experiment.path, layout, written_status, deleted_at, delete_reason,
    restored_at, CASE WHEN has_own_tags THEN tags END, has_own_description, description,
    CASE WHEN has_own_pin THEN is_pinned END
FROM outbox JOIN experiment ON experiment.seq = experiment_seq JOIN root ON root.id = root_id
WHERE missing_at IS NULL AND (is_writable OR attempts = 0) AND experiment_seq > ? ORDER BY experiment_seq LIMIT ?
"""


def flush(database: Database, *, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Write what is due, each file once; how many experiments are still waiting, with the reason noted."""
    last = -1
    while not should_stop():
        with database.snapshot() as connection:
            due = [_Due(*row) for row in connection.execute(_SELECT, (last, _PART))]
        if not due:
            break
        last = due[-1].seq
        tried: list[_Due] = []
        failures: dict[int, str] = {}
        for row in due:
            if should_stop():
                break
            tried.append(row)
            if (reason := _write(row)) is not None:
                failures[row.seq] = reason
        with database.writing() as connection:
            # A change that came meanwhile has another time and stays.
            connection.executemany(
                "DELETE FROM outbox WHERE experiment_seq = ? AND queued_at = ?",
                [(row.seq, row.queued_at) for row in tried if row.seq not in failures],
            )
            connection.executemany(
                "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE experiment_seq = ?",
                [(error, seq) for seq, error in failures.items()],
            )
    with database.snapshot() as connection:
        return waiting(connection)


def waiting(connection: sqlite3.Connection) -> int:
    """How many experiments have files that are not written yet."""
    (count,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    return count


def _write(row: _Due) -> str | None:
    """Make the files of one experiment say what the index says; the reason when that is not possible."""
    try:
        if row.layout != "0.7":
            if row.deleted_at is not None:
                write_marker(
                    row.root,
                    row.path,
                    deleted_at=row.deleted_at,
                    reason=row.delete_reason or "",
                    original_status=row.status,
                )
            else:
                remove_marker(row.root, row.path)
        values, removed = _sidecar_values(row)
        update_sidecar(row.root, row.path, values, remove=removed)
    except NotWritable as error:
        return error.reason
    return None


def _sidecar_values(row: _Due) -> tuple[dict[str, object], set[str]]:
    values: dict[str, object] = {}
    if row.tags is not None:
        values["tags"] = json.loads(row.tags)
    if row.has_own_description:
        values["description"] = row.description
    if row.pin is not None:
        values["pinned"] = bool(row.pin)
    if row.deleted_at is not None and row.layout == "0.7":
        values |= {"deleted_at": row.deleted_at, "delete_reason": row.delete_reason or ""}
    if row.deleted_at is None and row.restored_at is not None:
        values["restored_at"] = row.restored_at
    return values, {"deleted_at", "delete_reason", "restored_at"} - values.keys()
