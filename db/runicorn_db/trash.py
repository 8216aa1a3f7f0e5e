"""Deletion batches and their way back. Everything here runs inside the caller's write transaction.

An experiment is in the trash when `deleted_at` is set; `batch_id` names the act that put it there.
Each change is queued in `outbox`, so that marker and sidecar files follow even after a crash.
"""

from __future__ import annotations

import heapq
import json
import math
import sqlite3
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from runicorn_db import outbox
from runicorn_db.errors import UnknownBatch
from runicorn_db.outcomes import AGES, OLDEST, Batch, DeletePreview
from runicorn_db.query import Experiment, Snapshot, Source
from runicorn_db.rows import read_rows

_LIVE = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL"
_IN_RECYCLE = "substr(path, 1, 14) = CAST('runs/.recycle/' AS BLOB)"
_SAMPLE = 10
# How many of the bounds an experiment is older than.
_AGE = " + ".join(["(created_at <= ?)"] * len(AGES))
# What may be left out is listed, so that one look at each experiment is enough.
_GROUPS = (
    f"SELECT status, project, is_pinned, root_id, {_AGE} AS age, count(*), coalesce(sum(size_bytes), 0),"
    " min(created_at), max(created_at), CASE WHEN status = 'running' OR is_pinned THEN group_concat(seq) END"
    f" FROM experiment WHERE {_LIVE} GROUP BY status, project, is_pinned, root_id, age"
)
_PART = 10_000
"""So many are looked at in one question: a million as one JSON text would take hundreds of megabytes."""


def keys_of(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, tuple[int, bool]]:
    """For each known id: its seq and whether it is in the trash."""
    sql = "SELECT id, seq, deleted_at IS NOT NULL FROM experiment WHERE id IN (SELECT value FROM json_each(?))"
    return {name: (seq, bool(gone)) for name, seq, gone in connection.execute(sql, (json.dumps(list(ids)),))}


def chosen_keys(connection: sqlite3.Connection, chosen: Sequence[str] | Snapshot) -> array[int]:
    """The seqs of a snapshot, or of these ids without the unknown ones."""
    if isinstance(chosen, Snapshot):
        return chosen.keys
    return array("q", [seq for seq, _ in keys_of(connection, chosen).values()])


def ids_of(connection: sqlite3.Connection, keys: Sequence[int]) -> list[str]:
    """The ids of these seqs in their order, without what left the index."""
    sql = "SELECT seq, id FROM experiment WHERE seq IN (SELECT value FROM json_each(?))"
    found: dict[int, str] = {}
    for begin in range(0, len(keys), _PART):
        found.update(connection.execute(sql, (json.dumps(list(keys[begin : begin + _PART])),)))
    return [found[key] for key in keys if key in found]


def being_purged(connection: sqlite3.Connection, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that cannot be taken back any more: their removal has begun."""
    sql = (
        "SELECT experiment_id FROM purge WHERE is_done = 0 AND pattern IS NULL"
        " AND experiment_id IN (SELECT value FROM json_each(?))"
    )
    return {name for (name,) in connection.execute(sql, (json.dumps(list(ids)),))}


def find_deleted(connection: sqlite3.Connection, *, before: float | None) -> Iterator[int]:
    """The seqs of what is in the trash, the newest deletion first; with `before` only what was deleted earlier."""
    sql = (
        "SELECT seq FROM experiment WHERE deleted_at IS NOT NULL AND deleted_at < ? AND missing_at IS NULL"
        " ORDER BY deleted_at DESC, seq DESC"
    )
    return (seq for (seq,) in connection.execute(sql, (math.inf if before is None else before,)))


def batches(connection: sqlite3.Connection, limit: int) -> list[Batch]:
    """The latest acts of deletion, newest first."""
    sql = (
        "SELECT batch.id, batch.created_at, source, reason, query, count,"
        " (SELECT count(*) FROM experiment WHERE batch_id = batch.id), batch.size_bytes"
        " FROM batch ORDER BY batch.id DESC LIMIT ?"
    )
    names = ("id", "created_at", "source", "reason", "query", "count", "remaining", "size_bytes")
    return [Batch(**dict(zip(names, row, strict=True))) for row in connection.execute(sql, (limit,))]


def move_to_trash(
    connection: sqlite3.Connection,
    keys: Sequence[int],
    *,
    source: Source,
    reason: str,
    query: str,
    batch: int | None = None,
    move_to_recycle: bool = False,
) -> tuple[int | None, int]:
    """Put live experiments into the trash as one batch, or as more of `batch`; (batch id, how many).

    No new batch when there is nothing to do. Raises `UnknownBatch`.
    """
    now = time.time()
    wanted = json.dumps(list(keys))
    count, size = connection.execute(
        f"SELECT count(*), coalesce(sum(size_bytes), 0) FROM experiment WHERE {_LIVE}", (wanted,)
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
    _enter(connection, wanted, now, reason, batch)
    # One that lies in `.recycle` although it is live keeps the place that it has to go back to.
    home = f"CASE WHEN layout <> '0.7' THEN NULL WHEN {_IN_RECYCLE} THEN home"
    # What is still being written to stays where its process looks for it.
    home += " WHEN ? AND status <> 'running' THEN path END"
    connection.execute(
        f"UPDATE experiment SET home = {home} WHERE seq IN (SELECT value FROM json_each(?)) AND deleted_at = ?",
        (move_to_recycle, wanted, now),
    )
    return batch, count


def _enter(connection: sqlite3.Connection, wanted: str, now: float, reason: str, batch: int | None) -> int:
    # Before the change itself: the condition is on what the experiments still are.
    outbox.queue(connection, _LIVE, wanted, now)
    return connection.execute(
        f"UPDATE experiment SET deleted_at = ?, delete_reason = ?, batch_id = ?, live = 0 WHERE {_LIVE}",
        (now, reason, batch, wanted),
    ).rowcount


def take_back(connection: sqlite3.Connection, keys: Sequence[int]) -> int:
    """Restore experiments from the trash; how many were in it."""
    now = time.time()
    wanted = json.dumps(list(keys))
    chosen = "seq IN (SELECT value FROM json_each(?)) AND deleted_at IS NOT NULL"
    outbox.queue(connection, chosen, wanted, now)
    return connection.execute(
        "UPDATE experiment SET deleted_at = NULL, delete_reason = NULL, batch_id = NULL, restored_at = ?,"
        f" live = (missing_at IS NULL) WHERE {chosen}",
        (now, wanted),
    ).rowcount


def remember_batch(connection: sqlite3.Connection, batch_id: int) -> list[int]:
    """Note what a batch holds, for `put_again`, and tell it. Raises `UnknownBatch`."""
    if keys := batch_keys(connection, batch_id):
        connection.execute("DELETE FROM undone WHERE batch_id = ?", (batch_id,))
        sql = "INSERT INTO undone (batch_id, experiment_seq) SELECT batch_id, seq FROM experiment WHERE batch_id = ?"
        connection.execute(sql, (batch_id,))
    return keys


def remembered(connection: sqlite3.Connection, batch_id: int) -> list[int]:
    """What a batch held when it was taken back as a whole. Raises `UnknownBatch`."""
    _check_batch(connection, batch_id)
    sql = "SELECT experiment_seq FROM undone WHERE batch_id = ? ORDER BY experiment_seq DESC"
    return [seq for (seq,) in connection.execute(sql, (batch_id,))]


def put_again(connection: sqlite3.Connection, keys: Sequence[int], batch_id: int) -> tuple[int, int]:
    """Put those that are live back into the batch that was taken back; (batch id, how many)."""
    now = time.time()
    wanted = json.dumps(list(keys))
    (reason,) = connection.execute("SELECT reason FROM batch WHERE id = ?", (batch_id,)).fetchone()
    return batch_id, _enter(connection, wanted, now, reason, batch_id)


def batch_keys(connection: sqlite3.Connection, batch_id: int) -> list[int]:
    """What is still in the trash of a batch. Raises `UnknownBatch`."""
    _check_batch(connection, batch_id)
    sql = "SELECT seq FROM experiment WHERE batch_id = ? ORDER BY seq DESC"
    return [seq for (seq,) in connection.execute(sql, (batch_id,))]


def _check_batch(connection: sqlite3.Connection, batch_id: int) -> None:
    is_number = 0 < batch_id < 1 << 63
    if not is_number or connection.execute("SELECT 1 FROM batch WHERE id = ?", (batch_id,)).fetchone() is None:
        raise UnknownBatch(f"Batch {batch_id} not found")


def preview(
    connection: sqlite3.Connection,
    keys: Sequence[int],
    *,
    takes_running: bool = True,
    takes_pinned: bool = True,
    now: float | None = None,
) -> tuple[DeletePreview, array[int]]:
    """What deleting the experiments of `keys` would move to the trash, without those that are not taken along.

    Also which these are, in the order of `keys`. Ages are those of `now`.
    """
    now = time.time() if now is None else now
    edges = [now - days * 86400.0 for days in AGES.values()]
    unwritable = {root for (root,) in connection.execute("SELECT id FROM root WHERE NOT is_writable")}
    count = _Count()
    taken = array("q")
    for begin in range(0, len(keys), _PART):
        part = keys[begin : begin + _PART]
        left_out: set[int] = set()
        seen = 0
        for status, project, is_pinned, root, age, *figures, seqs in connection.execute(
            _GROUPS, (*edges, json.dumps(list(part)))
        ):
            seen += figures[0]
            running, pinned = status == "running", bool(is_pinned)
            count.running += figures[0] if running else 0
            count.pinned += figures[0] if pinned else 0
            if (running and not takes_running) or (pinned and not takes_pinned):
                left_out.update(map(int, seqs.split(",")))
            else:
                count.add(status, project, age, figures, is_writable=root not in unwritable)
        if seen < len(part):
            left_out |= set(part) - _live(connection, part)
        taken.extend(part if not left_out else [key for key in part if key not in left_out])
    sample = _ends(taken)
    return count.preview(*(_experiments(connection, keys) for keys in sample)), taken


@dataclass(slots=True)
class _Count:
    """What has been counted of a preview, group by group."""

    size_bytes: int = 0
    index_only: int = 0
    running: int = 0
    pinned: int = 0
    by_status: Counter[str] = field(default_factory=Counter[str])
    by_project: Counter[str] = field(default_factory=Counter[str])
    by_age: Counter[int] = field(default_factory=Counter[int])
    created: list[float] = field(default_factory=list[float])

    def add(self, status: str, project: str, age: int, figures: Sequence[float], *, is_writable: bool) -> None:
        number, size, first, last = figures
        self.by_status[status] += int(number)
        self.by_project[project] += int(number)
        self.by_age[age] += int(number)
        self.size_bytes += int(size)
        self.index_only += 0 if is_writable else int(number)
        self.created = [min(first, *self.created), max(last, *self.created)] if self.created else [first, last]

    def preview(self, first: tuple[Experiment, ...], last: tuple[Experiment, ...]) -> DeletePreview:
        return DeletePreview(
            total=self.by_status.total(),
            size_bytes=self.size_bytes,
            by_status=dict(self.by_status.most_common()),
            by_project=dict(self.by_project.most_common()),
            by_age={name: self.by_age[place] for place, name in enumerate((*AGES, OLDEST)) if self.by_age[place]},
            running=self.running,
            pinned=self.pinned,
            first=first,
            last=last,
            created_from=min(self.created, default=None),
            created_to=max(self.created, default=None),
            index_only=self.index_only,
        )


def _live(connection: sqlite3.Connection, keys: Sequence[int]) -> set[int]:
    return {
        seq for (seq,) in connection.execute(f"SELECT seq FROM experiment WHERE {_LIVE}", (json.dumps(list(keys)),))
    }


def _ends(keys: array[int]) -> tuple[list[int], list[int]]:
    """The newest ones, and the oldest of the rest; each the newest first."""
    newest = heapq.nlargest(_SAMPLE, keys)
    rest = max(0, min(_SAMPLE, len(keys) - _SAMPLE))
    return newest, heapq.nsmallest(rest, keys)[::-1]


def _experiments(connection: sqlite3.Connection, keys: list[int]) -> tuple[Experiment, ...]:
    return tuple(row for row in read_rows(connection, keys) if row is not None)
