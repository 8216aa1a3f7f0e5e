from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db.query import ORDER_FIELDS
from runicorn_db.store import Store
from runicorn_db.sync import sync

FIRST = "20240101_120000_000001"


def test_a_list_answers_the_documented_fields_in_order(client, runs) -> None:
    page = client.list()
    documented = ["experiments", "total", "page", "per_page", "has_next", "has_prev", "query_time_ms"]
    assert list(page) == [*documented, "next_cursor"]
    assert [list(experiment) for experiment in page["experiments"]] == [list(EXPERIMENT_FIELDS)] * len(runs)
    assert isinstance(page["query_time_ms"], float)
    assert page["query_time_ms"] == round(page["query_time_ms"], 2)
    assert (page["total"], page["page"], page["per_page"]) == (len(runs), 1, 50)


def test_an_item_says_what_the_files_say(client, runs) -> None:
    item = client.list({"name": "resnet_baseline", "status": "finished"})["experiments"][0]
    root = client.get("/health")["roots"][0]["path"]
    expected = {
        "id": FIRST,
        "project": "vision",
        "name": "resnet_baseline",
        "status": "finished",
        "created_at": runs[0].created_at,
        "best_metric_name": "accuracy",
        "best_metric_value": 0.9542,
        "pid": 4711,
        "run_dir": f"{root}/vision/resnet_baseline/runs/{FIRST}",
        "updated_at": runs[0].created_at,
        "started_at": runs[0].created_at,
        "ended_at": runs[0].created_at + 600,
        "duration_seconds": 600.0,
        "exit_reason": None,
        "best_metric_step": 3,
        "best_metric_mode": "max",
        "hostname": "another-host",
        "tags": ["baseline", "keep"],
        "description": "First Straße try",
        "deleted_at": None,
        "delete_reason": None,
        "size_bytes": item["size_bytes"],
    }
    assert item == expected
    assert item["size_bytes"] > 0


EFFECTS: dict[str, list[str]] = {
    "project=vision": ["3", "2", "1"],
    "project=Vision": [],
    "name=resnet_baseline": ["3", "1"],
    "name=resnet": [],
    "status=failed": ["8", "3"],
    "status=failed,running": ["8", "6", "3"],
    "status=failed&status=running": ["8", "6", "3"],
    "tags=keep": ["4", "1"],
    "tags=keep,baseline": ["1"],
    "tags=keep&tags=baseline": ["1"],
    "tags=two+words": ["4"],
    "tags=Keep": [],
    "search=RESNET": ["3", "2", "1"],
    "search=strasse": ["1"],
    "search=resnet+first": ["1"],
    "search=%22two++words%22": ["7"],
    "search=%22two+words%22": [],
    "search=0%25+caf": ["5"],
    "search=_*": ["5"],
    "search=%5C": ["7"],
    "search=e%CC%81": ["5"],
    "search=ü": ["8", "7"],
    "search=000008": [],
    "created_after=1704135600": ["8"],
    "created_before=1704110400": ["1"],
    "created_before=0": [],
    "best_metric_min=0.85": ["2", "1"],
    "best_metric_min=0": ["7", "3", "2", "1"],
    "best_metric_max=0": ["7", "5"],
    "filter=is:running": ["6"],
    "filter=status:fail+-project:vision": ["8"],
    "filter=duration%3C40s+or+best%3E0.9": ["8", "1"],
    "filter=last.loss%3C1+tag:keep": ["1"],
    "filter=resnet&status=finished": ["2", "1"],
    "roots=nowhere": [],
    "roots=lab,nowhere&name=leer": ["8"],
    "per_page=2": ["8", "7"],
    "per_page=3&page=3": ["2", "1"],
    "order_desc=false&per_page=2": ["1", "2"],
    "order_by=best_metric_value": ["1", "2", "3", "7", "5", "8", "6", "4"],
    "order_by=best_metric_value&order_desc=no": ["5", "7", "3", "2", "1", "4", "6", "8"],
    "order_by=status&order_desc=0&per_page=3": ["3", "8", "1"],
    "order_by=duration_seconds&per_page=1&page=8": ["6"],
    "order_by=duration_seconds&order_desc=false&per_page=1&page=8": ["6"],
}


@pytest.mark.parametrize("query", EFFECTS)
def test_every_parameter_changes_the_result(client, query: str) -> None:
    numbers = {"lauf ü 1": "7"}
    page = client.list(query.replace("ü", "%C3%BC"))
    assert [numbers.get(name, name[-1]) for name in (e["id"] for e in page["experiments"])] == EFFECTS[query]
    if "page" not in query:
        assert page["total"] == len(EFFECTS[query])


def test_include_deleted_adds_what_is_in_the_trash(writable) -> None:
    writable.post("batch-delete", {"exp_ids": [FIRST], "reason": "too old"})
    assert FIRST not in writable.ids()
    assert writable.list()["total"] == 7
    page = writable.list("include_deleted=true")
    found = next(e for e in page["experiments"] if e["id"] == FIRST)
    assert page["total"] == 8
    assert found["deleted_at"] > 1_700_000_000
    assert found["delete_reason"] == "too old"
    assert writable.get(f"/v2/experiments/{FIRST}")["experiment"]["deleted_at"] == found["deleted_at"]


def test_fields_are_only_those_asked_for(client) -> None:
    page = client.list("fields=status,id&fields=tags&per_page=1")
    assert [list(experiment) for experiment in page["experiments"]] == [["status", "id", "tags"]]
    assert client.refused("/v2/experiments", "fields=id,secret").startswith("fields must be among id, project, ")


def test_a_page_past_the_end_is_empty(client) -> None:
    page = client.list("page=1000000&per_page=1000")
    assert (page["experiments"], page["total"], page["has_next"], page["has_prev"]) == ([], 8, False, True)
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("page=0", "page must be an integer from 1 to 1000000, not '0'"),
        ("per_page=1001", "per_page must be an integer from 1 to 1000, not '1001'"),
        ("status=done", "status must be one of running, finished, failed, interrupted, not 'done'"),
        ("order_by=id;drop", f"order_by must be one of {', '.join(ORDER_FIELDS)}, not 'id;drop'"),
        ("best_metric_min=nan", "best_metric_min must be a finite number, not 'nan'"),
        ("search=a%00b", "search must not contain NUL"),
        ("project=%00", "project must not contain NUL"),
        ("search=" + "x" * 257, "search must be at most 256 characters, not 257"),
        ("cursor=abc&page=2", "cursor and page cannot be used together"),
        ("cursor=%F0%9F%98%80", "cursor must be the next_cursor of an earlier answer"),
        ("cursor=bm9wZQ", "cursor must be the next_cursor of an earlier answer"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_sentence(client, query: str, sentence: str) -> None:
    assert client.refused("/v2/experiments", query) == sentence


def test_the_longest_search_is_answered(client) -> None:
    assert client.list({"search": "ü" * 256})["total"] == 0


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def is_match(run: Any, asked: dict[str, Any]) -> bool:
    texts = [fold(text) for text in (run.project, run.name, run.description or "")]
    value = run.best_value
    checks = {
        "project": lambda wanted: run.project == wanted,
        "name": lambda wanted: run.name == wanted,
        "status": lambda wanted: run.status in wanted.split(","),
        "tags": lambda wanted: set(wanted.split(",")) <= set(run.tags),
        "search": lambda wanted: all(any(fold(word) in text for text in texts) for word in wanted.split()),
        "created_after": lambda wanted: run.created_at >= wanted,
        "created_before": lambda wanted: run.created_at <= wanted,
        "best_metric_min": lambda wanted: value is not None and value >= wanted,
        "best_metric_max": lambda wanted: value is not None and value <= wanted,
    }
    return all(check(asked[name]) for name, check in checks.items() if name in asked)


def sort_value(run: Any, order_by: str) -> Any:
    ended = None if run.seconds is None else run.created_at + run.seconds
    return {"best_metric_value": run.best_value, "duration_seconds": run.seconds, "ended_at": ended}.get(
        order_by, getattr(run, order_by, None)
    )


def ordered(runs: list[Any], order_by: str, is_descending: bool) -> list[str]:
    def key(run: Any) -> tuple[Any, float, str]:
        return sort_value(run, order_by), run.created_at, run.id

    known = [run for run in runs if sort_value(run, order_by) is not None]
    unknown = [run for run in runs if sort_value(run, order_by) is None]
    result = sorted(known, key=key, reverse=is_descending)
    result += sorted(unknown, key=lambda run: (run.created_at, run.id), reverse=is_descending)
    return [run.id for run in result]


TIMES = st.sampled_from([0.0, 1704110400.0, 1704117600.0, 1704117600.5, 1704135600.0])
VALUES = st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.85, 0.9542, 1e308])
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "project": st.sampled_from(["vision", "speech", "übung", "none"]),
        "name": st.sampled_from(["resnet_baseline", "leer"]),
        "status": st.sampled_from(["finished", "failed,running", "running,finished,failed,interrupted"]),
        "tags": st.sampled_from(["keep", "baseline", "keep,baseline"]),
        "search": st.sampled_from(["res", "E", "Baseline", "STRASSE try", "ü", "% _", "nothing"]),
        "created_after": TIMES,
        "created_before": TIMES,
        "best_metric_min": VALUES,
        "best_metric_max": VALUES,
    },
)


@settings(max_examples=150)
@given(asked=ASKED, order_by=st.sampled_from(["created_at", "best_metric_value", "status", "name", "project",
                                              "ended_at", "duration_seconds"]),
       is_descending=st.booleans(), per_page=st.integers(1, 9))  # fmt: skip
def test_any_combination_agrees_with_a_plain_filter(client, runs, asked, order_by, is_descending, per_page) -> None:
    expected = ordered([run for run in runs if is_match(run, asked)], order_by, is_descending)
    query = asked | {"order_by": order_by, "order_desc": is_descending, "per_page": per_page}
    seen: list[str] = []
    page = 0
    while True:
        page += 1
        answer = client.list(query | {"page": page})
        seen += [experiment["id"] for experiment in answer["experiments"]]
        assert answer["total"] == len(expected)
        assert answer["has_prev"] == (page > 1 and bool(expected))
        if not answer["has_next"]:
            break
        assert len(answer["experiments"]) == per_page
    assert seen == expected
    assert client.get("/v2/analytics/summary", asked)["active"] == len(expected)


def walk(client, query: dict[str, Any], between=lambda: None) -> list[str]:
    """Ids along the cursors, with something happening between the pages."""
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.list(query | cursor)
        seen += [experiment["id"] for experiment in answer["experiments"]]
        if answer["next_cursor"] is None:
            assert not answer["has_next"]
            return seen
        cursor = {"cursor": answer["next_cursor"]}
        between()


@pytest.mark.parametrize("order_by", ORDER_FIELDS)
@pytest.mark.parametrize("order_desc", ["true", "false"])
def test_a_cursor_walk_sees_what_the_whole_list_shows(client, order_by: str, order_desc: str) -> None:
    query = {"order_by": order_by, "order_desc": order_desc}
    for per_page in (1, 3, 8):
        assert walk(client, query | {"per_page": per_page}) == client.ids(query)


@pytest.mark.parametrize("order_by", ["created_at", "status", "best_metric_value"])
def test_each_row_is_seen_once_while_others_arrive(store: Store, serve, runs, root_writer, order_by: str) -> None:
    client = serve(store)
    arrived = 0

    def arrive() -> None:
        nonlocal arrived
        arrived += 1
        # One before all, one after all and one of the same moment as another, which moves the order's keys.
        for offset, run in ((-9e6 - arrived, runs[0]), (9e6 + arrived, runs[1]), (0.0, runs[3])):
            new_id = f"new_{arrived}_{offset > 0}_{run.id}"
            root_writer((replace(run, id=new_id, created_at=run.created_at + offset, events=(), description=None),))
        sync(store)

    seen = walk(client, {"order_by": order_by, "per_page": 2}, arrive)
    assert arrived >= 3
    assert len(seen) == len(set(seen))
    assert {run.id for run in runs} <= set(seen)


def test_a_page_loop_sees_each_row_once_while_rows_are_appended(store: Store, serve, runs, root_writer) -> None:
    client = serve(store)
    seen: list[str] = []
    page, has_next = 0, True
    while has_next:
        page += 1
        answer = client.list({"page": page, "per_page": 3, "order_desc": "false"})
        seen += [experiment["id"] for experiment in answer["experiments"]]
        has_next = answer["has_next"]
        if page < 4:
            root_writer((replace(runs[7], id=f"new_{page}", created_at=runs[7].created_at + page, description=None),))
            sync(store)
    assert len(seen) == len(set(seen))
    assert seen == [run.id for run in runs] + ["new_1", "new_2", "new_3"]


def test_a_cursor_belongs_to_its_query(client) -> None:
    cursor = client.list("per_page=2&project=vision")["next_cursor"]
    assert client.list({"cursor": cursor, "project": "vision", "per_page": 50})["total"] == 3
    for other in ({"project": "speech"}, {}, {"project": "vision", "order_desc": "false"}):
        sentence = client.refused("/v2/experiments", other | {"cursor": cursor})
        assert sentence == "cursor belongs to another query: the order and the filters must stay the same"


def test_a_detail_has_the_documented_shape(client, runs) -> None:
    detail = client.get(f"/v2/experiments/{FIRST}")
    documented = ["experiment", "metrics_summary", "environment_available", "file_count"]
    assert list(detail) == [*documented, "query_time_ms"]
    assert list(detail["experiment"]) == [*EXPERIMENT_FIELDS, "params", "root"]
    assert (detail["experiment"]["params"], detail["experiment"]["root"]) == ({}, "lab")
    summary = detail["metrics_summary"]
    assert summary["total_data_points"] == 1000
    assert summary["available_metrics"] == ["accuracy", "learning_rate", "loss"]
    assert summary["step_range"] == {"min": 1, "max": 1000}
    assert summary["metrics"]["loss"] == {
        "count": 1000, "first": 2.0, "last": 0.002, "min": 0.002, "max": 2.0,
        "min_step": 1000, "max_step": 1, "last_step": 1000,
    }  # fmt: skip
    assert (detail["environment_available"], detail["file_count"]) == (False, 4)


def test_a_detail_without_metrics_has_no_step_range(client) -> None:
    summary = client.get("/v2/experiments/20240101_190000_000008")["metrics_summary"]
    assert summary == {"total_data_points": 0, "available_metrics": [], "step_range": None, "metrics": {}}


@pytest.mark.parametrize("path", ["lauf%20%C3%BC%201", "lauf%20%c3%bc%201/", "l%61uf%20%C3%BC%201"])
def test_an_id_may_be_any_text(client, path: str) -> None:
    assert client.get(f"/v2/experiments/{path}")["experiment"]["id"] == "lauf ü 1"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("20250114_999999_zzz999", "20250114_999999_zzz999"),
        ("a%2Fb", "a/b"),
        ("a%2Fmetrics%2Ffast", "a/metrics/fast"),
        ("..%2F..%2Fetc%2Fpasswd", "../../etc/passwd"),
        ("%2e%2e", ".."),
        ("%00", "\\x00"),
        ("a%0D%0AX-Evil:%201", "a\\r\\nX-Evil: 1"),
        ("%1B%5B2J", "\\x1b[2J"),
        ("%ff", "\ufffd"),
        ("a+b", "a+b"),
        ("x" * 5000, "x" * 64 + "…"),
        ("%E2%80%AE", "\\u202e"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/metrics/fast"])
def test_an_unknown_id_is_not_found_and_shown_harmless(client, path: str, shown: str, rest: str) -> None:
    assert client.refused(f"/v2/experiments/{path}{rest}", status=404) == f"Experiment {shown} not found"


def test_a_detail_takes_no_parameters(client) -> None:
    sentence = client.refused(f"/v2/experiments/{FIRST}", "fields=id")
    assert sentence == "Unknown parameter 'fields': allowed are none"


def test_batch_delete_answers_id_by_id_and_is_idempotent(writable) -> None:
    asked = {"exp_ids": [FIRST, "nope", FIRST, "lauf ü 1"], "reason": "cleanup"}
    first = writable.post("batch-delete", asked)
    assert list(first) == ["deleted", "failed", "results", "errors", "query_time_ms"]
    assert (first["deleted"], first["failed"]) == (2, 1)
    assert first["results"] == {FIRST: True, "nope": False, "lauf ü 1": True}
    assert first["errors"] == {"nope": "not found"}
    assert writable.list()["total"] == 6
    again = writable.post("batch-delete", asked | {"reason": "another"})
    assert again | {"query_time_ms": 0} == first | {"query_time_ms": 0}
    assert writable.get(f"/v2/experiments/{FIRST}")["experiment"]["delete_reason"] == "cleanup"


def test_a_deletion_without_a_reason_has_the_documented_one(writable, store: Store) -> None:
    writable.post("batch-delete", {"exp_ids": [FIRST]})
    (batch,) = store.batches()
    assert (batch.source, batch.reason, batch.count) == ("api", "user_batch_delete", 1)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(writable) -> None:
    would = writable.post("batch-delete", {"exp_ids": [FIRST, "nope"], "dry_run": True})
    assert (would["deleted"], would["failed"]) == (1, 1)
    assert would["errors"] == {"nope": "not found"}
    assert writable.list("include_deleted=true")["total"] == writable.list()["total"] == 8


def test_restoring_takes_experiments_back(writable) -> None:
    writable.post("batch-delete", {"exp_ids": [FIRST]})
    back = writable.post("batch-restore", {"exp_ids": [FIRST, "nope"]})
    assert list(back) == ["restored", "failed", "results", "errors", "query_time_ms"]
    assert (back["restored"], back["failed"], back["results"]) == (1, 1, {FIRST: True, "nope": False})
    assert FIRST in writable.ids()


def test_delete_matching_takes_what_the_list_counted(writable, store: Store) -> None:
    query = {"status": ["finished"], "filter": "project:vision", "best_metric_min": 0}
    total = writable.list(query | {"status": "finished"})["total"]
    answer = writable.post("delete-matching", {"query": query, "expected_total": total, "reason": "done"})
    assert list(answer) == ["deleted", "failed", "batch", "query_time_ms"]
    assert (answer["deleted"], answer["failed"], answer["batch"]) == (2, 0, store.batches()[0].id)
    assert writable.list("project=vision")["total"] == 1


def test_delete_matching_stops_when_the_number_has_changed(writable) -> None:
    for expected in (0, 2, 4):
        sentence = writable.refused_post(
            "delete-matching", {"query": {"project": "vision"}, "expected_total": expected}, status=409
        )
        assert "3" in sentence
        assert str(expected) in sentence
    assert writable.list()["total"] == 8


def test_a_dry_run_of_delete_matching_counts_and_changes_nothing(writable) -> None:
    asked = {"query": {"project": "vision"}, "expected_total": 3, "dry_run": True}

    answer = writable.post("delete-matching", asked)

    assert (answer["deleted"], answer["failed"], answer["batch"]) == (3, 0, None)
    assert writable.list("project=vision")["total"] == 3
    writable.post("delete-matching", {**asked, "expected_total": 2}, status=409)
    assert "dry_run must be true or false" in writable.refused_post("delete-matching", {**asked, "dry_run": 1})


def test_delete_matching_takes_everything_only_when_told_so(writable) -> None:
    assert writable.refused_post("delete-matching", {"query": {}, "expected_total": 8}).startswith("query is empty")
    assert writable.list()["total"] == 8
    assert writable.post("delete-matching", {"query": {}, "expected_total": 8, "all": True})["deleted"] == 8
    assert writable.list()["total"] == 0


@pytest.mark.parametrize(
    "query", [{"search": " "}, {"search": '"'}, {"search": '"" ""'}, {"tags": [" "]}, {"filter": " "}]
)
def test_a_query_that_says_nothing_takes_nothing_even_when_the_number_fits(writable, query: dict[str, Any]) -> None:
    sentence = writable.refused_post("delete-matching", {"query": query, "expected_total": 8})
    assert sentence.startswith("query is empty")
    assert writable.list()["total"] == 8


def test_white_space_in_quotes_is_a_word(writable) -> None:
    query = {"search": '"  "'}
    assert writable.ids(query) == ["lauf ü 1"]
    assert writable.post("delete-matching", {"query": query, "expected_total": 1})["deleted"] == 1


@pytest.mark.parametrize("action", ["batch-delete", "batch-restore", "delete-matching"])
def test_refused_bodies_change_nothing(writable, action: str) -> None:
    for body in (
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"exp_ids": "x"}',
        b'{"exp_ids": ["20240101_120000_000001"], "resaon": 1}',
        b'{"query": {"projet": "vision"}, "expected_total": 3}',
        b'{"query": {"page": 1}, "expected_total": 3}',
        b'{"exp_ids": [NaN]}',
        b"[" * 100_000,
    ):
        writable.refused_post(action, body)
    assert writable.list()["total"] == 8


@pytest.mark.parametrize("action", ["batch-delete", "batch-restore", "delete-matching"])
def test_a_write_takes_no_parameters_in_the_address(writable, action: str) -> None:
    assert writable.refused_post(f"{action}?dry_run=true", {"exp_ids": [FIRST]}).startswith(
        "Unknown parameter 'dry_run'"
    )
    assert writable.list()["total"] == 8


def test_a_thousand_ids_are_the_most(writable) -> None:
    ids = [str(number) for number in range(1000)]
    assert writable.post("batch-delete", {"exp_ids": ids})["failed"] == 1000
    sentence = writable.refused_post("batch-delete", {"exp_ids": [*ids, FIRST]})
    assert sentence == "Cannot delete more than 1000 experiments at once"
    assert writable.refused_post("batch-delete", {}) == "exp_ids is required"
