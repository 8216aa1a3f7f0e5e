"""Aggregates against plain Python."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db import conditions, summaries
from runicorn_db.criteria import STATUSES
from runicorn_db.filter_language import parse
from runicorn_db.query import ExperimentQuery, ProjectSummary, Summary
from runicorn_db.store import Store
from tests.db import model
from tests.db.model import Row
from tests.db.strategies import DAY, NOW, QUERIES, ROW_LISTS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An index with roots, whose clock stands still."""
    folder = tmp_path_factory.mktemp("summaries")
    clock = SimpleNamespace(time=lambda: NOW)
    with pytest.MonkeyPatch.context() as patch, Store(folder / "index.db") as opened:
        patch.setattr(conditions, "time", clock)
        patch.setattr(summaries, "time", clock)
        model.add_roots(opened, folder)
        yield opened


def summarised(store: Store, rows: Sequence[Row], query: ExperimentQuery | None = None) -> Summary:
    model.clear(store)
    model.insert(store, rows)
    return store.summary(query or ExperimentQuery())


def rate(rows: Sequence[Row]) -> float | None:
    ended = [row for row in rows if row.status != "running"]
    return sum(row.status == "finished" for row in ended) / len(ended) if ended else None


@given(ROW_LISTS, QUERIES)
def test_aggregates_are_those_of_what_the_list_shows(store: Store, rows: list[Row], query: ExperimentQuery) -> None:
    summary = summarised(store, rows, query)
    folders = model.folders_of(store)
    asked = [row for row in rows if model.matches(row, replace(query, include_deleted=True), NOW, folders)]
    active = [row for row in asked if row.deleted_at is None and not row.is_missing]
    assert summary.active == len(active)
    assert summary.deleted == sum(row.deleted_at is not None for row in asked)
    assert summary.total == summary.active + summary.deleted
    assert summary.by_status == {status: sum(row.status == status for row in active) for status in STATUSES}
    assert summary.success_rate == rate(active)
    assert summary.size_bytes == sum(row.size_bytes or 0 for row in active)
    check_durations(summary, [row.duration_seconds for row in active if row.duration_seconds is not None])
    check_days(summary, active)
    assert [project.project for project in summary.by_project] == [
        name for name, _ in sorted(Counter(row.project for row in active).items(), key=lambda item: (-item[1], item[0]))
    ]
    for project in summary.by_project:
        check_project(project, [row for row in active if row.project == project.project])


def check_durations(summary: Summary, durations: list[float]) -> None:
    assert math.isclose(summary.duration_total, math.fsum(durations), rel_tol=1e-12)
    if not durations:
        assert (summary.duration_mean, summary.duration_median, summary.duration_p95) == (None, None, None)
        return
    assert summary.duration_mean is not None
    assert summary.duration_p95 is not None
    assert math.isclose(summary.duration_mean, statistics.fmean(durations), rel_tol=1e-12)
    assert summary.duration_median is not None
    assert math.isclose(summary.duration_median, statistics.median(durations), rel_tol=1e-12)
    twice = durations if len(durations) > 1 else durations * 2
    assert math.isclose(
        summary.duration_p95, statistics.quantiles(twice, n=100, method="inclusive")[94], rel_tol=1e-9, abs_tol=1e-9
    )


def check_days(summary: Summary, active: list[Row]) -> None:
    today = datetime.fromtimestamp(NOW, UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in reversed(range(30))]
    began = datetime.fromisoformat(days[0]).replace(tzinfo=UTC).timestamp()
    recent = [row.created_at for row in active if began <= row.created_at < began + 30 * DAY]
    counts = Counter(datetime.fromtimestamp(at, UTC).date().isoformat() for at in recent)
    assert summary.created_per_day == tuple((day, counts[day]) for day in days)


def check_project(project: ProjectSummary, rows: list[Row]) -> None:
    assert project.total == len(rows)
    assert project.by_status == Counter(row.status for row in rows)
    assert project.success_rate == rate(rows)
    assert project.last_created_at == max(row.created_at for row in rows)
    assert project.size_bytes == sum(row.size_bytes or 0 for row in rows)
    best = Counter(
        (row.best_metric_name, row.best_metric_mode or "max")
        for row in rows
        if row.best_metric_name is not None and row.best_metric_value is not None
    )
    if not best:
        assert (project.best_metric_name, project.best_metric_value) == (None, None)
        return
    allowed = {
        (name, (min if mode == "min" else max)(values_of(rows, name, mode)))
        for (name, mode), count in best.items()
        if count == max(best.values())
    }
    assert (project.best_metric_name, project.best_metric_value) in allowed


def values_of(rows: list[Row], name: str, mode: str) -> list[float]:
    return [
        row.best_metric_value
        for row in rows
        if row.best_metric_name == name
        and (row.best_metric_mode or "max") == mode
        and row.best_metric_value is not None
    ]


@pytest.mark.parametrize("text", ["", "status:failed", "is:deleted", "is:missing"])
def test_an_empty_index_has_a_summary_of_nothing(store: Store, text: str) -> None:
    summary = summarised(store, [], ExperimentQuery(filter=parse(text)[0]))
    assert (summary.total, summary.active, summary.deleted, summary.size_bytes) == (0, 0, 0, 0)
    assert summary.by_status == dict.fromkeys(STATUSES, 0)
    assert (summary.success_rate, summary.duration_mean, summary.duration_median) == (None, None, None)
    assert (summary.duration_total, summary.by_project) == (0, ())
    assert len(summary.created_per_day) == 30
    assert {count for _, count in summary.created_per_day} == {0}


@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=30))
@settings(max_examples=50)
def test_the_95th_percentile_lies_between_the_two_nearest_durations(store: Store, durations: list[float]) -> None:
    rows = [Row(id=str(number), duration_seconds=duration) for number, duration in enumerate(durations)]
    check_durations(summarised(store, rows), durations)


def test_success_leaves_out_what_still_runs(store: Store) -> None:
    rows = [Row(id=status, status=status) for status in STATUSES]
    assert summarised(store, rows).success_rate == 1 / 3
    assert summarised(store, [rows[0]]).success_rate is None


def test_the_best_of_a_project_is_that_of_its_most_used_metric_in_its_direction(store: Store) -> None:
    def row(number: int, name: str, value: float, mode: str | None) -> Row:
        return Row(id=str(number), best_metric_name=name, best_metric_value=value, best_metric_mode=mode)

    rows = [row(1, "loss", 0.5, "min"), row(2, "loss", 0.25, "min"), row(3, "acc", 0.9, "max")]
    (project,) = summarised(store, rows).by_project
    assert (project.best_metric_name, project.best_metric_value) == ("loss", 0.25)
    (project,) = summarised(store, [*rows, row(4, "acc", 0.8, None), row(5, "acc", 0.7, "max")]).by_project
    assert (project.best_metric_name, project.best_metric_value) == ("acc", 0.9)


def test_days_are_those_of_utc(store: Store) -> None:
    midnight = datetime.fromtimestamp(NOW, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    rows = [Row(id="yesterday", created_at=midnight - 0.001), Row(id="today", created_at=midnight)]
    assert [count for _, count in summarised(store, rows).created_per_day[-2:]] == [1, 1]


def test_what_is_in_the_trash_counts_in_the_total_alone(store: Store) -> None:
    rows = [Row(id="live", size_bytes=1), Row(id="gone", size_bytes=2, deleted_at=NOW), Row(id="lost", is_missing=True)]
    summary = summarised(store, rows)
    assert (summary.total, summary.active, summary.deleted, summary.size_bytes) == (2, 1, 1, 1)
