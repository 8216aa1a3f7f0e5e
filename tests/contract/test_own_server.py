"""What needs a server of its own: limits, a root that grows, an index that is damaged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.conftest import Answer, Client
from tests.conftest import scaled
from tests.contract.conftest import serving
from tests.db.runs import write_json, write_run

V2 = "/api/v2/experiments"
JSON = {"Content-Type": "application/json"}
FIGURES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of three experiments."""
    place = tmp_path_factory.mktemp("small")
    for number in range(3):
        write_run(place / "root", f"run{number}", created_at=1_700_000_000.0 + number, steps=[{"loss": 1.0}] * 3)
    return place


@pytest.fixture(scope="module")
def limiting(small: Path) -> Iterator[tuple[tuple[str, int], Iterator[int]]]:
    """The address of a server that counts, and numbers for its clients."""
    with serving(small / "home", small / "root", "--db", small / "limiting.db", "--no-watch") as client:
        yield client.address, iter(range(2, 255))


@pytest.fixture
def limited(limiting: tuple[tuple[str, int], Iterator[int]]) -> Client:
    """A client that nobody has counted yet: it asks from an address of its own."""
    address, numbers = limiting
    return Client(address, f"127.0.0.{next(numbers)}")


def figures(answer: Answer) -> tuple[int, ...]:
    return tuple(int(answer.headers[name]) for name in FIGURES)


@pytest.mark.says("doc.rate-limits", "rate.headers", "rate.refusal", "rate.counted", "rate.client")
@pytest.mark.parametrize(
    ("path", "limit"),
    [(V2, 100), (f"{V2}/run0", 200), (f"{V2}/run0/metrics/fast", 100), (f"{V2}/batch-delete", 10),
     (f"{V2}/batch-restore", 10), (f"{V2}/delete-matching", 10), ("/api/v2/analytics/summary", 60), ("/api/health", 60),
     ("/openapi.json", 60)],
)  # fmt: skip
def test_every_endpoint_has_its_limit(limited: Client, path: str, limit: int) -> None:
    is_write = limit == 10
    # Refused requests and HEAD count, and a forwarded address is not believed.
    ways: list[tuple[str, str, dict[str, str]]] = [
        ("POST" if is_write else "GET", path, JSON | {"X-Forwarded-For": "203.0.113.9"}),
        ("POST" if is_write else "HEAD", path + ("" if is_write else "?nonsense=1"), {}),
        ("DELETE", path, {"Forwarded": "for=203.0.113.10"}),
    ]
    for number in range(limit):
        method, target, headers = ways[number % 3]
        answer = limited.request(method, target, b"{}" if method == "POST" else None, headers)
        assert answer.status != 429
        assert figures(answer)[:2] == (limit, limit - number - 1)
        assert 0 < figures(answer)[2] <= 60
    for host, status in (("evil.example", 403), ("localhost", 429)):
        answer = limited.request("GET", path, headers={"Host": host})
        assert answer.status == status
    assert figures(answer)[:2] == (limit, 0)
    wait = int(answer.headers["retry-after"])
    assert answer.json == {"detail": "Rate limit exceeded", "retry_after": wait}
    assert 1 <= wait <= 60
    other = "/api/health" if path != "/api/health" else V2
    assert limited.request("GET", other).status == 200


@pytest.mark.says("rate.counted")
def test_a_wrong_host_is_not_counted(limited: Client) -> None:
    for _ in range(5):
        answer = limited.request("GET", "/api/health", headers={"Host": "evil.example"})
        assert (answer.status, figures(answer)[1]) == (403, 60)
    assert figures(limited.request("GET", "/api/health"))[1] == 59


@pytest.mark.says("rate.server-errors")
def test_errors_of_the_http_server_tell_no_figures(limited: Client) -> None:
    for raw, wanted in (
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 17_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n", 413),
    ):
        status, headers, _ = limited.raw(raw)
        assert status == wanted
        assert not set(FIGURES) & set(headers)


@pytest.mark.says("rate.off")
@pytest.mark.parametrize("path", [V2, f"{V2}/nobody", "/nothing", "/api/health", f"{V2}/batch-delete"])
def test_without_limits_there_are_no_figures(client: Client, path: str) -> None:
    assert not set(FIGURES) & set(client.request("GET", path).headers)


@pytest.mark.says("serve.line")
def test_the_line_means_that_everything_can_be_asked_for(limited: Client) -> None:
    assert limited.list()["total"] == 3
    assert limited.series("run2")["total_points"] == 3


@pytest.mark.says("identity.id", "identity.twice")
def test_ids_come_from_meta_or_the_folder_and_the_newest_of_two_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_json(write_run(root, "folder1", created_at=5.0) / "meta.json", {"project": "p", "name": "n"})
    write_run(root, "told", name="older", created_at=10.0)
    write_run(root, "told", name="newer", created_at=20.0)
    with serving(tmp_path / "home", root, "--db", tmp_path / "index.db", "--no-watch") as client:
        found = {e["id"]: e["name"] for e in client.list()["experiments"]}
    assert found == {"folder1": "n", "told": "newer"}


@pytest.mark.torture
@pytest.mark.says("list.growing", "list.snapshot", "list.total")
def test_no_row_comes_twice_or_is_missing_while_rows_are_added(tmp_path: Path) -> None:
    """New experiments arrive through real syncs of another process' kind: older, newer and between the others."""
    root, db, first = tmp_path / "root", tmp_path / "index.db", 120
    for number in range(first):
        write_run(root, f"old{number:04}", created_at=1_700_000_000.0 + 10 * number, name=f"n{number % 7}")
    with serving(tmp_path / "home", root, "--db", db, "--no-watch", "--no-rate-limit") as client:
        growing = Growing(root, db)
        thread = threading.Thread(target=growing.run)
        thread.start()
        try:
            for round_number in range(scaled(12, 400)):
                order_by = ("created_at", "name", "updated_at", "status")[round_number % 4]
                descending = ("true", "false")[round_number // 4 % 2]
                check_walk(client, f"order_by={order_by}&order_desc={descending}&per_page=9", first)
        finally:
            growing.stopping.set()
            thread.join()
        assert growing.added >= 1
        assert client.list()["total"] == first + growing.added


class Growing:
    """Adds experiments to a root and syncs, until it is told to stop."""

    def __init__(self, root: Path, db: Path) -> None:
        self.stopping = threading.Event()
        self.added = 0
        self._root = root
        self._db = db

    def run(self) -> None:
        with Store(self._db) as store:
            while not self.stopping.is_set() and self.added < 2000:
                for spread in (-1.0, 5.0, 2000.0):
                    at = 1_700_000_000.0 + spread + self.added % 1000
                    write_run(self._root, f"new{self.added:05}", created_at=at, name=f"n{self.added % 7}")
                    self.added += 1
                sync(store)


def check_walk(client: Client, query: str, first: int) -> None:
    answer: Any = client.list(query)
    seen: list[str] = []
    totals = [answer["total"]]
    while True:
        seen += [experiment["id"] for experiment in answer["experiments"]]
        if answer["next_cursor"] is None:
            break
        answer = client.list(f"{query}&cursor={quote(answer['next_cursor'])}")
        totals.append(answer["total"])
    assert len(set(seen)) == len(seen), "a row came twice"
    assert sum(name.startswith("old") for name in seen) == first, "a row is missing"
    assert totals == sorted(totals)
    # One request is one snapshot: everything on one page is as many as it says.
    whole = client.list("per_page=1000")
    assert whole["total"] == len(whole["experiments"]) or whole["has_next"]


@pytest.mark.says("doc.error-500", "all.detail")
def test_a_damaged_index_is_told_in_the_documented_words(small: Path, tmp_path: Path) -> None:
    db = tmp_path / "index.db"
    for _ in range(2):
        with serving(tmp_path / "home", small / "root", "--db", db, "--no-watch", "--no-rate-limit") as client:
            if _ == 0:
                assert client.list()["total"] == 3
                continue
            # Not before: what a connection has read once it does not read again. The header stays, so that SQLite
            # believes that this is its file.
            with db.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xa5" * (db.stat().st_size - 4096))
            check_damaged(client)


def check_damaged(client: Client) -> None:
    answers = [client.request("GET", f"{V2}/run{number}") for number in range(3)]
    told = [answer.json["detail"] for answer in answers if answer.status == 500]
    assert len(told) == 3, answers
    assert all(sentence.startswith("Database query failed: ") for sentence in told)
    assert client.request("GET", "/api/health").status == 200
