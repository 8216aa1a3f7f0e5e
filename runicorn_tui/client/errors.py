"""Everything that a call can end with instead of an answer.

ClientError
├── ConnectionLost        no answer, or half of one: refused, reset, too late
├── UnexpectedAnswer      what answered is no such server
├── MissingPackage        pandas or polars is not installed
└── Refused               the server said no, in a sentence
    ├── BadRequest        400 and the like: the sentence names what is wrong
    ├── Unauthorized      401: the token is missing or wrong
    ├── Forbidden         403: another user's server, a name it does not go by, or read-only
    ├── NotFound          404: no such experiment, batch or path
    ├── Conflict          409: not the number that was expected
    ├── RateLimited       429: too many requests, and no time left to wait
    └── ServerError       500 and above: the index could not answer, or is busy
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast


class ClientError(Exception):
    """The root of the tree; `str(error)` is a sentence fit for a person."""


class ConnectionLost(ClientError):
    """`may_have_happened`: whether the server may have done all the same what it was asked."""

    def __init__(self, sentence: str, may_have_happened: bool = True) -> None:
        super().__init__(sentence, may_have_happened)
        self.may_have_happened = may_have_happened

    def __str__(self) -> str:
        return str(self.args[0])


class UnexpectedAnswer(ClientError):
    pass


class MissingPackage(ClientError, ImportError):
    pass


class Refused(ClientError):
    """`detail` is the server's sentence; `retry_after` are the seconds after which it wants to be asked again."""

    def __init__(self, detail: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(detail, status, retry_after)
        self.detail = detail
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.detail


class BadRequest(Refused):
    pass


class Unauthorized(Refused):
    pass


class Forbidden(Refused):
    pass


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class RateLimited(Refused):
    pass


class ServerError(Refused):
    pass


_BY_STATUS = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 429: RateLimited}


def refusal(status: int, retry_after: str | None, body: bytes) -> ClientError:
    """The error for an answer that is no success; `retry_after` is its header."""
    if status < 400:
        return UnexpectedAnswer(f"The server answered with status {status}, which this client does not follow")
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else BadRequest)
    return kind(_sentence(body) or f"The server answered with status {status}", status, _seconds(retry_after))


def _sentence(body: bytes) -> str | None:
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    detail = cast(Mapping[str, object], answer).get("detail") if isinstance(answer, dict) else None
    return detail if isinstance(detail, str) else None


def _seconds(retry_after: str | None) -> float | None:
    # A proxy may give a date instead; it is as good as nothing.
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
