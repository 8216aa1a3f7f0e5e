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

from runicorn_db.errors import UnknownBatch
from runicorn_db.query import DeletePreview, Experiment, Source
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
    is_number = 0 < batch_id < 1 << 63
    if not is_number or connection.execute("SELECT 1 FROM batch WHERE id = ?", (batch_id,)).fetchone() is None:
        raise UnknownBatch(f"Batch {batch_id} not found")
    sql = "SELECT seq FROM experiment WHERE batch_id = ? ORDER BY seq DESC"
    return [seq for (seq,) in connection.execute(sql, (batch_id,))]


def preview(connection: sqlite3.Connection, ids: Iterable[str]) -> DeletePreview:
    """What deleting `ids` would move to the trash."""
    wanted = json.dumps(list(ids))
    chosen = "experiment.id IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL"
    by_status: Counter[str] = Counter()
    by_project: Counter[str] = Counter()
    sizes, index_only = 0, 0
    created: list[float] = []
    sql = (
        "SELECT status, project, count(*), coalesce(sum(size_bytes), 0), sum(NOT is_writable), min(created_at),"
        f" max(created_at) FROM experiment JOIN root ON root.id = root_id WHERE {chosen} GROUP BY status, project"
    )
    for status, project, count, size, unwritable, oldest, newest in connection.execute(sql, (wanted,)):
        by_status[status] += count
        by_project[project] += count
        sizes += size
        index_only += unwritable
        created += oldest, newest
    protected = f"SELECT id, status, is_pinned FROM experiment WHERE {chosen} AND (status = 'running' OR is_pinned)"
    guarded = connection.execute(f"{protected} ORDER BY seq DESC", (wanted,)).fetchall()
    first, last = _ends(connection, chosen, wanted, total=sum(by_status.values()))
    return DeletePreview(
        total=sum(by_status.values()),
        size_bytes=sizes,
        by_status=dict(by_status.most_common()),
        by_project=dict(by_project.most_common()),
        running=tuple(name for name, status, _ in guarded if status == "running"),
        pinned=tuple(name for name, _, is_pinned in guarded if is_pinned),
        first=first,
        last=last,
        created_from=min(created, default=None),
        created_to=max(created, default=None),
        index_only=index_only,
    )


def _ends(
    connection: sqlite3.Connection, chosen: str, wanted: str, *, total: int
) -> tuple[tuple[Experiment, ...], tuple[Experiment, ...]]:
    """The newest and, where there are more, the oldest of what was chosen."""
    sql = f"SELECT seq FROM experiment WHERE {chosen} ORDER BY seq"
    newest = connection.execute(f"{sql} DESC LIMIT ?", (wanted, _SAMPLE)).fetchall()
    oldest = connection.execute(f"{sql} LIMIT ?", (wanted, max(0, min(_SAMPLE, total - _SAMPLE)))).fetchall()
    rows = [read_rows(connection, [seq for (seq,) in keys]) for keys in (newest, oldest[::-1])]
    first, last = (tuple(row for row in part if row is not None) for part in rows)
    return first, last
