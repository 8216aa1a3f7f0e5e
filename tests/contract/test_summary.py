from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from runicorn_db.criteria import STATUSES
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery
from tests.contract.conftest import Lab
from tests.db import model
from tests.db.model import Row

FIELDS = [
    "total",
    "active",
    "deleted",
    "by_status",
    "success_rate",
    "duration_seconds",
    "by_project",
    "created_per_day",
    "size_bytes",
    "query_time_ms",
]


def rate(rows: list[Row]) -> float | None:
    ended = [row for row in rows if row.status != "running"]
    return sum(row.status == "finished" for row in ended) / len(ended) if ended else None


@pytest.mark.says("summary.shape", "summary.filters", "summary.counts", "summary.rate")
@pytest.mark.parametrize(
    "asked",
    [{}, {"project": "words"}, {"status": "failed,running"}, {"tags": "keep"}, {"search": "a"},
     {"best_metric_min": 0.5}, {"created_after": 1_735_689_600.0}, {"roots": "nas_1"}, {"filter": "-tag:keep or acc>0"},
     {"project": "nobody's"}, {"status": "running"}, {"include_deleted": "true"}],
)  # fmt: skip
def test_a_summary_counts_what_the_list_finds(lab: Lab, asked: dict[str, Any]) -> None:
    summary = lab.client.get("/v2/analytics/summary", urlencode(asked))
    assert list(summary) == FIELDS
    known = dict(asked)
    known.pop("include_deleted", None)
    for name in ("status", "tags", "roots"):
        if name in known:
            known[name] = tuple(known[name].split(","))
    if "filter" in known:
        known["filter"] = parse(known["filter"])[0]
    whole = model.answer(lab.rows, ExperimentQuery(include_deleted=True, **known), time.time(), lab.folders)
    rows = [lab.recorded[name].row for name in whole]
    active = [row for row in rows if row.deleted_at is None]
    assert (summary["total"], summary["active"]) == (len(rows), len(active))
    assert summary["deleted"] == len(rows) - len(active)
    assert summary["by_status"] == {word: sum(row.status == word for row in active) for word in STATUSES}
    assert summary["success_rate"] == pytest.approx(rate(active))
    assert summary["size_bytes"] == sum(row.size_bytes or 0 for row in active)
    check_durations(summary["duration_seconds"], [r.duration_seconds for r in active if r.duration_seconds is not None])
    check_projects(summary["by_project"], active)


def check_durations(told: Any, durations: list[float]) -> None:
    assert list(told) == ["mean", "median", "p95", "total"]
    assert told["total"] == pytest.approx(sum(durations))
    if not durations:
        assert told["mean"] is told["median"] is told["p95"] is None
        return
    assert told["mean"] == pytest.approx(statistics.mean(durations))
    assert min(durations) <= told["median"] <= told["p95"] <= max(durations)


def check_projects(told: list[Any], active: list[Row]) -> None:
    assert {project["project"] for project in told} == {row.project for row in active}
    assert len(told) == len({row.project for row in active})
    for project in told:
        rows = [row for row in active if row.project == project["project"]]
        assert project["total"] == len(rows)
        assert project["success_rate"] == pytest.approx(rate(rows))
        assert project["last_created_at"] == max(row.created_at for row in rows)
        assert project["size_bytes"] == sum(row.size_bytes or 0 for row in rows)
        assert sum(project["by_status"].values()) == len(rows)


@pytest.mark.says("summary.days")
def test_days_are_the_last_thirty_and_none_is_left_out(lab: Lab) -> None:
    days = lab.client.get("/v2/analytics/summary")["created_per_day"]
    last = datetime.fromisoformat(days[-1]["date"]).replace(tzinfo=UTC)
    assert [day["date"] for day in days] == [f"{last - timedelta(days=29 - n):%Y-%m-%d}" for n in range(30)]
    assert abs(datetime.now(UTC) - last) < timedelta(days=2)
    assert all(isinstance(day["count"], int) for day in days)


@pytest.mark.says("summary.filters", "all.unknown-parameter")
@pytest.mark.parametrize("name", ["page", "per_page", "order_by", "order_desc", "cursor", "fields"])
def test_a_summary_has_no_pages(lab: Lab, name: str) -> None:
    assert lab.client.refused("/v2/analytics/summary", {name: "1"}).startswith(f"Unknown parameter '{name}'")


@pytest.mark.says("health.shape")
def test_health_tells_what_is_written_down(lab: Lab) -> None:
    health = lab.client.get("/health")
    documented = ["status", "version", "timestamp", "syncing", "database", "experiments", "roots"]
    assert [name for name in health if name in documented] == documented
    assert (health["status"], health["syncing"]) == ("ok", False)
    assert isinstance(health["timestamp"], float)
    assert abs(health["timestamp"] - time.time()) < 60
    assert list(health["database"]) == ["path", "size_bytes", "schema_version", "sqlite_version"]
    assert health["experiments"] == sum(row.deleted_at is None for row in lab.rows)
    assert {root["name"] for root in health["roots"]} == set(lab.folders)
    assert sum(root["experiments"] for root in health["roots"]) == len(lab.rows)
