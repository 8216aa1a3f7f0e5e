"""A realistic Runicorn root to try things on, part 0.4 and part 0.7, with experiments that go on training."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec

from runicorn_db.demo_runs import DemoRun, Layout, plan_runs
from runicorn_db.demo_texts import Curves, evaluation_line, events_text, json_number, log_line, logs_text, train_line

MARKER = ".runicorn-tui-demo"
_TAIL_BYTES = 1 << 16


class NotADemo(FileExistsError):
    """The directory holds something else: nothing was written."""


class _Running(msgspec.Struct):
    """A demo experiment that never ends; `path` is below the root."""

    path: str
    layout: Layout
    metric: str
    target: float


class _Marker(msgspec.Struct):
    """What the demo was made of: enough to finish one whose writing was cut off."""

    experiments: int
    steps: int
    seed: int
    now: float
    is_complete: bool = False
    running: list[_Running] = []


def write_demo(
    directory: Path,
    experiments: int = 200,
    *,
    steps: int = 200,
    seed: int = 7,
    now: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The root of the demo in `directory`, written unless it is there already.

    Equal arguments (in an equal time zone) give equal files. `progress(done, total)` is called after
    each experiment. A demo that was cut off is finished as it was begun. Raises NotADemo for a
    directory with anything else in it, ValueError for a number below 1.
    """
    if experiments < 1 or steps < 1:
        raise ValueError("a demo has at least one experiment of at least one step")
    marker = _read_marker(directory)
    if marker is None:
        marker = _Marker(experiments=experiments, steps=steps, seed=seed, now=time.time() if now is None else now)
    if not marker.is_complete:
        directory.mkdir(parents=True, exist_ok=True)
        _write_marker(directory, marker)
        marker.running = _write_runs(directory, marker, progress)
        marker.is_complete = True
        _write_marker(directory, marker)
    return directory


def _read_marker(directory: Path) -> _Marker | None:
    """None where a new demo may be written."""
    if not directory.exists():
        return None
    if not directory.is_dir():
        raise NotADemo(f"{directory} is not a directory: name another one for the demo")
    try:
        return msgspec.json.decode((directory / MARKER).read_bytes(), type=_Marker)
    except FileNotFoundError:
        if any(directory.iterdir()):
            raise NotADemo(
                f"{directory} is not empty and not a demo: name a new directory, nothing was written"
            ) from None
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotADemo(f"{directory / MARKER} cannot be read: name a new directory, nothing was written") from None


def _write_marker(directory: Path, marker: _Marker) -> None:
    beside = directory / (MARKER + ".tmp")
    beside.write_bytes(msgspec.json.encode(marker))
    beside.replace(directory / MARKER)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), "utf-8")


def _write_runs(directory: Path, marker: _Marker, progress: Callable[[int, int], None] | None) -> list[_Running]:
    rng = Random(marker.seed)
    curves = Curves(rng, marker.steps)
    runs = plan_runs(rng, marker.experiments, marker.steps, marker.now)
    for done, run in enumerate(runs, start=1):
        _write_run(directory, run, rng, curves)
        if progress:
            progress(done, len(runs))
    described = [run for run in runs if run.description or (run.tags and run.recipe.layout == "0.4")]
    metadata = {run.id: _metadata(run) for run in described}
    _write_json(directory / ".experiments_metadata.json", metadata)
    return [
        _Running(path=run.directory, layout=run.recipe.layout, metric=run.recipe.metric, target=run.recipe.end)
        for run in runs
        if run.kind == "running"
    ]


def _write_run(root: Path, run: DemoRun, rng: Random, curves: Curves) -> None:
    drawn = curves.draw(run)
    directory = root / run.directory
    (directory / "media").mkdir(parents=True, exist_ok=True)
    _write_json(directory / "meta.json", _meta(root, run))
    _write_json(directory / "status.json", _status(run))
    if drawn.loss:
        (directory / "events.jsonl").write_text(events_text(run, drawn), "utf-8")
    (directory / "logs.txt").write_text(logs_text(rng, run, drawn, curves.steps), "utf-8")
    summary: dict[str, object] = {}
    if run.recipe.layout == "0.4":
        summary |= run.params
        if rng.random() < 0.5:
            _write_json(directory / "environment.json", _environment(run))
    else:
        assets = {"code": {}, "config": {"args": run.params}, "datasets": [], "pretrained": [], "outputs": []}
        _write_json(directory / "assets.json", assets)
    if run.kind == "finished" and drawn.evaluations:
        value, step = drawn.best(run.recipe.mode)
        summary |= {
            "best_metric_value": float(json_number(value)),
            "best_metric_name": run.recipe.metric,
            "best_metric_step": step,
            "best_metric_mode": run.recipe.mode,
        }
    if summary:
        _write_json(directory / "summary.json", summary)
    if run.is_deleted:
        _write_json(directory / ".deleted", _deletion(run))


def _meta(root: Path, run: DemoRun) -> dict[str, object]:
    meta: dict[str, object] = {"id": run.id}
    if run.recipe.layout == "0.4":
        meta |= {"project": run.recipe.project, "name": run.name}
    else:
        meta |= {"path": f"{run.recipe.project}/{run.name}", "alias": run.alias}
    meta |= {
        "created_at": run.created_at,
        "python": "3.11.7",
        "platform": "Linux 6.1.0-18-amd64 (x86_64)",
        "hostname": run.host,
        "pid": run.pid,
        "storage_dir": str(root.absolute()),
    }
    if run.recipe.layout == "0.7":
        meta["workspace_root"] = "/home/lab"
        if run.tags:
            meta["tags"] = list(run.tags)
    return meta


def _status(run: DemoRun) -> dict[str, object]:
    status: dict[str, object] = {"status": "finished" if run.kind == "junk" else run.kind, "started_at": run.created_at}
    if run.kind != "running":
        status["ended_at"] = run.ended_at
    # What Runicorn's viewer writes when it finds the process gone.
    if run.kind == "failed" and run.pid % 2:
        status["exit_reason"] = "process_not_found"
    return status


def _deletion(run: DemoRun) -> dict[str, object]:
    marker: dict[str, object] = {
        "deleted_at": run.ended_at + 60,
        "reason": "user_deleted",
        "original_status": _status(run)["status"],
    }
    if run.recipe.layout == "0.7":
        marker["original_path"] = f"{run.recipe.project}/{run.name}"
    return marker


def _metadata(run: DemoRun) -> dict[str, object]:
    return {
        "id": run.id,
        "project": run.recipe.project,
        "name": run.name,
        "tags": list(run.tags),
        "description": run.description,
        "created_at": run.ended_at,
        "updated_at": run.ended_at,
        "archived": False,
        "pinned": False,
    }


def _environment(run: DemoRun) -> dict[str, object]:
    return {
        "python_version": "3.11.7",
        "platform": "Linux-6.1.0-18-amd64-x86_64-with-glibc2.36",
        "platform_details": {"system": "Linux", "node": run.host, "machine": "x86_64"},
        "pip_packages": ["numpy==1.26.4", "runicorn==0.4.1", "torch==2.4.1"],
        "conda_packages": None,
        "conda_env": None,
        "git_info": {"commit": f"{run.pid:040x}", "branch": "main"},
        "env_variables": {"CUDA_VISIBLE_DEVICES": "0"},
        "gpu_info": [{"name": "NVIDIA GeForce RTX 4090", "memory_total": "24564 MiB"}],
    }


def adopt_running(directory: Path) -> tuple[Path, ...]:
    """Make this process the trainer of the demo's endless experiments, as a script does that resumes its runs.

    Gives their run directories; those that were deleted or moved meanwhile are left alone. Raises
    NotADemo when `directory` holds no demo.
    """
    return tuple(run for run, _ in _adopt(directory))


def _adopt(directory: Path) -> list[tuple[Path, _Running]]:
    marker = _read_marker(directory)
    if marker is None:
        raise NotADemo(f"{directory} holds no demo")
    root = directory.resolve()
    adopted: list[tuple[Path, _Running]] = []
    for running in marker.running:
        run = (root / running.path).resolve()
        if not run.is_relative_to(root) or not (run / "meta.json").is_file() or (run / ".deleted").exists():
            continue
        now = time.time()
        try:
            meta = json.loads((run / "meta.json").read_bytes())
        except ValueError:
            # Cut off while it was written: it stays as it is, like any run whose trainer was killed.
            continue
        # A trainer is believed to be alive only if its process is older than its run.
        meta |= {"created_at": now, "hostname": socket.gethostname(), "pid": os.getpid()}
        _write_json(run / "meta.json", meta)
        _write_json(run / "status.json", {"status": "running", "started_at": now})
        adopted.append((run, running))
    return adopted


class DemoGrowth:
    """Trains the demo's endless experiments in a thread: about one step a second each, with their logs."""

    def __init__(self, directory: Path, *, interval: float = 1.0) -> None:
        self.directory = directory
        self.interval = interval
        self._trainers: list[_Trainer] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Adopt the running experiments and begin; raises NotADemo when there is no demo."""
        self.adopt()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._go_on, name="demo growth", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread and mark the experiments as interrupted, as a trainer does on Ctrl-C."""
        if self._thread:
            self._stopping.set()
            self._thread.join(timeout)
            self._thread = None
        for trainer in self._trainers:
            trainer.interrupt()
        self._trainers = []

    def adopt(self) -> None:
        """Take over the running experiments without a thread: `train` moves them on."""
        self._trainers = [_Trainer(run, running) for run, running in _adopt(self.directory)]

    def train(self) -> None:
        """One step of each."""
        for trainer in self._trainers:
            trainer.train()

    def _go_on(self) -> None:
        while not self._stopping.wait(self.interval):
            self.train()


class _Trainer:
    """One endless experiment: goes on where its files end."""

    def __init__(self, directory: Path, running: _Running) -> None:
        self.directory = directory
        self.running = running
        self.started_at = time.time()
        self.is_lost = False
        self.rng = Random(running.path)
        self.step, self.loss, self.value, self.needs_newline = self._resume()

    def _resume(self) -> tuple[int, float, float, bool]:
        """Step, loss and metric of the last lines, and whether the last line was cut off."""
        step, loss, value = 0, 1.0, 0.0
        try:
            with open(self.directory / "events.jsonl", "rb") as events:
                events.seek(max(0, events.seek(0, os.SEEK_END) - _TAIL_BYTES))
                tail = events.read()
        except FileNotFoundError:
            return step, loss, value, False
        for line in tail.splitlines():
            try:
                data = json.loads(line)["data"]
                step = max(step, data["global_step"])
                loss = data.get("loss", loss)
                value = data.get(self.running.metric, value)
            except (ValueError, KeyError, TypeError):
                continue
        return step, loss, value, not tail.endswith(b"\n")

    def train(self) -> None:
        """One step further; an evaluation and a log line every tenth step."""
        if self.is_lost:
            return
        self.step += 1
        now, gauss = time.time(), self.rng.gauss
        self.loss = max(1e-6, self.loss * 0.999 * (1 + gauss(0, 0.02)))
        events = "\n" if self.needs_newline else ""
        events += train_line(now, self.step, self.loss, 1e-4, 1.5 + abs(gauss(0, 1)))
        log = ""
        if self.step % 10 == 0:
            metric, target = self.running.metric, self.running.target
            self.value += (target - self.value) * 0.02 + abs(target) * gauss(0, 0.004)
            events += evaluation_line(now, self.step, metric, self.value, self.loss * 1.1)
            log = log_line(self.running.layout, now, f"eval step {self.step}: {metric}={json_number(self.value)}")
        try:
            self._append("events.jsonl", events)
            self._append("logs.txt", log)
            self.needs_newline = False
        except OSError:
            # Purged or moved, which a demo is there to try; a full disk ends its training, too, as it would a real one.
            self.is_lost = True

    def _append(self, name: str, text: str) -> None:
        with open(self.directory / name, "a", encoding="utf-8") as file:
            file.write(text)

    def interrupt(self) -> None:
        """Say on disk that the training was stopped, if there is still something to say it of."""
        if not self.is_lost and self.directory.is_dir():
            status = {"status": "interrupted", "started_at": self.started_at, "ended_at": time.time()}
            _write_json(self.directory / "status.json", status)
