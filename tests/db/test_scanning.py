from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runicorn_db.kept_shared import KeptSharedFiles
from runicorn_db.scanning import Scan, UnusableRoot, changed_among, known_runs
from runicorn_db.sources.directories import FoundRun
from runicorn_db.sources.signatures import full_signature
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.runs import CREATED, append_events, write_json, write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three run directories that ceased to change some time ago."""
    folder = tmp_path / "root"
    for name in "abc":
        settle(write_run(folder, name, steps=[{"loss": 1.0}]))
    return folder


def settle(folder: Path) -> None:
    os.utime(folder, (CREATED, CREATED))


def path_of(name: str) -> bytes:
    return b"vision/resnet/runs/" + name.encode()


def run_of(root: Path, name: str) -> Path:
    return root / os.fsdecode(path_of(name))


def scanned(store: Store, root: Path, *, is_thorough: bool = True) -> Scan:
    with store.database.snapshot() as connection:
        root_id, signature = connection.execute("SELECT id, signature FROM root").fetchone()
    shared = KeptSharedFiles(str(root), signature, {})
    scan = Scan(store.database, root_id, str(root), shared, lambda _: None, lambda: None)
    try:
        scan.look(is_thorough=is_thorough)
    finally:
        shared.close()
    return scan


def changed_paths(scan: Scan) -> set[bytes]:
    return {run.path for run, _ in scan.changed}


def test_nothing_is_to_be_read_again_where_nothing_changed(store: Store, root: Path) -> None:
    scan = scanned(store, root)
    assert scan.paths == scan.known.keys() == {path_of(name) for name in "abc"}
    assert (scan.changed, scan.settled, scan.problems, scan.gone()) == ([], [], [], [])


def test_new_and_changed_runs_are_told_from_those_that_are_gone(store: Store, root: Path) -> None:
    append_events(run_of(root, "a"), [{"loss": 0.5}], first=2)
    shutil.rmtree(run_of(root, "b"))
    write_run(root, "d")
    scan = scanned(store, root)
    now = full_signature(str(root), path_of("a"))
    assert {run.path: files for run, files in scan.changed} == {path_of("a"): now, path_of("d"): None}
    assert scan.gone() == [path_of("b")]


def test_a_run_that_only_ceased_to_change_is_settled_and_not_read_again(store: Store, root: Path) -> None:
    settled = known_runs(store.database, 1)[path_of("a")].signature
    with store.database.writing() as connection:
        sql = "UPDATE run_directory SET signature = ? WHERE path = ?"
        connection.execute(sql, (settled.replace("|", "~|", 1), path_of("a")))
    scan = scanned(store, root)
    assert (scan.changed, scan.settled) == ([], [(path_of("a"), settled)])


def test_a_look_that_is_not_thorough_misses_small_files_rewritten_in_place_alone(store: Store, root: Path) -> None:
    write_json(run_of(root, "a") / "meta.json", {"id": "a", "created_at": CREATED, "name": "rewritten in place"})
    append_events(run_of(root, "b"), [{"loss": 0.5}], first=2)
    assert changed_paths(scanned(store, root, is_thorough=False)) == {path_of("b")}
    assert changed_paths(scanned(store, root)) == {path_of("a"), path_of("b")}


def test_a_running_run_is_looked_at_wholly_in_every_look(store: Store, root: Path) -> None:
    settle(write_run(root, "d", status="running", hostname="another-host"))
    sync(store)
    write_json(run_of(root, "d") / "status.json", {"status": "failed", "started_at": CREATED})
    assert changed_paths(scanned(store, root, is_thorough=False)) == {path_of("d")}


def test_a_run_that_is_back_is_read_again_though_it_looks_as_before(store: Store, root: Path) -> None:
    run_of(root, "a").rename(root.with_name("away"))
    sync(store)
    root.with_name("away").rename(run_of(root, "a"))
    scan = scanned(store, root)
    assert changed_paths(scan) == {path_of("a")}
    assert scan.known[path_of("a")].files == full_signature(str(root), path_of("a"))


def test_a_known_directory_that_is_one_of_runs_no_more_is_found_anew(store: Store, root: Path) -> None:
    folder = write_run(root, "d", layout="0.7")
    sync(store)
    for name in ("meta.json", "status.json", "events.jsonl"):
        (folder / name).unlink()
    write_run(root, "e", name="resnet/d", layout="0.7")
    scan = scanned(store, root)
    assert scan.changed == [(FoundRun(b"runs/vision/resnet/d/e"), None)]
    assert scan.gone() == [b"runs/vision/resnet/d"]


def test_what_the_shared_files_say_anew_of_a_run_changes_it(store: Store, root: Path) -> None:
    write_json(root / ".experiments_metadata.json", {"c": {"id": "c", "tags": ["keep"]}})
    assert changed_paths(scanned(store, root, is_thorough=False)) == {path_of("c")}


def test_nothing_is_gone_from_a_folder_that_cannot_be_listed(directory_of_ordinary_user: Path) -> None:
    root = directory_of_ordinary_user / "root"
    write_run(root, "a", name="locked")
    gone = write_run(root, "c", name="open")
    write_run(root, "d", name="open")
    locked = root / "vision/locked/runs"
    with Store(directory_of_ordinary_user / "index.db") as store:
        store.add_root(root)
        sync(store)
        shutil.rmtree(gone)
        locked.chmod(0)
        scan = scanned(store, root)
        locked.chmod(0o700)
    assert [problem.path for problem in scan.problems] == [b"vision/locked/runs"]
    assert scan.paths == {b"vision/open/runs/d"}
    assert scan.gone() == [b"vision/open/runs/c"]


@pytest.mark.parametrize(("is_there", "state"), [(False, "unreadable"), (True, "empty")])
def test_a_root_that_shows_nothing_is_not_taken_for_what_it_holds(
    is_there: bool, state: str, store: Store, root: Path
) -> None:
    root.rename(root.with_name("away"))
    if is_there:
        root.mkdir()
    with pytest.raises(UnusableRoot, match=str(root)) as caught:
        scanned(store, root)
    assert caught.value.state == state


def test_of_known_runs_those_that_are_there_and_changed_are_picked(store: Store, root: Path) -> None:
    append_events(run_of(root, "a"), [{"loss": 0.5}], first=2)
    shutil.rmtree(run_of(root, "b"))
    known = known_runs(store.database, 1, [path_of(name) for name in ("a", "b", "c", "unknown")])
    assert known.keys() == {path_of(name) for name in "abc"}
    ((run, files),) = changed_among(str(root), known)
    assert (run.path, run.is_recycled) == (path_of("a"), False)
    assert files == full_signature(str(root), path_of("a")) != known[path_of("a")].files
