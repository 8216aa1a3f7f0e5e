"""Requests nobody should send, over a socket: each is answered in the one shape, soon, and never by a fault of ours."""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, NoReturn, TypeVar

import pytest

from runicorn_api.openapi import REFUSALS
from tests.conftest import scaled
from tests.fuzz.requests_made import framed, unframed

T = TypeVar("T")
STATUSES = {200, 304, *REFUSALS} - {500, 503}
SLOWEST_SECONDS = 2.0
PAGES = ("text/html", "text/plain; version=0.0.4")


class Received(BytesIO):
    """What came already, as a socket from which http.client reads one answer after the other."""

    def makefile(self, _mode: str) -> BytesIO:
        return self

    def close(self) -> None:
        """http.client closes what it has read to the end; more answers may follow."""


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a name twice in one object"
    return dict(pairs)


def check(response: http.client.HTTPResponse, body: bytes, is_head: bool) -> None:
    status = response.status
    assert status in STATUSES, (status, body[:200])
    kind = response.getheader("Content-Type") or ""
    if is_head or status == 304:
        assert body == b""
        return
    if response.getheader("Content-Encoding") == "gzip":
        body = zlib.decompress(body, 31)
    if status == 200 and kind.startswith(PAGES):
        assert body.decode("utf-8")
        return
    assert kind == "application/json; charset=utf-8"
    answer = json.loads(body.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)
    if status != 200:
        assert list(answer) == ["detail"]
        assert answer["detail"].isprintable()


class Connection:
    """One kept connection; a new one whenever the server has closed it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def ask(self, wire: bytes) -> int:
        """The status of the answer to a whole request."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=20)
        is_head = wire.startswith(b"HEAD ")
        self._socket.sendall(wire)
        response = http.client.HTTPResponse(self._socket, method="HEAD" if is_head else "GET")
        response.begin()
        body = response.read()
        check(response, body, is_head)
        is_over = response.will_close
        response.close()
        if is_over:
            self.close()
        return response.status

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def ask_once(address: tuple[str, int], wire: bytes) -> list[int]:
    """The statuses of all that the server says to these bytes before it closes."""
    with socket.create_connection(address, timeout=20) as connection:
        try:
            connection.sendall(wire)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError, OSError):
            # Refused before all was sent; what it said can still be read.
            pass
        received = Received(b"".join(iter(lambda: connection.recv(65536), b"")))
    statuses: list[int] = []
    end = len(received.getbuffer())
    while received.tell() < end:
        statuses.append(read_answer(received, end))
    return statuses


def read_answer(received: Received, end: int) -> int:
    response = http.client.HTTPResponse(received)  # type: ignore[arg-type]
    response.begin()
    length = response.length or 0
    # Whether it was taken for a HEAD is only seen by what follows.
    is_head = length > end - received.tell() or received.getvalue()[received.tell() :].startswith(b"HTTP/1.")
    body = b"" if is_head else received.read(length)
    check(response, body, is_head)
    return response.status


def timely(ask: Callable[[], T]) -> T:
    """What it answers, in time: what takes long by itself takes long again, what a busy machine held up does not."""
    for _ in range(2):
        began = time.monotonic()
        answer = ask()
        if time.monotonic() - began < SLOWEST_SECONDS:
            return answer
    raise AssertionError("it takes too long")


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_strange_requests_on_a_kept_connection_are_answered(address: tuple[str, int], seed: int) -> None:
    dice = random.Random(seed)
    connection = Connection(address)
    seen: Counter[int] = Counter()
    for number in range(scaled(2000, 80_000)):
        wire = framed(dice).wire()
        try:
            seen[timely(partial(connection.ask, wire))] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, request {number}: {wire[:2000]!r}") from error
    connection.close()
    assert {200, 400, 404, 405} <= set(seen)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_bytes_that_are_hardly_requests_are_answered_or_dropped(address: tuple[str, int], seed: int) -> None:
    dice = random.Random(1000 + seed)
    seen: Counter[int] = Counter()
    count = scaled(500, 20_000)
    for number in range(count):
        wire = unframed(dice)
        try:
            seen.update(timely(partial(ask_once, address, wire)))
        except Exception as error:
            raise AssertionError(f"seed {seed}, request {number}: {wire[:2000]!r}") from error
    # What breaks off in the middle needs no answer.
    assert seen.total() > count / 2
    assert {200, 400} <= set(seen)
