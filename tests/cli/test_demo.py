from __future__ import annotations

import os
import sys
from pathlib import Path

import pexpect

from tests.cli.conftest import Run


def test_without_a_terminal_it_prints_a_table_and_how_to_get_the_screen(run: Run, tmp_path: Path) -> None:
    result = run("demo", "--dir", tmp_path / "demo", "--experiments", 20)

    assert result.code == 0
    assert result.out.startswith("ID ")
    assert "running" in result.out
    assert "ssh -t" in result.err


def test_on_a_terminal_the_browser_opens_while_experiments_train(run: Run, tmp_path: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "runicorn_tui", "demo", "--dir", str(tmp_path / "demo"), "--experiments", "20"],
        env={**os.environ, "TERM": "xterm-256color"},
        timeout=30,
        dimensions=(30, 120),
    )
    terminal.expect_exact("running")
    terminal.send("q")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == 0
    run("sync", tmp_path / "demo" / "demo", "--db", tmp_path / "demo" / "index.db")
    assert run("ls", "status:running", "--db", tmp_path / "demo" / "index.db", "--json").json == []


def test_it_has_an_index_of_its_own_and_can_be_run_again(run: Run, tmp_path: Path) -> None:
    first = run("demo", "--dir", tmp_path / "demo", "--experiments", 20)
    second = run("demo", "--dir", tmp_path / "demo", "--experiments", 20)

    assert (tmp_path / "demo" / "index.db").exists()
    assert len(first.out.splitlines()) == len(second.out.splitlines())
    assert run("ls").code == 3


def test_a_folder_with_something_else_in_it_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "demo" / "demo").mkdir(parents=True)
    (tmp_path / "demo" / "demo" / "thesis.tex").write_text("precious")

    result = run("demo", "--dir", tmp_path / "demo")

    assert result.code == 1
    assert [path.name for path in (tmp_path / "demo" / "demo").iterdir()] == ["thesis.tex"]


def test_by_default_it_lies_in_the_cache_of_the_user(run: Run) -> None:
    result = run("demo", "--experiments", 5)

    assert "xdg_cache_home/runicorn-tui/demo" in result.err
