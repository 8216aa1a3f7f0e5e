from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_roots_can_be_added_renamed_and_removed(run: Run, db: Path, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()

    assert run("roots", "add", other, "--name", "lab", "--db", db).code == 0
    assert run("roots", "rename", "lab", "archive", "--db", db).code == 0
    roots = run("roots", "--db", db, "--json").json
    assert [(known["name"], known["path"]) for known in roots] == [("root", str(root)), ("archive", str(other))]

    assert run("roots", "remove", "archive", "--db", db).code == 0
    table = run("roots", "--db", db).out.splitlines()
    assert [line.split()[0] for line in table] == ["NAME", "root"]
    assert other.is_dir()


def test_options_may_stand_before_the_inner_command(run: Run, db: Path) -> None:
    assert run("roots", "--db", db, "remove", "root").code == 0


def test_a_root_that_is_there_keeps_its_name_and_says_so(run: Run, db: Path, root: Path) -> None:
    result = run("roots", "add", root, "--name", "lab", "--db", db)

    assert "runicorn-tui roots rename root lab" in result.err
    assert [known["name"] for known in run("roots", "--db", db, "--json").json] == ["root"]


def test_an_unknown_root_is_exit_4(run: Run, db: Path) -> None:
    assert run("roots", "remove", "nothing", "--db", db).code == 4
    assert run("roots", "rename", "nothing", "else", "--db", db).code == 4


def test_a_folder_that_is_not_there_cannot_be_added(run: Run, db: Path, tmp_path: Path) -> None:
    assert run("roots", "add", tmp_path / "nowhere", "--db", db).code == 2
