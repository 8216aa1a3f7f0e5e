from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from runicorn_db.store import Store
from runicorn_tui.progress import ProgressLine
from tests.cli.conftest import CREATED, Run, interrupt, write_run
from tests.cli.test_rm import listed


@pytest.fixture
def trashed(run: Run, db: Path) -> Path:
    """a1 and a2 in batch 1, b2 in batch 2."""
    run("rm", "a1", "a2", "--yes", "--db", db)
    run("rm", "b2", "--yes", "--db", db)
    return db


def directories(root: Path) -> set[str]:
    return {path.name for path in root.glob("*/*/runs/*")}


def test_ids_are_removed_for_good_and_what_was_freed_is_said(run: Run, trashed: Path, root: Path) -> None:
    result = run("purge", "a1", "--yes", "--json", "--db", trashed)

    assert result.code == 0
    assert directories(root) == {"a2", "b1", "b2"}
    assert f"  {root / 'vision/resnet/runs/a1'}" in result.err.splitlines()
    assert "Remove for good: 1 experiment" in result.err
    assert "Removed 1 experiment for good, freed" in result.err
    assert (result.json["purged"], result.json["failed"], result.json["is_complete"]) == (1, 0, True)
    assert result.json["freed_bytes"] > 0
    assert run("show", "a1", "--db", trashed).code == 4


def test_a_batch_and_all_of_the_trash_are_removed(run: Run, trashed: Path, root: Path) -> None:
    assert run("purge", "--batch", 1, "--yes", "--db", trashed).code == 0
    assert directories(root) == {"b1", "b2"}
    assert run("purge", "--all", "--yes", "--db", trashed).code == 0
    assert directories(root) == {"b1"}
    assert listed(run, trashed) == {"b1"}


def test_what_lies_in_the_trash_for_long_enough_is_removed(run: Run, trashed: Path, root: Path) -> None:
    result = run("purge", "--older-than", "1d", "--yes", "--db", trashed)
    assert (result.code, result.err) == (0, "Nothing to remove.\n")
    with Store(trashed) as store, store.database.writing() as connection:
        connection.execute("UPDATE experiment SET deleted_at = deleted_at - 90000 WHERE id = 'b2'")

    assert run("purge", "--older-than", "1d", "--yes", "--db", trashed).code == 0
    assert directories(root) == {"a1", "a2", "b1"}


def test_dry_run_prints_full_paths_and_removes_nothing(run: Run, trashed: Path, root: Path) -> None:
    result = run("purge", "--batch", 1, "--dry-run", "--db", trashed)

    assert result.code == 0
    assert result.out.startswith("Remove for good: 2 experiments, ")
    assert {str(root / "vision/resnet/runs/a1"), str(root / "vision/vit/runs/a2")} <= set(result.out.split())
    answer = run("purge", "--batch", 1, "--dry-run", "--json", "--db", trashed).json
    assert (answer["total"], answer["refused"], answer["errors"]) == (2, {}, {})
    assert directories(root) == {"a1", "a2", "b1", "b2"}


def test_what_is_not_in_the_trash_is_refused_and_the_rest_goes(run: Run, trashed: Path, root: Path) -> None:
    result = run("purge", "a1", "b1", "zz", "--yes", "--json", "--db", trashed)

    assert result.code == 5
    assert directories(root) == {"a2", "b1", "b2"}
    assert set(result.json["errors"]) == {"b1", "zz"}
    assert "trash" in result.json["errors"]["b1"]
    assert run("purge", "b1", "--yes", "--db", trashed).code == 1
    assert run("purge", "zz", "--yes", "--db", trashed).code == 4


def test_without_a_terminal_it_asks_for_yes(run: Run, trashed: Path, root: Path) -> None:
    result = run("purge", "--all", "--db", trashed)

    assert result.code == 2
    assert "There is no terminal to ask on: add --yes to remove for good" in result.err
    assert directories(root) == {"a1", "a2", "b1", "b2"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a1", "--all"],
        ["--all", "--batch", "1"],
        ["--all", "--older-than", "1d"],
        ["--where", "status:failed"],
        ["--only", "checkpoints/**"],
        ["--only", "checkpoints/**", "--where", ""],
        ["--only", "checkpoints/**", "--where", "foo:bar"],
        ["--only", "../**", "--all"],
        ["--only", "", "--all"],
        ["--older-than", "1d or id:a"],
    ],
)
def test_an_unclear_selection_is_exit_2_and_removes_nothing(
    run: Run, trashed: Path, root: Path, arguments: list[str]
) -> None:
    result = run("purge", *arguments, "--yes", "--db", trashed)

    assert result.code == 2
    assert directories(root) == {"a1", "a2", "b1", "b2"}


@pytest.mark.parametrize(("typed", "left", "code"), [("2", 2, 0), ("y", 4, 1), ("", 4, 1), ("3", 4, 1)])
def test_on_a_terminal_the_number_has_to_be_typed(trashed: Path, root: Path, typed: str, left: int, code: int) -> None:
    command = ["-m", "runicorn_tui", "purge", "--batch", "1", "--db", str(trashed)]
    terminal = pexpect.spawn(sys.executable, command, timeout=30, dimensions=(24, 200))
    terminal.expect_exact(str(root / "vision/resnet/runs/a1"))
    terminal.expect_exact("This cannot be undone. Type 2 to remove them for good:")
    terminal.sendline(typed)
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == code
    assert len(directories(root)) == left


def test_ctrl_c_at_the_question_removes_nothing(trashed: Path, root: Path) -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "runicorn_tui", "purge", "--all", "--db", str(trashed)], timeout=30)
    terminal.expect_exact("to remove them for good:")
    interrupt(terminal)
    terminal.close()

    assert terminal.exitstatus == 130
    assert directories(root) == {"a1", "a2", "b1", "b2"}


def test_ctrl_c_stops_between_two_experiments_and_says_what_was_freed(
    run: Run, root: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        write_run(root, f"m{number:02}", project="many", created_at=CREATED - number)
    run("sync", root, "--db", db)
    run("rm", "--where", "project:many", "--yes", "--db", db)
    show = ProgressLine.show

    def show_and_interrupt(line: ProgressLine, act: str, done: int, total: int) -> None:
        show(line, act, done, total)
        os.kill(os.getpid(), signal.SIGINT)

    # The moment is forced, the way from the signal to the exit code is the real one.
    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "show", show_and_interrupt)
        result = run("purge", "--all", "--yes", "--json", "--db", db)

    assert result.code == 130
    removed = 100 - len([name for name in directories(root) if name.startswith("m")])
    assert 0 < removed < 100
    assert f"Removed {removed} experiment" in result.err
    assert "Interrupted: the rest is as it was." in result.err
    assert (result.json["purged"], result.json["is_complete"]) == (removed, False)
    assert run("purge", "--all", "--yes", "--db", db).code == 0
    assert not any(name.startswith("m") for name in directories(root))


def checkpoint(root: Path, place: str) -> Path:
    path = root / place / "checkpoints" / "last.pt"
    path.parent.mkdir()
    path.write_bytes(b"x" * 5000)
    return path


def test_only_matching_files_go_and_the_experiment_stays(run: Run, db: Path, root: Path) -> None:
    failed = checkpoint(root, "vision/resnet/runs/a1")
    running = checkpoint(root, "vision/resnet/runs/b1")
    other = checkpoint(root, "nlp/bert/runs/b2")

    result = run("purge", "--only", "checkpoints/**", "--where", "project:vision", "--yes", "--json", "--db", db)

    assert result.code == 0
    assert "1 running experiment left out." in result.err
    assert "files that match checkpoints/** of 1 experiment" in result.err
    assert (failed.exists(), running.exists(), other.exists()) == (False, True, True)
    assert (result.json["freed_bytes"], result.json["file_count"]) == (5000, 1)
    assert listed(run, db) == {"a1", "a2", "b1", "b2"}
    assert run("show", "a1", "--db", db).code == 0


def test_pinned_experiments_keep_their_files_unless_asked(run: Run, db: Path, root: Path) -> None:
    kept = checkpoint(root, "vision/resnet/runs/a1")
    with Store(db) as store:
        store.annotate(["a1"], pinned=True)
    arguments = ("purge", "--only", "checkpoints/**", "--where", "status:failed", "--yes", "--db", db)

    result = run(*arguments)
    assert "1 pinned experiment left out; --include-pinned takes them too." in result.err
    assert kept.exists()
    assert run(*arguments, "--include-pinned").code == 0
    assert not kept.exists()


def test_hostile_names_are_harmless(run: Run, root: Path, db: Path) -> None:
    write_run(root, "evil", project="[/]\x1b[2Jx")
    run("sync", root, "--db", db)
    run("rm", "evil", "--yes", "--db", db)

    result = run("purge", "evil", "--yes", "--db", db)

    assert result.code == 0
    assert "[/]\\x1b[2Jx" in result.err
    assert "\x1b" not in result.err + result.out
    assert "evil" not in directories(root)


def test_progress_is_drawn_on_a_terminal_only(trashed: Path, run: Run) -> None:
    command = ["-m", "runicorn_tui", "purge", "--batch", "1", "--yes", "--db", str(trashed)]
    terminal = pexpect.spawn(sys.executable, command, timeout=30, dimensions=(24, 200))
    terminal.expect_exact("removing  [")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == 0
    assert "removing  [" not in run("purge", "--all", "--yes", "--db", trashed).err
