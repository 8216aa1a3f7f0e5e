from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.ascii_glyphs import in_ascii
from runicorn_tui.sgr import styled
from runicorn_tui.terminal import shows


def spans(line: str) -> list[tuple[str, str]]:
    text = styled(line)
    return [(text.plain[span.start : span.end], str(span.style)) for span in text.spans]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b[31mred\x1b[0m plain", ("red", "color(1)")),
        ("\x1b[1;32mok", ("ok", "bold color(2)")),
        ("\x1b[96mcyan", ("cyan", "color(14)")),
        ("\x1b[38;5;208mx", ("x", "color(208)")),
        ("\x1b[38;2;1;2;3mx", ("x", "#010203")),
        ("\x1b[44mx", ("x", "on color(4)")),
    ],
)
def test_colours_are_kept(line, expected):
    assert expected in spans(line)
    assert "\x1b" not in styled(line).plain


@pytest.mark.parametrize(
    "line", ["\x1b[8mhidden", "\x1b[5mblink", "\x1b[38;5;999mx", "\x1b[38;9mx", "\x1b[38mx", "\x1b[999mx"]
)
def test_what_hides_blinks_or_means_nothing_has_no_effect(line):
    assert all(style in ("", "none") for _, style in spans(line))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b[2Jx", r"\x1b[2Jx"),
        ("\x9b31mx", r"\x9b31mx"),
        ("[red]x[/]", "[red]x[/]"),
        ("a\tb", "a       b"),
        ("\u202eevil", r"\u202eevil"),
    ],
)
def test_everything_else_is_visible(line, shown):
    assert styled(line).plain == shown


def test_where_only_ascii_is_shown_a_bar_stays_drawn_and_nothing_else_does() -> None:
    shows.is_ascii = True
    shown = styled("\x1b[32m 50%|███▌  | \x1b[0m━━╸ é日\x1b[2J\x9b\u202e").plain
    assert shown == r" 50%|███▌  | ━━╸ \xe9\u65e5\x1b[2J\x9b\u202e"
    assert in_ascii(shown) == r" 50%|###>  | === \xe9\u65e5\x1b[2J\x9b\u202e"


@given(st.text(st.characters() | st.sampled_from("\x1b[;0123456789m]\x07\x9b"), max_size=80))
def test_no_line_leaves_a_control_character(line):
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in styled(line).plain)
