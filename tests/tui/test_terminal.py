from __future__ import annotations

import base64
import io
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui import format
from runicorn_tui.ascii_glyphs import in_ascii
from runicorn_tui.terminal import (
    Drawn,
    alert,
    copying,
    harmless,
    knows_only_ascii,
    mistakes_true_colors,
    passed_on,
    refusal,
    safe,
    settle,
    settle_stream,
    shows,
)
from runicorn_tui.widgets.line_layout import fit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ASCII ~", "plain ASCII ~"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b5;5H", "\\x9b5;5H"),
        ("a\nb\tc\0d\x7f", "a\\x0ab\\x09c\\x00d\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb\ufeffc\u00ad", "a\\u200bb\\ufeffc\\xad"),
        ("\udcff", "\\udcff"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0041", "\\U000e0041"),
        ("\u3164", "\\u3164"),
        ("日本語 naïve 👩‍💻 [/]", "日本語 naïve 👩‍💻 [/]"),
    ],
)
def test_what_could_act_or_hide_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(alphabet=st.characters()))
def test_nothing_that_acts_or_hides_is_left(text: str) -> None:
    left = {c for c in safe(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left <= {"\u200c", "\u200d"}


@given(st.text(alphabet=st.characters(blacklist_characters="\\")))
def test_different_texts_never_look_alike(text: str) -> None:
    # Without backslashes in the data each escape has one reading.
    decoded = safe(text).encode("utf-8", "surrogatepass").decode("utf-8")
    for width, letter in ((2, "x"), (4, "u"), (8, "U")):
        head, *rest = decoded.split(f"\\{letter}")
        decoded = head + "".join(chr(int(part[:width], 16)) + part[width:] for part in rest)
    assert decoded == text


def test_other_values_are_shown_as_their_text() -> None:
    assert safe(3) == "3"


def test_where_only_ascii_is_shown_other_characters_are_escapes_and_the_glyphs_of_our_own_texts_stay() -> None:
    settle(is_ascii=True)
    assert safe("naïve 日本 \u202e ✓ …") == "na\\xefve \\u65e5\\u672c \\u202e \\u2713 \\u2026"
    assert safe(safe(Drawn("✓ \u202e é …"))) == "✓ \\u202e \\xe9 …"
    assert harmless("naïve") == "naïve"
    settle(is_ascii=False)
    assert safe("naïve") == "naïve"


@pytest.mark.parametrize(("one", "other"), [("run—1", "run-1"), ("lr×2", "lrx2"), ("a→b", "a>b"), ("x…", "x~")])
@pytest.mark.parametrize("show", [safe, lambda text: fit(text, 20), lambda text: format.text(text)])
def test_in_ascii_two_different_names_never_look_alike(show: Callable[[str], str], one: str, other: str) -> None:
    settle(is_ascii=True)
    assert in_ascii(safe(show(one))) != in_ascii(safe(show(other)))
    assert format.text("") == safe(format.text(None)) == fit(format.DASH, 1) == "—"


@pytest.mark.parametrize(
    ("environ", "is_ascii"),
    [
        ({}, False),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "en_US.utf8"}, False),
        # Python itself has set it.
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "ja_JP.eucJP"}, True),
    ],
)
def test_the_locale_says_whether_a_terminal_knows_more_than_ascii(environ: dict[str, str], is_ascii: bool) -> None:
    assert knows_only_ascii(environ) is is_ascii


def test_what_is_set_wins_over_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22")
    settle()
    assert shows.is_ascii
    assert shows.is_slow
    settle(is_ascii=False, is_slow=False)
    assert not shows.is_ascii
    assert not shows.is_slow


@given(st.text())
def test_a_stream_in_ascii_takes_every_text(text: str) -> None:
    settle(is_ascii=True)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    settle_stream(stream)
    stream.write(text)
    stream.flush()
    written = stream.buffer
    assert isinstance(written, io.BytesIO)
    assert written.getvalue().isascii()
    assert not text.isascii() or written.getvalue().decode() == text


def test_a_stream_in_ascii_draws_our_glyphs_and_escapes_the_rest() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    settle(is_ascii=True)
    settle_stream(stream)
    print("✓ 3 … é日\udcff", file=stream, flush=True)
    settle(is_ascii=False)
    settle_stream(stream)
    print("✓ é\udcff", file=stream, flush=True)
    assert isinstance(stream.buffer, io.BytesIO)
    assert stream.buffer.getvalue().decode() == "+ 3 ~ \\xe9\\u65e5\\udcff\n✓ é\\udcff\n"


class _Stream:
    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def be_on(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> None:
    monkeypatch.setattr("sys.stdin", _Stream(True))
    monkeypatch.setattr("sys.stdout", _Stream(is_terminal))


def test_a_terminal_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    be_on(monkeypatch, is_terminal=True)
    assert refusal({"TERM": "xterm-256color"}) is None


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_is_refused(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    be_on(monkeypatch, is_terminal=True)
    assert f"TERM is '{term}'" in str(refusal({"TERM": term}))


def test_a_pipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    be_on(monkeypatch, is_terminal=False)
    assert "needs a terminal" in str(refusal({"TERM": "xterm"}))


@pytest.mark.parametrize(
    ("way", "sequence"),
    [
        ("off", ""),
        ("bell", "\a"),
        ("osc9", "\x1b]9;runicorn-tui: 4;1 a, b\\x1b[2J\x1b\\"),
        ("osc777", "\x1b]777;notify;runicorn-tui;4,1 a, b\\x1b[2J\x1b\\"),
    ],
)
def test_a_terminal_is_told_in_the_way_that_was_chosen(way: str, sequence: str) -> None:
    assert alert(way, "4;1 a, b\x1b[2J") == sequence


@given(st.text(alphabet=st.characters()), st.sampled_from(("osc9", "osc777")))
def test_no_text_ends_the_sequence_it_is_told_in(text: str, way: str) -> None:
    body = alert(way, text).removeprefix("\x1b]").removesuffix("\x1b\\")
    assert not any(unicodedata.category(c) == "Cc" for c in body)
    assert body.count(";") == 3 or way == "osc9"
    assert len(body) < 300
    body.encode()


def test_tmux_and_screen_are_told_to_hand_a_sequence_on() -> None:
    sequence = alert("osc9", "it ended")
    assert passed_on(sequence, {}) == sequence
    assert passed_on(sequence, {"TMUX": "/tmp/s,1,0"}) == "\x1bPtmux;\x1b\x1b]9;runicorn-tui: it ended\a\x1b\\"
    assert passed_on(sequence, {"STY": "1.pts"}) == "\x1bP\x1b]9;runicorn-tui: it ended\a\x1b\\"
    assert passed_on(alert("bell", ""), {"TMUX": "1"}) == "\a"
    assert passed_on("", {"STY": "1.pts"}) == ""


def test_tmux_copies_itself_and_screen_hands_it_on() -> None:
    plain = copying("a\udcff日", {})
    assert plain == copying("a\udcff日", {"TMUX": "1"})
    assert base64.b64decode(plain.removeprefix("\x1b]52;c;").removesuffix("\a")).decode() == "a\\udcff日"
    assert copying("a", {"STY": "1.pts"}) == "\x1bP\x1b]52;c;YQ==\a\x1b\\"


@given(st.text(max_size=600))
def test_screen_is_handed_a_long_sequence_in_pieces_that_it_takes(text: str) -> None:
    plain = copying(text, {})
    pieces = copying(text, {"STY": "1.pts"}).removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert "".join(pieces) == plain
    assert max(len(piece.encode()) for piece in pieces) < 250


@pytest.mark.parametrize(
    ("environ", "mistakes"),
    [
        ({"TERM": "screen.xterm-256color", "COLORTERM": "truecolor"}, True),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor", "TMUX": "/tmp/s,1,0"}, False),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, False),
        ({"TERM": "screen"}, False),
    ],
)
def test_inside_of_screen_nothing_is_known_of_the_colours_around_it(environ: dict[str, str], mistakes: bool) -> None:
    assert mistakes_true_colors(environ) == mistakes
