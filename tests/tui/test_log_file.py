from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db.sources.files import Unreadable
from runicorn_tui import log_file
from runicorn_tui.log_file import LogFile


def written(directory: Path, content: bytes) -> LogFile:
    directory.mkdir(exist_ok=True)
    (directory / "logs.txt").write_bytes(content)
    log = LogFile(str(directory))
    read_all(log)
    return log


def read_all(log: LogFile) -> None:
    while log.extend():
        pass


def test_lines_are_counted_with_and_without_a_last_newline(tmp_path):
    assert written(tmp_path, b"one\ntwo\n").line_count == 2
    assert written(tmp_path, b"one\ntwo").line_count == 2
    assert written(tmp_path, b"").line_count == 0


def test_any_lines_can_be_read_alone(tmp_path):
    log = written(tmp_path, b"".join(b"line %d\n" % number for number in range(5000)))
    assert log.lines(4321, 2) == ["line 4321", "line 4322"]
    assert log.lines(4999, 10) == ["line 4999"]
    assert log.lines(6000, 10) == []


def test_what_is_appended_is_read_on_from_where_it_ended(tmp_path):
    log = written(tmp_path, b"one\nunfin")
    with (tmp_path / "logs.txt").open("ab") as file:
        file.write(b"ished\nthree\n")
    read_all(log)
    assert log.lines(0, 9) == ["one", "unfinished", "three"]
    assert not log.extend()


def test_a_file_that_was_cut_or_replaced_is_begun_again(tmp_path):
    log = written(tmp_path, b"one\ntwo\nthree\n")
    (tmp_path / "logs.txt").write_bytes(b"new\n")
    read_all(log)
    assert log.lines(0, 9) == ["new"]
    (tmp_path / "other").write_bytes(b"a\nb\nc\nd\n")
    (tmp_path / "other").rename(tmp_path / "logs.txt")
    read_all(log)
    assert log.lines(0, 9) == ["a", "b", "c", "d"]


def test_of_a_line_that_rewrites_itself_the_last_state_is_shown(tmp_path):
    log = written(tmp_path, b"  1%|#   |\r 50%|##  |\r100%|####|\r\nnext\r\n")
    assert log.lines(0, 2) == ["100%|####|", "next"]


def test_of_a_very_long_line_the_beginning_is_shown_or_its_last_state(tmp_path):
    log = written(tmp_path, b"a" * 10**6 + b"b\n" + b"step\r" * 10**5 + b"done\n")
    first, second = log.lines(0, 2)
    assert first == "a" * len(first)
    assert len(first) < 20_000
    assert second == "done"


def test_bytes_that_are_no_text_are_shown_as_numbers(tmp_path):
    assert written(tmp_path, b"\xff\xfe ok \xc3\xa9\n").lines(0, 1) == [r"\xff\xfe ok é"]


def test_finding_goes_round_at_the_end_in_both_directions(tmp_path):
    log = written(tmp_path, b"alpha\nbeta\ngamma\nBETA\n")
    assert log.find("beta", -1) == 1
    assert log.find("beta", 1) == 3
    assert log.find("beta", 3) == 1
    assert log.find("beta", 1, is_backward=True) == 3
    assert log.find("alpha", 3, is_backward=True) == 0
    assert log.find("alpha", 0) == 0
    assert log.find("delta", 0) is None
    assert log.find("", 0) is None


def test_a_match_across_two_blocks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "_BLOCK", 16)
    log = written(tmp_path, b"x" * 13 + b"needle" + b"\n" + b"y" * 40 + b"\n")
    assert log.find("needle", 1) == 0
    assert log.find("needle", 1, is_backward=True) == 0


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(st.text(st.sampled_from("abAB "), max_size=9), min_size=1, max_size=20),
    needle=st.text(st.sampled_from("ab"), min_size=1, max_size=3),
    start=st.integers(0, 19),
    block=st.integers(1, 12),
)
def test_finding_agrees_with_looking_at_every_line(tmp_path_factory, lines, needle, start, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "_BLOCK", block)
        log = written(tmp_path_factory.mktemp("log"), "".join(f"{line}\n" for line in lines).encode())
        start = min(start, len(lines) - 1)
        order = [*range(start + 1, len(lines)), *range(start + 1)]
        hits = [number for number in order if needle in lines[number].lower()]
        assert log.find(needle, start) == (hits[0] if hits else None)
        backward = [*range(start - 1, -1, -1), *range(len(lines) - 1, start - 1, -1)]
        hits = [number for number in backward if needle in lines[number].lower()]
        assert log.find(needle, start, is_backward=True) == (hits[0] if hits else None)


def test_an_absent_log_is_told_from_one_that_cannot_be_read(tmp_path):
    with pytest.raises(Unreadable) as absent:
        LogFile(str(tmp_path)).extend()
    assert absent.value.is_missing
    with pytest.raises(Unreadable) as gone:
        LogFile(str(tmp_path / "gone")).extend()
    assert gone.value.is_missing
    (tmp_path / "logs.txt").mkdir()
    with pytest.raises(Unreadable) as directory:
        LogFile(str(tmp_path)).extend()
    assert not directory.value.is_missing


def test_a_pipe_and_a_link_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "logs.txt")
    with pytest.raises(Unreadable, match="pipe"):
        LogFile(str(tmp_path)).extend()
    (tmp_path / "logs.txt").unlink()
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "logs.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable, match="link"):
        LogFile(str(tmp_path)).extend()


def test_a_run_directory_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path)
    (tmp_path / "logs.txt").write_text("secret\n")
    with pytest.raises(Unreadable):
        LogFile(str(tmp_path / "run")).extend()


def test_a_directory_whose_name_is_no_text_is_read(tmp_path):
    name = os.fsdecode(b"run-\xff")
    assert written(tmp_path / name, b"line\n").lines(0, 1) == ["line"]


def test_no_descriptor_stays_open(tmp_path):
    log = written(tmp_path, b"one\ntwo\n")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(20):
        log.extend()
        log.lines(0, 2)
        log.find("one", 1)
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before
