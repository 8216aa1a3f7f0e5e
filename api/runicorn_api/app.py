"""The application: routes, the gate before them, and the one place where errors become answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import falcon

from runicorn_api import answers
from runicorn_api.analytics import Summary
from runicorn_api.compression import Compression
from runicorn_api.description import Docs, OpenAPI
from runicorn_api.exchanges import Observer
from runicorn_api.experiments import BatchDelete, BatchRestore, DeleteMatching, Experiment, Experiments
from runicorn_api.gate import Gate, ServerSettings, WriteQueue
from runicorn_api.health import Failures, Health
from runicorn_api.json_body import to_json
from runicorn_api.metrics import Metrics
from runicorn_api.prometheus import Counters, Prometheus
from runicorn_api.readers import Readers
from runicorn_api.trash import Trash
from runicorn_api.v1.artifacts import artifact_routes
from runicorn_api.v1.log_stream import LogStream
from runicorn_api.v1.routes import LASTING, v1_routes
from runicorn_api.validators import Validators
from runicorn_db.errors import (
    CountChanged,
    InvalidQuery,
    StorageFull,
    StoreBusy,
    StoreError,
    UnknownBatch,
    UnknownExperiment,
)
from runicorn_db.query import shown
from runicorn_db.store import Store

logger = logging.getLogger("runicorn_api")

EXPERIMENTS = "/api/v2/experiments"
LOG_STREAM = "/api/runs/{run_id}/logs/ws"

_LASTING = (Experiments, Experiment, Metrics, Trash, Summary)


class Application:
    """A WSGI application over a store. `close()` ends its reader threads; the store stays open.

    What takes long ends early once `stopping` is set.
    """

    def __init__(
        self,
        app: falcon.App[falcon.Request, falcon.Response],
        readers: Readers,
        observe: Observer,
        stopping: threading.Event,
    ) -> None:
        self._app = app
        self._readers = readers
        self.observe = observe
        self.stopping = stopping

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["PATH_INFO"] = canonical_path(environ["REQUEST_URI"])
        if environ["REQUEST_METHOD"] == "WEBSOCKET":
            # Falcon's own word for something else: it would answer before the gate is asked.
            environ["REQUEST_METHOD"] = "WebSocket"
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
    readers = Readers(settings.query_timeout)
    counters = Counters()
    gate = Gate(settings)
    validators = Validators(store)
    stopping = threading.Event()
    # Requests pass them from left to right, answers from right to left.
    app = falcon.App(middleware=[gate, WriteQueue(), Compression(), validators])
    failures = Failures()

    def answer(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
        failures.note(error)
        answer_error(req, resp, error, params)

    app.add_error_handler(Exception, answer)
    app.add_error_handler(falcon.HTTPError, answer)
    health = Health(store, readers, gate, failures, version=settings.version, syncing=settings.syncing)
    routes: tuple[tuple[str, str, object], ...] = (
        (EXPERIMENTS, "list", Experiments(store, readers)),
        (f"{EXPERIMENTS}/{{experiment_id}}", "detail", Experiment(store, readers)),
        (f"{EXPERIMENTS}/{{experiment_id}}/metrics/fast", "metrics", Metrics(store, readers)),
        (f"{EXPERIMENTS}/batch-delete", "write", BatchDelete(store)),
        (f"{EXPERIMENTS}/batch-restore", "write", BatchRestore(store)),
        (f"{EXPERIMENTS}/delete-matching", "write", DeleteMatching(store, readers)),
        ("/api/v2/trash", "other", Trash(store, readers)),
        ("/api/v2/analytics/summary", "other", Summary(store, readers)),
        ("/api/health", "other", health),
        ("/openapi.json", "other", OpenAPI(settings.version)),
        ("/docs", "other", Docs(settings.version)),
    )
    if settings.has_metrics:
        routes += (("/metrics", "other", Prometheus(store, readers, counters)),)
    routes += v1_routes(store, readers, settings, stopping.is_set)
    routes += artifact_routes(store, readers)
    routes += ((LOG_STREAM, "other", LogStream(store, readers, gate.client_of)),)
    for template, kind, resource in routes:
        app.add_route(template, resource)
        gate.kinds[template] = kind
    # Not health: it tells the time, and how the disk is.
    validators.lasting |= {template for template, _, resource in routes if isinstance(resource, (*_LASTING, *LASTING))}
    app.add_sink(gate.refuse_unknown, "/")
    return Application(app, readers, counters.observe, stopping)


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
        case UnknownBatch():
            return 404, str(error), {}
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
