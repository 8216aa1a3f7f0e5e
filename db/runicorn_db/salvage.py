"""Reads what can be read of an index, damaged or not, without writing to it.

Each table is read from its beginning and, past damage, from its end; what is not plausible is left out.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = ("name", "path")
BATCH_COLUMNS = ("created_at", "source", "reason", "query", "count", "size_bytes")
_BATCH_KINDS = (float, str, str, str, int, int)
PURGE_COLUMNS = (
    *("experiment_id", "root_path", "root_inode", "path", "run_inode", "aside", "pattern", "source", "user"),
    *("size_bytes", "file_count", "purged_at", "is_done", "problem"),
)
_EXPERIMENT = (
    *("id", "root_id", "tags", "has_own_tags", "description", "has_own_description", "is_pinned", "has_own_pin"),
    *("deleted_at", "delete_reason", "batch_id", "restored_at", "home"),
)
# The latter when the damage is quoted in the message itself.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
_NOTED = "deleted_at IS NOT NULL OR restored_at IS NOT NULL OR has_own_tags OR has_own_description OR has_own_pin"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRoot:
    """`experiments` as counted, 0 where that cannot be."""

    name: str
    path: str
    experiments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """An experiment of which something was noted here. `is_due`: its files may not say so yet.

    `tags`, `description` and `is_pinned` are None where they were not set here (a description: "" when cleared).
    """

    id: str
    root: str
    is_due: bool
    tags: tuple[str, ...] | None
    description: str | None
    is_pinned: bool | None
    deleted_at: float | None
    delete_reason: str | None
    batch: int | None
    restored_at: float | None
    home: bytes | None

    @property
    def acted_at(self) -> float:
        """When it was deleted or restored; 0 if it never was."""
        return self.deleted_at if self.deleted_at is not None else self.restored_at or 0.0


@dataclass(slots=True)
class Salvaged:
    """What was read; not `is_whole` when some of it could not be."""

    path: Path
    roots: list[OldRoot] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    batches: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    purges: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    is_whole: bool = True


def read(path: Path) -> Salvaged:
    """What the index at `path` holds that the files of its roots may not."""
    found = Salvaged(path)
    address = f"file:{urllib.parse.quote(str(path))}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        connection.text_factory = _text
        roots = _rows(connection, "root", "id", _ROOT, found)
        counts = _counts(connection, found)
        found.roots = [
            OldRoot(name=name, path=path, experiments=counts.get(key, 0))
            for key, (name, path) in sorted(roots.items())
            if _are(((name, str), (path, str)))
        ]
        batches = _rows(connection, "batch", "id", BATCH_COLUMNS, found)
        found.batches = {
            key: row for key, row in batches.items() if _are(zip(row, _BATCH_KINDS, strict=True)) and key > 0
        }
        found.purges = _rows(connection, "purge", "id", PURGE_COLUMNS, found)
        was_whole, found.is_whole = found.is_whole, True
        due = _rows(connection, "outbox", "experiment_seq", (), found)
        is_due_known = found.is_whole
        found.is_whole = was_whole and is_due_known
        paths = {key: row[1] for key, row in roots.items()}
        for seq, row in _rows(connection, "experiment", "seq", _EXPERIMENT, found, where=_NOTED).items():
            noted = _noted(row, paths, is_due=seq in due or not is_due_known)
            if noted is None:
                found.is_whole = False
            else:
                found.noted.append(noted)
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _rows(
    connection: sqlite3.Connection, table: str, key: str, columns: Sequence[str], found: Salvaged, where: str = "1"
) -> dict[int, tuple[Any, ...]]:
    """The rows that can be read, by key; columns that an older schema does not have are None."""
    rows: dict[int, tuple[Any, ...]] = {}
    try:
        present = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
    except _DAMAGE:
        found.is_whole = False
        return rows
    if not present:
        return rows
    chosen = ", ".join([key, *(name if name in present else "NULL" for name in columns)])
    for direction in ("ASC", "DESC"):
        try:
            # By the table itself: an index beside it may be damaged where it is not.
            sql = f"SELECT {chosen} FROM {table} NOT INDEXED WHERE {where} ORDER BY {key} {direction}"
            for number, *values in connection.execute(sql):
                rows[number] = tuple(values)
        except _DAMAGE:
            found.is_whole = False
        else:
            break
    return rows


def _counts(connection: sqlite3.Connection, found: Salvaged) -> dict[int, int]:
    try:
        sql = "SELECT root_id, count(*) FROM experiment WHERE missing_at IS NULL GROUP BY root_id"
        return dict(connection.execute(sql).fetchall())
    except _DAMAGE:
        found.is_whole = False
        return {}


def _are(values: Any) -> bool:
    """Whether each value is of its kind, and what was written: not cut, not of damaged text."""
    return all(
        isinstance(value, kind)
        and not (isinstance(value, str) and "\ufffd" in value)
        and not (isinstance(value, float) and not (math.isfinite(value) and value >= 0))
        for value, kind in values
    )


def _noted(row: tuple[Any, ...], roots: dict[int, Any], *, is_due: bool) -> Noted | None:
    """None for a row that no version of ours wrote so."""
    values = dict(zip(_EXPERIMENT, row, strict=True))
    kinds = {"id": str, "deleted_at": float, "restored_at": float, "delete_reason": str, "batch_id": int, "home": bytes}
    optional = [(values[name], kind) for name, kind in kinds.items() if values[name] is not None]
    root = roots.get(values["root_id"])
    try:
        tags = json.loads(values["tags"]) if values["has_own_tags"] else []
    except (TypeError, ValueError):
        return None
    texts = [*tags, *([values["description"] or ""] if values["has_own_description"] else [])]
    if not isinstance(tags, list) or not _are(
        [(values["id"], str), (root, str), *optional, *((t, str) for t in texts)]
    ):
        return None
    return Noted(
        id=values["id"],
        root=str(root),
        is_due=is_due,
        tags=tuple(tags) if values["has_own_tags"] else None,
        description=(values["description"] or "") if values["has_own_description"] else None,
        is_pinned=bool(values["is_pinned"]) if values["has_own_pin"] else None,
        deleted_at=values["deleted_at"],
        delete_reason=values["delete_reason"],
        batch=values["batch_id"],
        restored_at=values["restored_at"],
        home=values["home"],
    )
