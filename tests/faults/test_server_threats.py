"""What a shared machine and a browser can do to the server, over real sockets: a row or a test for each threat."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from runicorn_db.database import Database
from runicorn_db.store import Store
from tests.api.conftest import Client, Serve, strict_json
from tests.conftest import scaled
from tests.fuzz.requests_made import NAMES, Request, escaped, framed
from tests.fuzz.test_requests import Connection

IDS = b'{"exp_ids": ["20240101_120000_000001"]}'
OTHER_UID = 54321
# Not by subprocess: the interpreter may lie where another user cannot run it.
BECOME_ANOTHER = f"import os, socket; os.setgroups([]); os.setgid({OTHER_UID}); os.setuid({OTHER_UID})"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@dataclass(frozen=True)
class Row:
    """A request and how it must be refused. Everything in `settings` is as `ServerSettings` has it."""

    threat: str
    request: bytes
    status: int
    sentence: str
    settings: dict[str, Any] = field(default_factory=dict)


def get(*headers: str, target: str = "/api/v2/experiments", host: str = "127.0.0.1") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]).encode()


def delete(*headers: str, body: bytes = IDS, kind: str = "application/json") -> bytes:
    head = ["POST /api/v2/experiments/batch-delete HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    head += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


TOKEN = {"token": "right-token"}
LAB = {"cors_origin": "https://lab.example"}
ROWS = [
    Row("N2 rebinding", get(host="evil.example"), 403, "Host not allowed"),
    Row("N2 rebinding, absolute target", get(target="http://evil.example/api/health"), 403, "Host not allowed"),
    Row("N2 two hosts", get("Host: 127.0.0.1"), 403, "Host not allowed"),
    Row("N2 no host", b"GET /api/health HTTP/1.1\r\n\r\n", 403, "Host not allowed"),
    Row("N3 form", delete(kind="application/x-www-form-urlencoded"), 415, "Content-Type must be application/json"),
    Row("N3 no type", delete(kind=""), 415, "Content-Type must be application/json"),
    Row("N3 two types", delete("Content-Type: text/plain"), 415, "Content-Type must be application/json"),
    Row("N3 other origin", delete("Origin: https://evil.example"), 403, "Origin not allowed"),
    Row("N3 two origins", delete("Origin: https://lab.example", "Origin: https://evil.example"), 403,
        "Origin not allowed", LAB),
    Row("N3 cross-site", get("Sec-Fetch-Site: cross-site"), 403, "Requests from other sites are not allowed"),
    Row("N3 cross-site image", get("Sec-Fetch-Site: cross-site"), 403, "Requests from other sites are not allowed",
        LAB),
    Row("N3 preflight", b"OPTIONS /api/v2/experiments/batch-delete HTTP/1.1\r\nHost: localhost\r\n"
        b"Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", 403, "Origin not allowed", LAB),
    Row("N4 no token", delete(), 401, "Token required", TOKEN),
    Row("N4 wrong token", delete("Authorization: Bearer wrong-token"), 401, "Token required", TOKEN),
    Row("N4 beginning of the token", delete("Authorization: Bearer right"), 401, "Token required", TOKEN),
    Row("N4 no Bearer", delete("Authorization: Basic right-token"), 401, "Token required", TOKEN),
    Row("N4 two tokens", delete("Authorization: Bearer x", "Authorization: Bearer right-token"), 401,
        "Token required", TOKEN),
    Row("N4 token that is not ASCII", delete("Authorization: Bearer \xe4\xff"), 401, "Token required", TOKEN),
    Row("N8 not HTTP", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, "Start line is invalid"),
    Row("N8 CL and TE", delete("Transfer-Encoding: chunked"), 400,
        "Transfer-Encoding cannot be combined with Content-Length or HTTP/1.0"),
    Row("N8 TE twice", b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding must be given once"),
    Row("N8 two TE", b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding must be given once"),
    Row("N8 chunked twice", b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"
        b"0\r\n\r\n", 400, "Transfer-Encoding must be given once"),
    Row("N8 same length twice", delete(f"Content-Length: {len(IDS)}"), 400, "Content-Length is invalid"),
    Row("N8 folded", get("X-A: b\r\n c"), 400, "A header line must not be folded"),
    Row("N8 TE hidden by a fold", b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\r\n chunked\r\n"
        b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400, "A header line must not be folded"),
    Row("N8 unknown coding", b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501,
        "Transfer-Encoding requested is not supported."),
    Row("N9 header over 16 KiB", get("X: " + "x" * 20_000), 431,
        "Request header is too large: at most 16384 bytes are allowed"),
    Row("N9 parameters", get(target="/api/v2/experiments?" + "&".join(f"a{n}=1" for n in range(65))), 400,
        "At most 64 parameters are allowed, not 65"),
    Row("N9 body over 1 MiB", delete(body=b" " * 1_100_000), 413,
        "Request body is too large: at most 1048576 bytes are allowed"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.threat)
def test_a_threat_is_refused_with_its_sentence_and_changes_nothing(store: Store, serve: Serve, row: Row) -> None:
    client = serve(store, **row.settings)
    before = store.stamp()

    status, headers, body = client.raw(row.request)

    assert (status, strict_json(body)) == (row.status, {"detail": row.sentence})
    assert not any(name.startswith("access-control-allow") for name in headers)
    assert store.stamp() == before


# N1, N12


def as_another_user(client: Client, times: int = 1, *, family: str = "AF_INET", headers: str = "") -> list[bytes]:
    """What another user's requests to delete are answered."""
    host = "127.0.0.1" if family == "AF_INET" else "::ffff:127.0.0.1"
    program = (
        f"{BECOME_ANOTHER}\n"
        f"for _ in range({times}):\n"
        f"    with socket.socket(socket.{family}) as client:\n"
        f"        client.connect(({host!r}, {client.address[1]}))\n"
        f"        client.sendall({delete(*headers.splitlines())!r})\n"
        "        print(b''.join(iter(lambda: client.recv(65536), b'')))\n"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    return ended.stdout.splitlines()


@needs_root
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_another_user_of_the_machine_is_refused(store: Store, serve: Serve, family: str) -> None:
    (answer,) = as_another_user(serve(store), family=family)

    assert b"403 Forbidden" in answer
    assert b'{"detail":"Refused: this server belongs to another user"}' in answer
    assert store.batches() == []


@needs_root
def test_another_user_cannot_use_up_what_the_owner_may_ask(store: Store, serve: Serve) -> None:
    client = serve(store, rate_limits={"write": 10})
    as_another_user(client, 12)

    answer = client.request("POST", "/api/v2/experiments/batch-delete", IDS, {"Content-Type": "application/json"})

    assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (200, "9")


@needs_root
def test_a_trusted_proxy_of_another_user_passes_the_token_on(store: Store, serve: Serve) -> None:
    proxies = frozenset({"127.0.0.1"})
    bearer = "Authorization: Bearer right-token"

    assert b"403 Forbidden" in as_another_user(serve(store, trusted_proxies=proxies), headers=bearer)[0]
    with_token = serve(store, trusted_proxies=proxies, token="right-token")
    assert b"401 Unauthorized" in as_another_user(with_token)[0]
    assert b"200 OK" in as_another_user(with_token, headers=bearer)[0]


@needs_root
def test_another_user_finds_a_socket_file_closed(store: Store, serve: Serve, tmp_path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        folder.chmod(0o755)
    path = tmp_path / "socket"
    serve(store, unix_socket=path)
    program = f"{BECOME_ANOTHER}; socket.socket(socket.AF_UNIX).connect({str(path)!r})"

    ended = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)

    assert "PermissionError" in ended.stderr
    assert path.stat().st_mode & 0o777 == 0o600


# N3


def test_pages_of_the_allowed_origin_may_read_and_nobody_else_is_told_anything(store: Store, serve: Serve) -> None:
    client = serve(store, cors_origin="https://lab.example", token="right-token")
    preflight = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"]
    target = "/api/v2/experiments/batch-delete"

    status, headers = ask(client, "OPTIONS", target, "Origin: https://lab.example", *preflight)
    assert status == 204
    assert headers["access-control-allow-origin"] == "https://lab.example"
    assert headers["access-control-allow-methods"] == "POST"
    assert "Authorization" in headers["access-control-allow-headers"]

    bearer = "Authorization: Bearer right-token"
    status, headers = ask(
        client, "GET", "/api/health", "Origin: https://lab.example", "Sec-Fetch-Site: cross-site", bearer
    )
    assert (status, headers["access-control-allow-origin"]) == (200, "https://lab.example")
    status, headers = ask(client, "GET", "/api/health", "Origin: https://lab.example")
    assert (status, headers["access-control-allow-origin"]) == (401, "https://lab.example")
    for origin in ("https://lab.example.evil", "http://lab.example", "https://LAB.example", "null"):
        status, headers = ask(client, "OPTIONS", target, f"Origin: {origin}", *preflight, bearer)
        assert status == 403
        assert not any(name.startswith("access-control") for name in headers)


def ask(client: Client, method: str, target: str, *headers: str) -> tuple[int, dict[str, str]]:
    request = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers, "", ""])
    with socket.create_connection(client.address, timeout=10) as connection:
        connection.sendall(request.encode())
        head = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[0].decode()
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


# N10


def test_a_crowd_of_spoofed_addresses_is_one_client(store: Store, serve: Serve) -> None:
    # What it takes in memory is seen in test_server_memory.py.
    client = serve(store, rate_limits={"other": 5})
    statuses = [
        ask(client, "GET", "/api/health", f"X-Forwarded-For: 10.0.0.{n}", f"Forwarded: for=10.0.1.{n}")[0]
        for n in range(30)
    ]
    assert statuses == [200] * 5 + [429] * 25
    assert client.get("/v2/experiments")["total"] == 8


# N11


def test_a_clock_that_jumps_neither_frees_nor_blocks_nor_closes_anything(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(store, rate_limits={"list": 3})
    real = time.time
    request = b"GET /api/v2/experiments HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(client.address, timeout=10) as connection, connection.makefile("rb") as answers:

        def remaining_and_reset() -> tuple[int, int]:
            connection.sendall(request)
            answers.readline()
            lines = iter(answers.readline, b"\r\n")
            headers = dict(line.decode().rstrip().split(": ", 1) for line in lines)
            answers.read(int(headers["Content-Length"]))
            return int(headers["X-RateLimit-Remaining"]), int(headers["X-RateLimit-Reset"])

        assert remaining_and_reset()[0] == 2
        for jump, left in ((+10 * 365 * 86400.0, 1), (-10 * 365 * 86400.0, 0), (0.0, 0)):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            remaining, reset = remaining_and_reset()
            assert remaining == left
            assert 0 < reset <= 60


# N8


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE", "BREW", "WEBSOCKET", "CONNECT"])
@pytest.mark.parametrize(
    ("target", "allowed"), [("/api/health", "GET, HEAD"), ("/api/v2/experiments/batch-delete", "POST")]
)
def test_other_methods_are_refused_with_those_that_are_allowed(
    store: Store, serve: Serve, method: str, target: str, allowed: str
) -> None:
    status, headers = ask(serve(store, rate_limits={}), method, target)

    assert (status, headers["allow"], headers["x-ratelimit-remaining"]) == (
        405,
        allowed,
        headers["x-ratelimit-remaining"],
    )
    assert headers["content-type"] == "application/json; charset=utf-8"


def test_a_server_for_reading_only_refuses_every_write(store: Store, serve: Serve) -> None:
    client = serve(store, is_read_only=True)

    for action in ("batch-delete", "batch-restore", "delete-matching"):
        sentence = client.refused_post(action, {"exp_ids": ["20240101_120000_000001"]}, status=403)
        assert sentence == "This server is read-only"
    assert client.list()["total"] == 8
    assert store.batches() == []


def test_whoever_cannot_be_told_is_refused_only_on_demand(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setattr("runicorn_api.peers.TABLES", (tmp_path / "none", tmp_path / "none6"))

    assert serve(store).list()["total"] == 8
    sentence = serve(store, requires_peer=True).refused("/v2/experiments", status=403)
    assert sentence == "Refused: this server belongs to another user"


# I5

READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
         sqlite3.SQLITE_TRANSACTION}  # fmt: skip
INJECTIONS = (
    b"created_at; DROP TABLE experiment", b"1) UNION SELECT text FROM search_text --", b"' OR '1'='1", b"\" OR 1=1 --",
    b"(SELECT load_extension('x'))", b"$(__import__('os').getpid())", b"ATTACH '/tmp/x' AS y", b"name NEAR(a b)",
    b"{project name} : x", b"x* OR y", b"\0", b"PRAGMA writable_schema = 1", b"name:/(/", b"param.'x'>1", b"?1", b":a",
)  # fmt: skip


class Watched(Database):
    """Notes what SQLite is about to do besides reading."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.noted: list[tuple[int, str | None, str | None]] = []
        super().__init__(*given, **named)

    def _configure(self, connection: sqlite3.Connection) -> None:
        super()._configure(connection)
        connection.set_authorizer(self._note)

    def _note(self, action: int, one: str | None, two: str | None, *_: str | None) -> int:
        if action not in READS or (action == sqlite3.SQLITE_FUNCTION and two == "load_extension"):
            self.noted.append((action, one, two))
        return sqlite3.SQLITE_OK


@pytest.mark.torture
def test_whatever_a_question_is_like_the_index_is_only_read(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runicorn_db.store.Database", Watched)
    dice = random.Random(5)
    with Store(store.path) as watched:
        connection = Connection(serve(watched).address)
        # Virtual tables are opened once by each reader, for which SQLite notes their columns in memory.
        for query in ((), ((b"search", b"resnet"),), ((b"filter", b"tag:keep"),)):
            assert connection.ask(Request(query=query).wire()) == 200
        assert isinstance(watched.database, Watched)
        watched.database.noted.clear()
        for name in NAMES:
            for value in INJECTIONS:
                connection.ask(Request(query=((name, escaped(value)),)).wire())
        for _ in range(scaled(500, 50_000)):
            request = framed(dice)
            if request.method == b"GET":
                connection.ask(request.wire())
        connection.close()
        # Versions are read: for health, and by the text index.
        asked = {noted for noted in watched.database.noted if noted[0] == sqlite3.SQLITE_PRAGMA}
        assert asked <= {(sqlite3.SQLITE_PRAGMA, name, None) for name in ("user_version", "data_version")}
        assert set(watched.database.noted) == asked
