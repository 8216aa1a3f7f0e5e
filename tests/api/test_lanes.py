from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import falcon.testing
import pytest

from runicorn_api.app import Application, ServerSettings, create_app
from runicorn_api.exchanges import WAITED_SECONDS, Exchange
from runicorn_api.gate import PATIENCE_SECONDS
from runicorn_api.lanes import THREADS, lane_of
from runicorn_api.server import Server
from runicorn_db import artifacts
from runicorn_db.query import ExperimentQuery, MetricsQuery, MetricTable, Page, Summary
from runicorn_db.store import Store
from tests.api.conftest import Client, Serve

ID = "20240101_120000_000001"
SERIES = f"/api/v2/experiments/{ID}/metrics/fast"
SUMMARY = "/api/v2/analytics/summary"
SEARCH = "/api/v2/experiments?search=resnet"


@pytest.mark.parametrize(
    ("target", "lane"),
    [
        ("/api/health", "health"),
        ("/api/health/", "health"),
        ("/metrics", "health"),
        ("/api/v2/experiments", "quick"),
        ("/api/v2/experiments?page=2&project=search", "quick"),
        ("/api/v2/experiments?search=&filter=", "quick"),
        ("/api/v2/experiments/my_metrics_run", "quick"),
        ("/api/v2/trash", "quick"),
        ("/openapi.json", "quick"),
        ("*", "quick"),
        (SERIES, "series"),
        (SERIES + "?downsample=10", "series"),
        ("/api/runs/x/metrics", "series"),
        ("/api/runs/x/metrics_step/", "series"),
        ("/api/experiments/x/export/csv", "series"),
        ("/api/runs/x", "quick"),
        ("/api/runs/x/progress", "quick"),
        ("/api/projects", "search"),
        ("/api/projects/vision/names", "search"),
        ("/api/paths", "search"),
        ("/api/recycle-bin", "search"),
        ("/api/runs/", "files"),
        ("/api/paths/runs?path=a", "files"),
        ("/api/projects/vision/names/a\nb/c/runs", "files"),
        ("/api/artifacts", "files"),
        ("/api/artifacts/stats", "files"),
        ("/api/artifacts/net/v1/files", "files"),
        (SUMMARY, "search"),
        (SEARCH, "search"),
        ("/api/v2/experiments?page=1&filter=acc%3E0", "search"),
        ("/api/v2/experiments?%73earch=resnet", "search"),
        ("/api/v2/experiments?page=1&filte%72=acc%3E0", "search"),
        ("/api/v2/experiments?search=%26resnet", "search"),
        ("/api/v2/experiments?project=a%26search=b", "quick"),
    ],
)
def test_what_may_take_long_is_told_by_its_target(target: str, lane: str) -> None:
    path, _, query = target.partition("?")
    assert lane_of("GET", path, query) == lane
    assert lane_of("POST", path, query) == "quick"


class WaitingStore(Store):
    """Answers searches, summaries and series when it is allowed to."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Event()

    def _wait(self) -> None:
        self.begun.release()
        assert self.allowed.wait(60)

    def find(self, query: ExperimentQuery, **given: Any) -> Page:
        if query.search or query.filter:
            self._wait()
        return super().find(query, **given)

    def summary(self, query: ExperimentQuery) -> Summary:
        self._wait()
        return super().summary(query)

    def series(self, query: MetricsQuery) -> MetricTable:
        self._wait()
        return super().series(query)


@pytest.fixture
def waiting(store: Store) -> Iterator[WaitingStore]:
    with WaitingStore(store.path) as opened:
        yield opened
        # Also when a test fails: the server could not stop otherwise.
        opened.allowed.set()


def test_any_number_of_slow_questions_leaves_the_quick_ones_their_threads(waiting: WaitingStore, serve: Serve) -> None:
    client = serve(waiting, has_metrics=True)
    with ExitStack() as crowd:
        asked = [crowd.enter_context(ask(client, target)) for target in (SERIES, SUMMARY, SEARCH) * 16]
        # A series and a search: both readers are held, and whatever else came waits for them.
        for _ in range(2):
            assert waiting.begun.acquire(timeout=30)
        with ThreadPoolExecutor(32) as pool:
            for answers in (
                pool.map(lambda _: client.get("/health")["status"], range(40)),
                pool.map(lambda _: client.list()["total"], range(40)),
                pool.map(lambda _: client.get(f"/v2/experiments/{ID}")["file_count"], range(40)),
            ):
                assert len(set(answers)) == 1
        waiting.allowed.set()
        assert [status_of(connection) for connection in asked] == [200] * 48


@pytest.fixture
def slow_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Says when somebody begins to read what a run archived; as slow as a disk that does not answer."""
    begun, allowed = threading.Semaphore(0), threading.Event()
    read_run = artifacts.read_run

    def read(*given: Any, **options: Any) -> Any:
        begun.release()
        assert allowed.wait(60)
        return read_run(*given, **options)

    monkeypatch.setattr(artifacts, "read_run", read)
    yield begun
    allowed.set()


def test_a_slow_disk_holds_up_nobody_who_asks_the_index(
    store: Store, serve: Serve, slow_files: threading.Semaphore
) -> None:
    client = serve(store)
    with ExitStack() as crowd:
        for _ in range(8):
            crowd.enter_context(ask(client, "/api/artifacts"))
        for _ in range(THREADS["files"]):
            assert slow_files.acquire(timeout=30)
        assert client.list("search=resnet")["total"] == 3
        assert client.get("/v2/analytics/summary")["total"] == len(client.list()["experiments"])


def test_the_stop_of_a_server_does_not_wait_for_a_slow_disk(
    store: Store, slow_files: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runicorn_api.server._STOP_SECONDS", 0.1)
    server = Server(create_app(store, ServerSettings(version="1", rate_limits=None)), port=0)
    server.start()
    with ask(Client(server.address), "/api/artifacts"), ThreadPoolExecutor(1) as pool:
        assert slow_files.acquire(timeout=30)
        pool.submit(server.stop).result(timeout=30)


def test_the_time_that_a_request_waited_for_its_turn_belongs_to_it(waiting: WaitingStore) -> None:
    told: list[Exchange] = []
    app = create_app(waiting, ServerSettings(version="1", rate_limits=None))
    with Server(app, port=0, observers=(told.append,)) as server, ExitStack() as crowd:
        client = Client(server.address)
        asked = [crowd.enter_context(ask(client, SERIES)) for _ in range(2 * THREADS["series"])]
        while sum(bool(channel.requests) for channel in list(server._server.active_channels.values())) < len(asked):
            threading.Event().wait(0.01)
        began = time.monotonic()
        client.get("/health")
        held = time.monotonic() - began
        waiting.allowed.set()
        assert [status_of(connection) for connection in asked] == [200] * len(asked)
    assert len(told) == len(asked) + 1
    assert all(exchange.seconds > held for exchange in told if exchange.route.endswith("/fast"))


@pytest.mark.parametrize(("timeout", "seconds"), [(0.1, PATIENCE_SECONDS), (2.0, PATIENCE_SECONDS), (30.0, 150.0)])
def test_who_waited_too_long_for_a_turn_is_told_that_the_index_is_busy(
    store: Store, timeout: float, seconds: float
) -> None:
    app = create_app(store, ServerSettings(version="1", rate_limits=None, query_timeout=timeout))
    try:
        patient, late = (asker(app, waited) for waited in (seconds, seconds + 0.1))
        assert patient("/api/v2/experiments").status_code == 200
        answer = late("/api/v2/experiments")
    finally:
        app.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json == {"detail": "Database is busy"}


def asker(app: Application, waited: float) -> Callable[[str], Any]:
    client = falcon.testing.TestClient(app)  # type: ignore[arg-type]
    return lambda target: client.simulate_get(
        target, headers={"Host": "localhost"}, extras={"REQUEST_URI": target, WAITED_SECONDS: waited}
    )


def ask(client: Client, target: str) -> socket.socket:
    connection = socket.create_connection(client.address, timeout=60)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return connection


def status_of(connection: socket.socket) -> int:
    return int(b"".join(iter(lambda: connection.recv(65536), b"")).split()[1])
