"""The OpenAPI 3.1 document, made from the tables of operations, parameters and shapes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from runicorn_api import shapes
from runicorn_api.contract import FILTER_PARAMETERS, Parameter
from runicorn_api.operation import Operation
from runicorn_api.operations import OPERATIONS
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS, WINDOW_SECONDS
from runicorn_api.v1.contract import RUN_ID_PATTERN
from runicorn_api.v1.operations import V1_OPERATIONS
from runicorn_db.query import ExperimentQuery

Schema = dict[str, Any]

JSON = "application/json"
_COMPONENT = "#/components/schemas/{name}"

REFUSALS: Mapping[int, str] = {
    400: "A parameter, the body or the request itself is wrong, or the answer would be over 64 MiB.",
    401: "The server was given a token, and the request did not bring it.",
    403: "`Host` is none of the server's names, another site's page sent the request, or the server was told not to.",
    404: "No such experiment, run or path.",
    405: "Not this method; `Allow` names the others.",
    409: "`expected_total` is not the number that matches any more.",
    413: "The body is over 1 MiB.",
    415: f"Not sent as `Content-Type: {JSON}`.",
    429: "Too many requests; `Retry-After` says when to come back.",
    426: "A WebSocket is at this path, and was not asked for.",
    431: "The header is over 16 KiB.",
    500: "The index could not answer.",
    501: "A transfer coding other than `chunked`.",
    503: "The index is busy or the disk is full; nothing was changed.",
}
"""Why a request is refused, by status."""

_PATH_PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "experiment_id": (
        "The experiment's id, percent-encoded.",
        {"type": "string", "minLength": 1, "format": "runicorn-id"},
    ),
    "run_id": (
        "The run's id, percent-encoded; without slashes, backslashes and control characters.",
        {"type": "string", "minLength": 1, "format": "runicorn-run-id", "pattern": RUN_ID_PATTERN},
    ),
    "project": ("The project, percent-encoded.", {"type": "string", "pattern": "^[^\\u0000]+$"}),
    "name": ("The experiment's name, percent-encoded.", {"type": "string", "pattern": "^[^\\u0000]+$"}),
    "artifact": ("The artifact's name, percent-encoded.", {"type": "string", "pattern": "^[^\\u0000]+$"}),
    "version": ("The number of a version.", {"type": "integer", "minimum": 1}),
}

_ALWAYS = (400, 401, 403, 405, 413, 429, 431, 500, 501, 503)
# What the HTTP server refuses was never counted, so that there is nothing to tell of a limit.
_UNCOUNTED = (413, 431, 501)

_HEADERS: Mapping[str, tuple[str, Schema]] = {
    "X-RateLimit-Limit": ("Requests allowed in 60 seconds.", {"type": "integer", "minimum": 0}),
    "X-RateLimit-Remaining": ("Requests left now.", {"type": "integer", "minimum": 0}),
    "X-RateLimit-Reset": (
        "Seconds until the oldest request of the last 60 seconds leaves the count.",
        {"type": "integer", "minimum": 0, "maximum": WINDOW_SECONDS},
    ),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 1, "maximum": WINDOW_SECONDS}),
    "WWW-Authenticate": ("How the token is given.", {"const": "Bearer"}),
    "Allow": ("The methods that this path has.", {"type": "string"}),
    "Upgrade": ("What is to be asked for.", {"const": "websocket"}),
    "Sec-WebSocket-Version": ("The version to be asked for.", {"const": "13"}),
    "ETag": ("Stands for this answer: give it back as `If-None-Match`.", {"type": "string", "pattern": '^W/"'}),
    "Cache-Control": ("The answer may be kept, but has to be asked for again.", {"const": "no-cache"}),
    "Vary": ("Large answers come in gzip form to who takes it.", {"const": "Accept-Encoding"}),
    "Content-Disposition": ("The answer is to be kept as a file of this name.", {"type": "string"}),
    "Content-Security-Policy": ("The page loads nothing and runs nothing.", {"type": "string"}),
}
# Limits can be turned off, and a tag is left out when the index changed meanwhile or the time of day matters.
_CERTAIN = (
    "Retry-After",
    "WWW-Authenticate",
    "Allow",
    "Upgrade",
    "Sec-WebSocket-Version",
    "Content-Disposition",
    "Content-Security-Policy",
)
_COMMON = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Vary")

DESCRIPTION = f"""\
Experiments recorded by Runicorn, as the index of runicorn-tui knows them. Times are Unix seconds (UTC), sizes are \
bytes, `null` means unknown or none, also for numbers that are not finite. Unknown parameters and unknown fields of \
a body are refused. An empty value means "not given". A slash at the end of a path is accepted; `HEAD` answers as \
`GET` without a body. Each client has a count for each path, of the last {WINDOW_SECONDS} seconds. Answers of 8 KiB \
and more come in gzip form to a client that takes it.\
"""


@cache
def document(version: str) -> Schema:
    """The description of everything that the application answers, as a JSON object."""
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        item = paths.setdefault(operation.path, {})
        item[operation.method.lower()] = _operation(operation)
        if operation.method == "GET":
            item["head"] = _head(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "runicorn-tui",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        # Without a token of its own a server asks for none.
        "security": [{}, {"token": []}],
        "tags": [
            {"name": "experiments"},
            {"name": "runs", "description": "Version 1, as the original Runicorn has it."},
            {"name": "server"},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
            "headers": {
                name: {"description": doc, "required": name in _CERTAIN, "schema": schema}
                for name, (doc, schema) in _HEADERS.items()
            },
        },
    }


def _schemas() -> dict[str, Schema]:
    types = [kind for o in OPERATIONS for kind in (o.body, o.answer) if isinstance(kind, type)]
    types += [shapes.Refusal, shapes.TooManyRequests]
    _, found = msgspec.json.schema_components(types, ref_template=_COMPONENT)
    for schema in found.values():
        # Prose of dataclasses comes with the indentation of their source.
        if "description" in schema:
            schema["description"] = " ".join(inspect.cleandoc(schema["description"]).split())
    filters = [row for row in FILTER_PARAMETERS if row.name != "include_deleted"]
    found["Filters"] = {
        "title": "Filters",
        "description": "All of them must hold together.",
        "type": "object",
        "properties": {row.name: _json_value(row) for row in filters},
        "additionalProperties": False,
    }
    return dict(sorted(found.items()))


def _json_value(row: Parameter) -> Schema:
    described = {"description": row.doc}
    if not row.form.is_list:
        return described | row.schema
    # A list may also be given as in a query string.
    return described | {"anyOf": [row.schema, {"type": "string", "const": ""}]}


def _operation(operation: Operation) -> Schema:
    limit = DEFAULT_RATE_LIMITS[operation.kind]
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{limit} requests in {WINDOW_SECONDS} seconds, unless the server is set otherwise.",
        "tags": [_tag(operation)],
    }
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(operation.body)}}}
    described["responses"] = _responses(operation)
    return described


def _tag(operation: Operation) -> str:
    if operation.path.startswith("/api/v2/"):
        return "experiments"
    return "runs" if operation in V1_OPERATIONS else "server"


def _head(operation: Operation) -> Schema:
    described = _operation(operation)
    described["operationId"] += "Head"
    described["summary"] += ": the headers only"
    for response in described["responses"].values():
        response.pop("content", None)
    return described


def _parameters(operation: Operation) -> list[Schema]:
    plain = ExperimentQuery()
    found: list[Schema] = []
    for name, (doc, schema) in _PATH_PARAMETERS.items():
        if f"{{{name}}}" in operation.path:
            found.append({"name": name, "in": "path", "required": True, "description": doc, "schema": schema})
    for row in operation.parameters:
        schema = row.schema
        if default := getattr(plain, row.name, None):
            schema["default"] = default
        parameter: Schema = {"name": row.name, "in": "query", "description": row.doc, "schema": schema}
        if row.form.is_list:
            parameter |= {"style": "form", "explode": False}
        found.append(parameter)
    if operation.has_tag:
        doc = "The `ETag` of an earlier answer: nothing but 304 is answered while it still holds."
        schema = {"type": "string"}
        found.append({"name": "If-None-Match", "in": "header", "description": doc, "schema": schema})
    return found


def _responses(operation: Operation) -> Schema:
    responses: Schema = {"101" if operation.answer == "websocket" else "200": _success(operation)}
    if operation.has_tag:
        headers = _headers(*_COMMON, "ETag", "Cache-Control")
        responses["304"] = {"description": "The answer is still the one of `If-None-Match`.", "headers": headers}
    body = (415,) if operation.body is not None else ()
    for status in sorted({*_ALWAYS, *operation.refusals, *body}):
        responses[str(status)] = _refusal(status)
    return responses


def _success(operation: Operation) -> Schema:
    if operation.answer == "websocket":
        return {"description": "A text frame for each line."}
    names = [*_COMMON, *(("ETag", "Cache-Control") if operation.has_tag else ())]
    if operation.answer == "html":
        content: Schema = {"text/html": {"schema": {"type": "string"}}}
        names.append("Content-Security-Policy")
    elif operation.answer == "prometheus":
        content = {"text/plain": {"schema": {"type": "string"}}}
    elif operation.answer == "csv":
        content = {"text/csv": {"schema": {"type": "string"}}}
        names.append("Content-Disposition")
    elif operation.answer == "report":
        content = {media: {"schema": {"type": "string"}} for media in ("text/markdown", "text/html")}
        names.append("Content-Disposition")
    elif operation.answer == "openapi":
        content = {JSON: {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    else:
        schema = _reference(operation.answer)
        content = {JSON: {"schema": {"type": "array", "items": schema} if operation.is_list else schema}}
    return {"description": operation.summary, "headers": _headers(*names), "content": content}


def _refusal(status: int) -> Schema:
    shape = shapes.TooManyRequests if status == 429 else shapes.Refusal
    refused: Schema = {"description": REFUSALS[status], "content": {JSON: {"schema": _reference(shape)}}}
    names = [] if status in _UNCOUNTED else [*_COMMON]
    if status in (429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    if status == 405:
        names.append("Allow")
    if status == 426:
        names += ["Upgrade", "Sec-WebSocket-Version"]
    return refused | ({"headers": _headers(*names)} if names else {})


def _headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _reference(shape: type[msgspec.Struct]) -> Schema:
    return {"$ref": _COMPONENT.format(name=shape.__name__)}
