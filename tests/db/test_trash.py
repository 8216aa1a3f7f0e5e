from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runicorn_db import trash
from runicorn_db.errors import CountChanged, InvalidQuery, StorageFull, StoreBusy, UnknownBatch
from runicorn_db.filter_language import parse
from runicorn_db.outbox_thread import OutboxThread
from runicorn_db.plan import describe
from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.runs import CREATED, write_json, write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs of each layout: `a`, `b`, `c` of 0.4 and `x`, `y`, `z` of 0.7."""
    folder = tmp_path / "root"
    for number, name in enumerate("abc"):
        write_run(folder, name, created_at=CREATED + number, status="failed" if name == "a" else "finished")
    for number, name in enumerate("xyz"):
        write_run(folder, name, layout="0.7", created_at=CREATED + 10 + number)
    return folder


@pytest.fixture
def fresh_store(tmp_path: Path, root: Path) -> Iterator[Store]:
    """An index that knows the root and has read nothing yet, as after the loss of the other."""
    with Store(tmp_path / "fresh.db") as opened:
        opened.add_root(root)
        yield opened


def live(store: Store) -> set[str]:
    return {experiment.id for experiment in store.find(ExperimentQuery(per_page=1000)).experiments}


def trashed(store: Store) -> dict[str, Experiment]:
    page = store.find(ExperimentQuery(per_page=1000, include_deleted=True))
    return {experiment.id: experiment for experiment in page.experiments if experiment.deleted_at is not None}


def folder_of(root: Path, name: str) -> Path:
    return root / ("vision/resnet/runs" if name in "abc" else "runs/vision/resnet") / name


def sidecar(root: Path, name: str) -> dict[str, object]:
    path = folder_of(root, name) / ".runicorn-tui.json"
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_deletion_is_one_batch_that_can_be_taken_back(store: Store) -> None:
    result = store.delete(["a", "x"], source="cli", reason="junk", query="status:failed")
    assert (result.results, result.errors, result.changed) == ({"a": True, "x": True}, {}, 2)
    assert live(store) == {"b", "c", "y", "z"}
    (batch,) = store.batches()
    assert (batch.id, batch.source, batch.reason, batch.query) == (result.batch, "cli", "junk", "status:failed")
    assert (batch.count, batch.remaining) == (2, 2)
    assert batch.size_bytes == sum(experiment.size_bytes or 0 for experiment in trashed(store).values())
    assert store.restore_batch(batch.id).changed == 2
    assert live(store) == set("abcxyz")
    assert store.batches()[0].remaining == 0


def test_deleting_twice_succeeds_and_keeps_the_first_batch(store: Store) -> None:
    first = store.delete(["a"], source="tui", reason="one")
    second = store.delete(["a", "b"], source="api", reason="two")
    assert (second.results, second.changed) == ({"a": True, "b": True}, 1)
    assert store.batch_ids(first.batch or 0) == ["a"]
    assert store.batch_ids(second.batch or 0) == ["b"]
    third = store.delete(["a", "b"], source="api")
    assert (third.batch, third.changed) == (None, 0)
    assert len(store.batches()) == 2


def test_an_unknown_id_fails_alone(store: Store) -> None:
    result = store.delete(["a", "nothing"], source="api")
    assert result.results == {"a": True, "nothing": False}
    assert result.errors == {"nothing": "not found"}
    assert (result.succeeded, result.failed) == (1, 1)


def test_a_dry_run_counts_and_changes_nothing(store: Store, root: Path) -> None:
    store.delete(["a"], source="api")
    result = store.delete(["a", "b", "nothing"], source="api", dry_run=True)
    assert (result.results, result.changed) == ({"a": True, "b": True, "nothing": False}, 1)
    assert set(trashed(store)) == {"a"}
    assert store.restore(["a", "b"], dry_run=True).changed == 1
    assert set(trashed(store)) == {"a"}
    assert not (folder_of(root, "b") / ".deleted").exists()


def test_two_clients_deleting_the_same_ids_both_hear_the_truth(store: Store, tmp_path: Path) -> None:
    results = []
    barrier = threading.Barrier(2)

    def delete(other: Store) -> None:
        barrier.wait()
        results.append(other.delete(["a", "b", "c"], source="api"))

    with Store(store.path) as second:
        threads = [threading.Thread(target=delete, args=(each,)) for each in (store, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [result.results for result in results] == [{"a": True, "b": True, "c": True}] * 2
    assert sorted(result.changed for result in results) == [0, 3]
    assert len(store.batches()) == 1


def test_deleting_by_query_takes_what_matches_and_refuses_when_that_changed(store: Store) -> None:
    query = ExperimentQuery(status=("finished",))
    with pytest.raises(CountChanged, match="5 experiments match now, not 4"):
        store.delete_matching(query, source="api", expected_total=4)
    assert trashed(store) == {}
    assert store.delete_matching(query, source="api", expected_total=5, dry_run=True).matched == 5
    assert trashed(store) == {}
    result = store.delete_matching(query, source="api", expected_total=5)
    assert (result.matched, result.changed) == (5, 5)
    assert live(store) == {"a"}
    assert store.batches()[0].query == "status:finished"


def test_a_batch_says_what_it_was_asked_for(store: Store) -> None:
    query = ExperimentQuery(
        project="my vision", status=("finished",), search='resnet "a b"', created_after=1.5, roots=("root",),
        filter=parse("best>1 or age<1d")[0],
    )  # fmt: skip
    assert describe(query) == (
        'project="my vision" status:finished resnet "a b" created_after=1.5 root=root (best>1 or age<86400s)'
    )
    assert describe(ExperimentQuery()) == ""


def test_the_original_sees_a_deletion_by_its_marker_in_layouts_before_07(store: Store, root: Path) -> None:
    store.delete(["a", "x"], source="tui", reason="junk")
    marker = json.loads((folder_of(root, "a") / ".deleted").read_text())
    assert set(marker) == {"deleted_at", "reason", "original_status"}
    assert (marker["reason"], marker["original_status"]) == ("junk", "failed")
    assert marker["deleted_at"] == trashed(store)["a"].deleted_at
    assert not (folder_of(root, "x") / ".deleted").exists()
    assert sidecar(root, "x") == {"deleted_at": trashed(store)["x"].deleted_at, "delete_reason": "junk"}
    store.restore(["a", "x"])
    assert not (folder_of(root, "a") / ".deleted").exists()
    assert set(sidecar(root, "x")) == {"restored_at"}


def test_losing_the_index_loses_no_deletion_tag_pin_or_description(
    store: Store, fresh_store: Store, root: Path
) -> None:
    store.delete(["a", "x"], source="tui", reason="junk")
    store.annotate(["b", "y"], add_tags=["keep"], pinned=True, description="the one")
    sync(fresh_store)
    assert {name: experiment.delete_reason for name, experiment in trashed(fresh_store).items()} == {
        "a": "junk",
        "x": "junk",
    }
    for name in ("b", "y"):
        experiment = fresh_store.get(name).experiment
        assert (experiment.tags, experiment.is_pinned, experiment.description) == (("keep",), True, "the one")
    assert trashed(fresh_store)["a"].deleted_at == trashed(store)["a"].deleted_at
    store.restore(["a", "x"])
    sync(fresh_store)
    assert trashed(fresh_store) == {}


def test_a_marker_of_another_tool_is_a_deletion_and_its_removal_a_restore(store: Store, root: Path) -> None:
    write_json(folder_of(root, "a") / ".deleted", {"deleted_at": CREATED + 500, "reason": "user_deleted"})
    assert sync(store).deleted == 1
    assert trashed(store)["a"].delete_reason == "user_deleted"
    (batch,) = store.batches()
    assert (batch.source, batch.count, batch.remaining) == ("runicorn", 1, 1)
    (folder_of(root, "a") / ".deleted").unlink()
    assert sync(store).restored == 1
    assert trashed(store) == {}


def test_removing_our_marker_restores(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    sync(store)
    assert set(trashed(store)) == {"a"}
    (folder_of(root, "a") / ".deleted").unlink()
    sync(store)
    assert trashed(store) == {}


def test_what_was_restored_here_is_not_deleted_again_by_an_older_act(store: Store, root: Path) -> None:
    write_json(folder_of(root, "a") / ".deleted", {"deleted_at": CREATED + 500, "reason": "user_deleted"})
    sync(store)
    store.restore(["a"])
    write_json(folder_of(root, "a") / ".deleted", {"deleted_at": CREATED + 600, "reason": "stale copy"})
    sync(store)
    assert trashed(store) == {}
    later = time.time() + 5
    write_json(folder_of(root, "a") / ".deleted", {"deleted_at": later, "reason": "once more"})
    sync(store)
    assert trashed(store)["a"].deleted_at == later


def test_moving_to_the_recycle_folder_of_07_is_a_deletion_and_back_a_restore(store: Store, root: Path) -> None:
    recycled = root / "runs" / ".recycle" / "x"
    recycled.parent.mkdir()
    folder_of(root, "x").rename(recycled)
    write_json(recycled / ".deleted", {"deleted_at": time.time(), "reason": "user_deleted"})
    sync(store)
    assert trashed(store)["x"].run_dir == str(recycled)
    assert live(store) == set("abcyz")
    (recycled / ".deleted").unlink()
    recycled.rename(folder_of(root, "x"))
    sync(store)
    assert trashed(store) == {}
    assert store.get("x").experiment.run_dir == str(folder_of(root, "x"))


@pytest.mark.parametrize("told", ["vision/resnet", None])
def test_restoring_what_07_recycled_moves_it_back(store: Store, root: Path, told: str | None) -> None:
    recycled = root / "runs" / ".recycle" / "x"
    recycled.parent.mkdir()
    folder_of(root, "x").rename(recycled)
    write_json(recycled / ".deleted", {"deleted_at": time.time(), "reason": "user_deleted", "original_path": told})
    sync(store)
    store.restore(["x"])
    assert store.flush_outbox() == 0
    assert not recycled.exists()
    assert not (folder_of(root, "x") / ".deleted").exists()
    assert store.get("x").experiment.run_dir == str(folder_of(root, "x"))
    assert sync(store).missing == 0
    assert trashed(store) == {}


@pytest.mark.parametrize("told", ["../outside", "a//b", "a/../../b", "/etc", ".hidden", "a\0b", "a b", "a/"])
def test_a_place_that_no_run_can_have_is_not_gone_back_to(store: Store, root: Path, told: str) -> None:
    recycled = root / "runs" / ".recycle" / "x"
    recycled.parent.mkdir()
    folder_of(root, "x").rename(recycled)
    write_json(recycled / ".deleted", {"deleted_at": time.time(), "reason": "user_deleted", "original_path": told})
    sync(store)
    store.restore(["x"])
    assert store.flush_outbox() == 0
    assert recycled.exists()
    sync(store)
    assert trashed(store) == {}


def test_a_deletion_of_another_index_of_ours_is_followed(store: Store, fresh_store: Store) -> None:
    sync(fresh_store)
    store.delete(["a", "x"], source="tui")
    sync(fresh_store)
    assert set(trashed(fresh_store)) == {"a", "x"}
    fresh_store.restore(["a", "x"])
    sync(store)
    assert trashed(store) == {}


def test_a_file_that_cannot_be_written_waits_and_the_deletion_holds(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder in the marker's place cannot be replaced by a file, not even by the superuser.
    (folder_of(root, "a") / ".deleted").mkdir()
    (folder_of(root, "a") / ".deleted" / "x").write_text("")
    store.delete(["a"], source="tui")
    assert store.flush_outbox() == 1
    with store.database.snapshot() as connection:
        assert connection.execute("SELECT attempts > 0, error IS NOT NULL FROM outbox").fetchone() == (1, 1)
    sync(store)
    assert set(trashed(store)) == {"a"}
    (folder_of(root, "a") / ".deleted" / "x").unlink()
    (folder_of(root, "a") / ".deleted").rmdir()
    sync(store)
    assert store.flush_outbox() == 0
    assert set(trashed(store)) == {"a"}
    assert (folder_of(root, "a") / ".deleted").is_file()


def test_files_due_at_a_crash_are_written_by_the_next_one_who_opens_the_index(store: Store, root: Path) -> None:
    # What a process that dies between commit and marker leaves behind.
    with store.database.writing(durable=True) as connection:
        connection.execute(
            "UPDATE experiment SET deleted_at = ?, delete_reason = 'r', live = 0 WHERE id = 'a'", (time.time(),)
        )
        connection.execute(
            "INSERT INTO outbox (experiment_seq, queued_at) SELECT seq, 1 FROM experiment WHERE id = 'a'"
        )
    with Store(store.path) as other:
        assert other.flush_outbox() == 0
    assert (folder_of(root, "a") / ".deleted").exists()


def test_preview_says_what_a_deletion_would_take(store: Store) -> None:
    store.annotate(["b"], pinned=True)
    store.delete(["c"], source="tui")
    preview = store.preview_delete(["a", "b", "c", "x", "nothing"])
    assert (preview.total, preview.by_status) == (3, {"finished": 2, "failed": 1})
    assert (preview.pinned, preview.running, preview.index_only) == (1, 0, 0)
    assert [experiment.id for experiment in (*preview.first, *preview.last)] == ["x", "b", "a"]
    assert (preview.created_from, preview.created_to) == (CREATED, CREATED + 10)
    assert preview.size_bytes == sum(store.get(name).experiment.size_bytes or 0 for name in "abx")


@pytest.mark.parametrize("part", [1, 2, 100])
def test_a_preview_is_the_same_of_ids_and_of_a_snapshot_in_parts(
    store: Store, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    store.annotate(["b", "y"], pinned=True)
    expected = store.preview_delete(list("abcxyz"))
    monkeypatch.setattr(trash, "_PART", part)
    assert store.preview_delete(store.ids(ExperimentQuery())) == expected
    without = store.preview_delete(store.ids(ExperimentQuery()), takes_pinned=False)
    assert replace(without, running=0, pinned=0) == store.preview_delete(list("acxz"))
    assert without.pinned == expected.pinned


def test_a_plan_is_exactly_what_would_go_in_the_order_it_was_asked_for(store: Store) -> None:
    store.annotate(["b"], pinned=True)
    store.delete(["c"], source="tui")
    everything = store.ids(ExperimentQuery(include_deleted=True, order_by="name"))
    preview, taken = store.plan_delete(everything, takes_pinned=False)
    assert store.id_list(taken) == [name for name in store.id_list(everything) if name not in "bc"]
    assert (preview.total, preview.pinned) == (len(taken), 1)


def test_a_preview_counts_ages_by_their_upper_bound(store: Store) -> None:
    day = 86400.0
    ages = {"a": 0.0, "b": day, "c": 89 * day, "x": 90 * day, "y": 365 * day, "z": 4000 * day}
    with store.database.writing() as connection:
        for name, age in ages.items():
            connection.execute("UPDATE experiment SET created_at = ? WHERE id = ?", (CREATED - age, name))
    preview, _ = store.plan_delete(list(ages), now=CREATED)
    assert preview.by_age == {"<1d": 1, "1-7d": 1, "30-90d": 1, "90d-1y": 1, ">1y": 2}
    assert list(preview.by_age) == ["<1d", "1-7d", "30-90d", "90d-1y", ">1y"]


def test_a_snapshot_deleted_in_parts_is_one_batch(store: Store) -> None:
    chosen = store.ids(ExperimentQuery())
    first = store.delete(chosen[:4], source="tui", reason="r")
    second = store.delete(chosen[4:], source="tui", reason="r", batch=first.batch)
    assert (first.changed, second.changed, second.batch) == (4, 2, first.batch)
    (batch,) = store.batches()
    assert (batch.count, batch.remaining) == (6, 6)
    assert batch.size_bytes == sum(experiment.size_bytes or 0 for experiment in trashed(store).values())
    held = store.batch_snapshot(batch.id)
    assert store.id_list(held) == store.batch_ids(batch.id)
    assert store.restore(held[:2]).changed == 2
    assert store.restore_batch(batch.id).changed == 4
    with pytest.raises(UnknownBatch):
        store.delete(chosen, source="tui", batch=99)
    assert live(store) == set("abcxyz")


def test_unknown_batches_and_endless_reasons_are_refused(store: Store) -> None:
    with pytest.raises(UnknownBatch):
        store.restore_batch(99)
    with pytest.raises(InvalidQuery, match="reason"):
        store.delete(["a"], source="api", reason="x" * 501)


def test_many_markers_follow_in_the_background(tmp_path: Path) -> None:
    root = tmp_path / "many"
    names = [f"run-{number}" for number in range(60)]
    for name in names:
        write_run(root, name)
    with Store(tmp_path / "many.db") as store:
        store.add_root(root)
        sync(store)
        store.delete(names, source="tui")
        assert store.flush_outbox() == 0
    assert all((root / "vision/resnet/runs" / name / ".deleted").exists() for name in names)


def test_markers_of_a_deletion_made_while_others_are_written_follow_too(tmp_path: Path) -> None:
    root = tmp_path / "many"
    older, newer = ([f"{age}-{number}" for number in range(300)] for age in ("older", "newer"))
    for name in older:
        write_run(root, name, created_at=CREATED)
    for name in newer:
        write_run(root, name, created_at=CREATED + 1000)
    with Store(tmp_path / "many.db") as store:
        store.add_root(root)
        sync(store)
        store.delete(newer, source="api")
        store.delete(older, source="api")
        for thread in threading.enumerate():
            if thread.name == "outbox":
                thread.join()
        missing = [name for name in older + newer if not (root / "vision/resnet/runs" / name / ".deleted").exists()]
    assert missing == []


def test_a_deletion_is_told_as_done_although_its_markers_must_wait(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flush_while_another_writes(*_: object) -> int:
        raise StoreBusy("Database is busy")

    # The moment is forced: between the commit and the marker another process takes the write lock.
    with monkeypatch.context() as patch:
        patch.setattr(OutboxThread, "flush", flush_while_another_writes)
        assert store.delete(["a"], source="api").results == {"a": True}
    assert not (folder_of(root, "a") / ".deleted").exists()

    sync(store)
    assert (folder_of(root, "a") / ".deleted").exists()


_DELETER = """
import sys
from runicorn_db.store import Store
store = Store(sys.argv[1])
for name in sys.argv[2].split(","):
    result = store.delete([name, name + "-twin"], source="api", reason="kill test")
    assert result.changed == 2
    print(name, flush=True)
"""


@pytest.mark.slow
def test_an_acknowledged_deletion_survives_kill_9_and_none_is_half_done(tmp_path: Path) -> None:
    root = tmp_path / "killed"
    names = [f"run-{number:03d}" for number in range(120)]
    for name in names:
        write_run(root, name)
        write_run(root, name + "-twin")
    path = tmp_path / "killed.db"
    with Store(path) as store:
        store.add_root(root)
        sync(store)
    acknowledged: set[str] = set()
    remaining = list(names)
    for stop_after in (1, 3, 2, 5, 4, 7):
        command = [sys.executable, "-c", _DELETER, str(path), ",".join(remaining)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged |= {process.stdout.readline().strip() for _ in range(stop_after)}
        process.send_signal(signal.SIGKILL)
        # What it said before it died counts too.
        acknowledged |= set(process.stdout.read().split())
        process.wait()
        process.stdout.close()
        with Store(path) as store:
            gone = set(trashed(store))
            assert acknowledged <= gone
            assert all((name in gone) == (name + "-twin" in gone) for name in names)
            assert sum(batch.remaining for batch in store.batches(1000)) == len(gone)
            with store.database.snapshot() as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        remaining = [name for name in names if name not in gone]
    with Store(path) as store:
        sync(store)
        assert store.flush_outbox() == 0
        assert acknowledged <= set(trashed(store))
    assert os.path.lexists(root / "vision/resnet/runs" / names[0] / ".deleted")


def recycled(root: Path, name: str) -> Path:
    return root / "runs/.recycle" / name


def test_a_deletion_that_asks_for_it_moves_runs_of_07_as_07_does(store: Store, root: Path, fresh_store: Store) -> None:
    store.annotate(["x"], add_tags=["t"])
    store.delete(["a", "x"], source="tui", reason="junk", move_to_recycle=True)
    assert folder_of(root, "a").exists()
    assert not folder_of(root, "x").exists()
    marker = json.loads((recycled(root, "x") / ".deleted").read_text())
    assert list(marker) == ["deleted_at", "reason", "original_status", "original_path"]
    assert (marker["reason"], marker["original_status"]) == ("junk", "finished")
    assert marker["original_path"] == "vision/resnet"
    assert json.loads((recycled(root, "x") / ".runicorn-tui.json").read_text()) == {"tags": ["t"]}
    assert store.get("x").experiment.run_dir == str(recycled(root, "x"))
    report = sync(store)
    assert (report.changed, report.missing, report.restored, set(trashed(store))) == (2, 0, 0, {"a", "x"})
    sync(fresh_store)
    assert set(trashed(fresh_store)) == {"a", "x"}
    store.restore(["x"])
    assert not recycled(root, "x").exists()
    assert not (folder_of(root, "x") / ".deleted").exists()
    assert store.get("x").experiment.run_dir == str(folder_of(root, "x"))
    assert sync(store).missing == 0
    assert set(trashed(store)) == {"a"}


def test_what_was_moved_to_recycle_can_be_purged(store: Store, root: Path) -> None:
    store.delete(["x", "y"], source="tui", move_to_recycle=True)
    assert store.purge(["x"], source="cli").errors == {}
    assert os.listdir(root / "runs/.recycle") == ["y"]


def test_the_original_taking_a_run_back_from_recycle_is_a_restore(store: Store, root: Path) -> None:
    store.delete(["x"], source="tui", move_to_recycle=True)
    recycled(root, "x").rename(folder_of(root, "x"))
    (folder_of(root, "x") / ".deleted").unlink()
    assert sync(store).restored == 1
    assert trashed(store) == {}
    store.delete(["x"], source="tui")
    assert folder_of(root, "x").exists()
    assert store.flush_outbox() == 0
    assert set(trashed(store)) == {"x"}


def test_a_running_experiment_is_not_moved_away_under_its_process(store: Store, root: Path) -> None:
    write_run(root, "busy", layout="0.7", status="running", created_at=time.time())
    sync(store)
    store.delete(["busy"], source="tui", move_to_recycle=True)
    assert folder_of(root, "busy").exists()
    assert set(trashed(store)) == {"busy"}


def test_a_place_in_recycle_that_is_taken_is_left_alone_and_the_deletion_holds(
    store: Store, root: Path, fresh_store: Store
) -> None:
    recycled(root, "x").mkdir(parents=True)
    (recycled(root, "x") / "precious").write_text("data")
    store.delete(["x"], source="tui", move_to_recycle=True)
    assert store.flush_outbox() == 1
    assert (recycled(root, "x") / "precious").exists()
    assert "x" in trashed(store)
    store.restore(["x"])
    assert store.flush_outbox() == 0
    assert "x" not in trashed(store)
    assert not (folder_of(root, "x") / ".deleted").exists()


@pytest.mark.parametrize("is_deletion", [True, False])
@pytest.mark.parametrize("has_moved", [True, False])
def test_a_move_that_was_cut_off_is_finished_by_the_next_flush(
    store: Store, root: Path, is_deletion: bool, has_moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_deletion:
        store.delete(["x"], source="tui", move_to_recycle=True)
    source, target = folder_of(root, "x"), recycled(root, "x")
    if not is_deletion:
        source, target = target, source
    with monkeypatch.context() as patch:
        # A crash right after the commit: nothing of the files is written.
        patch.setattr(OutboxThread, "follow", lambda *_: None)
        if is_deletion:
            store.delete(["x"], source="tui", move_to_recycle=True)
        else:
            store.restore(["x"])
    if has_moved:
        if is_deletion:
            write_json(source / ".deleted", {"deleted_at": trashed(store)["x"].deleted_at})
        target.parent.mkdir(exist_ok=True)
        source.rename(target)
    with Store(store.path) as other:
        assert other.flush_outbox() == 0
        assert other.get("x").experiment.run_dir == str(target)
    assert not source.exists()
    assert (target / ".deleted").exists() == is_deletion
    sync(store)
    assert ("x" in trashed(store)) == is_deletion


def test_an_undo_can_be_redone_for_exactly_what_the_batch_held(store: Store, root: Path) -> None:
    batch = store.delete(["a", "b", "x", "y"], source="tui", reason="junk").batch
    assert batch is not None
    store.restore(["a"])
    assert store.restore_batch(batch).changed == 3
    store.delete(["b"], source="cli")
    result = store.redo_batch(batch)
    assert (result.changed, result.batch) == (2, batch)
    assert result.results == {"b": True, "x": True, "y": True}
    assert sorted(store.batch_ids(batch)) == ["x", "y"]
    assert trashed(store)["x"].delete_reason == "junk"
    assert (store.batches()[-1].count, store.batches()[-1].remaining) == (4, 2)
    assert (folder_of(root, "x") / ".runicorn-tui.json").exists()
    assert live(store) == {"a", "c", "z"}
    assert store.restore_batch(batch).changed == 2
    assert store.redo_batch(batch).changed == 2
    with pytest.raises(UnknownBatch):
        store.redo_batch(99)


def test_a_batch_that_was_never_taken_back_has_nothing_to_redo(store: Store) -> None:
    batch = store.delete(["a"], source="tui").batch
    assert store.redo_batch(batch or 0).results == {}


@pytest.fixture
def large_store(tmp_path: Path) -> Iterator[Store]:
    """2,500 experiments; their files are of no interest."""
    with Store(tmp_path / "large.db") as store:
        store.add_root(tmp_path)
        with store.database.writing() as connection:
            connection.executemany(
                "INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, created_at, updated_at,"
                " recorded_status, size_bytes) VALUES (?, ?, 1, ?, '0.4', 'p', 'n', 'finished', ?, ?, 'finished', 1)",
                [(seq, f"run-{seq:04d}", b"gone/%d" % seq, seq, seq) for seq in range(1, 2501)],
            )
        yield store


def test_a_deletion_of_many_lets_other_writers_in_and_is_one_batch(large_store: Store) -> None:
    waited: list[float] = []
    seen: list[int] = []
    is_over = threading.Event()

    def write() -> None:
        with Store(large_store.path) as other:
            while not is_over.is_set():
                began = time.perf_counter()
                with other.database.writing() as connection:
                    waited.append(time.perf_counter() - began)
                    (count,) = connection.execute("SELECT count(*) FROM experiment WHERE live = 0").fetchone()
                    seen.append(count)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        result = large_store.delete_matching(ExperimentQuery(project="p"), source="api", expected_total=2500)
    finally:
        is_over.set()
        thread.join()
    assert (result.matched, result.changed) == (2500, 2500)
    (batch,) = large_store.batches()
    assert (batch.id, batch.count, batch.remaining, batch.size_bytes) == (result.batch, 2500, 2500, 2500)
    # Other writers saw parts of it, whole ones only.
    assert {1000, 2000} & set(seen)
    assert set(seen) <= {0, 1000, 2000, 2500}
    assert large_store.restore_batch(batch.id).changed == 2500


def test_a_thousand_ids_are_one_commit(large_store: Store, tmp_path: Path) -> None:
    ids = large_store.id_list(large_store.ids(ExperimentQuery())[:1000])
    stamp = large_store.stamp()
    with Store(large_store.path) as other:
        before = other.stamp()
        assert large_store.delete(ids, source="api").changed == 1000
        assert other.stamp() != before
    assert large_store.stamp() != stamp
    with large_store.database.snapshot() as connection:
        assert connection.execute("SELECT count(DISTINCT deleted_at) FROM experiment").fetchone() == (1,)


def test_what_fails_after_parts_were_deleted_says_so(large_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    move = trash.move_to_trash

    def full_at_the_end(connection: object, keys: list[int], **options: object) -> object:
        if len(keys) < 1000:
            raise StorageFull("Storage is full: nothing was changed")
        return move(connection, keys, **options)  # type: ignore[arg-type]

    # A disk that is full at just this moment.
    monkeypatch.setattr(trash, "move_to_trash", full_at_the_end)
    sentence = r"Storage is full: 2,000 experiments were changed before that \(batch 1\), the others were not"
    with pytest.raises(StorageFull, match=sentence):
        large_store.delete(large_store.ids(ExperimentQuery()), source="cli")
    assert large_store.batches()[0].remaining == 2000


def test_a_root_where_nothing_can_be_moved_keeps_its_runs_and_the_deletion_holds(
    directory_of_ordinary_user: Path,
) -> None:
    root = directory_of_ordinary_user / "root"
    write_run(root, "x", layout="0.7")
    with Store(directory_of_ordinary_user / "i.db") as store:
        store.add_root(root)
        sync(store)
        (root / "runs").chmod(0o500)
        store.delete(["x"], source="tui", move_to_recycle=True)
        assert store.flush_outbox() == 1
        with store.database.snapshot() as connection:
            assert connection.execute("SELECT error FROM outbox").fetchone() == ("Permission denied",)
        sync(store)
        assert set(trashed(store)) == {"x"}
        (root / "runs").chmod(0o700)
        assert store.flush_outbox() == 0
        assert recycled(root, "x").exists()


def test_a_link_in_the_place_of_recycle_is_not_followed(store: Store, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (root / "runs/.recycle").symlink_to(tmp_path / "outside")
    store.delete(["x"], source="tui", move_to_recycle=True)
    assert store.flush_outbox() == 1
    assert folder_of(root, "x").exists()
    assert os.listdir(tmp_path / "outside") == []
