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


def blocks(log: LogFile) -> list[bytes]:
    lines: list[bytes] = []
    while (block := log.block(len(lines))).lines:
        assert block.first == len(lines)
        lines += block.lines
    return lines


@settings(max_examples=150)
@given(
    lines=st.lists(st.text(st.sampled_from("abAB \r"), max_size=9), min_size=1, max_size=20),
    ends_with_a_break=st.booleans(),
    block=st.integers(1, 12),
)
def test_blocks_one_after_the_other_are_the_lines(tmp_path_factory, lines, ends_with_a_break, block):
    content = "\n".join(lines) + "\n" * ends_with_a_break
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "_BLOCK", block)
        log = written(tmp_path_factory.mktemp("log"), content.encode())
        expected = content.encode().removesuffix(b"\n").split(b"\n") if content else []
        assert blocks(log) == expected
        if expected:
            last = log.block(len(expected) - 1)
            assert last.finished == (1 if content.endswith("\n") else 0)


def test_of_a_line_that_is_no_line_any_more_only_so_much_is_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "_LONGEST_BLOCK", 100)
    monkeypatch.setattr(log_file, "_BLOCK", 10)
    log = written(tmp_path, b"x" * 1000 + b"\nnext\n")
    assert blocks(log) == [b"x" * 100, b"next"]
    assert log.block(0).finished == 1


def test_another_file_of_the_run_is_read_by_its_path(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "train.log").write_bytes(b"one\n")
    log = LogFile(str(tmp_path), b"sub/train.log")
    read_all(log)
    assert log.lines(0, 9) == ["one"]


@pytest.mark.parametrize("path", [b"../secret", b"/etc/passwd", b"link/passwd", b"sub/../../secret", b""])
def test_no_path_leads_out_of_the_run_directory(tmp_path, path):
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "run" / "sub").mkdir(parents=True)
    (tmp_path / "run" / "link").symlink_to("/etc")
    with pytest.raises(Unreadable):
        LogFile(str(tmp_path / "run"), path).extend()


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
        log.block(0)
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (b"", []),
        (b"one\ntwo\nthree\n", ["two", "three"]),
        (b"one\ntwo\nunfin", ["two", "unfin"]),
        (b"bar 1%\rbar 2%\r\n\xff\n", ["bar 2%", "\\xff"]),
        (b"x" * 200_000 + b"\nlast\n", ["last"]),
    ],
)
def test_the_last_lines_are_read_alone(tmp_path: Path, content: bytes, last: list[str]) -> None:
    (tmp_path / "logs.txt").write_bytes(content)
    assert LogFile(str(tmp_path)).tail(2) == last
