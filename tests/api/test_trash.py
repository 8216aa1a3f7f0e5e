"""GET /api/v2/trash: deletion batches, and what is left of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store

A, B, C = "20240101_120000_000001", "20240101_130000_000002", "20240101_140000_000003"
PATH = "/v2/trash"


@pytest.fixture
def batches(store: Store) -> Store:
    """Three batches by three doors, of which the first holds one experiment of two, the last none."""
    store.delete([A, B], source="cli", reason="first", query="project:vision")
    store.restore([A])
    store.delete(["lauf ü 1"], source="tui", reason="second \x1b[31m")
    store.delete([C], source="api")
    store.restore([C])
    return store


def test_batches_are_listed_newest_first_with_what_they_hold(batches: Store, writable) -> None:
    answer = writable.get(PATH)

    assert [(b["id"], b["source"], b["count"], b["remaining"]) for b in answer["batches"]] == [
        (3, "api", 1, 0),
        (2, "tui", 1, 1),
        (1, "cli", 2, 1),
    ]
    third, second, first = answer["batches"]
    assert (first["reason"], first["query"]) == ("first", "project:vision")
    assert (second["reason"], second["query"]) == ("second \x1b[31m", "")
    assert third["created_at"] >= second["created_at"] >= first["created_at"] > 1_704_000_000
    assert first["size_bytes"] == sum(batches.get(name).experiment.size_bytes or 0 for name in (A, B)) > 0
    assert list(first) == ["id", "created_at", "source", "reason", "query", "count", "remaining", "size_bytes"]


def test_batches_come_in_pages(batches: Store, writable) -> None:
    pages = [writable.get(PATH, {"page": page, "per_page": 2}) for page in (1, 2, 3)]

    assert [[batch["id"] for batch in page["batches"]] for page in pages] == [[3, 2], [1], []]
    assert [(page["has_next"], page["has_prev"]) for page in pages] == [(True, False), (False, True), (False, True)]
    assert {(page["total"], page["per_page"]) for page in pages} == {(3, 2)}
    assert [page["page"] for page in pages] == [1, 2, 3]
    assert all(page["query_time_ms"] >= 0 for page in pages)


def test_a_batch_lists_what_it_still_holds_as_the_list_does(batches: Store, writable) -> None:
    answer = writable.get(PATH, {"batch": 1})

    assert set(answer) == {
        *("batch", "experiments", "total", "page", "per_page", "has_next", "has_prev", "query_time_ms"),
    }
    (held,) = answer["experiments"]
    assert tuple(held) == EXPERIMENT_FIELDS
    assert held == writable.list({"include_deleted": "true", "filter": f"id={B}"})["experiments"][0]
    assert (held["id"], held["delete_reason"], answer["batch"], answer["total"]) == (B, "first", 1, 1)


def test_a_batch_that_holds_nothing_any_more_is_an_empty_page(batches: Store, writable) -> None:
    answer = writable.get(PATH, {"batch": 3})

    assert (answer["experiments"], answer["total"], answer["has_next"], answer["has_prev"]) == ([], 0, False, False)


def test_the_pages_of_a_batch_hold_each_experiment_once_newest_first(store: Store, writable) -> None:
    everything = store.ids(ExperimentQuery())
    ids = store.id_list(everything)
    store.delete(everything, source="tui")

    pages = [writable.get(PATH, {"batch": 1, "page": page, "per_page": 3}) for page in (1, 2, 3)]

    assert [e["id"] for page in pages for e in page["experiments"]] == ids
    assert [page["has_next"] for page in pages] == [True, True, False]
    assert {page["total"] for page in pages} == {8}


def test_what_a_batch_lists_can_be_restored_by_its_ids(batches: Store, writable) -> None:
    ids = [e["id"] for e in writable.get(PATH, {"batch": 2})["experiments"]]

    assert writable.post("batch-restore", {"exp_ids": ids})["restored"] == 1
    assert writable.get(PATH, {"batch": 2})["total"] == 0


def test_the_deletion_of_a_filter_is_found_by_the_number_it_answered(store: Store, writable) -> None:
    answer = writable.post("delete-matching", {"query": {"project": "vision"}, "expected_total": 3, "reason": "done"})

    (batch,) = writable.get(PATH)["batches"]
    assert (batch["id"], batch["source"], batch["query"]) == (answer["batch"], "api", "project=vision")
    assert (batch["reason"], batch["count"]) == ("done", 3)


@pytest.mark.parametrize("batch", [4, 999_999_999])
def test_an_unknown_batch_is_404(batches: Store, writable, batch: int) -> None:
    assert writable.refused(PATH, {"batch": batch}, status=404) == f"Batch {batch} not found"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("batch=0", "batch must be an integer from 1 to 999999999, not '0'"),
        ("batch=-1", "batch must be an integer from 1"),
        ("batch=1&batch=2", "batch must be given once"),
        ("page=0", "page must be an integer from 1 to 1000000, not '0'"),
        ("per_page=1001", "per_page must be an integer from 1 to 1000, not '1001'"),
        ("batches=1", "Unknown parameter 'batches': allowed are batch, page, per_page"),
        ("status=failed", "Unknown parameter 'status'"),
    ],
)
def test_what_is_not_understood_is_refused(client, query: str, sentence: str) -> None:
    assert client.refused(PATH, query).startswith(sentence)


def test_an_empty_trash_is_an_empty_page(client) -> None:
    answer = client.get(PATH)

    assert (answer["batches"], answer["total"], answer["has_next"], answer["has_prev"]) == ([], 0, False, False)


def test_nothing_but_reading_is_allowed(client) -> None:
    headers = {"Content-Type": "application/json"}
    assert "use GET or HEAD" in client.refusal("POST", f"/api{PATH}", b"{}", headers, status=405)
    assert client.request("HEAD", f"/api{PATH}").status == 200
    assert client.request("GET", f"/api{PATH}/").status == 200


def test_the_same_trash_is_not_sent_twice(store: Store, writable) -> None:
    tag = writable.request("GET", f"/api{PATH}").headers["etag"]
    store.delete([A], source="tui")

    assert writable.request("GET", f"/api{PATH}").headers["etag"] != tag


def test_a_trash_in_a_folder_that_is_gone_is_still_listed(batches: Store, writable, tmp_path: Path) -> None:
    (tmp_path / "root").rename(tmp_path / "elsewhere")

    assert writable.get(PATH, {"batch": 1})["experiments"][0]["id"] == B
