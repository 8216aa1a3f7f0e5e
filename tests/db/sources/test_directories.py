from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources import directories
from runicorn_db.sources.directories import FoundRun, find_run_directories, measure, measuring
from runicorn_db.sources.files import FileProblem, Unreadable

ID = "20250102_030405_abcdef"


def found_paths(root: Path, problems: list[FileProblem] | None = None) -> list[str]:
    return [os.fsdecode(run.path) for run in find_run_directories(str(root), problems)]


def make_run(root: Path, path: str, *files: str) -> Path:
    directory = root / path
    directory.mkdir(parents=True)
    for name in files or ("meta.json",):
        (directory / name).write_text("{}")
    return directory


@pytest.mark.parametrize("version", ["0.4.1", "0.7.2"])
def test_every_run_of_a_real_root_is_found(
    version: str, request: pytest.FixtureRequest, scenarios: Callable[[str], dict[str, Any]]
) -> None:
    root = request.getfixturevalue(f"real_root_{version.replace('.', '')}")
    expected = {entry["run_dir"] for entry in scenarios(version).values()}
    paths = found_paths(root)
    # One run of 0.7.2 is in no scenario: it was recorded beside the one that was deleted.
    extra = {"runs/image_classification/junk/20261121_234656_fb79ca"} if version == "0.7.2" else set()
    assert set(paths) == expected | extra
    assert len(paths) == len(set(paths))


def test_only_what_lies_in_recycle_is_recycled(real_root_072: Path) -> None:
    recycled = [run.path for run in find_run_directories(str(real_root_072)) if run.is_recycled]
    assert recycled == [b"runs/.recycle/20261121_234655_7f8656"]


def test_a_mixed_root_gives_the_runs_of_every_layout(tmp_path: Path) -> None:
    make_run(tmp_path, f"runs/{ID}")
    make_run(tmp_path, "runs/legacy-with-metrics", "events.jsonl")
    make_run(tmp_path, "vision/yolo/runs/a")
    make_run(tmp_path, "cv/detection/deep/yolo/runs/b")
    make_run(tmp_path, "runs/nlp/bert/c", "status.json")
    make_run(tmp_path, "runs/.recycle/d")
    assert set(found_paths(tmp_path)) == {
        f"runs/{ID}",
        "runs/legacy-with-metrics",
        "vision/yolo/runs/a",
        "cv/detection/deep/yolo/runs/b",
        "runs/nlp/bert/c",
        "runs/.recycle/d",
    }


def test_a_directory_without_files_is_a_run_where_only_runs_are(tmp_path: Path) -> None:
    (tmp_path / "p/n/runs/bare").mkdir(parents=True)
    (tmp_path / "p/n/runs/with-media/media").mkdir(parents=True)
    (tmp_path / "p/n/runs" / ID / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / ID).mkdir(parents=True)
    (tmp_path / "runs/only/a/path").mkdir(parents=True)
    assert set(found_paths(tmp_path)) == {
        "p/n/runs/bare",
        "p/n/runs/with-media",
        f"p/n/runs/{ID}",
        f"runs/{ID}",
    }


def test_a_project_with_a_part_called_runs_does_not_hide_its_runs(tmp_path: Path) -> None:
    make_run(tmp_path, "a/runs/b/n/runs/x")
    assert found_paths(tmp_path) == ["a/runs/b/n/runs/x"]


def test_nothing_inside_a_run_directory_is_a_run(tmp_path: Path) -> None:
    make_run(tmp_path, "p/n/runs/x")
    make_run(tmp_path, "p/n/runs/x/media/runs/y")
    make_run(tmp_path, "runs/p/z")
    make_run(tmp_path, "runs/p/z/deeper")
    assert set(found_paths(tmp_path)) == {"p/n/runs/x", "runs/p/z"}


@pytest.mark.parametrize("name", ["artifacts", "archive", "index", "webui"])
def test_runicorns_own_directories_are_left_out_at_the_top_only(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, f"{name}/n/runs/no")
    make_run(tmp_path, f"p/{name}/runs/yes")
    make_run(tmp_path, f"runs/{name}/yes")
    assert set(found_paths(tmp_path)) == {f"p/{name}/runs/yes", f"runs/{name}/yes"}


def test_hidden_directories_are_left_out(tmp_path: Path) -> None:
    make_run(tmp_path, ".git/n/runs/no")
    make_run(tmp_path, "p/.trash/runs/no")
    make_run(tmp_path, "p/n/runs/.hidden")
    make_run(tmp_path, "p/.recycle/runs/no")
    make_run(tmp_path, "runs/.cache/no")
    assert found_paths(tmp_path) == []


def test_links_are_never_followed(tmp_path: Path) -> None:
    make_run(tmp_path, "elsewhere/x")
    make_run(tmp_path, "root/p/n/runs/real")
    root = tmp_path / "root"
    (root / "p/n/runs/linked").symlink_to(tmp_path / "elsewhere/x")
    (root / "p/n/loop").symlink_to(root)
    (root / "runs").symlink_to(root / "p/n/runs")
    problems: list[FileProblem] = []
    assert found_paths(root, problems) == ["p/n/runs/real"]
    assert problems == [FileProblem(path=b"p/n/runs/linked", message="Symbolic link, not followed")]


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are UTF-8 there")
def test_names_that_are_no_utf8_are_kept_as_bytes(tmp_path: Path) -> None:
    path = b"p\xff/n\xfe/runs/\xe9t\xe9"
    (tmp_path / os.fsdecode(path)).mkdir(parents=True)
    assert list(find_run_directories(str(tmp_path))) == [FoundRun(path)]


def test_a_directory_that_cannot_be_listed_is_reported_and_the_others_are_found(tmp_path: Path) -> None:
    make_run(tmp_path, "p/n/runs/x")
    part = "d" * 250
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # longer than any path the system takes
        os.mkdir(part, dir_fd=here)
        below = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    problems: list[FileProblem] = []
    assert found_paths(tmp_path, problems) == ["p/n/runs/x"]
    assert [problem.message for problem in problems] == ["File name too long"]
    assert problems[0].path.startswith(part.encode())


def test_a_directory_without_rights_is_reported(directory_of_ordinary_user: Path) -> None:
    root = directory_of_ordinary_user
    make_run(root, "p/n/runs/open")
    make_run(root, "p/n/runs/x").chmod(0)
    make_run(root, "runs/q").parent.chmod(0)
    problems: list[FileProblem] = []
    assert found_paths(root, problems) == ["p/n/runs/open"]
    (root / "p/n/runs/x").chmod(0o700)
    (root / "runs").chmod(0o700)
    assert problems == [
        FileProblem(path=b"p/n/runs/x", message="Permission denied"),
        FileProblem(path=b"runs", message="Permission denied"),
    ]


def test_a_root_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as caught:
        found_paths(tmp_path / "nowhere")
    assert caught.value.is_missing
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable, match="Not a directory"):
        found_paths(tmp_path / "file")


def test_an_empty_root_has_no_runs(tmp_path: Path) -> None:
    assert found_paths(tmp_path) == []


def test_measure_counts_regular_files_and_leaves_locks_and_links_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, "p/n/runs/x", "meta.json", "events.jsonl.lock")
    (run / "media/deep").mkdir(parents=True)
    (run / "media/deep/image.png").write_bytes(b"x" * 1000)
    (run / "link").symlink_to(run / "media/deep/image.png")
    (run / "loop").symlink_to(run)
    os.mkfifo(run / "pipe")
    assert measure(str(tmp_path), b"p/n/runs/x") == (1000 + 2 + 2, 2)


def test_a_large_tree_is_measured_with_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "_ENTRIES_AT_ONCE", 2)
    run = make_run(tmp_path, "p/n/runs/x", "meta.json", "a", "b")
    (run / "deep").mkdir()
    (run / "deep/c").write_bytes(b"x" * 10)
    looks = list(measuring(str(tmp_path), b"p/n/runs/x"))
    assert len(looks) == 3
    assert looks == sorted(looks)
    assert looks[-1] == measure(str(tmp_path), b"p/n/runs/x") == (16, 4)


def test_what_cannot_be_listed_counts_nothing(tmp_path: Path) -> None:
    assert measure(str(tmp_path), b"p/n/runs/gone") == (0, 0)


def test_a_known_directory_is_found_without_a_look_at_its_files(tmp_path: Path) -> None:
    make_run(tmp_path, "p/n/runs/x", "notes.txt")
    make_run(tmp_path, "runs/a/b/c", "notes.txt")
    known = {b"p/n/runs/x", b"runs/a/b/c"}
    assert found_paths(tmp_path) == ["p/n/runs/x"]
    assert [run.path for run in find_run_directories(str(tmp_path), known=known)] == sorted(known)


def test_sparse_files_do_not_overflow_a_size(tmp_path: Path) -> None:
    run = make_run(tmp_path, "runs/x")
    with (run / "events.jsonl").open("wb") as file:
        file.truncate(2**40)
    assert measure(str(tmp_path), b"runs/x") == (2**40 + 2, 2)
