"""Requests that are nearly right, as bytes: the shapes of clients that mean well, damaged in one place or several."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from urllib.parse import quote_from_bytes

from runicorn_api.contract import LIST_PARAMETERS, METRICS_PARAMETERS
from tests.contract.content import DOCUMENTED, SPARSE, VICTIMS
from tests.fuzz.mutation import NASTY_BYTES, damaged

V2 = b"/api/v2/experiments"
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"BREW", b"get")
HEADERS = (
    (b"Accept", b"text/html"), (b"Accept-Encoding", b"gzip"), (b"Accept-Encoding", b"gzip;q=0, *;q=1"),
    (b"Origin", b"http://evil.example"), (b"Sec-Fetch-Site", b"cross-site"), (b"If-None-Match", b'W/"0", "x", *'),
    (b"If-None-Match", b"*"), (b"If-Modified-Since", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"Range", b"bytes=0-1"),
    (b"Content-Encoding", b"gzip"), (b"Forwarded", b"for=1.2.3.4"), (b"X-Forwarded-For", b"1.2.3.4"),
    (b"Cookie", b"a=b; c"), (b"Upgrade", b"h2c"), (b"Authorization", b"Bearer x"), (b"X-HTTP-Method-Override", b"PUT"),
    (b"Content-Type", b"text/plain"), (b"Content-Type", b"application/json; charset=utf-16"), (b"X", b""),
    (b"Accept", b"\xff\xfe"), (b"User-Agent", b"\x80" * 200), (b"X" * 200, b"y" * 2000),
)  # fmt: skip
VALUES = (
    b"1", b"0", b"-1", b"1000", b"true", b"no", b"failed", b"finished,failed", b"keep", b"resnet", b"0.5", b"1e3",
    b"created_at", b"name", b"id,status", b"0:5", b":", b"loss,accuracy", b"status:failed acc>0.9 -tag:keep", b"acc>",
    b"name:/(a+)+$/", b"a or b", b"is:deleted", b"has:param.lr", b'"two words"', b"age>30d", b"created:2025-01",
    b"W10", "\u017f\u00df\u0301\u202e".encode(),
)  # fmt: skip
NAMES = tuple(row.name.encode() for row in LIST_PARAMETERS + METRICS_PARAMETERS)
IDS = (DOCUMENTED.encode(), SPARSE.encode(), VICTIMS[0].encode(), b"nobody")


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request whose parts fit together."""

    method: bytes = b"GET"
    path: bytes = V2
    query: tuple[tuple[bytes, bytes], ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes | None = None
    is_chunked: bool = False
    version: bytes = field(default=b"1.1")

    def wire(self) -> bytes:
        query = b"&".join(name + b"=" + value for name, value in self.query)
        target = self.path + (b"?" + query if query else b"")
        lines = [self.method + b" " + target + b" HTTP/" + self.version, b"Host: 127.0.0.1"]
        lines += [name + b": " + value for name, value in self.headers]
        body = b""
        if self.body is not None and self.is_chunked:
            lines.append(b"Transfer-Encoding: chunked")
            chunk = b"%x\r\n%b\r\n" % (len(self.body), self.body) if self.body else b""
            body = chunk + b"0\r\n\r\n"
        elif self.body is not None:
            lines.append(b"Content-Length: %d" % len(self.body))
            body = self.body
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


def escaped(raw: bytes) -> bytes:
    return quote_from_bytes(raw, safe=",:").encode()


def _post(action: bytes, body: object) -> Request:
    headers = ((b"Content-Type", b"application/json"),)
    return Request(method=b"POST", path=V2 + b"/" + action, headers=headers, body=json.dumps(body).encode())


SEEDS = (
    Request(),
    Request(query=((b"status", b"finished"), (b"per_page", b"5"), (b"order_by", b"name"))),
    Request(query=((b"filter", escaped(b"status:failed acc>0.9 or param.lr<=1")), (b"fields", b"id,tags"))),
    Request(query=((b"search", b"stra%C3%9Fe+%22two+words%22"), (b"created_after", b"0"), (b"include_deleted", b"1"))),
    *(Request(path=V2 + b"/" + quote_from_bytes(name, safe="").encode()) for name in IDS),
    Request(path=V2 + b"/" + IDS[0] + b"/metrics/fast", query=((b"metric_names", b"loss"), (b"downsample", b"20"))),
    Request(path=V2 + b"/" + IDS[0] + b"/metrics/fast", query=((b"step_range", b"5:90"),)),
    Request(path=b"/api/v2/analytics/summary", query=((b"project", b"a"),)),
    Request(path=b"/api/v2/trash"),
    Request(path=b"/api/health"),
    Request(path=b"/openapi.json"),
    Request(path=b"/docs"),
    _post(b"batch-delete", {"exp_ids": [VICTIMS[0], "nobody"], "reason": "fuzz", "dry_run": False}),
    _post(b"batch-restore", {"exp_ids": list(VICTIMS)}),
    _post(b"delete-matching", {"query": {"project": "victims", "tags": ["a"]}, "expected_total": 3, "all": False}),
)


def framed(dice: random.Random) -> Request:
    """A request with strange parts whose end every server finds at the same place."""
    request = dice.choice(SEEDS)
    for _ in range(dice.choice((1, 1, 2, 3))):
        request = _changed(dice, request)
    return request


def _changed(dice: random.Random, request: Request) -> Request:
    match dice.randrange(9):
        case 0:
            return replace(request, method=dice.choice(METHODS))
        case 1 | 2:
            return replace(request, query=(*request.query, (dice.choice(NAMES), escaped(_value(dice)))))
        case 3 if request.query:
            place = dice.randrange(len(request.query))
            name, value = request.query[place]
            pair = (escaped(damaged(dice, name)), value) if dice.random() < 0.2 else (name, escaped(_value(dice)))
            return replace(request, query=(*request.query[:place], pair, *request.query[place + 1 :]))
        case 4:
            path = b"/".join(escaped(part) for part in damaged(dice, request.path).split(b"/"))
            return replace(request, path=b"/" + path.lstrip(b"/") if dice.random() < 0.9 else path or b"*")
        case 5:
            return replace(request, headers=(*request.headers, dice.choice(HEADERS)))
        case 6 | 7 if request.body is not None:
            return replace(request, body=_body(dice, request.body))
        case 8 if request.body is not None:
            return replace(request, is_chunked=not request.is_chunked)
        case _:
            return replace(request, body=request.body or b"", version=dice.choice((b"1.1", b"1.1", b"1.0")))


def _value(dice: random.Random) -> bytes:
    value = dice.choice(VALUES)
    return value if dice.random() < 0.5 else damaged(dice, value, VALUES)


def _body(dice: random.Random, body: bytes) -> bytes:
    if dice.random() < 0.5:
        return damaged(dice, body)
    try:
        value = json.loads(body)
    except ValueError:
        return damaged(dice, body)
    if isinstance(value, dict) and value:
        name = dice.choice(list(value))
        value[dice.choice([name, "query", "extra"])] = dice.choice(
            [None, True, -1, 1e300, "", "x" * 501, [], [None], {}, {"a": {}}, [["x"]], 10**30, {"filter": "acc>"},
             {"tags": [1]}, {"created_after": "0"}, ["x"] * 1001, {"project": "\ud800"}]
        )  # fmt: skip
    return json.dumps(value).encode()


def unframed(dice: random.Random) -> bytes:
    """Bytes that begin as a request and may end anywhere, or be two requests."""
    wire = framed(dice).wire()
    if dice.random() < 0.1:
        wire += dice.choice(SEEDS).wire()
    return damaged(dice, wire, NASTY_BYTES)
