"""What can become an index and what is left alone, whoever made it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runicorn_db import errors, index_file
from runicorn_db.index_file import migrations, network_filesystem
from runicorn_db.store import Store


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_index_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(errors.NotAnIndex, match=r"left alone.*--db"):
        Store(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE experiment (id)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(errors.NotAnIndex, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_an_index_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    before = path.read_bytes()
    with pytest.raises(errors.SchemaTooNew, match="upgrade"):
        Store(path)
    assert path.read_bytes() == before


def test_a_folder_a_fifo_and_an_unwritable_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.NotAnIndex, match="folder"):
        Store(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(errors.IndexUnusable):
        Store(tmp_path / "fifo")
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.IndexUnusable, match="Cannot open the index"):
        Store(tmp_path / "file" / "index.db")


def test_an_empty_file_becomes_an_index(tmp_path: Path) -> None:
    (tmp_path / "index.db").touch()
    with Store(tmp_path / "index.db") as store:
        assert store.health().schema_version == len(migrations())


def test_sqlite_that_is_too_old_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(index_file, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(errors.IndexUnusable, match=r"too old.*uvx"):
        Store(tmp_path / "index.db")


def test_an_index_on_a_network_filesystem_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "network_filesystem", lambda _: "nfs4")
    with pytest.raises(errors.IndexUnusable, match=r"nfs4.*--db"):
        Store(tmp_path / "index.db")
    assert not (tmp_path / "index.db").exists()


def test_the_filesystem_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
        f"23 22 0:40 / {tmp_path}/home rw shared:1 - nfs4 server:/home rw\n"
        f"24 23 8:2 / {tmp_path}/home/local\\040disk rw - xfs /dev/sdb rw\n"
    )
    assert network_filesystem(tmp_path / "home" / "me" / "index.db", mountinfo) == "nfs4"
    assert network_filesystem(tmp_path / "home" / "local disk" / "index.db", mountinfo) is None
    assert network_filesystem(tmp_path / "homework" / "index.db", mountinfo) is None
    assert network_filesystem(tmp_path, tmp_path / "no such file") is None
