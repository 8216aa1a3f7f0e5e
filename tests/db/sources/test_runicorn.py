from __future__ import annotations

import json
import math
import os
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.runicorn import FoundRun, RunRecord, SharedFiles, find_run_directories, read_run
from runicorn_db.sources.sidecar import update_sidecar, write_marker

ID = "20250102_030405_abcdef"
RUN_02 = f"vision/yolo/runs/{ID}"
META_02 = {"id": ID, "project": "vision", "name": "yolo", "created_at": 1000.5, "pid": 7, "hostname": "gpu01"}


def read_root(root: Path) -> dict[str, RunRecord]:
    """Every run of a root by its directory."""
    with SharedFiles.read(str(root)) as shared:
        return {
            os.fsdecode(found.path): read_run(str(root), found, shared=shared)
            for found in find_run_directories(str(root))
        }


def read_one(root: Path) -> RunRecord:
    (record,) = read_root(root).values()
    return record


def make_run(root: Path, path: str = RUN_02, **files: Any) -> Path:
    """A run directory with `name.json` for each keyword."""
    directory = root / path
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


# --- layouts


def test_the_layout_is_decided_for_each_run(tmp_path: Path) -> None:
    make_run(tmp_path, "runs/legacy", meta={"id": "legacy"})
    make_run(tmp_path, "p/n/runs/old", meta={"project": "p"})
    make_run(tmp_path, "runs/a/b/new", meta={"path": "a/b"})
    make_run(tmp_path, "runs/.recycle/gone", meta={})
    layouts = {path: record.layout for path, record in read_root(tmp_path).items()}
    expected = {"runs/legacy": "0.1", "p/n/runs/old": "0.2", "runs/a/b/new": "0.7", "runs/.recycle/gone": "0.7"}
    assert layouts == expected
    (tmp_path / "index").mkdir()
    sqlite3.connect(tmp_path / "index/runicorn.db").close()
    (tmp_path / "index/runicorn.db").touch()
    assert read_root(tmp_path)["runs/a/b/new"].layout == "0.6"
    (tmp_path / "runicorn.db").touch()
    assert read_root(tmp_path)["runs/a/b/new"].layout == "0.7"


def test_a_meta_caught_half_written_does_not_make_a_new_run_an_old_one(tmp_path: Path) -> None:
    directory = make_run(tmp_path, "runs/a/b/x", status={})
    (directory / "meta.json").write_text('{"id": "x", "pa')
    top = make_run(tmp_path, "runs/y", status={}, assets={})
    (top / "meta.json").write_text("")
    records = read_root(tmp_path)
    assert [records[path].layout for path in ("runs/a/b/x", "runs/y")] == ["0.7", "0.7"]
    assert (records["runs/a/b/x"].project, records["runs/a/b/x"].name) == ("a", "b")


@pytest.mark.parametrize(
    ("path", "meta", "expected"),
    [
        ("runs/x", {}, ("default", "default")),
        ("runs/x", {"project": "p", "name": "n"}, ("p", "n")),
        ("a/b/c/runs/x", {}, ("a/b", "c")),
        ("a/runs/x", {}, ("a", "a")),
        ("a/b/runs/x", {"project": "", "name": 5}, ("a", "b")),
        ("a/b/runs/x", {"project": "p\0", "name": "n\ud800"}, ("p\ufffd", "n\ufffd")),
        ("runs/a/b/c/x", {"path": "a/b/c", "alias": None}, ("a/b", "c")),
        ("runs/a/b/c/x", {"path": "a/b/c", "alias": "best ☃"}, ("a/b", "best ☃")),
        ("runs/a/x", {"path": "a"}, ("a", "a")),
        ("runs/x", {"path": ""}, ("default", "default")),
        ("runs/x", {"path": "/", "alias": "n"}, ("default", "n")),
    ],
)
def test_project_and_name(tmp_path: Path, path: str, meta: dict[str, Any], expected: tuple[str, str]) -> None:
    make_run(tmp_path, path, meta=meta)
    record = read_one(tmp_path)
    assert (record.project, record.name) == expected


def test_a_recycled_run_without_meta_is_named_by_its_marker(tmp_path: Path) -> None:
    directory = make_run(tmp_path, "runs/.recycle/x")
    (directory / ".deleted").write_text('{"deleted_at": 5, "original_path": "a/b/c"}')
    record = read_one(tmp_path)
    assert (record.project, record.name, record.deleted_at) == ("a/b", "c", 5.0)


def test_a_bare_directory_is_a_run_with_what_its_place_tells(tmp_path: Path) -> None:
    directory = make_run(tmp_path, "p/n/runs/bare")
    os.utime(directory, (5000, 6000))
    record = read_one(tmp_path)
    assert (record.id, record.project, record.name) == ("bare", "p", "n")
    assert (record.recorded_status, record.created_at, record.problems) == ("finished", 6000.0, ())


# --- values


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"status": "running"}, ("running", None)),
        ({"status": "completed"}, ("finished", "completed")),
        ({"status": "success"}, ("finished", "success")),
        ({"status": "error"}, ("failed", "error")),
        ({"status": "crashed"}, ("failed", "crashed")),
        ({"status": "killed"}, ("interrupted", "killed")),
        ({"status": "cancelled"}, ("interrupted", "cancelled")),
        ({"status": "aborted"}, ("interrupted", "aborted")),
        ({"status": "whatever"}, ("finished", "whatever")),
        ({"status": "FAILED"}, ("failed", "FAILED")),
        ({"status": "error", "exit_reason": "oom"}, ("failed", "oom")),
        ({"status": "failed", "exit_reason": "process_not_found"}, ("failed", "process_not_found")),
        ({"status": 5}, ("finished", None)),
        ({}, ("finished", None)),
    ],
)
def test_statuses_are_mapped_and_the_word_is_kept(
    tmp_path: Path, status: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    make_run(tmp_path, status=status)
    record = read_one(tmp_path)
    assert (record.recorded_status, record.exit_reason) == expected
    assert record.written_status == (status.get("status") if isinstance(status.get("status"), str) else "finished")


def test_what_is_no_number_or_time_is_none(tmp_path: Path) -> None:
    directory = make_run(
        tmp_path,
        meta={**META_02, "created_at": float("inf"), "pid": 2**63, "hostname": 5},
        status={"status": "finished", "started_at": True, "ended_at": 1e300},
        summary={"best_metric_value": 10**400, "best_metric_name": "a", "best_metric_step": 2**70},
    )
    os.utime(directory, (5000, 6000))
    record = read_one(tmp_path)
    assert record.created_at == 6000.0
    assert (record.started_at, record.ended_at, record.pid, record.hostname) == (None, None, None, None)
    assert (record.best_metric_value, record.best_metric_step, record.best_metric_name) == (None, None, "a")


def test_a_best_value_without_a_name_is_kept(tmp_path: Path) -> None:
    make_run(tmp_path, meta=META_02, summary={"best_metric_value": 0.5})
    record = read_one(tmp_path)
    assert (record.best_metric_name, record.best_metric_value) == (None, 0.5)


def test_the_database_is_asked_for_the_best_value_only_when_no_file_has_one(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "runicorn.db")
    connection.execute(
        "CREATE TABLE experiments (id TEXT, best_metric_name TEXT, best_metric_value REAL, best_metric_step INT)"
    )
    connection.execute("INSERT INTO experiments VALUES (?, 'acc', 0.75, 3)", (ID,))
    connection.commit()
    connection.close()
    directory = make_run(tmp_path, meta=META_02, summary={"note": "x"})
    record = read_one(tmp_path)
    assert (record.best_metric_name, record.best_metric_value, record.best_metric_step) == ("acc", 0.75, 3)
    for value, expected in [("NaN", None), ("null", None), ("0.25", 0.25)]:
        (directory / "summary.json").write_text(f'{{"best_metric_value": {value}}}')
        assert read_one(tmp_path).best_metric_value == expected


def test_arguments_win_over_summary_and_keep_their_nesting(tmp_path: Path) -> None:
    make_run(
        tmp_path,
        "runs/a/b/x",
        meta={"path": "a/b"},
        summary={"lr": 1, "note": "n", "nested": {"no": 1}, "best_metric_value": 1.0, "best_metric_mode": "max"},
        assets={"config": {"args": {"lr": 0.1, "model": {"depth": 3}}, "extra": {"git": "x"}}},
    )
    record = read_one(tmp_path)
    assert record.params == {"lr": 0.1, "note": "n", "model": {"depth": 3}}
    assert ("model.depth", "3", 3.0) in record.flat_params


@pytest.mark.parametrize("assets", [{"config": 5}, {"config": {"args": [1]}}, {"config": {}}, {}])
def test_arguments_of_another_shape_are_none(tmp_path: Path, assets: dict[str, Any]) -> None:
    make_run(tmp_path, meta=META_02, assets=assets)
    record = read_one(tmp_path)
    assert (record.params, record.flat_params, record.problems) == ({}, (), ())


def test_arguments_nested_without_end_are_a_problem(tmp_path: Path) -> None:
    directory = make_run(tmp_path, meta=META_02, summary={"lr": 1})
    (directory / "assets.json").write_text('{"config": {"args": {"a": ' + "[" * 100 + "]" * 100 + "}}}")
    record = read_one(tmp_path)
    assert record.params == {"lr": 1}
    path = f"{RUN_02}/assets.json".encode()
    assert record.problems == (FileProblem(path=path, message="Parameters are nested too deeply"),)


# --- identity


@pytest.mark.parametrize("told", ["other", "with/slash", "..", "a b", "x" * 255])
def test_the_id_in_meta_wins_over_the_directory(tmp_path: Path, told: str) -> None:
    make_run(tmp_path, meta={**META_02, "id": told})
    assert read_one(tmp_path).id == told


@pytest.mark.parametrize("told", [None, 5, "", ["x"]])
def test_without_an_id_the_directory_names_the_run(tmp_path: Path, told: object) -> None:
    make_run(tmp_path, meta={**META_02, "id": told})
    assert (read_one(tmp_path).id, read_one(tmp_path).problems) == (ID, ())


def test_an_id_without_measure_is_a_problem(tmp_path: Path) -> None:
    make_run(tmp_path, meta={**META_02, "id": "x" * 5000})
    record = read_one(tmp_path)
    assert record.id == ID
    assert [problem.path for problem in record.problems] == [f"{RUN_02}/meta.json".encode()]


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_names_that_are_no_utf8_are_read_and_shown_replaced(tmp_path: Path) -> None:
    path = os.fsdecode(b"p\xff/n/runs/x\xfe")
    make_run(tmp_path, path, status={"status": "failed"})
    record = read_one(tmp_path)
    assert (record.path, record.id, record.project) == (b"p\xff/n/runs/x\xfe", "x\ufffd", "p\ufffd")
    assert record.recorded_status == "failed"


# --- hostile files


def test_every_cut_of_a_meta_is_read(tmp_path: Path) -> None:
    directory = make_run(tmp_path, meta=META_02)
    whole = (directory / "meta.json").read_bytes()
    for length in range(len(whole)):
        (directory / "meta.json").write_bytes(whole[:length])
        record = read_one(tmp_path)
        assert (record.id, record.project, record.name) == (ID, "vision", "yolo")
        assert [problem.path for problem in record.problems] == [f"{RUN_02}/meta.json".encode()]


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "name",
    ["meta.json", "status.json", "summary.json", "assets.json", ".deleted", ".runicorn-tui.json", "events.jsonl"],
)
@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "loop", "sparse"])
def test_things_in_place_of_files_neither_hang_nor_lose_the_run(tmp_path: Path, name: str, kind: str) -> None:
    directory = make_run(tmp_path, meta=META_02, status={"status": "failed"})
    path = directory / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    record = read_one(tmp_path)
    assert record.id == ID
    expected = [] if name == "events.jsonl" else [f"{RUN_02}/{name}".encode()]
    assert [problem.path for problem in record.problems] == expected


def test_a_run_directory_that_vanished_or_became_a_link_is_unreadable(tmp_path: Path) -> None:
    directory = make_run(tmp_path, meta=META_02)
    with SharedFiles.read(str(tmp_path)) as shared:
        directory.rename(tmp_path / "moved")
        with pytest.raises(Unreadable) as caught:
            read_run(str(tmp_path), FoundRun(RUN_02.encode()), shared=shared)
        assert caught.value.is_missing
        directory.symlink_to(tmp_path / "moved")
        with pytest.raises(Unreadable, match="symbolic link"):
            read_run(str(tmp_path), FoundRun(RUN_02.encode()), shared=shared)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, json_values))


@given(
    meta=objects("id", "project", "name", "path", "alias", "created_at", "pid", "hostname", "tags"),
    status=objects("status", "started_at", "ended_at", "exit_reason"),
    summary=objects("best_metric_value", "best_metric_name", "best_metric_step", "best_metric_mode", "lr"),
    args=json_values,
)
def test_whatever_the_files_hold_the_record_fits_the_index(
    meta: dict[str, Any], status: dict[str, Any], summary: dict[str, Any], args: Any
) -> None:
    with tempfile.TemporaryDirectory() as root:
        make_run(Path(root), meta=meta, status=status, summary=summary, assets={"config": {"args": args}})
        record = read_one(Path(root))
    assert record.problems == ()
    assert record.recorded_status in ("running", "finished", "failed", "interrupted")
    assert record.id
    assert 0 <= record.created_at < 253402300800
    names = RunRecord.__dataclass_fields__.keys() - {"sidecar", "params", "flat_params", "tags", "problems"}
    values = [getattr(record, name) for name in names]
    values += [part for param in record.flat_params for part in param] + list(record.tags)
    for value in values:
        if isinstance(value, str):
            assert "\0" not in value.encode().decode()
        elif isinstance(value, float):
            assert math.isfinite(value)
        else:
            assert value is None or isinstance(value, bytes) or -(2**63) <= value < 2**63
    json.dumps(record.params, allow_nan=False, ensure_ascii=False).encode()


# --- deletion and what is ours


def test_the_sidecar_wins_over_the_other_homes(tmp_path: Path) -> None:
    make_run(tmp_path, meta={**META_02, "tags": ["a", "b"]})
    shared = {ID: {"tags": ["c"], "description": "theirs", "pinned": True}}
    (tmp_path / ".experiments_metadata.json").write_text(json.dumps(shared))
    record = read_one(tmp_path)
    assert (record.tags, record.description, record.is_pinned) == (("a", "b", "c"), "theirs", True)
    update_sidecar(str(tmp_path), RUN_02.encode(), {"tags": ["d"], "description": None, "pinned": False})
    record = read_one(tmp_path)
    assert (record.tags, record.description, record.is_pinned) == (("d",), None, False)
    update_sidecar(str(tmp_path), RUN_02.encode(), {"tags": []})
    assert read_one(tmp_path).tags == ()


def test_our_marker_deletes_and_its_removal_by_another_tool_restores(tmp_path: Path) -> None:
    directory = make_run(tmp_path, meta=META_02)
    write_marker(str(tmp_path), RUN_02.encode(), deleted_at=50.0, reason="old", original_status="finished")
    update_sidecar(str(tmp_path), RUN_02.encode(), {"deleted_at": 50.0, "delete_reason": "old"})
    record = read_one(tmp_path)
    assert (record.deleted_at, record.delete_reason, record.has_marker) == (50.0, "old", True)
    (directory / ".deleted").unlink()
    assert read_one(tmp_path).deleted_at is None


def test_a_restored_run_stays_restored_until_it_is_deleted_again(tmp_path: Path) -> None:
    make_run(tmp_path, meta=META_02)
    write_marker(str(tmp_path), RUN_02.encode(), deleted_at=50.0, reason="old", original_status="finished")
    update_sidecar(str(tmp_path), RUN_02.encode(), {"restored_at": 60.0})
    assert (read_one(tmp_path).deleted_at, read_one(tmp_path).restored_at) == (None, 60.0)
    write_marker(str(tmp_path), RUN_02.encode(), deleted_at=70.0, reason="again", original_status="finished")
    assert (read_one(tmp_path).deleted_at, read_one(tmp_path).delete_reason) == (70.0, "again")


def test_restoring_a_recycled_run_without_a_marker_outlives_the_writing_of_the_sidecar(tmp_path: Path) -> None:
    directory = make_run(tmp_path, "runs/.recycle/x", meta={"path": "a/b"})
    os.utime(directory, (100, 100))
    assert read_one(tmp_path).deleted_at == 100.0
    update_sidecar(str(tmp_path), b"runs/.recycle/x", {"restored_at": 200.0})
    assert read_one(tmp_path).deleted_at is None


def test_a_deletion_that_only_the_database_knows_counts(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "runicorn.db")
    connection.execute("CREATE TABLE experiments (id TEXT, deleted_at REAL, delete_reason TEXT)")
    connection.execute("INSERT INTO experiments VALUES (?, 50.0, 'user_batch_delete')", (ID,))
    connection.commit()
    connection.close()
    make_run(tmp_path, meta=META_02)
    record = read_one(tmp_path)
    assert (record.deleted_at, record.delete_reason, record.has_marker) == (50.0, "user_batch_delete", False)
    update_sidecar(str(tmp_path), RUN_02.encode(), {"restored_at": 60.0})
    assert read_one(tmp_path).deleted_at is None


def test_a_deletion_in_the_sidecar_counts_in_07_only(tmp_path: Path) -> None:
    make_run(tmp_path, meta=META_02)
    make_run(tmp_path, "runs/a/b/new", meta={"path": "a/b"})
    for path in (RUN_02.encode(), b"runs/a/b/new"):
        update_sidecar(str(tmp_path), path, {"deleted_at": 50.0, "delete_reason": "old"})
    records = read_root(tmp_path)
    assert records[RUN_02].deleted_at is None
    assert (records["runs/a/b/new"].deleted_at, records["runs/a/b/new"].delete_reason) == (50.0, "old")
