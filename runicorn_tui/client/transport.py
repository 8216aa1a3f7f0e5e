"""Requests and answers over kept connections, asked again where that is safe."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any, NamedTuple, TypeVar, cast

from runicorn_tui.client.address import Address
from runicorn_tui.client.errors import (
    ClientError,
    ConnectionLost,
    RateLimited,
    Refused,
    ServerError,
    UnexpectedAnswer,
    refusal,
)
from runicorn_tui.client.websocket import WebSocket

T = TypeVar("T")

ATTEMPTS = 5
"""How often one call is tried."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The server sends none that is longer."""

_FIRST_WAIT_SECONDS = 0.1
_IDLE_SECONDS = 20.0
"""The server ends a connection that is idle for 30."""

_MAX_IDLE = 8
_CHUNK_BYTES = 1 << 16


class Request(NamedTuple):
    """`is_repeatable`: whether the server may be asked the same twice without anything else coming of it."""

    method: str
    target: str
    body: bytes | None = None
    is_repeatable: bool = True


class Connection(HTTPConnection):
    """A connection to an `Address`, of whatever kind."""

    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__(address.host, address.port, timeout=timeout)
        self.idle_since = 0.0
        self._address = address

    def connect(self) -> None:
        self.sock = self._address.open(cast(float, self.timeout))


class Transport:
    """Sends requests, each over a connection that no other request uses meanwhile. Thread-safe.

    `timeout` are the seconds to connect, and to wait for the next bytes of an answer; `deadline` those that a call may
    take with everything: attempts, and waits between them.
    """

    def __init__(self, address: Address, *, token: str | None, timeout: float, deadline: float) -> None:
        self.address = address
        self.timeout = timeout
        self.headers = {"Host": address.authority, "User-Agent": "runicorn-tui"}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        self._deadline = deadline
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._process = os.getpid()
        self._is_closed = False

    def close(self) -> None:
        """Close the connections; those in use close when they have answered."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def ask(self, request: Request) -> dict[str, Any]:
        """The answer to a request, which may take several attempts. Raises ClientError."""
        return self._repeated(lambda ends: self._exchange(request, ends), is_repeatable=request.is_repeatable)

    def listen(self, target: str) -> WebSocket:
        """An open WebSocket, which the caller closes. Raises ClientError."""
        return self._repeated(lambda ends: self._open(target, ends), is_repeatable=True)

    def _repeated(self, attempt: Callable[[float], T], *, is_repeatable: bool) -> T:
        ends = time.monotonic() + self._deadline
        number = 1
        while True:
            try:
                return attempt(ends)
            except ClientError as error:
                wait = _wait_seconds(error, number, is_repeatable=is_repeatable)
                if wait is None or time.monotonic() + wait >= ends:
                    raise
            time.sleep(wait)
            number += 1

    def _open(self, target: str, ends: float) -> WebSocket:
        self._check_open()
        try:
            sock = self.address.open(self._patience(ends))
        except OSError as error:
            raise ConnectionLost(self._loss(error), False) from error
        try:
            return WebSocket(sock, self.address.base + target, self.headers, time.monotonic() + self._patience(ends))
        except BaseException:
            sock.close()
            raise

    def _exchange(self, request: Request, ends: float) -> dict[str, Any]:
        connection = self._take(request)
        is_sent = False
        try:
            if connection.sock is None:
                connection.timeout = self._patience(ends)
                connection.connect()
            is_sent = True
            status, retry_after, body = self._send(connection, request, ends)
        except (OSError, IncompleteRead, RemoteDisconnected) as error:
            connection.close()
            raise ConnectionLost(self._loss(error), is_sent) from error
        except HTTPException as error:
            connection.close()
            raise UnexpectedAnswer(f"{self.address} does not speak HTTP") from error
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        if not 200 <= status < 300:
            raise refusal(status, retry_after, body)
        return self._object(body)

    def _send(self, connection: Connection, request: Request, ends: float) -> tuple[int, str | None, bytes]:
        # The connection forgets its socket as soon as it knows that the server will close it.
        sock = connection.sock
        sock.settimeout(self._patience(ends))
        headers = self.headers | ({"Content-Type": "application/json"} if request.body is not None else {})
        connection.request(request.method, self.address.base + request.target, request.body, headers)
        with connection.getresponse() as response:
            parts: list[bytes] = []
            size = 0
            while chunk := response.read1(_CHUNK_BYTES):
                parts.append(chunk)
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise UnexpectedAnswer(f"The answer is larger than {MAX_ANSWER_BYTES} bytes")
                sock.settimeout(self._patience(ends))
            if _is_cut_off(response, size):
                raise IncompleteRead(b"")
            return response.status, response.getheader("Retry-After"), b"".join(parts)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClientError("The client is closed")

    def _patience(self, ends: float) -> float:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(self.timeout, left)

    def _loss(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{self.address} did not answer in time"
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            return f"Nothing answers at {self.address}: is `runicorn-tui serve` running?"
        reason = error.strerror if isinstance(error, OSError) else None
        return f"The connection to {self.address} was lost: {reason or 'it ended before the answer did'}"

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            answer: Any = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise UnexpectedAnswer(f"What {self.address} answered is no JSON object: is it a Runicorn server?")
        return cast(dict[str, Any], answer)

    def _take(self, request: Request) -> Connection:
        """A connection for one request: a new one for what must not be asked twice, since an old one may be dead."""
        stale: list[Connection] = []
        self._check_open()
        with self._lock:
            if self._process != os.getpid():
                # After a fork the connections are the parent's.
                self._process = os.getpid()
                stale, self._idle = self._idle, []
            found: Connection | None = None
            while self._idle and request.is_repeatable and found is None:
                found = self._idle.pop()
                if time.monotonic() - found.idle_since > _IDLE_SECONDS:
                    stale.append(found)
                    found = None
        for connection in stale:
            connection.close()
        return found or Connection(self.address, self.timeout)

    def _keep(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            is_kept = not self._is_closed and len(self._idle) < _MAX_IDLE
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()


def _is_cut_off(response: HTTPResponse, size: int) -> bool:
    # `read1` ends silently before the length that was told; a header that is cut off passes for one without a length.
    return bool(response.length) or (size == 0 and "Content-Length" not in response.headers)


def _wait_seconds(error: ClientError, attempt: int, *, is_repeatable: bool) -> float | None:
    """How long to wait before the next attempt, None for never.

    Who was over the limit was not heard at all; a server that is busy may have done a part of what it was asked.
    """
    match error:
        case RateLimited():
            is_safe = True
        case ServerError(status=503):
            is_safe = is_repeatable
        case ConnectionLost():
            is_safe = is_repeatable or not error.may_have_happened
        case _:
            is_safe = False
    if not is_safe or attempt >= ATTEMPTS:
        return None
    told = error.retry_after if isinstance(error, Refused) else None
    return max(told or 0.0, _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1))
