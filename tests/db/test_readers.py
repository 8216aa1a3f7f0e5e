from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from runicorn_db import readers
from runicorn_db.demo import write_demo
from runicorn_db.query import ExperimentQuery
from runicorn_db.readers import Readers
from runicorn_db.sources.signatures import settled
from runicorn_db.store import Store
from runicorn_db.sync import SyncProgress, SyncReport, sync
from tests.db.runs import append_events, write_run

Content = dict[str, list[tuple[object, ...]]]
_TIMES_OF_THE_INDEX = {"added_at", "last_synced_at", "measured_at", "measured_seconds"}
_SIGNATURES = {"signature", "measured_signature"}


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is read in other processes, however little it is."""
    monkeypatch.setattr(readers, "SMALLEST_SHARED_BYTES", 0)
    monkeypatch.setattr(readers, "cores", lambda: 2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Runs with series, texts, damaged lines and without events; two directories have one id."""
    folder = tmp_path / "root"
    for number in range(300):
        steps = [{"loss": float(step), "stage": "train"} for step in range(5)]
        write_run(folder, f"run-{number:03d}", steps=steps if number % 7 else (), summary={"number": number})
    append_events(folder / "vision/resnet/runs/run-001", [{"loss": 1.0, "note": None, "mixed": "text"}, {"mixed": 2}])
    with (folder / "vision/resnet/runs/run-002/events.jsonl").open("ab") as events:
        events.write(b"not json\n")
    write_run(folder, "run-003", name="copy", steps=[{"other": 1.0}])
    (folder / "vision/resnet/runs/run-004/meta.json").write_bytes(b"{")
    return folder


def content(store: Store) -> Content:
    """All rows of all tables, without what only tells when a file was read, or which before which."""
    found: Content = {}
    with store.database.snapshot() as connection:
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_index_%'"
        tables = [name for (name,) in connection.execute(sql) if name not in ("metric_name", "sqlite_sequence")]
        names = dict(connection.execute("SELECT id, name FROM metric_name"))
        for table in tables:
            cursor = connection.execute(f"SELECT * FROM {table}")
            columns = [column for column, *_ in cursor.description]
            rows = [
                tuple(
                    names[value]
                    if column == "metric_id"
                    else settled(value or "")
                    if column in _SIGNATURES and table == "run_directory"
                    else value
                    for column, value in zip(columns, row, strict=True)
                    if column not in _TIMES_OF_THE_INDEX and not (column == "id" and table.startswith("series_"))
                )
                for row in cursor
            ]
            found[table] = sorted(rows, key=repr)
    return found


def indexed(root: Path, path: Path) -> Content:
    with Store(path) as store:
        store.add_root(root)
        assert sync(store).is_complete
        return content(store)


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_processes_make_the_same_index_of_a_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_demo(tmp_path / "demo", 120, steps=30)
    alone = indexed(root, tmp_path / "alone.db")
    monkeypatch.setattr(readers, "SMALLEST_SHARED_BYTES", 0)
    monkeypatch.setattr(readers, "cores", lambda: 2)
    assert indexed(root, tmp_path / "shared.db") == alone
    assert len(alone["experiment"]) == 120
    assert alone["metric"]


@pytest.mark.parametrize("version", ["041", "072"])
def test_processes_make_the_same_index_of_a_real_root(
    version: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = request.getfixturevalue(f"real_root_{version}")
    alone = indexed(root, tmp_path / "alone.db")
    monkeypatch.setattr(readers, "SMALLEST_SHARED_BYTES", 0)
    monkeypatch.setattr(readers, "cores", lambda: 2)
    assert indexed(root, tmp_path / "shared.db") == alone
    assert alone["metric"]


def test_processes_make_the_same_index_of_damaged_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = indexed(root, tmp_path / "alone.db")
    monkeypatch.setattr(readers, "SMALLEST_SHARED_BYTES", 0)
    monkeypatch.setattr(readers, "cores", lambda: 2)
    assert indexed(root, tmp_path / "shared.db") == alone
    assert len(alone["problem"]) == 3


def test_little_is_read_without_processes(root: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        sync(store, progress=lambda _: seen.append(len(children())))
    assert set(seen) == {0}


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("phase", ["list", "series"])
@pytest.mark.parametrize("victims", [1, 2])
def test_what_processes_that_die_had_to_read_is_read_all_the_same(
    phase: str, victims: int, root: Path, tmp_path: Path
) -> None:
    killed: list[psutil.Process] = []

    def kill(progress: SyncProgress) -> None:
        if progress.phase == phase and (progress.done or phase == "series") and not killed:
            killed.extend(children()[:victims])
            for process in killed:
                process.kill()

    with Store(tmp_path / "shared.db") as store:
        store.add_root(root)
        assert sync(store, progress=kill).is_complete
        found = content(store)
    assert len(killed) == victims
    assert found == indexed(root, tmp_path / "again.db")
    assert children() == []


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("program", ["", "/nowhere/python", "/bin/false"])
def test_a_program_that_cannot_start_processes_reads_by_itself(
    program: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = indexed(root, tmp_path / "shared.db")
    monkeypatch.setattr(sys, "executable", program)
    assert indexed(root, tmp_path / "alone.db") == expected


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("phase", ["list", "series"])
def test_a_stop_ends_the_processes_and_the_next_sync_goes_on(phase: str, root: Path, tmp_path: Path) -> None:
    seen: list[SyncProgress] = []
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        report: SyncReport = sync(
            store, progress=seen.append, should_stop=lambda: any(p.phase == phase and p.done for p in seen)
        )
        assert not report.is_complete
        assert children() == []
        assert sync(store).is_complete
        assert store.find(ExperimentQuery()).total == 300
        found = content(store)
    expected = indexed(root, tmp_path / "at-once.db")
    assert found["metric"] == expected["metric"]
    assert found["experiment"] == expected["experiment"]


class Touched(NamedTuple):
    number: int
    is_last: bool = True
    weight: int = 1


class Touch(NamedTuple):
    """A job that leaves a trace when it is done."""

    number: int
    folder: str

    def read(self) -> Iterator[Touched]:
        Path(self.folder, str(self.number)).touch()
        yield Touched(self.number)

    def after(self, piece: Touched) -> Touch:
        return self


@pytest.mark.usefixtures("shared")
def test_reading_goes_on_while_nobody_takes_what_was_read(tmp_path: Path) -> None:
    jobs = [Touch(number, str(tmp_path)) for number in range(500)]
    with closing(Readers()) as reading, closing(reading.read(jobs, [1] * len(jobs), lambda: False)) as pieces:
        numbers = [next(pieces).number]
        while len(os.listdir(tmp_path)) < len(jobs):
            threading.Event().wait(0.01)
        numbers.extend(piece.number for piece in pieces)
    assert sorted(numbers) == list(range(500))


@pytest.mark.usefixtures("shared")
def test_garbage_is_collected_as_before_when_all_is_read(tmp_path: Path) -> None:
    before = gc.get_threshold()
    with closing(Readers()) as one, closing(Readers()) as other:
        for reading in (one, other):
            assert len(list(reading.read([Touch(1, str(tmp_path))], [1], lambda: False))) == 1
            assert gc.get_threshold()[0] > before[0]
        one.close()
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before


_PROGRAM = """
import sys
from runicorn_db import readers
from runicorn_db.store import Store
from runicorn_db.sync import sync
readers.SMALLEST_SHARED_BYTES, readers.cores = 0, lambda: 2
with Store(sys.argv[1]) as store:
    store.add_root(sys.argv[2])
    def wait(progress):
        if progress.phase == sys.argv[3]:
            print(progress.done, flush=True)
            sys.stdin.readline()
    sync(store, progress=wait)
"""


@pytest.fixture
def syncing(root: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program without a guard around its main part, that waits in the midst of a sync."""
    script = tmp_path / "script.py"
    script.write_text(_PROGRAM)
    code = f"import sys; sys.path[:] = {json.dumps(sys.path)}; exec(open({str(script)!r}).read())"
    command = [sys.executable, "-c", code, str(tmp_path / "index.db"), str(root), "series"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_program_that_started_it(by: signal.Signals, syncing: subprocess.Popen[str]) -> None:
    assert syncing.stdout is not None
    assert syncing.stdout.readline() == "0\n"
    started = psutil.Process(syncing.pid).children(recursive=True)
    assert len(started) == 2
    syncing.send_signal(by)
    syncing.wait(timeout=30)
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []
