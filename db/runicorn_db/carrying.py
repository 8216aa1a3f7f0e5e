"""Carries into a fresh index what an old one knew beyond the files: see `rebuild`."""

from __future__ import annotations

import json
import sqlite3
import time

from runicorn_db import outbox, tagging
from runicorn_db.database import Database
from runicorn_db.salvage import BATCH_COLUMNS, PURGE_COLUMNS, Noted, Salvaged

_PART = 1000


def reserve_batches(database: Database, old: Salvaged) -> None:
    """Before anything is read: the numbers of the old batches and purges are kept for them."""
    with database.writing() as connection:
        for table, rows in (("batch", old.batches), ("purge", old.purges)):
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, max(rows, default=0)))


def carry_over(database: Database, old: Salvaged) -> int:
    """Into the index that was read from the files; of how many experiments something was carried over."""
    carried = 0
    with database.writing(durable=True) as connection:
        for table, columns, rows in (("batch", BATCH_COLUMNS, old.batches), ("purge", PURGE_COLUMNS, old.purges)):
            marks = ", ".join("?" * (len(columns) + 1))
            connection.executemany(
                f"INSERT OR IGNORE INTO {table} (id, {', '.join(columns)}) VALUES ({marks})",
                [(key, *row) for key, row in rows.items()],
            )
    for begin in range(0, len(old.noted), _PART):
        with database.writing(durable=True) as connection:
            carried += sum(_carry(connection, noted, old) for noted in old.noted[begin : begin + _PART])
    with database.writing(durable=True) as connection:
        _settle_batches(connection, old)
    return carried


def _carry(connection: sqlite3.Connection, noted: Noted, old: Salvaged) -> bool:
    row = connection.execute(
        "SELECT seq, deleted_at, restored_at, has_own_tags, has_own_description, has_own_pin"
        " FROM experiment JOIN root ON root.id = root_id WHERE experiment.id = ? AND root.path = ?",
        (noted.id, noted.root),
    ).fetchone()
    if row is None:
        return False
    seq, deleted_at, restored_at, *own = row
    batch = noted.batch if noted.batch in old.batches else None
    is_carried = False
    if noted.is_due:
        is_carried = _annotate(connection, seq, noted, own)
        # Of what the files say and what the index said the later act wins, as in a sync.
        if noted.acted_at > (deleted_at if deleted_at is not None else restored_at or 0.0):
            _act(connection, seq, noted, batch)
            is_carried = True
        if is_carried:
            outbox.queue(connection, "seq = ?", str(seq), time.time())
    if batch is not None and deleted_at is not None and deleted_at == noted.deleted_at:
        connection.execute("UPDATE experiment SET batch_id = ?, home = ? WHERE seq = ?", (batch, noted.home, seq))
    return is_carried


def _annotate(connection: sqlite3.Connection, seq: int, noted: Noted, own: list[int]) -> bool:
    """What was set here and is not in the sidecar; whether there was any."""
    if noted.tags is not None:
        tagging.store_tags(connection, seq, noted.tags)
    if noted.description is not None:
        tagging.store_description(connection, seq, noted.description or None)
    if noted.is_pinned is not None:
        connection.execute("UPDATE experiment SET is_pinned = ? WHERE seq = ?", (noted.is_pinned, seq))
    set_here = [value is not None for value in (noted.tags, noted.description, noted.is_pinned)]
    connection.execute(
        "UPDATE experiment SET has_own_tags = ?, has_own_description = ?, has_own_pin = ? WHERE seq = ?",
        (*(is_set or bool(is_own) for is_set, is_own in zip(set_here, own, strict=True)), seq),
    )
    return any(set_here)


def _act(connection: sqlite3.Connection, seq: int, noted: Noted, batch: int | None) -> None:
    connection.execute(
        "UPDATE experiment SET deleted_at = ?, delete_reason = ?, batch_id = ?, restored_at = ?, home = ?,"
        " live = (? IS NULL AND missing_at IS NULL) WHERE seq = ?",
        (
            *(noted.deleted_at, noted.delete_reason, batch if noted.deleted_at is not None else None),
            *(noted.restored_at, noted.home, noted.deleted_at, seq),
        ),
    )


def _settle_batches(connection: sqlite3.Connection, old: Salvaged) -> None:
    """Batches that reading the files made hold what went back to no old one."""
    known = json.dumps(list(old.batches))
    new = "id NOT IN (SELECT value FROM json_each(?))"
    connection.execute(
        f"DELETE FROM batch WHERE {new} AND NOT EXISTS (SELECT 1 FROM experiment WHERE batch_id = batch.id)", (known,)
    )
    connection.execute(
        "UPDATE batch SET (count, size_bytes) = (SELECT count(*), coalesce(sum(size_bytes), 0) FROM experiment"
        f" WHERE batch_id = batch.id) WHERE {new}",
        (known,),
    )
