from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources.files import JsonProblem
from runicorn_db.sources.sidecar import (
    Marker,
    NotWritable,
    Sidecar,
    read_marker,
    read_sidecar,
    remove_marker,
    update_sidecar,
    write_marker,
)

PATH = b"p/n/runs/x"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / os.fsdecode(PATH)
    directory.mkdir(parents=True)
    return directory


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def sidecar_of(run: Path) -> tuple[Sidecar, JsonProblem | None]:
    directory = os.open(run, os.O_RDONLY)
    try:
        return read_sidecar(directory)
    finally:
        os.close(directory)


def marker_of(run: Path) -> tuple[Marker | None, JsonProblem | None]:
    directory = os.open(run, os.O_RDONLY)
    try:
        return read_marker(directory)
    finally:
        os.close(directory)


def content_of(run: Path) -> Any:
    return json.loads((run / ".runicorn-tui.json").read_text())


def test_what_is_written_is_read_back(tmp_path: Path, run: Path) -> None:
    values = {
        "tags": ["b", "精度"],
        "pinned": True,
        "description": "keep ☃",
        "deleted_at": 5.5,
        "delete_reason": "old",
        "restored_at": 6.5,
    }
    update_sidecar(str(tmp_path), PATH, values)
    expected = Sidecar(
        tags=("b", "精度"),
        is_pinned=True,
        description="keep ☃",
        has_description=True,
        deleted_at=5.5,
        delete_reason="old",
        restored_at=6.5,
    )
    assert sidecar_of(run) == (expected, None)
    assert names_in(run) == [".runicorn-tui.json"]


def test_without_a_sidecar_nothing_is_said(run: Path) -> None:
    assert sidecar_of(run) == (Sidecar(), None)


def test_an_empty_description_and_no_tags_are_said_too(tmp_path: Path, run: Path) -> None:
    update_sidecar(str(tmp_path), PATH, {"tags": [], "description": None})
    assert sidecar_of(run) == (Sidecar(tags=(), has_description=True), None)


def test_keys_of_others_and_of_earlier_writes_stay(tmp_path: Path, run: Path) -> None:
    (run / ".runicorn-tui.json").write_text('{"future": {"a": [1]}, "pinned": true, "restored_at": 1}')
    update_sidecar(str(tmp_path), PATH, {"tags": ["x"]}, remove=["restored_at", "never"])
    assert content_of(run) == {"future": {"a": [1]}, "pinned": True, "tags": ["x"]}


def test_nothing_to_change_writes_nothing(tmp_path: Path, run: Path, snapshot: Callable[[Path], Any]) -> None:
    update_sidecar(str(tmp_path), PATH, {"pinned": True})
    before = snapshot(tmp_path)
    inode = (run / ".runicorn-tui.json").stat().st_ino
    update_sidecar(str(tmp_path), PATH, {"pinned": True}, remove=["tags"])
    assert (snapshot(tmp_path), (run / ".runicorn-tui.json").stat().st_ino) == (before, inode)


def test_a_sidecar_with_nothing_left_is_removed(tmp_path: Path, run: Path) -> None:
    update_sidecar(str(tmp_path), PATH, {"pinned": True})
    update_sidecar(str(tmp_path), PATH, {}, remove=["pinned"])
    assert names_in(run) == []
    update_sidecar(str(tmp_path), PATH, {}, remove=["pinned"])
    assert names_in(run) == []


def test_a_damaged_sidecar_says_nothing_and_is_not_overwritten(tmp_path: Path, run: Path) -> None:
    (run / ".runicorn-tui.json").write_text('{"tags": ["by hand"')
    sidecar, problem = sidecar_of(run)
    assert (sidecar, problem is not None) == (Sidecar(), True)
    with pytest.raises(NotWritable, match="cannot be read: Not JSON"):
        update_sidecar(str(tmp_path), PATH, {"pinned": True})
    assert (run / ".runicorn-tui.json").read_text() == '{"tags": ["by hand"'


def test_values_of_wrong_types_are_as_if_not_there(run: Path) -> None:
    wrong = {"tags": "no", "pinned": 1, "description": 5, "deleted_at": "now", "restored_at": True}
    (run / ".runicorn-tui.json").write_text(json.dumps(wrong))
    assert sidecar_of(run) == (Sidecar(has_description=True), None)


def test_texts_that_are_no_unicode_are_written_clean(tmp_path: Path, run: Path) -> None:
    update_sidecar(str(tmp_path), PATH, {"description": "a\ud800b"})
    assert content_of(run) == {"description": "a\ufffdb"}


def test_the_marker_is_written_as_the_original_writes_it(real_root_041: Path) -> None:
    path = "image_classification/junk/runs/20261121_234739_da80a9"
    original = (real_root_041 / path / ".deleted").read_bytes()
    told = json.loads(original)
    remove_marker(str(real_root_041), path.encode())
    assert not (real_root_041 / path / ".deleted").exists()
    write_marker(str(real_root_041), path.encode(), **told)
    assert (real_root_041 / path / ".deleted").read_bytes() == original


def test_removing_a_marker_that_is_not_there_is_done(tmp_path: Path, run: Path) -> None:
    remove_marker(str(tmp_path), PATH)
    assert names_in(run) == []


def test_a_marker_is_read_with_its_time_and_reason(tmp_path: Path, run: Path) -> None:
    assert marker_of(run) == (None, None)
    write_marker(str(tmp_path), PATH, deleted_at=12.5, reason="old", original_status="failed")
    assert marker_of(run) == (Marker(deleted_at=12.5, reason="old"), None)


@pytest.mark.parametrize("content", ["", "{", '{"deleted_at": "x"}', '{"deleted_at": 1e999}', "[]"])
def test_a_marker_that_tells_no_time_has_that_of_its_file(run: Path, content: str) -> None:
    (run / ".deleted").write_text(content)
    os.utime(run / ".deleted", (1000, 2000))
    marker, problem = marker_of(run)
    assert marker == Marker(deleted_at=2000.0)
    assert (problem is None) == content.startswith('{"')


def test_a_marker_that_is_no_file_still_marks(run: Path) -> None:
    (run / ".deleted").mkdir()
    marker, problem = marker_of(run)
    assert marker is not None
    assert problem == JsonProblem("A directory, not a file")


Write = Callable[[str, bytes], None]
WRITES: list[Write] = [
    lambda root, path: update_sidecar(root, path, {"pinned": True}),
    lambda root, path: write_marker(root, path, deleted_at=1.0, reason="r", original_status="s"),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_directory_that_cannot_be_written_says_so(directory_of_ordinary_user: Path, write: Write) -> None:
    run = directory_of_ordinary_user / os.fsdecode(PATH)
    run.mkdir(parents=True)
    run.chmod(0o500)
    with pytest.raises(NotWritable, match="Permission denied"):
        write(str(directory_of_ordinary_user), PATH)
    run.chmod(0o700)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("linked", ["p", "p/n", "p/n/runs", "p/n/runs/x"])
def test_nothing_is_written_through_a_link(
    tmp_path: Path, run: Path, linked: str, write: Write, snapshot: Callable[[Path], Any]
) -> None:
    (tmp_path / linked).rename(tmp_path / "outside")
    (tmp_path / linked).symlink_to(tmp_path / "outside")
    before = snapshot(tmp_path)
    with pytest.raises(NotWritable, match="symbolic link"):
        write(str(tmp_path), PATH)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", [".runicorn-tui.json", ".deleted"])
@pytest.mark.timeout(5)
def test_a_link_in_place_of_the_file_is_never_written_through(tmp_path: Path, run: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (run / name).symlink_to(victim)
    if name == ".deleted":
        write_marker(str(tmp_path), PATH, deleted_at=1.0, reason="r", original_status="s")
        assert not (run / name).is_symlink()
    else:
        with pytest.raises(NotWritable, match="Symbolic link"):
            update_sidecar(str(tmp_path), PATH, {"pinned": True})
    assert victim.read_text() == "untouched"


@contextmanager
def no_space() -> Iterator[None]:
    """Every write to a file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, run: Path, write: Write) -> None:
    update_sidecar(str(tmp_path), PATH, {"description": "before"})
    write_marker(str(tmp_path), PATH, deleted_at=9.0, reason="before", original_status="running")
    with no_space(), pytest.raises(NotWritable, match="File too large"):
        write(str(tmp_path), PATH)
    assert names_in(run) == [".deleted", ".runicorn-tui.json"]
    assert content_of(run) == {"description": "before"}
    assert marker_of(run) == (Marker(deleted_at=9.0, reason="before"), None)


def test_a_run_that_is_gone_is_not_written(tmp_path: Path) -> None:
    for write in WRITES:
        with pytest.raises(NotWritable, match="No such directory"):
            write(str(tmp_path), PATH)
