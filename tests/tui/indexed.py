"""Experiments put straight into an index: for screens, which never look at files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from runicorn_db import labels, tagging
from runicorn_db.store import Store
from runicorn_db.text import fold

NOW = 1_760_000_000.0
"""The clock of the golden screens."""

_STATUSES = ("finished", "failed", "finished", "interrupted", "finished", "running", "failed")
_MODELS = ("vit_b", "bert_c", "moe_a", "resnet50")
_PROJECTS = ("vision", "nlp", "audio")
_METRICS = (("accuracy", 0.9), ("loss", 0.04), (None, None))


@dataclass(frozen=True, kw_only=True)
class Entry:
    id: str
    name: str
    project: str = "vision"
    status: str = "finished"
    created_at: float = NOW - 3600
    best_metric_name: str | None = None
    best_metric_value: float | None = None
    best_metric_mode: str | None = None
    duration_seconds: float | None = None
    size_bytes: int | None = 1_000_000
    tags: tuple[str, ...] = ()
    is_pinned: bool = False
    hostname: str | None = "gpu07"
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    """Name -> last value; the lowest was a tenth of it, the highest ten times as much."""
    params: Mapping[str, float | str] = field(default_factory=dict[str, float | str])


def varied(count: int) -> list[Entry]:
    """Experiments of all sorts, the newest first."""
    entries: list[Entry] = []
    for number in range(count):
        metric, value = _METRICS[number % 3 if number % 11 else 2]
        created_at = NOW - 60 - 5400.0 * number
        entries.append(
            Entry(
                id=f"2025{number // 1000:02d}01_{number % 1000:06d}_{number * 7919 % 0xFFFFFF:06x}",
                name=f"{_MODELS[number % 4]}_lr{(1, 3)[number % 2]}e-{2 + number % 3}_s{number}",
                project=_PROJECTS[number % 3],
                status=_STATUSES[number % 7],
                created_at=created_at,
                best_metric_name=metric,
                best_metric_value=None if value is None else round(value + (number * 37 % 100) / 1000, 4),
                duration_seconds=None if _STATUSES[number % 7] == "running" else 61.0 + 977 * number % 90_000,
                size_bytes=1000 * (1 + number * 7717 % 90_001),
                tags=("keep",) if number % 9 == 0 else ("sweep", "a100") if number % 4 == 0 else (),
                is_pinned=number % 17 == 3,
            )
        )
    return entries


def add(store: Store, entries: list[Entry], *, root: Path, root_name: str | None = None) -> None:
    """Indexes the entries as if `root` had been read."""
    root.mkdir(exist_ok=True)
    name = store.add_root(root, root_name).name
    with store.database.writing() as connection:
        (root_id,) = connection.execute("SELECT id FROM root WHERE name = ?", (name,)).fetchone()
        seqs = labels.place(connection, [(entry.created_at, entry.id) for entry in entries])
        for entry in entries:
            seq = seqs[entry.id]
            values = {
                "seq": seq,
                "id": entry.id,
                "root_id": root_id,
                "path": f"vision/default/runs/{entry.id}".encode(),
                "layout": "0.4",
                "project": entry.project,
                "name": entry.name,
                "status": entry.status,
                "recorded_status": entry.status,
                "created_at": entry.created_at,
                "updated_at": entry.created_at + (entry.duration_seconds or 0),
                "best_metric_name": entry.best_metric_name,
                "best_metric_value": entry.best_metric_value,
                "best_metric_mode": entry.best_metric_mode,
                "duration_seconds": entry.duration_seconds,
                "size_bytes": entry.size_bytes,
                "is_pinned": entry.is_pinned,
                "hostname": entry.hostname,
            }
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO experiment ({', '.join(values)}) VALUES ({marks})", list(values.values()))
            connection.execute(
                "INSERT INTO search_text (seq, project, name, description, live) VALUES (?, ?, ?, '', 1)",
                (seq, fold(entry.project), fold(entry.name)),
            )
            if entry.tags:
                tagging.store_tags(connection, seq, entry.tags)
            _add_values(connection, seq, entry)


def _add_values(connection: sqlite3.Connection, seq: int, entry: Entry) -> None:
    for name, last in entry.metrics.items():
        connection.execute("INSERT INTO metric_name (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        connection.execute(
            "INSERT INTO metric (experiment_seq, metric_id, count, last, min, max, first_step, last_step)"
            " SELECT ?, id, 1, ?, ?, ?, 1, 1 FROM metric_name WHERE name = ?",
            (seq, last, last / 10, last * 10, name),
        )
    for name, value in entry.params.items():
        is_text = isinstance(value, str)
        row = (seq, name, value, None) if is_text else (seq, name, json.dumps(value), float(value))
        connection.execute("INSERT INTO experiment_param VALUES (?, ?, ?, ?)", row)


def rename(store: Store, experiment_id: str, name: str) -> None:
    """What a sync does when a name changed on disk."""
    with store.database.writing() as connection:
        connection.execute("UPDATE experiment SET name = ? WHERE id = ?", (name, experiment_id))


def being_purged(store: Store, experiment_id: str) -> None:
    """As a purge leaves an experiment that has begun to remove it."""
    with store.database.writing() as connection:
        connection.execute(
            "INSERT INTO purge (experiment_id, root_path, root_inode, path, run_inode, aside, size_bytes, file_count,"
            " source, user, purged_at) SELECT id, '/nowhere', 1, path, 1, CAST('x/0123456789abcdef' AS BLOB), 5, 1,"
            " 'cli', 'me', 1 FROM experiment WHERE id = ?",
            (experiment_id,),
        )


def numbered(count: int, **same: object) -> list[Entry]:
    """Equal experiments but for their number, the newest first."""
    pattern = Entry(id="", name="", **same)  # pyright: ignore[reportArgumentType]
    return [
        replace(pattern, id=f"20250101_000000_{number:06x}", name=f"run {number}", created_at=NOW - 60 * (number + 1))
        for number in range(count)
    ]
