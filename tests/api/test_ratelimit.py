from __future__ import annotations

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS, RateLimiter
from runicorn_db.store import Store
from tests.conftest import scaled


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_requests_up_to_the_limit_are_allowed_and_counted_down(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    allowances = [limiter.admit("a", "list", 3) for _ in range(4)]
    assert [allowance.is_allowed for allowance in allowances] == [True, True, True, False]
    assert [allowance.remaining for allowance in allowances] == [2, 1, 0, 0]
    assert allowances[3].headers == {
        "X-RateLimit-Limit": "3",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "60",
    }


def test_the_window_slides_with_each_request(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    limiter.admit("a", "list", 2)
    clock.now += 30.5
    limiter.admit("a", "list", 2)
    clock.now += 29
    refused = limiter.admit("a", "list", 2)
    assert (refused.is_allowed, refused.reset_seconds) == (False, 1)
    clock.now += 0.5
    assert limiter.admit("a", "list", 2).is_allowed
    assert limiter.admit("a", "list", 2).reset_seconds == 31


def test_refused_requests_do_not_prolong_the_wait(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    limiter.admit("a", "list", 1)
    for _ in range(59):
        clock.now += 1
        assert not limiter.admit("a", "list", 1).is_allowed
    clock.now += 1
    assert limiter.admit("a", "list", 1).is_allowed


def test_clients_and_routes_are_counted_apart(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    assert limiter.admit("a", "list", 1).is_allowed
    assert limiter.admit("b", "list", 1).is_allowed
    assert limiter.admit("a", "detail", 1).is_allowed
    assert not limiter.admit("a", "list", 1).is_allowed


def test_looking_counts_and_remembers_nothing(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    assert limiter.peek("a", "list", 2).headers["X-RateLimit-Reset"] == "0"
    limiter.admit("a", "list", 2)
    clock.now += 20
    assert limiter.peek("a", "list", 2) == limiter.peek("a", "list", 2)
    assert (limiter.peek("a", "list", 2).remaining, limiter.peek("a", "list", 2).reset_seconds) == (1, 40)
    clock.now += 40
    assert limiter.peek("a", "list", 2).remaining == 2
    limiter.peek("b", "list", 2)
    assert len(limiter) == 1


def test_a_limit_of_zero_refuses_everything(clock: Clock) -> None:
    refused = RateLimiter(clock=clock).admit("a", "write", 0)
    assert (refused.is_allowed, refused.remaining, refused.reset_seconds) == (False, 0, 60)


def test_the_clients_seen_last_are_remembered(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock, max_clients=2)
    limiter.admit("a", "list", 1)
    limiter.admit("b", "list", 1)
    limiter.admit("a", "detail", 1)
    limiter.admit("c", "list", 1)
    assert len(limiter) == 2
    assert not limiter.admit("a", "list", 1).is_allowed
    assert limiter.admit("b", "list", 1).is_allowed


@pytest.mark.torture
def test_a_flood_of_clients_takes_little_memory_and_frees_nobody_who_keeps_asking(clock: Clock) -> None:
    limiter = RateLimiter(clock=clock)
    process = psutil.Process()
    limiter.admit("steady", "list", 1)
    before = process.memory_info().rss
    for number in range(scaled(60_000, 1_000_000)):
        limiter.admit(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255} {number >> 24}", "list", 100)
        if number % 5_000 == 0:
            assert not limiter.admit("steady", "list", 1).is_allowed
    assert len(limiter) == 10_000
    assert process.memory_info().rss - before < 20 << 20


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_never_more_than_the_limit_in_any_window(pauses: list[float], limit: int) -> None:
    clock = Clock()
    limiter = RateLimiter(clock=clock)
    allowed: list[float] = []
    for pause in pauses:
        clock.now += pause
        if limiter.admit("a", "list", limit).is_allowed:
            allowed.append(clock.now)
        else:
            assert len([time for time in allowed if time > clock.now - 60]) == limit
    assert all(later - first >= 60 for first, later in zip(allowed, allowed[limit:], strict=False))


ROUTES = [
    ("GET", "/api/v2/experiments", 100),
    ("GET", "/api/v2/experiments/x", 200),
    ("GET", "/api/v2/experiments/x/metrics/fast", 100),
    ("POST", "/api/v2/experiments/batch-delete", 10),
    ("POST", "/api/v2/experiments/batch-restore", 10),
    ("POST", "/api/v2/experiments/delete-matching", 10),
    ("GET", "/api/v2/analytics/summary", 60),
    ("GET", "/api/health", 60),
    ("GET", "/nowhere", 60),
]


@pytest.mark.parametrize(("method", "path", "limit"), ROUTES)
def test_every_route_has_its_figure(empty_store: Store, serve, method: str, path: str, limit: int) -> None:
    client = serve(empty_store, rate_limits=DEFAULT_RATE_LIMITS)
    for number in range(limit):
        answer = client.request("HEAD" if method == "GET" else method, path + "?unknown=1")
        assert answer.status in (400, 404, 415)
        assert answer.headers["x-ratelimit-limit"] == str(limit)
        assert answer.headers["x-ratelimit-remaining"] == str(limit - 1 - number)
        assert 0 < int(answer.headers["x-ratelimit-reset"]) <= 60
    answer = client.request(method, path)
    assert answer.status == 429
    wait = int(answer.headers["retry-after"])
    assert answer.json == {"detail": "Rate limit exceeded", "retry_after": wait}
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert answer.headers["x-ratelimit-reset"] == str(wait)
    for other_method, other, _ in ROUTES:
        if other != path:
            assert client.request(other_method, other).status != 429


def test_header_names_are_written_as_documented(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits=DEFAULT_RATE_LIMITS)
    names = [name for name, _ in client.headers_as_sent("/api/health")]
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(names)


def test_the_table_can_be_changed_in_part(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits={"write": 1})
    assert client.request("POST", "/api/v2/experiments/batch-delete").headers["x-ratelimit-limit"] == "1"
    assert client.request("GET", "/api/v2/experiments").headers["x-ratelimit-limit"] == "100"


def test_without_limits_there_are_no_headers(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits=None)
    for _ in range(15):
        answer = client.request("POST", "/api/v2/experiments/batch-delete")
        assert answer.status == 415
        assert not any(name.startswith("x-ratelimit") for name in answer.headers)


def test_a_wrong_host_is_told_the_figures_but_not_counted(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits={"list": 2})
    for _ in range(5):
        answer = client.request("GET", "/api/v2/experiments", headers={"Host": "evil.example"})
        assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (403, "2")
    assert client.request("GET", "/api/v2/experiments").headers["x-ratelimit-remaining"] == "1"


def test_a_forwarded_address_is_not_believed(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits={"other": 3})
    remaining = [
        client.request("GET", "/api/health", headers={"X-Forwarded-For": f"10.0.0.{number}"}).headers[
            "x-ratelimit-remaining"
        ]
        for number in range(3)
    ]
    assert remaining == ["2", "1", "0"]


def test_a_trusted_proxy_names_the_client(empty_store: Store, serve) -> None:
    client = serve(empty_store, rate_limits={"other": 3}, trusted_proxies=frozenset({"127.0.0.1"}))

    def remaining(forwarded: str) -> str:
        answer = client.request("GET", "/api/health", headers={"X-Forwarded-For": forwarded})
        return answer.headers["x-ratelimit-remaining"]

    assert [remaining("10.0.0.1"), remaining("10.0.0.2"), remaining("spoofed, 10.0.0.1"), remaining("")] == list("2212")
