"""The demo: a root as Runicorn writes it, the same for the same arguments, with experiments that go on training."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import tarfile
import threading
import time
from collections import Counter
from functools import cache
from pathlib import Path

import psutil
import pytest

from runicorn_db.demo import MARKER, DemoGrowth, NotADemo, adopt_running, write_demo

NOW = 1_780_000_000.0
REAL_ROOTS = Path(__file__).parents[1] / "data" / "roots"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo of 300 experiments; tests must not change it."""
    return write_demo(tmp_path_factory.mktemp("demo"), 300, steps=60, now=NOW)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_demo(tmp_path / "small", 12, steps=20, now=NOW)


def run_directories(root: Path) -> list[Path]:
    return sorted(meta.parent for meta in root.rglob("meta.json"))


def read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text("utf-8"))


def events(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@cache
def real_files(version: str, name: str) -> list[dict[str, object]]:
    """Every file of this name in the root that a real Runicorn of this version wrote."""
    with tarfile.open(REAL_ROOTS / f"root-{version}.tar.gz") as archive:
        members = [member for member in archive if Path(member.name).name == name]
        return [json.load(file) for member in members if (file := archive.extractfile(member))]


def layout(root: Path, run: Path) -> str:
    return "0.7.2" if run.relative_to(root).parts[0] == "runs" else "0.4.1"


def test_equal_arguments_give_equal_files(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    first = contents(write_demo(root, 40, steps=30, seed=3, now=NOW))
    root.rename(tmp_path / "other")
    assert contents(write_demo(root, 40, steps=30, seed=3, now=NOW)) == first


def test_another_seed_gives_other_experiments(tmp_path: Path) -> None:
    first = write_demo(tmp_path / "1", 10, steps=5, seed=1, now=NOW)
    second = write_demo(tmp_path / "2", 10, steps=5, seed=2, now=NOW)
    assert {run.name for run in run_directories(first)}.isdisjoint(run.name for run in run_directories(second))


def test_as_many_experiments_as_asked_for_are_written_each_with_its_own_id(demo: Path) -> None:
    runs = run_directories(demo)
    assert len(runs) == 300
    assert len({read(run / "meta.json")["id"] for run in runs}) == 300
    assert all(run.name == read(run / "meta.json")["id"] for run in runs)
    assert all(re.fullmatch(r"[0-9]{8}_[0-9]{6}_[a-f0-9]{6}", run.name) for run in runs)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_very_small_demo_is_possible(tmp_path: Path, count: int) -> None:
    assert len(run_directories(write_demo(tmp_path / "demo", count, steps=1, now=NOW))) == count


def test_progress_counts_up_to_all_experiments(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_demo(tmp_path / "demo", 5, steps=5, now=NOW, progress=lambda *call: calls.append(call))
    assert calls == [(done, 5) for done in range(1, 6)]


@pytest.mark.parametrize("name", ["meta.json", "status.json"])
def test_files_have_the_fields_that_the_real_runicorn_writes(demo: Path, name: str) -> None:
    optional = {"tags", "exit_reason", "ended_at"}
    for run in run_directories(demo):
        real = [set(file) - optional for file in real_files(layout(demo, run), name)]
        assert set(read(run / name)) - optional in real


def test_deletion_markers_have_the_fields_that_the_real_runicorn_writes(demo: Path) -> None:
    markers = list(demo.rglob(".deleted"))
    assert {layout(demo, marker.parent) for marker in markers} == {"0.4.1", "0.7.2"}
    for marker in markers:
        assert set(read(marker)) == set(real_files(layout(demo, marker.parent), ".deleted")[0])
    assert all("runs/.recycle" in str(marker) for marker in markers if layout(demo, marker.parent) == "0.7.2")


def test_tags_and_descriptions_stand_where_the_real_runicorn_keeps_them(demo: Path) -> None:
    metadata = read(demo / ".experiments_metadata.json")
    (real,) = real_files("0.4.1", ".experiments_metadata.json")
    entries = [entry for entry in metadata.values() if isinstance(entry, dict)]
    assert len(entries) == len(metadata)
    real_entry = next(iter(real.values()))
    assert isinstance(real_entry, dict)
    assert all(entry.keys() == real_entry.keys() for entry in entries)
    assert any(entry["description"] for entry in entries)
    assert any(entry["tags"] for entry in entries)
    tagged = [run for run in run_directories(demo) if "tags" in read(run / "meta.json")]
    assert tagged
    assert {layout(demo, run) for run in tagged} == {"0.7.2"}


def test_parameters_are_in_the_summary_of_the_old_layout_and_in_the_assets_of_the_new(demo: Path) -> None:
    for run in run_directories(demo):
        if layout(demo, run) == "0.4.1":
            params = read(run / "summary.json")
        else:
            assets = read(run / "assets.json")
            assert set(assets) == set(real_files("0.7.2", "assets.json")[0])
            config = assets["config"]
            assert isinstance(config, dict)
            params = config["args"]
        assert {"lr", "batch_size", "optimizer"} <= set(params)


def test_projects_are_of_unequal_size_and_one_is_not_ascii(demo: Path) -> None:
    projects: Counter[str] = Counter()
    for run in run_directories(demo):
        meta = read(run / "meta.json")
        projects[str(meta.get("project") or str(meta["path"]).rpartition("/")[0])] += 1
    assert len(projects) >= 6
    assert max(projects.values()) > 4 * min(projects.values())
    assert any(not project.isascii() for project in projects)


def test_there_is_a_run_for_every_fate(demo: Path) -> None:
    statuses = [read(run / "status.json") for run in run_directories(demo)]
    assert {status["status"] for status in statuses} == {"running", "finished", "failed", "interrupted"}
    ends = [(status["started_at"], status["ended_at"]) for status in statuses if "ended_at" in status]
    durations = [end - begin for begin, end in ends if isinstance(begin, float) and isinstance(end, float)]
    assert len(durations) == len(ends)
    assert 10 <= sum(duration < 20 for duration in durations) <= 60
    assert all(end <= NOW for _, end in ends if isinstance(end, float))


def test_finished_runs_know_their_best_value_and_it_was_really_logged(demo: Path) -> None:
    known = 0
    for run in run_directories(demo):
        summary = read(run / "summary.json") if (run / "summary.json").exists() else {}
        if "best_metric_name" not in summary:
            continue
        assert read(run / "status.json")["status"] == "finished"
        name, mode = summary["best_metric_name"], summary["best_metric_mode"]
        logged = {data["global_step"]: data[name] for event in events(run) if name in (data := event["data"])}
        assert summary["best_metric_value"] == (max if mode == "max" else min)(logged.values())
        assert logged[summary["best_metric_step"]] == summary["best_metric_value"]
        known += 1
    assert known > 100


def test_curves_have_non_finite_values_as_the_bare_words_that_runicorn_writes(demo: Path) -> None:
    texts = [
        (run / "events.jsonl").read_text("utf-8") for run in run_directories(demo) if (run / "events.jsonl").exists()
    ]
    assert any('"loss": NaN' in text for text in texts)
    assert any('"loss": Infinity' in text for text in texts)


def test_most_losses_fall_and_steps_count_up_from_one(demo: Path) -> None:
    falling = long = 0
    for run in run_directories(demo):
        if not (run / "events.jsonl").exists():
            continue
        train = [data for event in events(run) if "loss" in (data := event["data"])]
        assert [data["global_step"] for data in train] == list(range(1, len(train) + 1))
        losses = [data["loss"] for data in train if math.isfinite(data["loss"])]
        if len(losses) > 30:
            long += 1
            falling += losses[-1] < losses[0]
    assert long > 100
    assert falling > 0.9 * long


def test_logs_have_progress_bars_colours_and_a_traceback_where_a_run_failed(demo: Path) -> None:
    logs = {run: (run / "logs.txt").read_text("utf-8") for run in run_directories(demo)}
    assert any(re.search(r"\d+%\|.*\| \d+/60 \[\d\d:\d\d<", text) for text in logs.values())
    assert any("\x1b[33mWARNING" in text for text in logs.values())
    for run, text in logs.items():
        assert ("Traceback" in text) == (read(run / "status.json")["status"] == "failed")


def test_hostile_names_are_among_the_experiments(demo: Path) -> None:
    metas = [read(run / "meta.json") for run in run_directories(demo)]
    assert any(meta.get("name") == "[/]" for meta in metas)
    assert any("\x1b" in str(meta.get("alias")) for meta in metas)
    assert "\\u001b" in (demo / ".experiments_metadata.json").read_text("utf-8")


# Where it may be written


def test_a_demo_that_is_there_is_used_again_untouched(small: Path) -> None:
    before = contents(small)
    assert write_demo(small, 99, steps=3, seed=1) == small
    assert contents(small) == before


def test_a_demo_that_was_cut_off_is_finished_as_it_was_begun(tmp_path: Path) -> None:
    root = tmp_path / "demo"

    def give_up(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(root, 12, steps=20, now=NOW, progress=give_up)
    write_demo(root, 500, steps=1, seed=99)
    finished = contents(root)
    root.rename(tmp_path / "other")
    assert finished == contents(write_demo(root, 12, steps=20, now=NOW))


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    assert len(run_directories(write_demo(tmp_path, 3, steps=2, now=NOW))) == 3


def test_a_directory_with_anything_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(NotADemo, match="not empty and not a demo"):
        write_demo(tmp_path, 3)
    assert contents(tmp_path) == {"thesis.tex": b"mine"}


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="not a directory"):
        write_demo(tmp_path / "file", 3)


@pytest.mark.parametrize("marker", [b"", b"{}", b"\xff\xfe", b'{"experiments": "many"}'])
def test_an_unreadable_marker_is_refused(tmp_path: Path, marker: bytes) -> None:
    (tmp_path / MARKER).write_bytes(marker)
    with pytest.raises(NotADemo, match="cannot be read"):
        write_demo(tmp_path, 3)
    assert contents(tmp_path) == {MARKER: marker}


@pytest.mark.parametrize(("experiments", "steps"), [(0, 10), (10, 0), (-1, 1)])
def test_a_demo_of_nothing_is_refused(tmp_path: Path, experiments: int, steps: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        write_demo(tmp_path, experiments, steps=steps)


# Experiments that go on


def test_adopted_experiments_belong_to_this_process_and_are_younger_than_it(small: Path) -> None:
    runs = adopt_running(small)
    assert runs
    for run in runs:
        meta, status = read(run / "meta.json"), read(run / "status.json")
        assert (meta["pid"], meta["hostname"]) == (os.getpid(), socket.gethostname())
        created_at = meta["created_at"]
        assert isinstance(created_at, float)
        assert psutil.Process().create_time() < created_at <= time.time()
        assert status == {"status": "running", "started_at": created_at}
        assert meta["id"] == run.name


def test_a_running_experiment_that_was_deleted_or_purged_is_not_adopted(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "demo", 75, steps=2, now=NOW)
    deleted, purged, kept = adopt_running(root)
    (deleted / ".deleted").write_text("{}")
    for file in purged.iterdir():
        file.rename(tmp_path / file.name)
    assert adopt_running(root) == (kept,)


def test_a_running_experiment_whose_meta_was_cut_off_is_left_alone(small: Path) -> None:
    (run,) = adopt_running(small)
    (run / "meta.json").write_text('{"id": "2026')
    assert adopt_running(small) == ()
    assert (run / "meta.json").read_text() == '{"id": "2026'


def test_a_marker_that_points_out_of_the_demo_is_not_followed(tmp_path: Path, small: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "meta.json").write_text('{"id": "mine"}')
    marker = read(small / MARKER)
    marker["running"] = [{"path": "../outside", "layout": "0.4", "metric": "acc", "target": 1.0}]
    (small / MARKER).write_text(json.dumps(marker))
    assert adopt_running(small) == ()
    assert contents(outside) == {"meta.json": b'{"id": "mine"}'}


def test_where_no_demo_is_nothing_can_be_adopted(tmp_path: Path) -> None:
    with pytest.raises(NotADemo, match="holds no demo"):
        adopt_running(tmp_path)
    with pytest.raises(NotADemo, match="holds no demo"):
        DemoGrowth(tmp_path).start()


def grow(root: Path, steps: int) -> None:
    growth = DemoGrowth(root)
    growth.adopt()
    for _ in range(steps):
        growth.train()
    growth.stop()


def test_growth_adds_steps_and_logs_without_touching_what_was_written(small: Path) -> None:
    runs = adopt_running(small)
    before = {run: contents(run) for run in runs}
    steps = {run: events(run)[-1]["data"]["global_step"] for run in runs}
    grow(small, 10)
    for run in runs:
        after = contents(run)
        assert after["events.jsonl"].startswith(before[run]["events.jsonl"])
        assert after["logs.txt"].startswith(before[run]["logs.txt"])
        assert len(after["logs.txt"]) > len(before[run]["logs.txt"])
        new = events(run)[len(before[run]["events.jsonl"].splitlines()) :]
        assert len(new) == 11
        assert new[-1]["data"]["global_step"] == steps[run] + 10


def test_growth_begins_a_new_line_after_one_that_was_cut_off(small: Path) -> None:
    (run, *_) = adopt_running(small)
    whole = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(whole[:-20])
    grow(small, 1)
    lines = (run / "events.jsonl").read_bytes().splitlines()
    assert lines[: len(whole.splitlines())] == whole[:-20].splitlines()
    assert json.loads(lines[-1])["data"]["global_step"] > 0


def test_growth_begins_at_step_one_where_nothing_was_logged_yet(small: Path) -> None:
    (run,) = adopt_running(small)
    (run / "events.jsonl").unlink()
    grow(small, 2)
    assert [event["data"]["global_step"] for event in events(run)] == [1, 2]


def test_training_in_its_thread_goes_on_until_it_is_stopped(small: Path) -> None:
    (run, *_) = adopt_running(small)
    size = (run / "events.jsonl").stat().st_size
    growth = DemoGrowth(small, interval=0.001)
    trained = threading.Event()
    train = growth.train

    def train_and_tell() -> None:
        train()
        trained.set()

    growth.train = train_and_tell
    growth.start()
    assert trained.wait(10)
    growth.stop()
    grown = (run / "events.jsonl").stat().st_size
    assert grown > size
    assert "demo growth" not in {thread.name for thread in threading.enumerate()}


def test_growth_that_stops_leaves_interrupted_experiments_and_can_start_again(small: Path) -> None:
    runs = adopt_running(small)
    growth = DemoGrowth(small, interval=60)
    growth.start()
    growth.stop()
    for run in runs:
        status = json.loads((run / "status.json").read_bytes())
        assert status["status"] == "interrupted"
        assert status["started_at"] <= status["ended_at"] <= time.time()
    growth.start()
    assert {read(run / "status.json")["status"] for run in runs} == {"running"}
    growth.stop()
    growth.stop()


def test_growth_goes_on_when_an_experiment_vanishes(tmp_path: Path) -> None:
    root = write_demo(tmp_path / "demo", 50, steps=2, now=NOW)
    vanishing, staying = adopt_running(root)
    growth = DemoGrowth(root)
    growth.adopt()
    vanishing.rename(tmp_path / "elsewhere")
    before = len(events(staying))
    growth.train()
    growth.train()
    growth.stop()
    assert len(events(staying)) >= before + 2
    assert not vanishing.exists()
