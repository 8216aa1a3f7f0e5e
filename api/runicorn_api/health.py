"""Whether the server and its index are well."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import falcon

from runicorn_api import answers, contract
from runicorn_api.gate import Gate
from runicorn_api.ratelimit import WINDOW_SECONDS
from runicorn_api.readers import Readers
from runicorn_db.checks import LEAST_FREE_BYTES
from runicorn_db.errors import QueryFailed, StorageFull, StoreError
from runicorn_db.store import Store

REMEMBERED_SECONDS = 60.0
"""So long after a failure of the index health tells of it."""


class Failures:
    """The last failure of the index: what is damaged or full fails now and then, and not when health looks."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, str] | None = None

    def note(self, error: Exception) -> None:
        # A question that was too large says nothing about the index.
        if isinstance(error, QueryFailed | StorageFull) and not str(error).endswith(": timeout"):
            with self._lock:
                self._last = self._clock(), str(error)

    def recent(self) -> list[str]:
        with self._lock:
            if self._last is None or self._clock() - self._last[0] > REMEMBERED_SECONDS:
                return []
            return [self._last[1]]


def disk_problems(index: Path) -> list[str]:
    """What keeps the index from being written."""
    try:
        disk = os.statvfs(index.parent)
        is_writable = os.access(index, os.W_OK) and os.access(index.parent, os.W_OK)
    except OSError as error:
        return [f"The disk of the index does not answer: {error.strerror}"]
    if not is_writable:
        return ["The index cannot be written: nothing can be deleted, and new experiments are not seen"]
    free = disk.f_bavail * disk.f_frsize
    return [f"The disk of the index is almost full: {free} bytes are free"] if free < LEAST_FREE_BYTES else []


class Health:
    """Answers also when the index cannot: then the status is `degraded` and what is unknown is null."""

    def __init__(
        self,
        store: Store,
        readers: Readers,
        gate: Gate,
        failures: Failures,
        *,
        version: str,
        syncing: Callable[[], bool],
    ) -> None:
        self._store = store
        self._readers = readers
        self._gate = gate
        self._failures = failures
        self._version = version
        self._syncing = syncing

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        try:
            health = self._readers.health(self._store.health)
        except StoreError as error:
            index = answers.unknown_health(str(self._store.path))
            problems = [str(error)]
        else:
            index = answers.write_health(health)
            problems = [f"{root.name}: {root.problem}" for root in health.roots if root.problem]
            problems += self._failures.recent() + disk_problems(self._store.path)
        head = {
            "status": "degraded" if problems else "ok",
            "version": self._version,
            "timestamp": time.time(),
            "syncing": self._syncing(),
        }
        tail = {"problems": problems, "rate_limits": self._write_limits()}
        answers.send(resp, head | index | tail)

    on_head = on_get

    def _write_limits(self) -> dict[str, object] | None:
        if self._gate.limits is None:
            return None
        return {
            "window_seconds": WINDOW_SECONDS,
            "limits": self._gate.limits,
            "clients": len(self._gate.limiter),
            "refused": self._gate.limiter.refused,
        }
