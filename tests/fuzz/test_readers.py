"""Damaged files of runs: what cannot be used is skipped, everything else is read, and nothing takes long."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest

from runicorn_api.answers import write_detail, write_page
from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_api.json_body import read_json, to_json
from runicorn_db.query import ExperimentQuery, MetricsQuery
from runicorn_db.sources import runicorn
from runicorn_db.sources.events import read_events
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run
from tests.fuzz.mutation import damaged

LINES_A_FILE = 500
SLOWEST_SECONDS = 2.0

LINES = tuple(
    json.dumps(line, ensure_ascii=False).encode()
    for line in (
        {"ts": 1_700_000_000.5, "type": "metrics", "data": {"loss": 0.5, "global_step": 3, "time": 1_700_000_000.5}},
        {"ts": 1_700_000_001.0, "type": "metrics", "data": {"loss": float("nan"), "acc": True, "step": 4, "stage": 1}},
        {"ts": 1_700_000_002.0, "type": "metrics", "data": {"精度/top 1": -1e-300, "note": "text", "global_step": -5}},
        {"ts": 1_700_000_003.0, "type": "metrics", "data": {"a": {"b": [1, {"c": None}]}, "global_step": 2**40}},
        {"ts": 1_700_000_004.0, "type": "image", "data": {"key": "sample", "path": "media/a.png", "step": 1}},
        {"ts": "2024-01-01T00:00:00", "type": "metrics", "data": {"x": 10**400 // 3, "epoch": 1}},
        {"timestamp": 1, "metrics": {"loss": 1}},
    )
)  # fmt: skip
SMALL_FILES = {
    "meta.json": {"id": "told", "project": "p", "name": "n", "created_at": 1_700_000_000.0, "pid": 1, "hostname": "h",
                  "path": "a/b", "alias": "c", "tags": ["x"]},
    "status.json": {"status": "finished", "started_at": 1.0, "ended_at": 2.0, "exit_reason": "done"},
    "summary.json": {"best_metric_name": "acc", "best_metric_value": 0.5, "best_metric_step": 3,
                     "best_metric_mode": "max", "lr": 0.1, "note": None},
    "assets.json": {"config": {"args": {"lr": 0.1, "model": {"size": 3, "layers": [1, 2]}}}},
    "environment.json": {"python": "3.11"},
    ".deleted": {"deleted_at": 1_700_000_000.0, "reason": "old", "original_status": "finished"},
    ".runicorn-tui.json": {"tags": ["a"], "pinned": True, "description": "d", "deleted_at": 1.0, "restored_at": 2.0},
}  # fmt: skip


def strange_line(dice: random.Random) -> bytes:
    """A damaged line; never one that hides the next by a missing end."""
    return damaged(dice, dice.choice(LINES), LINES)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_damaged_lines_cost_nothing_but_themselves(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = tmp_path / "events.jsonl"
    for number in range(scaled(15, 2000)):
        kept = {}
        lines: list[bytes] = []
        for step in range(LINES_A_FILE):
            lines.append(strange_line(dice))
            if step % 10 == 0:
                kept[step] = dice.random()
                whole = {"ts": 1.0, "type": "metrics", "data": {"whole": kept[step], "global_step": step}}
                lines.append(json.dumps(whole).encode())
        path.write_bytes(b"\n".join(lines) + b"\n")
        began = time.thread_time()
        block = dice.choice((1 << 20, 4096, 300))
        batches = list(read_events(os.fsencode(path), block_bytes=block))
        assert time.thread_time() - began < SLOWEST_SECONDS, (seed, number)
        found = {}
        for batch in batches:
            points = batch.points.get("whole")
            if points is not None:
                found |= dict(zip(points.steps, points.values, strict=True))
        assert found == kept, (seed, number)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_damaged_small_files_never_lose_a_run(tmp_path: Path, seed: int) -> None:
    dice = random.Random(100 + seed)
    contents = {name: json.dumps(content).encode() for name, content in SMALL_FILES.items()}
    run = write_run(tmp_path, "20250101_000000_abcdef")
    (found,) = runicorn.find_run_directories(str(tmp_path))
    with runicorn.SharedFiles() as shared:
        for number in range(scaled(360, 40_000)):
            for name, content in contents.items():
                (run / name).write_bytes(damaged(dice, content, list(contents.values())))
            began = time.thread_time()
            record = runicorn.read_run(str(tmp_path), found, shared=shared)
            assert time.thread_time() - began < SLOWEST_SECONDS, (seed, number)
            assert record.id
            assert read_json(to_json(record.params)) == record.params, (seed, number)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(1, 20)))
def test_a_root_of_damaged_runs_is_listed_whole_and_its_series_can_be_asked_for(tmp_path: Path, seed: int) -> None:
    dice = random.Random(200 + seed)
    contents = {name: json.dumps(content).encode() for name, content in SMALL_FILES.items() if not name.startswith(".")}
    number_of_runs = scaled(60, 500)
    for number in range(number_of_runs):
        run = write_run(tmp_path / "root", f"run{number:04}", layout=dice.choice(("0.1", "0.4", "0.7")))
        for name in dice.sample(list(contents), 2):
            content = contents[name].replace(b"told", f"told{number}".encode())
            (run / name).write_bytes(damaged(dice, content))
        (run / "events.jsonl").write_bytes(b"\n".join(strange_line(dice) for _ in range(20)))
    with Store(tmp_path / "index.db") as store:
        store.add_root(tmp_path / "root")
        report = sync(store)
        assert report is not None
        page = store.find(ExperimentQuery(per_page=1000, include_deleted=True))
        # Two runs may have got the same id, of which one is kept.
        assert page.total >= number_of_runs * 0.9
        read_json(to_json(write_page(page, EXPERIMENT_FIELDS)))
        for experiment in page.experiments:
            read_json(to_json(write_detail(store.get(experiment.id))))
            assert store.series(MetricsQuery(experiment_id=experiment.id)).available_points >= 0
