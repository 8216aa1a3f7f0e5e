"""Smaller answers for clients that take gzip."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

import falcon

from runicorn_api.spool import Spool, drop_stream, filled, set_stream

SMALLEST_BYTES = 8 * 1024
"""Below this an answer fits a few packets, and packing it takes longer than sending it."""

_SLICE_BYTES = 256 * 1024
_LEVEL = 1
_GZIP_FRAME = 31
_CODING = re.compile(r"([\w!#$%&'*+.^`|~-]+)(?:\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.ASCII)


class Compression:
    """Packs what is large enough, as the client's `Accept-Encoding` allows."""

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Falcon calls this when an answer is complete."""
        # Small answers too: a cache must not think that they are the same for everybody.
        resp.append_header("Vary", "Accept-Encoding")
        is_wanted = accepts_gzip(req.env.get("HTTP_ACCEPT_ENCODING", ""))
        body, spool = resp.data, resp.stream
        if body and len(body) >= SMALLEST_BYTES and is_wanted:
            resp.data = packed(body)
            resp.set_header("Content-Encoding", "gzip")
        elif isinstance(spool, Spool):
            if is_wanted:
                with spool:
                    set_stream(resp, filled(_packed_parts(spool)))
                resp.set_header("Content-Encoding", "gzip")
            if req.method == "HEAD":
                drop_stream(resp)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip and does not like the plain form better."""
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        if match := _CODING.fullmatch(item.strip()):
            weights[match[1]] = float(match[2] or 1)
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def packed(body: bytes) -> bytes:
    """`body` in gzip form; equal bodies give equal bytes."""
    view = memoryview(body)
    # In slices: between two of them other requests have their turn.
    slices = (view[start : start + _SLICE_BYTES] for start in range(0, len(view), _SLICE_BYTES))
    return b"".join(_packed_parts(slices))


def _packed_parts(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_FRAME)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
