"""A slow, busy, full, read-only or damaged index: each is answered as promised, and reads go on where they can."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runicorn_api.app import ServerSettings, create_app
from runicorn_api.health import LEAST_FREE_BYTES, REMEMBERED_SECONDS, Failures
from runicorn_api.server import Server
from runicorn_db.database import Database, Interrupt
from runicorn_db.errors import QueryFailed, StorageFull
from runicorn_db.query import ExperimentQuery, Page
from runicorn_db.store import Store
from tests.api.conftest import Client, Serve, sentence_of
from tests.conftest import scaled

SOME_ID = "20240101_120000_000001"
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


# I6: time


class SlowStore(Store):
    """Takes for ever to find what is searched for."""

    def find(self, query: ExperimentQuery, *, interrupt: Interrupt | None = None) -> Page:
        with self.database.snapshot(interrupt) as connection:
            if query.search:
                connection.execute(ENDLESS).fetchone()
        return super().find(query, interrupt=interrupt)


def test_a_slow_question_over_http_is_answered_500_and_the_next_one_200(store: Store, serve: Serve) -> None:
    with SlowStore(store.path) as slow:
        client = serve(slow, query_timeout=0.5)
        assert client.refused("/v2/experiments", {"search": "x"}, status=500) == "Database query failed: timeout"
        assert client.list()["total"] == 8
        # A question that was too large says nothing about the index.
        assert client.get("/health")["status"] == "ok"


def test_a_filter_that_takes_too_long_deletes_nothing(store: Store, serve: Serve) -> None:
    with SlowStore(store.path) as slow:
        asked = {"query": {"search": "vision"}, "expected_total": 3}
        assert serve(slow, query_timeout=0.3).refused_post("delete-matching", asked, status=500).endswith("timeout")
        assert slow.batches() == []
        assert serve(store).post("delete-matching", asked)["deleted"] == 3


# S12: busy


@contextlib.contextmanager
def held(index: Path) -> Iterator[None]:
    """Another program writes and does not let go."""
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def impatient(store: Store) -> Iterator[Store]:
    """The index of `store`, waiting for others half a second only."""
    with Store(store.path, timeout=0.5) as impatient:
        yield impatient


@pytest.mark.alone
def test_a_busy_index_is_answered_503_and_lists_go_on(impatient: Store, serve: Serve) -> None:
    client = serve(impatient)
    body, kind = json.dumps({"exp_ids": [SOME_ID]}).encode(), {"Content-Type": "application/json"}

    def delete() -> tuple[int, str, str]:
        answer = client.request("POST", "/api/v2/experiments/batch-delete", body, kind)
        return answer.status, answer.headers["retry-after"], sentence_of(answer.json)

    with held(impatient.path), ThreadPoolExecutor(32) as pool:
        began = time.monotonic()
        writing = [pool.submit(delete) for _ in range(24)]
        while not all(write.done() for write in writing):
            assert client.list()["total"] == 8
        # They do not queue up behind each other: the last one is told as soon as the first.
        assert time.monotonic() - began < 6
        assert {write.result() for write in writing} == {(503, "1", "Database is busy")}
    assert client.post("batch-delete", {"exp_ids": [SOME_ID]})["deleted"] == 1


# S9: full, S10: read-only


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder]).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def copy_index(old: Path, new: Path) -> None:
    with contextlib.closing(sqlite3.connect(old)) as source, contextlib.closing(sqlite3.connect(new)) as target:
        source.backup(target)


def test_a_full_disk_is_answered_503_reads_go_on_and_space_heals_it(store: Store, serve: Serve, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        copy_index(store.path, disk / "index.db")
        with Store(disk / "index.db") as moved:
            client = serve(moved)
            assert client.list()["total"] == 8
            with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                while True:
                    ballast.write(b"x" * 4096)
            problems = client.get("/health")["problems"]
            assert any("almost full" in problem for problem in problems)
            sentence = client.refused_post("batch-delete", {"exp_ids": [SOME_ID]}, status=503)
            assert sentence == "Storage is full: nothing was deleted"
            assert client.list()["total"] == 8
            assert client.get("/health")["status"] == "degraded"
            (disk / "ballast").unlink()
            assert client.post("batch-delete", {"exp_ids": [SOME_ID]})["deleted"] == 1
            assert client.list()["total"] == 7


LIMITED = """
import resource, sys
from runicorn_api.app import ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
with Store(sys.argv[1]) as store:
    with Server(create_app(store, ServerSettings(version="1", rate_limits=None)), port=0) as serving:
        store.health()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        print(serving.address[1], flush=True)
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("free", flush=True)
        sys.stdin.read()
"""


def test_a_write_that_the_system_refuses_is_answered_and_reads_go_on(store: Store) -> None:
    command = [sys.executable, "-c", LIMITED, str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        client = Client(("127.0.0.1", int(process.stdout.readline())))
        sentence = client.refused_post("batch-delete", {"exp_ids": [SOME_ID]}, status=500)
        assert sentence == "Database query failed: disk I/O error"
        assert client.list()["total"] == 8
        assert client.get("/health")["problems"] == ["Database query failed: disk I/O error"]
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "free\n"
        assert client.post("batch-delete", {"exp_ids": [SOME_ID]})["deleted"] == 1
        process.communicate("", timeout=20)


def test_an_index_that_became_read_only_is_read_and_health_says_so(store: Store, serve: Serve, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m") as disk:
        copy_index(store.path, disk / "index.db")
        with Store(disk / "index.db") as moved:
            client = serve(moved)
            assert client.get("/health")["status"] == "ok"
            assert client.list()["total"] == 8
            # As the kernel does after an error of the disk; a remount is refused while files are open for writing.
            subprocess.run(["mount", "--bind", disk, disk], check=True)
            try:
                subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
                health = client.get("/health")
                assert health["status"] == "degraded"
                assert health["problems"][0].startswith("The index cannot be written")
                answer = client.request(
                    "POST",
                    "/api/v2/experiments/batch-delete",
                    json.dumps({"exp_ids": [SOME_ID]}).encode(),
                    {"Content-Type": "application/json"},
                )
                assert answer.status == 500
                assert sentence_of(answer.json).startswith("Database query failed: ")
                assert client.list()["total"] == 8
            finally:
                subprocess.run(["umount", "-l", disk], check=True)


# S13: damaged


@pytest.mark.torture
def test_a_damaged_index_answers_rightly_or_with_one_sentence_and_health_remembers(store: Store) -> None:
    targets = ("/v2/experiments", "/v2/experiments?search=e&order_by=name", "/v2/analytics/summary", "/health",
               f"/v2/experiments/{SOME_ID}", f"/v2/experiments/{SOME_ID}/metrics/fast")  # fmt: skip
    with store.database.writing() as connection:
        connection.execute("SELECT 1")
    intact = sqlite3.connect(store.path)
    intact.execute("PRAGMA wal_checkpoint(truncate)").fetchall()
    image = intact.serialize()
    intact.close()
    failed = 0
    for seed in range(scaled(12, 10_000)):
        path = store.path.with_name(f"damaged{seed % 4}.db")
        for end in ("", "-wal", "-shm", ".lock"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        path.write_bytes(image)
        settings = ServerSettings(version="1", rate_limits=None)
        with Store(path) as damaged, Server(create_app(damaged, settings), port=0) as server:
            client = Client(server.address)
            path.write_bytes(flipped(image, random.Random(seed)))
            for target in targets:
                answer = client.request("GET", f"/api{target}")
                assert answer.status in (200, 400, 404, 500), (seed, target)
                if answer.status == 500:
                    failed += 1
                    sentence = sentence_of(answer.json)
                    assert sentence.startswith("Database query failed: "), (seed, target, sentence)
                    assert client.get("/health")["status"] == "degraded"
    assert failed


def flipped(image: bytes, chance: random.Random) -> bytes:
    """The file with some bytes of most pages changed, its header left alone."""
    damaged = bytearray(image)
    for _ in range(len(image) // 2000):
        damaged[chance.randrange(100, len(image))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def test_health_remembers_a_failure_for_a_minute() -> None:
    now = 100.0
    failures = Failures(clock=lambda: now)
    assert failures.recent() == []
    failures.note(QueryFailed("Database query failed: timeout"))
    failures.note(ValueError("no failure of the index"))
    assert failures.recent() == []
    failures.note(StorageFull("Storage is full: nothing was changed"))
    failures.note(QueryFailed("Database query failed: disk I/O error"))
    now += REMEMBERED_SECONDS
    assert failures.recent() == ["Database query failed: disk I/O error"]
    now += 0.1
    assert failures.recent() == []


def test_little_room_is_told_before_there_is_none() -> None:
    assert LEAST_FREE_BYTES > 4 << 20


# S17: the log of SQLite


@pytest.mark.torture
def test_the_log_of_the_index_stays_small_while_it_is_read_and_written(tmp_path: Path) -> None:
    largest = 0
    stop = threading.Event()
    database = Database(tmp_path / "index.db")

    def read(seconds: float) -> None:
        # One snapshot after the other, as long as a question of a client may take.
        while not stop.is_set():
            with database.snapshot() as connection:
                connection.execute("SELECT count(*) FROM experiment").fetchone()
                stop.wait(seconds)

    with contextlib.closing(database), ThreadPoolExecutor(4) as pool:
        with database.writing() as connection:
            connection.execute("CREATE TABLE load (data)")
        reading = [pool.submit(read, seconds) for seconds in (0.05, 0.7, 1.1, 1.9)]
        log = database.path.with_name("index.db-wal")
        for _ in range(scaled(120, 3000)):
            with database.writing() as connection:
                connection.execute("INSERT INTO load VALUES (randomblob(1000000))")
                connection.execute("DELETE FROM load WHERE rowid % 10 = 0")
            largest = max(largest, log.stat().st_size)
        stop.set()
        for reader in reading:
            reader.result(timeout=20)
    assert largest <= 64 << 20, f"{largest >> 20} MiB"
