"""`@name` wherever the command line takes a filter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runicorn_tui.state import Memory, state_file
from tests.cli.conftest import Run
from tests.cli.test_cli import completed
from tests.cli.test_ls import ids


@pytest.fixture
def saved(tmp_path: Path) -> None:
    """Three filters, one of which no longer means anything."""
    memory = Memory(state_file(), tmp_path / "some.db")
    memory.remember(saved_filters={"bad": "status:failed,interrupted", "nlp": "project:nlp or id=a1", "old": "foo:bar"})
    memory.write()


@pytest.mark.usefixtures("saved")
def test_ls_takes_a_saved_filter(run: Run, db: Path) -> None:
    assert ids(run("ls", "--db", db, "@bad").out) == ["b2", "a1"]
    assert ids(run("ls", "--db", db, "@nlp").out) == ["b2", "a1"]


@pytest.mark.usefixtures("saved")
def test_every_command_with_where_takes_one(run: Run, db: Path) -> None:
    assert json.loads(run("clean", "--db", db, "--where", "@bad", "--keep-last", 1, "--json").out)["ids"] == ["a1"]
    assert run("tag", "--db", db, "--where", "@bad", "--add", "x", "--yes").code == 0
    assert ids(run("ls", "--db", db, "tag:x").out) == ["b2", "a1"]
    exported = run("export", "--db", db, "@bad", "--columns", "id", "--format", "json").json
    assert [row["id"] for row in exported] == ["b2", "a1"]
    assert run("purge", "--db", db, "--only", "none/**", "--where", "@bad", "--dry-run").code == 0
    assert run("rm", "--db", db, "--where", "@bad", "--yes").code == 0
    assert ids(run("ls", "--db", db).out) == ["b1", "a2"]
    batch = run("trash", "--db", db, "--json").json[0]
    assert batch["query"] == "status:failed,interrupted"


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    "arguments",
    [["ls", "@gone"], ["rm", "--yes", "--where", "@gone"], ["clean", "--keep-last", "1", "--where", "@gone"]],
)
def test_an_unknown_name_is_told_the_known_ones(run: Run, db: Path, arguments: list[str]) -> None:
    result = run(*arguments, "--db", db)

    assert result.code == 2
    assert "no filter is saved as '@gone'; there are: @bad, @nlp, @old" in result.err
    assert len(ids(run("ls", "--db", db).out)) == 4


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("text", ["@bad age>1d", "age>1d @bad", "-@bad", "!@bad"])
def test_a_saved_filter_stands_alone(run: Run, db: Path, text: str) -> None:
    result = run("rm", "--yes", "--db", db, f"--where={text}")

    assert result.code == 2
    assert "stands alone" in result.err
    assert len(ids(run("ls", "--db", db).out)) == 4


@pytest.mark.usefixtures("saved")
def test_a_saved_filter_that_means_nothing_is_refused(run: Run, db: Path) -> None:
    result = run("ls", "--db", db, "@old")

    assert result.code == 2
    assert "in the filter saved as @old" in result.err


def test_nothing_saved_is_said(run: Run, db: Path) -> None:
    assert "there are: none yet" in run("ls", "--db", db, "@x").err


@pytest.mark.usefixtures("saved")
def test_a_word_with_an_at_sign_is_quoted(run: Run, db: Path) -> None:
    assert run("ls", "--db", db, '"@bad"').code == 0


@pytest.mark.usefixtures("saved")
def test_the_shell_completes_their_names() -> None:
    assert "plain,@bad" in completed("runicorn-tui ls @b")
    assert "plain,@nlp" in completed("runicorn-tui rm --where @")
    assert "plain,@nlp" not in completed("runicorn-tui ls n")


def test_help_says_what_at_sign_means(run: Run) -> None:
    for command in ("ls", "rm", "export"):
        assert "@NAME" in run(command, "--help").out
