from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runicorn_db.store import Store
from runicorn_db.sync import sync


def test_a_summary_has_the_documented_shape(client, runs) -> None:
    summary = client.get("/v2/analytics/summary")
    assert list(summary) == [
        "total", "active", "deleted", "by_status", "success_rate", "duration_seconds", "by_project", "created_per_day",
        "size_bytes", "query_time_ms",
    ]  # fmt: skip
    assert (summary["total"], summary["active"], summary["deleted"]) == (8, 8, 0)
    assert summary["by_status"] == {"running": 1, "finished": 4, "failed": 2, "interrupted": 1}
    assert summary["success_rate"] == pytest.approx(4 / 7)
    seconds = [run.seconds for run in runs if run.seconds is not None]
    assert list(summary["duration_seconds"]) == ["mean", "median", "p95", "total"]
    assert summary["duration_seconds"]["total"] == sum(seconds)
    assert summary["duration_seconds"]["mean"] == pytest.approx(sum(seconds) / 7)
    assert summary["duration_seconds"]["median"] == 600
    vision = next(project for project in summary["by_project"] if project["project"] == "vision")
    assert list(vision) == [
        "project", "total", "by_status", "success_rate", "best_metric_name", "best_metric_value", "last_created_at",
        "size_bytes",
    ]  # fmt: skip
    assert (vision["total"], vision["best_metric_name"], vision["best_metric_value"]) == (3, "accuracy", 0.9542)
    assert summary["size_bytes"] == sum(project["size_bytes"] for project in summary["by_project"])


def test_days_are_the_last_thirty_and_none_is_left_out(store: Store, serve, runs, root_writer) -> None:
    now = time.time()
    root_writer((replace(runs[1], id="today", created_at=now), replace(runs[1], id="old", created_at=now - 5 * 86400)))
    sync(store)
    days = serve(store).get("/v2/analytics/summary")["created_per_day"]
    today = datetime.fromtimestamp(now, UTC).date()
    assert [day["date"] for day in days] == [(today - timedelta(days=back)).isoformat() for back in range(29, -1, -1)]
    assert [day["count"] for day in days if day["count"]] == [1, 1]
    assert days[-1]["count"] == days[-6]["count"] == 1


@pytest.mark.parametrize(
    ("query", "active"),
    [("project=vision", 3), ("status=failed,running", 3), ("tags=keep", 2), ("search=resnet", 3),
     ("filter=best%3E0.9", 1), ("created_after=1704135600", 1),
     ("best_metric_max=0", 2), ("roots=nowhere", 0), ("include_deleted=1", 8)],
)  # fmt: skip
def test_a_summary_takes_the_filters_of_the_list(client, query: str, active: int) -> None:
    summary = client.get("/v2/analytics/summary", query)
    assert summary["active"] == active == client.list(query)["total"]
    assert sum(summary["by_status"].values()) == active


def test_what_is_deleted_counts_in_the_total_alone(writable) -> None:
    writable.post("batch-delete", {"exp_ids": ["20240101_120000_000001"]})
    summary = writable.get("/v2/analytics/summary", "project=vision")
    assert (summary["total"], summary["active"], summary["deleted"]) == (3, 2, 1)
    assert summary["by_status"]["finished"] == 1


def test_a_summary_of_nothing_has_no_rates(empty_store: Store, serve) -> None:
    summary = serve(empty_store).get("/v2/analytics/summary")
    assert (summary["total"], summary["success_rate"], summary["by_project"]) == (0, None, [])
    assert summary["duration_seconds"] == {"mean": None, "median": None, "p95": None, "total": 0}


def test_paging_is_refused(client) -> None:
    assert client.refused("/v2/analytics/summary", "page=1").startswith(
        "Unknown parameter 'page': allowed are project, "
    )
