"""A request that the application answers, as the OpenAPI document describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from runicorn_api.contract import Parameter

Media = Literal["csv", "html", "openapi", "prometheus", "report", "websocket"]
"""What is answered other than by an object of a shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `kind` is its rate limit's (see `DEFAULT_RATE_LIMITS`); `refusals` are the statuses that only it and its like
    answer; `is_list`: the answer is an array of that shape; `has_tag` says that its answer can be asked for with
    `If-None-Match`.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    kind: str
    summary: str
    answer: type[Struct] | Media
    parameters: tuple[Parameter, ...] = ()
    body: type[Struct] | None = None
    refusals: tuple[int, ...] = ()
    is_list: bool = False
    has_tag: bool = False
