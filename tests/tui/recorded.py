"""Runs as files, written as Runicorn 0.4 writes them, and the index over them."""

from __future__ import annotations

import json
import math
import os
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


def end(run: Path, status: str) -> None:
    """What a program writes at its end."""
    state = {"status": status, "started_at": BEGAN, "ended_at": BEGAN + 600}
    (run / "status.json").write_text(json.dumps(state))


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


def curves(count: int, *, first: int = 1) -> list[dict[str, object]]:
    """A loss that falls, an accuracy that rises, a constant."""
    return [
        {"loss": 2.4 * math.exp(-step / 60) + 0.1, "accuracy": 0.9 - 0.8 * math.exp(-step / 80), "lr": 3e-4}
        for step in range(first, first + count)
    ]


def write_details(run: Path) -> None:
    """The small files that say where the run ran, what it made and used, and a few others; all of one time."""
    environment = {
        "python_version": "3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]",
        "platform": "Linux-6.1.0-18-amd64-x86_64-with-glibc2.36",
        "pip_packages": ["numpy==1.26.4", "torch==2.4.1"],
        "git_info": {"commit": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "branch": "main", "dirty": True},
        "env_variables": {"TOKEN": "secret[/]\x1b[2J", "CUDA_VISIBLE_DEVICES": "0"},
        "gpu_info": [{"name": "NVIDIA GeForce RTX 4090", "memory_total": "24564 MiB"}],
    }
    created = [{"name": "vit", "type": "model", "version": 2, "size_bytes": 87_000_000}]
    used = [{"name": "[/]\x1b]0;x\x07", "type": "dataset", "version": 1, "size_bytes": 123_472}]
    (run / "environment.json").write_text(json.dumps(environment), "utf-8")
    (run / "artifacts_created.json").write_text(json.dumps({"artifacts": created}), "utf-8")
    (run / "artifacts_used.json").write_text(json.dumps({"artifacts": used}), "utf-8")
    (run / "media").mkdir()
    (run / "media" / "1_best[].png").write_bytes(b"\x89PNG\r\n\x1a\n\0" + bytes(5000))
    (run / "broken.json").write_text('{"a": 1,\n x', "utf-8")
    (run / "esc\x1b[2J.txt").write_text("\x1b[31mred\x1b[0m\x1b]0;title\x07\n", "utf-8")
    (run / "link").symlink_to("/etc/passwd")
    for path in run.rglob("*"):
        os.utime(path, (BEGAN, BEGAN), follow_symlinks=False)
