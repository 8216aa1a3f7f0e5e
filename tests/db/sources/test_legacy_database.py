from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.legacy_database import LegacyDatabase, LegacyRow, SeriesRow

# What 0.3.1 to 0.5 make from a checkout, as far as it is read.
SCHEMA_10 = """
CREATE TABLE experiments (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, created_at REAL NOT NULL,
    best_metric_name TEXT, best_metric_value REAL, best_metric_step INTEGER, best_metric_mode TEXT,
    deleted_at REAL, delete_reason TEXT, run_dir TEXT NOT NULL
);
CREATE TABLE metrics (
    experiment_id TEXT NOT NULL, timestamp REAL NOT NULL, metric_name TEXT NOT NULL, metric_value REAL,
    step INTEGER, stage TEXT, PRIMARY KEY (experiment_id, timestamp, metric_name)
);
CREATE TABLE experiment_tags (experiment_id TEXT NOT NULL, tag TEXT NOT NULL, created_at REAL, created_by TEXT);
"""
INSERT = (
    "INSERT INTO experiments (id, project, name, created_at, run_dir, best_metric_value, deleted_at, delete_reason)"
)


def write_database(root: Path, *statements: str, schema: str = SCHEMA_10) -> Path:
    path = root / "runicorn.db"
    connection = sqlite3.connect(path)
    connection.executescript(schema)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def write_and_die(path: Path, script: str) -> None:
    """Run `script` with an open `connection` in a process that is killed, so that its log stays."""
    code = f"import os, signal, sqlite3\nconnection = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
    done = subprocess.run([sys.executable, "-c", f"{code}{script}\nos.kill(os.getpid(), signal.SIGKILL)"], check=False)
    assert done.returncode == -signal.SIGKILL


def read_all(root: Path, path: bytes = b"runicorn.db") -> tuple[dict[str, LegacyRow] | None, list[FileProblem]]:
    problems: list[FileProblem] = []
    database = LegacyDatabase.open(str(root), path, problems)
    if database is None:
        return None, problems
    rows = dict(database.rows)
    database.close()
    return rows, problems


def read_series(root: Path, run_id: str) -> list[SeriesRow]:
    problems: list[FileProblem] = []
    database = LegacyDatabase.open(str(root), b"runicorn.db", problems)
    assert database is not None
    try:
        return list(database.series(run_id))
    finally:
        database.close()


@pytest.fixture
def private_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies go, so that the test can see that nothing stays."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def test_the_database_of_072_tells_best_values_deletions_and_tags(real_root_072: Path) -> None:
    rows, problems = read_all(real_root_072)
    assert rows is not None
    assert problems == []
    assert len(rows) == 29
    assert rows["20261121_234630_56ebfa"] == LegacyRow(
        best_metric_name="accuracy", best_metric_value=0.981011, best_metric_step=100, best_metric_mode="max"
    )
    assert rows["20261121_234655_7f8656"] == LegacyRow(deleted_at=1795304818.8165545, delete_reason="user_deleted")
    assert rows["20261121_234656_d75c9c"].tags == {"baseline", "prod"}
    assert rows["20261121_234633_934213"].best_metric_value is None  # infinity is no number


def test_the_series_of_072_come_in_the_order_they_were_logged(real_root_072: Path) -> None:
    points = read_series(real_root_072, "20261121_234659_5bdb1c")
    assert len(points) == 6000
    losses = [point for point in points if point.name == "loss"]
    assert [point.step for point in losses] == list(range(1, 3001))
    assert losses[-1].value == 0.71429
    assert all(point.logged_at is not None for point in points)
    assert read_series(real_root_072, "nobody") == []


def test_the_empty_database_of_a_pip_root_says_nothing_and_is_no_problem(real_root_041: Path) -> None:
    assert read_all(real_root_041) == ({}, [])
    assert read_series(real_root_041, "x") == []


def test_the_older_schema_is_read(tmp_path: Path) -> None:
    write_database(
        tmp_path,
        f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/gone', 0.5, NULL, NULL)",
        f"{INSERT} VALUES ('b', 'p', 'n', 1.0, '/gone', NULL, 7.5, 'user_batch_delete')",
        "INSERT INTO experiment_tags VALUES ('a', ' keep ', 1, NULL), ('a', ' ', 1, NULL), ('c', 'lone', 1, NULL)",
        "INSERT INTO metrics VALUES ('a', 2.0, 'loss', 0.25, 2, NULL), ('a', 1.0, 'loss', 0.5, 1, NULL)",
        "INSERT INTO metrics VALUES ('a', 3.0, 'loss', NULL, 3, NULL), ('a', 4.0, 'loss', 9e999, 4, NULL)",
        "INSERT INTO metrics VALUES ('a', 5.0, 'epoch', 1, 5, NULL), ('a', 6.0, 'loss', 'text', 6, NULL)",
        "INSERT INTO metrics VALUES ('a', 7.0, 'loss', 1, NULL, NULL)",
    )
    rows, problems = read_all(tmp_path)
    assert problems == []
    assert rows == {
        "a": LegacyRow(best_metric_value=0.5, tags=frozenset({"keep"})),
        "b": LegacyRow(deleted_at=7.5, delete_reason="user_batch_delete"),
        "c": LegacyRow(tags=frozenset({"lone"})),
    }
    points = read_series(tmp_path, "a")
    assert points[:2] == [SeriesRow("loss", 1, 0.5, 1.0), SeriesRow("loss", 2, 0.25, 2.0)]
    assert math.isnan(points[2].value)
    assert points[3:] == [SeriesRow("loss", 4, math.inf, 4.0)]


def test_the_table_of_06_is_read(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    schema = "CREATE TABLE runs (run_id TEXT PRIMARY KEY, path TEXT, alias TEXT, created_at REAL, status TEXT);"
    write_database(tmp_path / "index", "INSERT INTO runs VALUES ('a', 'p', NULL, 1.0, 'finished')", schema=schema)
    assert read_all(tmp_path, b"index/runicorn.db") == ({"a": LegacyRow()}, [])


def test_what_is_still_in_the_log_is_read_and_nothing_is_touched(
    tmp_path: Path, private_temporary: Path, snapshot: Callable[[Path], Any]
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = write_database(root, f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/x', 0.5, NULL, NULL)")
    write_and_die(
        path,
        "connection.execute('PRAGMA journal_mode = WAL')\n"
        "connection.execute('UPDATE experiments SET best_metric_value = 0.75')\n"
        "connection.execute(\"INSERT INTO metrics VALUES ('a', 1.0, 'loss', 0.5, 1, NULL)\")",
    )
    assert (root / "runicorn.db-wal").stat().st_size > 0
    (root / "runicorn.db-shm").unlink()
    before = snapshot(root)
    rows, problems = read_all(root)
    assert (rows, problems) == ({"a": LegacyRow(best_metric_value=0.75)}, [])
    assert read_series(root, "a") == [SeriesRow("loss", 1, 0.5, 1.0)]
    assert snapshot(root) == before
    assert list(private_temporary.iterdir()) == []


def test_an_unfinished_transaction_is_rolled_back_in_the_copy_only(
    tmp_path: Path, snapshot: Callable[[Path], Any]
) -> None:
    path = write_database(tmp_path, f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/x', 0.5, NULL, NULL)")
    write_and_die(
        path,
        "connection.execute('PRAGMA cache_size = 1')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('UPDATE experiments SET best_metric_value = 0.9')\n"
        "connection.executemany('INSERT INTO metrics VALUES (?, ?, ?, ?, ?, NULL)',\n"
        "    [('a', float(i), 'loss' * 50, 1.0, i) for i in range(5000)])",
    )
    assert (tmp_path / "runicorn.db-journal").stat().st_size > 0
    before = snapshot(tmp_path)
    assert read_all(tmp_path) == ({"a": LegacyRow(best_metric_value=0.5)}, [])
    assert snapshot(tmp_path) == before


def test_a_database_at_rest_is_read_in_place_without_a_copy(
    real_root_072: Path, private_temporary: Path, snapshot: Callable[[Path], Any]
) -> None:
    private_temporary.rmdir()  # a copy would fail
    before = snapshot(real_root_072)
    rows, problems = read_all(real_root_072)
    assert rows is not None
    assert (len(rows), problems) == (29, [])
    assert snapshot(real_root_072) == before


BUSY_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
print("ready", flush=True)
step = 0
while True:
    step += 1
    connection.execute("UPDATE experiments SET best_metric_step = ?", (step,))
    connection.execute("INSERT INTO metrics VALUES ('a', ?, 'loss', ?, ?, NULL)", (step, step, step))
"""


def test_a_database_that_is_written_to_is_read_as_it_was_at_one_moment(tmp_path: Path, private_temporary: Path) -> None:
    path = write_database(tmp_path, f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/x', 0.0, NULL, NULL)")
    steps: list[int] = []
    with subprocess.Popen([sys.executable, "-c", BUSY_WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _ in range(15):
                problems: list[FileProblem] = []
                database = LegacyDatabase.open(str(tmp_path), b"runicorn.db", problems)
                if database is None:
                    assert [problem.message for problem in problems] == ["Written to all the time while it was read"]
                    continue
                step = database.rows["a"].best_metric_step or 0
                points = [point.step for point in database.series("a")]
                database.close()
                # Two commits a step: at every moment the second is there or still to come.
                assert points in (list(range(1, step + 1)), list(range(1, step)))
                steps.append(step)
        finally:
            writer.kill()
    assert steps  # a log that mostly grows must not keep readers out
    assert steps == sorted(steps)
    assert list(private_temporary.iterdir()) == []


@pytest.mark.parametrize(("times", "expected"), [(1, 0.9), (2, 0.9), (3, None)])
def test_a_log_begun_anew_while_it_is_copied_is_copied_again(
    tmp_path: Path, private_temporary: Path, monkeypatch: pytest.MonkeyPatch, times: int, expected: float | None
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    path = write_database(root, f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/x', 0.5, NULL, NULL)")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE experiments SET best_metric_value = 0.7")
    copy, copied = shutil.copyfileobj, []

    def copy_and_write(reader: Any, target: Any, length: int = 0) -> None:
        copy(reader, target, length)
        copied.append(target.name)
        if len(copied) <= times * 2 and len(copied) % 2:  # after the database, before its log
            writer.execute("UPDATE experiments SET best_metric_value = 0.9")
            writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            writer.execute("INSERT INTO experiment_tags VALUES ('a', 'new', 1, NULL)")

    monkeypatch.setattr(shutil, "copyfileobj", copy_and_write)
    rows, problems = read_all(root)
    writer.close()
    if expected is None:
        assert [problem.message for problem in problems] == ["Written to all the time while it was read"]
    else:
        assert rows == {"a": LegacyRow(best_metric_value=expected, tags=frozenset({"new"}))}
    assert list(private_temporary.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 4096])
def test_an_empty_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "runicorn.db").write_bytes(content)
    rows, problems = read_all(tmp_path)
    assert not rows
    assert [problem.path for problem in problems] == ([b"runicorn.db"] if content else [])


def test_a_file_that_is_no_database_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "runicorn.db").write_bytes(b"not a database at all\n" * 1000)
    message = "Not readable as a database: file is not a database"
    assert read_all(tmp_path) == (None, [FileProblem(path=b"runicorn.db", message=message)])


def test_a_database_of_another_program_says_nothing(tmp_path: Path) -> None:
    write_database(tmp_path, schema="CREATE TABLE experiments (number INTEGER); CREATE TABLE other (id TEXT);")
    assert read_all(tmp_path) == ({}, [])


def test_a_view_is_not_taken_for_a_table(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n"
    write_database(tmp_path, schema=f"CREATE VIEW experiments AS {endless};")
    assert read_all(tmp_path) == ({}, [])


def test_every_cut_of_a_database_is_read_or_reported(tmp_path: Path, real_root_072: Path) -> None:
    whole = (real_root_072 / "runicorn.db").read_bytes()
    for length in [1, 15, 16, 99, 100, 101, 4095, 4096, 4097, *range(8192, len(whole), 150_001)]:
        (tmp_path / "runicorn.db").write_bytes(whole[:length])
        rows, problems = read_all(tmp_path)
        assert (rows is None) == bool(problems)


def test_damage_among_the_points_is_an_error_with_a_reason(tmp_path: Path, real_root_072: Path) -> None:
    whole = bytearray((real_root_072 / "runicorn.db").read_bytes())
    for page in range(8, len(whole) // 4096):
        whole[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    (tmp_path / "runicorn.db").write_bytes(whole)
    problems: list[FileProblem] = []
    database = LegacyDatabase.open(str(tmp_path), b"runicorn.db", problems)
    if database is None:
        assert problems[0].message.startswith("Not readable as a database")
        return
    with pytest.raises(Unreadable, match="Not readable as a database"):
        list(database.series("20261121_234659_5bdb1c"))
    database.close()


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_reported(tmp_path: Path, real_root_072: Path) -> None:
    path = tmp_path / "runicorn.db"
    os.mkfifo(path)
    assert read_all(tmp_path)[1][0].message == "A named pipe, not a file"
    path.unlink()
    path.mkdir()
    assert read_all(tmp_path)[1][0].message == "A directory, not a file"
    path.rmdir()
    path.symlink_to(real_root_072 / "runicorn.db")
    assert read_all(tmp_path)[1][0].message == "Symbolic link, not followed"
    path.unlink()
    shutil.copy(real_root_072 / "runicorn.db", path)
    os.mkfifo(tmp_path / "runicorn.db-wal")
    assert read_all(tmp_path)[1][0].message == "A named pipe, not a file"


def test_a_database_that_is_too_large_is_reported(tmp_path: Path) -> None:
    with write_database(tmp_path).open("r+b") as file:
        file.truncate(3 * 2**30)
    assert read_all(tmp_path) == (None, [FileProblem(path=b"runicorn.db", message="Larger than 2 GiB")])


def test_a_copy_that_cannot_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_database(tmp_path)
    write_and_die(path, "connection.execute('PRAGMA journal_mode = WAL')\nconnection.execute('CREATE TABLE t (x)')")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert read_all(tmp_path)[1] == [
        FileProblem(path=b"runicorn.db", message="Cannot be copied: No such file or directory")
    ]


def test_texts_and_names_that_are_not_clean_are_made_so(tmp_path: Path) -> None:
    root = tmp_path / "r#?% ☃"
    root.mkdir()
    write_database(
        root,
        f"{INSERT} VALUES ('a', 'p', 'n', 1.0, '/x', 0.5, 5.0, CAST(x'61ff62' AS TEXT))",
        f"{INSERT} VALUES (x'00', 'p', 'n', 1.0, '/x', 0.5, 5.0, NULL)",
    )
    assert read_all(root)[0] == {
        "a": LegacyRow(best_metric_value=0.5, deleted_at=5.0, delete_reason="a\ufffdb"),
    }
