from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import falcon.inspect
import jsonschema_rs
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from runicorn_api.app import ServerSettings, create_app
from runicorn_api.contract import LIST_PARAMETERS, METRICS_PARAMETERS
from runicorn_api.openapi import REFUSALS, document
from runicorn_api.operations import OPERATIONS
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
from runicorn_db.store import Store

DOCUMENT = document("test")


def test_the_document_is_valid_openapi() -> None:
    OPENAPI_31_VALIDATOR.validate(json.loads(json.dumps(DOCUMENT)))


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found: Any = DOCUMENT
        for part in reference.split("/"):
            found = found[part]


def test_every_schema_is_a_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(json.loads(json.dumps(schema)))


def test_the_routes_of_the_application_are_those_of_the_document(tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        app = create_app(store, ServerSettings(version="1", has_metrics=True))
        app.close()
    routes = falcon.inspect.inspect_routes(app._app)
    found = {route.path: {method.method for method in route.methods if not method.internal} for route in routes}
    documented = {path: {method.upper() for method in item} for path, item in DOCUMENT["paths"].items()}
    assert found == documented


def test_every_parameter_is_described_with_its_bounds() -> None:
    for path, rows in (("/api/v2/experiments", LIST_PARAMETERS), (f"{METRICS}", METRICS_PARAMETERS)):
        described = {p["name"]: p for p in DOCUMENT["paths"][path]["get"]["parameters"] if p["in"] == "query"}
        assert list(described) == [row.name for row in rows]
        assert all(described[row.name]["description"] == row.doc for row in rows)
    schemas = {p["name"]: p["schema"] for p in DOCUMENT["paths"]["/api/v2/experiments"]["get"]["parameters"]}
    assert schemas["page"] == {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1}
    assert schemas["per_page"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    assert schemas["search"]["maxLength"] == 256
    assert schemas["order_by"]["default"] == "created_at"


METRICS = "/api/v2/experiments/{experiment_id}/metrics/fast"


def test_every_kind_of_operation_has_a_limit_and_every_refusal_a_reason() -> None:
    assert {operation.kind for operation in OPERATIONS} <= set(DEFAULT_RATE_LIMITS)
    told = {int(status) for item in DOCUMENT["paths"].values() for o in item.values() for status in o["responses"]}
    assert told == {101, 200, 304, *REFUSALS}
