from __future__ import annotations

import pytest

from runicorn_api.guards import is_host
from runicorn_db.store import Store

JSON = {"Content-Type": "application/json"}


def raw_get(*headers: str, target: str = "/api/health", version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {target} HTTP/{version}", *headers, "Connection: close", "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:23300",
        "localhost",
        "LOCALHOST:1",
        "[::1]",
        "[::1]:65535",
        "lab.example:8080",
        "[fe80::1]:9",
    ],
)
def test_our_own_names_are_allowed_with_any_port(empty_store: Store, serve, host: str) -> None:
    client = serve(empty_store, allowed_hosts=("Lab.Example", "fe80::1"))
    assert client.raw(raw_get(f"Host: {host}"))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: evil.example"],
        ["Host: lab.example"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host: evil.example:23300"],
        ["Host: localhost."],
        ["Host: 127.0.0.1@evil.example"],
        ["Host: 127.0.0.1:80:80"],
        ["Host: 127.0.0.1, evil.example"],
        ["Host: [::1"],
        ["Host: ::1"],
        ["Host:"],
        ["Host: 127.0.0.1", "Host: 127.0.0.1"],
        ["Host: 127.0.0.1", "Host: evil.example"],
        [],
    ],
)
def test_other_repeated_and_missing_hosts_are_refused(client, headers: list[str]) -> None:
    assert client.refused_raw(raw_get(*headers), status=403) == "Host not allowed"


def test_a_request_without_a_host_is_refused(client) -> None:
    assert client.refused_raw(b"GET /api/health HTTP/1.0\r\n\r\n", status=403) == "Host not allowed"


def test_the_host_in_an_absolute_target_counts_as_well(client) -> None:
    host = "Host: 127.0.0.1"
    assert client.raw(raw_get(host, target="http://localhost:1/api/health?"))[0] == 200
    assert client.refused_raw(raw_get(host, target="http://evil.example/api/health"), status=403) == "Host not allowed"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("gpu07", True), ("GPU07.lab.example", True), ("10.0.0.7", True), ("fe80::7", True), ("[fe80::7]", True),
     ("gpu07:23300", False), ("ab:80", False), ("[::1]:80", False), ("http://gpu07", False), ("*", False),
     ("gpu07/", False), ("me@gpu07", False), ("gpu 07", False), ("", False)],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address_alone(text: str, is_one: bool) -> None:
    assert is_host(text) is is_one


def own(client) -> str:
    return f"http://127.0.0.1:{client.address[1]}"


@pytest.mark.parametrize("header", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_other_sites_cannot_use_up_what_the_owner_may_ask(
    empty_store: Store, serve, header: dict[str, str]
) -> None:
    client = serve(empty_store, rate_limits={"write": 2})
    for _ in range(5):
        answer = client.request("POST", "/api/v2/experiments/batch-delete", b"{}", header)
        assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (403, "2")
    answer = client.request("POST", "/api/v2/experiments/batch-delete", b"{}", JSON)
    assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (400, "1")


def test_our_own_origins_are_allowed(client) -> None:
    port = client.address[1]
    for origin in (own(client), f"http://localhost:{port}", f"http://[::1]:{port}"):
        assert client.request("GET", "/api/health", headers={"Origin": origin}).status == 200
    forwarded = {"Host": "localhost:8888", "Origin": "http://localhost:8888"}
    assert client.request("GET", "/api/health", headers=forwarded).status == 200
    assert (
        client.request("GET", "/api/health", headers={"Host": "localhost", "Origin": "http://localhost"}).status == 200
    )


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}",
     "127.0.0.1:{port}", "http://127.0.0.1:{port}/", "http://127.0.0.1:{port}.evil.example", "file://", "http://"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_other_origins_are_refused_whatever_the_method(client, origin: str, method: str) -> None:
    headers = {"Origin": origin.format(port=client.address[1])}
    target = "/api/v2/experiments/batch-delete" if method == "POST" else "/api/v2/experiments"
    assert client.request(method, target, b'{"exp_ids": ["x"]}', headers | JSON).status == 403


def test_the_origin_of_the_settings_is_allowed_and_told_so(empty_store: Store, serve) -> None:
    client = serve(empty_store, cors_origin="https://lab.example")
    status, headers, _ = client.raw(raw_get("Host: localhost", "Origin: https://lab.example"))
    assert (status, headers["access-control-allow-origin"]) == (200, "https://lab.example")
    assert "Origin" in headers["vary"]
    assert (
        client.refusal("GET", "/api/health", headers={"Origin": "http://lab.example"}, status=403)
        == "Origin not allowed"
    )


@pytest.mark.parametrize(
    ("site", "status"),
    [("none", 200), ("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("None, Cross-Site", 403)],
)
def test_requests_that_another_site_caused_are_refused(client, site: str, status: int) -> None:
    assert client.request("GET", "/api/health", headers={"Sec-Fetch-Site": site}).status == status


@pytest.mark.parametrize("origin", [None, "own", "http://evil.example"])
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "text/plain; application/json", "application/jsonp", "application/json, text/plain", "text/json"],
)  # fmt: skip
@pytest.mark.parametrize("action", ["batch-delete", "batch-restore", "delete-matching"])
def test_forms_of_web_pages_change_nothing(client, origin: str | None, content_type: str | None, action: str) -> None:
    before = client.list("include_deleted=1")["experiments"]
    headers = {} if content_type is None else {"Content-Type": content_type}
    if origin is not None:
        headers["Origin"] = own(client) if origin == "own" else origin
    ids = [experiment["id"] for experiment in before]
    form = b"exp_ids=" + ids[0].encode()
    for body in (form, b'{"exp_ids": ["' + ids[0].encode() + b'"]}', b'{"all": true, "expected_total": 8}'):
        sentence = client.refusal(
            "POST",
            f"/api/v2/experiments/{action}",
            body,
            headers,
            status=403 if origin == "http://evil.example" else 415,
        )
        if origin != "http://evil.example":
            assert sentence == "Content-Type must be application/json"
    assert client.list("include_deleted=1")["experiments"] == before


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", " application/json "])
def test_json_is_accepted_with_any_parameters(writable, content_type: str) -> None:
    body = b'{"exp_ids": ["x"]}'
    answer = writable.request("POST", "/api/v2/experiments/batch-delete", body, {"Content-Type": content_type})
    assert answer.status == 200


def test_options_grants_nothing(client) -> None:
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = client.request("OPTIONS", "/api/v2/experiments/batch-delete", headers=headers)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
