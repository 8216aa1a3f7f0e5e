"""Database reading in two threads, whatever the number of requests.

SQLite gives up the interpreter lock at every row, so several threads that step through rows hand it
back and forth: eight readers are two to three times slower together than one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runicorn_db.time_limits import time_limit

T = TypeVar("T")


class Readers:
    """One thread for lists, summaries and details, one for series, which may take longer.

    A question that takes more than `timeout` seconds raises `QueryFailed`; None lets it take any time.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._rows = ThreadPoolExecutor(1, "runicorn-api-rows")
        self._series = ThreadPoolExecutor(1, "runicorn-api-series")

    def rows(self, question: Callable[[], T]) -> T:
        return self._rows.submit(self._ask, question).result()

    def series(self, question: Callable[[], T]) -> T:
        return self._series.submit(self._ask, question).result()

    def _ask(self, question: Callable[[], T]) -> T:
        with time_limit(self._timeout):
            return question()

    def close(self) -> None:
        """Wait for the running questions; those still waiting for a thread are cancelled."""
        for executor in (self._rows, self._series):
            executor.shutdown(wait=True, cancel_futures=True)
