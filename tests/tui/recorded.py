"""Runs as files, written as Runicorn 0.4 writes them, and the index over them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync

DATA = Path(__file__).parents[1] / "data" / "roots"
BEGAN = 1_760_000_000.0


def write_run(
    root: Path,
    *,
    name: str = "vit_b",
    status: str = "finished",
    metrics: Sequence[Mapping[str, object]] = (),
    log: bytes | None = None,
    params: Mapping[str, object] | None = None,
    summary: Mapping[str, object] | None = None,
) -> Path:
    """The run directory. `metrics` are one mapping a step, beginning at step 1."""
    run = root / "vision" / "default" / "runs" / "20251009_085320_0a1b2c"
    run.mkdir(parents=True)
    # Of another host, so that nobody can tell whether its process still lives.
    meta = {"id": run.name, "project": "vision", "name": name, "created_at": BEGAN, "hostname": "gpu07", "pid": 4242}
    state = {"status": status, "started_at": BEGAN}
    if status != "running":
        state["ended_at"] = BEGAN + 754
    files: dict[str, object] = {"meta.json": meta, "status.json": state}
    if params is not None:
        files["assets.json"] = {"config": {"args": params}}
    if summary is not None:
        files["summary.json"] = summary
    for file, content in files.items():
        (run / file).write_text(json.dumps(content), encoding="utf-8")
    if log is not None:
        (run / "logs.txt").write_bytes(log)
    log_steps(run, metrics, first=1)
    return run


def log_steps(run: Path, metrics: Sequence[Mapping[str, object]], *, first: int) -> None:
    """Goes on training."""
    with (run / "events.jsonl").open("a", encoding="utf-8") as file:
        for step, values in enumerate(metrics, first):
            event = {"ts": BEGAN + step, "type": "metrics", "data": {**values, "global_step": step}}
            file.write(json.dumps(event) + "\n")


def index(store: Store, root: Path) -> str:
    """Reads the root; the id of its newest experiment."""
    store.add_root(root)
    sync(store)
    return store.find(ExperimentQuery(per_page=1)).experiments[0].id


def unpack(version: str, directory: Path) -> Path:
    """A root that this version of Runicorn wrote."""
    with tarfile.open(DATA / f"root-{version}.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    return next(path for path in directory.iterdir() if path.is_dir())
