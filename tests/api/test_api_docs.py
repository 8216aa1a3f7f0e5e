"""docs/api.md is complete and true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_api.bodies import BATCH_DELETE_FIELDS, BATCH_RESTORE_FIELDS, DELETE_MATCHING_FIELDS
from runicorn_api.contract import EXPERIMENT_FIELDS, LIST_PARAMETERS, METRICS_PARAMETERS, write_query
from runicorn_api.forms import FLAG
from runicorn_api.ratelimit import DEFAULT_RATE_LIMITS
from runicorn_db.query import ExperimentQuery

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
    answers = {
        "List experiments": writable.list(),
        "One experiment": {k: v for k, v in writable.get(f"/v2/experiments/{first}").items() if k != "experiment"},
        "Metric series": writable.series(first, "metric_names=loss&downsample=3"),
        "Summary": {**writable.get("/v2/analytics/summary"), "by_status": {}},
        "Health": writable.get("/health"),
        "Moving to the trash": [
            writable.post("batch-delete", {"exp_ids": [first]}),
            writable.post("batch-restore", {"exp_ids": [first]}),
            writable.post("delete-matching", {"query": {"project": "vision"}, "expected_total": 3}),
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
        "/api/v2/analytics/summary": limits["other"],
        "/api/health": limits["other"],
    }


def test_the_example_of_the_list_is_what_would_be_written() -> None:
    query = ExperimentQuery(status=("finished",), best_metric_min=0.9, order_by="best_metric_value")
    assert f"/api/v2/experiments?{write_query(query)}'" in TEXT
