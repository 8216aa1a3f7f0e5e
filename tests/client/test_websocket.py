from __future__ import annotations

import base64
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.client import ConnectionLost, NotFound, UnexpectedAnswer
from runicorn_tui.client.websocket import MAX_HEADER_BYTES, MAX_MESSAGE_BYTES, Closed, WebSocket

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SILENCE = 20.0


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, bits: int = 0, masked: bool = False) -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([size])
    else:
        length = b"\x7e" + struct.pack("!H", size) if size < 65536 else b"\x7f" + struct.pack("!Q", size)
    head = bytes([(0x80 if final else 0) | bits | opcode, length[0] | (0x80 if masked else 0)]) + length[1:]
    return head + (b"\0\0\0\0" if masked else b"") + payload


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


def said_by_client(data: bytes) -> list[tuple[int, bytes]]:
    """The frames of a client, each of which must be final, short and masked."""
    frames: list[tuple[int, bytes]] = []
    while data:
        assert data[0] & 0xF0 == 0x80
        assert data[1] & 0x80
        length = data[1] & 0x7F
        assert length <= 125
        mask, masked = data[2:6], data[6 : 6 + length]
        frames.append((data[0] & 15, bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))))
        data = data[6 + length :]
    return frames


def agreed(request: bytes, changed: Callable[[bytes], bytes] = lambda head: head) -> bytes:
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if line)
    accept = base64.b64encode(
        hashlib.sha1(lines[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    )
    return changed(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@contextmanager
def opened(
    said: bytes = b"", changed: Callable[[bytes], bytes] = lambda head: head, *, seconds: float = SILENCE
) -> Iterator[tuple[WebSocket, socket.socket]]:
    """A WebSocket and its peer, which answers the handshake and has `said` already."""
    ours, peer = socket.socketpair()
    peer.settimeout(SILENCE)

    def shake() -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += peer.recv(65536)
        peer.sendall(agreed(request, changed) + said)

    thread = threading.Thread(target=shake)
    thread.start()
    with ours, peer:
        try:
            web_socket = WebSocket(ours, "/logs", {"Host": "localhost", "X-Of": "ours"}, time.monotonic() + seconds)
        finally:
            thread.join()
        yield web_socket, peer
        web_socket.close()


def rest_of(peer: socket.socket) -> bytes:
    data = b""
    while more := peer.recv(65536):
        data += more
    return data


def test_texts_come_in_order_whatever_their_length() -> None:
    texts = ["", "a", "ü" * 60, "b" * 126, "c" * 65535, "d" * 65536, "学" * 300_000]
    ended = close_frame(1000, "The end")
    with opened() as (web_socket, peer):
        sender = threading.Thread(target=peer.sendall, args=(b"".join(frame(TEXT, t.encode()) for t in texts) + ended,))
        sender.start()
        assert [web_socket.receive(SILENCE) for _ in texts] == texts
        with pytest.raises(Closed) as end:
            web_socket.receive(SILENCE)
        sender.join()
    assert (end.value.code, end.value.reason) == (1000, "The end")


def test_what_comes_byte_by_byte_and_in_parts_is_the_same() -> None:
    said = (
        frame(TEXT, b"Kl", final=False)
        + frame(PING, b"still there?")
        + frame(0, "ü".encode()[:1], final=False)
        + frame(PONG, b"nobody asked")
        + frame(0, "ü".encode()[1:] + b"ger")
        + frame(TEXT, b"x" * 200)
    )
    with opened() as (web_socket, peer):

        def trickle() -> None:
            for byte in said:
                peer.sendall(bytes([byte]))

        sender = threading.Thread(target=trickle)
        sender.start()
        assert web_socket.receive(SILENCE) == "Klüger"
        assert web_socket.receive(SILENCE) == "x" * 200
        sender.join()
        web_socket.close()
        assert said_by_client(rest_of(peer)) == [(PONG, b"still there?"), (CLOSE, struct.pack("!H", 1000))]


def test_the_answer_to_a_ping_comes_behind_the_texts_before_it() -> None:
    with opened(frame(TEXT, b"before")) as (web_socket, peer):
        web_socket.ping()
        ((opcode, question),) = said_by_client(peer.recv(1000))
        assert opcode == PING
        peer.sendall(frame(PONG, b"to another") + frame(PONG, question) + frame(TEXT, b"behind"))

        assert [web_socket.receive(SILENCE) for _ in range(3)] == ["before", None, "behind"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(TEXT, b"x", bits=0x40), 1002),
        (frame(TEXT, b"x", bits=0x10), 1002),
        (frame(TEXT, b"x", masked=True), 1002),
        (frame(3, b"x"), 1002),
        (frame(11), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", final=False), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002),
        (frame(BINARY, b"x"), 1003),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"ab\xc3", final=False) + frame(0, b"a"), 1007),
        (b"\x81\x7f" + struct.pack("!Q", MAX_MESSAGE_BYTES + 1), 1009),
        (b"\x81\x7f" + struct.pack("!Q", 2**64 - 1), 1009),
        (frame(TEXT, b"x" * 600_000, final=False) + b"\x80\x7f" + struct.pack("!Q", 600_000), 1009),
    ],
    ids=range(17),
)
def test_what_the_server_must_not_send_ends_it_with_the_code_for_that(said: bytes, code: int) -> None:
    with opened() as (web_socket, peer):
        sender = threading.Thread(target=peer.sendall, args=(said,))
        sender.start()
        with pytest.raises(UnexpectedAnswer):
            web_socket.receive(SILENCE)
        sender.join()
        web_socket.close()
        assert said_by_client(rest_of(peer)) == [(CLOSE, struct.pack("!H", code))]


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [(frame(CLOSE), 1005, ""), (close_frame(4404, "Kein Lauf: ü"), 4404, "Kein Lauf: ü"),
     (frame(CLOSE, b"\x03\xe8\xff"), 1000, "\ufffd")],
    ids=["none", "reason", "no UTF-8"],
)  # fmt: skip
def test_the_end_is_told_with_its_reason_and_answered(said: bytes, code: int, reason: str) -> None:
    with opened(said) as (web_socket, peer):
        with pytest.raises(Closed) as end:
            web_socket.receive(SILENCE)
        assert (end.value.code, end.value.reason) == (code, reason)
        web_socket.close()
        ((opcode, payload),) = said_by_client(rest_of(peer))
    assert (opcode, payload) == (CLOSE, said[2:4])


def test_a_connection_that_breaks_off_is_lost() -> None:
    with opened(frame(TEXT, b"a") + b"\x81\x05ab") as (web_socket, peer):
        peer.close()
        assert web_socket.receive(SILENCE) == "a"
        with pytest.raises(ConnectionLost, match="without a word"):
            web_socket.receive(SILENCE)


def test_a_server_that_is_silent_for_too_long_is_lost() -> None:
    with opened() as (web_socket, _), pytest.raises(ConnectionLost, match=r"silent for 0\.05 seconds"):
        web_socket.receive(0.05)


def test_a_refusal_is_told_in_the_words_of_the_server() -> None:
    body = b'{"detail": "Run not found: x"}'
    refusal = b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with pytest.raises(NotFound, match=r"^Run not found: x$"), opened(changed=lambda _: refusal):
        pass


@pytest.mark.parametrize(
    "changed",
    [
        lambda head: head.replace(b"Accept: ", b"Accept: A"),
        lambda head: head.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        lambda head: head.replace(b"Connection: keep-alive, Upgrade", b"Connection: keep-alive"),
        lambda head: head[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        lambda head: head[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n",
        lambda head: head.replace(b" 101 ", b" 200 "),
        lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        lambda _: b"\r\n\r\n",
        lambda head: head[:-2] + b"X: y\r\n" * 200 + b"\r\n",
        lambda _: b"x" * (MAX_HEADER_BYTES + 1),
    ],
    ids=range(10),
)
def test_a_handshake_that_is_none_is_not_gone_on_with(changed: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnexpectedAnswer), opened(changed=changed):
        pass


@pytest.mark.parametrize("changed", [lambda head: head[:-1], lambda _: b"HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\n{"])
def test_a_handshake_that_does_not_end_is_given_up(changed: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ConnectionLost, match="in time"), opened(changed=changed, seconds=0.1):
        pass


@given(st.lists(st.binary(max_size=40) | st.builds(frame, st.integers(0, 15), st.binary(max_size=140)), max_size=8))
def test_whatever_a_server_says_ends_in_texts_or_in_one_of_three_ways(said: list[bytes]) -> None:
    with opened(b"".join(said)) as (web_socket, peer):
        peer.shutdown(socket.SHUT_WR)
        try:
            while True:
                assert isinstance(web_socket.receive(SILENCE), str)
        except (Closed, ConnectionLost, UnexpectedAnswer):
            pass
