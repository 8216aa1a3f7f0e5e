"""Serves an application over HTTP with waitress, in a thread or in the foreground."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import time
from types import TracebackType
from typing import Any, cast

import psutil
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask

from runicorn_api.answers import JSON_UTF8
from runicorn_api.app import Application
from runicorn_api.json_body import to_json
from runicorn_db.query import shown

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 23300
MAX_HEADER_BYTES = 16 * 1024
MAX_REQUEST_BYTES = 1024 * 1024

_THREADS = 8
_CONNECTIONS = 500
_STOP_SECONDS = 2.0
_LINGER_SECONDS = 2.0

# Waiting for one of the threads is the normal case under load, not a warning.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class CannotListen(OSError):
    """The address cannot be served; `str(error)` is a sentence fit for a person."""


class PortTaken(CannotListen):
    """Another process serves the port already."""


class Parser(HTTPRequestParser):
    """Reads a request; what is ambiguous or unreadable is an error for the client, never an exception."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # Content-Length of thousands of digits, "http://[": waitress lets these escape.
            raise ParsingError("Request header is invalid") from error
        has_transfer_encoding = self.chunked or "TRANSFER_ENCODING" in self.headers
        if has_transfer_encoding and ("CONTENT_LENGTH" in self.headers or self.version != "1.1"):
            # Two servers in a row could disagree where such a request ends.
            raise ParsingError("Transfer-Encoding cannot be combined with Content-Length or HTTP/1.0")

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.error is not None:
            # Otherwise the client would be told to go on.
            self.expect_continue = False
        return consumed


class Answer(WSGITask):
    """The application's answer."""

    def build_response_header(self) -> bytes:
        # waitress writes header names in its own capitals; people look for the documented ones.
        header = super().build_response_header().replace(b"\r\nX-Ratelimit-", b"\r\nX-RateLimit-")
        return header.replace(b"\r\nEtag:", b"\r\nETag:")

    def set_close_on_finish(self) -> None:
        # waitress closes after every answer without Content-Length, a 304 among them, which never has one.
        asked = cast(Any, self.request).headers.get("CONNECTION", "").lower()
        if self.has_body or self.version != "1.1" or asked == "close":
            super().set_close_on_finish()


class Refusal(ErrorTask):
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
    return "".join(c if c.isprintable() else shown(c) for c in text)


class Channel(HTTPChannel):
    """One connection.

    After a refusal it reads on for a moment: closing while the client still sends would reset the
    connection, and the client would never see the answer.
    """

    parser_class = Parser
    task_class = Answer
    error_task_class = Refusal
    is_refused = False
    _linger_until: float | None = None

    def readable(self) -> bool:
        return self._linger_until is not None or super().readable()

    def writable(self) -> bool:
        return bool(self.will_close if self._linger_until is not None else super().writable())

    def handle_write(self) -> None:
        if self.is_refused and self.close_when_flushed and not self.will_close:
            channel = cast(Any, self)
            channel._flush_exception(channel._flush_some)
            if not self.total_outbufs_len and not self.will_close:
                self._begin_lingering()
            return
        super().handle_write()

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


class Server:
    """`app` on `host:port`, listening from the moment it is made; port 0 takes a free one.

    `start()` serves in a thread, `run()` in the calling one, until `stop()` is called from any thread or
    an exception (such as KeyboardInterrupt) comes up in `run()`. A context manager starts and stops.
    Stopping also closes `app`. Raises `PortTaken` or `CannotListen`.
    """

    def __init__(self, app: Application, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> None:
        self._app = app
        self._map: dict[int, Any] = {}
        self._server: Any = create_server(
            app,
            map=self._map,
            sockets=[listen(host, port)],
            threads=_THREADS,
            ident=None,
            connection_limit=_CONNECTIONS,
            # select() fails above descriptor 1023.
            asyncore_use_poll=True,
            channel_timeout=30,
            cleanup_interval=10,
            # waitress refuses at the limit, the contract beyond it.
            max_request_header_size=MAX_HEADER_BYTES + 1,
            max_request_body_size=MAX_REQUEST_BYTES + 1,
            # The guards read the forwarded header, and only from a trusted peer.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
        )
        self._server.channel_class = Channel
        self._running_in: threading.Thread | None = None
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        # Reentrant: stop() may be called by a signal handler while the same thread is closing.
        self._closing = threading.RLock()

    @property
    def address(self) -> tuple[str, int]:
        return self._server.effective_host, int(self._server.effective_port)

    @property
    def url(self) -> str:
        """Where clients find the API, such as `http://127.0.0.1:23300/api`."""
        host, port = self.address
        return f"http://[{host}]:{port}/api" if ":" in host else f"http://{host}:{port}/api"

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        self._running_in = threading.Thread(target=self._serve, name="runicorn-api", daemon=True)
        self._running_in.start()

    def run(self) -> None:
        self._running_in = threading.current_thread()
        self._serve()

    def stop(self) -> None:
        """Accept nothing more, give running requests two seconds, close everything. Does nothing the second time."""
        self._stopping.set()
        with self._closing:
            if self._stopped.is_set():
                return
            if self._running_in is None:
                self._close()
                return
            self._server.pull_trigger()
        if self._running_in is not threading.current_thread():
            self._stopped.wait()

    def _serve(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn(1.0)
        finally:
            self._close()

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)

    def _close(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        # The listening socket only: threads that still work wake the loop through its trigger.
        wasyncore.dispatcher.close(self._server)
        self._server.task_dispatcher.shutdown(timeout=_STOP_SECONDS)
        while time.monotonic() < deadline and any(c.total_outbufs_len for c in self._server.active_channels.values()):
            self._turn(0.1)
        self._app.close()
        with self._closing:
            # Closing by the map alone would leave the files behind in which large answers wait.
            for channel in list(self._server.active_channels.values()):
                channel.handle_close()
            wasyncore.close_all(self._map)
            self._stopped.set()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `PortTaken`, naming by whom where that can be seen, or `CannotListen`."""
    if not 0 <= port <= 65535:
        raise CannotListen(f"Cannot listen on {host}:{port}: a port is a number from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(f"Host '{shown(host)}' is not known on this machine") from None
    family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            owner = _owner_of(port) or "another process"
            sentence = f"Port {port} on {host} is taken by {owner}: name another one, or --port 0 for any free one"
            raise PortTaken(sentence) from None
        raise CannotListen(f"Cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def _owner_of(port: int) -> str | None:
    """Name and pid of the process that listens on `port`, None where the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            address: Any = connection.laddr
            is_listening = connection.status == psutil.CONN_LISTEN and address and address.port == port
            if is_listening and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None
