from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db import measuring, readers
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery
from runicorn_db.sources.directories import measure
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_db.sync_report import SyncProgress
from tests.db.runs import CREATED, append_events, write_json, write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Run directories that hold more than a look at their small files would take."""
    folder = tmp_path / "root"
    for number, name in enumerate("abc"):
        run = write_run(folder, name, created_at=CREATED + number, steps=[{"loss": 1.0}])
        (run / "checkpoints/deep").mkdir(parents=True)
        (run / "checkpoints/deep/weights.bin").write_bytes(b"x" * 1000 * (number + 1))
        for shard in range(20):
            (run / f"checkpoints/deep/{shard}.idx").touch()
    return folder


@pytest.fixture
def store(tmp_path: Path, root: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as opened:
        opened.add_root(root)
        yield opened


def run_of(root: Path, name: str) -> Path:
    return root / "vision/resnet/runs" / name


def measured(store: Store, name: str) -> tuple[int | None, int]:
    detail = store.get(name)
    return detail.experiment.size_bytes, detail.file_count


def on_disk(root: Path, name: str) -> tuple[int, int]:
    return measure(str(root), f"vision/resnet/runs/{name}".encode())


def ids(store: Store, text: str) -> set[str]:
    criteria, notes = parse(text)
    assert not notes
    return {experiment.id for experiment in store.find(ExperimentQuery(filter=criteria)).experiments}


def test_sizes_come_after_everything_else(store: Store, root: Path) -> None:
    sizes: dict[str, list[int | None]] = {}

    def note(progress: SyncProgress) -> None:
        found = store.find(ExperimentQuery()).experiments
        sizes.setdefault(progress.phase, []).extend(experiment.size_bytes for experiment in found)

    sync(store, progress=note)
    assert set(sizes["list"]) | set(sizes["series"]) == {None}
    assert list(sizes) == ["scan", "list", "series", "measure"]
    for name in "abc":
        assert measured(store, name) == on_disk(root, name)


def test_a_small_directory_is_measured_as_it_is_listed(store: Store, root: Path) -> None:
    (write_run(root, "small", steps=[{"loss": 1.0}]) / "media").mkdir()
    write_running(root)
    sizes: dict[str, dict[str, int | None]] = {}

    def note(progress: SyncProgress) -> None:
        found = store.find(ExperimentQuery()).experiments
        sizes.setdefault(progress.phase, {}).update({run.id: run.size_bytes for run in found})

    sync(store, progress=note)
    assert sizes["series"]["small"] == on_disk(root, "small")[0]
    assert sizes["series"]["running"] == on_disk(root, "running")[0]
    assert sizes["series"]["a"] is None
    assert measured(store, "small") == on_disk(root, "small")
    (run_of(root, "small") / "notes.txt").write_bytes(b"x" * 100)
    sync(store)
    assert measured(store, "small") == on_disk(root, "small")


def test_a_newer_directory_that_takes_an_id_over_is_measured(store: Store, root: Path) -> None:
    write_run(root, "small")
    sync(store)
    newer = write_run(root, "small", name="again", created_at=CREATED + 100)
    (newer / "weights.bin").write_bytes(b"x" * 50_000)
    sync(store)
    assert store.get("small").experiment.run_dir == str(newer)
    assert measured(store, "small") == measure(str(root), b"vision/again/runs/small")


def test_a_run_that_07_moved_into_its_recycle_folder_is_measured_there(store: Store, root: Path) -> None:
    run = write_run(root, "small", layout="0.7")
    sync(store)
    recycled = root / "runs/.recycle/small"
    recycled.parent.mkdir()
    run.rename(recycled)
    write_json(recycled / ".deleted", {"deleted_at": CREATED + 900, "reason": "user_deleted"})
    sync(store)
    expected = measure(str(root), b"runs/.recycle/small")
    assert measured(store, "small") == expected
    assert [batch.size_bytes for batch in store.batches()] == [expected[0]]


def test_sizes_can_be_asked_for_and_sorted_by(store: Store) -> None:
    sync(store)
    assert ids(store, "size>2kB") == {"b", "c"}
    page = store.find(ExperimentQuery(order_by="size_bytes", order_desc=False))
    assert [experiment.id for experiment in page.experiments] == ["a", "b", "c"]


def test_what_is_not_measured_is_neither_small_nor_large(store: Store) -> None:
    is_listed: list[bool] = []
    report = sync(store, progress=lambda p: is_listed.append(p.phase == "series"), should_stop=lambda: any(is_listed))
    assert not report.is_complete
    assert store.find(ExperimentQuery()).total == 3
    assert ids(store, "size>=0B") == ids(store, "files>=0") == set()
    assert sync(store).is_complete
    assert ids(store, "size>=0B") == ids(store, "files>=0") == set("abc")


def test_only_what_changed_is_measured_again(store: Store, root: Path) -> None:
    sync(store)
    phases: list[str] = []
    sync(store, progress=lambda progress: phases.append(progress.phase))
    assert "measure" not in phases
    append_events(run_of(root, "a"), [{"loss": 0.5}], first=2)
    (run_of(root, "b") / "new.bin").write_bytes(b"x" * 5000)
    totals: list[int] = []
    sync(store, progress=lambda progress: totals.append(progress.total) if progress.phase == "measure" else None)
    assert set(totals) == {2}
    for name in "abc":
        assert measured(store, name) == on_disk(root, name)


def write_running(root: Path) -> Path:
    run = write_run(root, "running", status="running", hostname="another-host", steps=[{"loss": 1.0}])
    (run / "checkpoints").mkdir()
    return run


def test_new_files_deep_in_a_running_experiment_are_counted_at_every_full_look(store: Store, root: Path) -> None:
    run = write_running(root)
    sync(store)
    (run / "checkpoints/1.bin").write_bytes(b"x" * 7000)
    assert not sync(store, is_thorough=False).has_changes
    assert measured(store, "running") == on_disk(root, "running")


def test_what_takes_long_to_measure_is_measured_less_often(store: Store, root: Path) -> None:
    run = write_running(root)
    sync(store)
    with store.database.writing() as connection:
        connection.execute("UPDATE run_directory SET measured_seconds = 60 WHERE id = 'running'")
    before = measured(store, "running")
    (run / "checkpoints/1.bin").write_bytes(b"x" * 7000)
    sync(store)
    assert measured(store, "running") == before
    write_json(run / "status.json", {"status": "finished", "started_at": CREATED, "ended_at": CREATED + 9})
    sync(store)
    assert measured(store, "running") == on_disk(root, "running")


def test_a_batch_adds_up_what_was_measured_after_it_was_deleted(store: Store, root: Path) -> None:
    write_json(run_of(root, "c") / ".deleted", {"deleted_at": CREATED + 900, "reason": "junk"})

    def delete(progress: SyncProgress) -> None:
        if progress.phase == "series" and not progress.done:
            store.delete(["a", "b"], source="cli")

    sync(store, progress=delete)
    by_source = {batch.source: batch.size_bytes for batch in store.batches()}
    assert by_source == {
        "cli": on_disk(root, "a")[0] + on_disk(root, "b")[0],
        "runicorn": on_disk(root, "c")[0],
    }
    (run_of(root, "a") / "more.bin").write_bytes(b"x" * 500)
    sync(store)
    assert {batch.source: batch.size_bytes for batch in store.batches()} == {
        **by_source,
        "cli": on_disk(root, "a")[0] + on_disk(root, "b")[0],
    }


def test_a_run_that_vanishes_is_not_measured(store: Store, root: Path) -> None:
    sync(store)
    before = measured(store, "a")
    shutil.rmtree(run_of(root, "a"))
    sync(store)
    assert measured(store, "a") == before
    assert store.get("a").experiment.is_missing


def test_a_stop_keeps_what_was_measured_and_the_next_sync_goes_on(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_RUNS_PER_WRITE", 1)
    monkeypatch.setattr(measuring, "_RUNS_PER_REPORT", 1)
    seen: list[SyncProgress] = []
    report = sync(store, progress=seen.append, should_stop=lambda: any(p.phase == "measure" and p.done for p in seen))
    assert not report.is_complete
    assert 1 <= sum(measured(store, name)[0] is not None for name in "abc") < 3
    # The newest come first.
    assert measured(store, "c") == on_disk(root, "c")
    assert sync(store).is_complete
    assert all(measured(store, name) == on_disk(root, name) for name in "abc")


def test_processes_measure_as_this_one_does(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SMALLEST_SHARED_BYTES", 0)
    monkeypatch.setattr(readers, "cores", lambda: 2)
    sync(store)
    assert all(measured(store, name) == on_disk(root, name) for name in "abc")
