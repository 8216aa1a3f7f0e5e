from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from runicorn_db.query import ExperimentQuery, MetricsQuery
from runicorn_db.store import Store
from runicorn_db.sync import SyncReport, sync
from runicorn_db.watch import Watcher
from tests.db.runs import CREATED, append_events, write_json, write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    write_run(folder, "running", status="running", hostname="another-host", steps=[{"loss": 3.0}])
    write_run(folder, "done", steps=[{"loss": 3.0}])
    return folder


@pytest.fixture
def store(tmp_path: Path, root: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as opened:
        opened.add_root(root)
        yield opened


def watching(store: Store, *, full_interval: float = 1000.0) -> tuple[Watcher, Queue[SyncReport]]:
    reports: Queue[SyncReport] = Queue()
    watcher = Watcher(store, running_interval=0.01, full_interval=full_interval, on_change=reports.put)
    watcher.start()
    return watcher, reports


def test_the_first_look_reads_everything(store: Store) -> None:
    watcher, reports = watching(store)
    try:
        assert reports.get(timeout=30).added == 2
        assert store.find(ExperimentQuery()).total == 2
        assert not watcher.is_syncing
    finally:
        watcher.stop()


def test_curves_of_running_experiments_grow_without_a_full_look(store: Store, root: Path) -> None:
    watcher, reports = watching(store)
    try:
        reports.get(timeout=30)
        folder = root / "vision/resnet/runs/running"
        append_events(folder, [{"loss": 2.0}], first=2)
        reports.get(timeout=30)
        assert store.series(MetricsQuery(experiment_id="running")).values["loss"] == (3.0, 2.0)
        sizes = sum(path.stat().st_size for path in folder.iterdir())
        assert store.get("running").experiment.size_bytes == sizes
        write_json(folder / "status.json", {"status": "finished", "started_at": CREATED, "ended_at": CREATED + 7})
        reports.get(timeout=30)
        assert store.get("running").experiment.status == "finished"
    finally:
        watcher.stop()


def test_a_look_at_what_is_running_goes_through_nothing_else(store: Store, root: Path) -> None:
    sync(store)
    append_events(root / "vision/resnet/runs/running", [{"loss": 2.0}], first=2)
    asked: list[str] = []
    with store.database.snapshot() as connection:
        connection.set_trace_callback(asked.append)
    report = Watcher(store)._look_at_running()
    with store.database.snapshot() as connection:
        connection.set_trace_callback(None)
        questions = [text for text in asked if "run_directory" in text or "recorded_status" in text]
        plans = [row[3] for text in questions for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]
    assert report is not None
    assert report.changed == 1
    assert any("experiment_running" in plan for plan in plans)
    for plan in plans:
        assert "experiment_running" in plan or not plan.startswith(("SCAN experiment", "SCAN run_directory"))
        assert "experiment_running" in plan or "(root_id=?)" not in plan


def test_new_and_vanished_experiments_come_with_the_next_full_look(store: Store, root: Path) -> None:
    watcher, reports = watching(store)
    try:
        reports.get(timeout=30)
        write_run(root, "new")
        shutil.rmtree(root / "vision/resnet/runs/done")
        watcher.look_now()
        report = reports.get(timeout=30)
        assert (report.added, report.missing) == (1, 1)
        found = store.find(ExperimentQuery()).experiments
        assert {experiment.id for experiment in found} == {"running", "new"}
    finally:
        watcher.stop()


def test_full_looks_come_by_themselves(store: Store, root: Path) -> None:
    watcher, reports = watching(store, full_interval=0.01)
    try:
        reports.get(timeout=30)
        write_run(root, "new")
        assert reports.get(timeout=30).added == 1
    finally:
        watcher.stop()


def test_a_look_that_fails_is_told_and_the_next_one_comes(tmp_path: Path, root: Path) -> None:
    problems: Queue[str] = Queue()
    with Store(tmp_path / "index.db", timeout=0.05) as store, Store(tmp_path / "index.db") as holder:
        store.add_root(root)
        watcher = Watcher(store, running_interval=0.01, full_interval=0.01, on_problem=problems.put)
        try:
            with holder.database.writing():
                watcher.start()
                assert problems.get(timeout=30) == "Database is busy"
            sync(holder)
        finally:
            watcher.stop()
        assert holder.find(ExperimentQuery()).total == 2


def test_a_look_that_is_not_thorough_still_sees_growth_new_files_and_running_ones(store: Store, root: Path) -> None:
    sync(store)
    append_events(root / "vision/resnet/runs/done", [{"loss": 1.0}], first=2)
    write_json(root / "vision/resnet/runs/running/status.json", {"status": "failed", "started_at": CREATED})
    assert sync(store, is_thorough=False).changed == 2
    assert store.get("running").experiment.status == "failed"
    assert store.get("done").metrics["loss"].last == 1.0
    write_json(root / "vision/resnet/runs/done/.deleted", {"deleted_at": CREATED + 900, "reason": "r"})
    assert sync(store, is_thorough=False).deleted == 1
    assert sync(store, is_thorough=False).changed == 0


def test_tags_in_the_shared_metadata_reach_the_runs_they_name(store: Store, root: Path) -> None:
    sync(store)
    write_json(root / ".experiments_metadata.json", {"done": {"id": "done", "tags": ["keep"], "description": "best"}})
    report = sync(store, is_thorough=False)
    assert (report.changed, report.unchanged) == (1, 1)
    experiment = store.get("done").experiment
    assert (experiment.tags, experiment.description) == (("keep",), "best")
