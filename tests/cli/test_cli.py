from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pexpect
import pytest

from runicorn_db import __version__
from runicorn_tui.cli import COMMANDS, cli
from runicorn_tui.settings import explanations
from tests.cli.conftest import Run


def test_version(run: Run) -> None:
    assert run("--version").out == f"runicorn-tui {__version__}\n"


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: command for name in COMMANDS if (command := cli.get_command(context, name))}
    roots = found["roots"]
    assert isinstance(roots, click.Group)
    return found | {f"roots {name}": command for name, command in roots.commands.items()}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_examples(run: Run, name: str) -> None:
    result = run(*name.split(), "--help")

    assert result.code == 0
    assert "Examples:" in result.out
    assert "runicorn-tui " + name.split()[0] in result.out.partition("Examples:")[2]


@pytest.mark.parametrize("name", commands())
def test_every_option_explains_itself(name: str) -> None:
    options = [parameter for parameter in commands()[name].params if isinstance(parameter, click.Option)]

    assert all(option.help for option in options)


@pytest.mark.parametrize("name", sorted(set(commands()) - {"completion", "keys"}))
def test_every_command_takes_db(name: str) -> None:
    assert "db" in {parameter.name for parameter in commands()[name].params}


def test_help_shows_the_options_of_the_browser_and_all_commands(run: Run) -> None:
    out = run("--help").out

    assert "--serve" in out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_a_mistyped_command_is_recognised(run: Run) -> None:
    result = run("lss")

    assert result.code == 2
    assert "There is no folder lss. Did you mean the command 'ls'?" in result.err


def test_an_option_before_a_command_is_told_the_order(run: Run, tmp_path: Path) -> None:
    result = run("--db", tmp_path / "index.db", "ls")

    assert result.code == 2
    assert "'ls' is a command, and a command comes first: runicorn-tui ls" in result.err


def test_what_was_typed_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    command = ["-m", "runicorn_tui", str(tmp_path / "a\x1b[2Jb")]
    terminal = pexpect.spawn(sys.executable, command, env=dict(os.environ), timeout=30, dimensions=(24, 200))
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == 2
    assert b"a\\x1b[2Jb" in (terminal.before or b"")
    assert b"\x1b" not in (terminal.before or b"")


def test_a_first_word_that_is_a_command_is_a_command_and_a_path_is_a_root(run: Run, root: Path) -> None:
    root.rename("ls")

    assert run("ls").code == 3
    assert "4 experiments found" in run("./ls").err


def test_without_a_terminal_the_browser_prints_the_newest_experiments(run: Run, root: Path) -> None:
    result = run(root)

    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == ["ID", "b2", "b1", "a2", "a1"]
    assert "4 of 4 experiments." in result.err
    assert "The browser needs a terminal" in result.err
    assert "ssh -t HOST" in result.err


def test_only_the_roots_that_are_named_are_listed(run: Run, root: Path, tmp_path: Path) -> None:
    run("browse", root)
    (tmp_path / "other").mkdir()

    result = run(tmp_path / "other")

    assert result.out == ""
    assert "no experiments here" in result.err


def test_on_a_terminal_the_browser_opens_and_q_ends_it(root: Path) -> None:
    environment = {**os.environ, "TERM": "xterm-256color"}
    terminal = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", str(root)], env=environment, timeout=30, dimensions=(24, 80)
    )
    terminal.expect_exact("bert")
    terminal.send("q")
    terminal.expect_exact("\x1b[?1049l")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()

    assert terminal.exitstatus == 0


def test_term_dumb_gets_the_table(root: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable, ["-m", "runicorn_tui", str(root)], env={**os.environ, "TERM": "dumb"}, timeout=30
    )
    terminal.expect_exact("TERM is 'dumb'")
    terminal.expect(pexpect.EOF)

    assert b"\x1b[?1049h" not in (terminal.before or b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(run: Run, shell: str) -> None:
    result = run("completion", shell)

    assert result.code == 0
    assert "_RUNICORN_TUI_COMPLETE" in result.out


def completed(words: str) -> list[str]:
    environment = os.environ | {
        "_RUNICORN_TUI_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (not words.endswith(" "))),
    }
    command = [sys.executable, "-m", "runicorn_tui"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout.split()


def test_the_shell_completes_commands_folders_and_options() -> None:
    assert "plain,ls" in completed("runicorn-tui l")
    assert "dir,l" in completed("runicorn-tui l")
    assert "plain,--json" in completed("runicorn-tui ls --j")
    assert "plain,created_at" in completed("runicorn-tui ls --sort c")
    assert "plain,remove" in completed("runicorn-tui roots re")


def test_a_locale_without_the_glyphs_gets_escapes(db: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "runicorn_tui", "ls", "--db", str(db)]
    ended = subprocess.run(command, env=environment, capture_output=True, check=True)

    assert b"\\u2713 finished" in ended.stdout


def test_help_names_every_setting(run: Run) -> None:
    assert [name for name in explanations() if name not in run("--help").out] == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["ls", "ls --json", "browse", "--version", "sync"])
def test_a_stream_that_the_caller_closed_is_no_error(db: Path, closed: str, arguments: str) -> None:
    environment = os.environ | {"RUNICORN_TUI_DB": str(db)}
    command = f"exec {sys.executable} -m runicorn_tui {arguments} {closed}"
    ended = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("form", ["--csv", "--json"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_said_in_words(db: Path, form: str) -> None:
    command = [sys.executable, "-m", "runicorn_tui", "ls", form, "--db", str(db)]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr == "runicorn-tui: No space left on device\n"
