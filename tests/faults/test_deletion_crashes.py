"""Deleting, restoring and purging is killed at any moment, or the power goes: what was acknowledged holds."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import write_run

LIVE, TRASH, PURGED = "live", "trash", "purged"
NAMES = [f"run-{number:02d}" for number in range(48)]

# Forks a process for each line that it reads, as starting one anew would take most of the time.
_WORKER = """
import json, os, random, sys
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync

def say(*words):
    os.write(1, (json.dumps(words) + "\\n").encode())

def work(path, names, seed):
    chance = random.Random(seed)
    store = Store(path)
    while True:
        act = chance.choice(["delete", "delete", "restore", "restore", "purge"])
        chosen = sorted(chance.sample(names, 2 if act == "purge" else 12))
        say("begin", act, chosen)
        if act == "delete":
            result = store.delete(chosen, source="api").results
        elif act == "restore":
            result = store.restore(chosen).results
        else:
            errors = store.purge(chosen, source="api").errors
            result = {name: name not in errors for name in chosen}
        say("done", act, result)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work(*json.loads(line))
    say("started", child)
    os.waitpid(child, 0)
    say("ended")
"""


class Worker:
    """Processes that change an index, one after the other, and say before and after each act what they do."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _WORKER]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.communicate()

    def _read(self) -> list[Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the worker is gone"
        return json.loads(line)

    def killed(self, index: Path, names: list[str], seed: int, acts: int, seconds: float) -> list[list[Any]]:
        """What one process said until it was killed, `seconds` after it was done with so many acts."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(index), names, seed]) + "\n")
        self._process.stdin.flush()
        said: list[list[Any]] = []
        child = 0
        # The two that tell of the process and of its first act come in any order.
        while not child or len(said) <= 2 * acts:
            words = self._read()
            assert words[0] != "ended", "it ended by itself"
            if words[0] == "started":
                child = words[1]
            else:
                said.append(words)
        moment = time.perf_counter() + seconds
        while time.perf_counter() < moment:
            pass
        os.kill(child, signal.SIGKILL)
        while (words := self._read()) != ["ended"]:
            said.append(words)
        return said


WANTED = {"delete": TRASH, "restore": LIVE, "purge": PURGED}


def expected(states: dict[str, str], said: list[list[Any]]) -> tuple[dict[str, str], str, list[str]]:
    """The states after everything that was acknowledged; the act that was not, and what it would have changed."""
    states = dict(states)
    for begin, done in zip(said[0::2], said[1::2], strict=False):
        assert (begin[0], done[0]) == ("begin", "done")
        for name, is_done in done[2].items():
            # A purge takes only what is in the trash, and nothing takes what is purged.
            assert is_done == (states[name] != PURGED and (done[1] != "purge" or states[name] == TRASH)), (name, done)
            if is_done:
                states[name] = WANTED[done[1]]
    if len(said) % 2 == 0:
        return states, "", []
    _, act, chosen = said[-1]
    takes = (TRASH,) if act in ("purge", "restore") else (LIVE,)
    return states, act, [name for name in chosen if states[name] in takes]


def found(store: Store) -> dict[str, str]:
    known = dict.fromkeys(NAMES, PURGED)
    known |= dict.fromkeys(store.id_list(store.ids(ExperimentQuery())), LIVE)
    return known | dict.fromkeys(store.id_list(store.trash()), TRASH)


def check_index(store: Store, states: dict[str, str]) -> None:
    with store.database.snapshot() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert sum(batch.remaining for batch in store.batches(100_000)) == list(states.values()).count(TRASH)


def check_files(root: Path, states: dict[str, str]) -> None:
    runs = root / "vision/resnet/runs"
    assert set(os.listdir(runs)) == {name for name, state in states.items() if state != PURGED}
    assert {name for name in os.listdir(runs) if (runs / name / ".deleted").exists()} == {
        name for name, state in states.items() if state == TRASH
    }
    assert os.listdir(root) == ["vision"]


@pytest.mark.torture
@pytest.mark.timeout(14_400)
def test_no_acknowledged_act_is_lost_and_no_batch_half_done_by_kill_9(tmp_path: Path) -> None:
    chance = random.Random(19)
    root, index = tmp_path / "root", tmp_path / "index.db"
    for name in NAMES:
        write_run(root, name)
    with Store(index) as store:
        store.add_root(root)
        sync(store)
        states = found(store)
    acknowledged = cut_off = 0
    with Worker() as worker:
        for cycle in range(scaled(50, 10_000)):
            said = worker.killed(index, NAMES, cycle, chance.randrange(2), chance.random() * 0.06)
            acknowledged += len(said) // 2
            sure, act, open_names = expected(states, said)
            with Store(index) as store:
                # A purge that was cut off is settled first; what it had moved aside is gone then.
                assert store.flush_outbox() == 0
                states = found(store)
                check_index(store, states)
                differing = [name for name in NAMES if states[name] != sure[name]]
                assert set(differing) <= set(open_names), (cycle, said)
                assert all(states[name] == WANTED[act] for name in differing)
                if act != "purge":
                    assert len(differing) in (0, len(open_names)), (cycle, said)
                cut_off += bool(act)
                check_files(root, states)
                sync(store)
                assert found(store) == states
                for name in [name for name in NAMES if states[name] == PURGED]:
                    write_run(root, name)
                sync(store)
                states = found(store)
    assert acknowledged > 10
    assert cut_off > 10


_DELETER = """
import sys
from runicorn_db.store import Store
store = Store(sys.argv[1])
for line in sys.stdin:
    names = line.split()
    assert store.delete(names, source="api", reason="power").changed == len(names)
    print("done", flush=True)
"""


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system in `image`. What was not made durable stays out of the image: no commit but by fsync."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-o", "loop,commit=900", str(image), str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a file system in a file cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("mkfs.ext4"), reason="needs root and ext4")
def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    image, cut = tmp_path / "disk.img", tmp_path / "cut.img"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    root = tmp_path / "root"
    names = [f"run-{number:03d}" for number in range(240)]
    for name in names:
        write_run(root, name)
    acknowledged: set[str] = set()
    lost_without_fsync = 0
    with mounted(image, tmp_path / "disk") as disk:
        with Store(disk / "index.db") as store:
            store.add_root(root)
            sync(store)
        os.sync()
        command = [sys.executable, "-c", _DELETER, str(disk / "index.db")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            for cycle in range(scaled(6, 80)):
                (disk / f"unsynced-{cycle}").write_text("x" * 5000)
                chosen = names[3 * cycle : 3 * cycle + 3]
                process.stdin.write(" ".join(chosen) + "\n")
                process.stdin.flush()
                assert process.stdout.readline() == "done\n"
                # What the disk holds at this moment is what is left when the power goes.
                process.send_signal(signal.SIGSTOP)
                shutil.copyfile(image, cut)
                process.send_signal(signal.SIGCONT)
                acknowledged |= set(chosen)
                with mounted(cut, tmp_path / "after") as after, Store(after / "index.db") as store:
                    left = after / f"unsynced-{cycle}"
                    lost_without_fsync += not left.exists() or left.stat().st_size == 0
                    with store.database.snapshot() as connection:
                        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                    assert set(store.id_list(store.trash())) == acknowledged
            process.stdin.close()
    # Otherwise nothing was cut.
    assert lost_without_fsync
