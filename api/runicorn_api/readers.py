"""Database reading in two threads, whatever the number of requests.

SQLite gives up the interpreter lock at every row, so several threads that step through rows hand it
back and forth: eight readers are two to three times slower together than one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Readers:
    """One thread for lists, summaries and details, one for series, which may take longer."""

    def __init__(self) -> None:
        self._rows = ThreadPoolExecutor(1, "runicorn-api-rows")
        self._series = ThreadPoolExecutor(1, "runicorn-api-series")

    def rows(self, question: Callable[[], T]) -> T:
        return self._rows.submit(question).result()

    def series(self, question: Callable[[], T]) -> T:
        return self._series.submit(question).result()

    def close(self) -> None:
        """Wait for the running questions; those still waiting for a thread are cancelled."""
        for executor in (self._rows, self._series):
            executor.shutdown(wait=True, cancel_futures=True)
