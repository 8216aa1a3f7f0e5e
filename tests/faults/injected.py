"""Programs of which strace refuses a call to the system, or whose end it makes of one.

Each is a fork of a process that has imported everything: to start an interpreter under strace would take most of the
time, and be most of the calls.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import pytest

_PARENT = """
import json, os, signal, sys
import runicorn_db.store, runicorn_db.sync, runicorn_tui.cli

for line in sys.stdin:
    program, arguments, environment, folder = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    os.waitpid(child, os.WUNTRACED)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
os.environ.clear()
os.environ.update(environment)
sys.argv[1:] = arguments
for number, path in enumerate((os.devnull, folder + "/out", folder + "/err")):
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(opened, number)
    os.close(opened)
# Until strace is there.
os.kill(os.getpid(), signal.SIGSTOP)
exec(program)
"""


class Injected:
    """Runs programs, one after the other, with what strace is to do to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-c", _PARENT]
        # Without what measures coverage, which writes files too.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._parent = subprocess.Popen(command, text=True, env=environment, **pipes)

    def __enter__(self) -> Injected:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._parent.communicate(timeout=60)

    def run(self, program: str, *arguments: object, calls: str, inject: str) -> subprocess.CompletedProcess[str]:
        """`inject`, such as `error=EIO:when=2`, for the `calls` (names with commas between) of a program."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        order = [program, [str(argument) for argument in arguments], dict(os.environ), str(self._folder)]
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        child = int(self._parent.stdout.readline())
        options = ["-f", "-o", os.devnull, "-e", f"trace={calls}", "-e", f"inject={calls}:{inject}"]
        command = [strace(), *options, "-p", str(child)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracing:
            assert tracing.stderr is not None
            assert "attached" in (line := tracing.stderr.readline()), line
            os.kill(child, signal.SIGCONT)
            status = int(self._parent.stdout.readline())
            tracing.communicate()
        out, err = ((self._folder / name).read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(command, status, out, err)


def strace() -> str:
    return shutil.which("strace") or "strace"


@functools.cache
def can_inject() -> bool:
    """Whether strace is there and may do to processes that run what it is told."""
    with subprocess.Popen(["sleep", "60"]) as asleep:
        inject = ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO"]
        command = [strace(), "-o", os.devnull, *inject, "-p", str(asleep.pid)]
        try:
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracing:
                assert tracing.stderr is not None
                is_attached = "attached" in tracing.stderr.readline()
                # Then strace ends too.
                asleep.kill()
        except FileNotFoundError:
            is_attached = False
            asleep.kill()
    return is_attached


needs_strace = pytest.mark.skipif(not can_inject(), reason="needs strace that may inject")
