from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runicorn_db import ingest, journal, purge
from runicorn_db.errors import InvalidQuery
from runicorn_db.outcomes import PurgeProgress
from runicorn_db.query import ExperimentQuery
from runicorn_db.sources.runicorn import FoundRun, read_run
from runicorn_db.sources.shared_files import SharedFiles
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.conftest import Snapshot
from tests.db.runs import CREATED, write_json, write_run

TakeSnapshot = Callable[[Path], Snapshot]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs of each layout: `a`, `b`, `c` of 0.4 and `x`, `y`, `z` of 0.7."""
    folder = tmp_path / "root"
    for number, name in enumerate("abc"):
        write_run(folder, name, created_at=CREATED + number, steps=[{"loss": 1.0}])
    for number, name in enumerate("xyz"):
        write_run(folder, name, layout="0.7", created_at=CREATED + 10 + number)
    return folder


def folder_of(root: Path, name: str) -> Path:
    return root / ("vision/resnet/runs" if name in "abc" else "runs/vision/resnet") / name


def known(store: Store) -> set[str]:
    page = store.find(ExperimentQuery(per_page=1000, include_deleted=True))
    return {experiment.id for experiment in page.experiments}


def size_of(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def add_checkpoints(folder: Path) -> None:
    (folder / "checkpoints" / "best").mkdir(parents=True)
    (folder / "checkpoints" / "best" / "weights.pt").write_bytes(b"w" * 4000)
    (folder / "checkpoints" / "last.pt").write_bytes(b"w" * 3000)
    (folder / "notes.pt").write_bytes(b"w" * 20)


def test_a_purge_frees_the_disk_and_forgets_the_experiment_but_not_that_it_was(store: Store, root: Path) -> None:
    batch = store.delete(["a", "x"], source="tui").batch
    size = size_of(folder_of(root, "a"))
    before = time.time()
    result = store.purge(["a"], source="cli")
    assert (result.purged, result.freed_bytes, result.file_count) == (1, size, 4)
    assert (result.errors, result.is_complete) == ({}, True)
    assert not folder_of(root, "a").exists()
    assert known(store) == set("bcxyz")
    assert store.batch_ids(batch or 0) == ["x"]
    assert (store.batches()[0].count, store.batches()[0].remaining) == (2, 1)
    (record,) = store.purges()
    assert (record.id, record.path, record.size_bytes) == ("a", str(folder_of(root, "a")), size)
    assert (record.source, record.pattern, record.problem) == ("cli", None, None)
    assert before <= record.purged_at <= time.time()
    assert record.user
    sync(store)
    assert known(store) == set("bcxyz")
    assert sorted(os.listdir(root)) == ["runs", "vision"]


def test_a_preview_tells_exactly_what_the_purge_then_does(store: Store, root: Path, snapshot: TakeSnapshot) -> None:
    store.delete(["a", "b", "x"], source="tui")
    before = snapshot(root)
    preview = store.preview_purge(["a", "x", "y", "nothing", "a"])
    assert snapshot(root) == before
    assert preview.paths == (str(folder_of(root, "a")), str(folder_of(root, "x")))
    assert preview.refused == {"y": "is not in the trash", "nothing": "not found"}
    result = store.purge(["a", "x", "y", "nothing", "a"], source="cli")
    assert (result.purged, result.freed_bytes, result.file_count) == (
        preview.total,
        preview.size_bytes,
        preview.file_count,
    )
    assert result.errors == preview.refused
    assert known(store) == set("bcyz")


def test_the_trash_lists_the_newest_deletion_first_and_what_was_deleted_before_an_instant(store: Store) -> None:
    store.delete(["c"], source="tui")
    store.delete(["a"], source="tui")
    instant = time.time()
    store.delete(["b"], source="tui")
    assert store.id_list(store.trash()) == ["b", "a", "c"]
    assert store.id_list(store.trash(deleted_before=instant)) == ["a", "c"]
    assert len(store.trash(deleted_before=0.0)) == 0
    assert store.purge(store.trash(deleted_before=instant), source="cli").purged == 2
    assert store.id_list(store.trash()) == ["b"]


def test_a_preview_names_ten_paths_and_counts_all(tmp_path: Path) -> None:
    for number in range(25):
        write_run(tmp_path / "root", f"run-{number}")
    with Store(tmp_path / "many.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
        store.delete(store.ids(ExperimentQuery()), source="tui")
        preview = store.preview_purge(store.trash())
    assert (preview.total, len(preview.paths)) == (25, 10)


def test_progress_is_told_and_a_purge_that_is_stopped_has_done_what_it_says(tmp_path: Path) -> None:
    names = [f"run-{number:02d}" for number in range(40)]
    for name in names:
        write_run(tmp_path / "root", name)
    told: list[PurgeProgress] = []
    with Store(tmp_path / "many.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
        store.delete(names, source="tui")
        result = store.purge(names, source="cli", progress=told.append, should_stop=lambda: bool(told))
        assert not result.is_complete
        assert (result.purged, result.errors) == (told[-1].done, {})
        assert 0 < told[-1].done < told[-1].total == 40
        assert told[-1].freed_bytes == result.freed_bytes
        assert known(store) == set(names[result.purged :])
        rest = store.purge(names[result.purged :], source="cli", progress=told.append)
        assert rest.is_complete
        assert (told[-1].done, told[-1].total) == (40 - result.purged,) * 2
        assert known(store) == set()


def test_a_running_experiment_is_refused_as_it_is_at_that_moment(store: Store, root: Path) -> None:
    store.delete(["a", "b", "c"], source="tui")
    write_json(folder_of(root, "a") / "status.json", {"status": "running", "started_at": CREATED})
    # A process of this host that began before the run: this one.
    meta = json.loads((folder_of(root, "b") / "meta.json").read_text())
    now = time.time()
    meta |= {"hostname": socket.gethostname(), "pid": os.getpid(), "created_at": now}
    write_json(folder_of(root, "b") / "meta.json", meta)
    write_json(folder_of(root, "b") / "status.json", {"status": "running", "started_at": now})
    # One that died long ago.
    write_json(folder_of(root, "c") / "meta.json", {**meta, "id": "c", "pid": 2**22 + 1, "created_at": CREATED})
    write_json(folder_of(root, "c") / "status.json", {"status": "running", "started_at": CREATED})
    for path in folder_of(root, "c").iterdir():
        os.utime(path, (CREATED, CREATED))
    result = store.purge(["a", "b", "c"], source="cli")
    assert result.errors == {"a": "is running", "b": "is running"}
    assert result.purged == 1
    assert known(store) == set("abxyz")


def test_a_run_directory_that_is_a_link_or_below_one_is_refused(
    store: Store, root: Path, tmp_path: Path, snapshot: TakeSnapshot
) -> None:
    store.delete(["a", "x"], source="tui")
    folder_of(root, "a").rename(tmp_path / "outside")
    folder_of(root, "a").symlink_to(tmp_path / "outside")
    (root / "runs" / "vision").rename(tmp_path / "outside-too")
    (root / "runs" / "vision").symlink_to(tmp_path / "outside-too")
    before = snapshot(tmp_path / "outside"), snapshot(tmp_path / "outside-too")
    result = store.purge(["a", "x"], source="cli")
    assert result.errors == {
        "a": f"Refused: {folder_of(root, 'a')} is outside the storage root",
        "x": f"Refused: {folder_of(root, 'x')} is outside the storage root",
    }
    assert (snapshot(tmp_path / "outside"), snapshot(tmp_path / "outside-too")) == before
    assert known(store) == set("abcxyz")


def test_what_another_program_took_back_from_the_trash_is_refused(store: Store, root: Path) -> None:
    store.delete(["a", "b", "x"], source="tui")
    (folder_of(root, "a") / ".deleted").unlink()
    write_json(folder_of(root, "x") / ".runicorn-tui.json", {"restored_at": time.time() + 1})
    result = store.purge(["a", "b", "x"], source="cli")
    assert result.errors == dict.fromkeys("ax", "was taken back from the trash by another program")
    sync(store)
    assert {e.id for e in store.find(ExperimentQuery()).experiments} == set("acxyz")


def test_a_directory_that_holds_another_run_by_now_is_refused(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    meta = json.loads((folder_of(root, "a") / "meta.json").read_text())
    write_json(folder_of(root, "a") / "meta.json", {**meta, "id": "new"})
    assert store.purge(["a"], source="cli").errors == {"a": "Refused: its directory holds experiment new by now"}
    assert folder_of(root, "a").exists()


def test_a_directory_that_is_gone_is_told(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    folder_of(root, "a").rename(root / "elsewhere")
    assert store.purge(["a"], source="cli").errors == {"a": f"its directory is gone: {folder_of(root, 'a')}"}


def test_a_run_that_holds_the_directory_of_a_live_one_is_refused(store: Store, root: Path) -> None:
    inner = folder_of(root, "a") / "sweep"
    write_run(inner, "inner")
    store.add_root(inner)
    sync(store)
    store.delete(["a"], source="tui")
    sentence = "Refused: experiment inner, which is not in the trash, lies in its directory"
    assert store.purge(["a"], source="cli").errors == {"a": sentence}
    store.delete(["inner"], source="tui")
    assert store.purge(["a"], source="cli").errors == {}


def test_a_run_directory_that_is_live_under_another_id_is_refused(store: Store, root: Path) -> None:
    # The same folder as a root of its own, read while meta.json said another id.
    meta_path = folder_of(root, "a") / "meta.json"
    meta = meta_path.read_text()
    store.delete(["a"], source="tui")
    marker = folder_of(root, "a") / ".deleted"
    deletion = marker.read_text()
    marker.unlink()
    write_json(meta_path, {**json.loads(meta), "id": "alias"})
    store.add_root(root / "vision")
    sync(store, ["vision"])
    assert "alias" in known(store)
    meta_path.write_text(meta)
    marker.write_text(deletion)
    assert store.purge(["a"], source="cli").errors == {
        "a": "Refused: experiment alias, which is not in the trash, lies in its directory"
    }


def test_a_run_whose_files_a_live_run_refers_to_is_refused(store: Store, root: Path) -> None:
    add_checkpoints(folder_of(root, "x"))
    weights = folder_of(root, "x") / "checkpoints" / "last.pt"
    assets = {"pretrained": [{"name": "w", "source_type": "local", "path_or_uri": str(weights)}], "outputs": []}
    write_json(folder_of(root, "y") / "assets.json", assets)
    store.delete(["x"], source="tui")
    sentence = "Refused: experiment y refers to checkpoints/last.pt"
    assert store.preview_purge(["x"]).refused == {"x": sentence}
    assert store.purge(["x"], source="cli").errors == {"x": sentence}
    assert store.purge(["x"], source="cli", only="checkpoints/*.pt").errors == {"x": sentence}
    assert store.purge(["x"], source="cli", only="checkpoints/best/**").purged == 1
    assert weights.exists()
    store.delete(["y"], source="tui")
    assert store.purge(["x"], source="cli").errors == {}


def test_a_run_restored_or_purged_meanwhile_gives_a_truthful_answer(store: Store) -> None:
    names = list("abcxyz")
    store.delete(names, source="tui")
    purged: list[int] = []
    restored: dict[str, str] = {}
    barrier = threading.Barrier(2)

    def restore(other: Store) -> None:
        barrier.wait()
        for name in reversed(names):
            result = other.restore([name])
            restored.update({name: result.errors.get(name, "back")})

    with Store(store.path) as other:
        thread = threading.Thread(target=restore, args=(other,))
        thread.start()
        barrier.wait()
        result = store.purge(names, source="cli")
        purged.append(result.purged)
        thread.join()
    back = {name for name, answer in restored.items() if answer == "back"}
    assert known(store) == back
    assert result.purged == len(names) - len(back)
    assert set(result.errors) == back
    assert {restored[name] for name in names if name not in back} <= {"not found", "is being purged"}


def test_two_purges_of_the_same_experiments_remove_each_once(tmp_path: Path) -> None:
    names = [f"run-{number:03d}" for number in range(100)]
    for name in names:
        write_run(tmp_path / "root", name)
    with Store(tmp_path / "many.db") as store, Store(tmp_path / "many.db") as other:
        store.add_root(tmp_path / "root")
        sync(store)
        store.delete(names, source="tui")
        store.flush_outbox()
        results = []
        threads = [
            threading.Thread(target=lambda each=each: results.append(each.purge(names, source="cli")))
            for each in (store, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(result.purged for result in results) == 100
        assert all(set(result.errors.values()) <= {"not found"} for result in results)
        assert len(store.purges(1000)) == 100
        assert known(store) == set()
    assert sorted(os.listdir(tmp_path / "root")) == ["vision"]


def test_a_partial_purge_removes_what_matches_and_keeps_the_run(store: Store, root: Path) -> None:
    for name in ("a", "b"):
        add_checkpoints(folder_of(root, name))
    sync(store)
    store.delete(["b"], source="tui")
    kept = {path: path.read_bytes() for path in folder_of(root, "a").iterdir() if path.is_file()}
    preview = store.preview_purge(["a", "b", "c"], only="checkpoints/**")
    assert (preview.total, preview.size_bytes, preview.file_count) == (2, 14_000, 4)
    result = store.purge(["a", "b", "c"], source="cli", only="checkpoints/**")
    assert (result.purged, result.freed_bytes, result.file_count, result.errors) == (2, 14_000, 4, {})
    assert os.listdir(folder_of(root, "a") / "checkpoints") == []
    assert {path: path.read_bytes() for path in folder_of(root, "a").iterdir() if path.is_file()} == kept
    assert store.get("a").experiment.size_bytes == size_of(folder_of(root, "a"))
    assert [(record.id, record.pattern, record.size_bytes) for record in store.purges()] == [
        ("b", "checkpoints/**", 7000),
        ("a", "checkpoints/**", 7000),
    ]
    assert {e.id for e in store.find(ExperimentQuery()).experiments} == set("acxyz")
    assert len(store.trash()) == 1


def test_a_partial_purge_of_a_running_experiment_is_refused(tmp_path: Path) -> None:
    add_checkpoints(write_run(tmp_path / "root", "r", status="running"))
    with Store(tmp_path / "i.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
        assert store.purge(["r"], source="cli", only="checkpoints/**").errors == {"r": "is running"}
    assert len(list(tmp_path.rglob("*.pt"))) == 3


@pytest.mark.parametrize("only", ["meta.json", "../b/**", "**", ""])
def test_a_pattern_that_cannot_be_taken_is_refused_before_anything_happens(store: Store, only: str) -> None:
    with pytest.raises(InvalidQuery, match="Refused"):
        store.preview_purge(["a"], only=only)
    with pytest.raises(InvalidQuery, match="Refused"):
        store.purge(["a"], source="cli", only=only)
    assert store.purges() == []


def test_a_read_only_root_keeps_its_runs_and_the_others_go_on(directory_of_ordinary_user: Path) -> None:
    locked, free = directory_of_ordinary_user / "locked", directory_of_ordinary_user / "free"
    write_run(locked, "l")
    write_run(free, "f")
    with Store(directory_of_ordinary_user / "i.db") as store:
        for root in (locked, free):
            store.add_root(root)
        sync(store)
        folder = locked / "vision/resnet/runs"
        folder.chmod(0o500)
        store.delete(["l", "f"], source="tui")
        result = store.purge(["l", "f"], source="cli")
        assert result.purged == 1
        assert result.errors == {"l": f"{folder}/l: Permission denied"}
        assert store.id_list(store.trash()) == ["l"]
        assert [record.id for record in store.purges()] == ["f"]
        assert (folder / "l" / "meta.json").exists()
        folder.chmod(0o700)
        assert store.restore(["l"]).errors == {}
        store.delete(["l"], source="tui")
        locked.chmod(0o500)
        assert store.purge(["l"], source="cli").errors == {"l": f"{folder}/l: Permission denied"}
        locked.chmod(0o700)


_INTENDED = """
import os, signal, sys
from runicorn_db import journal
from runicorn_db.purge_checks import Inspection, candidates
from runicorn_db.sources.removal import Tally
from runicorn_db.sources.runicorn import FoundRun, read_run
from runicorn_db.sources.shared_files import SharedFiles
from runicorn_db.store import Store
store = Store(sys.argv[1])
found = list(candidates(store.database, sys.argv[2].split(",")).values())
with Inspection(store.database, found, None) as inspection:
    planned = []
    for candidate in found:
        surveyed, root = inspection.survey(candidate), inspection.root(candidate.root)
        planned.append((surveyed, root.place.inode, root.new_aside()))
    entries = journal.intend(store.database, planned, source="cli", pattern=None)
    if sys.argv[3] in ("moved", "removed"):
        root.make_aside_folders()
        for surveyed, _, aside in planned:
            root.move(surveyed.candidate.path, aside, place=surveyed.place)
    if sys.argv[3] == "removed":
        for surveyed, _, aside in planned:
            root.remove(aside, Tally(), inode=surveyed.place.inode)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def cut_off(store: Store, ids: str, after: str) -> None:
    """A purge by a process that dies after this step."""
    process = subprocess.run([sys.executable, "-c", _INTENDED, str(store.path), ids, after], check=False)
    assert process.returncode == -9


def test_what_was_not_moved_aside_at_a_crash_is_back_in_the_trash_untouched(
    store: Store, root: Path, snapshot: TakeSnapshot
) -> None:
    store.delete(["a", "x"], source="tui")
    before = snapshot(root / "vision"), snapshot(root / "runs")
    cut_off(store, "a,x", "intended")
    assert [record.problem for record in store.purges()] == ["not finished yet"] * 2
    assert store.restore(["a"], dry_run=True).errors == {"a": "is being purged"}
    sync(store)
    assert (snapshot(root / "vision"), snapshot(root / "runs")) == before
    assert store.purges() == []
    assert store.restore(["a", "x"]).errors == {}
    assert sorted(os.listdir(root)) == ["runs", "vision"]


def test_a_restore_after_a_crash_takes_back_what_was_not_moved_aside(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    cut_off(store, "a", "intended")
    assert store.restore(["a"]).results == {"a": True}
    assert folder_of(root, "a").exists()


@pytest.mark.parametrize(("after", "answer"), [("moved", "is being purged"), ("removed", "not found")])
def test_what_was_moved_aside_at_a_crash_is_finished_by_whoever_comes_next(
    store: Store, root: Path, after: str, answer: str
) -> None:
    store.delete(["a", "x"], source="tui")
    cut_off(store, "a,x", after)
    assert store.restore(["a", "b"]).errors == {"a": answer}
    with Store(store.path) as other:
        sync(other)
    assert known(store) == set("bcyz")
    assert [(record.id, record.problem) for record in store.purges()] == [("x", None), ("a", None)]
    assert all(record.size_bytes > 0 for record in store.purges())
    assert sorted(os.listdir(root)) == ["runs", "vision"]


def test_a_root_that_is_away_after_a_crash_is_settled_when_it_is_there_again(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    cut_off(store, "a", "moved")
    root.rename(root.with_name("unmounted"))
    store.flush_outbox()
    root.mkdir()
    store.flush_outbox()
    assert [record.problem for record in store.purges()] == ["not finished yet"]
    root.rmdir()
    root.with_name("unmounted").rename(root)
    store.flush_outbox()
    assert [record.problem for record in store.purges()] == [None]
    assert known(store) == set("bcxyz")


def test_what_could_not_be_removed_stays_in_the_journal_and_is_tried_again(directory_of_ordinary_user: Path) -> None:
    root = directory_of_ordinary_user / "root"
    folder = write_run(root, "a")
    with Store(directory_of_ordinary_user / "i.db") as store:
        store.add_root(root)
        sync(store)
        store.delete(["a"], source="tui")
        # The moment between moving aside and removing.
        (candidate,) = purge.candidates(store.database, ["a"]).values()
        with purge.Inspection(store.database, [candidate], None) as inspection:
            surveyed, opened = inspection.survey(candidate), inspection.root(str(root))
            planned = [(surveyed, opened.place.inode, opened.new_aside())]
            journal.intend(store.database, planned, source="cli", pattern=None)
            opened.make_aside_folders()
            opened.move(candidate.path, planned[0][2])
        (aside,) = (root / ".runicorn-tui-purge" / str(os.geteuid())).iterdir()
        (aside / "locked" / "in").mkdir(parents=True)
        (aside / "locked").chmod(0o500)
        store.flush_outbox()
        assert [record.problem for record in store.purges()] == ["Permission denied"]
        assert store.restore(["a"]).errors == {"a": "is being purged"}
        assert store.purge(["a"], source="cli").errors == {"a": "is being purged"}
        (aside / "locked").chmod(0o700)
        store.flush_outbox()
        assert [record.problem for record in store.purges()] == [None]
        assert known(store) == set()
    assert not folder.exists()
    assert os.listdir(root) == ["vision"]


def test_a_partial_purge_that_was_cut_off_is_not_continued_and_the_index_says_what_is_there(
    store: Store, root: Path
) -> None:
    add_checkpoints(folder_of(root, "a"))
    sync(store)
    (candidate,) = purge.candidates(store.database, ["a"]).values()
    taken = purge.taken_by("checkpoints/**")
    with purge.Inspection(store.database, [candidate], taken) as inspection:
        planned = [(inspection.survey(candidate), 0, b"")]
        journal.intend(store.database, planned, source="cli", pattern="checkpoints/**")
    (folder_of(root, "a") / "checkpoints" / "last.pt").unlink()
    store.flush_outbox()
    (record,) = store.purges()
    assert (record.size_bytes, record.file_count, record.problem) == (3000, 1, None)
    assert (folder_of(root, "a") / "checkpoints" / "best" / "weights.pt").exists()
    assert store.get("a").experiment.size_bytes == size_of(folder_of(root, "a"))


def test_a_sync_that_read_a_run_before_it_was_purged_does_not_bring_it_back(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    store.flush_outbox()
    path = b"vision/resnet/runs/a"
    record = read_run(str(root), FoundRun(path), shared=SharedFiles())
    assert store.purge(["a"], source="cli").purged == 1
    with store.database.writing() as connection:
        run = ingest.ReadRun(record=record, signature="")
        ingest.store_runs(connection, 1, [run], on_disk={path}, counts=ingest.Counts())
    assert known(store) == set("bcxyz")
    write_run(root, "a")
    sync(store)
    assert known(store) == set("abcxyz")


def test_hostile_names_are_purged_like_others(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "root")
    names = [b"\xff\xfe-run", b"new\nline", b"[b]", b"\x1b[31mred"]
    for name in names:
        folder = root + b"/p/n/runs/" + name
        os.makedirs(folder)
        with open(folder + b"/status.json", "w") as file:
            file.write('{"status": "finished"}')
    with Store(tmp_path / "i.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
        assert store.delete(store.ids(ExperimentQuery()), source="tui").changed == 4
        assert store.purge(store.trash(), source="cli").purged == 4
        paths = {os.fsencode(record.path) for record in store.purges()}
    assert paths == {root + b"/p/n/runs/" + name for name in names}
    assert os.listdir(root + b"/p/n/runs") == []


def test_while_another_purge_does_not_let_go_nothing_is_removed(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    with Store(store.path, timeout=0.05) as other, journal.alone(store.database):
        assert other.purge(["a"], source="cli").errors == {"a": "Another purge is running: try again"}
    assert folder_of(root, "a").exists()
    assert store.purge(["a"], source="cli").errors == {}


def test_an_index_that_is_busy_loses_nothing(store: Store, root: Path) -> None:
    store.delete(["a"], source="tui")
    with Store(store.path, timeout=0.05) as other, store.database.writing():
        assert other.purge(["a"], source="cli").errors == {"a": "Database is busy"}
    assert folder_of(root, "a").exists()
    assert store.purges() == []


@pytest.fixture
def guarded(directory_of_ordinary_user: Path) -> Iterator[Path]:
    """A root whose run `a` holds a file that its user may see and not remove."""
    if os.getuid() != 0:
        pytest.skip("giving files to another user needs root")
    root = directory_of_ordinary_user / "root"
    folder = write_run(root, "a")
    add_checkpoints(folder)
    user = os.geteuid()
    os.seteuid(0)
    (folder / "checkpoints" / "guarded").mkdir()
    (folder / "checkpoints" / "guarded" / "file").write_text("x")
    (folder / "checkpoints" / "guarded").chmod(0o1777)
    os.seteuid(user)
    yield root
    os.seteuid(0)


@pytest.mark.parametrize("only", [None, "checkpoints/**"])
def test_what_the_system_keeps_from_being_removed_is_told_and_the_rest_is_freed(
    guarded: Path, directory_of_ordinary_user: Path, only: str | None
) -> None:
    with Store(directory_of_ordinary_user / "i.db") as store:
        store.add_root(guarded)
        sync(store)
        store.delete(["a"], source="tui")
        result = store.purge(["a"], source="cli", only=only)
        assert (result.purged, result.is_complete) == (0, True)
        assert "Operation not permitted" in result.errors["a"]
        assert result.freed_bytes >= 7000
        (record,) = store.purges()
        assert (record.problem is None) == (only is not None)
        assert store.restore(["a"]).errors == ({"a": "is being purged"} if only is None else {})
    assert [path.name for path in guarded.rglob("file")] == ["file"]
