"""Log streams over real sockets, asked by a client library of its own or by bytes that no library would send."""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect, unix_connect

from runicorn_api import websocket
from runicorn_api.app import ServerSettings, create_app
from runicorn_api.exchanges import Exchange
from runicorn_api.server import Server
from runicorn_api.v1 import log_stream
from runicorn_db import log_lines
from runicorn_db.query import Snapshot
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.conftest import Client, Run, sentence_of, strict_json, write_root, write_run
from tests.api.test_api_docs import SECTIONS, rows

RUNNING, FINISHED = "20240101_170000_000006", "20240101_120000_000001"
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
HEAD = b"Host: 127.0.0.1\r\n" + UPGRADE + KEY
ASKED = b"GET /api/runs/" + RUNNING.encode() + b"/logs/ws HTTP/1.1\r\n" + HEAD + b"\r\n"

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

SECTION = SECTIONS["From V1 to V2"].partition("### Log of a run")[2].partition("\n### ")[0]


class Lab:
    """A store over a root of a few runs, and a server whose answers are told."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.root = write_root(directory / "root")
        self.store = Store(directory / "index.db")
        self.store.add_root(self.root, "lab")
        sync(self.store)
        self.told: queue.Queue[Exchange] = queue.Queue()
        self._unix_socket: Path | None = settings.pop("unix_socket", None)
        app = create_app(self.store, ServerSettings(**{"version": "1.2.3", "rate_limits": None} | settings))
        self.server = Server(app, port=0, unix_socket=self._unix_socket, observers=(self.told.put,))
        self.server.start()
        self.client = Client(self.server.address)

    def run_dir(self, run_id: str = RUNNING) -> Path:
        return next(self.root.glob(f"*/*/runs/{run_id}"))

    def log(self, run_id: str = RUNNING) -> Path:
        return self.run_dir(run_id) / "logs.txt"

    def append(self, content: bytes, run_id: str = RUNNING) -> None:
        with self.log(run_id).open("ab") as file:
            file.write(content)

    def end(self, status: str) -> None:
        (self.run_dir() / "status.json").write_text(json.dumps({"status": status, "started_at": 1.0, "ended_at": 2.0}))
        sync(self.store)

    def url(self, run_id: str = RUNNING) -> str:
        host, port = self.server.address
        return f"ws://{host}:{port}/api/runs/{run_id}/logs/ws"

    def stream(self, run_id: str = RUNNING, **options: Any) -> Any:
        return connect(self.url(run_id), proxy=None, open_timeout=10, **options)

    def connected(self, sent: bytes = ASKED) -> socket.socket:
        connection = socket.create_connection(self.server.address, timeout=10)
        connection.sendall(sent)
        return connection

    def close(self) -> None:
        self.server.stop()
        self.store.close()


LabMaker = Callable[..., Lab]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and index are looked at more often."""
    monkeypatch.setattr(log_stream, "_FILE_SECONDS", 0.02)
    monkeypatch.setattr(log_stream, "_INDEX_SECONDS", 0.05)


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[LabMaker]:
    made: list[Lab] = []

    def make(**settings: Any) -> Lab:
        made.append(Lab(tmp_path, **settings))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    return make_lab()


def lines(stream: ClientConnection, count: int) -> list[str]:
    found = [stream.recv(timeout=10) for _ in range(count)]
    assert all(isinstance(line, str) for line in found), "text frames"
    return [str(line) for line in found]


def end_of(stream: ClientConnection) -> tuple[list[str], int, str]:
    """What still comes, and with which code and reason the server ends it."""
    found: list[str] = []
    try:
        while True:
            found += lines(stream, 1)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return found, closed.rcvd.code, closed.rcvd.reason


def frame(opcode: int, payload: bytes = b"", *, is_masked: bool = True, head: int = 0x80) -> bytes:
    """A client's frame, masked with zeros."""
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload))
    mark = bytes([size[0] | 0x80]) + size[1:] + bytes(4) if is_masked else size
    return bytes([head | opcode]) + mark + payload


def answer_to(connection: socket.socket) -> bytes:
    """The header of the answer, byte by byte so that nothing behind it is taken."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, header
        header += byte
    return header


def frames(connection: socket.socket) -> list[tuple[int, bytes]]:
    """Every frame that the server sends before it closes the connection."""
    data = b"".join(iter(lambda: connection.recv(65536), b""))
    found: list[tuple[int, bytes]] = []
    while data:
        assert data[0] & 0xF0 == 0x80, "whole frames without extensions"
        assert data[1] < 127, "not masked, and short"
        begin = 2 if data[1] < 126 else 4
        size = data[1] if data[1] < 126 else struct.unpack("!H", data[2:4])[0]
        found.append((data[0] & 0x0F, data[begin : begin + size]))
        data = data[begin + size :]
    return found


def code_of(found: tuple[int, bytes]) -> int:
    opcode, payload = found
    assert opcode == CLOSE
    return struct.unpack("!H", payload[:2])[0]


def refusal(lab: Lab, run_id: str = RUNNING, **options: Any) -> tuple[int, str]:
    """Status and sentence of an answer that is no upgrade."""
    with pytest.raises(InvalidStatus) as refused, lab.stream(run_id, **options):
        pass
    response = refused.value.response
    body = strict_json(bytes(response.body or b""))
    if response.status_code == 429:
        assert body.pop("retry_after") == int(response.headers["Retry-After"])
    return response.status_code, sentence_of(body)


# --- lines


def test_the_last_ten_thousand_lines_come_one_a_frame_and_then_those_that_follow(lab: Lab) -> None:
    lab.append(b"".join(b"step %d\n" % number for number in range(12_000)) + b"unfin")
    with lab.stream() as stream:
        assert lines(stream, 9_999) == [f"step {number}" for number in range(2_001, 12_000)]
        lab.append(b"ished\n\nlast\n")
        assert lines(stream, 3) == ["unfinished", "", "last"]


def test_a_run_that_has_ended_closes_its_stream_after_the_last_line(lab: Lab) -> None:
    lab.append(b"one\ntwo\nwithout an end", FINISHED)
    with lab.stream(FINISHED) as stream:
        assert end_of(stream) == (["one", "two", "without an end"], 1000, "The run has ended: finished")


def test_a_run_that_ends_meanwhile_has_its_last_lines_sent_first(lab: Lab) -> None:
    lab.append(b"one\n")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]
        lab.append(b"two\nhalf")
        lab.end("interrupted")
        assert end_of(stream) == (["two", "half"], 1000, "The run has ended: interrupted")


def test_a_run_whose_directory_is_gone_closes_its_stream(lab: Lab) -> None:
    lab.append(b"one\n")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]
        lab.run_dir().rename(lab.root.parent / "elsewhere")
        sync(lab.store)
        assert end_of(stream) == ([], 1000, "The run directory is gone")


def test_a_log_that_is_written_later_is_waited_for(lab: Lab) -> None:
    with lab.stream() as stream:
        with pytest.raises(TimeoutError):
            stream.recv(timeout=0.1)
        lab.append(b"here\n")
        assert lines(stream, 1) == ["here"]


def test_a_run_that_has_ended_without_a_log_has_no_lines(lab: Lab) -> None:
    with lab.stream(FINISHED) as stream:
        assert end_of(stream) == ([], 1000, "The run has ended: finished")


def test_a_log_that_was_cut_or_replaced_is_sent_anew(lab: Lab) -> None:
    lab.append(b"one\ntwo\n")
    with lab.stream() as stream:
        assert lines(stream, 2) == ["one", "two"]
        lab.log().write_bytes(b"cut\n")
        assert lines(stream, 1) == ["cut"]
        (lab.root / "new").write_bytes(b"replaced\n")
        (lab.root / "new").rename(lab.log())
        assert lines(stream, 1) == ["replaced"]


def test_whatever_the_log_holds_each_frame_is_text(lab: Lab) -> None:
    lab.append(b"\xff\xfe\x00\x1b]0;x\x07 \xe7\xb2\xbe\n" + b"long " * 1_000_000 + b"\nafter\n")
    with lab.stream(max_size=2**17) as stream:
        first, long, after = lines(stream, 3)
    assert first == "\ufffd\ufffd\0\x1b]0;x\x07 精"
    assert (len(long), long[-21:]) == (65_536 + 21, " … 4934464 bytes more"[-21:])
    assert after == "after"


def test_a_run_that_nobody_knows_closes_the_stream_with_its_name(lab: Lab) -> None:
    with lab.stream("20200101_000000_ffffff") as stream:
        assert end_of(stream) == ([], 4404, "Run not found: 20200101_000000_ffffff")
    with lab.stream("n%C3%B6%20" * 500) as stream:
        _, code, reason = end_of(stream)
    assert (code, reason[:20]) == (4404, "Run not found: nö nö")


@pytest.mark.parametrize("run_id", ["..%2F..%2Fetc", "a%00b", "a%0Ab", "a%5Cb"])
def test_what_cannot_be_the_id_of_a_run_is_refused(lab: Lab, run_id: str) -> None:
    status, sentence = refusal(lab, run_id)
    assert status == 400
    assert sentence.startswith("Invalid run_id format: ")


def test_a_custom_id_is_one_like_the_others(lab: Lab) -> None:
    lab.append(b"hallo\n", "lauf ü 1")
    with lab.stream("lauf%20%C3%BC%201") as stream:
        assert end_of(stream)[0] == ["hallo"]


def test_a_run_that_leaves_the_index_closes_its_stream(lab: Lab) -> None:
    lab.append(b"one\n")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]
        lab.store.remove_root("lab")
        assert end_of(stream) == ([], 4404, "The run is no longer in the index")


def move_in_time(lab: Lab, run_id: str = RUNNING) -> None:
    """Give the run another place in the order of the index."""
    meta = lab.run_dir(run_id) / "meta.json"
    content = json.loads(meta.read_text())
    meta.write_text(json.dumps(content | {"created_at": content["created_at"] + 1000}))
    assert sync(lab.store).has_changes


def test_a_run_that_gets_another_place_in_the_index_is_still_followed(lab: Lab) -> None:
    lab.append(b"one\n")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]
        move_in_time(lab)
        lab.append(b"two\n")
        assert lines(stream, 1) == ["two"]
        lab.end("finished")
        assert end_of(stream) == ([], 1000, "The run has ended: finished")


def test_a_run_whose_place_goes_to_another_while_it_is_looked_up_is_followed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.append(b"one\n", FINISHED)
    place_of, moves = lab.store.snapshot_of, iter([FINISHED])

    def overtaken(ids: Sequence[str]) -> Snapshot:
        found = place_of(ids)
        for run_id in moves:
            created_at = lab.store.get(run_id).experiment.created_at
            write_run(lab.root, Run(id="newcomer", project="vision", name="other", created_at=created_at))
            move_in_time(lab, run_id)
            (given_to,) = lab.store.rows(found)
            assert given_to is not None
            assert given_to.id == "newcomer"
        return found

    monkeypatch.setattr(lab.store, "snapshot_of", overtaken)
    with lab.stream(FINISHED) as stream:
        assert end_of(stream) == (["one"], 1000, "The run has ended: finished")
    assert next(moves, None) is None


def test_lines_behind_a_long_stretch_without_a_line_break_are_sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "FARTHEST_BACK", 2**17)
    lab.append(b"one\n")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]
        lab.append(b"x" * 2**20 + b"\nlast\n")
        lab.end("finished")
        (long, last), code, _ = end_of(stream)
    assert (long[:2], last, code) == ("xx", "last", 1000)


def test_a_run_in_the_trash_is_still_followed(lab: Lab) -> None:
    lab.append(b"one\n")
    lab.store.delete([RUNNING], source="api", reason="test")
    with lab.stream() as stream:
        assert lines(stream, 1) == ["one"]


def test_a_log_that_is_a_link_is_not_read(lab: Lab) -> None:
    lab.log().symlink_to("/etc/passwd")
    with lab.stream() as stream:
        assert end_of(stream) == ([], 1011, "The log cannot be read: Symbolic link, not followed")


def test_an_index_that_is_busy_ends_the_stream_before_it_began(make_lab: LabMaker) -> None:
    lab = make_lab(query_timeout=0.0)
    with lab.stream() as stream:
        assert end_of(stream) == ([], 1013, "Database is busy")


def test_an_index_that_fails_ends_the_stream_with_the_reason(lab: Lab) -> None:
    lab.store.path.write_bytes(b"garbage" * 10_000)
    with lab.stream() as stream:
        _, code, reason = end_of(stream)
    assert (code, reason[:23]) == (1011, "Database query failed: ")


# --- who may


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", "https://127.0.0.1", ""])
def test_a_page_of_another_site_gets_no_stream(lab: Lab, origin: str) -> None:
    assert refusal(lab, additional_headers={"Origin": origin}) == (403, "Origin not allowed")


def test_a_browser_that_tells_of_another_site_gets_no_stream(lab: Lab) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}
    assert refusal(lab, additional_headers=headers) == (403, "Requests from other sites are not allowed")


def test_pages_of_the_server_itself_and_of_the_allowed_origin_get_theirs(make_lab: LabMaker) -> None:
    lab = make_lab(cors_origin="https://lab.example")
    host, port = lab.server.address
    for origin in (f"http://{host}:{port}", "https://lab.example"):
        with lab.stream(FINISHED, origin=origin) as stream:
            assert end_of(stream)[1] == 1000


def test_another_name_of_the_host_is_refused(lab: Lab) -> None:
    with lab.connected(ASKED.replace(b"127.0.0.1", b"rebound.example")) as connection:
        assert answer_to(connection).startswith(b"HTTP/1.1 403 ")


def test_the_token_is_asked_for(make_lab: LabMaker) -> None:
    lab = make_lab(token="secret")
    assert refusal(lab) == (401, "Token required")
    with lab.stream(FINISHED, additional_headers={"Authorization": "Bearer secret"}) as stream:
        assert end_of(stream)[1] == 1000


def test_openings_count_for_the_rate_limit(make_lab: LabMaker) -> None:
    lab = make_lab(rate_limits={"other": 1})
    with lab.stream(FINISHED) as stream:
        assert end_of(stream)[1] == 1000
    assert refusal(lab) == (429, "Rate limit exceeded")


@pytest.mark.skipif(os.getuid() != 0, reason="needs another user")
def test_another_user_of_the_machine_gets_no_stream(lab: Lab) -> None:
    os.seteuid(1234)
    try:
        connection = lab.connected()
    finally:
        os.seteuid(0)
    with connection:
        assert answer_to(connection).startswith(b"HTTP/1.1 403 ")


def test_a_server_for_reading_streams_as_well(make_lab: LabMaker) -> None:
    lab = make_lab(is_read_only=True)
    with lab.stream(FINISHED) as stream:
        assert end_of(stream)[1] == 1000


# --- the opening


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: 127.0.0.1\r\n", 426),
        (b"Host: 127.0.0.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + KEY, 426),
        (b"Host: 127.0.0.1\r\nUpgrade: websocket\r\n" + KEY, 426),
        (b"Host: 127.0.0.1\r\n" + UPGRADE, 400),
        (HEAD.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"short"), 400),
        (HEAD.replace(b"Version: 13", b"Version: 8"), 400),
        (HEAD + b"Content-Length: 3\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n", 400),
    ],
)
def test_what_opens_no_web_socket_is_refused(lab: Lab, head: bytes, status: int) -> None:
    request = b"GET /api/runs/" + RUNNING.encode() + b"/logs/ws HTTP/1.1\r\n" + head + b"\r\n"
    request += b"abc" if b"Content-Length" in head else b"0\r\n\r\n" if b"chunked" in head else b""
    found, headers, body = lab.client.raw(request)
    assert found == status
    assert sentence_of(strict_json(body))
    assert headers["sec-websocket-version"] == "13"
    assert headers.get("upgrade") == ("websocket" if status == 426 else None)


def test_a_client_that_waits_to_be_told_to_go_on_has_nothing_to_go_on_with(lab: Lab) -> None:
    with lab.connected(ASKED.replace(HEAD, HEAD + b"Expect: 100-continue\r\n")) as connection:
        assert answer_to(connection).startswith(b"HTTP/1.1 101 ")


def test_only_get_over_http_1_1_opens_a_web_socket(lab: Lab) -> None:
    assert lab.client.raw(ASKED.replace(b"HTTP/1.1", b"HTTP/1.0"))[0] == 400
    assert lab.client.raw(ASKED.replace(b"GET", b"POST"))[0] == 405
    assert lab.client.raw(ASKED.replace(b"/ws HTTP", b"/ws?x=1 HTTP"))[0] == 400
    assert lab.client.raw(ASKED.replace(b"/logs/ws", b"/logs/other"))[0] == 404


def test_what_follows_a_refused_opening_is_never_read_as_a_request(lab: Lab) -> None:
    hidden = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for asked in (ASKED.replace(b"Host: 127.0.0.1", b"Host: evil"), ASKED.replace(b"/logs/ws", b"")):
        with lab.connected(asked + hidden) as connection:
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda c=connection: c.recv(65536), b""))
        assert received.count(b"HTTP/1.1") == 1
        assert b"\r\nConnection: close\r\n" in received


def test_a_connection_that_was_used_for_requests_goes_on_as_a_stream(lab: Lab) -> None:
    lab.append(b"one\n", FINISHED)
    kept = http.client.HTTPConnection(*lab.server.address, timeout=10)
    for _ in range(3):
        kept.request("GET", "/api/health")
        assert kept.getresponse().read().startswith(b"{")
    connection, kept.sock = kept.sock, None
    with lab.stream(FINISHED, sock=connection) as stream:
        assert end_of(stream)[:2] == (["one"], 1000)


def test_what_a_client_sends_right_behind_the_opening_is_heeded(lab: Lab) -> None:
    with lab.connected(
        ASKED + frame(PING, b"early") + frame(TEXT, b"ignored") + frame(CLOSE, b"\x03\xe8")
    ) as connection:
        assert b"\r\nSec-WebSocket-Accept: " in answer_to(connection)
        assert frames(connection) == [(PONG, b"early"), (CLOSE, b"\x03\xe8")]


def test_requests_before_the_opening_in_one_packet_are_answered_first(lab: Lab) -> None:
    before = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with lab.connected(before * 2 + ASKED + frame(CLOSE)) as connection:
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.partition(b"HTTP/1.1 101 ")[2].endswith(b"\r\n\r\n" + bytes([0x80 | CLOSE, 0]))


def test_it_works_over_a_socket_file(make_lab: LabMaker, tmp_path: Path) -> None:
    lab = make_lab(unix_socket=tmp_path / "socket")
    lab.append(b"one\n", FINISHED)
    url = f"ws://localhost/api/runs/{FINISHED}/logs/ws"
    with unix_connect(str(tmp_path / "socket"), url, open_timeout=10) as stream:
        assert end_of(stream)[:2] == (["one"], 1000)


# --- while it is open


def test_a_ping_is_answered_and_a_close_is_returned(lab: Lab) -> None:
    with lab.stream() as stream:
        assert stream.ping().wait(10)
        stream.close(4000, "enough")
        assert (stream.protocol.close_rcvd.code, stream.protocol.close_rcvd.reason) == (4000, "enough")
    assert lab.told.get(timeout=10).status == 101


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"hello", is_masked=False), 1002),
        (frame(3), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(TEXT, b"x", head=0xC0), 1002),
        (frame(0, b"nothing to continue"), 1002),
        (frame(CLOSE, b"\x00\x01"), 1002),
        (frame(TEXT, b"x" * 4097), 1009),
        (b"\x81\xff" + struct.pack("!Q", 2**40) + bytes(4), 1009),
        (frame(TEXT, b"x" * 4000, head=0) + frame(0, b"x" * 97), 1009),
    ],
)
def test_a_client_that_breaks_the_protocol_is_told_so_and_dropped(lab: Lab, sent: bytes, code: int) -> None:
    with lab.connected() as connection:
        assert answer_to(connection).startswith(b"HTTP/1.1 101 ")
        connection.sendall(sent)
        (last,) = frames(connection)
    assert code_of(last) == code
    assert lab.client.get("/health")["status"] == "ok"


def test_what_a_client_says_in_due_form_is_let_pass(lab: Lab) -> None:
    with lab.stream() as stream:
        for _ in range(100):
            stream.send("x" * 4096)
            stream.send(b"\xff")
        lab.append(b"still here\n")
        assert lines(stream, 1) == ["still here"]


def test_a_client_that_vanishes_ends_its_stream(lab: Lab) -> None:
    lab.append(b"one\n")
    with lab.connected() as connection:
        answer_to(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert lab.told.get(timeout=10).status == 101
    with lab.connected() as connection:
        answer_to(connection)
        connection.shutdown(socket.SHUT_WR)
        assert lab.told.get(timeout=10).status == 101


@pytest.mark.alone
def test_a_client_that_reads_nothing_is_dropped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert websocket.STALL_SECONDS == 30
    monkeypatch.setattr(websocket, "STALL_SECONDS", 0.3)
    # More than what the sockets of both sides hold.
    lab.append(b"".join(b"%d " % number + b"x" * 4000 + b"\n" for number in range(9_000)))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(lab.server.address)
        connection.sendall(ASKED)
        dropped = lab.told.get(timeout=30)
    assert dropped.status == 101
    assert 0 < dropped.size_bytes < 30_000_000
    assert dropped.seconds < 20


def test_a_client_that_reads_slowly_gets_every_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "STALL_SECONDS", 5)
    lab.append(b"".join(b"%d " % number + b"x" * 500 + b"\n" for number in range(9_000)), FINISHED)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(lab.server.address)
        connection.sendall(ASKED.replace(RUNNING.encode(), FINISHED.encode()))
        answer_to(connection)
        *found, last = frames(connection)
    assert [payload.split()[0] for _, payload in found] == [b"%d" % number for number in range(9_000)]
    assert code_of(last) == 1000


def test_a_client_that_still_speaks_after_the_last_line_loses_none(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.0)
    lab.append(b"".join(b"%d " % number + b"x" * 500 + b"\n" for number in range(1_000)), FINISHED)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(lab.server.address)
        connection.sendall(ASKED.replace(RUNNING.encode(), FINISHED.encode()))
        answer_to(connection)
        with pytest.raises(queue.Empty):
            lab.told.get(timeout=0.5)
        connection.sendall(frame(PING))
        *found, last = frames(connection)
    assert len([opcode for opcode, _ in found if opcode == TEXT]) == 1_000
    assert code_of(last) == 1000


def test_a_client_that_does_not_answer_the_end_is_dropped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "READ_OUT_SECONDS", 0.05)
    lab.append(b"one\n", FINISHED)
    with lab.connected(ASKED.replace(RUNNING.encode(), FINISHED.encode())) as connection:
        answer_to(connection)
        assert lab.told.get(timeout=10).status == 101
        assert [opcode for opcode, _ in frames(connection)] == [TEXT, CLOSE]


@pytest.mark.alone
def test_a_client_that_does_not_answer_the_end_holds_up_no_stop(lab: Lab) -> None:
    lab.append(b"one\n", FINISHED)
    with lab.connected(ASKED.replace(RUNNING.encode(), FINISHED.encode())) as connection:
        answer_to(connection)
        found = b""
        while not found.endswith(b"The run has ended: finished"):
            found += connection.recv(100)
        began = time.monotonic()
        lab.server.stop()
        assert time.monotonic() - began < 2


def test_a_silent_client_is_asked_for_a_sign_of_life_and_dropped_without_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "PING_SECONDS", 0.05)
    monkeypatch.setattr(websocket, "PONG_SECONDS", 2.0)
    with lab.connected() as connection, lab.stream(ping_interval=None) as living:
        answer_to(connection)
        assert frames(connection) == [(PING, b"")]
        assert lab.told.get(timeout=10).status == 101
        # Client libraries answer by themselves.
        lab.append(b"one\n")
        assert lines(living, 1) == ["one"]


# --- how many


def test_ten_streams_are_open_at_once_for_a_client_and_the_next_one_is_told_to_come_later(lab: Lab) -> None:
    with ExitStack() as stack:
        open_ = [stack.enter_context(lab.stream()) for _ in range(log_stream.MOST_AT_ONCE)]
        lab.append(b"one\n")
        assert [lines(stream, 1) for stream in open_] == [["one"]] * 10
        with lab.stream() as excess:
            found, code, reason = end_of(excess)
        assert (found, code, reason[:21]) == ([], 1013, "Too many log streams:")
        assert lab.told.get(timeout=10).size_bytes > 0
        open_[0].close()
        lab.told.get(timeout=10)
        with lab.stream() as freed:
            assert lines(freed, 1) == ["one"]


def test_each_client_has_places_of_its_own(make_lab: LabMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(log_stream, "MOST_OF_ALL", 2)
    lab = make_lab(trusted_proxies=frozenset({"127.0.0.1"}))
    lab.append(b"one\n")

    def of(client: str) -> Any:
        return lab.stream(additional_headers={"X-Forwarded-For": client})

    with of("10.0.0.1") as one, of("10.0.0.2") as other:
        assert lines(one, 1) == lines(other, 1) == ["one"]
        for client in ("10.0.0.1", "10.0.0.3"):
            with of(client) as excess:
                assert end_of(excess)[1] == 1013


def test_two_streams_go_on_while_eight_others_ask(lab: Lab) -> None:
    lab.append(b"begin\n")
    is_over = threading.Event()
    count = 300

    def ask(number: int) -> int:
        asked = 0
        while not is_over.is_set():
            lab.client.list({"page": 1 + number % 4, "per_page": 2})
            lab.client.series(FINISHED)
            asked += 2
        return asked

    with lab.stream() as one, lab.stream() as other, ThreadPoolExecutor(9) as pool:
        try:
            asking = [pool.submit(ask, number) for number in range(8)]
            assert lines(one, 1) == lines(other, 1) == ["begin"]
            for begin in range(0, count, 10):
                lab.append(b"".join(b"line %d\n" % number for number in range(begin, begin + 10)))
                expected = [f"line {number}" for number in range(begin, begin + 10)]
                assert lines(one, 10) == lines(other, 10) == expected
        finally:
            is_over.set()
        assert all(asked.result(timeout=30) for asked in asking)


# --- the server


@pytest.mark.alone
def test_all_streams_are_told_when_the_server_stops_and_are_over_within_two_seconds(lab: Lab) -> None:
    lab.append(b"".join(b"x" * 4000 + b"\n" for _ in range(9_000)), RUNNING)
    with ExitStack() as stack:
        stalled = stack.enter_context(socket.socket())
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(lab.server.address)
        stalled.sendall(ASKED)
        assert answer_to(stalled).startswith(b"HTTP/1.1 101 ")
        lab.log().rename(lab.root / "old")
        open_ = [stack.enter_context(lab.stream(ping_interval=None)) for _ in range(5)]
        deaf = stack.enter_context(lab.connected())
        answer_to(deaf)
        began = time.monotonic()
        lab.server.stop()
        assert time.monotonic() - began < 2
        assert [end_of(stream) for stream in open_] == [([], 1001, "The server is stopping")] * 5
        assert code_of(frames(deaf)[-1]) == 1001
    assert sorted(lab.told.get(timeout=1).status for _ in range(7)) == [101] * 7
    assert not [thread for thread in threading.enumerate() if thread.name == "runicorn-api-conversation"]


def test_an_opening_that_comes_while_the_server_stops_is_ended_as_well(lab: Lab) -> None:
    codes: queue.Queue[int] = queue.Queue()

    def open_on_and_on() -> None:
        while True:
            try:
                with lab.connected() as connection:
                    answer = connection.recv(12)
                    if not answer:
                        return
                    assert answer == b"HTTP/1.1 101"
                    answer_to(connection)
                    connection.sendall(frame(CLOSE, b"\x03\xe8"))
                    codes.put(code_of(frames(connection)[-1]))
            except OSError:
                return

    with ThreadPoolExecutor(4) as pool:
        openings = [pool.submit(open_on_and_on) for _ in range(4)]
        for _ in range(40):
            assert codes.get(timeout=10) == 1000
        lab.server.stop()
        for opening in openings:
            opening.result(timeout=10)
    assert {codes.get_nowait() for _ in range(codes.qsize())} <= {1000, 1001}


@pytest.mark.alone
def test_sigterm_ends_every_stream_within_two_seconds(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_run(root, Run(id=RUNNING, project="p", name="n", status="running", seconds=None))
    (root / "p" / "n" / "runs" / RUNNING / "logs.txt").write_bytes(b"one\n")
    command = [sys.executable, "-m", "runicorn_tui", "serve", "--port", "0", "--access-log", "json", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().removeprefix("Serving http://").removesuffix("/api\n")
            with ExitStack() as stack:
                open_ = [opened_when_known(stack, f"ws://{address}/api/runs/{RUNNING}/logs/ws") for _ in range(3)]
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert [end_of(stream) for stream in open_] == [([], 1001, "The server is stopping")] * 3
                assert time.monotonic() - began < 2
                errors = process.communicate(timeout=10)[1]
        finally:
            process.kill()
    logged = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert [line["status"] for line in logged if line["bytes"] > 20] == [101] * 3
    assert process.returncode == 0


def opened_when_known(stack: ExitStack, url: str) -> ClientConnection:
    """A stream that has sent its first line: the server reads the root while it serves already."""
    deadline = time.monotonic() + 20
    while True:
        stream = stack.enter_context(connect(url, proxy=None))
        try:
            assert lines(stream, 1) == ["one"]
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            assert closed.rcvd.code == 4404
            assert time.monotonic() < deadline
        else:
            return stream


def test_streams_are_counted_and_told_of_like_other_answers(make_lab: LabMaker) -> None:
    lab = make_lab(has_metrics=True)
    lab.append(b"12345\n", FINISHED)
    with lab.stream(FINISHED) as stream:
        end_of(stream)
    told = lab.told.get(timeout=10)
    assert (told.client, told.method, told.status) == ("127.0.0.1", "GET", 101)
    assert (told.target, told.route) == (f"/api/runs/{FINISHED}/logs/ws", "/api/runs/{run_id}/logs/ws")
    close = b"\x03\xe8The run has ended: finished"
    assert told.size_bytes == 2 + 5 + 2 + len(close)
    assert refusal(lab, additional_headers={"Origin": "null"})[0] == 403
    connection = http.client.HTTPConnection(*lab.server.address, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    for status in (101, 403):
        labels = f'route="/api/runs/{{run_id}}/logs/ws",method="GET",status="{status}"'
        assert f"runicorn_http_requests_total{{{labels}}} 1\n" in text


# --- the document


def test_the_documented_example_prints_the_log_and_why_it_ended(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.append(b"one\ntwo\n", FINISHED)
    (example,) = re.findall(r"^```python\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    host, port = lab.server.address
    exec(example.replace("127.0.0.1:23300", f"{host}:{port}").replace("20250114_153045_a1b2c3", FINISHED), {})
    assert capsys.readouterr().out == "one\ntwo\n1000 The run has ended: finished\n"


def test_codes_and_limits_are_documented_as_they_are() -> None:
    codes = {int(code) for cells in rows("From V1 to V2", after="### Log of a run") for code in cells[0].split(",")}
    assert codes == {
        log_stream.NORMAL, log_stream.FAILED, log_stream.TRY_LATER, log_stream.UNKNOWN, 1001, 1002, 1009,
    }  # fmt: skip
    said = " ".join(SECTION.split())
    assert (
        f"the last {log_stream.LAST_LINES:,} first (looked for in the last {log_lines.FARTHEST_BACK // 2**20} MiB"
        in said
    )
    assert "in the trash is not found, but its log can still be followed" in " ".join(SECTIONS["From V1 to V2"].split())
    assert f"over {log_lines.LONGEST_LINE // 2**10} KiB" in said
    assert f"cut or replaced the last {log_stream.LAST_LINES:,} lines are sent anew" in said
    assert f"{log_stream.MOST_AT_ONCE} streams already, or all together {log_stream.MOST_OF_ALL}" in said
    assert f"more than {websocket.LARGEST_MESSAGE} bytes" in said
    assert f"for {websocket.PING_SECONDS:.0f} seconds" in said
    assert f"after {websocket.PONG_SECONDS:.0f} more" in said
    assert f"nothing for {websocket.STALL_SECONDS:.0f} seconds" in said
