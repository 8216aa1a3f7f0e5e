"""Marker and sidecar files are written while the store goes on: one thread, and one flush at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from runicorn_db.errors import StoreError

_INLINE_FILES = 20
_INLINE_SECONDS = 1.0
"""A change of up to so many experiments waits so long for its marker files; others follow in the background."""


class OutboxThread:
    """Runs `flush`, in the caller's thread or in one of its own; `flush` is told when it has to stop."""

    def __init__(self, flush: Callable[[Callable[[], bool]], int]) -> None:
        self._flush = flush
        self._thread: threading.Thread | None = None
        self._flushing = threading.Lock()
        self._state = threading.Lock()
        self._is_due = False
        self._is_closing = threading.Event()

    def flush(self, should_stop: Callable[[], bool]) -> int:
        """Flush now, or after the flush that runs already; what `flush` tells."""
        with self._flushing:
            return self._flush(lambda: self._is_closing.is_set() or should_stop())

    def start(self) -> threading.Thread:
        """Have what is due now written in the background; the thread that does it."""
        with self._state:
            self._is_due = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="outbox")
                self._thread.start()
            return self._thread

    def follow(self, changed: int) -> None:
        """Write the files of so many changed experiments, waiting for those of a few."""
        if changed:
            thread = self.start()
            if changed <= _INLINE_FILES:
                thread.join(_INLINE_SECONDS)

    def close(self) -> None:
        """Stop; what is not written yet follows when the index is opened again."""
        self._is_closing.set()
        if (thread := self._thread) is not None:
            thread.join()

    def _run(self) -> None:
        # Again and again: what is queued while a flush runs may lie before the place where it is.
        while True:
            with self._state:
                if not self._is_due or self._is_closing.is_set():
                    self._thread = None
                    return
                self._is_due = False
            # What a busy or full disk refuses stays queued for the next flush; the change itself is committed.
            with contextlib.suppress(StoreError):
                self.flush(lambda: False)
