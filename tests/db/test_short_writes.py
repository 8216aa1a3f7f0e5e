from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_db import short_writes
from runicorn_db.database import Database
from runicorn_db.short_writes import ShortWrites
from runicorn_db.store import Store


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Store(tmp_path / "index.db") as store:
        yield store.database


def note(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT INTO root (name, path, added_at) VALUES (?, ?, 0)", (name, name))


def noted(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM root ORDER BY id")]


def test_every_portion_is_stored_in_its_order(database: Database) -> None:
    writes = ShortWrites(database)
    writes.write(["one", "two"], note)
    writes.write([], note)
    writes.write(["three"], note)
    with database.snapshot() as connection:
        assert noted(connection) == ["one", "two", "three"]


@pytest.mark.parametrize(("longest", "committed"), [(0.0, [0, 1, 2]), (1000.0, [0, 0, 0])])
def test_a_transaction_ends_with_the_portion_in_which_its_time_ends(
    longest: float, committed: list[int], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_writes, "_LONGEST_SECONDS", longest)
    seen: list[int] = []

    def store(connection: sqlite3.Connection, name: str) -> None:
        with sqlite3.connect(database.path) as other:
            seen.append(len(noted(other)))
        other.close()
        note(connection, name)

    ShortWrites(database).write("abc", store)
    assert seen == committed


def test_who_waits_for_the_lock_gets_it_before_all_is_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_writes, "_LONGEST_SECONDS", 0.0)
    is_writing = threading.Event()

    def write() -> None:
        is_writing.wait()
        with database.writing() as connection:
            note(connection, "other")

    other = threading.Thread(target=write)
    other.start()

    def store(connection: sqlite3.Connection, name: str) -> None:
        is_writing.set()
        note(connection, name)

    ShortWrites(database).write([f"mine {number}" for number in range(100)], store)
    other.join()
    with database.snapshot() as connection:
        assert "other" in noted(connection)[:-1]


def test_what_fails_leaves_nothing_of_its_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        ShortWrites(database).write([1, 0], lambda connection, number: note(connection, f"{1 / number}"))
    with database.snapshot() as connection:
        assert noted(connection) == []
