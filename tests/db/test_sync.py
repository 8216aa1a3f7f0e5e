from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from runicorn_db.filter_language import parse
from runicorn_db.query import Experiment, ExperimentQuery, MetricsQuery
from runicorn_db.series import read_texts
from runicorn_db.store import Store
from runicorn_db.sync import SyncProgress, sync
from tests.db.runs import CREATED, append_events, write_json, write_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "index" / "index.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path, store: Store) -> Path:
    """An empty folder that is a root of `store`."""
    folder = tmp_path / "root"
    folder.mkdir()
    store.add_root(folder)
    return folder


def everything(store: Store, text: str = "") -> dict[str, Experiment]:
    criteria, notes = parse(text)
    assert not notes
    page = store.find(ExperimentQuery(filter=criteria, per_page=1000))
    assert page.total == len(page.experiments)
    return {experiment.id: experiment for experiment in page.experiments}


def series(store: Store, run_id: str, metric: str = "loss") -> list[tuple[int, float | None]]:
    table = store.series(MetricsQuery(experiment_id=run_id, metrics=(metric,)))
    return list(zip(table.steps, table.values[metric], strict=True))


@pytest.mark.parametrize("version", ["0.4.1", "0.7.2"])
def test_every_scenario_of_a_real_root_is_indexed(
    version: str, request: pytest.FixtureRequest, store: Store, scenarios: Callable[[str], dict[str, dict[str, Any]]]
) -> None:
    real = request.getfixturevalue(f"real_root_{version.replace('.', '')}")
    store.add_root(real)
    report = sync(store)
    expected = {entry["id"]: str(real / entry["run_dir"]) for entry in scenarios(version).values()}
    found = store.find(ExperimentQuery(per_page=1000, include_deleted=True)).experiments
    assert {experiment.id: experiment.run_dir for experiment in found if experiment.id in expected} == expected
    assert report.added == report.found == len(found)
    assert store.problems() == []


def test_a_real_experiment_comes_with_tags_description_params_and_metrics(real_root_041: Path, store: Store) -> None:
    store.add_root(real_root_041)
    sync(store)
    detail = store.get("20261121_234736_555510")
    experiment = detail.experiment
    assert (experiment.project, experiment.name, experiment.status) == (
        "image_classification",
        "resnet_baseline",
        "finished",
    )
    assert (experiment.best_metric_name, experiment.best_metric_value, experiment.best_metric_step) == (
        "accuracy",
        0.981011,
        100,
    )
    assert experiment.tags == ("baseline", "keep", "production")
    assert experiment.description == "the reference run"
    assert detail.params["final_epoch"] == 100
    assert detail.environment_available
    events = (Path(experiment.run_dir) / "events.jsonl").read_text().splitlines()
    logged = [json.loads(line)["data"] for line in events if '"metrics"' in line]
    assert detail.total_data_points == len({data["global_step"] for data in logged})
    assert detail.metrics["accuracy"].last == logged[-1]["accuracy"]
    assert set(everything(store, "param.final_epoch=100")) == {"20261121_234736_555510"}


def test_nothing_in_a_real_root_is_changed_by_a_sync(
    real_root_072: Path, store: Store, snapshot: Callable[[Path], object]
) -> None:
    before = snapshot(real_root_072)
    store.add_root(real_root_072)
    sync(store)
    assert snapshot(real_root_072) == before


def test_layouts_mix_in_one_root(root: Path, store: Store) -> None:
    for layout in ("0.1", "0.4", "0.7"):
        write_run(root, f"run-{layout}", layout=layout, steps=[{"loss": 1.0}])
    sync(store)
    assert set(everything(store)) == {"run-0.1", "run-0.4", "run-0.7"}
    assert {(e.project, e.name) for e in everything(store).values()} == {("vision", "resnet")}


def test_an_unchanged_root_is_not_read_again(root: Path, store: Store) -> None:
    write_run(root, "a", steps=[{"loss": 1.0}])
    sync(store)
    report = sync(store)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 1)


def test_a_growing_file_is_read_from_where_it_ended(root: Path, store: Store) -> None:
    folder = write_run(root, "a", status="running", steps=[{"loss": 3.0}, {"loss": 2.0}])
    sync(store)
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"ts": 1700000099.0, "type": "metrics", "data": {"loss": 1.5, "global_step": 3}}\n{"ts": 17')
    sync(store)
    assert series(store, "a") == [(1, 3.0), (2, 2.0), (3, 1.5)]
    assert everything(store)["a"].updated_at == 1700000099.0
    with (folder / "events.jsonl").open("a") as file:
        file.write('00000100.0, "type": "metrics", "data": {"loss": 1.0, "global_step": 4}}\n')
    sync(store)
    assert series(store, "a")[-1] == (4, 1.0)
    assert store.problems() == []


def test_a_replaced_file_is_read_from_the_beginning(root: Path, store: Store) -> None:
    folder = write_run(root, "a", steps=[{"loss": 3.0}, {"old": 2.0}])
    sync(store)
    (folder / "events.jsonl").unlink()
    append_events(folder, [{"loss": 9.0}])
    sync(store)
    assert series(store, "a") == [(1, 9.0)]
    assert set(store.get("a").metrics) == {"loss"}


def test_files_rewritten_in_place_are_noticed(root: Path, store: Store) -> None:
    folder = write_run(root, "a", status="running")
    sync(store)
    write_json(folder / "status.json", {"status": "failed", "started_at": CREATED, "ended_at": CREATED + 5})
    write_json(folder / "meta.json", {"id": "a", "project": "nlp", "name": "bert", "created_at": CREATED - 9})
    sync(store)
    experiment = everything(store)["a"]
    assert (experiment.status, experiment.project, experiment.duration_seconds) == ("failed", "nlp", 5.0)
    assert experiment.created_at == CREATED - 9
    assert set(everything(store, "bert")) == {"a"}
    assert everything(store, "resnet") == {}


def test_a_half_written_meta_is_read_again_when_it_is_whole(root: Path, store: Store) -> None:
    folder = write_run(root, "a", steps=[{"loss": 1.0}])
    whole = (folder / "meta.json").read_bytes()
    (folder / "meta.json").write_bytes(whole[: len(whole) // 2])
    sync(store)
    assert [problem.path for problem in store.problems()] == ["vision/resnet/runs/a/meta.json"]
    (folder / "meta.json").write_bytes(whole)
    sync(store)
    assert store.problems() == []
    assert everything(store)["a"].created_at == CREATED
    assert series(store, "a") == [(1, 1.0)]


def test_hostile_files_cost_the_other_runs_nothing(root: Path, store: Store) -> None:
    good = write_run(root, "good", steps=[{"loss": 1.0}])
    fifo = write_run(root, "fifo")
    (fifo / "events.jsonl").unlink()
    os.mkfifo(fifo / "events.jsonl")
    loop = write_run(root, "loop")
    (loop / "meta.json").unlink()
    (loop / "meta.json").symlink_to("meta.json")
    broken = write_run(root, "broken", steps=[{"loss": 1.0}])
    with (broken / "events.jsonl").open("ab") as file:
        file.write(
            b"\xff\xfe not json\n{\n" + b'{"ts": 1.0, "type": "metrics", "data": {"loss": 2.0, "global_step": 2}}\n'
        )
    sync(store)
    assert set(everything(store)) == {"good", "fifo", "loop", "broken"}
    assert series(store, "broken") == [(1, 1.0), (2, 2.0)]
    assert series(store, "good") == [(1, 1.0)]
    problems = {(problem.path, problem.line) for problem in store.problems()}
    assert ("vision/resnet/runs/broken/events.jsonl", 2) in problems
    assert {path.split("/")[3] for path, _ in problems} == {"fifo", "loop", "broken"}
    assert good.is_dir()


def test_an_unreadable_or_suddenly_empty_root_changes_nothing(root: Path, store: Store) -> None:
    write_run(root, "a")
    sync(store)
    away = root.with_name("away")
    root.rename(away)
    sync(store)
    assert (set(everything(store)), store.roots()[0].state) == ({"a"}, "unreadable")
    root.mkdir()
    sync(store)
    assert (set(everything(store)), store.roots()[0].state) == ({"a"}, "empty")
    root.rmdir()
    away.rename(root)
    sync(store)
    assert (set(everything(store)), store.roots()[0].state) == ({"a"}, "ok")


def test_a_missing_directory_is_hidden_until_it_is_back_or_pruned(root: Path, store: Store) -> None:
    folder = write_run(root, "a", steps=[{"loss": 1.0}])
    write_run(root, "b")
    sync(store)
    folder.rename(root.with_name("aside"))
    assert sync(store).missing == 1
    assert set(everything(store)) == {"b"}
    assert set(everything(store, "is:missing")) == {"a"}
    root.with_name("aside").rename(folder)
    sync(store)
    assert set(everything(store)) == {"a", "b"}
    assert series(store, "a") == [(1, 1.0)]
    shutil.rmtree(folder)
    sync(store)
    assert store.prune() == 1
    assert everything(store, "is:missing") == {}


def test_the_newest_of_two_directories_with_one_id_is_kept(root: Path, store: Store) -> None:
    write_run(root, "a", name="old", created_at=CREATED, steps=[{"loss": 1.0}])
    newest = write_run(root, "a", name="new", created_at=CREATED + 1, steps=[{"loss": 2.0}])
    sync(store)
    assert everything(store)["a"].name == "new"
    assert series(store, "a") == [(1, 2.0)]
    assert [problem.path for problem in store.problems()] == ["vision/old/runs/a"]
    shutil.rmtree(newest)
    sync(store)
    sync(store)
    assert everything(store)["a"].name == "old"
    assert series(store, "a") == [(1, 1.0)]


def test_an_experiment_that_another_directory_holds_now_keeps_nothing_of_the_old_series(
    root: Path, store: Store
) -> None:
    write_run(root, "a", name="old", created_at=CREATED, steps=[{"loss": 1.0, "stage": "train"}, {"rare": 2.0}])
    sync(store)
    write_run(root, "a", name="new", created_at=CREATED + 1, steps=[{"loss": 5.0}])
    sync(store)
    assert everything(store)["a"].name == "new"
    detail = store.get("a")
    assert (set(detail.metrics), detail.step_range, detail.total_data_points) == ({"loss"}, (1, 1), 1)
    assert series(store, "a") == [(1, 5.0)]


def test_times_of_steps_come_from_the_events(root: Path, store: Store) -> None:
    folder = write_run(root, "a", status="running", steps=[{"loss": 3.0}, {"note": "no metric"}, {"loss": 2.0}])
    sync(store)
    append_events(folder, [{"loss": 1.0}], first=4)
    sync(store)
    table = store.series(MetricsQuery(experiment_id="a", with_times=True))
    assert (table.steps, table.times) == ((1, 3, 4), (CREATED + 1, CREATED + 3, CREATED + 4))
    assert set(store.get("a").metrics) == {"loss"}


def test_a_run_directory_that_became_a_folder_of_runs_is_found_anew(root: Path, store: Store) -> None:
    folder = write_run(root, "a", layout="0.7")
    sync(store)
    inner = folder / "b"
    inner.mkdir()
    for name in ("meta.json", "status.json", "events.jsonl"):
        (folder / name).rename(inner / name)
    write_json(inner / "meta.json", {"id": "b", "path": "vision/resnet/a", "created_at": CREATED})
    report = sync(store)
    assert (report.added, report.missing) == (1, 1)
    assert set(everything(store)) == {"b"}


def test_the_root_added_first_answers_for_an_id_that_two_roots_have(root: Path, store: Store, tmp_path: Path) -> None:
    write_run(root, "a", project="first")
    copy = tmp_path / "copy"
    write_run(copy, "a", project="second")
    write_run(copy, "b", project="second")
    store.add_root(copy)
    sync(store, ["copy"])
    assert everything(store)["a"].root == "copy"
    sync(store)
    assert everything(store)["a"].root == "root"
    assert [(problem.root, problem.path) for problem in store.problems()] == [("copy", "second/resnet/runs/a")]
    store.remove_root("root")
    sync(store)
    assert everything(store)["a"].root == "copy"
    assert store.problems() == []


def test_a_stop_between_runs_is_taken_up_by_the_next_sync(root: Path, store: Store) -> None:
    for number in range(450):
        write_run(root, f"run-{number:03d}", steps=[{"loss": 1.0}])
    seen: list[SyncProgress] = []
    report = sync(store, progress=seen.append, should_stop=lambda: any(p.phase == "list" and p.done for p in seen))
    assert not report.is_complete
    assert 0 < len(everything(store)) < 450
    assert sync(store).is_complete
    assert len(everything(store)) == 450
    assert all(series(store, f"run-{number:03d}") == [(1, 1.0)] for number in (0, 200, 449))


def test_the_newest_series_are_read_first(root: Path, store: Store) -> None:
    for number in range(120):
        name = f"run-{number * 7 % 120:03d}"
        write_run(root, name, name=f"name-{number}", created_at=CREATED + number, steps=[{"loss": 1.0}])
    seen: list[SyncProgress] = []
    sync(store, progress=seen.append, should_stop=lambda: any(p.phase == "series" and p.done for p in seen))
    newest_first = store.find(ExperimentQuery(per_page=120)).experiments
    has_series = [series(store, experiment.id) == [(1, 1.0)] for experiment in newest_first]
    assert 0 < sum(has_series) < 120
    assert has_series == sorted(has_series, reverse=True)


def test_a_dead_process_on_this_host_is_shown_as_failed(root: Path, store: Store) -> None:
    long_ago = psutil.boot_time() - 1000
    process = subprocess.Popen(["true"])
    process.wait()
    write_run(
        root, "dead", status="running", created_at=long_ago, hostname=socket.gethostname(), pid=process.pid,
        steps=[{"loss": 1.0}],
    )  # fmt: skip
    write_run(root, "elsewhere", status="running", created_at=long_ago, hostname="another-host", pid=process.pid)
    os.utime(root / "vision/resnet/runs/dead/events.jsonl", (long_ago, long_ago))
    sync(store)
    dead = everything(store)["dead"]
    assert (dead.status, dead.exit_reason, dead.ended_at) == ("failed", "process_not_found", long_ago + 1)
    assert everything(store)["elsewhere"].status == "running"
    assert '"running"' in (root / "vision/resnet/runs/dead/status.json").read_text()


def test_series_that_only_a_database_knows_are_read_from_it(root: Path, store: Store) -> None:
    folder = write_run(root, "a", layout="0.7")
    (folder / "events.jsonl").unlink()
    database = sqlite3.connect(root / "runicorn.db")
    database.execute(
        "CREATE TABLE experiments (id TEXT PRIMARY KEY, path TEXT, deleted_at REAL, best_metric_name TEXT,"
        " best_metric_value REAL)"
    )
    database.execute(
        "CREATE TABLE metrics (experiment_id TEXT, timestamp REAL, metric_name TEXT, metric_value REAL, step INTEGER,"
        " stage TEXT)"
    )
    database.execute("INSERT INTO experiments VALUES ('a', 'vision/resnet', NULL, 'loss', 0.5)")
    database.executemany("INSERT INTO metrics VALUES ('a', ?, 'loss', ?, ?, NULL)", [(1.0, 2.0, 1), (2.0, 0.5, 2)])
    database.commit()
    database.close()
    sync(store)
    assert series(store, "a") == [(1, 2.0), (2, 0.5)]
    assert store.series(MetricsQuery(experiment_id="a", with_times=True)).times == (1.0, 2.0)
    assert everything(store)["a"].best_metric_value == 0.5


def test_text_is_kept_apart_from_numbers(root: Path, store: Store) -> None:
    write_run(root, "a", steps=[{"loss": 1.0, "note": "warm", "stage": "train"}, {"loss": 2.0, "flag": True}])
    sync(store)
    assert set(store.get("a").metrics) == {"loss", "flag"}
    with store.database.snapshot() as connection:
        (seq,) = connection.execute("SELECT seq FROM experiment").fetchone()
        assert read_texts(connection, seq, "note") == {1: "warm"}
        assert read_texts(connection, seq, "stage") == {1: "train"}


_KILLED_SYNC = """
import sys
from runicorn_db.store import Store
from runicorn_db.sync import sync
store = Store(sys.argv[1])
sync(store, progress=lambda p: print(p.phase, p.done, flush=True))
"""


@pytest.mark.slow
def test_a_sync_that_is_killed_anywhere_leaves_a_whole_index(root: Path, tmp_path: Path) -> None:
    for number in range(600):
        write_run(root, f"run-{number:03d}", steps=[{"loss": float(step)} for step in range(20)])
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4):
        path = tmp_path / f"killed-{delay}.db"
        with Store(path) as prepared:
            prepared.add_root(root)
        process = subprocess.Popen([sys.executable, "-c", _KILLED_SYNC, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline and process.poll() is None:
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with Store(path) as store, store.database.snapshot() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Store(path) as store:
            assert sync(store).is_complete
            assert len(everything(store)) == 600
            assert store.summary(ExperimentQuery()).active == 600
            assert series(store, "run-599") == [(step + 1, float(step)) for step in range(20)]
            table = store.series(MetricsQuery(experiment_id="run-599", with_times=True))
            assert table.times == tuple(CREATED + step for step in table.steps)
            assert all(experiment.size_bytes for experiment in everything(store).values())
            with store.database.writing() as connection:
                connection.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
