"""Deletion batches and their way back. Everything here runs inside the caller's write transaction.

An experiment is in the trash when `deleted_at` is set; `batch_id` names the act that put it there.
Each change is queued in `outbox`, so that marker and sidecar files follow even after a crash.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from runicorn_db.errors import UnknownBatch
from runicorn_db.query import DeletePreview, Experiment, Source
from runicorn_db.rows import read_rows

_SAMPLE = 10
_PART = 10_000
"""So many are looked at in one question: a million as one JSON text would take hundreds of megabytes."""


def keys_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, tuple[int, bool]]:
    """For each known id: its seq and whether it is in the trash."""
    sql = "SELECT id, seq, deleted_at IS NOT NULL FROM experiment WHERE id IN (SELECT value FROM json_each(?))"
    return {name: (seq, bool(gone)) for name, seq, gone in connection.execute(sql, (json.dumps(list(ids)),))}


def move_to_trash(
    connection: sqlite3.Connection,
    keys: Sequence[int],
    *,
    source: Source,
    reason: str,
    query: str,
    batch: int | None = None,
) -> tuple[int | None, int]:
    """Put live experiments into the trash as one batch, or as more of `batch`; (batch id, how many).

    No new batch when there is nothing to do. Raises `UnknownBatch`.
    """
    now = time.time()
    wanted = json.dumps(list(keys))
    chosen = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL"
    count, size = connection.execute(
        f"SELECT count(*), coalesce(sum(size_bytes), 0) FROM experiment WHERE {chosen}", (wanted,)
    ).fetchone()
    if not count:
        return batch, 0
    if batch is None:
        batch = connection.execute(
            "INSERT INTO batch (created_at, source, reason, query, count, size_bytes) VALUES (?, ?, ?, ?, ?, ?)",
            (now, source, reason, query, count, size),
        ).lastrowid
    elif not connection.execute(
        "UPDATE batch SET count = count + ?, size_bytes = size_bytes + ? WHERE id = ?", (count, size, batch)
    ).rowcount:
        raise UnknownBatch(f"Batch {batch} not found")
    _queue_files(connection, chosen, wanted, now)
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
    _queue_files(connection, chosen, wanted, now)
    return connection.execute(
        "UPDATE experiment SET deleted_at = NULL, delete_reason = NULL, batch_id = NULL, restored_at = ?,"
        f" live = (missing_at IS NULL) WHERE {chosen}",
        (now, wanted),
    ).rowcount


def _queue_files(connection: sqlite3.Connection, chosen: str, wanted: str, now: float) -> None:
    """Before the change itself: `chosen` is a condition on what the experiments still are."""
    connection.execute(
        "INSERT INTO outbox (experiment_seq, queued_at)"
        f" SELECT seq, ? FROM experiment WHERE {chosen}"
        " ON CONFLICT DO UPDATE SET queued_at = excluded.queued_at, attempts = 0, error = NULL",
        (now, wanted),
    )


def batch_keys(connection: sqlite3.Connection, batch_id: int) -> list[int]:
    """What is still in the trash of a batch. Raises `UnknownBatch`."""
    is_number = 0 < batch_id < 1 << 63
    if not is_number or connection.execute("SELECT 1 FROM batch WHERE id = ?", (batch_id,)).fetchone() is None:
        raise UnknownBatch(f"Batch {batch_id} not found")
    sql = "SELECT seq FROM experiment WHERE batch_id = ? ORDER BY seq DESC"
    return [seq for (seq,) in connection.execute(sql, (batch_id,))]


def preview(
    connection: sqlite3.Connection, keys: Sequence[int], *, takes_running: bool = True, takes_pinned: bool = True
) -> DeletePreview:
    """What deleting the experiments of `keys` would move to the trash, without those that are not taken along."""
    taken = (
        _LIVE + ("" if takes_running else " AND status <> 'running'") + ("" if takes_pinned else " AND NOT is_pinned")
    )
    groups = (
        "SELECT status, project, count(*), coalesce(sum(size_bytes), 0), sum(NOT is_writable), min(created_at),"
        f" max(created_at) FROM experiment JOIN root ON root.id = root_id WHERE {taken} GROUP BY status, project"
    )
    by_status: Counter[str] = Counter()
    by_project: Counter[str] = Counter()
    sizes, index_only = 0, 0
    created: list[float] = []
    running: list[str] = []
    pinned: list[str] = []
    newest: list[int] = []
    oldest: list[int] = []
    for begin in range(0, len(keys), _PART):
        wanted = (json.dumps(list(keys[begin : begin + _PART])),)
        for status, project, count, size, unwritable, first, last in connection.execute(groups, wanted):
            by_status[status] += count
            by_project[project] += count
            sizes += size
            index_only += unwritable
            created += first, last
        running += _ids(connection, "status = 'running'", wanted)
        pinned += _ids(connection, "is_pinned", wanted)
        newest = heapq.nlargest(_SAMPLE, newest + _end(connection, taken, wanted, "DESC"))
        oldest = heapq.nsmallest(_SAMPLE, oldest + _end(connection, taken, wanted, "ASC"))
    total = by_status.total()
    rest = oldest[: max(0, min(_SAMPLE, total - _SAMPLE))]
    return DeletePreview(
        total=total,
        size_bytes=sizes,
        by_status=dict(by_status.most_common()),
        by_project=dict(by_project.most_common()),
        running=tuple(running),
        pinned=tuple(pinned),
        first=_experiments(connection, newest),
        last=_experiments(connection, rest[::-1]),
        created_from=min(created, default=None),
        created_to=max(created, default=None),
        index_only=index_only,
    )


_LIVE = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL"


def _ids(connection: sqlite3.Connection, condition: str, wanted: tuple[str]) -> list[str]:
    sql = f"SELECT id FROM experiment WHERE {_LIVE} AND {condition} ORDER BY seq DESC"
    return [name for (name,) in connection.execute(sql, wanted)]


def _end(connection: sqlite3.Connection, taken: str, wanted: tuple[str], direction: str) -> list[int]:
    sql = f"SELECT seq FROM experiment WHERE {taken} ORDER BY seq {direction} LIMIT {_SAMPLE}"
    return [seq for (seq,) in connection.execute(sql, wanted)]


def _experiments(connection: sqlite3.Connection, keys: list[int]) -> tuple[Experiment, ...]:
    return tuple(row for row in read_rows(connection, keys) if row is not None)
