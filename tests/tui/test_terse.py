from __future__ import annotations

import os

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.terse import Lasting, shortened

COLOURS = st.sampled_from(["8;2;1;2;3", "8;2;160;172;187", "8;5;7"])
STYLES = st.one_of(
    st.builds("3{};4{}".format, COLOURS, COLOURS),
    st.builds("1;3{};4{}".format, COLOURS, COLOURS),
    st.builds("3{}".format, COLOURS),
    st.builds("4{}".format, COLOURS),
    st.sampled_from(["1", "7", "31;42"]),
)
STYLED = st.builds("\x1b[{}m{}\x1b[0m".format, STYLES, st.text("ab ", max_size=3))
OPEN = st.builds("\x1b[{}m{}".format, STYLES, st.text("ab ", max_size=3))
PLACES = st.builds("\x1b[{};{}H".format, st.integers(1, 5), st.integers(1, 12))
LINES = PLACES.map("\n{}".format)


def shown(*writes: str) -> tuple[object, ...]:
    """Every cell with its colours, and the cursor with those of what comes next."""
    # High enough that no line break makes it scroll: none of Textual does.
    screen = pyte.Screen(12, 30)
    stream = pyte.Stream(screen)
    for write in writes:
        stream.feed(write)
    cells = [[screen.buffer[line][column] for column in range(12)] for line in range(30)]
    return cells, screen.cursor.x, screen.cursor.y, screen.cursor.attrs


@given(st.lists(st.one_of(STYLED, STYLED, OPEN, PLACES, LINES, st.text("xy", max_size=3)), max_size=12))
def test_a_terminal_shows_the_same(parts: list[str]) -> None:
    data = "\x1b[1;1H" + "".join(parts)
    assert shown(shortened(data)) == shown(data)
    assert len(shortened(data)) <= len(data)


def test_colours_that_stay_are_not_written_again() -> None:
    row = "\x1b[38;2;9;9;9;48;2;1;1;1mname\x1b[0m\x1b[38;2;5;5;5;48;2;1;1;1m  408d\x1b[0m"
    assert shortened(row) == "\x1b[38;2;9;9;9;48;2;1;1;1mname\x1b[38;2;5;5;5m  408d\x1b[0m"


@pytest.mark.parametrize("passed", ["\n", "\x1b[23;18H", "\n\x1b[2;2H"])
def test_a_place_that_is_left_at_once_is_not_gone_to(passed: str) -> None:
    assert shortened(f"a{passed}\x1b[1;2Hb") == "a\x1b[1;2Hb"


def test_bold_ends_before_what_is_not() -> None:
    data = "\x1b[1;38;2;9;9;9;48;2;1;1;1mname\x1b[0m\x1b[38;2;9;9;9;48;2;1;1;1mrest\x1b[0m"
    assert shortened(data) == data


def test_what_is_written_to_a_terminal_that_is_gone_is_lost_without_an_error() -> None:
    master, slave = os.openpty()
    os.close(master)
    with pytest.raises(OSError, match="Input/output"):
        os.write(slave, b"x")
    with os.fdopen(slave, "w") as file:
        lasting = Lasting(file)
        lasting.write("x" * 100_000)
        lasting.flush()
