"""The examples of the V2 documentation, each asked over a socket as it is written there."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync

ID = "20250114_153045_a1b2c3"
OTHER = "20250114_120000_d4e5f6"


@pytest.fixture
def documented(store: Store, serve, runs, root_writer):
    """A server whose experiments are those of the documentation, among others."""
    first = replace(
        runs[0], id=ID, project="image_classification", created_at=1704067200.0, seconds=3600.0, description=None
    )
    root_writer((first, replace(runs[1], id=OTHER, project="image_classification", created_at=1704067300.0)))
    sync(store)
    return serve(store)


def get_all_experiments(client, project: str | None = None, per_page: int = 100) -> list[dict[str, Any]]:
    experiments: list[dict[str, Any]] = []
    page = 1
    while True:
        asked = {"project": project, "page": page, "per_page": per_page}
        data = client.list({name: value for name, value in asked.items() if value is not None})
        experiments.extend(data["experiments"])
        if not data["has_next"]:
            return experiments
        page += 1


def test_finished_experiments_from_last_week(documented) -> None:
    data = documented.list(
        "status=finished&created_after=1703980800&page=1&per_page=20&order_by=created_at&order_desc=true"
    )
    times = [experiment["created_at"] for experiment in data["experiments"]]
    assert times == sorted(times, reverse=True)
    assert (data["total"], data["page"], data["per_page"], data["has_next"], data["has_prev"]) == (
        6,
        1,
        20,
        False,
        False,
    )


def test_searching_for_baseline_with_high_accuracy(documented) -> None:
    data = documented.list(
        {"search": "baseline", "best_metric_min": 0.9, "status": "finished", "page": 1, "per_page": 50,
         "order_by": "best_metric_value", "order_desc": True}
    )  # fmt: skip
    lines = [f"{e['id']}: {e['best_metric_name']}={e['best_metric_value']:.4f}" for e in data["experiments"]]
    assert lines == ["20240101_120000_000001: accuracy=0.9542", f"{ID}: accuracy=0.9542"]
    assert data["query_time_ms"] >= 0


def test_the_paging_loop_fetches_everything(documented) -> None:
    assert len(get_all_experiments(documented, per_page=3)) == 10
    assert [e["id"] for e in get_all_experiments(documented, "image_classification", 1)] == [OTHER, ID]


def test_the_generated_query_with_four_filters(documented) -> None:
    query = "project=image_classification&status=finished,failed&created_after=1704067200&best_metric_min=0.9"
    data = documented.list(query + "&order_by=best_metric_value&order_desc=true&page=2&per_page=50")
    assert (data["experiments"], data["total"], data["has_next"], data["has_prev"]) == ([], 1, False, True)
    assert documented.ids(query) == [ID]


def test_the_list_item_of_the_documentation(documented) -> None:
    item = documented.list("project=image_classification&name=resnet_baseline")["experiments"][0]
    assert list(item)[:9] == [
        "id", "project", "name", "status", "created_at", "best_metric_name", "best_metric_value", "pid", "run_dir",
    ]  # fmt: skip
    assert (item["id"], item["created_at"], item["best_metric_value"]) == (ID, 1704067200.0, 0.9542)
    assert item["run_dir"].endswith(f"/image_classification/resnet_baseline/runs/{ID}")


def test_the_detail_of_the_documentation(documented) -> None:
    detail = documented.get(f"/v2/experiments/{ID}")
    experiment = detail["experiment"]
    assert (experiment["created_at"], experiment["ended_at"]) == (1704067200.0, 1704070800.0)
    summary = detail["metrics_summary"]
    assert (summary["total_data_points"], summary["step_range"]) == (1000, {"min": 1, "max": 1000})
    assert set(summary["available_metrics"]) == {"loss", "accuracy", "learning_rate"}


def test_specific_metrics(documented) -> None:
    data = documented.series(ID, "metric_names=loss,accuracy")
    assert data["columns"] == ["global_step", "loss", "accuracy"]
    assert len(data["rows"]) == data["total_points"] == 1000
    filters = {"metrics": ["loss", "accuracy"], "step_range": None, "downsampled": False}
    assert {name: data["applied_filters"][name] for name in filters} == filters


def test_a_step_range(documented) -> None:
    data = documented.series(ID, {"metric_names": "loss,accuracy", "step_range": "100:500"})
    assert [row["global_step"] for row in data["rows"]] == list(range(100, 501))
    assert data["applied_filters"]["step_range"] == [100, 500]


def test_downsampling_for_a_chart(documented) -> None:
    data = documented.series(ID, {"metric_names": "accuracy", "downsample": 100})
    steps = [row["global_step"] for row in data["rows"]]
    assert 50 <= len(steps) <= 100
    assert (steps[0], steps[-1]) == (1, 1000)
    assert all(isinstance(row["accuracy"], float) for row in data["rows"])
    assert data["applied_filters"]["downsampled"] is True


def test_the_batch_delete_of_the_documentation(documented) -> None:
    answer = documented.post("batch-delete", {"exp_ids": [ID, OTHER], "reason": "cleanup_old_experiments"})
    assert (answer["deleted"], answer["failed"], answer["results"]) == (2, 0, {ID: True, OTHER: True})


def test_query_times_can_be_collected(documented) -> None:
    times = [documented.list({"page": page + 1, "per_page": 50})["query_time_ms"] for page in range(10)]
    assert statistics.mean(times) >= 0
    assert statistics.quantiles(times, n=20)[18] >= 0


def test_the_search_box_of_the_documentation(documented) -> None:
    data = documented.list({"search": "resnet", "page": 1, "per_page": 10})
    assert data["total"] == len(data["experiments"]) == 5


def test_the_errors_of_the_documentation(documented) -> None:
    assert documented.get(f"/v2/experiments/{ID}/metrics/fast", "step_range=100-500", status=400) == {
        "detail": "Invalid step_range format, use 'min:max'"
    }
    assert documented.get("/v2/experiments/20250114_999999_zzz999", status=404) == {
        "detail": "Experiment 20250114_999999_zzz999 not found"
    }
    assert documented.post("batch-delete", {"exp_ids": [f"{ID}{n}" for n in range(1001)]}, status=400) == {
        "detail": "Cannot delete more than 1000 experiments at once"
    }


def test_every_successful_answer_of_v2_carries_its_query_time(documented) -> None:
    answers = [
        documented.list(),
        documented.get(f"/v2/experiments/{ID}"),
        documented.series(ID),
        documented.get("/v2/analytics/summary"),
        documented.post("batch-delete", {"exp_ids": [ID], "dry_run": True}),
        documented.post("batch-delete", {"exp_ids": [ID]}),
        documented.post("batch-restore", {"exp_ids": [ID]}),
        documented.post("delete-matching", {"query": {"project": "vision"}, "expected_total": 3}),
    ]
    for answer in answers:
        assert isinstance(answer["query_time_ms"], float)
        assert answer["query_time_ms"] == round(answer["query_time_ms"], 2) >= 0
