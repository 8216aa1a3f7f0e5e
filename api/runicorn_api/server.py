"""Serves an application over HTTP with waitress, in a thread or in the foreground."""

from __future__ import annotations

import errno
import logging
import resource
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import BaseWSGIServer

from runicorn_api import peers
from runicorn_api.app import Application
from runicorn_api.channel import MAX_HEADER_BYTES, MAX_REQUEST_BYTES, Channel
from runicorn_api.exchanges import Exchange, Observer
from runicorn_api.handover import Conversations
from runicorn_api.lanes import Lanes
from runicorn_api.listening import listen, listen_unix, remove_unix, unix_identity

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 23300

_STOP_SECONDS = 5.0
_LEAVE_SECONDS = 2.0
"""For those that hold a conversation, from when the server begins to stop."""

_CONNECTIONS = 1000
_SPARE_DESCRIPTORS = 100
"""For the index, what answers wait in, and the browser around the server."""

_ACCEPTED_AT_ONCE = 32
_SWEEP_SECONDS = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_SECONDS = 0.5

logger = logging.getLogger("runicorn_api")


class OncePerSecond(logging.Filter):
    """Lets one record a second through: what a crowd of clients causes must not fill a disk."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        is_due = now >= self._next
        if is_due:
            self._next = now + 1
        return is_due


_calm = OncePerSecond()
for _name in ("waitress", logger.name):
    logging.getLogger(_name).addFilter(_calm)
# Waiting for one of the threads is the normal case under load, not a warning.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def connection_limit() -> int:
    """How many connections are held at once; further ones wait with the system until one ends."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = _CONNECTIONS if soft == resource.RLIM_INFINITY else soft - _SPARE_DESCRIPTORS
    return max(16, min(_CONNECTIONS, room))


class Listener(BaseWSGIServer):
    """The listening socket in waitress's loop: takes connections as long as there is room, and ends overdue ones."""

    channel_class = Channel
    is_stopping = False
    active_channels: Any
    """The channel of each open connection, by its descriptor."""

    def __init__(
        self, app: Application, sock: socket.socket, sockets: dict[int, Any], observers: Sequence[Observer]
    ) -> None:
        adjustments = Adjustments(
            ident=None,
            # waitress refuses at the limit, the contract beyond it.
            max_request_header_size=MAX_HEADER_BYTES + 1,
            max_request_body_size=MAX_REQUEST_BYTES + 1,
            # The guards read the forwarded header, and only from a trusted peer.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
        )
        self._limit = connection_limit()
        self._observers = observers
        self.peers = peers.Peers()
        self.conversations = Conversations()
        self.leaving: deque[Channel] = deque()
        """Channels whose client was granted another protocol."""
        self._next_sweep = 0.0
        self._paused_until = 0.0
        name = (sock.family, sock.type, sock.proto, sock.getsockname())
        self._sockets = sockets
        cast(Any, super()).__init__(app, sockets, True, sock, Lanes(), adjustments, name, bind_socket=False)

    def tell(self, exchange: Exchange) -> None:
        """Called by a channel when it has answered."""
        for observe in self._observers:
            observe(exchange)

    def getsockname(self) -> tuple[str, Any]:
        name = cast(Any, self).socket.getsockname()
        return ("unix", name) if isinstance(name, str) else name[:2]

    def fix_addr(self, addr: Any) -> tuple[str, Any]:
        return addr or ("unix", None)

    def set_socket_options(self, conn: socket.socket) -> None:
        if conn.family != socket.AF_UNIX:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def readable(self) -> bool:
        """Asked by the loop at every turn."""
        return self.accepting and time.monotonic() >= self._paused_until and self._has_room

    @property
    def _has_room(self) -> bool:
        return len(self.active_channels) + len(self.conversations) < self._limit

    def hand_over(self) -> None:
        """To be called between two turns of the loop: within one, a connection that leaves may have events."""
        while self.leaving:
            self.leaving.popleft().hand_over()

    def sweep(self) -> None:
        """Once a second: close what is overdue.

        To be called between two turns of the loop: within one, a new connection may get the number of one that was
        closed, and its events.
        """
        now = time.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        channels: list[Channel] = list(self.active_channels.values())
        for channel in channels:
            if channel.is_overdue(now):
                channel.handle_close()
        if len(self.active_channels) > self._limit // 2:
            self._drop_strangers()

    def _drop_strangers(self) -> None:
        """Where room becomes short, other users' connections go before they have asked anything."""
        server = self.getsockname()
        if server[0] == "unix" or not peers.is_loopback(server[0]):
            return
        uids = peers.uids_of_clients(server)
        allowed = peers.own_uids()
        for channel in list(self.active_channels.values()):
            uid = uids.get(peers.written(channel.addr[:2]))
            if uid is not None and uid not in allowed and not channel.is_answering:
                channel.handle_close()

    def handle_accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            if not self._has_room:
                return
            try:
                accepted = self.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    # The connection stays ready: without a pause the loop would spin.
                    self._paused_until = time.monotonic() + _EXHAUSTED_SECONDS
                    logger.warning("New connections wait: %s", error.strerror)
                return
            if accepted is None:
                return
            connection, address = accepted
            try:
                self.set_socket_options(connection)
            except OSError:
                # The client has gone already.
                connection.close()
                continue
            self.channel_class(self, connection, self.fix_addr(address), self.adj, map=self._sockets)


class Server:
    """`app` on `host:port`, or in the file `unix_socket`, listening from the moment it is made; port 0 is a free one.

    `start()` serves in a thread, `run()` in the calling one, until `stop()` is called from any thread or
    an exception (such as KeyboardInterrupt) comes up in `run()`. A context manager starts and stops.
    Stopping also closes `app`. `observers` are told of every answer. Raises `PortTaken` or `CannotListen`.
    """

    def __init__(
        self,
        app: Application,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        *,
        unix_socket: Path | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._app = app
        self._map: dict[int, Any] = {}
        listening = listen(host, port) if unix_socket is None else listen_unix(unix_socket)
        self._server: Any = Listener(app, listening, self._map, (app.observe, *observers))
        self._unix = (str(unix_socket), unix_identity(str(unix_socket))) if unix_socket is not None else None
        self._running_in: threading.Thread | None = None
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        # Reentrant: stop() may be called by a signal handler while the same thread is closing.
        self._closing = threading.RLock()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; `("unix", 0)` for a socket in a file."""
        return self._server.effective_host, 0 if self._unix else int(self._server.effective_port)

    @property
    def url(self) -> str:
        """Where clients find the API, such as `http://127.0.0.1:23300/api`, or `unix:/path` for a socket in a file."""
        if self._unix:
            return f"unix:{self._unix[0]}"
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
        """Accept nothing more, give what was asked five seconds, close everything. Does nothing the second time."""
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
        # select() fails above descriptor 1023.
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)
        self._server.hand_over()
        self._server.sweep()

    def _close(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        self._server.is_stopping = True
        self._server.conversations.stopping.set()
        self._app.stopping.set()
        # The listening socket only: threads that still work wake the loop through its trigger.
        wasyncore.dispatcher.close(self._server)
        if self._unix:
            remove_unix(*self._unix)
        while time.monotonic() < deadline and any(c.is_answering for c in self._server.active_channels.values()):
            self._turn(0.1)
        self._server.task_dispatcher.shutdown(timeout=max(0.1, deadline - time.monotonic()))
        self._server.conversations.join(_LEAVE_SECONDS)
        self._app.close()
        with self._closing:
            # Closing by the map alone would leave the files behind in which large answers wait.
            for channel in list(self._server.active_channels.values()):
                channel.handle_close()
            wasyncore.close_all(self._map)
            self._server.peers.close()
            self._stopped.set()
