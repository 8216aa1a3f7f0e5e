from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from runicorn_tui import cli

CREATED = 1_736_000_000.0


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


def interrupt(terminal: pexpect.spawn[Any]) -> None:
    """Types Ctrl-C until the program ends: what comes between a prompt and its reading, Python tells of at the next."""
    while terminal.isalive():
        terminal.sendintr()
        terminal.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5)


def write_run(
    root: Path,
    run_id: str,
    *,
    project: str = "vision",
    name: str = "resnet",
    status: str = "finished",
    created_at: float = CREATED,
    losses: tuple[float, ...] = (2.0, 1.0, 0.5),
    pid: int = 1,
    hostname: str = "elsewhere",
) -> Path:
    """A run directory as Runicorn 0.4 leaves it."""
    directory = root / project / name / "runs" / run_id
    directory.mkdir(parents=True)
    meta = {"id": run_id, "project": project, "name": name, "created_at": created_at, "pid": pid, "hostname": hostname}
    state: dict[str, object] = {"status": status, "started_at": created_at}
    if status != "running":
        state["ended_at"] = created_at + 60
    summary = {"best_metric_name": "loss", "best_metric_value": min(losses), "best_metric_mode": "min"}
    (directory / "meta.json").write_text(json.dumps(meta))
    (directory / "status.json").write_text(json.dumps(state))
    (directory / "summary.json").write_text(json.dumps(summary))
    events = (
        {"ts": created_at + step, "type": "metrics", "data": {"loss": loss, "global_step": step}}
        for step, loss in enumerate(losses, start=1)
    )
    (directory / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return directory


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process, in an empty folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run_command_line(*arguments: object) -> Result:
        code = cli.run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run_command_line


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four experiments: a1 failed, a2 finished, b1 running elsewhere, b2 interrupted in another project."""
    root = tmp_path / "root"
    write_run(root, "a1", status="failed", created_at=CREATED)
    write_run(root, "a2", name="vit", created_at=CREATED + 100, losses=(3.0, 0.25))
    write_run(root, "b1", status="running", created_at=CREATED + 200)
    write_run(root, "b2", project="nlp", name="bert", status="interrupted", created_at=CREATED + 300)
    return root


@pytest.fixture
def db(run: Run, root: Path, tmp_path: Path) -> Path:
    """An index of `root`."""
    path = tmp_path / "index.db"
    assert run("sync", root, "--db", path).code == 0
    return path
