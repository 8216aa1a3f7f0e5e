from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from runicorn_db.store import Store
from runicorn_tui.progress import ProgressLine
from tests.cli.conftest import CREATED, Run, interrupt, write_run
from tests.db.runs import write_run as write_any_run


def write_new_run(root: Path, run_id: str) -> Path:
    """A run directory as Runicorn 0.7 leaves it."""
    return write_any_run(root, run_id, layout="0.7", steps=[{"loss": 1.0}])


def listed(run: Run, db: Path) -> set[str]:
    return {experiment["id"] for experiment in run("ls", "--db", db, "--json").json}


def test_ids_go_to_the_trash_and_come_back_by_batch(run: Run, db: Path) -> None:
    result = run("rm", "a1", "b2", "--yes", "--db", db)

    assert result.code == 0
    assert result.out == ""
    assert "Moved 2 experiments to the trash." in result.err
    assert "runicorn-tui restore --batch 1" in result.err
    assert listed(run, db) == {"a2", "b1"}
    assert run("restore", "--batch", 1, "--db", db).code == 0
    assert listed(run, db) == {"a1", "a2", "b1", "b2"}


def test_dry_run_prints_what_would_go_and_changes_nothing(run: Run, db: Path) -> None:
    result = run("rm", "--where", "status:failed,interrupted", "--dry-run", "--db", db)

    assert result.code == 0
    assert "2 experiments" in result.out
    assert "failed 1" in result.out
    assert "interrupted 1" in result.out
    assert "a1  vision / resnet  failed" in result.out
    assert len(listed(run, db)) == 4


def test_where_leaves_running_ones_out_unless_asked(run: Run, db: Path) -> None:
    result = run("rm", "--where", "project:vision", "--yes", "--db", db, "--json")

    assert "1 running experiment left out; --include-running takes them too." in result.err
    assert result.json["deleted"] == 2
    assert listed(run, db) == {"b1", "b2"}
    assert run("rm", "--where", "project:vision", "--include-running", "--yes", "--db", db).code == 0
    assert listed(run, db) == {"b2"}


def test_where_leaves_pinned_ones_out_unless_asked(run: Run, db: Path) -> None:
    with Store(db) as store:
        store.annotate(["a1"], pinned=True)

    result = run("rm", "--where", "status:failed,finished", "--yes", "--db", db)

    assert "1 pinned experiment left out; --include-pinned takes them too." in result.err
    assert listed(run, db) == {"a1", "b1", "b2"}
    run("rm", "--where", "status:failed", "--include-pinned", "--yes", "--db", db)
    assert listed(run, db) == {"b1", "b2"}


def test_a_running_one_named_by_id_is_taken(run: Run, db: Path) -> None:
    run("rm", "b1", "--yes", "--db", db)

    assert "b1" not in listed(run, db)


@pytest.mark.parametrize("where", ["", "   ", "foo:bar", "age>"])
def test_where_that_is_empty_or_not_understood_deletes_nothing(run: Run, db: Path, where: str) -> None:
    result = run("rm", "--where", where, "--include-running", "--yes", "--db", db)

    assert result.code == 2
    assert len(listed(run, db)) == 4


@pytest.mark.parametrize("arguments", [[], ["a1", "--where", "age>1d"]])
def test_either_ids_or_a_filter(run: Run, db: Path, arguments: list[str]) -> None:
    assert run("rm", *arguments, "--yes", "--db", db).code == 2


def test_without_a_terminal_it_asks_for_yes(run: Run, db: Path) -> None:
    result = run("rm", "a1", "--db", db)

    assert result.code == 2
    assert "--yes" in result.err
    assert len(listed(run, db)) == 4


def test_unknown_ids_fail_alone(run: Run, db: Path) -> None:
    result = run("rm", "a1", "zz", "--yes", "--json", "--db", db)

    assert result.code == 5
    assert result.json["results"] == {"a1": True, "zz": False}
    assert result.json["errors"] == {"zz": "not found"}
    assert run("rm", "zz", "--yes", "--db", db).code == 4


def test_an_id_that_is_in_the_trash_already_is_a_success(run: Run, db: Path) -> None:
    run("rm", "a1", "--yes", "--db", db)

    result = run("rm", "a1", "--yes", "--db", db)

    assert result.code == 0
    assert "1 experiment in the trash already." in result.err


@pytest.fixture
def many(run: Run, root: Path, tmp_path: Path) -> Path:
    """An index with 1001 experiments of the project `scratch`."""
    for number in range(1001):
        write_run(root, f"many{number:04}", project="scratch", created_at=CREATED - number, losses=(1.0,))
    run("sync", root, "--db", tmp_path / "many.db")
    return tmp_path / "many.db"


def test_however_many_go_as_one_batch_and_come_back_by_one_undo(run: Run, many: Path, root: Path) -> None:
    result = run("rm", "--where", "project:scratch", "--yes", "--json", "--db", many)

    assert (result.json["deleted"], result.json["batch"]) == (1001, 1)
    assert listed(run, many) == {"a1", "a2", "b1", "b2"}
    assert len(list(root.glob("scratch/*/runs/*/.deleted"))) == 1001

    assert run("restore", "--batch", 1, "--db", many).code == 0
    assert len(list(root.glob("scratch/*/runs/*/.deleted"))) == 0
    assert run("restore", "--batch", 1, "--db", many).err == (
        "Restored 0 experiments.\nNothing of batch 1 is in the trash any more.\n"
    )


def test_a_lost_index_is_made_again_with_its_deletions_and_restorations(run: Run, many: Path, root: Path) -> None:
    run("rm", "--where", "project:scratch", "--yes", "--db", many)
    run("restore", "many0000", "many0001", "--db", many)
    for file in many.parent.glob("many.db*"):
        file.unlink()

    run("sync", root, "--db", many)

    assert listed(run, many) == {"a1", "a2", "b1", "b2", "many0000", "many0001"}


def test_ctrl_c_keeps_the_deletion_and_the_next_sync_writes_its_files(
    run: Run, many: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = Store.flush_outbox

    def flush_and_interrupt(store: Store, *arguments: Any) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return flush(store, *arguments)

    # The moment is forced, the way from the signal to the exit code is the real one.
    with monkeypatch.context() as patch:
        patch.setattr(Store, "flush_outbox", flush_and_interrupt)
        patch.setattr(Store, "_write_files", lambda *_: None)
        result = run("rm", "--where", "project:scratch", "--yes", "--db", many)

    assert result.code == 130
    assert f"the files of 1,001 experiments follow with runicorn-tui sync --db {many}" in result.err
    assert f"Undo: runicorn-tui restore --batch 1 --db {many}" in result.err
    assert listed(run, many) == {"a1", "a2", "b1", "b2"}
    run("sync", root, "--db", many)
    assert len(list(root.glob("scratch/*/runs/*/.deleted"))) == 1001


def test_ctrl_c_stops_between_two_parts_and_what_went_can_be_taken_back(
    run: Run, many: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ProgressLine.show

    def show_and_interrupt(line: ProgressLine, act: str, done: int, total: int) -> None:
        show(line, act, done, total)
        os.kill(os.getpid(), signal.SIGINT)

    # The moment is forced, the way from the signal to the exit code is the real one.
    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "show", show_and_interrupt)
        result = run("rm", "--where", "project:scratch", "--yes", "--json", "--db", many)

    assert result.code == 130
    assert f"Moved 1,000 experiments to the trash. Undo: runicorn-tui restore --batch 1 --db {many}" in result.err
    assert "Interrupted: 1 experiment not touched." in result.err
    assert (result.json["deleted"], result.json["batch"]) == (1000, 1)
    assert listed(run, many) == {"a1", "a2", "b1", "b2", "many1000"}
    assert run("restore", "--batch", 1, "--db", many).code == 0
    assert list(root.glob("scratch/*/runs/*/.deleted")) == []


def test_a_part_that_fails_leaves_the_way_back_to_the_parts_before(
    run: Run, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = ProgressLine.show
    blockers: list[sqlite3.Connection] = []

    def show_and_lock(line: ProgressLine, act: str, done: int, total: int) -> None:
        show(line, act, done, total)
        if not blockers:
            blockers.append(sqlite3.connect(many, isolation_level=None))
            blockers[0].execute("BEGIN IMMEDIATE")

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "show", show_and_lock)
        result = run("rm", "--where", "project:scratch", "--yes", "--db", many)
    blockers[0].close()

    assert result.code == 1
    assert "Moved 1,000 experiments to the trash. Undo: runicorn-tui restore --batch 1" in result.err
    assert listed(run, many) == {"a1", "a2", "b1", "b2", "many1000"}


def test_a_run_of_runicorn_0_7_is_moved_to_its_recycle_folder_when_asked(run: Run, tmp_path: Path) -> None:
    root, db = tmp_path / "new", tmp_path / "new.db"
    kept, moved = (write_new_run(root, name) for name in ("r1", "r2"))
    run("sync", root, "--db", db)

    run("rm", "r1", "--yes", "--db", db)
    result = run("rm", "r2", "--move-to-recycle", "--yes", "--db", db)

    assert result.code == 0
    assert kept.exists()
    assert not moved.exists()
    assert (root / "runs" / ".recycle" / "r2").is_dir()
    assert run("restore", "r1", "r2", "--db", db).code == 0
    assert moved.exists()
    assert listed(run, db) == {"r1", "r2"}


def test_the_preview_shows_both_ends_and_how_many_lie_between(run: Run, many: Path) -> None:
    lines = run("rm", "--where", "project:scratch", "--dry-run", "--db", many).out.splitlines()

    shown = [line.split()[0] for line in lines if "many" in line]
    assert (shown[0], shown[-1], len(shown)) == ("many0000", "many1000", 20)
    assert lines[-11] == "  … 981 more …"


def test_the_reason_is_kept_and_limited(run: Run, db: Path) -> None:
    run("rm", "a1", "--yes", "--reason", "typo in the config", "--db", db)

    assert run("show", "a1", "--db", db, "--json").json["experiment"]["delete_reason"] == "typo in the config"
    assert run("rm", "a2", "--yes", "--reason", "x" * 501, "--db", db).code == 2


def test_the_original_runicorn_sees_the_deletion(run: Run, db: Path, root: Path) -> None:
    run("rm", "a1", "--yes", "--db", db)

    assert (root / "vision/resnet/runs/a1/.deleted").exists()
    assert (root / "vision/resnet/runs/a1/events.jsonl").exists()


@pytest.mark.parametrize(("answer", "remaining", "code"), [("y", 3, 0), ("n", 4, 1), ("", 4, 1)])
def test_on_a_terminal_it_asks_and_no_is_the_default(
    run: Run, db: Path, answer: str, remaining: int, code: int
) -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "runicorn_tui", "rm", "a1", "--db", str(db)], timeout=30)
    terminal.expect_exact("Move 1 experiment to the trash? [y/N]")
    terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == code
    assert len(listed(run, db)) == remaining


def test_ctrl_c_at_the_question_is_exit_130(run: Run, db: Path) -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "runicorn_tui", "rm", "a1", "--db", str(db)], timeout=30)
    terminal.expect_exact("[y/N]")
    interrupt(terminal)
    terminal.close()

    assert terminal.exitstatus == 130
    assert len(listed(run, db)) == 4


def test_restore_by_id(run: Run, db: Path) -> None:
    run("rm", "a1", "--yes", "--db", db)
    result = run("restore", "a1", "zz", "--json", "--db", db)

    assert result.code == 5
    assert result.json["restored"] == 1
    assert "a1" in listed(run, db)


def test_restore_of_an_unknown_batch_is_exit_4(run: Run, db: Path) -> None:
    assert run("restore", "--batch", 99, "--db", db).code == 4
    assert run("restore", "--db", db).code == 2
