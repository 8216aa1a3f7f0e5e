from __future__ import annotations

import os
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db import log_lines
from runicorn_db.log_lines import LogLines
from runicorn_db.sources.files import Unreadable


def written(directory: Path, content: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / "logs.txt"
    path.write_bytes(content)
    return path


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def all_of(lines: LogLines) -> list[str]:
    found: list[str] = []
    while (batch := lines.read()) or lines.has_more:
        found += batch
    return found


def last_of(directory: Path, count: int) -> list[str]:
    with LogLines(str(directory), count) as lines:
        return all_of(lines) + lines.rest()


def test_the_last_lines_are_given_in_their_order(tmp_path: Path) -> None:
    written(tmp_path, b"".join(b"line %d\n" % number for number in range(20_000)))
    assert last_of(tmp_path, 10_000) == [f"line {number}" for number in range(10_000, 20_000)]
    assert last_of(tmp_path, 1) == ["line 19999"]
    assert len(last_of(tmp_path, 30_000)) == 20_000


def test_an_unfinished_line_is_one_of_the_last_and_given_when_it_is_finished(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\ntwo\nthr")
    with LogLines(str(tmp_path), 2) as lines:
        assert lines.read() == ["two"]
        assert lines.read() == []
        append(path, b"ee\n\nfo")
        assert lines.read() == ["three", ""]
        assert lines.rest() == ["fo"]
        assert lines.rest() == []


def test_a_log_that_does_not_exist_yet_is_read_from_its_first_line_on(tmp_path: Path) -> None:
    with LogLines(str(tmp_path / "run"), 1) as lines:
        assert lines.read() == []
        path = written(tmp_path / "run", b"")
        assert lines.read() == []
        append(path, b"one\ntwo\n")
        assert lines.read() == ["one", "two"]


def test_a_log_that_was_cut_is_begun_anew(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\ntwo\nhalf")
    with LogLines(str(tmp_path), 9) as lines:
        assert lines.read() == ["one", "two"]
        path.write_bytes(b"new\n")
        assert all_of(lines) == ["half", "new"]
        os.truncate(path, 0)
        assert lines.read() == []
        append(path, b"again\n")
        assert lines.read() == ["again"]


def test_a_log_that_was_replaced_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\n")
    with LogLines(str(tmp_path), 9) as lines:
        assert lines.read() == ["one"]
        append(path, b"two\nhalf")
        path.rename(tmp_path / "logs.txt.1")
        written(tmp_path, b"new\n")
        assert all_of(lines) == ["two", "half", "new"]
        path.unlink()
        assert lines.read() == []
        written(tmp_path, b"third\n")
        assert lines.read() == ["third"]


def test_a_run_that_was_moved_is_read_on_where_it_is(tmp_path: Path) -> None:
    written(tmp_path / "run", b"one\n")
    with LogLines(str(tmp_path / "run"), 9) as lines:
        assert lines.read() == ["one"]
        (tmp_path / "run").rename(tmp_path / "moved")
        append(tmp_path / "moved" / "logs.txt", b"two\n")
        lines.run_dir = str(tmp_path / "moved")
        assert lines.read() == ["two"]


def test_bytes_that_are_no_utf_8_are_replaced(tmp_path: Path) -> None:
    written(tmp_path, b"\xff\xfe caf\xe9\n\x00 \xe7\xb2\xbe\n")
    assert last_of(tmp_path, 9) == ["\ufffd\ufffd caf\ufffd", "\0 精"]


def test_of_a_line_that_rewrites_itself_the_last_writing_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, b"10%\r20%\r100%\r\nplain\r\n\rx\n\r\n")
    assert last_of(tmp_path, 9) == ["100%", "plain", "x", ""]
    with LogLines(str(tmp_path), 1) as lines:
        assert lines.read() == [""]
        for part in (b"10%\r", b"20", b"%\r", b"30%"):
            append(path, part)
            assert lines.read() == []
        append(path, b"\r\n")
        assert lines.read() == ["30%"]


def test_of_a_very_long_line_the_beginning_is_given_and_how_much_more_it_has(tmp_path: Path) -> None:
    long = log_lines.LONGEST_LINE
    path = written(tmp_path, b"a" * long + b"\n" + b"b" * (long + 3_000_000) + b"\nlast\n" + b"c" * (long + 1))
    assert last_of(tmp_path, 9) == [
        "a" * long,
        "b" * long + " … 3000000 bytes more",
        "last",
        "c" * long + " … 1 bytes more",
    ]
    append(path, b"\rx")
    assert last_of(tmp_path, 1) == ["x"]


def test_a_file_of_ten_gigabytes_is_read_from_its_end_in_little_memory(tmp_path: Path) -> None:
    path = written(tmp_path, b"first\n")
    os.truncate(path, 10 * 2**30)
    append(path, b"\nlast but one\nlast\n")
    tracemalloc.start()
    try:
        with LogLines(str(tmp_path), 2) as lines:
            assert all_of(lines) == ["last but one", "last"]
        with LogLines(str(tmp_path), 10_000) as lines:
            *_, before, last = all_of(lines)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (before, last) == ("last but one", "last")
    assert peak < 8 * 2**20


def test_of_a_large_file_that_took_the_place_of_another_the_last_lines_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\n")
    with LogLines(str(tmp_path), 2) as lines:
        assert all_of(lines) == ["one"]
        path.unlink()
        written(tmp_path, b"first\n")
        os.truncate(path, 2**30)
        append(path, b"\nlast but one\nlast\n")
        assert all_of(lines) == ["last but one", "last"]


def test_of_a_file_that_was_cut_and_written_anew_the_last_lines_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, b"x" * 1000 + b"\n")
    with LogLines(str(tmp_path), 2) as lines:
        assert len(all_of(lines)) == 1
        path.write_bytes(b"1\n2\n3\n4\n")
        assert all_of(lines) == ["3", "4"]


def test_a_read_comes_back_however_much_was_written_without_a_line_break(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\n")
    with LogLines(str(tmp_path), 9) as lines:
        assert all_of(lines) == ["one"]
        assert not lines.has_more
        written_bytes = 3 * log_lines.FARTHEST_BACK
        os.truncate(path, 4 + written_bytes)
        append(path, b"\nlast\n")
        assert (lines.read(), lines.has_more) == ([], True)
        long, last = all_of(lines)
        assert (len(long.partition(" ")[0]), last) == (log_lines.LONGEST_LINE, "last")
        assert long.endswith(f" … {written_bytes - log_lines.LONGEST_LINE} bytes more")


def test_lines_further_back_than_is_looked_begin_with_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "FARTHEST_BACK", 25)
    written(tmp_path, b"".join(b"line %d\n" % number for number in range(1000)))
    assert last_of(tmp_path, 100) == ["line 998", "line 999"]
    written(tmp_path, b"x" * 100)
    assert last_of(tmp_path, 100) == ["x" * 25]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, make) -> None:
    make(tmp_path / "logs.txt")
    with LogLines(str(tmp_path), 9) as lines, pytest.raises(Unreadable):
        lines.read()


def test_a_run_directory_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "run", b"secret\n")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with LogLines(str(tmp_path / "link"), 9) as lines, pytest.raises(Unreadable):
        lines.read()


@given(
    content=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n", b"\r", b"\xff"]), max_size=60).map(b"".join),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    last=st.integers(1, 5),
    block=st.integers(1, 9),
)
def test_lines_are_the_same_however_they_arrive(content: bytes, cuts: list[int], last: int, block: int) -> None:
    begin, *ends = sorted({min(cut, len(content)) for cut in cuts}) or [0]
    seen = content[:begin]
    # The line that begins with the last break has nothing in it yet.
    whole = seen.split(b"\n")[-last - seen.endswith(b"\n") if seen else 0 :]
    expected = b"\n".join(whole) + content[begin:]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        patch.setattr(log_lines, "_BLOCK", block)
        patch.setattr(log_lines, "_SEARCHED_BLOCK", block)
        path = written(Path(directory), seen)
        with LogLines(directory, last) as lines:
            found = all_of(lines)
            for start, end in zip([begin, *ends], [*ends, len(content)], strict=True):
                append(path, content[start:end])
                found += all_of(lines)
            found += lines.rest()

    def shown(line: bytes) -> str:
        return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")

    *ended, unfinished = expected.split(b"\n")
    assert found == [shown(line) for line in ended] + ([shown(unfinished)] if shown(unfinished) else [])
