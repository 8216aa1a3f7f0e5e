from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FIRST = "20240101_120000_000001"
SPARSE = "lauf ü 1"


def test_a_table_has_the_documented_shape(client) -> None:
    table = client.series(FIRST, "metric_names=loss,accuracy&step_range=1:2")
    assert list(table) == ["columns", "rows", "query_time_ms", "total_points", "available_points", "applied_filters"]
    assert table["columns"] == ["global_step", "loss", "accuracy"]
    assert [list(row) for row in table["rows"]] == [["global_step", "loss", "accuracy"]] * 2
    assert (table["rows"][0]["global_step"], table["rows"][0]["loss"], table["total_points"]) == (1, 2.0, 2)
    assert table["applied_filters"] == {
        "metrics": ["loss", "accuracy"], "step_range": [1, 2], "downsampled": False, "unknown_metrics": []
    }  # fmt: skip


def test_without_names_all_metrics_come_sorted(client) -> None:
    table = client.series(SPARSE)
    assert table["columns"] == ["global_step", "accuracy", "loss", "精度/top 1"]
    assert table["rows"] == [
        {"global_step": -5, "accuracy": None, "loss": 4.0, "精度/top 1": None},
        {"global_step": 0, "accuracy": None, "loss": None, "精度/top 1": None},
        {"global_step": 3, "accuracy": 0.25, "loss": None, "精度/top 1": None},
        {"global_step": 7, "accuracy": None, "loss": None, "精度/top 1": None},
        {"global_step": 9, "accuracy": None, "loss": None, "精度/top 1": 0.5},
    ]
    assert table["applied_filters"]["metrics"] == ["accuracy", "loss", "精度/top 1"]
    assert table["applied_filters"]["step_range"] is None


def test_a_step_has_a_row_when_a_returned_metric_was_logged_there(client) -> None:
    assert [row["global_step"] for row in client.series(SPARSE, "metric_names=loss")["rows"]] == [-5, 0, 7]
    assert [row["global_step"] for row in client.series(SPARSE, {"metric_names": "精度/top 1"})["rows"]] == [9]


def test_an_unknown_metric_keeps_its_column_and_is_named(client) -> None:
    table = client.series(SPARSE, {"metric_names": ["note, loss", "nope,loss"]})
    assert table["columns"] == ["global_step", "note", "loss", "nope"]
    assert table["applied_filters"]["unknown_metrics"] == ["note", "nope"]
    assert {row["nope"] for row in table["rows"]} == {None}


@pytest.mark.parametrize(
    ("text", "steps", "echo"),
    [
        ("100:500", (100, 500, 401), [100, 500]),
        ("990:", (990, 1000, 11), [990, None]),
        (":3", (1, 3, 3), [None, 3]),
        ("7:7", (7, 7, 1), [7, 7]),
        ("-10:1", (1, 1, 1), [-10, 1]),
    ],
)
def test_a_step_range_is_inclusive(client, text: str, steps: tuple[int, int, int], echo: list[int | None]) -> None:
    table = client.series(FIRST, {"step_range": text})
    numbers = [row["global_step"] for row in table["rows"]]
    assert (numbers[0], numbers[-1], len(numbers)) == steps
    assert table["applied_filters"]["step_range"] == echo
    assert table["available_points"] == table["total_points"] == steps[2]


def test_an_empty_range_is_an_empty_table(client) -> None:
    table = client.series(FIRST, "step_range=2000:3000")
    assert (table["rows"], table["total_points"], table["available_points"]) == ([], 0, 0)
    assert table["applied_filters"]["downsampled"] is False


@pytest.mark.parametrize("text", [":", "5", "a:b", "1.5:2", "1:2:3"])
def test_other_ranges_are_refused_with_the_documented_sentence(client, text: str) -> None:
    sentence = client.refused(f"/v2/experiments/{FIRST}/metrics/fast", {"step_range": text})
    assert sentence == "Invalid step_range format, use 'min:max'"


def test_a_range_that_ends_before_it_begins_is_refused(client) -> None:
    sentence = client.refused(f"/v2/experiments/{FIRST}/metrics/fast", "step_range=5:1")
    assert sentence == "step_range must not end before it begins: '5:1'"


@settings(max_examples=40)
@given(points=st.integers(1, 1200), names=st.sampled_from(["loss", "loss,accuracy", ""]), low=st.integers(1, 900))
def test_downsampling_keeps_ends_and_extremes(client, points: int, names: str, low: int) -> None:
    query = {"metric_names": names, "step_range": f"{low}:"}
    whole = client.series(FIRST, query)
    table = client.series(FIRST, query | {"downsample": points})
    rows, available = table["rows"], whole["total_points"]
    assert table["available_points"] == available == 1001 - low
    assert min(points, available) / 2 <= len(rows) <= points
    assert table["total_points"] == len(rows)
    assert table["applied_filters"]["downsampled"] == (len(rows) < available)
    assert all(row in whole["rows"] for row in rows)
    assert [row["global_step"] for row in rows] == sorted({row["global_step"] for row in rows})
    assert rows[-1] == whole["rows"][-1]
    metrics = table["applied_filters"]["metrics"]
    if points >= 2:
        assert rows[0] == whole["rows"][0]
    if points >= 2 + 2 * len(metrics):
        for name in metrics:
            values = [row[name] for row in rows]
            assert max(values) == max(row[name] for row in whole["rows"])
            assert min(values) == min(row[name] for row in whole["rows"])
    assert client.series(FIRST, query | {"downsample": points})["rows"] == rows


def test_an_unknown_experiment_is_not_found_whatever_is_asked_of_it(client) -> None:
    for query in ("", "metric_names=loss", "step_range=1:2&downsample=5"):
        assert client.refused("/v2/experiments/nope/metrics/fast", query, status=404) == "Experiment nope not found"


def test_unknown_parameters_are_refused(client) -> None:
    sentence = client.refused(f"/v2/experiments/{FIRST}/metrics/fast", "metrics=loss")
    assert sentence == "Unknown parameter 'metrics': allowed are metric_names, step_range, downsample"
