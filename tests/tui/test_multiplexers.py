"""The program inside of tmux and GNU screen, each where it is installed, looked at through the terminal around them."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.themes import themes
from tests.tui.terminal_harness import Terminal
from tests.tui.test_terminals import ATTRIBUTES, SIXTEEN, asked_for

_COPIED = re.compile(rb"\x1b\]52;[a-z]*;([A-Za-z0-9+/=]*)(?:\a|\x1b\\)")

DARK = themes("all")[0]
SETTINGS = {"tmux": "set -s set-clipboard on\nset -g default-terminal {term}\n", "screen": "term {term}\n"}
DETACH = {"tmux": "\x02d", "screen": "\x01d"}


@dataclass
class Multiplexer:
    """A server of its own in `directory` whose one window is the browser on `index`."""

    name: str
    directory: Path
    index: Path
    environ: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def _settings(self) -> Path:
        return self.directory / "settings"

    @property
    def _socket(self) -> tuple[str, ...]:
        return ("-S", str(self.directory / "socket")) if self.name == "tmux" else ("-S", "browser")

    def _terminal(self, *arguments: str) -> Terminal:
        return Terminal(list(arguments), program=self.name, **self.environ)

    def start(self, *, inside: str = "screen-256color", **environ: str) -> Terminal:
        """The terminal in which the session was begun; `inside` is what TERM is for the program."""
        self._settings.write_text(SETTINGS[self.name].format(term=inside))
        self.environ = {"RUNICORN_TUI_WATCH": "0", "SCREENDIR": str(self.directory), **environ}
        command = (sys.executable, "-W", "error", "-m", "runicorn_tui", "--db", str(self.index))
        if self.name == "tmux":
            return self._terminal("-u", "-f", str(self._settings), *self._socket, "new-session", *command)
        return self._terminal("-c", str(self._settings), *self._socket, *command)

    def attach(self) -> Terminal:
        """Another terminal, with the session that was detached."""
        return self._terminal(*self._socket, *(("attach",) if self.name == "tmux" else ("-r",)))

    def kill(self) -> None:
        command = ("kill-server",) if self.name == "tmux" else ("-X", "quit")
        # Nothing to kill is left of a session whose program has ended.
        subprocess.run(
            [self.name, *self._socket, *command], env={**os.environ, **self.environ}, capture_output=True, timeout=30
        )

    def programs(self) -> list[psutil.Process]:
        """The browser, if it is there."""
        ends = ["-m", "runicorn_tui", "--db", str(self.index)]
        return [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[3:] == ends]


@pytest.fixture(params=["tmux", "screen"])
def multiplexer(request: pytest.FixtureRequest, tmp_path: Path, toured: Store) -> Iterator[Multiplexer]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    directory = tmp_path / "m"
    # GNU screen refuses one that others can read.
    directory.mkdir(mode=0o700)
    multiplexer = Multiplexer(request.param, directory, toured.path)
    yield multiplexer
    programs = multiplexer.programs()
    multiplexer.kill()
    # Its terminal is gone.
    for program in programs:
        program.wait(60)


@pytest.fixture
def shown(multiplexer: Multiplexer) -> Iterator[Callable[..., Terminal]]:
    """Starts the session, and waits for the list."""
    terminals: list[Terminal] = []

    def start(**environ: str) -> Terminal:
        terminal = multiplexer.start(**environ)
        terminals.append(terminal)
        terminal.until("tokenizer_ablation")
        terminal.until("space mark")
        return terminal

    yield start
    for terminal in terminals:
        terminal.kill()


def copied(terminal: Terminal) -> list[str]:
    """What the terminal was asked to put on its clipboard."""
    return [base64.b64decode(text).decode() for text in _COPIED.findall(bytes(terminal.received))]


def test_keys_work_and_a_quit_ends_the_session(shown: Callable[..., Terminal]) -> None:
    terminal = shown()
    terminal.press("down", "shift+down", "shift+down", " ")
    terminal.until("2 marked")
    terminal.press("enter")
    terminal.until("1 Overview")
    terminal.press("3")
    terminal.until("enter large")
    terminal.press("enter")
    terminal.until("last values")
    terminal.press("escape")
    terminal.until("enter large")
    terminal.press("escape")
    terminal.until("space mark")
    terminal.press("q")
    assert terminal.end() == 0


def test_the_colours_are_about_those_of_the_theme(shown: Callable[..., Terminal]) -> None:
    cell = shown().screen.buffer[0][1]
    assert cell.bold
    seen, meant = bytes.fromhex(cell.fg), bytes.fromhex(DARK.primary[1:])
    assert all(abs(one - other) < 32 for one, other in zip(seen, meant, strict=True))
    assert max(bytes.fromhex(cell.bg)) < 0x60


def test_no_more_than_sixteen_colours_are_asked_for_where_no_more_are_promised(shown: Callable[..., Terminal]) -> None:
    terminal = shown(inside="screen", TERM="xterm", COLORTERM="")
    asked = asked_for(bytes(terminal.received))
    assert asked <= ATTRIBUTES | SIXTEEN
    assert len(asked & SIXTEEN) > 2


def test_another_size_is_taken_up(shown: Callable[..., Terminal]) -> None:
    terminal = shown()
    assert "duration" not in terminal.text
    terminal.resize(160, 50)
    terminal.until("duration")
    terminal.until(lambda text: "? help" in text.splitlines()[49] or "? help" in text.splitlines()[48])
    terminal.resize(80, 24)
    terminal.until(lambda text: "duration" not in text)


def test_what_is_copied_reaches_the_clipboard_of_the_terminal_and_is_shown(
    shown: Callable[..., Terminal], toured: Store
) -> None:
    terminal = shown()
    terminal.press("y")
    terminal.until("Copied")
    (id,) = copied(terminal)
    assert id == toured.find(ExperimentQuery()).experiments[0].id
    assert f"Copied {id}" in terminal.text


def test_a_long_text_is_copied_whole_and_leaves_nothing_on_the_screen(shown: Callable[..., Terminal]) -> None:
    terminal = shown()
    terminal.press("/", *" ".join(letter * 200 for letter in "xyz"), "enter")
    terminal.until("0/0")
    terminal.press(":", *"curl", "enter")
    terminal.until("OSC 52")
    (text,) = copied(terminal)
    assert len(text) > 640
    assert text.startswith("curl -sS 'http://127.0.0.1")
    assert base64.b64encode(text.encode()).decode()[100:140] not in terminal.text


def test_it_is_found_again_as_it_was_left(multiplexer: Multiplexer, shown: Callable[..., Terminal]) -> None:
    terminal = shown()
    terminal.press("down", " ")
    terminal.until("1 marked")
    terminal.press(DETACH[multiplexer.name])
    assert terminal.end() == 0
    (program,) = multiplexer.programs()
    again = multiplexer.attach()
    try:
        again.until("1 marked")
        again.press("down", " ")
        again.until("2 marked")
    finally:
        again.kill()
    assert program.is_running()


def test_with_the_session_the_program_ends(multiplexer: Multiplexer, shown: Callable[..., Terminal]) -> None:
    shown()
    (program,) = multiplexer.programs()
    multiplexer.kill()
    program.wait(60)


def test_in_a_locale_without_utf_8_every_byte_is_ascii(shown: Callable[..., Terminal]) -> None:
    terminal = shown(LANG="C", LC_ALL="C")
    terminal.press("down", "y")
    terminal.until("Copied")
    assert bytes(terminal.received).isascii()
    assert "\\u57fa" in terminal.text
