"""What no client of a whole server can bring about surely; the rest is in v1/test_log_stream.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from runicorn_api import websocket
from runicorn_api.websocket import BadHandshake, Gone, Handshake, WebSocket

ASKED = {
    "HTTP_CONNECTION": "keep-alive, Upgrade",
    "HTTP_UPGRADE": "WebSocket",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, WebSocket]]:
    """The client's end of a connection, and the server's as a WebSocket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        yield ours, WebSocket(theirs, threading.Event())


def test_the_handshake_is_answered_as_the_standard_has_it(pair: tuple[socket.socket, WebSocket]) -> None:
    client, web_socket = pair
    web_socket.open(Handshake(ASKED), b"")
    # The example of RFC 6455, 1.3.
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in client.recv(4096)
    assert web_socket.sent_bytes == 0


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"HTTP_UPGRADE": "h2c"}, 426),
        ({"HTTP_UPGRADE": None}, 426),
        ({"HTTP_CONNECTION": "close"}, 426),
        ({"HTTP_CONNECTION": "\x80\x81,,,"}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": None}, 400),
        ({"HTTP_SEC_WEBSOCKET_KEY": "x" * 10_000}, 400),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "13, 13"}, 400),
    ],
)
def test_what_is_no_handshake_is_refused_in_one_short_sentence(changed: dict[str, object], status: int) -> None:
    with pytest.raises(BadHandshake) as refused:
        Handshake({**ASKED, **changed})
    assert refused.value.status == status
    assert len(str(refused.value)) < 110
    assert str(refused.value).isprintable()


def test_a_reason_is_cut_between_two_characters(
    pair: tuple[socket.socket, WebSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.0)
    client, web_socket = pair
    with pytest.raises(Gone):
        web_socket.close(1000, "x" + "ö" * 200)
    frame = client.recv(4096)
    assert (frame[0], frame[1]) == (0x88, len(frame) - 2)
    assert frame[4:].decode() == "x" + "ö" * 61


def test_whoever_has_gone_is_sent_nothing_more(pair: tuple[socket.socket, WebSocket]) -> None:
    client, web_socket = pair
    client.close()
    with pytest.raises(Gone):
        web_socket.send(["line"])
    with pytest.raises(Gone):
        web_socket.wait(10)


def test_lone_surrogates_are_sent_as_valid_text(pair: tuple[socket.socket, WebSocket]) -> None:
    client, web_socket = pair
    web_socket.send(["a\udcffb"])
    assert client.recv(4096) == b"\x81\x03a?b"
