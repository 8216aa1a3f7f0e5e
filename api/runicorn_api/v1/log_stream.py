"""The log of a run over a WebSocket, while the run goes on."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import falcon

from runicorn_api.contract import read_nothing
from runicorn_api.handover import UPGRADE, Conversation
from runicorn_api.readers import Readers
from runicorn_api.v1.contract import check_run_id
from runicorn_api.websocket import VERSION, BadHandshake, Gone, Handshake, WebSocket
from runicorn_db.errors import StoreBusy, StoreError
from runicorn_db.log_lines import LogLines
from runicorn_db.query import Experiment, shown
from runicorn_db.sources.files import Unreadable
from runicorn_db.store import Store

LAST_LINES = 10_000
MOST_AT_ONCE = 10
"""Streams of one client."""

MOST_OF_ALL = 100
"""Streams of all clients: each has a thread."""

NORMAL, FAILED, TRY_LATER, UNKNOWN = 1000, 1011, 1013, 4404
"""Codes for the end of a stream (RFC 6455, 7.4); those from 4000 on are an application's own."""

_FILE_SECONDS = 1.0
_INDEX_SECONDS = 2.0

End = tuple[int, str]
"""Why a stream ends: a code and a sentence."""


class LogStream:
    """One frame for each line: the last 10,000 of them, then those that follow until the run has ended."""

    def __init__(self, store: Store, readers: Readers, client_of: Callable[[falcon.Request], str]) -> None:
        self._store = store
        self._readers = readers
        self._client_of = client_of
        self._places = Places()

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        read_nothing(req.query_string)
        check_run_id(run_id)
        grant: Callable[[Conversation], None] | None = req.env.get(UPGRADE)
        try:
            handshake = Handshake(req.env)
            if grant is None:
                raise BadHandshake(400, "A WebSocket is asked for over HTTP/1.1 and without a body")
        except BadHandshake as error:
            headers = {"Sec-WebSocket-Version": VERSION}
            raise falcon.HTTPError(error.status, description=str(error), headers=headers) from None
        client = self._client_of(req)

        def converse(connection: socket.socket, received: bytes, stopping: threading.Event) -> int:
            web_socket = WebSocket(connection, stopping)
            with suppress(Gone), self._places.taken(client) as is_taken:
                web_socket.open(handshake, received)
                web_socket.close(*(self._stream(web_socket, run_id) if is_taken else _TOO_MANY))
            return web_socket.sent_bytes

        grant(converse)
        resp.status = 101

    on_head = on_get

    def _stream(self, web_socket: WebSocket, run_id: str) -> End:
        try:
            run = self._run(run_id)
            if run is None:
                return UNKNOWN, f"Run not found: {shown(run_id)}"
            with LogLines(run.run_dir, LAST_LINES) as lines:
                return self._follow(web_socket, lines, run)
        except Unreadable as error:
            return FAILED, f"The log cannot be read: {error.reason}"
        except StoreBusy:
            return TRY_LATER, "Database is busy"
        except StoreError as error:
            return FAILED, str(error)

    def _follow(self, web_socket: WebSocket, lines: LogLines, run: Experiment) -> End:
        asked_at = time.monotonic()
        while True:
            # Asked before the last lines are read: then none can come after them.
            has_ended = run.status != "running" or run.is_missing
            while (batch := lines.read()) or lines.has_more:
                web_socket.send(batch)
            if has_ended:
                web_socket.send(lines.rest())
                return NORMAL, "The run directory is gone" if run.is_missing else f"The run has ended: {run.status}"
            web_socket.wait(_FILE_SECONDS)
            if time.monotonic() >= asked_at + _INDEX_SECONDS:
                asked_at = time.monotonic()
                # An index that is busy now will answer the next time.
                with suppress(StoreError):
                    latest = self._run(run.id)
                    if latest is None:
                        return UNKNOWN, "The run is no longer in the index"
                    run = latest
                    lines.run_dir = run.run_dir

    def _run(self, run_id: str) -> Experiment | None:
        # Twice: a sync between the two questions may have given its key away.
        for _ in range(2):
            for run in self._readers.rows(lambda: self._store.rows(self._store.snapshot_of([run_id]))):
                if run is not None and run.id == run_id:
                    return run
        return None


_TOO_MANY: End = (TRY_LATER, f"Too many log streams: {MOST_AT_ONCE} of one client, {MOST_OF_ALL} of all are allowed")


class Places:
    """Who streams, and how much. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str) -> Generator[bool]:
        """Whether there was a place for one more stream of `client`; it is free again afterwards."""
        with self._lock:
            is_taken = self._streams[client] < MOST_AT_ONCE and self._streams.total() < MOST_OF_ALL
            self._streams[client] += is_taken
        try:
            yield is_taken
        finally:
            with self._lock:
                self._streams[client] -= is_taken
                if not self._streams[client]:
                    del self._streams[client]
