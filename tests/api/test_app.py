from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_api.app import canonical_path, describe_error
from runicorn_api.contract import LIST_PARAMETERS, METRICS_PARAMETERS
from runicorn_db.errors import (
    CountChanged,
    IndexUnusable,
    Interrupted,
    InvalidQuery,
    QueryFailed,
    StorageFull,
    StoreBusy,
    StoreError,
    UnknownExperiment,
)
from runicorn_db.store import Store

FIRST = "20240101_120000_000001"
V2 = "/api/v2/experiments"
PATHS = {
    V2: "GET, HEAD",
    f"{V2}/{FIRST}": "GET, HEAD",
    f"{V2}/{FIRST}/metrics/fast": "GET, HEAD",
    f"{V2}/batch-delete": "POST",
    f"{V2}/batch-restore": "POST",
    f"{V2}/delete-matching": "POST",
    "/api/v2/analytics/summary": "GET, HEAD",
    "/api/health": "GET, HEAD",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW"])
def test_other_methods_are_refused_and_the_allowed_ones_named(client, path: str, method: str) -> None:
    if method in PATHS[path].split(", "):
        return
    answer = client.request(method, path, b"{}" if method == "POST" else None)
    assert (answer.status, answer.headers["allow"]) == (405, PATHS[path])
    if method != "HEAD":
        assert answer.json == {"detail": f"{method} is not allowed here: use {PATHS[path].replace(', ', ' or ')}"}


@pytest.mark.parametrize("path", [path for path, allowed in PATHS.items() if "GET" in allowed])
def test_head_answers_as_get_without_the_body(client, path: str) -> None:
    for target in (path, path + "?nonsense=1"):
        head, get = client.request("HEAD", target), client.request("GET", target)
        assert (head.status, head.body) == (get.status, b"")
        # Figures of time differ in their number of digits.
        assert abs(int(head.headers["content-length"]) - len(get.body)) <= 8


@pytest.mark.parametrize("path", PATHS)
def test_a_slash_at_the_end_changes_nothing(client, path: str) -> None:
    method = "POST" if PATHS[path] == "POST" else "GET"
    headers = {"Content-Type": "application/json"}
    plain, slashed = (client.request(method, target, b"[]", headers) for target in (path, path + "/"))
    assert plain.status == slashed.status == (400 if method == "POST" else 200)
    assert client.request("GET", "/" + path).status == client.request("GET", path).status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*;q=1, */*;q=0", "nonsense"])
def test_every_answer_is_json_whatever_is_accepted(client, path: str, accept: str) -> None:
    assert client.request("GET", path, headers={"Accept": accept}).status in (200, 405)


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/v2", "/api/v1/experiments", "/API/health", f"{V2}//", f"{V2}/a/b", f"{V2}/a/metrics",
     "/api//health", f"{V2}/a/metrics/fast/x", f"{V2}%2F{FIRST}", "/static/../api/health", "/favicon.ico", "/%00"],
)  # fmt: skip
def test_other_paths_are_not_found(client, path: str) -> None:
    client.refusal("GET", path, status=404)
    client.refusal("POST", path, b"x", status=404) if not path.startswith(V2 + "//") else None


def test_the_path_in_a_sentence_is_cut_and_escaped(client) -> None:
    assert client.refusal("GET", "/%1B%5B2J" + "x" * 100, status=404) == "Nothing is at '/\\x1b[2J" + "x" * 59 + "…'"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/api/health?x=/y/", "/api/health"),
        ("//api/health/", "/api/health"),
        ("http://localhost:1/api/health?q", "/api/health"),
        ("/%61pi/a%2fb%20%c3%bc", "/api/a%2Fb%20%C3%BC"),
        ("/\xc3\xbc", "/%C3%BC"),
        ("*", "/%2A"),
        ("/", "/"),
    ],
)
def test_paths_have_one_spelling(target: str, path: str) -> None:
    assert canonical_path(target) == path


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (InvalidQuery("page must be…"), 400, "page must be…"),
        (UnknownExperiment("a\x1b" + "b" * 100), 404, "Experiment a\\x1b" + "b" * 62 + "… not found"),
        (CountChanged("3 match now"), 409, "3 match now"),
        (StoreBusy("somebody writes"), 503, "Database is busy"),
        (StorageFull("no space"), 503, "Storage is full: nothing was deleted"),
        (QueryFailed("Database query failed: timeout"), 500, "Database query failed: timeout"),
        (IndexUnusable("gone"), 500, "Database query failed: gone"),
        (Interrupted("taken back"), 500, "Database query failed: taken back"),
        (StoreError("odd"), 500, "Database query failed: odd"),
    ],
)
def test_every_error_of_the_store_has_its_status(error: StoreError, status: int, detail: str) -> None:
    found = describe_error(error)
    assert found[:2] == (status, detail)
    assert found[2] == ({"Retry-After": "1"} if status == 503 else {})


@contextmanager
def locked(store: Store) -> Iterator[None]:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_a_busy_database_is_told_with_when_to_retry(tmp_path, serve) -> None:
    with Store(tmp_path / "index.db", timeout=0.05) as store, locked(store):
        client = serve(store)
        headers = {"Content-Type": "application/json"}
        answer = client.request("POST", f"{V2}/batch-delete", b'{"exp_ids": ["x"]}', headers)
        assert (answer.status, answer.json) == (503, {"detail": "Database is busy"})
        assert answer.headers["retry-after"] == "1"
        assert client.list()["total"] == 0


def test_a_fault_of_ours_is_logged_and_told_without_its_inside(empty_store, serve, caplog) -> None:
    def syncing() -> bool:
        raise ZeroDivisionError("secret")

    with caplog.at_level(logging.ERROR, "runicorn_api"):
        client = serve(empty_store, syncing=syncing)
        assert client.refused("/health", status=500) == "Internal server error"
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_a_word_that_falcon_keeps_for_itself_is_a_method_like_any_other(client) -> None:
    sentence = client.refusal("WEBSOCKET", "/api/health", status=405)
    assert sentence == "WebSocket is not allowed here: use GET or HEAD"


def test_questions_of_a_kind_are_asked_in_one_thread(store: Store, serve, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: dict[str, set[str]] = {}
    for name in ("find", "get", "series", "summary", "health"):
        real = getattr(Store, name)

        def watched(*args, name=name, real=real):
            threads.setdefault(name, set()).add(threading.current_thread().name)
            return real(*args)

        monkeypatch.setattr(Store, name, watched)
    client = serve(store)
    paths = [path for path, allowed in PATHS.items() if "GET" in allowed] * 6
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status for answer in pool.map(lambda path: client.request("GET", path), paths)} == {200}
    kinds = (threads["find"] | threads["get"], threads["summary"], threads["series"], threads["health"])
    assert [len(names) for names in kinds] == [1, 1, 1, 1]
    assert len(set[str]().union(*kinds)) == 4


NAMES = st.sampled_from([row.name for row in LIST_PARAMETERS + METRICS_PARAMETERS] + ["other"])
PIECES = st.sampled_from(
    [*"abc019 ,.:;<>=!-\"'\\/()[]{}%&*_\t\n\0é精\u0301\u200b\U0001f600", "or ", "acc>", "tag:", "name:/", "age>30d",
     "is:deleted", "is:missing", "status:fail", "param.lr", "has:", "1e999", "last.", "created>2025-"]
)  # fmt: skip
VALUES = st.lists(PIECES, max_size=10).map("".join)


@settings(max_examples=200)
@given(
    path=st.sampled_from([V2, f"{V2}/{FIRST}/metrics/fast", "/api/v2/analytics/summary"])
    | VALUES.map(lambda text: f"{V2}/{quote(text, safe='')}"),
    asked=st.lists(st.tuples(NAMES, VALUES), max_size=4),
)
def test_whatever_is_asked_is_answered_or_refused(client, path: str, asked: list[tuple[str, str]]) -> None:
    assert client.request("GET", f"{path}?{urlencode(asked)}").status in (200, 400, 404)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | VALUES
FILTERS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=8)
BODIES = (
    st.binary(max_size=50)
    | VALUES.map(lambda text: {"exp_ids": [text], "dry_run": True})
    | FILTERS.map(lambda query: {"query": query, "expected_total": 10**9})
)


@settings(max_examples=200)
@given(body=BODIES, action=st.sampled_from(["batch-delete", "batch-restore", "delete-matching"]))
def test_whatever_is_posted_is_answered_or_refused(client, body: object, action: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.request("POST", f"{V2}/{action}", raw, {"Content-Type": "application/json"})
    assert answer.status in (200, 400, 409)
