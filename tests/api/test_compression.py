from __future__ import annotations

import gzip
import zlib
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_api.compression import SMALLEST_BYTES, accepts_gzip, packed

LARGE = "/api/v2/experiments/20240101_120000_000001/metrics/fast"
SMALL = LARGE + "?downsample=3"
MISSING = "/api/v2/experiments/none"


def exchange(client, target: str, accept: str | None, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection(*client.address, timeout=20)
    connection.putrequest(method, target, skip_accept_encoding=True)
    if accept is not None:
        connection.putheader("Accept-Encoding", accept)
    connection.endheaders()
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    connection.close()
    return response.status, headers, body


def test_a_large_answer_is_packed_for_who_takes_gzip(client) -> None:
    _, plain_headers, plain = exchange(client, LARGE, None)
    status, headers, body = exchange(client, LARGE, "gzip, deflate, br")
    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert int(headers["content-length"]) == len(body) < len(plain) / 3
    assert gzip.decompress(body).partition(b'"query_time_ms"')[0] == plain.partition(b'"query_time_ms"')[0]
    assert "content-encoding" not in plain_headers


@pytest.mark.parametrize("accept", [None, "", "identity", "br", "gzip;q=0", "GZIP; q=0.000, *", "*;q=0", "gzip;q=2"])
def test_a_large_answer_is_plain_for_who_does_not_take_gzip(client, accept: str | None) -> None:
    _, headers, body = exchange(client, LARGE, accept)
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"
    assert body.startswith(b"{")


@pytest.mark.parametrize("target", [SMALL, MISSING, "/api/health", "/nowhere"])
def test_a_small_answer_is_never_packed(client, target: str) -> None:
    _, headers, body = exchange(client, target, "gzip")
    assert "content-encoding" not in headers
    assert int(headers["content-length"]) == len(body) < SMALLEST_BYTES


def test_head_tells_of_the_packed_answer(client) -> None:
    _, head, nothing = exchange(client, LARGE, "gzip", "HEAD")
    _, get, body = exchange(client, LARGE, "gzip")
    assert nothing == b""
    assert (head["content-encoding"], head["vary"]) == (get["content-encoding"], get["vary"])
    # query_time_ms packs to a few bytes more or less.
    assert abs(int(head["content-length"]) - len(body)) <= 16


@pytest.mark.parametrize(
    ("accept_encoding", "is_accepted"),
    [
        ("gzip", True), ("x-gzip", True), ("*", True), ("deflate, GZip;q=0.001", True), ("gzip ; q=1.000", True),
        ("gzip;q=0.5, identity;q=0.5", True), ("br;q=1, gzip;q=0.2", True), ("identity;q=0, *", True),
        ("", False), ("gzip;q=0.0", False), ("gzip;q=0, *", False), ("identity, gzip;q=0.5", False),
        ("gzip;q=nan", False), ("gzip;q=-1", False), ("gzipped", False), ("gzip;level=1", False), (",;,=", False),
    ],
)  # fmt: skip
def test_who_takes_gzip_is_read_from_the_weights(accept_encoding: str, is_accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) is is_accepted


@given(st.text())
def test_any_text_says_whether_gzip_is_taken(accept_encoding: str) -> None:
    assert accepts_gzip(accept_encoding) in (True, False)


@given(st.binary(max_size=2000), st.sampled_from([1, 300, 1100]))
def test_what_is_packed_unpacks_to_the_same(part: bytes, times: int) -> None:
    body = part * times
    assert gzip.decompress(packed(body)) == body
    assert packed(body) == packed(body)


def test_a_body_is_packed_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = zlib.compressobj

    class Watched:
        def __init__(self, *how: int) -> None:
            self._packer = real(*how)

        def compress(self, part: memoryview) -> bytes:
            sizes.append(len(part))
            return self._packer.compress(part)

        def flush(self) -> bytes:
            return self._packer.flush()

    monkeypatch.setattr("runicorn_api.compression.zlib.compressobj", Watched)
    assert gzip.decompress(packed(bytes(10_000_000))) == bytes(10_000_000)
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 1 << 18
