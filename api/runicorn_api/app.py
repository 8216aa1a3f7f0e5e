"""The application: routes, the gate before them, and the one place where errors become answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

import falcon

from runicorn_api import answers
from runicorn_api.analytics import Summary
from runicorn_api.compression import Compression
from runicorn_api.experiments import BatchDelete, BatchRestore, DeleteMatching, Experiment, Experiments
from runicorn_api.guards import HostGuard, OriginGuard, check_content_type, peer_address
from runicorn_api.health import Health
from runicorn_api.json_body import to_json
from runicorn_api.metrics import Metrics
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS, Allowance, RateLimiter
from runicorn_api.readers import Readers
from runicorn_api.validators import Validators
from runicorn_db.errors import (
    CountChanged,
    InvalidQuery,
    StorageFull,
    StoreBusy,
    StoreError,
    UnknownExperiment,
)
from runicorn_db.query import shown
from runicorn_db.store import Store

logger = logging.getLogger("runicorn_api")

EXPERIMENTS = "/api/v2/experiments"

_LASTING = (Experiments, Experiment, Metrics, Summary)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the application behaves.

    `allowed_hosts`: names besides the loopback ones under which clients may address the server.
    `own_origins`: origins besides its own address whose pages may use it, such as `https://lab.example`.
    `trusted_proxies`: peers whose `X-Forwarded-For` is believed. `rate_limits`: requests in 60 seconds
    for each kind of route (see `DEFAULT_RATE_LIMITS`), None for no limit at all.
    `syncing`: whether the index is being brought up to date right now.
    """

    version: str
    allowed_hosts: tuple[str, ...] = ()
    own_origins: tuple[str, ...] = ()
    trusted_proxies: frozenset[str] = frozenset()
    rate_limits: Mapping[str, int] | None = field(default_factory=lambda: DEFAULT_RATE_LIMITS)
    syncing: Callable[[], bool] = _never


class Application:
    """A WSGI application over a store. `close()` ends its reader threads; the store stays open."""

    def __init__(self, app: falcon.App[falcon.Request, falcon.Response], readers: Readers) -> None:
        self._app = app
        self._readers = readers

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["PATH_INFO"] = canonical_path(environ["REQUEST_URI"])
        return self._app(environ, start_response)

    def close(self) -> None:
        self._readers.close()


def canonical_path(target: str) -> str:
    """The path of a request target with each segment percent-encoded in one way and no slash at the end.

    Servers decode the path before it is split, so that an id with `%2F` would reach another route.
    """
    path = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
    path = "/" + path.lstrip("/").removesuffix("/")
    return "/".join(quote(unquote_to_bytes(segment.encode("latin-1")), safe="") for segment in path.split("/"))


def create_app(store: Store, settings: ServerSettings) -> Application:
    """The REST API over `store`, to be served by `Server` (or any WSGI server that gives REQUEST_URI)."""
    readers = Readers()
    gate = Gate(settings)
    validators = Validators(store)
    # Requests pass them from left to right, answers from right to left.
    app = falcon.App(middleware=[gate, Compression(), validators])
    app.add_error_handler(Exception, answer_error)
    app.add_error_handler(falcon.HTTPError, answer_error)
    health = Health(store, readers, version=settings.version, syncing=settings.syncing)
    routes: tuple[tuple[str, str, object], ...] = (
        (EXPERIMENTS, "list", Experiments(store, readers)),
        (f"{EXPERIMENTS}/{{experiment_id}}", "detail", Experiment(store, readers)),
        (f"{EXPERIMENTS}/{{experiment_id}}/metrics/fast", "metrics", Metrics(store, readers)),
        (f"{EXPERIMENTS}/batch-delete", "write", BatchDelete(store)),
        (f"{EXPERIMENTS}/batch-restore", "write", BatchRestore(store)),
        (f"{EXPERIMENTS}/delete-matching", "write", DeleteMatching(store)),
        ("/api/v2/analytics/summary", "other", Summary(store, readers)),
        ("/api/health", "other", health),
    )
    for template, kind, resource in routes:
        app.add_route(template, resource)
        gate.kinds[template] = kind
    # Not health: it tells the time, and how the disk is.
    validators.lasting |= {template for template, _, resource in routes if isinstance(resource, _LASTING)}
    app.add_sink(gate.refuse_unknown, "/")
    return Application(app, readers)


class Gate:
    """What every request passes, in this order: host, rate limit, origin, method, content type."""

    def __init__(self, settings: ServerSettings) -> None:
        self.kinds: dict[str, str] = {}
        self._hosts = HostGuard(settings.allowed_hosts)
        self._origins = OriginGuard(self._hosts, settings.own_origins)
        self._trusted_proxies = settings.trusted_proxies
        self._limits = None if settings.rate_limits is None else {**DEFAULT_RATE_LIMITS, **settings.rate_limits}
        self._limiter = RateLimiter()

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Falcon calls this when a route was found, before its resource is asked."""
        self._admit(req, resp, req.uri_template or "")
        check_method(req, resource)
        check_content_type(req)
        if "experiment_id" in params:
            params["experiment_id"] = unquote(params["experiment_id"])

    def refuse_unknown(self, req: falcon.Request, resp: falcon.Response, **_: str | None) -> None:
        """The answer for every path without a route."""
        self._admit(req, resp, "")
        raise falcon.HTTPNotFound(description=f"Nothing is at '{shown(unquote(req.path))}'")

    def _admit(self, req: falcon.Request, resp: falcon.Response, template: str) -> None:
        try:
            self._hosts.check(req)
        except falcon.HTTPError:
            # Not counted: another site's requests must not use up what the owner may ask.
            self._measure(self._limiter.peek, req, resp, template)
            raise
        allowance = self._measure(self._limiter.admit, req, resp, template)
        if allowance is not None and not allowance.is_allowed:
            wait = str(allowance.reset_seconds)
            raise falcon.HTTPTooManyRequests(description="Rate limit exceeded", headers={"Retry-After": wait})
        self._origins.check(req)

    def _measure(
        self,
        count: Callable[[str, str, int], Allowance],
        req: falcon.Request,
        resp: falcon.Response,
        template: str,
    ) -> Allowance | None:
        if self._limits is None:
            return None
        limit = self._limits[self.kinds.get(template, "other")]
        allowance = count(peer_address(req, self._trusted_proxies), template, limit)
        resp.set_headers(allowance.headers)
        return allowance


def check_method(req: falcon.Request, resource: object) -> None:
    """Raises HTTPError 405 for a method that `resource` does not have; OPTIONS grants nothing to anyone."""
    allowed = [method for method in ("GET", "HEAD", "POST") if hasattr(resource, f"on_{method.lower()}")]
    if req.method not in allowed:
        sentence = f"{shown(req.method)} is not allowed here: use {' or '.join(allowed)}"
        raise falcon.HTTPMethodNotAllowed(allowed, description=sentence)


def answer_error(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    """Turn whatever was raised into `{"detail": sentence}` with the right status."""
    status, detail, headers = describe_error(error)
    body: dict[str, object] = {"detail": detail}
    if status == 429:
        body["retry_after"] = int(headers["Retry-After"])
    resp.status = status
    resp.set_headers(headers)
    resp.content_type = answers.JSON_UTF8
    resp.data = to_json(body)


def describe_error(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Status, sentence and headers for an error."""
    match error:
        case InvalidQuery():
            return 400, str(error), {}
        case UnknownExperiment():
            return 404, f"Experiment {shown(error.experiment_id)} not found", {}
        case CountChanged():
            return 409, str(error), {}
        case StoreBusy():
            return 503, "Database is busy", {"Retry-After": "1"}
        case StorageFull():
            return 503, "Storage is full: nothing was deleted", {"Retry-After": "1"}
        case StoreError():
            prefix = "Database query failed: "
            return 500, prefix + str(error).removeprefix(prefix), {}
        case falcon.HTTPError():
            return error.status_code, error.description or error.title, dict[str, str](error.headers or ())
        case _:
            logger.error("A request failed", exc_info=error)
            return 500, "Internal server error", {}
