from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator

import pytest

from runicorn_api.handover import Conversations


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's and the server's end of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        yield ours, theirs


def greet(connection: socket.socket, received: bytes, stopping: threading.Event) -> int:
    connection.sendall(received.upper())
    return len(received)


def wait_for_the_client(connection: socket.socket, received: bytes, stopping: threading.Event) -> int:
    return len(connection.recv(1))


def test_a_conversation_is_held_in_a_thread_and_its_connection_closed(pair) -> None:
    client, server = pair
    ended: queue.Queue[int] = queue.Queue()
    conversations = Conversations()
    conversations.begin(greet, server, b"hello", ended.put)
    assert client.recv(9) == b"HELLO"
    assert client.recv(9) == b""
    assert ended.get(timeout=10) == 5
    assert len(conversations) == 0


def test_a_conversation_that_fails_is_logged_and_its_connection_closed(pair, caplog: pytest.LogCaptureFixture) -> None:
    client, server = pair
    ended: queue.Queue[int] = queue.Queue()

    def fail(connection: socket.socket, received: bytes, stopping: threading.Event) -> int:
        raise ZeroDivisionError("a fault of ours")

    Conversations().begin(fail, server, b"", ended.put)
    assert client.recv(9) == b""
    assert ended.get(timeout=10) == 0
    assert "a fault of ours" in caplog.text


def test_without_a_thread_the_connection_is_closed(pair, monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = pair

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    conversations = Conversations()
    ended: list[int] = []
    conversations.begin(greet, server, b"hello", ended.append)
    assert client.recv(9) == b""
    assert ended == [0]
    assert len(conversations) == 0


def test_who_does_not_take_leave_is_cut_off(pair) -> None:
    client, server = pair
    ended: queue.Queue[int] = queue.Queue()
    conversations = Conversations()
    conversations.begin(wait_for_the_client, server, b"", ended.put)
    conversations.stopping.set()
    conversations.join(0.05)
    assert client.recv(9) == b""
    assert ended.get(timeout=10) == 0
