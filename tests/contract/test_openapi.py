"""Requests made from the OpenAPI document: every answer is as the document says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks

from runicorn_api.openapi import document
from tests.conftest import scaled
from tests.contract.conftest import Lab
from tests.contract.content import ALSO_DOCUMENTED, DOCUMENTED, LONG, SPARSE, VICTIMS

FILTERS = st.sampled_from(
    ["status:failed", "acc>0.9", "-tag:keep age>30d", '"free text" or a', "is:deleted", "best>=0"]
)
RANGES = st.sampled_from(["0:10", "5:", ":-3", "-5:5", "100:100"])
schemathesis.openapi.format("runicorn-filter", FILTERS)
schemathesis.openapi.format("runicorn-step-range", RANGES)
schemathesis.openapi.format(
    "runicorn-id",
    st.sampled_from([DOCUMENTED, ALSO_DOCUMENTED, SPARSE, LONG, *VICTIMS, "nobody"]) | st.text(min_size=1),
)
schemathesis.openapi.format(
    "runicorn-run-id", st.sampled_from([DOCUMENTED, ALSO_DOCUMENTED, SPARSE, LONG, *VICTIMS, "nobody", "[]"])
)


@dataclass(frozen=True)
class Made:
    """Requests of one kind, made from one operation."""

    operation: Any
    is_right: bool

    @property
    def name(self) -> str:
        return f"{self.operation.label} {'right' if self.is_right else 'wrong'}"

    def cases(self) -> st.SearchStrategy[schemathesis.Case]:
        mode = schemathesis.GenerationMode.POSITIVE if self.is_right else schemathesis.GenerationMode.NEGATIVE
        return self.operation.as_strategy(generation_mode=mode)


def described_operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document("test"))))
    return [result.ok() for result in schema.get_all_operations()]


KINDS = [
    Made(operation, is_right)
    for operation in described_operations()
    for is_right in (True, False)
    # Where nothing is asked for, or any text will do, there is nothing to ask wrongly.
    if is_right
    or operation.query
    or operation.body
    or {parameter.name for parameter in operation.path_parameters} - {"project", "name"}
]


@pytest.mark.torture
@pytest.mark.says("all.statuses", "all.never-422")
@pytest.mark.parametrize("made", KINDS, ids=lambda made: made.name)
def test_every_answer_is_as_the_document_says(lab: Lab, made: Made) -> None:
    count = scaled(300, 5000) // len(KINDS) + 1
    with requests.Session() as session:
        base_url = f"http://{lab.client.address[0]}:{lab.client.address[1]}"
        run(made, count, partial(conforms, session=session, base_url=base_url))


def run(made: Made, count: int, check: Callable[[schemathesis.Case], None]) -> None:
    @seed(1)
    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(case=made.cases())
    def every(case: schemathesis.Case) -> None:
        check(case)

    every()


def conforms(case: schemathesis.Case, *, session: requests.Session, base_url: str) -> None:
    response = case.call(base_url=base_url, session=session)
    excluded = []
    if response.status_code in (400, 409, 426):
        # What no schema says: a cursor is another query's, a range ends before it begins, nothing is asked for, or
        # nothing but a WebSocket can be.
        excluded.append(checks.positive_data_acceptance)
    sent = parse_qsl(urlsplit(response.request.url or "").query, keep_blank_values=True)
    if any(not value or name == "filter" for name, value in sent) or case.headers:
        # An empty value means "not given", every word is a filter, and a tag that nobody gave is no error.
        excluded.append(checks.negative_data_rejection)
    case.validate_response(response, excluded_checks=excluded)
