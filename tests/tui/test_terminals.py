"""The program in terminals of all sorts, each a real pty."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

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
