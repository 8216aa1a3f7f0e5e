"""What holds for every endpoint: methods, forms of parameters, errors, headers, guards."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.conftest import Client
from tests.contract.content import DOCUMENTED, VICTIMS

V2 = "/api/v2/experiments"
READ = (V2, f"{V2}/{DOCUMENTED}", f"{V2}/{DOCUMENTED}/metrics/fast", "/api/v2/analytics/summary", "/api/health")
WRITE = (f"{V2}/batch-delete", f"{V2}/batch-restore", f"{V2}/delete-matching")
JSON = {"Content-Type": "application/json"}
BODIES = {
    WRITE[0]: {"exp_ids": [VICTIMS[0]], "dry_run": True},
    WRITE[1]: {"exp_ids": [VICTIMS[0]]},
    WRITE[2]: {"query": {"project": "nobody's"}, "expected_total": 0},
}


def ask(client: Client, path: str, headers: dict[str, str] | None = None) -> Any:
    if path in WRITE:
        return client.request("POST", path, json.dumps(BODIES[path]).encode(), JSON | (headers or {}))
    return client.request("GET", path, headers=headers)


def percent(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


@pytest.mark.says("doc.endpoints", "doc.query-time", "all.query-time", "all.slash")
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", [*READ, *WRITE])
def test_every_endpoint_answers_and_v2_tells_its_query_time(client: Client, path: str, slash: str) -> None:
    answer = client.request("GET", path + slash) if path in READ else None
    if answer is None:
        answer = client.request("POST", path + slash, json.dumps(BODIES[path]).encode(), JSON)
    assert answer.status == 200
    if "/v2/" in path:
        told = answer.json["query_time_ms"]
        assert isinstance(told, float)
        assert told == round(told, 2) >= 0


@pytest.mark.says("all.head")
@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("query", ["", "?nonsense=1"])
def test_head_answers_as_get_without_a_body(client: Client, path: str, query: str) -> None:
    head, get = client.request("HEAD", path + query), client.request("GET", path + query)
    assert (head.status, head.body) == (get.status, b"")
    # Figures of time differ in their number of digits.
    assert abs(int(head.headers["content-length"]) - len(get.body)) <= 8


@pytest.mark.says("all.allow", "all.detail")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "HEAD"])
@pytest.mark.parametrize("path", [*READ, *WRITE])
def test_I11_other_methods_are_405_with_the_allowed_ones(client: Client, path: str, method: str) -> None:
    allowed = ["GET", "HEAD"] if path in READ else ["POST"]
    if method in allowed:
        return
    answer = client.request(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, ", ".join(allowed))


@pytest.mark.says("all.slash")
@pytest.mark.parametrize("path", [f"/{V2}", f"{V2}/", f"{V2}/{DOCUMENTED}/", "//api/health/"])
def test_I11_slashes_at_both_ends_change_nothing(client: Client, path: str) -> None:
    assert client.request("GET", path).status == 200


@pytest.mark.says("all.json")
@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "image/*, */*;q=0", "nonsense", "application/msgpack"]
)
@pytest.mark.parametrize("path", [*READ, *WRITE, "/nothing", f"{V2}?page=0"])
def test_I10_every_answer_is_json_whatever_is_accepted(client: Client, path: str, accept: str) -> None:
    answer = ask(client, path, {"Accept": accept})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert isinstance(answer.json, dict)


@pytest.mark.says("all.json-server", "all.header", "all.body")
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 16_400 + b"\r\n\r\n", 431),
        (b"POST /api/v2/experiments/batch-delete HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
    ],
)
def test_errors_of_the_http_server_have_the_one_shape(client: Client, raw: bytes, status: int) -> None:
    client.refused_raw(raw, status=status)


@pytest.mark.says("all.header", "all.body")
def test_header_and_body_may_be_as_long_as_documented(client: Client) -> None:
    head = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: "
    assert client.raw(head + b"x" * (16_384 - len(head) - 4) + b"\r\n\r\n")[0] == 200
    body = json.dumps(BODIES[WRITE[0]]).encode()
    assert client.request("POST", WRITE[0], body.ljust(1024 * 1024), JSON).status == 200
    assert client.request("POST", WRITE[0], body.ljust(1024 * 1024 + 1), JSON).status == 413


@pytest.mark.says("all.content-type")
@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/json"])
@pytest.mark.parametrize("path", WRITE)
def test_a_post_without_json_is_415(client: Client, path: str, kind: str | None) -> None:
    body = json.dumps(BODIES[path]).encode()
    headers = {} if kind is None else {"Content-Type": kind}
    assert client.refusal("POST", path, body, headers, status=415) == "Content-Type must be application/json"


@pytest.mark.says("all.host")
@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:1", 200), ("[::1]:65535", 200), ("evil.example", 403), ("127.0.0.1.evil", 403)],
)
def test_the_host_is_one_of_our_names(client: Client, host: str, status: int) -> None:
    answer = client.request("GET", "/api/health", headers={"Host": host})
    assert answer.status == status
    if status == 403:
        assert answer.json == {"detail": "Host not allowed"}


@pytest.mark.says("all.origin", "all.cors")
@pytest.mark.parametrize("path", [*READ, *WRITE])
@pytest.mark.parametrize(
    ("name", "value"),
    [("Origin", "http://evil.example"), ("Origin", "null"), ("Origin", "http://127.0.0.1:1"),
     ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")],
)  # fmt: skip
def test_requests_of_other_sites_are_403(client: Client, path: str, name: str, value: str) -> None:
    answer = ask(client, path, {name: value})
    assert answer.status == 403
    assert list(answer.json) == ["detail"]


@pytest.mark.says("all.origin")
def test_our_own_pages_may_ask(client: Client) -> None:
    own = {"Origin": f"http://127.0.0.1:{client.address[1]}", "Sec-Fetch-Site": "same-origin"}
    assert client.request("GET", "/api/health", headers=own).status == 200


# --- forms of parameters


@pytest.mark.says("all.unknown-parameter", "all.never-422")
@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("name", ["projet", "Status", "limit", "", "status[]", "offset"])
def test_unknown_parameters_are_refused(client: Client, path: str, name: str) -> None:
    sentence = client.refused(path.removeprefix("/api"), {name: "1"})
    assert sentence.startswith(f"Unknown parameter '{name}': allowed are ")


@pytest.mark.says("all.scalar-twice")
@pytest.mark.parametrize(
    "name", ["project", "name", "search", "created_after", "best_metric_max", "include_deleted", "page", "order_by"]
)
def test_a_scalar_twice_is_refused(client: Client, name: str) -> None:
    assert client.refused("/v2/experiments", f"{name}=1&{name}=1") == f"{name} must be given once, not 2 times"


@pytest.mark.says("all.list-twice", "all.items")
def test_lists_are_merged_and_trimmed(client: Client) -> None:
    whole = client.ids("status=failed,running&tags=keep")
    assert whole == client.ids("status=failed&tags=keep&status=running")
    assert whole == client.ids("status=+failed+,,running,&tags=,keep+")
    table = client.series(DOCUMENTED, "metric_names=loss&metric_names=+accuracy,")
    assert table["columns"] == ["global_step", "loss", "accuracy"]


@pytest.mark.says("all.empty")
def test_an_empty_value_means_not_given(client: Client) -> None:
    names = (
        "project name status tags search created_after best_metric_min include_deleted filter page per_page order_by"
    )
    empty = "&".join(f"{name}=" for name in [*names.split(), "order_desc", "cursor", "fields", "roots"])
    plain = client.list() | {"query_time_ms": 0}
    assert client.list(empty) | {"query_time_ms": 0} == plain
    assert client.series(DOCUMENTED, "metric_names=&step_range=&downsample=")["total_points"] == 1000


@pytest.mark.says("all.integers", "all.bad-input")
@pytest.mark.parametrize(
    "text", ["1_000", "1e3", "٣", " 1", "+1", "1.0", "0x1", "１", "9" * 23, "9" * 5000, "-0", "1\0"]
)
@pytest.mark.parametrize("name", ["page", "per_page"])
def test_I3_integers_are_ascii_digits(client: Client, name: str, text: str) -> None:
    top = {"page": 1_000_000, "per_page": 1000}[name]
    sentence = client.refused("/v2/experiments", f"{name}={percent(text)}")
    assert sentence.startswith(f"{name} must be an integer from 1 to {top}, not '")


@pytest.mark.says("all.floats", "all.bad-input")
@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "-1e999", "1_0", "0x1p3", "٣", "1,5", ".", "1e"])
@pytest.mark.parametrize("name", ["created_after", "created_before", "best_metric_min", "best_metric_max"])
def test_I4_numbers_are_finite(client: Client, name: str, text: str) -> None:
    sentence = client.refused("/v2/experiments", f"{name}={percent(text)}")
    assert sentence == f"{name} must be a finite number, not '{text}'"


@pytest.mark.says("all.booleans", "all.bad-input")
def test_booleans_are_eight_words_in_any_case(client: Client) -> None:
    for words, is_descending in (("true TRUE 1 yes Yes on", True), ("false False 0 no NO off", False)):
        for word in words.split():
            assert client.ids(f"order_desc={word}") == client.ids(f"order_desc={str(is_descending).lower()}")
    for word in ("2", "ja", "t", "null", "True ", "-1"):
        assert client.refused("/v2/experiments", {"order_desc": word}).startswith("order_desc must be one of true, 1")


@pytest.mark.says("all.parameters")
def test_at_most_64_parameters(client: Client) -> None:
    assert client.request("GET", f"{V2}?{'&'.join(['tags=a'] * 64)}").status == 200
    assert client.refused("/v2/experiments", "&".join(["tags=a"] * 65)) == "At most 64 parameters are allowed, not 65"


@pytest.mark.says("all.value-shown", "all.bad-input")
def test_the_value_in_a_sentence_is_cut_and_escaped(client: Client) -> None:
    for name in ("order_by", "status", "page", "created_after"):
        sentence = client.refused("/v2/experiments", f"{name}=%1b%5b2J%0a%e2%80%ae" + "x" * 500)
        assert "'\\x1b[2J\\n\\u202e" + "x" * 58 + "…'" in sentence


@pytest.mark.says("all.detail", "all.never-422", "all.statuses")
@pytest.mark.parametrize(
    "query",
    ["page=x", "search=%00", "status=x", "tags=%ff", "order_by=x", "filter=acc%3E", "cursor=x", "fields=x", "x=1"],
)
def test_whatever_is_wrong_is_400_in_one_sentence(client: Client, query: str) -> None:
    assert client.refused("/v2/experiments", query)


# --- rows of the list of threats to input


BAD_JSON = (
    b"", b"{", b"{'a': 1}", b"[1] x", b"NaN", b'{"exp_ids": [NaN]}', b"[-Infinity]", b"1e999", b"-1e999", b"9" * 5000,
    b"\xef\xbb\xbf{}", b'"\xff"', '{"exp_ids": ["a"]}'.encode("utf-16"), b'"\\ud800"', b'{"exp_ids": ["\\udfff"]}',
    b'{"\\udfff": 1}', b'"\xed\xa0\x80"', b'{"exp_ids": ["a"], "exp_ids": ["b"]}', b'"a\nb"', b"[" * 100_000,
    b'{"a":' * 100_000, b"{}{}", b"\0", b'{"exp_ids": ["a"],}', b"exp_ids=a", b"--x\r\n\r\n--x--", b"// x\n{}",
    b'{"exp_ids": [01]}',
)  # fmt: skip


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda body: repr(body[:16]))
@pytest.mark.parametrize("path", WRITE)
def test_I1_what_is_no_careful_json_is_400(client: Client, path: str, body: bytes) -> None:
    assert client.refusal("POST", path, body, JSON, status=400).startswith("Invalid JSON: ")


WRONG_TYPES = (
    {"exp_ids": "abc"}, {"exp_ids": {"a": 1}}, {"exp_ids": None}, {"exp_ids": 3}, {"exp_ids": True}, {"exp_ids": [1]},
    {"exp_ids": [None]}, {"exp_ids": [["a"]]}, {"exp_ids": []}, {}, [], ["a"], None, 3, "exp_ids", True,
    {"exp_ids": [f"{number}" for number in range(1001)]},
)  # fmt: skip


@pytest.mark.parametrize("body", WRONG_TYPES, ids=lambda body: json.dumps(body)[:24])
@pytest.mark.parametrize("path", WRITE[:2])
def test_I2_wrong_types_are_400(client: Client, path: str, body: object) -> None:
    client.refusal("POST", path, json.dumps(body).encode(), JSON, status=400)


@pytest.mark.parametrize(
    "value",
    ["id; DROP TABLE experiment", "created_at--", "(SELECT 1)", "$(1+1)", "1", "name COLLATE nocase", "random()", "\0"],
)
def test_I5_orders_are_from_a_closed_list(client: Client, value: str) -> None:
    assert client.refused("/v2/experiments", {"order_by": value}).startswith("order_by must be one of created_at, ")


@pytest.mark.parametrize("text", ["%", "_", "\\", "*", "a%b", "x" * 256, "%_" * 128, '"', "''", "NEAR(a)", "a OR b"])
def test_I6_a_search_is_literal(client: Client, text: str) -> None:
    whole = client.list("per_page=1000")["experiments"]
    found = set(client.ids({"search": text, "per_page": 1000}))
    words = [word.strip('"') for word in text.split() if word.strip('"')]
    wanted = {
        e["id"]
        for e in whole
        if all(any(w.lower() in (t or "").lower() for t in (e["project"], e["name"], e["description"])) for w in words)
    }
    assert found == wanted


@pytest.mark.parametrize("text", ["x" * 257, "x" * 15_000, "a\0b"])
def test_I6_an_endless_search_and_nul_are_400(client: Client, text: str) -> None:
    assert client.refused("/v2/experiments", {"search": text}).startswith("search must ")


@pytest.mark.parametrize(("one", "other"), [("caf\u00e9", "CAFE\u0301"), ("straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφος")])
def test_I7_texts_are_compared_normalised_and_without_case(client: Client, one: str, other: str) -> None:
    found = client.ids({"search": one})
    assert found
    assert found == client.ids({"search": other})


ODD_IDS = (
    "..", "../..", ".", "a/../b", "a\0b", "a\nb", "\x1b[2J", "x" * 5000, "%", "%2F", "\u202e", "a b", "*",
    "' OR 1=1", "\\",
)  # fmt: skip


@pytest.mark.parametrize("name", ODD_IDS, ids=lambda name: repr(name[:12]))
@pytest.mark.parametrize("rest", ["", "/metrics/fast"])
def test_I8_odd_ids_are_404_and_shown_harmless(client: Client, name: str, rest: str) -> None:
    sentence = client.refused(f"/v2/experiments/{percent(name)}{rest}", status=404)
    assert sentence.startswith("Experiment ")
    assert sentence.isprintable()
    assert len(sentence) < 64 * 10


@pytest.mark.parametrize("path", READ)
def test_I9_every_answer_is_strict_json(client: Client, path: str) -> None:
    # The client itself refuses NaN, names that stand twice and what is not UTF-8.
    assert client.request("GET", path).json
