"""Answers of any size in constant memory: put together in a file, sent from there."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile

import falcon

from runicorn_api.answers import JSON_UTF8

MOST_IN_MEMORY = 1024 * 1024
"""An answer of no more bytes stays in memory."""

_CHUNK_BYTES = 64 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Spool(Iterator[bytes]):
    """Bytes that are written first and then read once, in chunks. To be closed."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile[bytes](MOST_IN_MEMORY)
        self._is_read = False
        self.size_bytes = 0

    def write(self, part: bytes) -> None:
        """Raises HTTPError 503 where there is no space for it."""
        try:
            self._file.write(part)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            sentence = "Storage is full: there is no space to put the answer together"
            raise falcon.HTTPServiceUnavailable(description=sentence, headers={"Retry-After": "1"}) from error
        self.size_bytes += len(part)

    def __next__(self) -> bytes:
        if not self._is_read:
            self._is_read = True
            self._file.seek(0)
        if chunk := self._file.read(_CHUNK_BYTES):
            return chunk
        raise StopIteration

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def filled(parts: Iterable[bytes]) -> Spool:
    """A spool of these parts; closed again when one of them cannot be had."""
    spool = Spool()
    try:
        for part in parts:
            spool.write(part)
    except BaseException:
        spool.close()
        raise
    return spool


def send_parts(response: falcon.Response, parts: Iterable[bytes], *, content_type: str = JSON_UTF8) -> None:
    """Put an answer of any size into the response.

    It is complete before the first byte is sent, so that an error in the middle of it is still answered as one.
    """
    spool = filled(parts)
    response.content_type = content_type
    if spool.size_bytes > MOST_IN_MEMORY:
        set_stream(response, spool)
        return
    with spool:
        response.data = b"".join(spool)


def set_stream(response: falcon.Response, spool: Spool) -> None:
    """Make `spool` the body, which whoever sends it closes."""
    response.stream = spool
    response.content_length = spool.size_bytes


def drop_stream(response: falcon.Response) -> None:
    """Forget the body, which nobody will be sent; its length stays."""
    if isinstance(response.stream, Spool):
        response.stream.close()
        response.stream = None
