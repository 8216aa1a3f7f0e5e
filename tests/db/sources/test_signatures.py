from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runicorn_db.sources.signatures import full_signature, growth, is_run, is_same, quick_signature

SMALL_FILES = ["meta.json", "status.json", "summary.json", "assets.json", ".deleted", ".runicorn-tui.json"]


def make_run(root: Path, *files: str) -> Path:
    run = root / "runs/x"
    run.mkdir(parents=True)
    for name in files:
        (run / name).write_text("{}")
    return run


def settle(run: Path) -> None:
    """As if the directory had not changed for a while."""
    long_ago = time.time_ns() - 3600 * 10**9
    os.utime(run, ns=(long_ago, long_ago))


def changes_signature(root: Path, signature: Callable[[str, bytes], str], change: Callable[[], object]) -> bool:
    before = signature(str(root), b"runs/x")
    change()
    return signature(str(root), b"runs/x") != before


def test_quick_signature_sees_events_and_new_files(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert changes_signature(tmp_path, quick_signature, (run / "events.jsonl").touch)
    assert changes_signature(tmp_path, quick_signature, lambda: (run / "events.jsonl").write_text("line\n"))
    assert changes_signature(tmp_path, quick_signature, lambda: (run / ".deleted").write_text("{}"))
    assert changes_signature(tmp_path, quick_signature, (run / "events.jsonl").unlink)
    assert not changes_signature(tmp_path, quick_signature, lambda: None)


@pytest.mark.parametrize("name", SMALL_FILES)
def test_full_signature_sees_a_small_file_rewritten_in_place(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path, name)
    os.utime(run / name, ns=(1, 1))
    assert changes_signature(tmp_path, full_signature, lambda: os.utime(run / name, ns=(2, 2)))


def test_a_missing_run_directory_has_a_signature_too(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert changes_signature(tmp_path, full_signature, lambda: run.rename(tmp_path / "moved"))


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_file_that_was_missing_is_seen_when_it_comes(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path, "events.jsonl")
    settle(run)
    before = full_signature(str(tmp_path), b"runs/x")
    (run / name).write_text("{}")
    now = full_signature(str(tmp_path), b"runs/x", before)
    assert not is_same(before, now)
    assert now == full_signature(str(tmp_path), b"runs/x")


@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_file_that_comes_in_the_same_tick_of_the_clock_is_seen(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path, "events.jsonl")
    status = run.stat()
    before = full_signature(str(tmp_path), b"runs/x")
    (run / name).write_text("{}")
    os.utime(run, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not is_same(before, full_signature(str(tmp_path), b"runs/x", before))


def test_a_directory_that_settles_is_the_same(tmp_path: Path) -> None:
    run = make_run(tmp_path, "meta.json")
    fresh = full_signature(str(tmp_path), b"runs/x")
    mark, _, rest = fresh.partition("|")
    assert mark.endswith("~")
    assert is_same(fresh, f"{mark[:-1]}|{rest}")
    settle(run)
    assert not is_same(fresh, full_signature(str(tmp_path), b"runs/x", fresh))


def test_what_cannot_have_come_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, "meta.json", "events.jsonl")
    settle(run)
    before = full_signature(str(tmp_path), b"runs/x")
    looked: list[bytes] = []
    lstat = os.lstat

    def noting(path: bytes) -> os.stat_result:
        looked.append(os.path.basename(path))
        return lstat(path)

    monkeypatch.setattr(os, "lstat", noting)
    assert full_signature(str(tmp_path), b"runs/x", before) == before
    assert looked == [b"x", b"events.jsonl", b"meta.json"]


def test_growth_is_told_from_other_changes(tmp_path: Path) -> None:
    run = make_run(tmp_path, "meta.json", "events.jsonl")
    before = full_signature(str(tmp_path), b"runs/x")
    with (run / "events.jsonl").open("a") as file:
        file.write("12345")
    now = full_signature(str(tmp_path), b"runs/x", before)
    assert growth(before, now) == growth(before.replace("~", ""), now) == 5
    assert growth(now, before) is None
    (run / "meta.json").write_text("{} ")
    assert growth(before, full_signature(str(tmp_path), b"runs/x", before)) is None


def test_a_run_is_known_by_meta_or_status(tmp_path: Path) -> None:
    run = make_run(tmp_path, "events.jsonl", "summary.json")
    assert not is_run(full_signature(str(tmp_path), b"runs/x"))
    for name in ("meta.json", "status.json"):
        (run / name).write_text("{}")
        assert is_run(full_signature(str(tmp_path), b"runs/x"))
        (run / name).unlink()
