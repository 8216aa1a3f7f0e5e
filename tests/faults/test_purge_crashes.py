"""A purge is killed at any moment, or the system refuses any of its steps: what is true stays true."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run

_PURGER = """
import sys
from runicorn_db.store import Store
print("ready", flush=True)
with Store(sys.argv[1]) as store:
    result = store.purge(store.trash(), source="cli")
    print(result.purged, *sorted(result.errors.values()), sep="|", flush=True)
"""
_RUN_FILES = {"meta.json", "status.json", "events.jsonl", ".deleted", "media"}


def make_root(folder: Path, names: list[str]) -> None:
    for name in names:
        run = write_run(folder, name, steps=[{"loss": 1.0}])
        (run / "media").mkdir()
        for number in range(3):
            (run / "media" / f"{number}.png").write_bytes(b"x" * 100)


def trash_everything(index: Path, root: Path) -> None:
    with Store(index) as store:
        store.add_root(root)
        sync(store)
        store.delete(store.ids(ExperimentQuery()), source="tui")
        store.flush_outbox()


def check_and_settle(index: Path, root: Path, names: list[str]) -> None:
    """Each experiment is whole and in the trash, or gone from disk and index and in the journal."""
    runs = root / "vision/resnet/runs"
    with Store(index) as store:
        store.flush_outbox()
        trashed = set(store.id_list(store.trash()))
        records = store.purges(10_000)
        assert [record.problem for record in records if record.problem] == []
        assert trashed | {record.id for record in records} == set(names)
        assert trashed.isdisjoint(record.id for record in records)
        assert {path.name for path in runs.iterdir()} == trashed
        assert all({path.name for path in (runs / name).iterdir()} == _RUN_FILES for name in trashed)
        assert sum(batch.remaining for batch in store.batches()) == len(trashed)
        assert sorted(os.listdir(root)) == ["vision"]
        with store.database.snapshot() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        sync(store)
        assert set(store.id_list(store.trash())) == trashed


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_a_purge_that_is_killed_at_any_moment_leaves_nothing_half_done(tmp_path: Path) -> None:
    chance = random.Random(7)
    killed_midway = 0
    for number in range(scaled(8, 1000)):
        root, index = tmp_path / f"root{number}", tmp_path / f"{number}.db"
        names = [f"run-{each:03d}" for each in range(120)]
        make_root(root, names)
        trash_everything(index, root)
        process = subprocess.Popen([sys.executable, "-c", _PURGER, index], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process, process.stdout:
            process.stdout.readline()
            # After so many runs are gone, and then at no moment in particular.
            at_least = chance.randrange(len(names))
            while len(os.listdir(root / "vision/resnet/runs")) > len(names) - at_least and process.poll() is None:
                pass
            moment = time.perf_counter() + chance.random() * 0.01
            while time.perf_counter() < moment:
                pass
            process.send_signal(signal.SIGKILL)
        with Store(index) as store:
            killed_midway += 0 < len(store.trash()) < len(names)
        check_and_settle(index, root, names)
        shutil.rmtree(root)
    assert killed_midway


STRACE = shutil.which("strace")


def unmeasured() -> dict[str, str]:
    """An environment without what measures coverage, which writes files too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}


def strace(index: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert STRACE is not None
    command = [STRACE, "-f", "-o", "/dev/null", *options, sys.executable, "-c", _PURGER, str(index)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=unmeasured())


def can_inject() -> bool:
    if STRACE is None:
        return False
    command = [STRACE, "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


needs_strace = pytest.mark.skipif(not can_inject(), reason="needs strace that may inject")


@needs_strace
@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("syscall", ["renameat", "unlinkat", "fdatasync", "fsync", "mkdirat", "openat", "pwrite64"])
def test_a_purge_killed_at_each_step_is_settled_by_the_next(tmp_path: Path, syscall: str) -> None:
    names = ["one", "two"]
    steps = {"openat": range(200, 460, scaled(60, 1)), "pwrite64": range(1, 40, scaled(9, 1))}
    for step in steps.get(syscall, range(1, 24, scaled(4, 1))):
        root, index = tmp_path / f"root{step}", tmp_path / f"{step}.db"
        make_root(root, names)
        trash_everything(index, root)
        # Of both names, since which one is called differs by machine.
        calls = "rename,renameat,renameat2" if syscall == "renameat" else syscall
        strace(index, "-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={step}")
        check_and_settle(index, root, names)


@needs_strace
@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EMFILE"])
@pytest.mark.parametrize("syscall", ["renameat", "unlinkat", "fsync", "mkdirat", "fdatasync", "pwrite64"])
def test_a_step_that_the_system_refuses_fails_alone_and_the_index_says_what_is_true(
    tmp_path: Path, syscall: str, error: str
) -> None:
    names = ["one", "two", "three"]
    for step in range(1, 24, scaled(8, 1)):
        root, index = tmp_path / f"root{step}", tmp_path / f"{step}.db"
        make_root(root, names)
        trash_everything(index, root)
        calls = "rename,renameat,renameat2" if syscall == "renameat" else syscall
        done = strace(index, "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={step}")
        told = done.stdout.splitlines()
        assert told, done.stderr
        check_and_settle(index, root, names)
