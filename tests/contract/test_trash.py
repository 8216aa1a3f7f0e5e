from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Client
from tests.contract.conftest import Lab
from tests.contract.content import VICTIMS

FIRST, SECOND, *_ = VICTIMS


@pytest.fixture
def victims(client: Client) -> Iterator[Client]:
    """A client that may delete `VICTIMS`."""
    yield client
    client.post("batch-restore", {"exp_ids": list(VICTIMS)})


def state(client: Client) -> dict[str, Any]:
    return {e["id"]: e for e in client.list("project=victims&include_deleted=1")["experiments"]}


@pytest.mark.says("doc.batch-delete", "batch.answer", "batch.duplicates", "batch.unknown", "detail.deleted")
def test_a_deletion_answers_id_by_id(victims: Client) -> None:
    body = {"exp_ids": [FIRST, "nobody", SECOND, FIRST], "reason": "cleanup_old_experiments"}
    answer = victims.post("batch-delete", body)
    assert list(answer) == ["deleted", "failed", "results", "errors", "query_time_ms"]
    assert answer["results"] == {FIRST: True, "nobody": False, SECOND: True}
    assert answer["errors"] == {"nobody": "not found"}
    assert (answer["deleted"], answer["failed"]) == (2, 1)
    assert {name for name, e in state(victims).items() if e["deleted_at"] is not None} == {FIRST, SECOND}
    detail = victims.get(f"/v2/experiments/{FIRST}")["experiment"]
    assert abs(detail["deleted_at"] - time.time()) < 60
    assert detail["delete_reason"] == "cleanup_old_experiments"


@pytest.mark.says("doc.reason")
def test_a_deletion_without_a_reason_has_the_documented_one(victims: Client) -> None:
    victims.post("batch-delete", {"exp_ids": [FIRST]})
    assert state(victims)[FIRST]["delete_reason"] == "user_batch_delete"


@pytest.mark.says("batch.idempotent")
def test_what_is_in_the_trash_stays_in_its_first_batch(victims: Client) -> None:
    victims.post("batch-delete", {"exp_ids": [FIRST], "reason": "first"})
    before = state(victims)[FIRST]
    answer = victims.post("batch-delete", {"exp_ids": [FIRST, SECOND], "reason": "second"})
    assert (answer["deleted"], answer["results"]) == (2, {FIRST: True, SECOND: True})
    assert state(victims)[FIRST] == before
    assert state(victims)[SECOND]["delete_reason"] == "second"


@pytest.mark.says("batch.restore")
def test_restoring_answers_id_by_id(victims: Client) -> None:
    victims.post("batch-delete", {"exp_ids": [FIRST]})
    answer = victims.post("batch-restore", {"exp_ids": [FIRST, FIRST, SECOND, "nobody"]})
    assert list(answer) == ["restored", "failed", "results", "errors", "query_time_ms"]
    assert (answer["restored"], answer["failed"]) == (2, 1)
    assert answer["errors"] == {"nobody": "not found"}
    assert state(victims)[FIRST]["deleted_at"] is state(victims)[FIRST]["delete_reason"] is None


@pytest.mark.says("batch.dry-run")
def test_a_dry_run_changes_nothing(victims: Client) -> None:
    before = state(victims)
    answer = victims.post("batch-delete", {"exp_ids": [FIRST, "nobody"], "dry_run": True})
    assert (answer["deleted"], answer["failed"], answer["results"]) == (1, 1, {FIRST: True, "nobody": False})
    assert state(victims) == before


@pytest.mark.says("batch.marker")
def test_the_original_sees_a_deletion_by_its_marker(victims: Client, lab: Lab) -> None:
    marker = Path(state(victims)[FIRST]["run_dir"]) / ".deleted"
    victims.post("batch-delete", {"exp_ids": [FIRST], "reason": "told"})
    deadline = time.monotonic() + 20
    while not marker.exists():
        assert time.monotonic() < deadline
    assert json.loads(marker.read_text("utf-8"))["reason"] == "told"
    victims.post("batch-restore", {"exp_ids": [FIRST]})
    while marker.exists():
        assert time.monotonic() < deadline


@pytest.mark.says("doc.thousand", "batch.thousand")
@pytest.mark.parametrize(("action", "verb"), [("batch-delete", "delete"), ("batch-restore", "restore")])
def test_a_thousand_different_ids_are_the_most(client: Client, action: str, verb: str) -> None:
    thousand = [f"nobody{number}" for number in range(1000)]
    assert client.post(action, {"exp_ids": thousand + thousand})["failed"] == 1000
    sentence = client.refused_post(action, {"exp_ids": [*thousand, "one more"]})
    assert sentence == f"Cannot {verb} more than 1000 experiments at once"


@pytest.mark.says("batch.ids", "batch.reason", "all.unknown-field")
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "exp_ids is required"),
        ({"exp_ids": []}, "exp_ids is required"),
        ({"exp_ids": None}, "exp_ids is required"),
        ({"exp_ids": FIRST}, "exp_ids must be a list of strings, not a string"),
        ({"exp_ids": {FIRST: True}}, "exp_ids must be a list of strings, not an object"),
        ({"exp_ids": [FIRST, 1]}, "exp_ids must be a list of strings, not of a number"),
        ({"exp_ids": [FIRST, None]}, "exp_ids must be a list of strings, not of null"),
        ({"exp_ids": [FIRST], "reason": "x" * 501}, "reason must be at most 500 characters, not 501"),
        ({"exp_ids": [FIRST], "reason": None}, "reason must be a string, not null"),
        ({"exp_ids": [FIRST], "dry_run": "yes"}, "dry_run must be true or false, not a string"),
        ({"exp_ids": [FIRST], "dryrun": True}, "Unknown field 'dryrun': allowed are exp_ids, reason, dry_run"),
        ([FIRST], "The body must be a JSON object, not a list"),
        (None, "The body must be a JSON object, not null"),
        (3, "The body must be a JSON object, not a number"),
    ],
)
def test_a_body_that_is_not_meant_changes_nothing(client: Client, body: object, sentence: str) -> None:
    before = state(client)
    assert client.refused_post("batch-delete", body) == sentence
    assert state(client) == before


@pytest.mark.says("batch.reason")
def test_a_reason_may_have_500_characters(victims: Client) -> None:
    victims.post("batch-delete", {"exp_ids": [FIRST], "reason": "é" * 500})
    assert state(victims)[FIRST]["delete_reason"] == "é" * 500


@pytest.mark.says("batch.matching", "batch.query")
def test_delete_matching_takes_all_that_the_list_counts(victims: Client) -> None:
    query = {"project": "victims", "filter": "name:v or name:nothing", "created_after": 0}
    count = victims.list(query)["total"]
    assert count == len(VICTIMS)
    answer = victims.post("delete-matching", {"query": query, "expected_total": count, "reason": "all"})
    assert list(answer) == ["deleted", "failed", "batch", "query_time_ms"]
    assert (answer["deleted"], answer["failed"], type(answer["batch"])) == (count, 0, int)
    assert all(e["delete_reason"] == "all" for e in state(victims).values())
    assert victims.list(query)["total"] == 0


@pytest.mark.says("batch.expected")
def test_delete_matching_is_refused_when_the_number_differs(client: Client) -> None:
    before = state(client)
    client.refused_post("delete-matching", {"query": {"project": "victims"}, "expected_total": 7}, status=409)
    assert client.refused_post("delete-matching", {"query": {"project": "victims"}}) == "expected_total is required"
    assert state(client) == before


@pytest.mark.says("batch.all")
@pytest.mark.parametrize("query", [None, {}, {"project": ""}, {"tags": []}, {"filter": ""}, {"search": " "}])
def test_delete_matching_takes_nothing_for_a_query_that_says_nothing(
    client: Client, query: dict[str, object] | None
) -> None:
    total = client.list()["total"]
    body = {"expected_total": total} | ({} if query is None else {"query": query})
    assert client.refused_post("delete-matching", body).startswith('query is empty: add "all": true')
    assert client.list()["total"] == total


@pytest.mark.says("batch.query")
@pytest.mark.parametrize(
    "name", ["include_deleted", "page", "per_page", "order_by", "order_desc", "cursor", "fields", "statuss"]
)
def test_a_query_of_a_deletion_has_filters_only(client: Client, name: str) -> None:
    body = {"query": {"project": "victims", name: 1}, "expected_total": 8}
    assert client.refused_post("delete-matching", body).startswith(f"Unknown field in query '{name}'")


@pytest.mark.says("filter.notes")
def test_a_filter_that_is_half_understood_deletes_nothing(client: Client) -> None:
    before = state(client)
    body = {"query": {"project": "victims", "filter": "name:v acc>"}, "expected_total": 8}
    assert client.refused_post("delete-matching", body).startswith("filter is not understood at column 8 ")
    assert state(client) == before
