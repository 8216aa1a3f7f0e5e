from __future__ import annotations

import json
import os
import re
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote

import pytest

from runicorn_api.validators import Validators
from runicorn_db.store import Store
from runicorn_db.sync import sync

FIRST = "20240101_120000_000001"
V2 = "/api/v2/experiments"
LASTING = [
    V2,
    f"{V2}?search=resnet&page=2&per_page=1",
    f"{V2}?filter={quote('created>=2024-01-01 -tag:keep')}",
    f"{V2}/{FIRST}",
    f"{V2}/{FIRST}/metrics/fast?downsample=10",
    "/api/v2/analytics/summary?project=vision",
]
MOMENTARY = [
    "/api/health",
    f"{V2}?filter={quote('age>30d')}",
    f"{V2}?filter={quote('status:failed or -age<1h')}",
    f"/api/v2/analytics/summary?filter={quote('age>30d')}",
]
CHANGES = {
    "a deletion": lambda store: store.delete(["lauf ü 1"], source="api"),
    "a tag": lambda store: store.annotate(["lauf ü 1"], add_tags=["new"]),
    "a new name of a root": lambda store: store.rename_root("lab", "other"),
}


class Answer:
    """An answer that may have no body, and so no content type."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def tag(self) -> str | None:
        return self.headers.get("etag")

    @property
    def json(self) -> dict[str, Any]:
        """Without the one figure that differs each time."""
        return {name: value for name, value in json.loads(self.body).items() if name != "query_time_ms"}


def ask(client, target: str, known: str | None = None, method: str = "GET", **headers: str) -> Answer:
    connection = HTTPConnection(*client.address, timeout=20)
    given = headers if known is None else headers | {"If-None-Match": known}
    connection.request(method, target, headers={name.replace("_", "-"): value for name, value in given.items()})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", LASTING)
def test_who_has_the_current_answer_is_told_so(client, target: str, method: str) -> None:
    first = ask(client, target)
    assert re.fullmatch(r'W/"[0-9a-f]{24}"', first.tag or "")
    again = ask(client, target, first.tag, method)
    assert (again.status, again.body, again.tag) == (304, b"", first.tag)
    assert (again.headers["vary"], again.headers["cache-control"]) == ("Accept-Encoding", "no-cache")
    assert {"content-type", "content-length", "content-encoding"}.isdisjoint(again.headers)
    assert ask(client, target, method="HEAD").tag == first.tag


@pytest.mark.parametrize("target", MOMENTARY)
def test_answers_that_time_changes_have_no_tag(client, target: str) -> None:
    for known in (None, "*", f"{ask(client, V2).tag}"):
        answer = ask(client, target, known)
        assert (answer.status, answer.tag) == (200, None)


@pytest.mark.parametrize("target", [f"{V2}?nonsense=1", f"{V2}/none", f"{V2}?page=0", "/nowhere", f"{V2}/none/x"])
def test_refusals_have_no_tag(client, target: str) -> None:
    for known in (None, "*"):
        answer = ask(client, target, known)
        assert answer.status in (400, 404)
        assert answer.tag is None


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{weak}", 304), ("{strong}", 304), ('"a", {weak}', 304), ('W/"a,b",{strong} , "c"', 304), ("*", 304),
        ("", 200), ('"a"', 200), ("{bare}", 200), ("'{bare}'", 200), ("W/{bare}", 200), ('"{bare}x"', 200),
    ],
)  # fmt: skip
def test_tags_are_read_as_lists(client, form: str, status: int) -> None:
    weak = ask(client, V2).tag
    assert weak
    known = form.format(weak=weak, strong=weak.removeprefix("W/"), bare=weak.removeprefix("W/").strip('"'))
    assert ask(client, V2, known).status == status


def test_each_request_has_a_tag_of_its_own(client) -> None:
    tags = [ask(client, target).tag for target in LASTING]
    assert len(set(tags)) == len(LASTING)
    assert all(ask(client, V2 + "?per_page=3", tag).status == 200 for tag in tags)


def test_packed_and_plain_answers_may_share_a_weak_tag(client) -> None:
    target = f"{V2}/{FIRST}/metrics/fast"
    packed = ask(client, target, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.tag == ask(client, target).tag
    assert ask(client, target, packed.tag, Accept_Encoding="gzip").status == 304


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_a_change_everything_is_answered_anew(store: Store, writable, change) -> None:
    before = {target: ask(writable, target) for target in LASTING}
    change(store)
    for target, old in before.items():
        new = ask(writable, target, old.tag)
        assert new.status == 200
        assert new.tag not in (None, old.tag)
        assert ask(writable, target, new.tag).status == 304


def test_a_change_by_another_process_is_seen(store: Store, writable) -> None:
    old = ask(writable, V2)
    with Store(store.path) as other:
        other.delete([FIRST], source="cli")
    new = ask(writable, V2, old.tag)
    assert (new.status, new.json["total"]) == (200, old.json["total"] - 1)


def test_a_synced_run_is_seen(store: Store, writable, root_writer, runs) -> None:
    old = ask(writable, V2)
    root_writer((type(runs[0])(id="new", project="vision", name="new"),))
    sync(store)
    assert ask(writable, V2, old.tag).json["total"] == len(runs) + 1


def test_taking_a_change_back_does_not_bring_an_old_tag_back(store: Store, writable) -> None:
    old = ask(writable, V2)
    store.delete([FIRST], source="api")
    store.restore([FIRST])
    assert ask(writable, V2, old.tag).status == 200


def test_tags_of_another_server_are_not_known(store: Store, writable, serve) -> None:
    with Store(store.path) as other:
        assert ask(serve(other), V2, ask(writable, V2).tag).status == 200


def test_a_new_day_is_a_new_answer(store: Store) -> None:
    days = iter(["2024-01-01", "2024-01-01", "2024-01-02"])
    request = type("Request", (), {"path": V2, "query_string": ""})()
    validators = Validators(store, today=lambda: next(days))
    first, same_day, next_day = (validators._tag(request) for _ in range(3))
    assert first == same_day != next_day


def test_an_answer_during_which_something_changed_has_no_tag(
    store: Store, writable, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Store.find

    def find_and_change(self, query):
        page = find(self, query)
        store.annotate([FIRST], add_tags=["while it was read"])
        return page

    monkeypatch.setattr(Store, "find", find_and_change)
    answer = ask(writable, V2)
    assert (answer.status, answer.tag) == (200, None)


def test_a_file_that_took_the_place_of_the_index_has_no_tags(store: Store, writable) -> None:
    old = ask(writable, V2)
    copy = store.path.with_name("copy.db")
    shutil.copy(store.path, copy)
    os.replace(copy, store.path)
    answer = ask(writable, V2, old.tag)
    assert answer.tag is None
    assert answer.status == 200


def test_an_unchanged_answer_counts_and_tells_what_is_left(store: Store, serve) -> None:
    client = serve(store, rate_limits={"list": 3})
    tag = ask(client, V2).tag
    left = [ask(client, V2, tag).headers["x-ratelimit-remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    refused = ask(client, V2, tag)
    assert (refused.status, refused.tag) == (429, None)


def test_an_unchanged_answer_asks_nothing_of_the_index(store: Store, writable, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = ask(writable, V2).tag
    asked: list[object] = []
    monkeypatch.setattr(Store, "find", lambda self, query: asked.append(query))
    assert ask(writable, V2, tag).status == 304
    assert asked == []


def test_the_connection_stays_open_after_an_unchanged_answer(client) -> None:
    tag = ask(client, V2).tag
    with socket.create_connection(client.address, timeout=10) as connection:
        for method in ("GET", "HEAD", "GET"):
            connection.sendall(f"{method} {V2} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n".encode())
            response = HTTPResponse(connection, method=method)
            response.begin()
            assert (response.status, response.getheader("Connection"), response.read()) == (304, None, b"")


@pytest.mark.parametrize("line", ["GET {} HTTP/1.1\r\nConnection: close", "GET {} HTTP/1.0"])
def test_the_connection_is_closed_after_an_unchanged_answer_where_that_is_asked(client, line: str) -> None:
    known = f"Host: localhost\r\nIf-None-Match: {ask(client, V2).tag}"
    with socket.create_connection(client.address, timeout=10) as connection:
        connection.sendall(f"{line.format(V2)}\r\n{known}\r\n\r\n".encode())
        received = b""
        while part := connection.recv(4096):
            received += part
    assert received.split()[1] == b"304"
    assert b"\r\nETag: W/" in received


def test_no_unchanged_answer_while_others_write_is_ever_wrong(store: Store, writable) -> None:
    """Whoever wrote and then asks with the tag of before must see what was written."""
    is_over = threading.Event()

    def ask_on() -> None:
        tag = None
        while not is_over.is_set():
            tag = ask(writable, V2, tag).tag or tag

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(ask_on) for _ in range(3)]
        answer = ask(writable, V2)
        for number in range(30):
            store.annotate([FIRST], description=f"change {number}")
            answer = ask(writable, V2, answer.tag or '"none"')
            assert answer.status == 200
            (seen,) = [e["description"] for e in answer.json["experiments"] if e["id"] == FIRST]
            assert seen == f"change {number}"
        is_over.set()
        assert [reader.result(timeout=10) for reader in readers] == [None] * 3
