"""Deletion batches and their way back. Everything here runs inside the caller's write transaction.

An experiment is in the trash when `deleted_at` is set; `batch_id` names the act that put it there.
Each change is queued in `outbox`, so that marker and sidecar files follow even after a crash.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from runicorn_db.errors import UnknownBatch
from runicorn_db.query import DeletePreview, Source
from runicorn_db.rows import read_rows

_SAMPLE = 10


def keys_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, tuple[int, bool]]:
    """For each known id: its seq and whether it is in the trash."""
    sql = "SELECT id, seq, deleted_at IS NOT NULL FROM experiment WHERE id IN (SELECT value FROM json_each(?))"
    return {name: (seq, bool(gone)) for name, seq, gone in connection.execute(sql, (json.dumps(list(ids)),))}


def move_to_trash(
    connection: sqlite3.Connection, keys: Sequence[int], *, source: Source, reason: str, query: str
) -> tuple[int | None, int]:
    """Put live experiments into the trash as one batch; (batch id, how many). No batch when there is nothing to do."""
    now = time.time()
    wanted = json.dumps(list(keys))
    chosen = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL"
    count, size = connection.execute(
        f"SELECT count(*), coalesce(sum(size_bytes), 0) FROM experiment WHERE {chosen}", (wanted,)
    ).fetchone()
    if not count:
        return None, 0
    batch = connection.execute(
        "INSERT INTO batch (created_at, source, reason, query, count, size_bytes) VALUES (?, ?, ?, ?, ?, ?)",
        (now, source, reason, query, count, size),
    ).lastrowid
    connection.execute(
        "INSERT INTO outbox (experiment_seq, queued_at)"
        f" SELECT seq, ? FROM experiment WHERE {chosen}"
        " ON CONFLICT DO UPDATE SET queued_at = excluded.queued_at, attempts = 0, error = NULL",
        (now, wanted),
    )
    connection.execute(
        f"UPDATE experiment SET deleted_at = ?, delete_reason = ?, batch_id = ?, live = 0 WHERE {chosen}",
        (now, reason, batch, wanted),
    )
    return batch, count


def take_back(connection: sqlite3.Connection, keys: Sequence[int]) -> int:
    """Restore experiments from the trash; how many were in it."""
    now = time.time()
    wanted = json.dumps(list(keys))
    chosen = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NOT NULL"
    connection.execute(
        "INSERT INTO outbox (experiment_seq, queued_at)"
        f" SELECT seq, ? FROM experiment WHERE {chosen}"
        " ON CONFLICT DO UPDATE SET queued_at = excluded.queued_at, attempts = 0, error = NULL",
        (now, wanted),
    )
    return connection.execute(
        "UPDATE experiment SET deleted_at = NULL, delete_reason = NULL, batch_id = NULL, restored_at = ?,"
        f" live = (missing_at IS NULL) WHERE {chosen}",
        (now, wanted),
    ).rowcount


def batch_keys(connection: sqlite3.Connection, batch_id: int) -> list[int]:
    """What is still in the trash of a batch. Raises `UnknownBatch`."""
    if connection.execute("SELECT 1 FROM batch WHERE id = ?", (batch_id,)).fetchone() is None:
        raise UnknownBatch(f"Batch {batch_id} not found")
    sql = "SELECT seq FROM experiment WHERE batch_id = ? ORDER BY seq DESC"
    return [seq for (seq,) in connection.execute(sql, (batch_id,))]


def preview(connection: sqlite3.Connection, ids: Iterable[str]) -> DeletePreview:
    """What deleting `ids` would move to the trash."""
    sql = (
        "SELECT seq, experiment.id, status, project, coalesce(size_bytes, 0), created_at, is_pinned, is_writable"
        " FROM experiment JOIN root ON root.id = root_id"
        " WHERE experiment.id IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL ORDER BY seq DESC"
    )
    rows = connection.execute(sql, (json.dumps(list(ids)),)).fetchall()
    first = [row[0] for row in islice(rows, _SAMPLE)]
    last = [row[0] for row in rows[_SAMPLE:][-_SAMPLE:]]
    sample = [experiment for experiment in read_rows(connection, first + last) if experiment is not None]
    return DeletePreview(
        total=len(rows),
        size_bytes=sum(row[4] for row in rows),
        by_status=dict(Counter(row[2] for row in rows).most_common()),
        by_project=dict(Counter(row[3] for row in rows).most_common()),
        running=tuple(row[1] for row in rows if row[2] == "running"),
        pinned=tuple(row[1] for row in rows if row[6]),
        first=tuple(sample[: len(first)]),
        last=tuple(sample[len(first) :]),
        created_from=rows[-1][5] if rows else None,
        created_to=rows[0][5] if rows else None,
        index_only=sum(not row[7] for row in rows),
    )
