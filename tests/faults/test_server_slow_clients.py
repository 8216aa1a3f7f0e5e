"""Clients that send slowly, do not read, or come in crowds: others are served meanwhile, and nothing stays behind.

`make torture` holds 500 of them at the deadlines of the product; the suite fewer, at shorter ones.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from runicorn_api import channel, server
from runicorn_db.store import Store
from tests.api.conftest import Client, Run, Serve, write_root
from tests.conftest import scaled

pytestmark = pytest.mark.alone

SERIES = "/api/v2/experiments/long/metrics/fast"
GET_HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_SERIES = f"GET {SERIES} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
POST = b"POST /api/v2/experiments/batch-delete HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for."""
    monkeypatch.setattr(channel, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(channel, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(channel, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(channel, "IDLE_SECONDS", 1.0)


def closed_after(client: Client, request: bytes, trickle: bytes = b"") -> float:
    """Seconds until the server closes a connection on which, after `request`, a byte comes now and then."""
    with socket.create_connection(client.address, timeout=20) as connection:
        connection.sendall(request)
        began = time.monotonic()
        connection.settimeout(0.1)
        while time.monotonic() - began < 20:
            with contextlib.suppress(TimeoutError):
                try:
                    if connection.recv(65536) == b"":
                        return time.monotonic() - began
                    continue
                except ConnectionResetError:
                    return time.monotonic() - began
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(trickle)
    raise AssertionError("the connection stays open")


@pytest.mark.parametrize(
    ("request_bytes", "trickle", "seconds"),
    [
        (b"", b"", 0.5),
        (b"GET /api/health HTTP/1.1\r\nX-Slow: ", b"x", 0.5),
        (b"\r\n", b"\r\n", 0.5),
        (POST + b"Content-Length: 1000000\r\n\r\n{", b" ", 1.0),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 1.0),
        (POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", b"", 1.0),
        (GET_HEALTH, b"", 1.0),
        (GET_HEALTH + b"GET /api", b"x", 0.5),
    ],
    ids=["nothing", "header", "empty lines", "body", "chunks", "continue", "idle", "second header"],
)
@pytest.mark.usefixtures("quick")
def test_a_client_that_takes_its_time_is_cut_off(
    empty_store: Store, serve: Serve, request_bytes: bytes, trickle: bytes, seconds: float
) -> None:
    assert seconds * 0.9 < closed_after(serve(empty_store), request_bytes, trickle) < seconds + 6


def test_the_deadlines_are_those_that_are_promised() -> None:
    assert (channel.HEADER_SECONDS, channel.BODY_SECONDS, channel.STALL_SECONDS) == (10, 30, 30)


@pytest.fixture
def long_store(tmp_path: Path) -> Iterator[Store]:
    """One experiment whose whole series is an answer of some MB."""
    steps = tuple((step, {f"metric_{name}": step / 7 for name in range(8)}) for step in range(24_000))
    from runicorn_db.sync import sync

    with Store(tmp_path / "index.db") as store:
        run = Run(id="long", project="vision", name="long", events=steps)
        store.add_root(write_root(tmp_path / "root", (run,)), "lab")
        sync(store)
        yield store


def non_reader(address: tuple[str, int], request: bytes) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(60)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(address)
    connection.sendall(request)
    return connection


def descriptors(pid: int | None = None) -> int:
    return len(os.listdir(f"/proc/{pid or 'self'}/fd"))


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@pytest.mark.usefixtures("quick")
def test_clients_that_do_not_read_hold_no_thread_and_leave_no_descriptor(long_store: Store, serve: Serve) -> None:
    client = serve(long_store)
    size = len(client.request("GET", SERIES).body)
    assert size > 4 << 20
    client.get("/health")
    before = descriptors()
    # More than there are threads, each with many requests in one packet.
    stuck = [non_reader(client.address, GET_SERIES * 20) for _ in range(24)]
    for _ in range(5):
        assert client.get("/health")["status"] == "ok"
    assert descriptors() > before
    # Theirs are in this process too.
    wait_for(lambda: descriptors() <= before + len(stuck))
    for connection in stuck:
        connection.close()
    wait_for(lambda: descriptors() <= before)


@pytest.mark.usefixtures("quick")
def test_a_client_that_reads_slowly_but_steadily_gets_all_of_its_answer(long_store: Store, serve: Serve) -> None:
    client = serve(long_store)
    with non_reader(client.address, GET_SERIES.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as connection:
        response = http.client.HTTPResponse(connection)
        response.begin()
        parts: list[bytes] = []
        began = time.monotonic()
        # So slowly that the kernel has no room for more in any time that is allowed without a move.
        while time.monotonic() - began < 5 * channel.STALL_SECONDS:
            parts.append(response.read(1024))
            threading.Event().wait(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        parts.append(response.read())
    assert len(json.loads(b"".join(parts))["rows"]) == 24_000


def test_many_requests_in_one_packet_are_answered_in_their_order(long_store: Store, serve: Serve) -> None:
    client = serve(long_store)
    pair = GET_SERIES + GET_HEALTH.replace(b"health", b"nowhere")
    with socket.create_connection(client.address, timeout=20) as connection, connection.makefile("rb") as answers:
        connection.sendall(pair * 4)
        for expected in (b"200", b"404") * 4:
            assert answers.readline().split()[1] == expected
            head = b"".join(iter(answers.readline, b"\r\n"))
            length = re.search(rb"Content-Length: (\d+)", head)
            assert length is not None
            answers.read(int(length[1]))


@pytest.mark.usefixtures("quick")
def test_connections_beyond_the_limit_wait_and_are_served_when_there_is_room(
    empty_store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_CONNECTIONS", 20)
    client = serve(empty_store)
    with contextlib.ExitStack() as crowd:
        for _ in range(60):
            crowd.enter_context(socket.create_connection(client.address))
        # All of them hold a place until their time for a header is over; the last ones wait for that.
        assert client.get("/health")["status"] == "ok"


PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from runicorn_api import channel, server
channel.HEADER_SECONDS = 3.0
server.connection_limit = lambda: 1000
from runicorn_api.app import ServerSettings, create_app
from runicorn_db.store import Store
with Store(sys.argv[1]) as store:
    with server.Server(create_app(store, ServerSettings(version="1", rate_limits=None)), port=0) as serving:
        print(serving.address[1], flush=True)
        sys.stdin.read()
"""


def test_without_descriptors_new_connections_wait_and_little_is_logged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index.db")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout is not None
        client = Client(("127.0.0.1", int(process.stdout.readline())))
        watched = psutil.Process(process.pid)
        began, cpu = time.monotonic(), sum(watched.cpu_times()[:2])
        with contextlib.ExitStack() as crowd:
            for _ in range(150):
                crowd.enter_context(socket.create_connection(client.address))
            wait_for(lambda: descriptors(process.pid) == 64)
            # Every place is taken; as soon as the first ones have had their time, this is answered.
            assert client.get("/health")["database"]
            seconds, cpu = time.monotonic() - began, sum(watched.cpu_times()[:2]) - cpu
        assert client.get("/health")["status"] == "ok"
        _, err = process.communicate("", timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert 1 <= len(err.splitlines()) <= seconds + 2
    # It pauses, where it could spin.
    assert cpu < 0.8 * seconds


def test_connections_of_strangers_make_room(empty_store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    # Rootless: to this server everybody but a user that does not exist is a stranger.
    monkeypatch.setattr(server, "_CONNECTIONS", 20)
    monkeypatch.setattr("runicorn_api.peers.own_uids", lambda: frozenset({4_000_000}))
    client = serve(empty_store)
    with contextlib.ExitStack() as crowd:
        held = [crowd.enter_context(socket.create_connection(client.address, timeout=20)) for _ in range(15)]
        # Long before the deadline of a header.
        began = time.monotonic()
        assert [connection.recv(1) for connection in held] == [b""] * 15
        assert time.monotonic() - began < channel.HEADER_SECONDS / 2


@pytest.mark.torture
@pytest.mark.timeout(240)
def test_a_crowd_of_slow_clients_delays_nobody_else_and_leaves_nothing_behind(
    tmp_path: Path, long_store: Store
) -> None:
    slow, stuck = scaled(80, 400), scaled(20, 100)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > slow + stuck + 100
    with serving(tmp_path / "index.db", scaled(1, 0)) as process:
        client = Client(("127.0.0.1", int(process.stdout.readline())))  # pyright: ignore[reportOptionalMemberAccess]
        # Every reader has its connection to the index now.
        for target in ("/api/v2/experiments", SERIES, "/api/health"):
            client.request("GET", target)
        base = descriptors(process.pid)
        with contextlib.ExitStack() as crowd:
            some = GET_SERIES.replace(b"fast", b"fast?downsample=3000")
            for unread in [crowd.enter_context(non_reader(client.address, some)) for _ in range(stuck)]:
                # The first bytes have come: the rest waits in the server.
                assert unread.recv(1, socket.MSG_PEEK)
            dribblers = [crowd.enter_context(socket.create_connection(client.address)) for _ in range(slow)]
            stop = threading.Event()
            with ThreadPoolExecutor() as pool:
                dribbling = pool.submit(dribble, dribblers, stop)
                try:
                    times = [asked(client) for _ in range(150)]
                    # But for what one answered request may still hold.
                    assert descriptors(process.pid) >= base + slow + stuck - 2, "not all were held"
                finally:
                    stop.set()
                dribbling.result(timeout=20)
            # The clients stay: it is the server that lets go of them.
            wait_for(lambda: descriptors(process.pid) <= base, 60)
        process.communicate("", timeout=20)
    p99 = statistics.quantiles(times, n=100)[98]
    print(f"{slow} slow and {stuck} stuck: p50 {1000 * statistics.median(times):.0f} ms, p99 {1000 * p99:.0f} ms")
    assert p99 < 0.5, f"p99 {1000 * p99:.0f} ms"


def asked(client: Client) -> float:
    began = time.perf_counter()
    client.get("/v2/experiments")
    return time.perf_counter() - began


def dribble(connections: list[socket.socket], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.send(b"G")


CROWDED = """
import sys
from runicorn_api import channel
if sys.argv[2] == "1":
    channel.HEADER_SECONDS, channel.STALL_SECONDS = 6.0, 10.0
from runicorn_api.app import ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
with Store(sys.argv[1]) as store:
    with Server(create_app(store, ServerSettings(version="1", rate_limits=None)), port=0) as serving:
        print(serving.address[1], flush=True)
        sys.stdin.read()
"""


@contextlib.contextmanager
def serving(index: Path, is_quick: int) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, so that only its descriptors are counted."""
    command = [sys.executable, "-c", CROWDED, str(index), str(is_quick)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
