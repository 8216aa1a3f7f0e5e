"""docs/api.md is complete and true."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runicorn_api.bodies import BATCH_DELETE_FIELDS, BATCH_RESTORE_FIELDS, DELETE_MATCHING_FIELDS
from runicorn_api.contract import (
    EXPERIMENT_FIELDS,
    LIST_PARAMETERS,
    METRICS_PARAMETERS,
    TRASH_PARAMETERS,
    TrashQuery,
    write_query,
)
from runicorn_api.forms import FLAG
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in TEXT.split("\n## ")}


def rows(section: str, *, after: str = "") -> list[list[str]]:
    """The cells of the first table of a section after some text, without its head."""
    text = SECTIONS[section]
    text = text[text.index(after) :]
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]]


def test_the_parameters_of_the_list_are_documented_as_they_are() -> None:
    plain = ExperimentQuery()
    documented = rows("List experiments")
    assert [cells[0].strip("`") for cells in documented] == [row.name for row in LIST_PARAMETERS]
    for cells, row in zip(documented, LIST_PARAMETERS, strict=True):
        assert cells[1] == row.form.label
        assert cells[3] == row.doc
        default = getattr(plain, row.name, None)
        expected = "" if not default or (row.form.label == "string" and row.name != "order_by") else str(default)
        if row.form is FLAG:
            expected = str(default).lower()
        assert cells[2].strip("`") == expected


def test_the_parameters_of_series_are_documented_as_they_are() -> None:
    documented = [(cells[0].strip("`"), cells[1], cells[2]) for cells in rows("Metric series")]
    assert documented == [(row.name, row.form.label, row.doc) for row in METRICS_PARAMETERS]


def test_the_parameters_of_the_trash_are_documented_as_they_are() -> None:
    documented = [(cells[0].strip("`"), cells[1], cells[2], cells[3]) for cells in rows("Trash")]
    plain = TrashQuery()
    defaults = {row.name: str(getattr(plain, row.name) or "") for row in TRASH_PARAMETERS}
    assert documented == [(row.name, row.form.label, defaults[row.name], row.doc) for row in TRASH_PARAMETERS]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("batch-delete", BATCH_DELETE_FIELDS),
        ("batch-restore", BATCH_RESTORE_FIELDS),
        ("delete-matching", DELETE_MATCHING_FIELDS),
    ],
)
def test_the_fields_of_bodies_are_documented_as_they_are(action: str, fields: dict[str, str]) -> None:
    documented = {c[0].strip("`"): c[1] for c in rows("Moving to the trash", after=f"\n`{action}`:\n")}
    assert documented == fields


def test_every_field_of_an_experiment_is_documented() -> None:
    assert [name for name in EXPERIMENT_FIELDS if f"`{name}`" not in SECTIONS["List experiments"]] == []


def names_in(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from names_in(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from names_in(item)


def test_every_field_of_every_answer_is_documented(writable) -> None:
    first = "20240101_120000_000001"
    writable.post("batch-delete", {"exp_ids": ["20240101_130000_000002"]})
    answers = {
        "List experiments": writable.list(),
        "One experiment": {k: v for k, v in writable.get(f"/v2/experiments/{first}").items() if k != "experiment"},
        "Metric series": writable.series(first, "metric_names=loss&downsample=3"),
        "Summary": {**writable.get("/v2/analytics/summary"), "by_status": {}},
        "Health": writable.get("/health"),
        "Trash": [writable.get("/v2/trash"), {**writable.get("/v2/trash", {"batch": 1}), "experiments": []}],
        "Moving to the trash": [
            writable.post("batch-delete", {"exp_ids": [first]}),
            writable.post("batch-restore", {"exp_ids": [first]}),
            writable.post("delete-matching", {"query": {"project": "vision"}, "expected_total": 2}),
        ],
    }
    values = {"finished", "failed", "running", "interrupted", "accuracy", "loss", "learning_rate", first}
    for section, answer in answers.items():
        missing = {name for name in names_in(answer) if f"`{name}`" not in SECTIONS[section]} - values
        assert missing - ({"query_time_ms"} if section == "One experiment" else set()) == set()


def test_the_rate_limits_are_documented_as_they_are() -> None:
    documented = {cells[1].strip("`"): int(cells[3]) for cells in rows("# REST API")}
    v2, limits = "/api/v2/experiments", DEFAULT_RATE_LIMITS
    assert documented == {
        v2: limits["list"],
        f"{v2}/{{id}}": limits["detail"],
        f"{v2}/{{id}}/metrics/fast": limits["metrics"],
        f"{v2}/batch-delete": limits["write"],
        f"{v2}/batch-restore": limits["write"],
        f"{v2}/delete-matching": limits["write"],
        "/api/v2/trash": limits["other"],
        "/api/v2/analytics/summary": limits["other"],
        "/api/health": limits["other"],
        "/openapi.json": limits["other"],
        "/docs": limits["other"],
    }


def test_the_example_of_the_list_is_what_would_be_written() -> None:
    query = ExperimentQuery(status=("finished",), best_metric_min=0.9, order_by="best_metric_value")
    assert f"/api/v2/experiments?{write_query(query)}'" in TEXT


EXAMPLE_ID = "20250114_153045_a1b2c3"


def examples() -> list[str]:
    """The command lines of the document, each on one line."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", TEXT.replace("\\\n", " "), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_every_example_is_a_request_with_curl() -> None:
    assert all(line.startswith("curl ") for line in examples())
    assert len(examples()) == TEXT.count("\ncurl ")


@pytest.mark.parametrize("line", examples())
def test_every_example_is_answered(line: str, store: Store, serve, runs, root_writer) -> None:
    root_writer((replace(runs[0], id=EXAMPLE_ID),))
    sync(store)
    client = serve(store, allows_purge=True)
    # What an example has to guess is what this index says.
    batch = store.delete([runs[1].id], source="api").batch
    failed = client.list("status=failed")["total"]
    line = line.replace("batch=7", f"batch={batch}").replace('"expected_total": 12', f'"expected_total": {failed}')
    words = shlex.split(line)
    options = dict(pairwise(words))
    url = urlsplit(next(word for word in words if word.startswith("http://127.0.0.1:23300/")))
    name, _, value = options.get("-H", "Accept: */*").partition(": ")
    connection = HTTPConnection(*client.address, timeout=10)
    body = options.get("-d")
    connection.request("GET" if body is None else "POST", f"{url.path}?{url.query}", body, {name: value})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    assert response.status == 200, answer
