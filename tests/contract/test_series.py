from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import Client
from tests.conftest import scaled
from tests.contract.conftest import Lab
from tests.contract.content import DOCUMENTED, LONG, SPARSE

SENTENCE = "Invalid step_range format, use 'min:max'"
EMPTY = "20250103_000000_victim0"


def plain(lab: Lab, name: str, metrics: tuple[str, ...], low: float, high: float) -> list[dict[str, Any]]:
    """The rows that the contract describes, before any downsampling."""
    return [
        {"global_step": step, **{metric: shown(values.get(metric)) for metric in metrics}}
        for step, values in lab.recorded[name].series.items()
        if low <= step <= high and any(metric in values for metric in metrics)
    ]


def shown(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def known_metrics(lab: Lab, name: str) -> list[str]:
    return sorted({metric for values in lab.recorded[name].series.values() for metric in values})


@pytest.mark.says(
    "metrics.kinds", "metrics.non-finite", "metrics.rows", "metrics.last-wins", "metrics.missing", "all.finite"
)
def test_a_table_of_everything_is_what_was_logged(lab: Lab) -> None:
    table = lab.client.series(SPARSE)
    assert table["columns"] == ["global_step", "accuracy", "loss", "精度/top 1"]
    assert table["rows"] == [
        {"global_step": -5, "accuracy": None, "loss": 4.0, "精度/top 1": None},
        {"global_step": 0, "accuracy": None, "loss": None, "精度/top 1": None},
        {"global_step": 3, "accuracy": 0.25, "loss": None, "精度/top 1": None},
        {"global_step": 7, "accuracy": None, "loss": None, "精度/top 1": None},
        {"global_step": 8, "accuracy": None, "loss": 2.0, "精度/top 1": None},
        {"global_step": 9, "accuracy": None, "loss": None, "精度/top 1": 0.5},
    ]


@pytest.mark.says("doc.table", "metrics.applied", "metrics.points", "metrics.columns", "doc.metric-names")
def test_a_table_has_the_documented_shape(client: Client) -> None:
    table = client.series(DOCUMENTED, "metric_names=loss,accuracy")
    assert list(table) == [
        "columns", "rows", "query_time_ms", "total_points", "available_points", "applied_filters",
    ]  # fmt: skip
    assert table["columns"] == ["global_step", "loss", "accuracy"]
    assert table["total_points"] == table["available_points"] == len(table["rows"]) == 1000
    assert table["applied_filters"] == {
        "metrics": ["loss", "accuracy"], "step_range": None, "downsampled": False, "unknown_metrics": [],
    }  # fmt: skip
    assert client.series(DOCUMENTED)["columns"] == ["global_step", "accuracy", "learning_rate", "loss"]


@pytest.mark.says("metrics.unknown")
def test_a_metric_that_is_not_there_keeps_its_column(client: Client) -> None:
    table = client.series(SPARSE, {"metric_names": "none,accuracy"})
    assert table["rows"] == [{"global_step": 3, "none": None, "accuracy": 0.25}]
    assert table["applied_filters"]["unknown_metrics"] == ["none"]


@pytest.mark.says("metrics.unknown-id", "doc.error-404")
def test_an_unknown_experiment_has_no_series(client: Client) -> None:
    for query in ("", "metric_names=loss&downsample=5"):
        sentence = client.refused("/v2/experiments/20250114_999999_zzz999/metrics/fast", query, status=404)
        assert sentence == "Experiment 20250114_999999_zzz999 not found"


@pytest.mark.says("metrics.range-form", "doc.error-400")
@pytest.mark.parametrize("text", [":", "100-500", "a:b", "1:2:3", "1.5:2", "1e3:", " 1:2", "+1:2", "٣:", "1_0:2", "5"])
def test_other_ranges_are_refused_with_the_documented_sentence(client: Client, text: str) -> None:
    assert client.refused(f"/v2/experiments/{DOCUMENTED}/metrics/fast", {"step_range": text}) == SENTENCE


@pytest.mark.says("metrics.range-order")
@pytest.mark.parametrize("text", ["5:1", "0:-1", "1000000:999999"])
def test_a_range_that_ends_before_it_begins_is_refused(client: Client, text: str) -> None:
    sentence = client.refused(f"/v2/experiments/{DOCUMENTED}/metrics/fast", {"step_range": text})
    assert sentence.startswith("step_range must ")


@pytest.mark.says("metrics.bounds")
@pytest.mark.parametrize("text", ["0", "-1", "100001", "1e3", "1_0", "many"])
def test_downsample_has_bounds(client: Client, text: str) -> None:
    sentence = client.refused(f"/v2/experiments/{LONG}/metrics/fast", {"downsample": text})
    assert sentence == f"downsample must be an integer from 1 to 100000, not '{text}'"
    assert client.series(LONG, "downsample=100000")["total_points"] == 5000


RANGES = st.tuples(
    st.none() | st.integers(-10, 60) | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-10, 60) | st.integers(-(2**63), 2**63 - 1),
).filter(lambda pair: pair != (None, None) and (None in pair or pair[0] <= pair[1]))


@pytest.mark.torture
@pytest.mark.says("metrics.range", "metrics.at-most", "metrics.ends", "metrics.extremes", "metrics.half", "metrics.one")
@pytest.mark.says("metrics.deterministic", "metrics.downsampled", "doc.step-range", "doc.downsample")
@settings(max_examples=scaled(150, 5000))
@given(
    name=st.sampled_from([DOCUMENTED, SPARSE, LONG, EMPTY]),
    chosen=st.lists(st.sampled_from(["loss", "accuracy", "acc", "精度/top 1", "none"]), max_size=3, unique=True),
    steps=st.none() | RANGES,
    points=st.none() | st.integers(1, 12) | st.integers(1, 6000),
)
def test_any_request_for_a_series_answers_as_a_plain_reading_of_the_contract(
    lab: Lab, name: str, chosen: list[str], steps: tuple[int | None, int | None] | None, points: int | None
) -> None:
    asked: dict[str, object] = {}
    if chosen:
        asked["metric_names"] = ",".join(chosen)
    low, high = steps or (None, None)
    if steps is not None:
        asked["step_range"] = f"{'' if low is None else low}:{'' if high is None else high}"
    if points is not None:
        asked["downsample"] = points
    table = lab.client.series(name, asked)
    metrics = tuple(chosen or known_metrics(lab, name))
    whole = plain(lab, name, metrics, -math.inf if low is None else low, math.inf if high is None else high)
    rows = table["rows"]
    assert table["columns"] == ["global_step", *metrics]
    assert table["applied_filters"]["metrics"] == list(metrics)
    assert table["applied_filters"]["step_range"] == (None if steps is None else [low, high])
    assert table["applied_filters"]["unknown_metrics"] == [m for m in metrics if m not in known_metrics(lab, name)]
    assert (table["total_points"], table["available_points"]) == (len(rows), len(whole))
    assert table["applied_filters"]["downsampled"] is (len(rows) < len(whole))
    if points is None or points >= len(whole):
        assert rows == whole
        return
    check_thinned(rows, whole, metrics, points)
    assert lab.client.series(name, asked)["rows"] == rows


def check_thinned(rows: list[Any], whole: list[Any], metrics: tuple[str, ...], points: int) -> None:
    assert math.ceil(points / 2) <= len(rows) <= points
    by_step = {row["global_step"]: row for row in whole}
    assert all(by_step[row["global_step"]] == row for row in rows)
    assert [row["global_step"] for row in rows] == sorted(row["global_step"] for row in rows)
    assert rows[-1] == whole[-1]
    if points > 1:
        assert rows[0] == whole[0]
    if points < 2 + 2 * len(metrics):
        return
    for metric in metrics:
        values = [row[metric] for row in whole if row[metric] is not None]
        kept = {row[metric] for row in rows}
        assert not values or {min(values), max(values)} <= kept


@pytest.mark.says("all.too-large")
def test_an_answer_over_64_mib_is_refused_with_the_way_out(client: Client) -> None:
    # Every row repeats the name of a metric that is not there: 5,000 times 15,000 bytes.
    query = f"metric_names=loss,{'x' * 15_000}"
    assert client.refused(f"/v2/experiments/{LONG}/metrics/fast", query) == "Result too large: use downsample"
    assert client.series(LONG, f"{query}&downsample=9")["total_points"] <= 9


# --- the detail


@pytest.mark.says("doc.detail", "detail.fields", "detail.points", "detail.steps", "detail.available", "detail.metrics")
@pytest.mark.says("detail.files", "detail.environment")
def test_every_detail_says_what_was_recorded(lab: Lab) -> None:
    items = {e["id"]: e for e in lab.client.list("include_deleted=1&per_page=1000")["experiments"]}
    for name, recorded in lab.recorded.items():
        detail = lab.client.get(f"/v2/experiments/{quote(name, safe='')}")
        assert list(detail) == [
            "experiment", "metrics_summary", "environment_available", "file_count", "query_time_ms",
        ]  # fmt: skip
        experiment = detail["experiment"]
        assert list(experiment) == [*items[name], "params", "root"]
        assert {field: experiment[field] for field in items[name]} == items[name]
        assert experiment["root"] == recorded.row.root
        assert experiment["params"] == recorded.params
        assert detail["environment_available"] is recorded.row.has_environment
        assert detail["file_count"] == recorded.row.file_count
        check_summary(detail["metrics_summary"], recorded.series)


def check_summary(summary: Any, series: dict[int, dict[str, float]]) -> None:
    metrics = sorted({metric for values in series.values() for metric in values})
    assert summary["available_metrics"] == metrics
    assert list(summary["metrics"]) == metrics
    assert summary["total_data_points"] == len(series)
    assert summary["step_range"] == ({"min": min(series), "max": max(series)} if series else None)
    for metric, told in summary["metrics"].items():
        points = [(step, values[metric]) for step, values in series.items() if metric in values]
        finite = [(value, step) for step, value in points if math.isfinite(value)]
        low, low_step = min(finite, default=(None, None))
        high = max((value for value, _ in finite), default=None)
        high_step = next((step for value, step in finite if value == high), None)
        assert told == {
            "count": len(points), "first": shown(points[0][1]), "last": shown(points[-1][1]),
            "min": low, "max": high, "min_step": low_step, "max_step": high_step, "last_step": points[-1][0],
        }  # fmt: skip


@pytest.mark.says("detail.unknown", "doc.error-404")
def test_an_unknown_id_is_not_found(client: Client) -> None:
    sentence = client.refused("/v2/experiments/20250114_999999_zzz999", status=404)
    assert sentence == "Experiment 20250114_999999_zzz999 not found"


@pytest.mark.says("detail.deleted")
def test_what_is_in_the_trash_is_told_with_its_time(lab: Lab) -> None:
    for row in lab.rows:
        if row.deleted_at is not None:
            experiment = lab.client.get(f"/v2/experiments/{quote(row.id, safe='')}")["experiment"]
            assert (experiment["deleted_at"], experiment["delete_reason"]) == (row.deleted_at, row.delete_reason)
