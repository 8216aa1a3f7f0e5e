"""Tags, descriptions and pins by the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pexpect
import pytest

from runicorn_db.query import Experiment
from runicorn_db.store import Store
from tests.cli.conftest import Run


def one(db: Path, name: str) -> Experiment:
    with Store(db) as store:
        return store.get(name).experiment


def sidecar(root: Path, name: str) -> dict[str, object]:
    return json.loads(next(root.glob(f"*/*/runs/{name}/.runicorn-tui.json")).read_text())


def test_tags_are_added_and_taken_away_in_the_index_and_in_the_run_directory(run: Run, db: Path, root: Path) -> None:
    result = run("tag", "a1", "a2", "--add", 'keep,"two words"', "--db", db)

    assert (result.code, result.out, result.err) == (0, "", "Changed 2 experiments.\n")
    assert one(db, "a1").tags == one(db, "a2").tags == ("keep", "two words")
    assert sidecar(root, "a1")["tags"] == ["keep", "two words"]
    again = run("tag", "a1", "b1", "--add", "best", "--add", "keep", "--remove", '"two words",nothing', "--db", db)
    assert again.code == 0
    assert one(db, "a1").tags == one(db, "b1").tags == ("best", "keep")


def test_what_was_so_already_is_said_and_counted_apart(run: Run, db: Path, root: Path) -> None:
    run("tag", "a1", "--add", "keep", "--db", db)

    result = run("tag", "a1", "a2", "--add", "keep", "--json", "--db", db)

    assert result.json == {
        "annotated": 2,
        "failed": 0,
        "changed": 1,
        "results": {"a1": True, "a2": True},
        "errors": {},
    }
    assert "1 experiment as wanted already." in result.err


def test_an_unknown_id_fails_alone(run: Run, db: Path) -> None:
    result = run("tag", "a1", "nothing", "--add", "keep", "--db", db)

    assert result.code == 5
    assert "nothing: not found" in result.err
    assert one(db, "a1").tags == ("keep",)
    assert run("pin", "nothing", "--db", db).code == 4


def test_where_asks_first_and_changes_nothing_without_an_answer(
    run: Run, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    looked = run("tag", "--where", "project:vision", "--add", "keep", "--dry-run", "--db", db)
    refused = run("tag", "--where", "project:vision", "--add", "keep", "--db", db)

    assert (looked.code, refused.code) == (0, 2)
    assert "Tags +keep: 3 experiments." in looked.err
    assert "add --yes" in refused.err
    assert one(db, "a1").tags == ()
    assert run("tag", "--where", "project:vision", "--add", "keep", "--yes", "--db", db).code == 0
    assert [one(db, name).tags for name in ("a1", "a2", "b1", "b2")] == [("keep",)] * 3 + [()]


def test_at_a_terminal_where_takes_a_no(db: Path) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", "pin", "--where", "status:failed", "--db", str(db)], timeout=30
    )
    child.expect_exact("Change 1 experiment?")
    child.sendline("n")
    child.expect_exact("Nothing was changed.")
    child.expect(pexpect.EOF)
    child.wait()
    child.close()

    assert child.exitstatus == 1
    assert not one(db, "a1").is_pinned


@pytest.mark.parametrize(
    "arguments",
    [
        ["tag", "a1"],
        ["tag", "--add", "x"],
        ["tag", "a1", "--where", "status:failed", "--add", "x"],
        ["tag", "a1", "--add", "x,-y"],
        ["tag", "a1", "--add", '"open'],
        ["tag", "a1", "--add", "x", "--remove", "x"],
        ["tag", "--where", "", "--add", "x", "--yes"],
        ["tag", "--where", "foo:bar", "--add", "x", "--yes"],
        ["pin"],
        ["unpin", "--where", "age>"],
        ["describe", "a1"],
        ["describe", "a1", "a\udcffb"],
    ],
)
def test_what_makes_no_sense_changes_nothing(run: Run, db: Path, arguments: list[str]) -> None:
    before = one(db, "a1")

    result = run(*arguments, "--db", db)

    assert result.code == 2
    assert one(db, "a1") == before


def test_pins_are_set_and_taken_away(run: Run, db: Path, root: Path) -> None:
    assert run("pin", "a1", "--db", db).code == 0
    assert one(db, "a1").is_pinned
    assert sidecar(root, "a1")["pinned"] is True
    assert run("unpin", "--where", "is:pinned", "--yes", "--db", db).err.endswith("Changed 1 experiment.\n")
    assert not one(db, "a1").is_pinned


def test_a_description_is_given_as_a_word_or_by_standard_input_and_cleared_by_nothing(
    run: Run, db: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("describe", "a1", "[/] first", "--db", db)
    assert one(db, "a1").description == "[/] first"
    monkeypatch.setattr(sys, "stdin", io.StringIO("several\nlines\n\n"))
    run("describe", "a1", "-", "--db", db)
    assert one(db, "a1").description == "several\nlines"
    assert sidecar(root, "a1")["description"] == "several\nlines"
    run("describe", "a1", "", "--db", db)
    assert one(db, "a1").description is None


def test_a_root_that_cannot_be_written_is_told(run: Run, db: Path) -> None:
    with Store(db) as store, store.database.writing() as connection:
        connection.execute("UPDATE root SET is_writable = 0")

    result = run("describe", "a1", "text", "--db", db)

    assert "1 experiment in read-only roots: only this index knows." in result.err
    assert one(db, "a1").description == "text"
