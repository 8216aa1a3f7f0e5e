from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources.runicorn import RunRecord, SharedFiles, find_run_directories, read_run


def read_root(root: Path) -> dict[str, RunRecord]:
    """Every run of a root by its directory."""
    with SharedFiles.read(str(root)) as shared:
        return {
            os.fsdecode(found.path): read_run(str(root), found, shared=shared)
            for found in find_run_directories(str(root))
        }


@pytest.fixture
def real(
    request: pytest.FixtureRequest, scenarios: Callable[[str], dict[str, Any]]
) -> Callable[[str], dict[str, RunRecord]]:
    """The records of a real root by scenario."""

    def read(version: str) -> dict[str, RunRecord]:
        root = request.getfixturevalue(f"real_root_{version.replace('.', '')}")
        records = read_root(root)
        return {name: records[entry["run_dir"]] for name, entry in scenarios(version).items()}

    return read


@pytest.mark.parametrize(("version", "layout"), [("0.4.1", "0.2"), ("0.7.2", "0.7")])
def test_every_run_of_a_real_root_is_read_without_a_problem(
    version: str,
    layout: str,
    real: Callable[[str], dict[str, RunRecord]],
    scenarios: Callable[[str], dict[str, Any]],
) -> None:
    records = real(version)
    for name, entry in scenarios(version).items():
        record = records[name]
        assert (record.id, os.fsdecode(record.path)) == (entry["id"], entry["run_dir"])
        assert (record.layout, record.problems) == (layout, ())
        assert record.hostname == "gpu01"
        assert record.pid is not None
        assert record.started_at is not None
        assert abs(record.created_at - record.started_at) < 1
        assert record.pid == entry.get("pid", record.pid)


@pytest.mark.parametrize("version", ["0.4.1", "0.7.2"])
def test_reading_a_root_changes_nothing_in_it(
    version: str, request: pytest.FixtureRequest, snapshot: Callable[[Path], Any]
) -> None:
    root = request.getfixturevalue(f"real_root_{version.replace('.', '')}")
    before = snapshot(root)
    assert read_root(root)
    assert snapshot(root) == before


def test_the_runs_of_041_have_their_projects_and_names(real: Callable[[str], dict[str, RunRecord]]) -> None:
    named = {name: (record.project, record.name) for name, record in real("0.4.1").items()}
    assert named["finished_max"] == ("image_classification", "resnet_baseline")
    assert named["unicode"] == ("图像分类", "实验-α β_☃")
    assert named["deep_path"] == ("cv/detection", "yolo")
    assert named["spaces"] == ("my project", "exp 1 (copy)")
    assert named["default_default"] == ("default", "default")


def test_the_runs_of_072_have_their_projects_and_names(real: Callable[[str], dict[str, RunRecord]]) -> None:
    named = {name: (record.project, record.name) for name, record in real("0.7.2").items()}
    assert named["finished_max"] == ("image_classification", "resnet_baseline")
    assert named["unicode"] == ("unicode_rejected", "实验-α β_☃")
    assert named["deep_path"] == ("cv/detection", "yolo")
    assert named["root_path"] == ("default", "default")
    assert named["default_path"] == ("default", "default")
    assert named["alias_free"] == ("a/b/c/d", "наилучший запуск ☃")
    assert named["tagged_via_api"] == ("image_classification", "renamed alias")
    assert named["soft_deleted"] == ("image_classification", "junk")


def test_the_runs_of_041_have_their_states(real: Callable[[str], dict[str, RunRecord]]) -> None:
    states = {name: (record.recorded_status, record.exit_reason) for name, record in real("0.4.1").items()}
    crashed = {"exception_no_finish", "exception_with", "exit_no_finish", "sigint", "sigterm", "sigkill"}
    other = {
        "status_failed": ("failed", None),
        "status_interrupted": ("interrupted", None),
        "status_completed": ("finished", "completed"),
        "status_weird-status": ("finished", "weird-status"),
    }
    for name, state in states.items():
        assert state == (("running", None) if name in crashed else other.get(name, ("finished", None)))
    assert {name for name, record in real("0.4.1").items() if record.ended_at is None} == crashed


@pytest.mark.parametrize("version", ["0.4.1", "0.7.2"])
def test_the_best_metric_is_the_recorded_one(version: str, real: Callable[[str], dict[str, RunRecord]]) -> None:
    best = {
        name: (r.best_metric_name, r.best_metric_value, r.best_metric_step, r.best_metric_mode)
        for name, r in real(version).items()
    }
    assert best["finished_max"] == ("accuracy", 0.981011, 100, "max")
    assert best["finished_min"] == ("val_loss", 0.020833, 480, "min")
    assert best["finished_no_primary"] == (None, None, None, None)
    # Not finite: none, though the database of 0.7.2 has infinity.
    assert best["nan_inf"] == ("score", None, 3, "max")
    assert best["nan_first"] == ("score", None, 1, "max")
    # A crashed run has it in the database only.
    known = ("accuracy", 0.976979, 20, "max") if version == "0.7.2" else (None, None, None, None)
    assert best["sigkill"] == known


def test_tags_and_description_are_gathered_from_every_home(real: Callable[[str], dict[str, RunRecord]]) -> None:
    old = real("0.4.1")["finished_max"]
    assert (old.tags, old.description) == (("baseline", "keep", "production"), "the reference run")
    new = real("0.7.2")
    assert (new["finished_max"].tags, new["finished_max"].description) == (
        ("baseline", "production"),
        "the reference run",
    )
    assert new["tagged_via_api"].tags == ("baseline", "prod")


def test_parameters_come_from_summary_and_from_the_arguments(real: Callable[[str], dict[str, RunRecord]]) -> None:
    assert real("0.4.1")["finished_max"].params == {"notes": "free-form summary field", "final_epoch": 100}
    assert real("0.7.2")["assets"].params == {"lr": 0.1, "bs": 64}
    assert real("0.7.2")["assets"].flat_params == (("lr", "0.1", 0.1), ("bs", "64", 64.0))


@pytest.mark.parametrize(("version", "deleted_at"), [("0.4.1", 1795304862.0517464), ("0.7.2", 1795304818.8165545)])
def test_only_what_the_original_deleted_is_deleted(
    version: str, deleted_at: float, real: Callable[[str], dict[str, RunRecord]]
) -> None:
    deleted = {name: record for name, record in real(version).items() if record.deleted_at is not None}
    assert set(deleted) == {"soft_deleted"}
    record = deleted["soft_deleted"]
    assert (record.deleted_at, record.delete_reason, record.has_marker) == (deleted_at, "user_deleted", True)
    assert record.is_recycled == (version == "0.7.2")


def test_the_environment_and_the_time_of_events_are_seen(real: Callable[[str], dict[str, RunRecord]]) -> None:
    records = real("0.4.1")
    assert {name for name, record in records.items() if record.has_environment} == {"finished_max"}
    assert records["empty"].events_changed_at is None
    assert records["finished_max"].events_changed_at is not None
