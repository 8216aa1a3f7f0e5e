from __future__ import annotations

import pytest

from runicorn_api.contract import read_list
from runicorn_db.query import ExperimentQuery
from runicorn_tui.client.parameters import encoded, given, ids_of, query_texts, segment


def test_what_is_written_is_read_by_the_server_as_it_was_meant() -> None:
    values = {
        "project": "a&b=c#d ü%2F+",
        "status": ("failed", "running"),
        "tags": iter(["学习", 'a"b']),
        "created_after": 1_704_110_400.25,
        "best_metric_min": -1e-300,
        "include_deleted": True,
        "roots": "one",
        "order_desc": False,
        "per_page": 7,
        "search": None,
    }

    query, _ = read_list(encoded(query_texts(values)).removeprefix("?"))

    assert query == ExperimentQuery(
        project="a&b=c#d ü%2F+",
        status=("failed", "running"),
        tags=("学习", 'a"b'),
        created_after=1_704_110_400.25,
        best_metric_min=-1e-300,
        include_deleted=True,
        roots=("one",),
        order_desc=False,
        per_page=7,
    )


@pytest.mark.parametrize("values", [{"project": ""}, {"status": []}, {"tags": ()}, {"filter": ""}])
def test_an_empty_filter_is_refused_because_the_server_would_widen_it(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(values))} is empty"):
        given(values)


@pytest.mark.parametrize("tag", ["", " ", " x", "x\t"])
def test_a_text_that_the_server_would_trim_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="tags cannot ask for"):
        given({"tags": ["keep", tag]})


def test_a_comma_in_one_of_several_texts_is_for_json_alone() -> None:
    assert given({"tags": ["a,b"]}) == {"tags": ["a,b"]}
    with pytest.raises(ValueError, match="separated by commas"):
        query_texts({"tags": ["a,b"]})


@pytest.mark.parametrize("value", [["failed", 5], {"failed": 1, 5: 2}, object(), b"failed"])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="status must be a number, a text or several texts, not"):
        given({"status": value})


def test_zero_and_false_are_values() -> None:
    assert query_texts({"created_after": 0, "include_deleted": False, "best_metric_min": 0.0}) == {
        "created_after": "0",
        "include_deleted": "false",
        "best_metric_min": "0.0",
    }


def test_an_id_is_one_segment_of_a_path() -> None:
    assert segment("a/b ü?") == "a%2Fb%20%C3%BC%3F"
    with pytest.raises(ValueError, match="empty"):
        segment("")


def test_one_id_is_not_taken_for_many_letters() -> None:
    assert ids_of("abc") == ["abc"]
    assert ids_of(name for name in ("a", "b")) == ["a", "b"]
