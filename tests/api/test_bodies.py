from __future__ import annotations

import json

import pytest

from runicorn_api.bodies import BatchDelete, read_batch_delete, read_batch_restore, read_delete_matching
from runicorn_db.errors import InvalidQuery
from runicorn_db.query import ExperimentQuery


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def refused(read, raw: bytes) -> str:
    with pytest.raises(InvalidQuery) as error:
        read(raw)
    return str(error.value)


def test_ids_keep_their_order_and_lose_their_duplicates() -> None:
    read = read_batch_delete(body(exp_ids=["b", "a", "b"]))
    assert read == BatchDelete(ids=("b", "a"), reason="user_batch_delete", dry_run=False)
    assert read_batch_restore(body(exp_ids=["b", "a", "b"])) == ("b", "a")


def test_reason_and_dry_run_are_read() -> None:
    read = read_batch_delete(body(exp_ids=["a"], reason="old", dry_run=True))
    assert (read.reason, read.dry_run) == ("old", True)


def test_an_empty_reason_is_the_default_one() -> None:
    assert read_batch_delete(body(exp_ids=["a"], reason="")).reason == "user_batch_delete"


@pytest.mark.parametrize("read", [read_batch_delete, read_batch_restore])
@pytest.mark.parametrize("raw", [b"{}", b'{"exp_ids": []}', b'{"exp_ids": null}'])
def test_ids_are_required(read, raw: bytes) -> None:
    assert refused(read, raw) == "exp_ids is required"


@pytest.mark.parametrize(
    ("ids", "seen"),
    [
        ('"abc"', "a string"),
        ('{"a": true}', "an object"),
        ("3", "a number"),
        ("true", "a boolean"),
        ("[1]", "of a number"),
        ('["a", null]', "of null"),
        ('[["a"]]', "of a list"),
    ],
)
def test_ids_are_a_list_of_strings(ids: str, seen: str) -> None:
    raw = f'{{"exp_ids": {ids}}}'.encode()
    assert refused(read_batch_delete, raw) == f"exp_ids must be a list of strings, not {seen}"


def test_too_many_ids_are_counted_without_duplicates() -> None:
    thousand = [str(number) for number in range(1000)]
    assert len(read_batch_delete(body(exp_ids=thousand * 2)).ids) == 1000
    too_many = body(exp_ids=[*thousand, "x"])
    assert refused(read_batch_delete, too_many) == "Cannot delete more than 1000 experiments at once"
    assert refused(read_batch_restore, too_many) == "Cannot restore more than 1000 experiments at once"


@pytest.mark.parametrize(
    ("raw", "kind"), [(b"[]", "a list"), (b"null", "null"), (b"3", "a number"), (b'"{}"', "a string")]
)
@pytest.mark.parametrize("read", [read_batch_delete, read_batch_restore, read_delete_matching])
def test_the_body_is_an_object(read, raw: bytes, kind: str) -> None:
    assert refused(read, raw) == f"The body must be a JSON object, not {kind}"


@pytest.mark.parametrize("read", [read_batch_delete, read_batch_restore, read_delete_matching])
def test_unknown_fields_are_refused(read) -> None:
    assert refused(read, body(exp_ids=["a"], query={}, dryrun=True)).startswith("Unknown field '")
    assert refused(read, b'{"\\u001b[2J": 1}').startswith("Unknown field '\\x1b[2J': allowed are ")


def test_a_reason_is_a_short_string() -> None:
    assert read_batch_delete(body(exp_ids=["a"], reason="é" * 500)).reason == "é" * 500
    long = refused(read_batch_delete, body(exp_ids=["a"], reason="x" * 501))
    assert long == "reason must be at most 500 characters, not 501"
    assert refused(read_batch_delete, body(exp_ids=["a"], reason=None)) == "reason must be a string, not null"


def test_dry_run_is_a_boolean_only() -> None:
    assert refused(read_batch_delete, body(exp_ids=["a"], dry_run=1)) == "dry_run must be true or false, not a number"
    assert refused(read_batch_delete, body(exp_ids=["a"], dry_run="true")).endswith("not a string")


def test_delete_matching_reads_its_filters() -> None:
    read = read_delete_matching(body(query={"project": "a", "filter": "acc<0.1"}, expected_total=3, reason="bad"))
    assert (read.query.project, str(read.query.filter), read.expected_total, read.reason) == (
        "a",
        '"acc"<0.1',
        3,
        "bad",
    )


@pytest.mark.parametrize("query", [None, {}, {"project": ""}, {"filter": ""}, {"tags": []}])
def test_an_empty_query_takes_everything_only_when_told_so(query: dict[str, object] | None) -> None:
    given = {"expected_total": 0} | ({} if query is None else {"query": query})
    assert refused(read_delete_matching, body(**given)) == 'query is empty: add "all": true to delete every experiment'
    assert refused(read_delete_matching, body(**given, all=False)).startswith("query is empty")
    assert read_delete_matching(body(**given, all=True)).query == ExperimentQuery()


def test_all_is_a_boolean_even_when_it_is_not_needed() -> None:
    sentence = refused(read_delete_matching, body(query={"project": "a"}, expected_total=1, all="no"))
    assert sentence == "all must be true or false, not a string"


@pytest.mark.parametrize("query", [[], "status:failed", 3, None])
def test_the_query_is_an_object(query: object) -> None:
    assert refused(read_delete_matching, body(query=query, expected_total=1)).startswith(
        "query must be an object, not "
    )


def test_the_expected_total_is_required() -> None:
    assert refused(read_delete_matching, body(query={"project": "a"})) == "expected_total is required"


@pytest.mark.parametrize("total", [-1, 1.0, "3", True, [1], 2**63, 10**300])
def test_the_expected_total_is_a_natural_number(total: object) -> None:
    sentence = refused(read_delete_matching, body(query={"project": "a"}, expected_total=total))
    assert sentence.startswith("expected_total must be an integer from 0 to 9223372036854775807, not '")
    assert len(sentence) < 150
