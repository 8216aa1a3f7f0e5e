"""Connections that go on in another protocol: each leaves the server's loop for a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable

Conversation = Callable[[socket.socket, bytes, threading.Event], int]
"""Given a connection, what came on it behind the request, and what tells that the server stops; returns when the
conversation is over, with the bytes sent."""

UPGRADE = "runicorn.upgrade"
"""In the environment of a request that asks for a WebSocket: a function that takes the conversation to go on with
once 101 is the answer's status."""

logger = logging.getLogger("runicorn_api")


class Conversations:
    """Those under way. Thread-safe."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._under_way: dict[threading.Thread, socket.socket] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(
        self, conversation: Conversation, connection: socket.socket, received: bytes, ended: Callable[[int], None]
    ) -> None:
        """Have a thread hold it, close the connection, and tell `ended` of the bytes sent."""

        def hold() -> None:
            sent_bytes = 0
            try:
                sent_bytes = conversation(connection, received, self.stopping)
            except Exception:
                logger.exception("A conversation failed")
            finally:
                with self._lock:
                    connection.close()
                    del self._under_way[thread]
                ended(sent_bytes)

        thread = threading.Thread(target=hold, name="runicorn-api-conversation", daemon=True)
        with self._lock:
            self._under_way[thread] = connection
        try:
            thread.start()
        except RuntimeError as error:
            with self._lock:
                connection.close()
                del self._under_way[thread]
            ended(0)
            logger.warning("A connection was dropped: %s", error)

    def join(self, seconds: float) -> None:
        """Wait for those that were told to stop; whoever has not taken leave in time is cut off."""
        deadline = time.monotonic() + seconds
        for thread in list(self._under_way):
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            for connection in self._under_way.values():
                # Not closed: its number may be another connection's before the thread has noticed.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
