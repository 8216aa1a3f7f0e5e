"""Writes an index of N experiments without any root behind it: `python benchmarks/make_index.py N --db PATH`.

Deterministic: 20 projects of very unequal size with 8 names each and a long tail, 70/15/10/5 % finished, failed,
interrupted and running, popular and rare tags, descriptions in English and Chinese with a rare word in every 500th,
5 % in the trash, three metrics.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from runicorn_db import labels
from runicorn_db.store import Store
from runicorn_db.text import fold

PROJECTS = [f"project_{number:02d}" for number in range(20)]
PROJECT_WEIGHTS = [0.3 if number == 0 else 0.7 * 0.75**number for number in range(20)]
MODELS = ("resnet50", "resnet18", "vit_b", "vit_l", "bert_base", "gpt2_small", "unet", "moe_a")
STATUSES = ("finished", "failed", "interrupted", "running")
STATUS_WEIGHTS = (70, 15, 10, 5)
TAGS = (("baseline", 0.2), ("sweep", 0.1), ("best", 0.05), ("junk", 0.08), ("paper", 0.002))
WORDS = (
    *("warmup", "cosine", "schedule", "augmentation", "batch", "norm", "out of memory", "tuned", "final", "v1", "v2"),
    *("学习率", "学习", "数据增强", "baseline", "ablation", "seed", "fp16", "gradient", "clipping"),
)
RARE_WORD = "quokka"
RARE_EVERY = 500
METRICS = ("accuracy", "loss", "epoch_time")
NEWEST = 1_760_000_000.0
SECONDS_APART = 61.7
PART = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", type=int)
    parser.add_argument("--db", type=Path, required=True)
    options = parser.parse_args()
    if options.db.exists():
        parser.error(f"{options.db} is there already")
    began = time.perf_counter()
    with Store(options.db) as store:
        store.add_root(options.db.parent, "bench")
        fill(store, options.experiments)
    print(f"{options.experiments:,} experiments in {time.perf_counter() - began:.1f} s, ", end="")
    print(f"{options.db.stat().st_size / 1e6:.0f} MB")


def fill(store: Store, experiments: int) -> None:
    """Indexes and the text index are made last: kept up row by row they take most of the time."""
    with store.database.writing() as connection:
        connection.execute("DROP TRIGGER search_text_insert")
        dropped = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('experiment', 'metric')"
            " AND sql IS NOT NULL"
        ).fetchall()
        (trigger,) = [search_insert()]
        for name, _ in dropped:
            connection.execute(f"DROP INDEX {name}")
        connection.executemany("INSERT INTO metric_name (name) VALUES (?)", [(name,) for name in METRICS])
    rows = experiment_rows(experiments)
    for begin in range(0, experiments, PART):
        with store.database.writing() as connection:
            insert(connection, [next(rows) for _ in range(min(PART, experiments - begin))])
    with store.database.writing() as connection:
        for _, sql in dropped:
            connection.execute(sql)
        connection.execute(trigger)
        connection.execute(
            "INSERT INTO search_index (rowid, project, name, description)"
            " SELECT seq, project, name, description FROM search_text WHERE live"
        )


def search_insert() -> str:
    with sqlite3.connect(":memory:") as scratch:
        from runicorn_db.index_file import migrations

        for step in migrations():
            scratch.executescript(step)
        (sql,) = scratch.execute("SELECT sql FROM sqlite_master WHERE name = 'search_text_insert'").fetchone()
    return sql


def experiment_rows(count: int) -> Iterator[dict[str, object]]:
    """Oldest first."""
    chance = random.Random(11)
    for number in range(count):
        created_at = NEWEST - (count - number) * SECONDS_APART
        status = chance.choices(STATUSES, STATUS_WEIGHTS)[0]
        (project,) = chance.choices(PROJECTS, PROJECT_WEIGHTS)
        tail = f"_trial_{chance.randrange(1_000_000)}" if chance.random() < 0.05 else ""
        duration = chance.expovariate(1 / 5000) if status != "running" else None
        has_metric = status != "failed" or chance.random() < 0.3
        tags = sorted(tag for tag, share in TAGS if chance.random() < share)
        description = " ".join(chance.choices(WORDS, k=6)) if chance.random() < 0.4 else None
        if number % RARE_EVERY == RARE_EVERY // 2:
            description = f"{description or ''} {RARE_WORD}".strip()
        deleted_at = NEWEST if chance.random() < 0.05 else None
        yield {
            "id": f"{time.strftime('%Y%m%d_%H%M%S', time.gmtime(created_at))}_{number:06x}",
            "project": project,
            "name": chance.choice(MODELS) + tail,
            "status": status,
            "created_at": created_at,
            "updated_at": created_at + (duration or 60.0),
            "started_at": created_at,
            "ended_at": None if duration is None else created_at + duration,
            "duration_seconds": duration,
            "best_metric_name": "accuracy" if has_metric else None,
            "best_metric_value": round(chance.betavariate(8, 2), 5) if has_metric else None,
            "size_bytes": int(chance.lognormvariate(14, 2)),
            "tags": tags,
            "description": description,
            "deleted_at": deleted_at,
        }


def insert(connection: sqlite3.Connection, rows: list[dict[str, object]]) -> None:
    seqs = labels.place(connection, [(row["created_at"], row["id"]) for row in rows])  # type: ignore[misc]
    names = [name for name in rows[0] if name != "tags"]
    columns = ["seq", "root_id", "path", "layout", "recorded_status", "tags", "live", *names]
    connection.executemany(
        f"INSERT INTO experiment ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        [
            (
                *(seqs[str(row["id"])], 1, str(row["id"]).encode(), "0.7", row["status"], json.dumps(row["tags"])),
                row["deleted_at"] is None,
                *(row[name] for name in names),
            )
            for row in rows
        ],
    )
    connection.executemany(
        "INSERT INTO search_text (seq, project, name, description, live) VALUES (?, ?, ?, ?, ?)",
        [
            (
                seqs[str(row["id"])],
                fold(str(row["project"])),
                fold(str(row["name"])),
                fold(str(row["description"] or "")),
                row["deleted_at"] is None,
            )
            for row in rows
        ],
    )
    connection.executemany(
        "INSERT INTO experiment_tag (experiment_seq, tag) VALUES (?, ?)",
        [(seqs[str(row["id"])], tag) for row in rows for tag in row["tags"]],  # type: ignore[attr-defined]
    )
    connection.executemany(
        "INSERT INTO metric (experiment_seq, metric_id, count, first, last, min, max, first_step, last_step,"
        " min_step, max_step) VALUES (?, ?, 100, 0.1, ?, 0.1, ?, 1, 100, 1, 100)",
        [
            (seqs[str(row["id"])], metric, row["best_metric_value"], row["best_metric_value"])
            for row in rows
            if row["best_metric_value"] is not None
            for metric in range(1, len(METRICS) + 1)
        ],
    )


if __name__ == "__main__":
    main()
