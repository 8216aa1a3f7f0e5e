"""Looks at the known run directories of a root with two processes: asking file by file is what takes the time."""

from __future__ import annotations

import json
import marshal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from runicorn_db import readers
from runicorn_db.sources.signatures import full_signatures

# Starting a process takes as long as looking at some thousand run directories.
FEWEST_SHARED = 4000
_POLL_SECONDS = 0.1
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from runicorn_db.sources.signatures import serve; serve(sys.stdin.buffer, sys.stdout.buffer)"
)


class Looks:
    """Full signatures of run directories; many known ones are shared with a process that looks meanwhile.

    `known`: their last signatures. `check` is called while the process is waited for, and may raise. `close` ends
    the process, whatever it is doing.
    """

    def __init__(self, root: str, known: Mapping[bytes, str], check: Callable[[], None]) -> None:
        self._root = root
        self._check = check
        self._shared: Sequence[tuple[bytes, str]] = ()
        self._found: dict[bytes, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        if len(known) >= FEWEST_SHARED and readers.cores() > 1:
            # The half that this process comes to last.
            self._shared = sorted(known.items())[len(known) // 2 :]
            self._process = _start()
            self._thread = threading.Thread(target=self._ask, args=(self._process,), name="looking", daemon=True)
            self._thread.start()

    def signatures(self, runs: Sequence[tuple[bytes, str]]) -> list[str]:
        """`full_signatures` of these runs, each with its last known one."""
        if self._shared and any(path >= self._shared[0][0] for path, _ in runs):
            self._wait()
        rest = [run for run in runs if run[0] not in self._found]
        seen = dict(zip((path for path, _ in rest), full_signatures(self._root, rest), strict=True))
        return [seen[path] if path in seen else self._found[path] for path, _ in runs]

    def _wait(self) -> None:
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_POLL_SECONDS)
            self._check()

    def _ask(self, process: subprocess.Popen[bytes] | None) -> None:
        """What does not get an answer so is left to this process."""
        if process is None:
            return
        answer, _ = process.communicate(marshal.dumps((self._root, list(self._shared))))
        if process.returncode == 0:
            with suppress(EOFError, ValueError, TypeError):
                self._found = dict(zip((path for path, _ in self._shared), marshal.loads(answer), strict=True))

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join()


def _start() -> subprocess.Popen[bytes] | None:
    if not sys.executable:
        return None
    try:
        return subprocess.Popen(
            # Without site-packages and their hooks: all it needs is in the standard library and here.
            [sys.executable, "-I", "-S", "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C reaches every process of a terminal's group; this one ends with its question.
            start_new_session=True,
        )
    except OSError:
        return None
