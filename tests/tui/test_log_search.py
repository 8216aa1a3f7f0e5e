from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_tui import log_file, log_search
from runicorn_tui.log_file import LogFile
from runicorn_tui.log_search import Matches, PatternTooSlow, UnclearPattern, error_hits, hits_of, spans_of


def written(directory: Path, content: bytes) -> LogFile:
    directory.mkdir(exist_ok=True)
    (directory / "logs.txt").write_bytes(content)
    log = LogFile(str(directory))
    read_all(log)
    return log


def read_all(log: LogFile) -> None:
    while log.extend():
        pass


def found(log: LogFile, sought: str) -> Matches:
    matches = Matches(log, hits_of(sought))
    while matches.extend():
        pass
    return matches


def test_letters_match_in_either_case_and_going_on_goes_round(tmp_path):
    matches = found(written(tmp_path, b"alpha\nbeta\ngamma\nBETA\n"), "beta")
    assert list(matches.lines) == [1, 3]
    assert matches.is_complete
    assert [matches.next(line) for line in (-1, 1, 3)] == [1, 3, 1]
    assert [matches.next(line, is_backward=True) for line in (3, 1, 0)] == [1, 3, 3]
    assert [matches.place(line) for line in (0, 1, 2, 3, 9)] == [None, 1, None, 2, None]


def test_nothing_is_found_where_nothing_is(tmp_path):
    matches = found(written(tmp_path, b"alpha\n"), "beta")
    assert matches.next(0) is None
    assert matches.next(0, is_backward=True) is None


def test_colours_inside_a_word_do_not_hide_it(tmp_path):
    log = written(tmp_path, b"E\x1b[31mRR\x1b[0mOR here\n")
    assert list(found(log, "error").lines) == [0]
    assert list(found(log, "/^ERROR/").lines) == [0]


@settings(max_examples=150)
@given(
    lines=st.lists(st.text(st.sampled_from("abAB "), max_size=9), min_size=1, max_size=20),
    needle=st.text(st.sampled_from("ab"), min_size=1, max_size=3),
    block=st.integers(1, 12),
    is_pattern=st.booleans(),
)
def test_finding_agrees_with_looking_at_every_line(tmp_path_factory, lines, needle, block, is_pattern):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "_BLOCK", block)
        log = written(tmp_path_factory.mktemp("log"), "".join(f"{line}\n" for line in lines).encode())
        matches = found(log, f"/(?i){needle}/" if is_pattern else needle)
    assert list(matches.lines) == [number for number, line in enumerate(lines) if needle in line.lower()]


def test_an_unfinished_line_is_looked_at_again_when_it_has_grown(tmp_path):
    log = written(tmp_path, b"one\nunfin")
    matches = found(log, "unfinished")
    assert list(matches.lines) == []
    with (tmp_path / "logs.txt").open("ab") as file:
        file.write(b"ished")
    read_all(log)
    for _ in range(3):
        matches.extend()
        assert list(matches.lines) == [1]


def test_a_replaced_file_is_looked_through_anew(tmp_path):
    log = written(tmp_path, b"a\nb\na\n")
    matches = found(log, "a")
    (tmp_path / "logs.txt").write_bytes(b"a\n")
    read_all(log)
    assert not matches.is_complete
    matches.extend()
    assert list(matches.lines) == [0]


@pytest.mark.parametrize("sought", ["/(/", "/[a/", "/*/"])
def test_a_pattern_that_cannot_be_read_is_refused_with_a_sentence(sought):
    with pytest.raises(UnclearPattern, match="Not a regular expression: "):
        hits_of(sought)


@pytest.mark.parametrize("sought", ["/", "//", "a/b", "/a"])
def test_a_slash_alone_makes_no_pattern(sought):
    assert hits_of(sought)([f"x{sought}y".encode(), b"z"]) == [0]


def test_a_pattern_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(log_search, "_SECONDS_PER_LINE", 0.01)
    with pytest.raises(PatternTooSlow):
        hits_of("/^(a|a)*[bc]$/")([b"a" * 60 + b"d"])


def test_what_stands_out_is_what_was_looked_for():
    assert spans_of("A.")("a. ba.x aa") == [(0, 2), (4, 6)]
    assert spans_of(r"/\d+/")("loss 12 of 7") == [(5, 7), (11, 12)]
    assert spans_of("\x1b[2J")(r"a \x1b[2J") == [(2, 9)]


@pytest.mark.parametrize(
    "line",
    [
        b"Traceback (most recent call last):",
        b"ValueError: no such layer",
        b"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        b"08:12:01 | KeyboardInterrupt was turned into RuntimeError",
        b"[2025-01-01 10:00:00] [ERROR] disk is full",
        b"\x1b[31mERROR\x1b[0m: no such file",
        b"CRITICAL root: gone",
        b"Segmentation fault (core dumped)",
        b"Killed",
        b"CUDA error: device-side assert triggered",
        b"step 12 loss nan",
        b"loss=NaN lr=0.1",
        "23:37:04 | ⚠️ Alert: loss is NAN".encode(),
        b"loss: inf",
        b"grad_norm=-Infinity",
        b"subprocess.CalledProcessError(1)",
    ],
)
def test_failures_look_like_errors(line):
    assert error_hits([b"before", line, b"after"]) == [1]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"INFO all good",
        b"mean absolute error 0.12",
        b"0 errors",
        b"ErrorFeedback layer built",
        b"finance banana maintenance nano",
        b"inference begins",
        b"the inf of all",
        b"Exceptional results",
        b"default settings",
    ],
)
def test_ordinary_lines_do_not(line):
    assert error_hits([b"before", line, b"after"]) == []
