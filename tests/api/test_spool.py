from __future__ import annotations

from collections.abc import Iterator

import falcon
import pytest

from runicorn_api.spool import MOST_IN_MEMORY, Spool, drop_stream, filled, send_parts


def parts(size: int) -> Iterator[bytes]:
    return (bytes([number % 256]) * 1000 for number in range(size // 1000))


def test_what_was_written_is_read_once_in_chunks() -> None:
    with filled(parts(3 << 20)) as spool:
        chunks = list(spool)

        assert b"".join(chunks) == b"".join(parts(3 << 20))
        assert spool.size_bytes == sum(map(len, chunks))
        assert max(map(len, chunks)) <= 64 << 10
        assert list(spool) == []


def test_a_small_answer_is_sent_as_it_is_and_a_large_one_from_a_file() -> None:
    small, large = falcon.Response(), falcon.Response()

    send_parts(small, [b"[", b"]"], content_type="text/plain")
    send_parts(large, parts(MOST_IN_MEMORY + 2000))

    assert (small.data, small.stream, small.content_type) == (b"[]", None, "text/plain")
    assert large.data is None
    assert isinstance(large.stream, Spool)
    assert large.content_length == str(large.stream.size_bytes)
    assert large.stream.size_bytes > MOST_IN_MEMORY
    drop_stream(large)
    assert large.stream is None


def test_an_error_in_the_middle_of_an_answer_is_an_error() -> None:
    response = falcon.Response()

    def broken() -> Iterator[bytes]:
        yield from parts(2 << 20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        send_parts(response, broken())

    assert (response.data, response.stream) == (None, None)


@pytest.mark.parametrize(
    ("place", "mode", "expected"),
    [("/dev/full", "wb", falcon.HTTPServiceUnavailable), ("/dev/null", "rb", OSError)],
)
def test_a_full_disk_is_told_as_such(place: str, mode: str, expected: type[Exception]) -> None:
    with Spool() as spool, open(place, mode, buffering=0) as file:
        spool._file.close()
        spool._file = file

        with pytest.raises(expected):
            spool.write(b"x")
