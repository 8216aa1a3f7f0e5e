"""What docs/api.md says of V1 is complete and true."""

from __future__ import annotations

import re

import pytest

from runicorn_api.contract import Parameter
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
from runicorn_api.v1.contract import (
    ENVIRONMENT_PARAMETERS,
    PATH_RUNS_PARAMETERS,
    PATHS_PARAMETERS,
    REPORT_PARAMETERS,
    SERIES_PARAMETERS,
)
from runicorn_api.v1.operations import V1_OPERATIONS
from tests.api.test_api_docs import SECTIONS, names_in, rows
from tests.api.v1.conftest import Real, id_of

SECTION = "From V1 to V2"
TEXT = SECTIONS[SECTION]


def test_every_request_of_v1_is_documented_with_its_limit_and_what_to_ask_instead() -> None:
    documented = {(cells[0], int(cells[3])) for cells in rows(SECTION)}

    assert documented == {(f"{o.method} `{o.path}`", DEFAULT_RATE_LIMITS[o.kind]) for o in V1_OPERATIONS}
    assert all(re.match(r"none|`(GET|POST) /api/(v2/|health)", cells[2]) for cells in rows(SECTION))


@pytest.mark.parametrize(
    ("head", "parameters"),
    [
        ("| Parameter | Type | Meaning |", SERIES_PARAMETERS),
        ("| Parameter of `/api/paths` |", PATHS_PARAMETERS),
        ("| Parameter of `/api/paths/runs` |", PATH_RUNS_PARAMETERS),
        ("| Parameter of `environment` |", ENVIRONMENT_PARAMETERS),
        ("| Parameter of `report` |", REPORT_PARAMETERS),
    ],
)
def test_the_parameters_are_documented_as_they_are(head: str, parameters: tuple[Parameter, ...]) -> None:
    documented = [(cells[0].strip("`"), cells[1], cells[2]) for cells in rows(SECTION, after=head)]

    assert documented == [(row.name, row.form.label, row.doc) for row in parameters]


def test_every_field_of_every_answer_is_documented(own: Real) -> None:
    name = id_of("finished_max")
    assert own.serve is not None
    client = own.serve(own.store, allows_purge=True)
    own.client = client
    answers = [
        own.get("/runs")[0],
        own.get(f"/runs/{name}"),
        {"columns": [], "rows": [], **own.get(f"/runs/{name}/metrics")["rows"][0]},
        own.get(f"/runs/{name}/progress"),
        list(own.post("/runs/soft-delete", {"run_ids": [name, "nobody"]})["results"].values()),
        {**own.get("/recycle-bin")["deleted_runs"][0], "deleted_runs": []},
        {**own.post("/recycle-bin/restore", {"run_ids": [name]}), "results": {}},
        own.get("/projects"),
        own.get("/projects/image_classification/names"),
        {**own.get("/paths?include_stats=1"), "tree": {}, "stats": own.get("/paths?include_stats=1")["stats"]["cv"]},
        {**own.get(f"/environment/{name}"), "environment": {}},
        own.get("/config"),
        own.post("/status/check", {}),
        own.post("/recycle-bin/empty", {"confirm": True}),
    ]

    logged = {"accuracy", "learning_rate", "loss"}
    assert {field for field in names_in(answers) if f"`{field}`" not in TEXT} - logged == set()
    assert "`deleted_count`" in TEXT
