from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run, write_run


def test_a_unique_beginning_of_an_id_will_do(run: Run, db: Path) -> None:
    assert run("show", "b2", "--db", db, "--json").json["experiment"]["id"] == "b2"
    assert run("show", "a", "--db", db).code == 2
    assert "begins more than one id: a1, a2" in run("show", "a", "--db", db).err


def test_an_unknown_id_is_exit_4(run: Run, db: Path) -> None:
    result = run("show", "zz", "--db", db)

    assert (result.code, result.out) == (4, "")
    assert result.err == "runicorn-tui: Experiment zz not found\n"


def test_text_has_fields_and_metrics(run: Run, db: Path) -> None:
    out = run("show", "a2", "--db", db).out

    assert "name         vit\n" in out
    assert "best metric  loss 0.2500" in out
    assert "steps        2, from 1 to 2" in out
    assert out.splitlines()[-1].split() == ["loss", "2", "3.0000", "0.2500", "0.2500", "3.0000"]


def test_hostile_texts_are_made_harmless(run: Run, root: Path, tmp_path: Path) -> None:
    write_run(root, "evil", name="\x1b[2J\u202e")
    run("sync", root, "--db", tmp_path / "index.db")

    out = run("show", "evil", "--db", tmp_path / "index.db").out

    assert "\x1b" not in out
    assert "\\x1b[2J\\u202e" in out
