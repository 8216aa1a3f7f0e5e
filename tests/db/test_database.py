from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from runicorn_db import errors
from runicorn_db.database import Interrupt
from runicorn_db.index_file import APPLICATION_ID
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_db.time_limits import time_limit
from tests.db.runs import write_run


def test_a_new_index_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Store(tmp_path / "made" / "index.db") as store:
            store.find(ExperimentQuery())
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").iterdir()}
    finally:
        os.umask(before)
    assert modes["index.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


def test_pragmas_are_those_of_a_shared_index(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store, store.database.snapshot() as connection:
        values = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "wal_autocheckpoint", "busy_timeout", "application_id")
        }
    assert values == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "wal_autocheckpoint": 0,
        "busy_timeout": 5000,
        "application_id": APPLICATION_ID,
    }


def test_a_damaged_index_gives_an_error_or_the_right_answer_but_never_a_traceback(tmp_path: Path) -> None:
    with Store(tmp_path / "whole.db") as store:
        (tmp_path / "root").mkdir()
        store.add_root(tmp_path / "root")
    whole = (tmp_path / "whole.db").read_bytes()
    chance = random.Random(5)
    for number in range(60):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"damaged-{number}.db"
        path.write_bytes(damaged)
        try:
            with Store(path) as store:
                store.find(ExperimentQuery(search="anything"))
                store.roots()
        except errors.StoreError as error:
            assert str(error)
        path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE experiment SET tags = '[\"a'",
        "UPDATE experiment SET params = '{'",
        "UPDATE experiment SET path = NULL",
        "UPDATE experiment SET root_id = 99",
        "UPDATE experiment SET status = 'gailed'",
        "UPDATE root SET path = NULL",
        "UPDATE root SET added_at = 'x'",
        "UPDATE experiment SET name = CAST(x'ff' AS TEXT)",
    ],
)
def test_values_that_we_never_write_are_told_as_damage(tmp_path: Path, damage: str) -> None:
    write_run(tmp_path / "root", "one", steps=[{"loss": 1.0}])
    with Store(tmp_path / "index.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(damage)
    with Store(tmp_path / "index.db") as store, time_limit(60):
        told = []
        for ask in (
            lambda: store.find(ExperimentQuery()),
            lambda: store.get("one"),
            lambda: store.summary(ExperimentQuery()),
            store.roots,
        ):
            try:
                ask()
            except errors.QueryFailed as error:
                told.append(str(error))
        assert told
        assert all(sentence.startswith("Database query failed: the index holds damaged ") for sentence in told)


def test_a_snapshot_does_not_see_what_is_written_meanwhile(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        (tmp_path / "root").mkdir()
        with store.database.snapshot() as connection:
            assert connection.execute("SELECT count(*) FROM root").fetchone() == (0,)
            thread = threading.Thread(target=store.add_root, args=(tmp_path / "root",))
            thread.start()
            thread.join()
            assert connection.execute("SELECT count(*) FROM root").fetchone() == (0,)
        assert len(store.roots()) == 1


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        with pytest.raises(errors.QueryFailed), store.database.writing() as connection:
            connection.execute("INSERT INTO metric_name (name) VALUES ('loss')")
            connection.execute("INSERT INTO no_such_table VALUES (1)")
        with store.database.snapshot() as connection:
            assert connection.execute("SELECT count(*) FROM metric_name WHERE id > 0").fetchone() == (0,)


def test_a_writer_that_does_not_let_go_makes_others_report_busy(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as holder, Store(tmp_path / "index.db", timeout=0.05) as store:
        (tmp_path / "root").mkdir()
        with holder.database.writing(), pytest.raises(errors.StoreBusy, match="Database is busy"):
            store.add_root(tmp_path / "root")
        store.add_root(tmp_path / "root")


def test_an_index_opens_at_once_while_another_process_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as writer:
        with writer.database.writing() as connection:
            connection.execute("INSERT INTO root (name, path, added_at) VALUES ('r', '/r', 0)")
            reader = Store(tmp_path / "index.db", timeout=0.05)
            assert reader.find(ExperimentQuery()).total == 0
            assert reader.roots() == []
        reader.close()


def test_a_lock_of_sqlite_itself_is_reported_as_busy_too(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db", timeout=0.05) as store:
        (tmp_path / "root").mkdir()
        with closing(sqlite3.connect(store.path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            with pytest.raises(errors.StoreBusy):
                store.add_root(tmp_path / "root")
            foreign.execute("ROLLBACK")


def test_a_full_disk_is_reported_and_nothing_is_changed(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        with pytest.raises(errors.StorageFull), store.database.writing() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
            connection.execute("INSERT INTO metric_name (name) VALUES (?)", ("x" * 1_000_000,))
        assert store.find(ExperimentQuery()).total == 0


def test_a_question_can_be_taken_back_from_another_thread(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with Store(tmp_path / "index.db") as store:
        interrupt = Interrupt()
        with pytest.raises(errors.Interrupted), store.database.snapshot(interrupt) as connection:
            threading.Timer(0.05, interrupt.cancel).start()
            connection.execute(endless).fetchone()
        with pytest.raises(errors.Interrupted):
            store.find(ExperimentQuery(), interrupt=interrupt)
        assert store.find(ExperimentQuery()).total == 0


def test_connections_of_threads_that_ended_are_closed(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        for _ in range(20):
            thread = threading.Thread(target=store.roots)
            thread.start()
            thread.join()
        assert len(os.listdir("/proc/self/fd")) < 200
        assert len(store.database._connections) <= 3


_WRITER = """
import sys
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.runs import write_run
with Store(sys.argv[1]) as store:
    for number in range(150):
        with store.database.writing(durable=number % 10 == 0) as connection:
            connection.execute("INSERT INTO metric_name (name) VALUES (?)", (f"{sys.argv[2]}-{number}",))
"""


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    Store(path).close()
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    with Store(path) as store, store.database.snapshot() as connection:
        assert connection.execute("SELECT count(*) FROM metric_name WHERE id > 0").fetchone() == (450,)


def test_the_write_ahead_log_stays_small(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        for number in range(40):
            with store.database.writing() as connection:
                connection.execute("INSERT INTO metric_name (name) VALUES (?)", (f"{number}" + "x" * 1_000_000,))
        assert (tmp_path / "index.db-wal").stat().st_size < 64 << 20


def test_a_stamp_stays_until_something_is_changed(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        first = store.stamp()
        store.find(ExperimentQuery())
        assert first is not None
        assert store.stamp() == first
        stamps = {first}
        store.add_root(tmp_path, "lab")
        stamps.add(store.stamp())
        store.rename_root("lab", "other")
        stamps.add(store.stamp())
        store.rename_root("other", "lab")
        stamps.add(store.stamp())
        assert len(stamps) == 4


def test_a_stamp_tells_of_changes_by_other_processes(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        first = store.stamp()
        program = f"from runicorn_db.store import Store; Store({str(store.path)!r}).add_root({str(tmp_path)!r}, 'lab')"
        subprocess.run(
            [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert store.stamp() not in (None, first)


def test_a_stamp_tells_of_changes_after_the_log_was_moved_into_the_file(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        store.add_root(tmp_path, "lab")
        first = store.stamp()
        with store.database.writing() as connection:
            pass
        connection.execute("PRAGMA wal_checkpoint(truncate)").fetchall()
        store.rename_root("lab", "other")
        second = store.stamp()
        connection.execute("PRAGMA wal_checkpoint(truncate)").fetchall()
        store.rename_root("other", "lab")
        assert len({first, second, store.stamp()}) == 3


def test_taking_a_stamp_does_not_hold_the_log(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        store.stamp()
        store.add_root(tmp_path, "lab")
        store.stamp()
        with closing(sqlite3.connect(store.path)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(truncate)").fetchone()
        assert busy == 0


def test_an_index_whose_file_was_replaced_has_no_stamp(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store, Store(tmp_path / "other.db"):
        assert store.stamp() is not None
        os.replace(tmp_path / "other.db", store.path)
        assert store.stamp() is None
        store.path.unlink()
        assert store.stamp() is None


def test_no_two_openings_share_a_stamp(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store, Store(tmp_path / "index.db") as other:
        assert store.stamp() != other.stamp()
