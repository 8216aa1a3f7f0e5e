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
from tests.faults.injected import Injected, needs_strace

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


def check_and_settle(index: Path, root: Path, names: list[str], *, may_leave_folder: bool = False) -> None:
    """Each experiment is whole and in the trash, or gone from disk and index and in the journal.

    `may_leave_folder`: without anything in it, for the next purge to use and `doctor` to tell of.
    """
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
        aside = root / ".runicorn-tui-purge"
        assert set(os.listdir(root)) == {"vision"} | ({aside.name} if may_leave_folder and aside.exists() else set())
        assert not any(path.is_file() or path.is_symlink() for path in aside.rglob("*"))
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
        names = [f"run-{each:03d}" for each in range(60)]
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


# How often a purge of two or three makes each call, with a little to spare; how many of these the suite passes over.
CALLS = {
    # Of all its names, since which one is called differs by machine.
    "rename,renameat,renameat2": (4, 1),
    "unlinkat": (32, 7),
    "fdatasync": (8, 2),
    "fsync": (3, 1),
    "mkdirat": (10, 3),
    "openat": (160, 35),
    "pwrite64": (100, 21),
}


def calls_of(name: str) -> str:
    return name.partition(",")[0]


@needs_strace
@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("call", CALLS, ids=calls_of)
def test_a_purge_killed_at_each_step_is_settled_by_the_next(tmp_path: Path, injected: Injected, call: str) -> None:
    names = ["one", "two"]
    calls, passed_over = CALLS[call]
    killed = 0
    for step in range(1, calls + 1, scaled(passed_over, 1)):
        root, index = tmp_path / f"root{step}", tmp_path / f"{step}.db"
        make_root(root, names)
        trash_everything(index, root)
        done = injected.run(_PURGER, index, calls=call, inject=f"signal=SIGKILL:when={step}")
        killed += done.returncode == -signal.SIGKILL
        check_and_settle(index, root, names)
    assert killed


@needs_strace
@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EMFILE"])
@pytest.mark.parametrize("call", [call for call in CALLS if call != "openat"], ids=calls_of)
def test_a_step_that_the_system_refuses_fails_alone_and_the_index_says_what_is_true(
    tmp_path: Path, injected: Injected, call: str, error: str
) -> None:
    names = ["one", "two", "three"]
    calls, passed_over = CALLS[call]
    for step in range(1, calls + 1, scaled(2 * passed_over, 1)):
        root, index = tmp_path / f"root{step}", tmp_path / f"{step}.db"
        make_root(root, names)
        trash_everything(index, root)
        done = injected.run(_PURGER, index, calls=call, inject=f"error={error}:when={step}")
        assert done.stdout, done.stderr
        check_and_settle(index, root, names, may_leave_folder=call == "unlinkat")
