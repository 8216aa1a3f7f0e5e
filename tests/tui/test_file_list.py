from __future__ import annotations

import os

import pytest

from runicorn_db.sources.files import Unreadable
from runicorn_tui.file_list import log_names, walk


def test_everything_but_directories_is_listed_with_its_path(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "top").write_bytes(b"12345")
    (tmp_path / "a" / "b" / "deep").write_bytes(b"1")
    os.utime(tmp_path / "top", (1_700_000_000, 1_700_000_000))
    found = {entry.path: entry for entry in walk(str(tmp_path))}
    assert set(found) == {b"top", b"a/b/deep"}
    assert (found[b"top"].size, found[b"top"].changed_at, found[b"top"].note) == (5, 1_700_000_000, "")


def test_no_link_is_followed_and_what_is_no_file_says_what_it_is(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (run / "to_directory").symlink_to(tmp_path / "outside")
    (run / "to_file").symlink_to(tmp_path / "outside" / "secret")
    (run / "to_itself").symlink_to("to_itself")
    os.mkfifo(run / "fifo")
    assert {entry.path: (entry.size, entry.note) for entry in walk(str(run))} == {
        b"to_directory": (None, "link"),
        b"to_file": (None, "link"),
        b"to_itself": (None, "link"),
        b"fifo": (None, "pipe"),
    }


def test_names_that_are_no_text_are_listed(tmp_path):
    name = b"\xff[\x1b]"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb"):
        pass
    assert [entry.path for entry in walk(str(tmp_path))] == [name]


def test_a_run_directory_that_is_gone_or_a_link_is_refused(tmp_path):
    with pytest.raises(Unreadable) as gone:
        list(walk(str(tmp_path / "gone")))
    assert gone.value.is_missing
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(Unreadable) as link:
        list(walk(str(tmp_path / "link")))
    assert not link.value.is_missing


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_directory_that_cannot_be_read_is_listed_with_the_reason(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    (entry,) = walk(str(tmp_path))
    assert (entry.path, entry.note) == (b"closed/", "Permission denied")


def test_a_directory_that_became_a_link_is_listed_with_the_reason(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("x")
    entries = walk(str(tmp_path))
    first = next(entries)
    (tmp_path / "sub").rmdir()
    (tmp_path / "sub").symlink_to("/etc")
    (second,) = entries
    assert first.path == b"file"
    assert second.path == b"sub/"
    assert "link" in second.note


def test_walking_stops_when_told(tmp_path):
    for number in range(3):
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}" / "file").write_text("x")
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) > 2

    assert len(list(walk(str(tmp_path), should_stop))) == 1


def test_logs_are_named_with_logs_txt_first(tmp_path):
    for name in ("a.log", "logs.txt", "z.ERR", "out.out", "meta.json", "logs.txt.lock"):
        (tmp_path / name).write_text("")
    assert log_names(str(tmp_path)) == [b"logs.txt", b"a.log", b"out.out", b"z.ERR"]
    assert log_names(str(tmp_path / "gone")) == []
