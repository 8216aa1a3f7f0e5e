from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runicorn_db import looking, readers
from runicorn_db.looking import Looks
from runicorn_db.query import ExperimentQuery
from runicorn_db.sources.directories import find_run_directories
from runicorn_db.sources.signatures import full_signatures
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.runs import CREATED, append_events, write_json, write_run

Runs = list[tuple[bytes, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for number in range(40):
        write_run(folder, f"run-{number:02d}", name=f"näme {number % 3}", steps=[{"loss": 1.0}])
    return folder


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "FEWEST_SHARED", 2)
    monkeypatch.setattr(readers, "cores", lambda: 2)


@pytest.fixture
def runs(root: Path) -> Runs:
    """The runs of `root` with their signatures, one of them out of date."""
    paths = [run.path for run in find_run_directories(str(root))]
    signatures = full_signatures(str(root), [(path, "") for path in paths])
    append_events(root / "vision/näme 0/runs/run-39", [{"loss": 0.5}], first=2)
    return list(zip(paths, signatures, strict=True))


@pytest.fixture
def looks(root: Path, runs: Runs, shared: None) -> Iterator[Looks]:
    looks = Looks(str(root), dict(runs), lambda: None)
    yield looks
    looks.close()
    assert children() == []


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_two_processes_see_what_one_sees(root: Path, runs: Runs, looks: Looks) -> None:
    assert len(children()) == 1
    expected = full_signatures(str(root), runs)
    assert looks.signatures(runs[:7]) + looks.signatures(runs[7:]) == expected
    assert [now for now, (_, before) in zip(expected, runs, strict=True) if now != before]
    unknown = [(b"nowhere", ""), *runs[-2:]]
    assert looks.signatures(unknown) == full_signatures(str(root), unknown)


def test_what_a_process_that_died_did_not_see_is_seen_here(root: Path, runs: Runs, looks: Looks) -> None:
    for process in children():
        process.kill()
    assert looks.signatures(runs) == full_signatures(str(root), runs)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("program", ["", "/nowhere/python", "/bin/false", "/bin/cat"])
def test_without_a_second_process_everything_is_seen_here(
    program: str, root: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    looks = Looks(str(root), dict(runs), lambda: None)
    assert looks.signatures(runs) == full_signatures(str(root), runs)
    looks.close()


def test_few_runs_are_looked_at_without_a_process(root: Path, runs: Runs) -> None:
    looks = Looks(str(root), dict(runs), lambda: None)
    assert children() == []
    assert looks.signatures(runs) == full_signatures(str(root), runs)
    looks.close()


@pytest.mark.usefixtures("shared")
def test_a_sync_with_two_processes_notices_what_it_must(root: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        assert sync(store).added == 40
        assert (sync(store).changed, sync(store).unchanged) == (0, 40)
        for number in (0, 38):
            run = root / f"vision/näme {number % 3}/runs/run-{number:02d}"
            write_json(run / "status.json", {"status": "failed", "started_at": CREATED, "ended_at": CREATED + 5})
        append_events(root / "vision/näme 0/runs/run-39", [{"loss": 0.5}], first=2)
        (root / "vision/näme 1/runs/run-37").rename(tmp_path / "aside")
        report = sync(store)
        assert (report.changed, report.missing, report.unchanged) == (3, 1, 36)
        assert store.find(ExperimentQuery()).total == 39
    assert children() == []
