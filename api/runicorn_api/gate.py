"""What every request passes before a resource is asked."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import falcon

from runicorn_api.exchanges import ROUTE, WAITED_SECONDS
from runicorn_api.guards import (
    CrossOrigin,
    HostGuard,
    OriginGuard,
    PeerGuard,
    TokenGuard,
    check_content_type,
    peer_address,
)
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS, Allowance, RateLimiter
from runicorn_db.errors import StoreBusy
from runicorn_db.query import shown

_WRITES_AT_ONCE = 4
"""Half of the threads: while writes wait for a busy index, lists are still answered."""

PATIENCE_SECONDS = 10.0
"""For a thread, or the time of five questions where that is longer: whoever waited so long may have gone, and working
for him would keep the next one waiting as long."""

METHODS = ("GET", "HEAD", "POST")
_RESPONDERS = {method: f"on_{method.lower()}" for method in METHODS}


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the application behaves.

    `allowed_hosts`: names besides the loopback ones under which clients may address the server.
    `cors_origin`: the one other origin whose pages may use it, such as `https://lab.example`.
    `token`: what clients must send, None for nothing. `requires_peer`: refuse whoever's user cannot be told.
    `trusted_proxies`: peers whose `X-Forwarded-For` is believed. `rate_limits`: requests in 60 seconds
    for each kind of route (see `DEFAULT_RATE_LIMITS`), None for no limit at all.
    `query_timeout`: seconds that one question to the index may take, None for any number.
    `allows_purge`: whether the trash can be emptied for good. `has_metrics`: whether Prometheus finds `/metrics`.
    `syncing`: whether the index is being brought up to date now.
    """

    version: str
    allowed_hosts: tuple[str, ...] = ()
    cors_origin: str | None = None
    token: str | None = field(default=None, repr=False)
    requires_peer: bool = False
    is_read_only: bool = False
    trusted_proxies: frozenset[str] = frozenset()
    rate_limits: Mapping[str, int] | None = field(default_factory=lambda: DEFAULT_RATE_LIMITS)
    query_timeout: float | None = 2.0
    allows_purge: bool = False
    has_metrics: bool = False
    syncing: Callable[[], bool] = _never


class Gate:
    """User, host, token, origin; then the rate limit; then method, read-only, content type.

    Whoever fails at the first four is not counted: another user's or another site's requests must not use up
    what the owner may ask.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.kinds: dict[str, str] = {}
        self.limits = None if settings.rate_limits is None else {**DEFAULT_RATE_LIMITS, **settings.rate_limits}
        self.limiter = RateLimiter()
        self._peers = PeerGuard(
            requires_peer=settings.requires_peer,
            # A proxy of another user passes the token on that its clients must have.
            trusted_proxies=settings.trusted_proxies if settings.token else frozenset(),
        )
        self._hosts = HostGuard(settings.allowed_hosts)
        self._tokens = TokenGuard(settings.token)
        self._cross_origin = CrossOrigin(settings.cors_origin)
        self._origins = OriginGuard(self._hosts, settings.cors_origin)
        self._is_read_only = settings.is_read_only
        self._patience = max(PATIENCE_SECONDS, 5 * (settings.query_timeout or math.inf))
        self._trusted_proxies = settings.trusted_proxies

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Falcon calls this when a route was found, before its resource is asked."""
        template = req.uri_template or ""
        req.env[ROUTE] = template
        methods = [method for method, name in _RESPONDERS.items() if hasattr(resource, name)]
        if self._admit(req, resp, template, methods):
            return
        check_method(req, methods)
        if self._is_read_only and req.method == "POST":
            raise falcon.HTTPForbidden(description="This server is read-only")
        if getattr(resource, "takes_body", True):
            check_content_type(req)
        if req.env.get(WAITED_SECONDS, 0.0) > self._patience:
            raise StoreBusy("Database is busy")
        params.update({name: unquote(segment) for name, segment in params.items()})

    def client_of(self, req: falcon.Request) -> str:
        """Who is counted as one client: an address, with the user where that can be told."""
        client = peer_address(req, self._trusted_proxies)
        uid = self._peers.uid_of(req)
        return client if uid is None else f"{client} {uid}"

    def refuse_unknown(self, req: falcon.Request, resp: falcon.Response, **_: str | None) -> None:
        """The answer for every path without a route."""
        if not self._admit(req, resp, "", METHODS):
            raise falcon.HTTPNotFound(description=f"Nothing is at '{shown(unquote(req.path))}'")

    def _admit(self, req: falcon.Request, resp: falcon.Response, template: str, methods: Iterable[str]) -> bool:
        """Whether the request is answered already, as the preflight of the allowed origin is."""
        try:
            self._peers.check(req)
            self._hosts.check(req)
            self._cross_origin.mark(req, resp)
            if self._cross_origin.is_preflight(req):
                # Browsers send it without the token.
                self._measure(self.limiter.peek, req, resp, template)
                self._cross_origin.answer_preflight(resp, methods)
                return True
            self._tokens.check(req)
            self._origins.check(req)
        except falcon.HTTPError:
            self._measure(self.limiter.peek, req, resp, template)
            raise
        allowance = self._measure(self.limiter.admit, req, resp, template)
        if allowance is not None and not allowance.is_allowed:
            wait = str(allowance.reset_seconds)
            raise falcon.HTTPTooManyRequests(description="Rate limit exceeded", headers={"Retry-After": wait})
        return False

    def _measure(
        self,
        count: Callable[[str, str, int], Allowance],
        req: falcon.Request,
        resp: falcon.Response,
        template: str,
    ) -> Allowance | None:
        if self.limits is None:
            return None
        limit = self.limits[self.kinds.get(template, "other")]
        allowance = count(self.client_of(req), template, limit)
        resp.set_headers(allowance.headers)
        return allowance


class WriteQueue:
    """Lets a few requests change the index at a time; the others are told at once that it is busy."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(_WRITES_AT_ONCE)

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Falcon calls this when a request was admitted."""
        if req.method == "POST" and not resp.complete:
            if not self._free.acquire(blocking=False):
                raise StoreBusy("Database is busy")
            req.context.is_writing = True

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Falcon calls this when an answer is complete."""
        if getattr(req.context, "is_writing", False):
            self._free.release()


def check_method(req: falcon.Request, allowed: list[str]) -> None:
    """Raises HTTPError 405 for a method that the resource does not have; OPTIONS grants nothing to anyone."""
    if req.method not in allowed:
        sentence = f"{shown(req.method)} is not allowed here: use {' or '.join(allowed)}"
        raise falcon.HTTPMethodNotAllowed(allowed, description=sentence)
