from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runicorn_api.contract import write_query
from runicorn_db.criteria import Criteria, Term
from runicorn_db.errors import InvalidQuery
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery
from tests.api.conftest import Client
from tests.conftest import scaled
from tests.contract.conftest import Lab
from tests.contract.content import DOCUMENTED
from tests.db import model
from tests.db.strategies import NOW, QUERIES, TERMS

CASES = settings(max_examples=scaled(100, 5000))
# Those that REST knows.
ORDERS = st.fixed_dictionaries({"order_by": st.sampled_from(ORDER_FIELDS), "order_desc": st.booleans()})
DOCUMENTED_FIELDS = [
    "id",
    "project",
    "name",
    "status",
    "created_at",
    "best_metric_name",
    "best_metric_value",
    "pid",
    "run_dir",
]
FURTHER_FIELDS = [
    "updated_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "exit_reason",
    "best_metric_step",
    "best_metric_mode",
    "hostname",
    "tags",
    "description",
    "deleted_at",
    "delete_reason",
    "size_bytes",
]


def expected(lab: Lab, **asked: Any) -> list[str]:
    return model.answer(lab.rows, ExperimentQuery(**asked), time.time(), lab.folders)


def everything(client: Client, query: str, per_page: int = 1000) -> list[str]:
    """The ids of all pages, page by page."""
    found: list[str] = []
    for page in range(1, 10_000):
        answer = client.list(f"{query}&page={page}&per_page={per_page}")
        found += [experiment["id"] for experiment in answer["experiments"]]
        assert answer["has_prev"] is (page > 1 and answer["total"] > 0)
        if not answer["has_next"]:
            assert len(found) == answer["total"]
            break
    return found


def walked(client: Client, query: str) -> Iterator[str]:
    """The ids of all pages, from cursor to cursor."""
    answer = client.list(query)
    total = answer["total"]
    while True:
        yield from (experiment["id"] for experiment in answer["experiments"])
        assert answer["total"] == total
        assert answer["has_next"] is (answer["next_cursor"] is not None)
        if answer["next_cursor"] is None:
            return
        answer = client.list(f"{query}&cursor={quote(answer['next_cursor'])}")
        assert answer["experiments"], "a cursor was given for nothing"


def written(query: ExperimentQuery) -> str:
    try:
        return write_query(query)
    except InvalidQuery:
        assume(False)
        raise


# --- single parameters


@pytest.mark.says("doc.project", "doc.name", "list.exact")
@pytest.mark.parametrize("name", ["project", "name"])
def test_project_and_name_are_exact_and_case_sensitive(lab: Lab, name: str) -> None:
    for value in {getattr(row, name) for row in lab.rows} | {"RESNET", "res", "vision "}:
        found = everything(lab.client, f"{name}={quote(value)}")
        assert found == expected(lab, **{name: value})
    assert expected(lab, project="a") != []


@pytest.mark.says("doc.status", "list.status")
def test_status_is_any_of_the_four(lab: Lab) -> None:
    for given_status in (("finished",), ("failed", "running"), ("interrupted", "finished", "failed", "running")):
        assert everything(lab.client, f"status={','.join(given_status)}") == expected(lab, status=given_status)
    sentence = lab.client.refused("/v2/experiments", "status=finished,done")
    assert sentence == "status must be one of running, finished, failed, interrupted, not 'done'"


@pytest.mark.says("doc.tags", "list.tags")
def test_an_experiment_has_all_of_the_tags_exactly(lab: Lab) -> None:
    for tags in (("keep",), ("Keep",), ("keep", "Keep"), ("学习",), ("caf\u00e9",), ("cafe\u0301",), ("kee",)):
        assert everything(lab.client, f"tags={quote(','.join(tags))}") == expected(lab, tags=tags)
    assert len(expected(lab, tags=("keep", "Keep"))) < len(expected(lab, tags=("keep",)))


@pytest.mark.says(
    "doc.search", "list.search-words", "list.search-case", "list.search-plain", "list.search-short"
)  # fmt: skip
@pytest.mark.parametrize(
    "text",
    ["resnet", "RESNET", "strasse", "STRASSE straße", "café", "cafe\u0301", "first try", "second straße", "%", "_",
     '"second try"', '"try second"', "*", "\\", "100%", "a_b", "axb", "a", "ab", "学", "学习", "习", "ß", "ss", "fi",
     'say "hi"', "i\u0307", "\u0301", "'; DROP TABLE", "NEAR(a b)", "-x", "  two   spaces "],
)  # fmt: skip
def test_a_search_finds_words_in_three_texts(lab: Lab, text: str) -> None:
    assert everything(lab.client, f"search={quote(text)}") == expected(lab, search=text)


@pytest.mark.says("list.search-case")
def test_strasse_finds_straße(lab: Lab) -> None:
    found = [lab.recorded[name].row for name in everything(lab.client, "search=strasse")]
    texts = {text for row in found for text in (row.project, row.name)}
    assert {"Straße", "STRASSE"} <= texts


@pytest.mark.says("list.search-not-id")
def test_a_search_does_not_look_at_ids(client: Client) -> None:
    assert client.list("search=a1b2c3")["total"] == 0


@pytest.mark.says("list.search-length")
def test_a_search_has_at_most_256_characters_and_no_nul(client: Client) -> None:
    assert client.list(f"search={'x' * 256}")["total"] == 0
    sentence = client.refused("/v2/experiments", f"search={'x' * 257}")
    assert sentence == "search must be at most 256 characters, not 257"
    assert client.refused("/v2/experiments", "search=a%00b") == "search must not contain NUL"


@pytest.mark.says("doc.created", "doc.best-metric", "list.zero", "list.no-best")
@pytest.mark.parametrize("name", ["created_after", "created_before", "best_metric_min", "best_metric_max"])
@pytest.mark.parametrize(
    "value", [0.0, 0.5, NOW, NOW - 0.25, 1_704_067_200.0, 0.9542, 0.9, 1e-3, -1.0, -1e300, 5e-324, 4e9]
)
def test_bounds_are_inclusive_and_zero_is_a_value(lab: Lab, name: str, value: float) -> None:
    found = everything(lab.client, f"{name}={quote(repr(value))}")
    assert found == expected(lab, **{name: value})
    assert len(found) < len(expected(lab)) or name.startswith("created")


@pytest.mark.says("doc.include-deleted", "list.deleted")
def test_include_deleted_adds_what_is_in_the_trash(lab: Lab) -> None:
    assert everything(lab.client, "include_deleted=true") == expected(lab, include_deleted=True)
    gone = [e for e in lab.client.list("include_deleted=1&per_page=1000")["experiments"] if e["deleted_at"] is not None]
    assert {e["id"] for e in gone} == {row.id for row in lab.rows if row.deleted_at is not None}
    assert all(e["deleted_at"] is None for e in lab.client.list("per_page=1000")["experiments"])


@pytest.mark.says("doc.order-by", "doc.order-desc", "list.order-by", "list.code-points", "list.nulls-last", "list.ties")
@pytest.mark.parametrize("order_desc", [True, False])
@pytest.mark.parametrize("order_by", ORDER_FIELDS)
def test_every_order_is_the_documented_one(lab: Lab, order_by: str, order_desc: bool) -> None:
    query = f"order_by={order_by}&order_desc={order_desc}"
    asked = {"order_by": order_by, "order_desc": order_desc, "include_deleted": True}
    assert everything(lab.client, query + "&include_deleted=1", 7) == expected(lab, **asked)


@pytest.mark.says("doc.order-by", "doc.order-desc")
def test_the_newest_come_first_by_default(lab: Lab) -> None:
    assert everything(lab.client, "") == everything(lab.client, "order_by=created_at&order_desc=true")


@pytest.mark.says("list.order-by")
@pytest.mark.parametrize("value", ["id", "tags", "CREATED_AT", "created_at desc", "created_at;--", "rowid", "1"])
def test_other_orders_are_refused_and_the_allowed_named(client: Client, value: str) -> None:
    sentence = client.refused("/v2/experiments", {"order_by": value})
    assert sentence == f"order_by must be one of {', '.join(ORDER_FIELDS)}, not '{value}'"


@pytest.mark.says("doc.page", "doc.per-page")
def test_a_list_begins_with_page_one_of_fifty(client: Client) -> None:
    plain, told = client.list(), client.list("page=1&per_page=50")
    assert (plain["page"], plain["per_page"], len(plain["experiments"])) == (1, 50, 50)
    assert plain["experiments"] == told["experiments"]


@pytest.mark.says("doc.per-page", "list.bounds", "all.page")
@pytest.mark.parametrize(
    ("query", "is_right"),
    [("page=1", True), ("page=1000000", True), ("page=0", False), ("page=-1", False), ("page=1000001", False),
     ("per_page=1", True), ("per_page=1000", True), ("per_page=0", False), ("per_page=1001", False)],
)  # fmt: skip
def test_pages_have_bounds(client: Client, query: str, is_right: bool) -> None:
    name, _, value = query.partition("=")
    if is_right:
        assert client.list(query)[name] == int(value)
    else:
        top = {"page": "1000000", "per_page": "1000"}[name]
        assert client.refused("/v2/experiments", query) == f"{name} must be an integer from 1 to {top}, not '{value}'"


@pytest.mark.says("list.past-end", "doc.has-next")
@pytest.mark.parametrize("page", [4, 1000, 1_000_000])
def test_a_page_past_the_end_is_empty(client: Client, page: int) -> None:
    answer = client.list({"page": page, "per_page": 40})
    assert (answer["experiments"], answer["has_next"], answer["has_prev"]) == ([], False, True)
    assert answer["next_cursor"] is None


# --- the answer


@pytest.mark.says("doc.list-answer", "list.cursor")
@pytest.mark.parametrize("query", ["", "project=none", "page=99", "per_page=1"])
def test_a_list_answers_the_documented_fields_of_the_documented_types(client: Client, query: str) -> None:
    answer = client.list(query)
    types = {"experiments": list, "total": int, "page": int, "per_page": int, "has_next": bool, "has_prev": bool}
    assert list(answer) == [*types, "query_time_ms", "next_cursor"]
    assert all(type(answer[name]) is kind for name, kind in types.items())
    assert isinstance(answer["next_cursor"], str | None)


@pytest.mark.says("list.fields", "doc.list-answer")
def test_an_item_says_what_was_recorded_in_the_documented_order(lab: Lab) -> None:
    for item in lab.client.list("include_deleted=1&per_page=1000")["experiments"]:
        assert list(item) == [*DOCUMENTED_FIELDS, *FURTHER_FIELDS]
        row = lab.recorded[item["id"]].row
        for name in set(item) - {"run_dir", "tags"}:
            assert item[name] == getattr(row, name), (item["id"], name)
        assert tuple(item["tags"]) == row.tags
        assert item["run_dir"].startswith(lab.folders[row.root] + "/")


@pytest.mark.says("list.updated-at", "list.duration", "list.exit-reason", "identity.id", "identity.running")
def test_what_follows_from_the_files_is_as_written_down(lab: Lab) -> None:
    items = {e["id"]: e for e in lab.client.list("include_deleted=1&per_page=1000")["experiments"]}
    rows = {row.id: row for row in lab.rows}
    assert set(items) == set(rows)
    for name, item in items.items():
        assert item["updated_at"] == rows[name].updated_at
        if item["status"] == "running":
            assert item["duration_seconds"] is None
            assert item["exit_reason"] is None
    reasons = [item["exit_reason"] for item in items.values()]
    assert {"process_not_found", "two  words", None} <= set(reasons)


@pytest.mark.says("identity.words")
def test_other_words_for_a_status_are_mapped_and_kept(client: Client) -> None:
    items = client.list("project=words&per_page=100")["experiments"]
    assert {item["exit_reason"]: item["status"] for item in items} == {
        "completed": "finished", "success": "finished", "error": "failed", "crashed": "failed",
        "killed": "interrupted", "cancelled": "interrupted", "aborted": "interrupted", "Sleeping": "finished",
    }  # fmt: skip


@pytest.mark.says("list.fields-parameter")
def test_fields_answers_only_those_fields(client: Client) -> None:
    whole = client.list()["experiments"]
    part = client.list("fields=status,id&fields=tags")["experiments"]
    assert part == [{name: item[name] for name in ("status", "id", "tags")} for item in whole]
    assert client.refused("/v2/experiments", "fields=id,params").startswith("fields must be among id, project, ")


# --- cursors


@pytest.mark.says("list.cursor-same")
@pytest.mark.parametrize("other", ["order_by=name", "order_desc=false", "project=a", "include_deleted=1", "filter=a"])
def test_a_cursor_holds_for_its_order_and_filters_only(client: Client, other: str) -> None:
    cursor = client.list("per_page=2")["next_cursor"]
    assert client.refused("/v2/experiments", f"cursor={quote(cursor)}&{other}").startswith("cursor belongs to another")
    assert client.list(f"cursor={quote(cursor)}&per_page=9&fields=id")["experiments"]


@pytest.mark.says("list.cursor-page")
def test_a_cursor_is_not_combined_with_a_page(client: Client) -> None:
    cursor = client.list("per_page=2")["next_cursor"]
    for page in (1, 2):
        sentence = client.refused("/v2/experiments", f"cursor={quote(cursor)}&page={page}")
        assert sentence == "cursor and page cannot be used together"
    assert client.refused("/v2/experiments", "cursor=abc").startswith("cursor must be the next_cursor")


# --- everything together


@pytest.mark.torture
@pytest.mark.says("list.total", "list.pages", "doc.total", "doc.has-next", "list.filter", "doc.example-sql")
@CASES
@given(query=st.builds(lambda query, order: replace(query, **order), QUERIES, ORDERS))
def test_any_combination_answers_as_a_plain_reading_of_the_contract(lab: Lab, query: ExperimentQuery) -> None:
    text = written(query)
    now = time.time()
    wanted = model.answer(lab.rows, query, now, lab.folders)
    first = lab.client.list(text)
    assert [e["id"] for e in first["experiments"]] == wanted[: query.per_page]
    assert first["total"] == len(wanted)
    assert first["has_next"] is (len(wanted) > query.per_page)
    # All pages of every query would be hundreds of requests: a few pages, then the rest by large cursor steps.
    for page in random.Random(text).choices(range(1, len(wanted) // query.per_page + 3), k=3):
        answer = lab.client.list(f"{text}&page={page}")
        begin = (page - 1) * query.per_page
        assert [e["id"] for e in answer["experiments"]] == wanted[begin : begin + query.per_page]
    assert list(walked(lab.client, written(replace(query, per_page=40)))) == wanted


@pytest.mark.torture
@pytest.mark.says("filter.terms")
@CASES
@given(term=TERMS, include_deleted=st.booleans(), order=ORDERS)
def test_every_term_of_the_filter_language_means_what_it_says(
    lab: Lab, term: Term, include_deleted: bool, order: dict[str, Any]
) -> None:
    query = ExperimentQuery(filter=Criteria(((term,),)), include_deleted=include_deleted, **order)
    wanted = model.answer(lab.rows, query, time.time(), lab.folders)
    assert everything(lab.client, written(query)) == wanted, str(term)


@pytest.mark.says("filter.notes", "all.bad-input")
@pytest.mark.parametrize(
    "text", ["acc>", "status:", "statuss:failed", "created>30d", "size>many", "name:/(/", '"open', "a or", "tag:", "-"]
)
def test_a_filter_that_is_half_understood_is_refused_with_its_column(client: Client, text: str) -> None:
    sentence = client.refused("/v2/experiments", {"filter": f"status:failed {text}"})
    assert sentence.startswith("filter is not understood at column ")


# --- the examples of the documentation


@pytest.mark.says("doc.example-last-week", "doc.example-fetch")
def test_the_example_of_last_week(lab: Lab) -> None:
    query = "status=finished&created_after=1703980800&page=1&per_page=20&order_by=created_at&order_desc=true"
    wanted = expected(lab, status=("finished",), created_after=1703980800.0)
    assert lab.client.ids(query) == wanted[:20]
    data = lab.client.list({"status": "finished", "order_by": "created_at", "order_desc": "true", "page": "1"})
    assert data["total"] == len(expected(lab, status=("finished",)))


@pytest.mark.says("doc.example-search", "doc.example-week")
def test_the_examples_of_searching_with_high_accuracy(lab: Lab) -> None:
    data = lab.client.list(
        {"search": "baseline", "best_metric_min": 0.9, "status": "finished", "page": 1, "per_page": 50,
         "order_by": "best_metric_value", "order_desc": True}
    )  # fmt: skip
    lines = [f"{e['id']}: {e['best_metric_name']}={e['best_metric_value']:.4f}" for e in data["experiments"]]
    assert lines == [f"{DOCUMENTED}: accuracy=0.9542"]
    week = {"status": "finished", "created_after": time.time() - 7 * 86400, "best_metric_min": 0.9, "per_page": 20}
    found = lab.client.list(week | {"order_by": "best_metric_value", "order_desc": True, "page": 1})
    assert all(e["best_metric_value"] >= 0.9 for e in found["experiments"])


@pytest.mark.says("doc.example-paging", "list.pages")
@pytest.mark.parametrize("project", [None, "image_classification", "a"])
def test_the_example_of_a_paging_loop_ends_and_has_everything_once(lab: Lab, project: str | None) -> None:
    query = "" if project is None else f"project={project}"
    found = everything(lab.client, query, per_page=3)
    assert found == expected(lab, project=project)
    assert len(set(found)) == len(found)


@pytest.mark.says("doc.example-sql")
def test_the_example_with_four_filters(lab: Lab) -> None:
    query = "project=image_classification&status=finished,failed&created_after=1704067200&best_metric_min=0.9"
    assert lab.client.ids(query + "&order_by=best_metric_value&order_desc=true") == [DOCUMENTED]
    assert lab.client.list(query + "&page=2&per_page=50")["experiments"] == []


@pytest.mark.says("doc.example-times")
def test_the_example_of_query_times(client: Client) -> None:
    assert all(client.list({"page": page + 1, "per_page": 50})["query_time_ms"] >= 0 for page in range(10))
