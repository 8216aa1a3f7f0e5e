from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_api.contract import (
    EXPERIMENT_FIELDS,
    FILTER_PARAMETERS,
    LIST_PARAMETERS,
    MAX_PARAMETERS,
    METRICS_PARAMETERS,
    read_filter_object,
    read_filters,
    read_list,
    read_metrics,
    write_metrics_query,
    write_query,
)
from runicorn_db.criteria import STATUSES
from runicorn_db.errors import InvalidQuery
from runicorn_db.filter_language import parse
from runicorn_db.named_values import NamedValue
from runicorn_db.query import ORDER_FIELDS, Experiment, ExperimentQuery, MetricsQuery

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
LIST_ITEM = TEXT.filter(lambda text: "," not in text and text == text.strip())
LIST = st.lists(LIST_ITEM, unique=True, max_size=3).map(tuple)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
QUERIES = st.builds(
    ExperimentQuery,
    project=st.none() | TEXT,
    name=st.none() | TEXT,
    status=st.lists(st.sampled_from(STATUSES), unique=True).map(tuple),
    tags=LIST,
    search=st.none() | TEXT,
    created_after=NUMBER,
    created_before=NUMBER,
    best_metric_min=NUMBER,
    best_metric_max=NUMBER,
    include_deleted=st.booleans(),
    filter=st.sampled_from(["", "status:failed acc>0.9 -tag:keep", 'a or "b c" age>30d'])
    .map(parse)
    .map(lambda parsed: parsed[0]),
    roots=LIST,
    page=st.integers(1, 1_000_000),
    per_page=st.integers(1, 1000),
    order_by=st.sampled_from(ORDER_FIELDS),
    order_desc=st.booleans(),
)


def test_rows_are_the_fields_of_the_query_and_what_shapes_the_answer() -> None:
    query_fields = [field.name for field in fields(ExperimentQuery)]
    assert sorted(row.name for row in LIST_PARAMETERS) == sorted([*query_fields, "fields"])
    assert [row.name for row in METRICS_PARAMETERS] == ["metric_names", "step_range", "downsample"]
    names = ("experiment_id", "metric_names", "min", "max", "downsample", "with_times", "with_texts")
    assert len(fields(MetricsQuery)) == len(names)


def test_every_row_is_documented_in_a_sentence() -> None:
    assert all(row.doc.endswith(".") for row in LIST_PARAMETERS + METRICS_PARAMETERS)


def test_listed_fields_are_fields_of_an_experiment() -> None:
    of_others = {"root", "is_pinned", "is_missing", "values"}
    assert {field.name for field in fields(Experiment)} - of_others == set(EXPERIMENT_FIELDS)
    documented = "id project name status created_at best_metric_name best_metric_value pid run_dir"
    assert list(EXPERIMENT_FIELDS[:9]) == documented.split()


@given(QUERIES)
def test_what_is_written_reads_back_as_the_same_query(query: ExperimentQuery) -> None:
    assert read_list(write_query(query)) == (query, EXPERIMENT_FIELDS)


def test_a_cursor_is_written_and_read_back() -> None:
    query = ExperimentQuery(cursor="abc-_", per_page=7)
    assert read_list(write_query(query))[0] == query


def test_only_what_differs_from_the_defaults_is_written() -> None:
    assert write_query(ExperimentQuery()) == ""
    query = ExperimentQuery(status=("failed", "running"), created_after=0.0, order_desc=False, search="a b&c")
    assert write_query(query) == "status=failed,running&search=a%20b%26c&created_after=0.0&order_desc=false"


@pytest.mark.parametrize(
    "query",
    [
        ExperimentQuery(tags=("a,b",)),
        ExperimentQuery(tags=(" a",)),
        ExperimentQuery(roots=("",)),
        ExperimentQuery(project=""),
    ],
)
def test_a_query_that_no_text_can_say_is_not_written_as_another_one(query: ExperimentQuery) -> None:
    with pytest.raises(InvalidQuery):
        write_query(query)


@given(
    st.builds(
        MetricsQuery,
        experiment_id=st.just("x"),
        metrics=st.lists(LIST_ITEM.filter(lambda name: name != "global_step"), unique=True, max_size=3).map(tuple),
        step_min=st.none() | st.integers(-(2**63) + 1, 0),
        step_max=st.none() | st.integers(0, 2**63 - 1),
        downsample=st.none() | st.integers(1, 100_000),
    )
)
def test_a_metrics_query_reads_back_as_the_same(query: MetricsQuery) -> None:
    assert read_metrics("x", write_metrics_query(query)) == query


@pytest.mark.parametrize("value", ["", " ", ",", " , "])
def test_an_empty_value_means_not_given(value: str) -> None:
    lists = "&".join(f"{name}={value.replace(' ', '+')}" for name in ("status", "tags", "roots", "fields"))
    scalars = "&".join(f"{row.name}=" for row in LIST_PARAMETERS)
    assert read_list(lists) == read_list(scalars) == (ExperimentQuery(), EXPERIMENT_FIELDS)


def test_list_items_are_trimmed_merged_and_named_once() -> None:
    query, _ = read_list("tags=+a+,,b&status=failed&tags=c,a&status=running")
    assert query.tags == ("a", "b", "c")
    assert query.status == ("failed", "running")


@pytest.mark.parametrize("row", [row for row in LIST_PARAMETERS if not row.form.is_list], ids=lambda row: row.name)
def test_a_scalar_twice_is_refused(row) -> None:
    with pytest.raises(InvalidQuery, match=rf"^{row.name} must be given once, not 2 times$"):
        read_list(f"{row.name}=1&{row.name}=")


@pytest.mark.parametrize("name", ["projet", "Project", "run_dir", "", "status[]"])
def test_an_unknown_name_is_refused_even_when_it_is_empty(name: str) -> None:
    with pytest.raises(InvalidQuery, match="Unknown parameter"):
        read_list(f"{name}=")


def test_paging_is_no_filter_of_a_summary() -> None:
    assert read_filters("project=a&include_deleted=1") == ExperimentQuery(project="a", include_deleted=True)
    for name in {row.name for row in LIST_PARAMETERS} - {row.name for row in FILTER_PARAMETERS}:
        with pytest.raises(InvalidQuery, match="Unknown parameter"):
            read_filters(f"{name}=1")


@pytest.mark.parametrize(
    "text", ["1_000", "1e3", "٣", " 1", "+1", "-1", "0", "1000001", "9" * 5000, "1.0", "0x1", "１"]
)
def test_integers_are_ascii_digits_in_their_range(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^page must be an integer from 1 to 1000000, not '"):
        read_list("page=" + "".join(f"%{byte:02x}" for byte in text.encode()))


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1e999", "1_0", "0x1p3", "٣", " 1", "1,5", "--1", ".", "1e"]
)
@pytest.mark.parametrize("name", ["created_after", "created_before", "best_metric_min", "best_metric_max"])
def test_numbers_are_finite(name: str, text: str) -> None:
    with pytest.raises(InvalidQuery, match=rf"^{name} must be a finite number, not '"):
        read_list(f"{name}=" + "".join(f"%{byte:02x}" for byte in text.encode()))


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("-0", 0.0), (".5", 0.5), ("1.", 1.0), ("1e-3", 0.001), ("-2E%2B2", -200.0)]
)
def test_numbers_are_read_as_people_write_them(text: str, value: float) -> None:
    assert read_list(f"best_metric_min={text}")[0].best_metric_min == value


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "On"])
def test_words_for_true(text: str) -> None:
    assert read_list(f"include_deleted={text}")[0].include_deleted is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "OFF"])
def test_words_for_false(text: str) -> None:
    assert read_list(f"order_desc={text}")[0].order_desc is False


def test_other_words_are_no_booleans() -> None:
    with pytest.raises(
        InvalidQuery, match=r"^order_desc must be one of true, 1, yes, on, false, 0, no, off, not 'ja'$"
    ):
        read_list("order_desc=ja")


def test_the_value_in_a_sentence_is_cut_and_escaped() -> None:
    with pytest.raises(InvalidQuery) as error:
        read_list("order_by=" + "%1b%5b2J" + "x" * 200)
    assert "\\x1b[2J" in str(error.value)
    assert "\x1b" not in str(error.value)
    assert "x" * 61 not in str(error.value)


def test_more_parameters_than_allowed_are_refused() -> None:
    assert read_list("&".join(["tags=a"] * MAX_PARAMETERS))[0].tags == ("a",)
    with pytest.raises(InvalidQuery, match=r"^At most 64 parameters are allowed, not 65$"):
        read_list("&".join(["tags=a"] * (MAX_PARAMETERS + 1)))


@pytest.mark.parametrize("raw", ["project=%ff", "project=%ED%A0%80", "%ff=1", "project=\xff"])
def test_parameters_that_are_not_utf8_are_refused(raw: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^Parameters must be UTF-8, not '"):
        read_list(raw)


def test_names_and_values_are_decoded_as_browsers_and_curl_write_them() -> None:
    unescaped = "Straße 100%".encode().decode("latin-1").replace(" ", "+")
    for text in (unescaped, "Stra%C3%9Fe%20100%", "Stra%c3%9fe+100%25"):
        assert read_list(f"searc%68={text}&&")[0].search == "Straße 100%"


def test_cursor_and_page_exclude_each_other_even_on_page_one() -> None:
    with pytest.raises(InvalidQuery, match=r"^cursor and page cannot be used together$"):
        read_list("cursor=abc&page=1")


def test_fields_are_checked_and_keep_the_order_of_the_request() -> None:
    assert read_list("fields=status,id")[1] == ("status", "id")
    with pytest.raises(InvalidQuery, match=r"^fields must be among id, project, .*, not 'params'$"):
        read_list("fields=id,params")


def test_a_filter_that_is_half_understood_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidQuery, match=r"^filter is not understood at column 15 of 'status:failed acc>': "):
        read_list("filter=status:failed+acc%3E")


@pytest.mark.parametrize(
    "text", ["", ":", "5", "a:b", "1:2:3", "1.5:2", "1e3:", " 1:2", "1 :2", "--1:2", "+1:2", "٣:", "1_0:2", "1-2"]
)
def test_step_range_has_one_form(text: str) -> None:
    query = "step_range=" + "".join(f"%{byte:02x}" for byte in text.encode())
    if not text:
        assert read_metrics("x", query) == MetricsQuery(experiment_id="x")
        return
    with pytest.raises(InvalidQuery, match=r"^Invalid step_range format, use 'min:max'$"):
        read_metrics("x", query)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100:500", 100, 500),
        ("-5:-1", -5, -1),
        ("7:", 7, None),
        (":7", None, 7),
        ("3:3", 3, 3),
        (f"-{2**63}:", -(2**63), None),
    ],
)
def test_step_range_may_be_open_and_negative(text: str, low: int | None, high: int | None) -> None:
    query = read_metrics("x", f"step_range={text}")
    assert (query.step_min, query.step_max) == (low, high)


@pytest.mark.parametrize("text", ["5:1", f"0:{2**63}", f"-{2**63 + 1}:", "0:" + "9" * 5000])
def test_step_range_ends_after_it_begins_and_fits_a_step(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^step_range must "):
        read_metrics("x", f"step_range={text}")


@pytest.mark.parametrize("text", ["0", "-1", "100001", "1e3", "many"])
def test_downsample_has_a_range(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^downsample must be an integer from 1 to 100000, not "):
        read_metrics("x", f"downsample={text}")


def test_the_step_column_is_no_metric() -> None:
    with pytest.raises(InvalidQuery, match=r"^metric_names must not contain 'global_step'"):
        read_metrics("x", "metric_names=loss,global_step")


def test_a_filter_object_says_what_the_query_string_says() -> None:
    given = {
        "project": "a",
        "status": ["failed", " running "],
        "tags": "x,y",
        "created_after": 0,
        "best_metric_max": 1e22,
        "filter": "acc>0.9",
        "roots": ["lab"],
    }
    text = "project=a&status=failed,running&tags=x,y&created_after=0&best_metric_max=1e22&filter=acc%3E0.9&roots=lab"
    assert read_filter_object(given) == read_filters(text)


def test_a_filter_object_may_have_commas_in_its_items() -> None:
    assert read_filter_object({"tags": ["a,b"]}).tags == ("a,b",)


def test_empty_values_of_a_filter_object_are_not_given() -> None:
    assert read_filter_object({"project": "", "tags": [], "status": [" "], "roots": ""}) == ExperimentQuery()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("project", None, "project must be a string, not null"),
        ("project", ["a"], "project must be a string, not a list"),
        ("status", ["failed", 1], "status must be a list of strings, not a list of other things"),
        ("tags", {"a": 1}, "tags must be a list of strings, not an object"),
        ("created_after", "0", "created_after must be a number, not a string"),
        ("created_after", True, "created_after must be a number, not a boolean"),
        ("search", 1.5, "search must be a string, not a number"),
    ],
)
def test_a_filter_object_with_other_types_is_refused(name: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidQuery, match=rf"^{sentence}$"):
        read_filter_object({name: value})


@pytest.mark.parametrize(
    "name", ["include_deleted", "page", "per_page", "order_by", "order_desc", "cursor", "fields", "x"]
)
def test_a_filter_object_has_filters_only(name: str) -> None:
    with pytest.raises(InvalidQuery, match=rf"^Unknown field in query '{name}'"):
        read_filter_object({name: 1})


def test_written_text_is_plain_ascii() -> None:
    text = write_query(ExperimentQuery(project="übung &=#", tags=("精度", "b")))
    assert text.isascii()
    assert parse_qsl(text) == [("project", "übung &=#"), ("tags", "精度,b")]


@pytest.mark.parametrize("text", ["max.acc", "acc", "param.lr"])
def test_an_order_by_a_metric_is_for_screen_and_command_line_alone(text: str) -> None:
    allowed = r"^order_by must be one of created_at, updated_at, best_metric_value, status, name, .*, not "
    with pytest.raises(InvalidQuery, match=allowed):
        read_list(f"order_by={text}")
    with pytest.raises(InvalidQuery, match=allowed):
        write_query(ExperimentQuery(order_by=NamedValue.parse(text)))
