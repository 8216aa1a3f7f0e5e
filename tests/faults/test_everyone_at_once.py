"""Two servers, a browser and a sync on one index, each killed again and again: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.conftest import scaled
from tests.db.runs import CREATED, write_run
from tests.tui.terminal_harness import Terminal

EACH = 60
NOTHING = "Nothing to move"
BROWSED = ExperimentQuery(project="browsed")


@dataclass
class Serving:
    """A server that is started again when it was killed, and a client of it with experiments of its own."""

    index: Path
    names: list[str]
    process: subprocess.Popen[str] | None = None
    port: int = 0
    # What was acknowledged last; None where an answer did not come.
    states: dict[str, bool | None] = field(default_factory=dict)
    acknowledged: int = 0
    answers: list[str] = field(default_factory=list)

    def start(self) -> None:
        command = [sys.executable, "-m", "runicorn_tui", "serve", "--port", "0", "--db", str(self.index)]
        self.process = subprocess.Popen(
            [*command, "--no-rate-limit"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Serving http://127.0.0.1:"), line
        self.port = int(line.split(":")[2].partition("/")[0])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def ask(self, act: str, names: list[str]) -> tuple[int, Any] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = json.dumps({"exp_ids": names})
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"/api/v2/experiments/{act}", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def use(self, stop: threading.Event, seed: int) -> None:
        """Deletes and restores until it is stopped."""
        chance = random.Random(seed)
        while not stop.is_set():
            act = chance.choice(["batch-delete", "batch-delete", "batch-restore"])
            names = chance.sample(self.names, 3)
            self.states |= dict.fromkeys(names)
            said = self.ask(act, names)
            if said is None:
                stop.wait(0.02)
                continue
            status, answer = said
            self.answers.append(f"{status} {answer}" if status != 200 else "200")
            if status == 200:
                assert all(answer["results"].values()), answer
                self.states |= dict.fromkeys(names, act == "batch-delete")
                self.acknowledged += 1


@dataclass
class Browsing:
    """The browser, which deletes one after the other of the experiments of one project, and is killed now and then."""

    index: Path
    told: int = 0
    untold: int = 0
    screens: list[str] = field(default_factory=list)

    def use(self, stop: threading.Event, seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            terminal = Terminal.browse(self.index)
            try:
                with Store(self.index) as store:
                    left = len(store.ids(BROWSED))
                terminal.until("1/")
                terminal.press("/", *"project:browsed")
                terminal.until(lambda text, left=left: is_count_shown(text, left))
                terminal.press("enter")
                for _ in range(chance.randrange(1, 6)):
                    if stop.is_set() or not left:
                        return
                    left -= 1
                    self._delete_one(terminal, left)
                terminal.press("d")
                terminal.until("Move ")
                self.untold += 1
                terminal.press("y")
                # Killed just then, before it says anything.
                stop.wait(chance.random() * 0.1)
            finally:
                terminal.kill()

    def _delete_one(self, terminal: Terminal, left: int) -> None:
        terminal.press("d")
        terminal.until("Move ")
        while NOTHING in terminal.text:
            # The row of what was deleted before was still there.
            terminal.press("escape")
            terminal.until(lambda text: "Move " not in text)
            terminal.press("d")
            terminal.until("Move ")
        terminal.press("y")
        terminal.until(lambda text: is_count_shown(text, left))
        self.told += 1
        self.screens.append(terminal.text)


def is_count_shown(text: str, count: int) -> bool:
    return re.search(rf"(?<![0-9,]){count:,} of ", text) is not None


def kill_at_random(servers: list[Serving], index: Path, root: Path, seconds: float) -> tuple[int, list[str]]:
    """Kills and starts servers and syncs for so long; how many were killed, and what the syncs said."""
    chance = random.Random(5)
    end = time.monotonic() + seconds
    killed, said = 0, []
    pause = threading.Event()
    while time.monotonic() < end:
        # At another time than the others: an instant with many is numbered anew, and a mark set before is then void.
        write_run(root, f"new-{killed:05d}", project="new", created_at=CREATED + 1 + killed)
        command = [sys.executable, "-m", "runicorn_tui", "sync", "--db", str(index)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as syncing:
            pause.wait(chance.random() * 0.8)
            server = chance.choice(servers)
            server.kill()
            if chance.random() < 0.7:
                syncing.kill()
            said.append(syncing.communicate()[1])
        server.start()
        killed += 2
    return killed, said


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_whoever_is_killed_nothing_acknowledged_is_lost_and_nobody_sees_a_lock(tmp_path: Path) -> None:
    root, index = tmp_path / "root", tmp_path / "index.db"
    servers = [Serving(index, [f"{who}-{number:03d}" for number in range(EACH)]) for who in ("first", "second")]
    for name in (name for server in servers for name in server.names):
        write_run(root, name)
    for number in range(scaled(200, 8000)):
        write_run(root, f"browsed-{number:05d}", project="browsed")
    with Store(index) as store:
        store.add_root(root)
        sync(store)
        browsed = len(store.ids(BROWSED))
    browsing = Browsing(index)
    stop = threading.Event()
    with contextlib.ExitStack() as running, ThreadPoolExecutor(3) as pool:
        for server in servers:
            server.start()
            running.callback(server.kill)
        using = [pool.submit(user.use, stop, number) for number, user in enumerate((*servers, browsing))]
        try:
            killed, said = kill_at_random(servers, index, root, scaled(20, 1800))
        finally:
            stop.set()
        for user in using:
            user.result(timeout=120)
    with Store(index) as store:
        with store.database.snapshot() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for _ in range(2):
            trash = set(store.id_list(store.trash()))
            for server in servers:
                known = {name: state for name, state in server.states.items() if state is not None}
                assert {name: name in trash for name in known} == known
                assert {answer[:4].strip() for answer in server.answers} <= {"200", "503"}
            assert browsing.told <= browsed - len(store.ids(BROWSED)) <= browsing.told + browsing.untold
            assert sum(batch.remaining for batch in store.batches(100_000)) == len(trash)
            assert sync(store).is_complete
            assert store.flush_outbox() == 0
    told = [*said, *browsing.screens, *(answer for server in servers for answer in server.answers)]
    assert [text for text in told if "locked" in text or "Traceback" in text] == []
    print(f"{killed} kills, {sum(server.acknowledged for server in servers)} answers, {browsing.told} in the browser")
    assert all(server.acknowledged for server in servers)
    assert browsing.told
