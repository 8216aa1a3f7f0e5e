"""The program in terminals of all sorts: a real pty, and tmux where there is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.tui.terminal_harness import Terminal

Start = Callable[..., Terminal]

_SGR = re.compile(rb"\x1b\[([0-9;]*)m")
ATTRIBUTES = {0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29}
SIXTEEN = {*range(30, 38), 39, *range(40, 48), 49, *range(90, 98), *range(100, 108)}


def asked_for(received: bytes) -> set[int]:
    """The numbers of all SGR sequences: attributes and colours."""
    return {int(number or 0) for match in _SGR.finditer(received) for number in match[1].split(b";")}


@pytest.fixture
def start(toured: Store) -> Iterator[Start]:
    """Starts the program as a shell does."""
    started: list[Terminal] = []

    def begin(*arguments: str, columns: int = 80, **environ: Any) -> Terminal:
        terminal = Terminal(
            ["-W", "error", "-m", "runicorn_tui", *arguments, "--db", str(toured.path)],
            columns=columns,
            RUNICORN_TUI_WATCH="0",
            **environ,
        )
        started.append(terminal)
        return terminal

    yield begin
    for terminal in started:
        terminal.kill()


def walk(terminal: Terminal) -> None:
    """The list with a mark, a dialog, an experiment with its chart and its log; the end."""
    terminal.until("tokenizer_ablation")
    terminal.press("space", "down", "d")
    terminal.until("Nothing is removed")
    terminal.press("escape")
    terminal.until(lambda text: "Nothing is removed" not in text)
    terminal.press("down", "enter")
    terminal.until("Overview")
    terminal.press("3")
    terminal.until("learning_rate")
    terminal.press("enter")
    terminal.until("last values")
    terminal.press("4")
    terminal.until("train.py")
    terminal.press("escape")
    terminal.until("space mark")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize("term", ["xterm", "screen", "linux"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_where_term_promises_sixteen_colours_no_others_are_asked_for(start: Start, term: str, theme: str) -> None:
    terminal = start("--theme", theme, TERM=term, COLORTERM="")
    walk(terminal)
    asked = asked_for(bytes(terminal.received))
    assert asked <= ATTRIBUTES | SIXTEEN
    assert len(asked & SIXTEEN) > 5


@pytest.mark.parametrize("term", ["tmux-256color", "screen-256color"])
def test_inside_of_tmux_and_screen_256_colours_are_used(start: Start, term: str) -> None:
    terminal = start(TERM=term, COLORTERM="")
    walk(terminal)
    assert b"38;5;" in terminal.received
    assert b"38;2;" not in terminal.received


def test_with_no_color_attributes_alone_are_asked_for(start: Start) -> None:
    terminal = start(NO_COLOR="1")
    walk(terminal)
    assert {1, 7} <= asked_for(bytes(terminal.received)) <= ATTRIBUTES


@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, {"LANG": "C"}, {"LANG": "de_DE.ISO-8859-1"}], ids=str)
def test_in_a_locale_without_utf_8_every_byte_is_ascii(start: Start, environ: dict[str, str]) -> None:
    terminal = start(**environ)
    walk(terminal)
    assert bytes(terminal.received).isascii()


def test_ascii_can_be_asked_for_and_refused(start: Start) -> None:
    terminal = start("--ascii")
    walk(terminal)
    assert bytes(terminal.received).isascii()
    terminal = start("--no-ascii", LC_ALL="C")
    walk(terminal)
    assert "日本語" in bytes(terminal.received).decode()


def test_what_is_printed_is_ascii_too_but_data_is_not_touched(start: Start) -> None:
    for arguments in (("--ascii", "ls"), ("ls",)):
        terminal = start(*arguments, columns=160, LC_ALL="C")
        assert terminal.end() == 0
        assert bytes(terminal.received).isascii()
        assert b"na\\xefve" in terminal.received
    terminal = start("--ascii", "ls", "--csv", LC_ALL="C")
    assert terminal.end() == 0
    assert "naïve" in bytes(terminal.received).decode()


def test_a_dumb_terminal_gets_a_table_and_advice(start: Start) -> None:
    terminal = start(TERM="dumb")
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.received
    assert terminal.received.startswith(b"ID  ")
    assert b"TERM is 'dumb'" in terminal.received


# tmux.


@dataclass(frozen=True)
class Tmux:
    """A server of its own with one window of 80x24."""

    socket: Path

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout

    def until(self, text: str) -> None:
        end = time.monotonic() + 60
        while text not in self.run("capture-pane", "-p"):
            assert time.monotonic() < end, self.run("capture-pane", "-p")


@pytest.fixture
def tmux(tmp_path: Path, toured: Store) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    tmux = Tmux(tmp_path / "tmux")
    # `new-window` later: a server without a window would end at once.
    tmux.run("-f", "/dev/null", "-u", "new-session", "-d", "-x", "80", "-y", "24")
    try:
        tmux.run("set-option", "-s", "set-clipboard", "on")
        environment = {**os.environ, "RUNICORN_TUI_WATCH": "0"}
        given = [
            word
            for name in ("PYTHONPATH", "HOME", "RUNICORN_TUI_WATCH", "LANG")
            for word in ("-e", f"{name}={environment[name]}")
        ]
        command = [sys.executable, "-m", "runicorn_tui", "--db", str(toured.path)]
        tmux.run("new-window", *given, *command)
        yield tmux
        program = psutil.Process(int(tmux.run("display-message", "-p", "#{pane_pid}")))
    finally:
        tmux.run("kill-server")
    # Its terminal is gone.
    program.wait(60)


def test_in_tmux_it_is_used_by_keys_and_copies_to_its_clipboard(tmux: Tmux, toured: Store) -> None:
    tmux.until("tokenizer_ablation")
    tmux.run("send-keys", "Down", "S-Down", "S-Up", "Space", "y")
    tmux.until("Copied")
    copied = tmux.run("show-buffer")
    assert copied in {experiment.id for experiment in toured.find(ExperimentQuery()).experiments}
    assert copied[:8] in tmux.run("capture-pane", "-p")
    tmux.run("send-keys", "Enter")
    tmux.until("1 Overview")
    tmux.run("send-keys", "Escape")
    tmux.until("space mark")
