"""A WebSocket connection (RFC 6455) that a thread of its own serves; no client can hold up that thread for long."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from runicorn_db.query import shown

VERSION = "13"

LARGEST_MESSAGE = 4096
"""Bytes that a client may send at once: nothing that it could say is longer."""

STALL_SECONDS = 30.0
"""For a client that takes nothing."""

PING_SECONDS = 20.0
"""Without a word from the client, after which it is asked for one."""

PONG_SECONDS = 60.0
"""For the answer: over a slow line much is still on its way before the question."""

READ_OUT_SECONDS = 60.0
"""For the client to read what it was sent, and answer the end: it would lose what the system still holds for it."""

CLOSE_SECONDS = 1.0
"""For the client to answer the end that it caused itself, or that cannot wait."""

_TICK_SECONDS = 0.25
_RECEIVED_AT_ONCE = 64 * 2**10
_LONGEST_REASON = 123
_GOING_AWAY = 1001
_ASKED = ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")


class BadHandshake(Exception):
    """A request opens no WebSocket; `status` is for its answer, the text a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Gone(Exception):
    """The connection is over, whoever ended it."""


class Handshake:
    """The opening of a WebSocket, read from the environment of a request. Raises BadHandshake."""

    def __init__(self, environ: Mapping[str, object]) -> None:
        given = [(name, environ.get(f"HTTP_{name.upper().replace('-', '_')}")) for name in _ASKED]
        asked = Request("/", Headers((name, value) for name, value in given if isinstance(value, str)))
        protocol = ServerProtocol()
        response = protocol.accept(asked)
        if response.status_code == 426:
            raise BadHandshake(426, "This is a WebSocket: ask for it with Upgrade: websocket")
        if response.status_code != 101:
            raise BadHandshake(400, f"Not the opening of a WebSocket: {shown(protocol.handshake_exc)}")
        self.answer = response.serialize()


class WebSocket:
    """The server's end of a WebSocket. Of what the client says only pings, their answers and the end are heeded.

    Every method raises Gone when the connection is over, be it that `stopping` was set: the client has been told
    then. The connection itself is closed by the caller.
    """

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        connection.setblocking(False)
        self.sent_bytes = 0
        """After the answer to the handshake."""
        self._connection = connection
        self._protocol = ServerProtocol(state=OPEN, max_size=LARGEST_MESSAGE)
        self._stopping = stopping
        self._patience_seconds = STALL_SECONDS
        self._heard_at = time.monotonic()
        self._pinged_at: float | None = None

    def open(self, handshake: Handshake, received: bytes) -> None:
        """Answer the handshake; `received` came already behind it."""
        self._send_all(handshake.answer)
        self.sent_bytes = 0
        if received:
            self._heed(received)

    def send(self, texts: Sequence[str]) -> None:
        """One frame for each text; returns when the system has taken them all."""
        for text in texts:
            self._protocol.send_text(text.encode("utf-8", "replace"))
        self._flush()
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Heed the client for so long."""
        until = time.monotonic() + seconds
        while True:
            if self._stopping.is_set():
                self.close(_GOING_AWAY, "The server is stopping")
            left = until - time.monotonic()
            if self._is_ready(select.POLLIN, left):
                self._heed(self._receive())
            if left <= 0:
                self._ask_for_life()
                return

    def close(self, code: int, reason: str) -> None:
        """End it for this reason; raises Gone when the client has answered, or does not in time."""
        cut = reason.encode("utf-8", "replace")[:_LONGEST_REASON].decode("utf-8", "ignore")
        self._protocol.send_close(code, cut)
        self._end(READ_OUT_SECONDS if self.sent_bytes else CLOSE_SECONDS)

    def _heed(self, data: bytes) -> None:
        self._heard_at = time.monotonic()
        self._pinged_at = None
        self._protocol.receive_data(data)
        self._protocol.events_received()
        if self._protocol.state is not OPEN:
            # The client ended it, or said what it must not.
            self._end(CLOSE_SECONDS)
        self._flush()

    def _ask_for_life(self) -> None:
        now = time.monotonic()
        if self._pinged_at is None:
            if now > self._heard_at + PING_SECONDS:
                self._pinged_at = now
                self._protocol.send_ping(b"")
                self._flush()
        elif now > self._pinged_at + PONG_SECONDS:
            raise Gone

    def _end(self, patience_seconds: float) -> None:
        self._patience_seconds = min(patience_seconds, STALL_SECONDS)
        self._flush()
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            raise Gone from None
        began = time.monotonic()
        # Closing while the client still sends would reset the connection, and it would not see the rest.
        while time.monotonic() < began + patience_seconds:
            if self._stopping.is_set() and patience_seconds > CLOSE_SECONDS:
                began, patience_seconds = time.monotonic(), CLOSE_SECONDS
            if self._is_ready(select.POLLIN, _TICK_SECONDS):
                self._receive()
        raise Gone

    def _receive(self) -> bytes:
        try:
            data = self._connection.recv(_RECEIVED_AT_ONCE)
        except OSError:
            data = b""
        if not data:
            raise Gone
        return data

    def _flush(self) -> None:
        self._send_all(b"".join(self._protocol.data_to_send()))

    def _send_all(self, whole: bytes) -> None:
        data = memoryview(whole)
        moved_at = time.monotonic()
        while data:
            try:
                sent = self._connection.send(data)
            except BlockingIOError:
                self._is_ready(select.POLLOUT, _TICK_SECONDS)
                patience_seconds = CLOSE_SECONDS if self._stopping.is_set() else self._patience_seconds
                if time.monotonic() > moved_at + patience_seconds:
                    raise Gone from None
            except OSError:
                raise Gone from None
            else:
                data = data[sent:]
                self.sent_bytes += sent
                moved_at = time.monotonic()

    def _is_ready(self, event: int, seconds: float) -> bool:
        """Whether it is, at once or within a short part of these seconds: the server may have to stop meanwhile."""
        poll = select.poll()
        poll.register(self._connection, event)
        return bool(poll.poll(1000 * max(0.0, min(seconds, _TICK_SECONDS))))
