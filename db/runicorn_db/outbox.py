"""Marker and sidecar files follow the index: what is queued is written, also after a crash.

A queued row says only which experiment; what its files must say is read from the index, so writing twice does no harm.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from runicorn_db import recycle
from runicorn_db.database import Database
from runicorn_db.recycle import recycled_path
from runicorn_db.sources.sidecar import NotWritable, remove_marker, update_sidecar, write_marker

_PART = 100


class _Due(NamedTuple):
    seq: int
    queued_at: float
    root_id: int
    root: str
    path: bytes
    home: bytes | None
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
SELECT experiment_seq, queued_at, root_id, root.path, experiment.path, home, layout, written_status, deleted_at,
    delete_reason, restored_at, CASE WHEN has_own_tags THEN tags END, has_own_description, description,
    CASE WHEN has_own_pin THEN is_pinned END
FROM outbox JOIN experiment ON experiment.seq = experiment_seq JOIN root ON root.id = root_id
WHERE missing_at IS NULL AND (is_writable OR attempts = 0) AND experiment_seq > ? ORDER BY experiment_seq LIMIT ?
"""


def flush(database: Database, *, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Write what is due, each file once; how many experiments are still waiting, with the reason noted."""
    last = -1
    while not should_stop():
        with database.snapshot() as connection:
            due = [_due(row) for row in connection.execute(_SELECT, (last, _PART))]
        if not due:
            break
        last = due[-1].seq
        tried: list[_Due] = []
        moved: list[tuple[_Due, bytes]] = []
        failures: dict[int, str] = {}
        for row in due:
            if should_stop():
                break
            tried.append(row)
            try:
                if (place := _write(row)) != row.path:
                    moved.append((row, place))
            except NotWritable as error:
                failures[row.seq] = error.reason
        with database.writing() as connection:
            _note_moves(connection, moved)
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


def _due(values: Sequence[Any]) -> _Due:
    row = _Due(*values)
    if not isinstance(row.root, str) or not isinstance(row.path, bytes):
        # Of a damaged index: then nothing is written anywhere.
        raise ValueError("No place where a run lies")
    return row


def queue(connection: sqlite3.Connection, chosen: str, wanted: str, now: float) -> None:
    """Have the files of experiments written again; `chosen` is a condition that takes `wanted`, seqs as JSON."""
    connection.execute(
        "INSERT INTO outbox (experiment_seq, queued_at)"
        f" SELECT seq, ? FROM experiment WHERE {chosen}"
        " ON CONFLICT DO UPDATE SET queued_at = excluded.queued_at, attempts = 0, error = NULL",
        (now, wanted),
    )


def waiting(connection: sqlite3.Connection) -> int:
    """How many experiments have files that are not written yet."""
    (count,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    return count


def _note_moves(connection: sqlite3.Connection, moved: list[tuple[_Due, bytes]]) -> None:
    for row, place in moved:
        connection.execute("UPDATE experiment SET path = ? WHERE seq = ? AND path = ?", (place, row.seq, row.path))
        # A sync may have found it there already.
        connection.execute(
            "UPDATE OR REPLACE run_directory SET path = ? WHERE root_id = ? AND path = ?",
            (place, row.root_id, row.path),
        )


def _write(row: _Due) -> bytes:
    """Make the files of one experiment say what the index says; where its directory is now. Raises NotWritable."""
    if row.home is not None and row.path in (row.home, recycled_path(row.home)):
        return _write_recycled(row, row.home)
    if row.layout != "0.7":
        if row.deleted_at is not None:
            _write_marker(row, row.path)
        else:
            remove_marker(row.root, row.path)
    _update_sidecar(row, row.path, holds_deletion=row.layout == "0.7")
    return row.path


def _write_recycled(row: _Due, home: bytes) -> bytes:
    """The same where a deletion asked for the move to `.recycle`, which the marker and the place then tell."""
    wanted = home if row.deleted_at is None else recycled_path(home)
    place = recycle.find(row.root, row.path, wanted)
    if row.deleted_at is not None:
        _write_marker(row, place, original_path=recycle.original_path(home))
    _update_sidecar(row, place, holds_deletion=False)
    if place != wanted:
        recycle.move(row.root, place, wanted)
    if row.deleted_at is None:
        remove_marker(row.root, wanted)
    return wanted


def _write_marker(row: _Due, path: bytes, *, original_path: str | None = None) -> None:
    assert row.deleted_at is not None
    write_marker(
        row.root,
        path,
        deleted_at=row.deleted_at,
        reason=row.delete_reason or "",
        original_status=row.status,
        original_path=original_path,
    )


def _update_sidecar(row: _Due, path: bytes, *, holds_deletion: bool) -> None:
    values, removed = _sidecar_values(row, holds_deletion=holds_deletion)
    update_sidecar(row.root, path, values, remove=removed)


def _sidecar_values(row: _Due, *, holds_deletion: bool) -> tuple[dict[str, object], set[str]]:
    values: dict[str, object] = {}
    if row.tags is not None:
        values["tags"] = json.loads(row.tags)
    if row.has_own_description:
        values["description"] = row.description
    if row.pin is not None:
        values["pinned"] = bool(row.pin)
    if row.deleted_at is not None and holds_deletion:
        values |= {"deleted_at": row.deleted_at, "delete_reason": row.delete_reason or ""}
    if row.deleted_at is None and row.restored_at is not None:
        values["restored_at"] = row.restored_at
    return values, {"deleted_at", "delete_reason", "restored_at"} - values.keys()
