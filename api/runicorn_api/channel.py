"""One connection: a request is read, answered and sent, and no client can hold it, or a thread, for long."""

from __future__ import annotations

import fcntl
import functools
import math
import re
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any, cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, Task, WSGITask

from runicorn_api.answers import JSON_UTF8
from runicorn_api.exchanges import NO_ROUTE, PEER_UID, ROUTE, WAITED_SECONDS, Exchange
from runicorn_api.handover import UPGRADE, Conversation
from runicorn_api.json_body import to_json
from runicorn_db.text import printable

MAX_HEADER_BYTES = 16 * 1024
MAX_REQUEST_BYTES = 1024 * 1024

HEADER_SECONDS = 10.0
"""For the whole header, from its first byte or, for the first one, from the connection."""

BODY_SECONDS = 30.0
"""For the whole body."""

STALL_SECONDS = 30.0
"""For a client that takes nothing of its answer."""

IDLE_SECONDS = 30.0
"""Between two requests."""

_LINGER_SECONDS = 2.0
_TRANSFER_ENCODING = re.compile(rb"\r\ntransfer-encoding[ \t]*:([^\r\n]*)", re.IGNORECASE)


class Parser(HTTPRequestParser):
    """Reads a request; what is ambiguous or unreadable is an error for the client, never an exception."""

    beyond = b""
    """What came behind a request that asks for a WebSocket: no further request, if it is granted."""

    @property
    def asks_for_websocket(self) -> bool:
        """Whether the connection is to go on as one; the application judges the rest."""
        has_body = self.chunked or self.content_length
        asked = self.headers.get("UPGRADE", "").lower()
        return asked == "websocket" and not has_body and (self.command, self.version) == ("GET", "1.1")

    def parse_header(self, header_plus: bytes) -> None:
        # Two servers in a row could disagree where such a request ends, or what is in it.
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("A header line must not be folded")
        codings = b",".join(_TRANSFER_ENCODING.findall(header_plus)).lower().split(b",")
        if sum(coding.strip() == b"chunked" for coding in codings) > 1:
            raise ParsingError("Transfer-Encoding must be given once")
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # Content-Length of thousands of digits, "http://[": waitress lets these escape.
            raise ParsingError("Request header is invalid") from error
        # What has none, or another, is framed in another way, and waitress would take it for 1.0.
        if not self.version.startswith("1."):
            raise ParsingError("HTTP version must be 1.0 or 1.1")
        has_transfer_encoding = self.chunked or "TRANSFER_ENCODING" in self.headers
        if has_transfer_encoding and ("CONTENT_LENGTH" in self.headers or self.version != "1.1"):
            raise ParsingError("Transfer-Encoding cannot be combined with Content-Length or HTTP/1.0")

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.completed:
            # Otherwise the client would be told to go on, after an error or with nothing to come.
            self.expect_continue = False
            if self.error is None and not self.empty and self.asks_for_websocket:
                self.beyond = data[consumed:]
                return len(data)
        return consumed


class _Observed(Task):
    """An answer that the server's observers are told of: when it was given, or a conversation that it began is over."""

    conversation: Conversation | None = None
    """What the connection goes on with."""

    def service(self) -> None:
        channel, request = cast(Channel, self.channel), cast(Any, self.request)
        asked_at = channel.asked_at
        super().service()
        environ: dict[str, Any] = getattr(self, "environ", None) or {}

        def tell(size_bytes: int) -> None:
            channel.server.tell(
                Exchange(
                    client=channel.addr[0],
                    # What could not be read has neither.
                    method=getattr(request, "command", "-"),
                    target=getattr(request, "request_uri", "-"),
                    route=environ.get(ROUTE, NO_ROUTE),
                    status=int(self.status[:3]),
                    size_bytes=size_bytes,
                    seconds=time.monotonic() - asked_at,
                )
            )

        if self.conversation is None:
            tell(self.content_bytes_written)
        else:
            channel.leaving = self.conversation, request.beyond, tell


class Answer(_Observed, WSGITask):
    """The application's answer."""

    _granted: Conversation | None = None

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        channel = cast(Channel, self.channel)
        environ[PEER_UID] = channel.peer_uid
        if cast(Any, self.request).asks_for_websocket:
            environ[UPGRADE] = self._grant
        environ[WAITED_SECONDS] = time.monotonic() - channel.asked_at
        return environ

    def _grant(self, conversation: Conversation) -> None:
        self._granted = conversation

    def build_response_header(self) -> bytes:
        channel = cast(Channel, self.channel)
        if self.status.startswith("101"):
            # What answers the handshake is part of the conversation.
            self.conversation = self._granted
            return b""
        if channel.server.is_stopping and len(channel.requests) == 1:
            # As if the client had asked for it: nothing more is read from its connection.
            cast(Any, self.request).headers["CONNECTION"] = "close"
        if cast(Any, self.request).asks_for_websocket:
            # Whatever follows was meant for the WebSocket, and must not be read as requests.
            super().set_close_on_finish()
            channel.is_refused = True
        # waitress writes header names in its own capitals; people look for the documented ones.
        header = super().build_response_header().replace(b"\r\nX-Ratelimit-", b"\r\nX-RateLimit-")
        if self.status.startswith("426"):
            # No application may send a header of this connection alone, and no such answer is without it.
            header = header.replace(b"\r\n", b"\r\nUpgrade: websocket\r\n", 1)
        return header.replace(b"\r\nEtag:", b"\r\nETag:").replace(b"\r\nWww-", b"\r\nWWW-")

    def set_close_on_finish(self) -> None:
        # waitress closes after every answer without Content-Length, a 304 among them, which never has one.
        asked = cast(Any, self.request).headers.get("CONNECTION", "").lower()
        if self.has_body or self.version != "1.1" or asked == "close":
            super().set_close_on_finish()


class Refusal(_Observed, ErrorTask):
    """Answers a request that could not be read in the shape that all errors have."""

    def execute(self) -> None:
        channel, error = cast(Channel, self.channel), cast(Any, self.request).error
        self.status = f"{error.code} {error.reason}"
        body = to_json({"detail": _refusal_sentence(error.code, error.body)})
        self.response_headers = [("Content-Type", JSON_UTF8)]
        self.set_close_on_finish()
        self.content_length = len(body)
        channel.is_refused = True
        self.write(body)


def _refusal_sentence(code: int, text: str) -> str:
    if code == 413:
        return f"Request body is too large: at most {MAX_REQUEST_BYTES} bytes are allowed"
    if code == 431:
        return f"Request header is too large: at most {MAX_HEADER_BYTES} bytes are allowed"
    return printable(text)


class Channel(HTTPChannel):
    """One connection.

    After a refusal it reads on for a moment: closing while the client still sends would reset the
    connection, and the client would never see the answer.
    """

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal
    server: Any
    is_refused = False
    asked_at = 0.0
    """When the request that is answered now began to wait for a thread; of the monotonic clock."""
    leaving: tuple[Conversation, bytes, Callable[[int], None]] | None = None
    """What the connection goes on with, what came of it already, and whom to tell of the bytes sent in the end."""
    _is_held = False
    _linger_until: float | None = None
    _untaken: float = math.inf
    """Bytes that were sent but not yet taken by the client, at the last look since they were sent."""

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: dict[int, Any]) -> None:
        self._moved_at = time.monotonic()
        self._read_by = self._moved_at + HEADER_SECONDS
        super().__init__(server, sock, addr, adj, map)

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered, or its answer is still being sent."""
        return bool(self.requests or self.total_outbufs_len or self.leaving)

    def is_overdue(self, now: float) -> bool:
        """Whether the client has used up its time; `now` is of the monotonic clock."""
        if self._linger_until is not None:
            return now > self._linger_until
        if self.total_outbufs_len or self.will_close or self.close_when_flushed:
            if self._has_taken_some():
                self._moved_at = now
            return now > self._moved_at + STALL_SECONDS
        if self.requests:
            return False
        return now > self._read_by or (self.request is None and now > self._moved_at + IDLE_SECONDS)

    def _has_taken_some(self) -> bool:
        """Whether the client has taken bytes since the last look.

        The kernel holds some megabytes and has room again only when a good part of them is gone, so a client on a
        slow line can read for a minute while nothing more can be sent.
        """
        before = self._untaken
        try:
            waiting = fcntl.ioctl(cast(Any, self).socket, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return False
        (self._untaken,) = struct.unpack("i", waiting)
        return self._untaken < before

    @functools.cached_property
    def _peer_uid(self) -> int | None:
        return self.server.peers.uid_of(cast(Any, self).socket)

    def peer_uid(self) -> int | None:
        """The user at the other end, looked up once."""
        return self._peer_uid

    def readable(self) -> bool:
        if self.leaving or (self.server.is_stopping and self.request is None):
            return False
        return self._linger_until is not None or super().readable()

    def writable(self) -> bool:
        return bool(self.will_close if self._linger_until is not None else super().writable())

    def received(self, data: bytes) -> bool:
        before = self.request
        was_in_body = before is not None and before.headers_finished
        is_taken = super().received(data)
        request = cast(Any, self.request)
        if request is None:
            # All of a request, or empty lines, which do not count.
            return is_taken
        now = time.monotonic()
        if request.headers_finished and not (request is before and was_in_body):
            self._read_by = now + BODY_SECONDS
        elif request is not before:
            self._read_by = min(self._read_by, now + HEADER_SECONDS)
        return is_taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent = super().send(data, do_close)
        if sent:
            self._moved_at = time.monotonic()
            self._untaken = math.inf
        return sent

    def write_soon(self, data: bytes) -> int:
        if not self.total_outbufs_len:
            self._moved_at = time.monotonic()
        return super().write_soon(data)

    def service(self) -> None:
        """Answer one request; called by a thread, which never waits for the client."""
        with self.outbuf_lock:
            # A client that sends many requests at once gets the next answer when it has taken this one.
            self._is_held = bool(self.total_outbufs_len)
        if self._is_held:
            self.server.pull_trigger()
            return
        self._read_by = math.inf
        super().service()
        if self.leaving:
            self.server.leaving.append(self)
            self.server.pull_trigger()
        now = time.monotonic()
        if (begun := cast(Any, self.request)) is not None:
            # The beginning of the next request could not go on meanwhile.
            self._read_by = now + (BODY_SECONDS if begun.headers_finished else HEADER_SECONDS)

    def hand_over(self) -> None:
        """Leave the connection to its conversation, unless the client has gone."""
        conversation, beyond, tell = cast(Any, self.leaving)
        channel = cast(Any, self)
        connection, channel.socket = channel.socket, None
        self.handle_close()
        if connection is None:
            tell(0)
        else:
            self.server.conversations.begin(conversation, connection, beyond, tell)

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress has the thread wait here until the client has read; `service` does without.
        pass

    def handle_write(self) -> None:
        channel = cast(Any, self)
        if self._is_held:
            channel._flush_exception(channel._flush_some)
            self._go_on()
        elif self.is_refused and self.close_when_flushed and not self.will_close:
            channel._flush_exception(channel._flush_some)
            if not self.total_outbufs_len and not self.will_close:
                self._begin_lingering()
        else:
            super().handle_write()

    def _go_on(self) -> None:
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self._is_held = False
            self.server.add_task(self)

    def _begin_lingering(self) -> None:
        self.close_when_flushed = False
        self._linger_until = time.monotonic() + _LINGER_SECONDS
        try:
            cast(Any, self).socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

    def handle_read(self) -> None:
        if self._linger_until is None:
            super().handle_read()
            return
        try:
            data = self.recv(65536)
        except OSError:
            data = b""
        if not data or time.monotonic() > self._linger_until:
            self.handle_close()
