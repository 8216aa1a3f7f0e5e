from __future__ import annotations

import http.client
import re
import socket

import pytest

from runicorn_api.exchanges import Exchange
from runicorn_api.prometheus import BUCKETS, TEXT_FORMAT, Counters
from runicorn_db.store import Store
from tests.api.conftest import Client, Serve

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')


def scrape(client: Client) -> dict[str, float]:
    """The samples by name and labels; every line must be one, or a comment to the family that follows."""
    connection = http.client.HTTPConnection(*client.address, timeout=10)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert (response.status, response.getheader("Content-Type")) == (200, TEXT_FORMAT)
    samples: dict[str, float] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# "):
            family = line.split()[2]
            continue
        match = SAMPLE.fullmatch(line)
        assert match is not None, line
        assert match[1].startswith(family)
        name = match[1] + (f"{{{match[2]}}}" if match[2] else "")
        assert name not in samples
        samples[name] = float(match[3])
    return samples


def test_without_the_setting_there_is_no_such_path(client: Client) -> None:
    assert client.request("GET", "/metrics").status == 404


def test_answers_are_counted_by_route_method_and_status(store: Store, serve: Serve) -> None:
    client = serve(store, has_metrics=True, rate_limits={"list": 3})
    for _ in range(5):
        client.request("GET", "/api/v2/experiments")
    client.request("GET", "/api/v2/experiments/none")
    client.request("BREW", "/nowhere")
    client.raw(b"GARBAGE\r\n\r\n")

    samples = scrape(client)

    routes = 'runicorn_http_requests_total{route="'
    assert samples[f'{routes}/api/v2/experiments",method="GET",status="200"}}'] == 3
    assert samples[f'{routes}/api/v2/experiments",method="GET",status="429"}}'] == 2
    assert samples[f'{routes}/api/v2/experiments/{{experiment_id}}",method="GET",status="404"}}'] == 1
    assert samples[f'{routes}none",method="other",status="404"}}'] == 1
    assert samples[f'{routes}none",method="other",status="400"}}'] == 1
    assert samples['runicorn_http_rate_limited_total{route="/api/v2/experiments"}'] == 2
    duration = "runicorn_http_request_duration_seconds"
    assert samples[f'{duration}_count{{route="/api/v2/experiments"}}'] == 5
    assert samples[f'{duration}_bucket{{route="/api/v2/experiments",le="+Inf"}}'] == 5
    assert samples[f'{duration}_sum{{route="/api/v2/experiments"}}'] > 0


def test_the_index_and_the_process_are_told(store: Store, serve: Serve) -> None:
    samples = scrape(serve(store, has_metrics=True))

    assert samples["runicorn_experiments"] == 8
    assert samples["runicorn_index_ok"] == 1
    assert samples["runicorn_index_size_bytes"] == store.path.stat().st_size
    assert 0 <= samples['runicorn_sync_age_seconds{root="lab"}'] < 120
    assert samples["process_resident_memory_bytes"] > 1 << 20


def test_a_root_of_any_name_is_written_as_a_label(empty_store: Store, serve: Serve, tmp_path) -> None:
    from runicorn_db.sync import sync

    (tmp_path / "root").mkdir()
    empty_store.add_root(tmp_path / "root", 'a"b\\c')
    sync(empty_store)

    ages = [name for name in scrape(serve(empty_store, has_metrics=True)) if name.startswith("runicorn_sync_age")]

    assert ages == ['runicorn_sync_age_seconds{root="a\\"b\\\\c"}']


def test_an_index_that_does_not_answer_is_told_as_0(empty_store: Store, serve: Serve) -> None:
    with empty_store.database.writing() as connection:
        connection.execute("DROP TABLE experiment")
    samples = scrape(serve(empty_store, has_metrics=True))
    assert samples["runicorn_index_ok"] == 0
    assert "runicorn_experiments" not in samples


@pytest.mark.parametrize(("seconds", "first"), [(0.0, 0.001), (0.001, 0.001), (0.0011, 0.0025), (5.0, 5.0)])
def test_a_bucket_counts_up_to_its_bound_and_all_above_count_it_too(seconds: float, first: float) -> None:
    counters = Counters()
    counters.observe(
        Exchange(client="c", method="GET", target="/", route="r", status=200, size_bytes=0, seconds=seconds)
    )
    buckets = [line for line in counters.lines() if "_bucket{" in line]
    expected = [f'le="{bound}"}} {int(bound >= first)}' for bound in BUCKETS] + ['le="+Inf"} 1']
    assert [line.partition(",")[2] for line in buckets] == expected


def test_words_that_are_no_methods_make_no_series_of_their_own(store: Store, serve: Serve) -> None:
    client = serve(store, has_metrics=True)
    for number in range(20):
        with socket.create_connection(client.address) as connection:
            connection.sendall(
                f"M{number} /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            while connection.recv(65536):
                pass
    names = [name for name in scrape(client) if name.startswith("runicorn_http_requests_total")]
    assert names == ['runicorn_http_requests_total{route="/api/health",method="other",status="405"}']
