from __future__ import annotations

import math

import falcon
import pytest

from runicorn_api import answers
from runicorn_api.json_body import read_json, to_json
from runicorn_db.query import (
    Experiment,
    ExperimentDetail,
    MetricsQuery,
    MetricSummary,
    MetricTable,
    Page,
    ProjectSummary,
    Summary,
)


def table(steps: int, *metrics: str) -> MetricTable:
    return MetricTable(
        metrics=metrics,
        unknown=(),
        steps=tuple(range(steps)),
        values={name: tuple(float(step) for step in range(steps)) for name in metrics},
        non_finite=dict.fromkeys(metrics, 0),
        available_points=steps,
        query_time_ms=1.23456,
    )


@pytest.mark.parametrize("steps", [0, 1, 4095, 4096, 4097, 10_000])
def test_rows_are_whole_across_the_parts_they_are_written_in(steps: int) -> None:
    answer = read_json(to_json(answers.write_table(table(steps, "b", "a"), MetricsQuery(experiment_id="x"))))
    assert answer["rows"] == [{"global_step": step, "b": step, "a": step} for step in range(steps)]
    assert answer["query_time_ms"] == 1.23


def test_metric_names_that_are_no_unicode_are_shown_with_replacement_characters() -> None:
    written = answers.write_table(table(2, "loss\udcff"), MetricsQuery(experiment_id="x"))
    answer = read_json(to_json(written))
    assert answer["columns"] == ["global_step", "loss\ufffd"]
    assert answer["rows"][1] == {"global_step": 1, "loss\ufffd": 1.0}


def test_no_name_stands_twice_in_a_row() -> None:
    written = answers.write_table(table(2, "a\udcff", "global_step", "a\ud800"), MetricsQuery(experiment_id="x"))
    answer = read_json(to_json(written))
    assert answer["columns"] == ["global_step", "a\ufffd", "global_step", "a\ufffd"]
    assert answer["rows"] == [{"global_step": 0, "a\ufffd": 0.0}, {"global_step": 1, "a\ufffd": 1.0}]


def test_missing_and_huge_values_are_rows_like_all_others() -> None:
    whole = table(3, "a")
    odd = MetricTable(
        metrics=("a",), unknown=(), steps=(-(2**63), 0, 2**63 - 1), values={"a": (None, 1e308, -0.0)},
        non_finite=whole.non_finite, available_points=3, query_time_ms=0.0,
    )  # fmt: skip
    answer = read_json(to_json(answers.write_table(odd, MetricsQuery(experiment_id="x"))))
    assert [tuple(row.values()) for row in answer["rows"]] == [(-(2**63), None), (0, 1e308), (2**63 - 1, -0.0)]


def test_rows_that_are_too_large_are_refused_before_all_are_written() -> None:
    assert answers.write_table(table(5000, "a"), MetricsQuery(experiment_id="x"), max_bytes=200_000)
    with pytest.raises(falcon.HTTPError) as error:
        answers.write_table(table(50_000, "a"), MetricsQuery(experiment_id="x"), max_bytes=200_000)
    assert (error.value.status_code, error.value.description) == (400, "Result too large: use downsample")


def test_an_answer_that_is_too_large_is_refused_with_the_way_out(client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_BODY_BYTES", 600)
    assert client.list("per_page=1&fields=id")["total"] == 8
    assert client.refused("/v2/experiments") == "Result too large: use paging"
    detail = client.refused("/v2/experiments/20240101_120000_000001")
    assert detail == "Result too large: use metrics/fast"
    series = "/v2/experiments/20240101_120000_000001/metrics/fast"
    assert client.refused(series) == "Result too large: use downsample"
    assert client.get(series, "downsample=2&metric_names=loss")["total_points"] == 2


HOSTILE = Experiment(
    id="x\udcff",
    project="\ud800",
    name="a\x00\x1b\u2028",
    status="finished",
    created_at=math.inf,
    updated_at=math.nan,
    best_metric_value=-math.inf,
    tags=("\udfff", "ok"),
)


def test_hostile_values_stay_json() -> None:
    page = Page(experiments=(HOSTILE,), total=1, page=1, per_page=50, next_cursor=None, query_time_ms=0.0)
    (item,) = read_json(to_json(answers.write_page(page, answers.EXPERIMENT_FIELDS)))["experiments"]
    assert (item["id"], item["project"], item["name"]) == ("x\ufffd", "\ufffd", "a\x00\x1b\u2028")
    assert (item["created_at"], item["updated_at"], item["best_metric_value"]) == (None, None, None)
    assert item["tags"] == ["\ufffd", "ok"]


def test_hostile_details_stay_json() -> None:
    metric = MetricSummary(
        count=1, first=math.nan, last=1.0, min=None, max=None, min_step=None, max_step=None, last_step=2**62
    )
    detail = ExperimentDetail(
        experiment=HOSTILE,
        params={"lr\udcff": math.nan, "big": 10**40, "deep": [{"a": [math.inf]}], "none": None},
        metrics={"\udcff": metric, "a": metric},
        total_data_points=1,
        step_range=(2**62, 2**62),
        environment_available=True,
        file_count=0,
        query_time_ms=0.0,
    )
    answer = read_json(to_json(answers.write_detail(detail)))
    assert answer["experiment"]["params"] == {"lr\ufffd": None, "big": 10**40, "deep": [{"a": [None]}], "none": None}
    assert answer["metrics_summary"]["available_metrics"] == ["a", "\ufffd"]
    assert answer["metrics_summary"]["step_range"] == {"min": 2**62, "max": 2**62}


def test_hostile_summaries_stay_json() -> None:
    project = ProjectSummary(
        project="\udcff", total=1, by_status={"finished": 1}, success_rate=1.0, best_metric_name="\ud800",
        best_metric_value=math.nan, last_created_at=math.inf, size_bytes=0,
    )  # fmt: skip
    summary = Summary(
        active=1, deleted=2, by_status={}, success_rate=None, duration_mean=math.inf, duration_median=None,
        duration_p95=None, duration_total=math.inf, by_project=(project,), created_per_day=(("2024-01-01", 1),),
        size_bytes=0, query_time_ms=0.0,
    )  # fmt: skip
    answer = read_json(to_json(answers.write_summary(summary)))
    assert (answer["total"], answer["duration_seconds"]["total"]) == (3, None)
    assert answer["by_project"][0]["best_metric_name"] == "\ufffd"
    assert answer["created_per_day"] == [{"date": "2024-01-01", "count": 1}]
