from __future__ import annotations

import http.client
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runicorn_api.app import ServerSettings, create_app
from runicorn_api.exchanges import Exchange
from runicorn_api.listening import PortTaken
from runicorn_api.server import _STOP_SECONDS, OncePerSecond, Server
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store

HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"


@pytest.fixture
def app(empty_store: Store):
    app = create_app(empty_store, ServerSettings(version="1", rate_limits=None))
    yield app
    app.close()


def test_port_zero_takes_a_free_port_and_the_url_names_it(app) -> None:
    with Server(app, port=0) as server:
        host, port = server.address
        assert host == "127.0.0.1"
        assert port > 0
        assert server.url == f"http://127.0.0.1:{port}/api"
        with socket.create_connection(server.address):
            pass


def test_an_ipv6_address_is_served_and_written_in_brackets(app) -> None:
    with Server(app, "::1", 0) as server:
        assert server.url == f"http://[::1]:{server.address[1]}/api"
        connection = http.client.HTTPConnection("::1", server.address[1], timeout=5)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        connection.close()


def test_a_taken_address_is_told(app) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken):
        Server(app, port=taken.getsockname()[1])


def test_a_socket_file_is_served_and_removed_at_the_end(empty_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    app = create_app(empty_store, ServerSettings(version="1"))
    with Server(app, unix_socket=path) as server:
        assert server.url == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"X-RateLimit-Remaining: 59" in answer
    assert not path.exists()


@pytest.mark.alone
def test_stopping_an_idle_server_is_quick_and_frees_the_port(app) -> None:
    server = Server(app, port=0)
    server.start()
    idle = socket.create_connection(server.address)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2
    server.stop()
    idle.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("runicorn-api", "waitress"))]
    with Server(app, port=server.address[1]):
        pass


def test_a_server_that_never_ran_can_be_stopped(app) -> None:
    server = Server(app, port=0)
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


def test_a_running_request_is_answered_before_the_server_stops(empty_store: Store) -> None:
    entered, release = threading.Event(), threading.Event()

    def syncing() -> bool:
        entered.set()
        return release.wait(10)

    server = Server(create_app(empty_store, ServerSettings(version="1", syncing=syncing)), port=0)
    server.start()
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.request("GET", "/api/health")
    with ThreadPoolExecutor() as pool:
        assert entered.wait(10)
        stopping = pool.submit(server.stop)
        while not server._server.is_stopping:
            threading.Event().wait(0.01)
        release.set()
        response = connection.getresponse()
        assert response.status == 200
        # It is not to be asked on it again.
        assert response.getheader("Connection") == "close"
        assert b'"syncing":true' in response.read()
        stopping.result(timeout=10)
    connection.close()


def test_an_answer_under_way_is_sent_to_its_end_when_the_server_stops(empty_store: Store) -> None:
    # Larger than what the sockets of both sides hold, so that most of it waits in the server.
    version = "x" * 20_000_000
    server = Server(create_app(empty_store, ServerSettings(version=version)), port=0)
    server.start()
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.request("GET", "/api/health")
    response = connection.getresponse()
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(server.stop)
        assert server._stopping.wait(10)
        assert version.encode() in response.read()
        stopping.result(timeout=10)
    connection.close()


def test_requests_that_wait_for_their_turn_are_answered_before_the_server_stops(empty_store: Store) -> None:
    entered, release = threading.Semaphore(0), threading.Event()

    def syncing() -> bool:
        entered.release()
        return release.wait(10)

    server = Server(create_app(empty_store, ServerSettings(version="1", syncing=syncing)), port=0)
    server.start()
    # More than there are threads for them.
    clients = [socket.create_connection(server.address, timeout=10) for _ in range(20)]
    for client in clients:
        client.sendall(b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert entered.acquire(timeout=10)
    while sum(bool(channel.requests) for channel in list(server._server.active_channels.values())) < len(clients):
        threading.Event().wait(0.01)
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(server.stop)
        assert server._stopping.wait(10)
        release.set()
        for client in clients:
            assert b"".join(iter(lambda c=client: c.recv(65536), b"")).startswith(b"HTTP/1.1 200 OK")
            client.close()
        stopping.result(timeout=10)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_requests_in_one_packet_are_all_answered_before_the_server_stops(empty_store: Store, version: bytes) -> None:
    entered, release = threading.Event(), threading.Event()

    def syncing() -> bool:
        entered.set()
        return release.wait(10)

    server = Server(create_app(empty_store, ServerSettings(version="1", syncing=syncing)), port=0)
    server.start()
    request = b"GET /api/health HTTP/" + version + b"\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as client, ThreadPoolExecutor() as pool:
        client.sendall(request * 3)
        assert entered.wait(10)
        stopping = pool.submit(server.stop)
        while not server._server.is_stopping:
            threading.Event().wait(0.01)
        release.set()
        received = b"".join(iter(lambda: client.recv(65536), b"")).lower()
        stopping.result(timeout=10)
    assert received.count(b" 200 ok\r\n") == 3
    first, second, last = received.split(b" 200 ok\r\n")[1:]
    assert b"connection: close" in last
    assert b"keep-alive" not in last
    assert b"connection: close" not in first + second


@pytest.mark.alone
def test_a_request_that_never_ends_holds_up_the_stop_for_a_few_seconds_only(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _STOP_SECONDS == 5
    monkeypatch.setattr("runicorn_api.server._STOP_SECONDS", 0.5)
    entered, release = threading.Event(), threading.Event()

    def syncing() -> bool:
        entered.set()
        return release.wait(20)

    server = Server(create_app(empty_store, ServerSettings(version="1", syncing=syncing)), port=0)
    server.start()
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert entered.wait(10)
        began = time.monotonic()
        server.stop()
        assert 0.5 <= time.monotonic() - began < 5
        release.set()


@pytest.mark.alone
def test_a_client_that_asks_on_and_on_does_not_hold_up_the_stop(app) -> None:
    server = Server(app, port=0)
    server.start()
    asking = threading.Event()

    def ask() -> None:
        with socket.create_connection(server.address, timeout=10) as client:
            while True:
                try:
                    client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if not client.recv(65536):
                        return
                except OSError:
                    return
                asking.set()

    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask)
        assert asking.wait(10)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2
        asked.result(timeout=10)


def test_observers_are_told_of_every_answer_also_of_what_was_no_request(empty_store: Store) -> None:
    told: list[Exchange] = []
    app = create_app(empty_store, ServerSettings(version="1"))
    with Server(app, port=0, observers=(told.append,)) as server:
        for request in (b"GET /api/v2/experiments/x?y=1 HTTP/1.1\r\n" + HEAD + b"\r\n", b"GARBAGE\r\n\r\n"):
            with socket.create_connection(server.address, timeout=10) as client:
                client.sendall(request)
                body = b"".join(iter(lambda c=client: c.recv(65536), b"")).partition(b"\r\n\r\n")[2]
            assert told[-1].size_bytes == len(body)
    asked, garbage = told
    assert (asked.client, asked.method, asked.target) == ("127.0.0.1", "GET", "/api/v2/experiments/x?y=1")
    assert (asked.route, asked.status) == ("/api/v2/experiments/{experiment_id}", 400)
    assert 0 < asked.seconds < 5
    assert (garbage.method, garbage.target, garbage.route, garbage.status) == ("-", "-", "none", 400)


def test_one_record_a_second_is_logged() -> None:
    calm = OncePerSecond()
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "x", (), None)
    assert [calm.filter(record) for _ in range(3)] == [True, False, False]


PROGRAM = """
import signal, sys
# Whoever started the tests may have had this ignored, for all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
from runicorn_api.app import ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
with Store(sys.argv[1]) as store:
    server = Server(create_app(store, ServerSettings(version="1")), port=0)
    print(server.url, flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def test_in_the_foreground_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "index.db")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        url = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/api"), timeout=5)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(2)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)


def test_in_the_foreground_it_serves_until_it_is_told_to_stop(app) -> None:
    server = Server(app, port=0)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(server.run)
        connection = http.client.HTTPConnection(*server.address, timeout=5)
        connection.request("GET", "/api/health")
        assert connection.getresponse().status == 200
        connection.close()
        server.stop()
        running.result(timeout=5)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"get /api/health HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
        (b"GET /api/health HTTP/3.0\r\n" + HEAD + b"\r\n", 400),
        (b"GET /api/health HTTP/0.9\r\n" + HEAD + b"\r\n", 400),
        (b"GET /api/health HTTP/11\r\n" + HEAD + b"\r\n", 400),
        (b"GET /api/health\r\n" + HEAD + b"\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /api/health HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /api/health HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X: a\nb\r\n\r\n", 400),
        (b"GET http://[::1/api HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.0\r\n" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.0\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: 1048577\r\n\r\n", 413),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", 413),
        (b"POST /api/x HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n180000\r\n" + b"x" * 0x180000, 413),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 16384 + b"\r\n\r\n", 431),
        (b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 1_000_000, 431),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_in_the_one_shape(client, request_bytes: bytes, status: int) -> None:
    client.refused_raw(request_bytes, status=status)
    assert client.get("/health")["status"] == "ok"


def test_a_refusal_closes_the_connection_and_drops_what_follows(client) -> None:
    smuggled = b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n"
    request = (
        b"POST /api/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with socket.create_connection(client.address, timeout=10) as connection:
        connection.sendall(request + smuggled)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in received
    assert received.count(b"HTTP/1.1") == 1


def test_limits_are_allowed_up_to_their_last_byte(client) -> None:
    line = b"GET /api/health HTTP/1.1\r\n" + HEAD + b"X: "
    longest = line + b"x" * (16384 - len(line) - 4) + b"\r\n\r\n"
    assert len(longest) == 16384
    assert client.raw(longest)[0] == 200
    assert client.raw(longest.replace(b"X: x", b"X: xx"))[0] == 431
    body = b'{"exp_ids": ["x"]}'
    padded = body + b" " * (1024 * 1024 - len(body))
    headers = {"Content-Type": "application/json"}
    assert client.request("POST", "/api/v2/experiments/batch-delete", padded, headers).status == 200
    sentence = client.refusal("POST", "/api/v2/experiments/batch-delete", padded + b" ", headers, status=413)
    assert sentence == "Request body is too large: at most 1048576 bytes are allowed"


def test_a_client_that_still_sends_gets_to_see_the_refusal(client) -> None:
    # Three megabytes do not fit into socket buffers: the server has answered before the client is done.
    headers = {"Content-Type": "application/json"}
    client.refusal("POST", "/api/v2/experiments/batch-delete", b" " * 3_000_000, headers, status=413)


def test_a_refused_client_that_vanishes_leaves_no_connection_behind(app) -> None:
    with Server(app, port=0) as server:
        for _ in range(5):
            with socket.create_connection(server.address) as connection:
                connection.sendall(b"GARBAGE\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.0 400")
        # One more answered request: what was closed before it has been seen by the loop.
        deadline = time.monotonic() + 5
        while server._server.active_channels and time.monotonic() < deadline:
            with socket.create_connection(server.address) as connection:
                connection.sendall(b"GET /api/health HTTP/1.1\r\n" + HEAD + b"\r\n")
                while connection.recv(65536):
                    pass
        assert len(server._server.active_channels) <= 1


def test_a_refused_client_that_never_stops_sending_is_cut_off(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runicorn_api.channel._LINGER_SECONDS", 0.0)
    with socket.create_connection(client.address, timeout=10) as connection:
        connection.sendall(b"GARBAGE\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.0 400")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.sendall(b"x" * 200_000_000)


def test_chunked_bodies_are_read(client) -> None:
    body = b"POST /api/v2/experiments/batch-delete HTTP/1.1\r\n" + HEAD
    body += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    body += b'9\r\n{"exp_ids\r\n9\r\n": ["x"]}\r\n0\r\n\r\n'
    status, _, answer = client.raw(body)
    assert (status, b'"x":"not found"' in answer) == (200, True)


def test_a_kept_connection_answers_one_request_after_the_other(client) -> None:
    connection = http.client.HTTPConnection(*client.address, timeout=10)
    for method, status in (("GET", 200), ("HEAD", 200), ("DELETE", 405), ("POST", 415), ("GET", 200)):
        connection.request(method, "/api/v2/experiments/batch-delete" if method == "POST" else "/api/health")
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert response.getheader("Connection") is None
    connection.close()


def test_many_clients_at_once_get_their_own_answers(client) -> None:
    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda number: client.list({"page": number, "per_page": 1}), [1, 2, 3, 4] * 10))
    assert [page["page"] for page in pages] == [1, 2, 3, 4] * 10
    assert len({page["experiments"][0]["id"] for page in pages}) == 4


def test_closing_the_server_leaves_the_store_usable(empty_store: Store, app) -> None:
    with Server(app, port=0):
        pass
    assert empty_store.find(ExperimentQuery()).total == 0
