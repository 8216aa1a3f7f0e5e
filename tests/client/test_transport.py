from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runicorn_tui.client import (
    Client,
    ConnectionLost,
    NotFound,
    RateLimited,
    Refused,
    ServerError,
    UnexpectedAnswer,
    connect,
    transport,
)

Act = bytes | Callable[[socket.socket], None]


def answer(status: int = 200, body: object = None, **headers: object) -> bytes:
    """What a server says, word for word."""
    raw = body if isinstance(body, bytes) else json.dumps({"status": "ok"} if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


BUSY = answer(503, {"detail": "Database is busy"}, Retry_After=1)
LIMITED = answer(429, {"detail": "Rate limit exceeded", "retry_after": 3}, Retry_After=3)
DELETED = answer(200, {"deleted": 1, "failed": 0, "results": {}, "errors": {}, "query_time_ms": 1.0})


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Peer:
    """A peer that does as it is told, one act for each request, and remembers what it was asked."""

    def __init__(self, *acts: Act) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.connections: list[socket.socket] = []
        self.stopping = threading.Event()
        self._acts = deque(acts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while (request := read_request(connection)) and self._acts:
                    self.requests.append(request)
                    act = self._acts.popleft()
                    if isinstance(act, bytes):
                        connection.sendall(act)
                    else:
                        act(connection)
            except OSError:
                return

    def close(self) -> None:
        self.stopping.set()
        for sock in (self._listener, *self.connections):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._listener.close()
        for thread in self._threads:
            thread.join()


def read_request(connection: socket.socket) -> tuple[str, str, bytes] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0].partition(b":")[2]):
        body += connection.recv(65536)
    method, target, _ = head.decode().split(" ", 2)
    return method, target, body


Play = Callable[..., tuple[Peer, Client]]


@pytest.fixture
def play() -> Iterator[Play]:
    """A peer with its acts, and a client of it."""
    played: list[tuple[Peer, Client]] = []

    def begin(*acts: Act, **options: Any) -> tuple[Peer, Client]:
        peer = Peer(*acts)
        played.append((peer, connect(peer.url, **options)))
        return played[-1]

    yield begin
    for peer, client in played:
        client.close()
        peer.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which take no time."""
    waited: list[float] = []
    monkeypatch.setattr(transport.time, "sleep", waited.append)
    return waited


def delete_all(client: Client, *, dry_run: bool = False) -> int:
    return client.delete_matching(all=True, expected_total=1, dry_run=dry_run).deleted


SAFE: dict[str, Callable[[Client], object]] = {
    "get": lambda client: client.health(),
    "delete": lambda client: client.delete("x"),
    "restore": lambda client: client.restore(["x"]),
    "dry run": lambda client: delete_all(client, dry_run=True),
}


def test_a_connection_is_used_again(play: Play) -> None:
    peer, client = play(*[answer()] * 5)
    for _ in range(5):
        client.health()

    assert (len(peer.requests), len(peer.connections)) == (5, 1)


@pytest.mark.parametrize("call", SAFE.values(), ids=SAFE)
@pytest.mark.parametrize(
    "accident",
    [hang_up, reset, DELETED[:-5], DELETED[:20], b""],
    ids=["hangs up", "resets", "half a body", "half a header", "nothing"],
)
def test_after_a_broken_connection_it_is_asked_again(
    play: Play, waits: list[float], call: Callable[[Client], object], accident: Act
) -> None:
    def break_off(connection: socket.socket) -> None:
        if isinstance(accident, bytes):
            connection.sendall(accident)
            hang_up(connection)
        else:
            accident(connection)

    peer, client = play(break_off, break_off, DELETED)
    call(client)

    assert len(set(peer.requests)) == 1
    assert len(peer.requests) == len(peer.connections) == 3
    assert 0.05 <= waits[0] <= 0.1 <= waits[1] <= 0.2


@pytest.mark.parametrize(
    "accident",
    [hang_up, reset, BUSY, answer(500, {"detail": "disk I/O error"})],
    ids=["hangs up", "resets", "busy", "fails"],
)
def test_a_deletion_by_filter_that_may_have_happened_is_not_asked_again(
    play: Play, waits: list[float], accident: Act
) -> None:
    peer, client = play(accident, DELETED)
    with pytest.raises(ServerError if isinstance(accident, bytes) else ConnectionLost) as error:
        delete_all(client)

    assert (len(peer.requests), waits) == (1, [])
    if isinstance(error.value, ConnectionLost):
        assert error.value.may_have_happened is True


def test_a_deletion_by_filter_that_was_not_heard_is_asked_again(play: Play, waits: list[float]) -> None:
    peer, client = play(LIMITED, LIMITED, DELETED)

    assert delete_all(client) == 1
    assert (len(peer.requests), waits) == (3, [3.0, 3.0])


def test_a_deletion_by_filter_never_goes_over_a_connection_that_may_be_dead(play: Play) -> None:
    peer, client = play(answer(), DELETED, answer())
    client.health()
    delete_all(client)
    client.health()

    assert len(peer.connections) == 2


@pytest.mark.parametrize("call", SAFE.values(), ids=SAFE)
def test_a_busy_server_is_asked_again_when_it_says(
    play: Play, waits: list[float], call: Callable[[Client], object]
) -> None:
    peer, client = play(BUSY, LIMITED, DELETED)
    call(client)

    assert waits == [1.0, 3.0]
    assert len(peer.connections) == 1


def test_five_attempts_are_the_most(play: Play, waits: list[float]) -> None:
    peer, client = play(*[BUSY] * 9)
    with pytest.raises(ServerError, match="Database is busy"):
        client.health()

    assert (len(peer.requests), waits) == (5, [1.0] * 4)


def test_no_wait_goes_beyond_the_deadline(play: Play, waits: list[float]) -> None:
    peer, client = play(LIMITED, answer(), deadline=2.5)
    with pytest.raises(RateLimited) as error:
        client.health()

    assert (error.value.retry_after, len(peer.requests), waits) == (3.0, 1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 502])
def test_other_refusals_are_told_at_once(play: Play, waits: list[float], status: int) -> None:
    peer, client = play(answer(status, {"detail": "No"}), answer())
    with pytest.raises(Refused) as refused:
        client.health()

    assert (refused.value.detail, refused.value.status) == ("No", status)
    assert (len(peer.requests), waits) == (1, [])
    assert client.health().status == "ok"
    assert len(peer.connections) == 1


def test_a_server_that_says_nothing_is_given_up(play: Play) -> None:
    peer, client = play(*[lambda _: peer.stopping.wait()] * 9, timeout=0.1, deadline=0.5)

    with pytest.raises(ConnectionLost, match="did not answer in time"):
        client.health()
    assert 1 < len(peer.requests) <= 5


def test_a_server_that_answers_byte_by_byte_does_not_outlast_the_deadline(play: Play) -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not peer.stopping.wait(0.02):
            connection.sendall(b" ")

    peer, client = play(trickle, timeout=5, deadline=0.4)
    with pytest.raises(ConnectionLost, match="did not answer in time"):
        client.health()


@pytest.mark.parametrize(
    "said",
    [answer(200, b"<html>"), answer(200, b"[1]"), answer(200, b"\xff"), answer(200, b"[" * 200_000),
     b"SSH-2.0-OpenSSH_9.2\r\n", answer(302, b"", Location="http://127.0.0.1:1/"), b"HTTP/1.1 2x0 OK\r\n\r\n"],
    ids=range(7),
)  # fmt: skip
def test_what_is_no_such_server_is_told_apart(play: Play, said: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(said)
        hang_up(connection)

    _, client = play(say)
    with pytest.raises(UnexpectedAnswer):
        client.health()


def test_a_list_without_cursors_is_none_of_ours(play: Play) -> None:
    _, client = play(answer(200, {"experiments": [], "total": 5, "has_next": True}))

    with pytest.raises(UnexpectedAnswer, match="no next_cursor"):
        list(client.list_experiments())


@pytest.mark.parametrize("is_told", [True, False])
def test_an_answer_without_end_is_cut_off(play: Play, monkeypatch: pytest.MonkeyPatch, is_told: bool) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 100_000)
    length = b"Content-Length: 9000000\r\n" if is_told else b""

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        while True:
            connection.sendall(b" " * 10_000)

    _, client = play(flood)
    with pytest.raises(UnexpectedAnswer, match="larger than 100000 bytes"):
        client.health()


def test_an_answer_in_chunks_or_up_to_the_end_is_read_whole(play: Play) -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'

    def until_the_end(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"a": 2}')
        hang_up(connection)

    _, client = play(chunked, until_the_end, answer(200, {"a": 3}))
    assert [client.health()["a"] for _ in range(3)] == [1, 2, 3]


def test_a_connection_of_the_parent_process_is_left_to_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    peer, client = play(*[answer()] * 3)
    client.health()
    monkeypatch.setattr(transport.os, "getpid", lambda: -1)
    client.health()
    client.health()

    assert len(peer.connections) == 2


def test_a_connection_that_was_idle_for_long_is_not_used(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    peer, client = play(*[answer()] * 2)
    client.health()
    monkeypatch.setattr(transport, "_IDLE_SECONDS", -1.0)
    client.health()

    assert len(peer.connections) == 2


def test_the_path_before_a_proxy_is_kept(play: Play) -> None:
    peer, client = play()
    client.close()
    peer._acts.extend([answer(), answer(404, {"detail": "Nothing"})])  # pyright: ignore[reportPrivateUsage]
    with connect(f"{peer.url}/lab/runs/api") as behind:
        behind.health()
        with pytest.raises(NotFound):
            behind.get_experiment("a b")

    assert [target for _, target, _ in peer.requests] == ["/lab/runs/api/health", "/lab/runs/api/v2/experiments/a%20b"]
