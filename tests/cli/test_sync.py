from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from runicorn_db.sync import SyncProgress, SyncReport
from runicorn_tui.progress import drawn, summary
from tests.cli.conftest import Run, write_run


def test_only_what_changed_is_read_again(run: Run, db: Path, root: Path) -> None:
    write_run(root, "c1")

    report = run("sync", root, "--db", db, "--json").json

    assert (report["found"], report["added"], report["unchanged"]) == (5, 1, 4)
    assert report["is_complete"] is True


def test_stdout_stays_empty_and_the_summary_goes_to_stderr(run: Run, root: Path, tmp_path: Path) -> None:
    result = run("sync", root, "--db", tmp_path / "new" / "index.db")

    assert result.out == ""
    assert "4 experiments found" in result.err
    assert "4 new" in result.err
    assert "\x1b" not in result.err


def test_the_default_root_is_found_as_runicorn_finds_it(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNICORN_DIR", str(root))

    assert run("sync", "--db", tmp_path / "index.db", "--json").json["found"] == 4


def test_a_local_storage_folder_is_the_last_choice(run: Run, tmp_path: Path) -> None:
    write_run(Path.cwd() / ".runicorn", "local")

    assert run("sync", "--db", tmp_path / "index.db", "--json").json["found"] == 1


def test_a_default_root_that_is_gone_is_said(
    run: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNICORN_DIR", str(tmp_path / "gone"))

    result = run("sync", "--db", db)

    assert result.code == 0
    assert f"RUNICORN_DIR names {tmp_path / 'gone'}, which is not there." in result.err


def test_without_any_root_it_asks_for_one(run: Run, tmp_path: Path) -> None:
    result = run("sync", "--db", tmp_path / "index.db")

    assert result.code == 2
    assert "name one" in result.err
    assert not (tmp_path / "index.db").exists()
    assert run("sync", "--db", tmp_path / "index.db").code == 2


def test_a_root_that_is_no_folder_makes_no_index(run: Run, tmp_path: Path) -> None:
    assert run("sync", tmp_path / "nowhere", "--db", tmp_path / "index.db").code == 2
    assert not (tmp_path / "index.db").exists()


def test_an_unmounted_root_of_the_index_is_reported_and_keeps_its_experiments(run: Run, db: Path, root: Path) -> None:
    root.rename(root.with_name("unmounted"))

    result = run("sync", root, "--db", db)

    assert result.code == 1
    assert "Root root was not read" in result.err
    assert "what the index holds of it (4 experiments) stays" in result.err
    assert len(run("ls", "--db", db, "--json").json) == 4


def test_one_of_two_roots_that_cannot_be_read_is_exit_5(run: Run, db: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    run("sync", tmp_path / "other", "--db", db)
    root.rename(root.with_name("unmounted"))

    assert run("sync", "--db", db).code == 5


def test_problems_name_the_command_that_lists_them_for_this_index(run: Run, db: Path, root: Path) -> None:
    (root / "vision/resnet/runs/a1/meta.json").write_text("{")

    result = run("sync", root, "--db", db)

    assert f"1 problem: see runicorn-tui doctor --db {db}" in result.err


def test_the_progress_line_rewrites_itself_on_a_terminal(root: Path, tmp_path: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", "sync", str(root), "--db", str(tmp_path / "index.db")], timeout=30
    )
    terminal.expect_exact("\r\x1b[K4 experiments found")
    terminal.expect(pexpect.EOF)


def test_progress_is_drawn_as_a_bar_once_the_total_is_known() -> None:
    assert drawn(SyncProgress(root="lab", phase="scan", done=1234, total=0)) == "lab: looking for experiments  1,234"
    half = drawn(SyncProgress(root="lab", phase="list", done=50, total=100))
    assert half == "lab: reading  [##########----------] 50 of 100"


def test_an_interrupted_sync_says_that_it_goes_on() -> None:
    assert "the next sync goes on from here" in summary(SyncReport(found=3, is_complete=False))


def test_ctrl_c_stops_between_experiments_with_exit_130(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runicorn_tui.progress import ProgressLine

    def interrupt(_line: ProgressLine, progress: SyncProgress) -> None:
        if (progress.phase, progress.done) == ("list", 0):
            os.kill(os.getpid(), signal.SIGINT)

    # The moment is forced, the way from the signal to the exit code is the real one.
    monkeypatch.setattr(ProgressLine, "__call__", interrupt)
    result = run("sync", root, "--db", tmp_path / "index.db")
    monkeypatch.undo()

    assert result.code == 130
    assert "the next sync goes on from here" in result.err
    assert run("sync", root, "--db", tmp_path / "index.db").code == 0
    assert len(run("ls", "--db", tmp_path / "index.db", "--json").json) == 4
