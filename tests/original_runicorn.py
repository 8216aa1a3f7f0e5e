"""The real Runicorn of several versions, each in an environment of its own, asked by lines of JSON.

The environments are made once, in the folder that RUNICORN_ORIGINALS names or in the user's cache.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
import pytest

VERSIONS = ("0.4.1", "0.5.3", "0.6.0", "0.7.2")

# Looked up here and not in a test: there the environment is another one.
FOLDER = Path(
    os.environ.get("RUNICORN_ORIGINALS") or platformdirs.user_cache_path("runicorn-tui") / "original-runicorn"
)

# What SDK and viewer import, of all that they name.
_NEEDED = (
    *("filelock>=3.12", "psutil>=5.8", "fastapi>=0.110,<1", "pydantic>=2,<3", "aiofiles>=23,<24", "httpx"),
    *("paramiko>=3.3,<4", "python-multipart>=0.0.9,<1"),
)

_PROGRAM = """
import inspect, json, sys, warnings
warnings.simplefilter("ignore")
answers, sys.stdout = sys.stdout, sys.stderr
root = sys.argv[1]
import runicorn
from fastapi.testclient import TestClient
from runicorn.viewer import create_app
try:
    from runicorn.storage.file_utils import is_run_deleted, iter_all_runs
except ImportError:
    from runicorn.viewer.services.storage import is_run_deleted, iter_all_runs

def record(status, steps, summary):
    has_path = "path" in inspect.signature(runicorn.init).parameters
    place = {"path": "vision/resnet"} if has_path else {"project": "vision", "name": "resnet"}
    run = runicorn.init(storage=root, **place)
    run.set_primary_metric("loss", mode="min")
    for step, values in steps:
        run.log(values, step=step)
    run.summary(summary)
    run.finish(status)
    return [run.id, str(run.run_dir)]

def scan():
    from pathlib import Path
    return {entry.dir.name: is_run_deleted(entry.dir) for entry in iter_all_runs(Path(root), include_deleted=True)}

def ask(method, path, body):
    with TestClient(create_app(storage=root)) as client:
        answer = client.request(method, path, json=body)
        return [answer.status_code, answer.json()]

for line in sys.stdin:
    name, arguments = json.loads(line)
    print(json.dumps({"record": record, "scan": scan, "ask": ask}[name](*arguments)), file=answers, flush=True)
"""


def environment(version: str) -> Path:
    """The interpreter that has this version; made where it is not there. Skips the test where it cannot be made."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    place = FOLDER / f"{version}-python{sys.version_info.major}.{sys.version_info.minor}"
    python, made = place / "bin/python", place / "made"
    with (FOLDER / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _run([sys.executable, "-m", "venv", "--clear", str(place)])
            pip = [str(python), "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "15"]
            _run([*pip, "--no-deps", f"runicorn=={version}"])
            _run([*pip, *_NEEDED])
            made.touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        pytest.skip(f"the original Runicorn cannot be installed here: {said}")


class Original:
    """One version of Runicorn on one storage root: its SDK, its scanner and the HTTP interface of its viewer."""

    def __init__(self, python: Path, root: Path, home: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self._log = (home / "original.log").open("w+")
        self._process = subprocess.Popen(
            [str(python), "-I", "-c", _PROGRAM, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        )

    def __enter__(self) -> Original:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.communicate()
        self._log.close()

    def _call(self, name: str, *arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise AssertionError(self._log.read())
        return json.loads(answer)

    def record(
        self, steps: dict[int, dict[str, float]], *, status: str = "finished", summary: dict[str, object] | None = None
    ) -> str:
        """The id of a run that its SDK wrote, below `vision/resnet`."""
        return self._call("record", status, list(steps.items()), summary or {})[0]

    def scan(self) -> dict[str, bool]:
        """What its scanner finds: id -> whether it calls it deleted."""
        return self._call("scan")

    def get(self, path: str) -> Any:
        status, answer = self._call("ask", "GET", path, None)
        assert status == 200, (path, answer)
        return answer

    def post(self, path: str, **body: object) -> Any:
        status, answer = self._call("ask", "POST", path, body)
        assert status == 200, (path, answer)
        return answer

    def listed(self) -> set[str]:
        """The ids in its list of runs."""
        return {run["id"] for run in self.get("/api/runs")}

    def recycle_bin(self) -> dict[str, Any]:
        """Its recycle bin: id -> what it tells of the deletion."""
        return {run["id"]: run for run in self.get("/api/recycle-bin")["deleted_runs"]}

    def delete(self, run: str) -> None:
        answer = self.post("/api/runs/soft-delete", run_ids=[run])
        assert answer["results"][run] == {"success": True}

    def restore(self, run: str) -> None:
        answer = self.post("/api/recycle-bin/restore", run_ids=[run])
        assert answer["results"][run] == {"success": True}
