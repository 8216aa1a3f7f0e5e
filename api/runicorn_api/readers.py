"""Database reading in four threads, whatever the number of requests.

SQLite gives up the interpreter lock at every row, so several threads that step through rows hand it
back and forth: eight readers are two to three times slower together than one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runicorn_db.errors import StoreBusy
from runicorn_db.query import ExperimentQuery
from runicorn_db.time_limits import time_limit

T = TypeVar("T")


class Readers:
    """One thread for lists and details, one for searches and summaries, one for series, one for health.

    What may take long has threads of its own, so that the others wait for none of it.

    A question that takes more than `timeout` seconds raises `QueryFailed`; None lets it take any time.
    """

    def __init__(self, timeout: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        self._rows = ThreadPoolExecutor(1, "runicorn-api-rows")
        self._searches = ThreadPoolExecutor(1, "runicorn-api-searches")
        self._series = ThreadPoolExecutor(1, "runicorn-api-series")
        self._health = ThreadPoolExecutor(1, "runicorn-api-health")

    def rows(self, question: Callable[[], T]) -> T:
        """Raises StoreBusy when slow questions had their turn for `timeout` seconds before this one."""
        asked = self._clock()

        def ask() -> T:
            if self._timeout is not None and self._clock() - asked > self._timeout:
                raise StoreBusy("Database is busy")
            return self._ask(question)

        return self._rows.submit(ask).result()

    def lists(self, query: ExperimentQuery, question: Callable[[], T]) -> T:
        return self.searches(question) if query.search or query.filter else self.rows(question)

    def searches(self, question: Callable[[], T]) -> T:
        return self._searches.submit(self._ask, question).result()

    def health(self, question: Callable[[], T]) -> T:
        return self._health.submit(self._ask, question).result()

    def series(self, question: Callable[[], T]) -> T:
        return self._series.submit(self._ask, question).result()

    def _ask(self, question: Callable[[], T]) -> T:
        with time_limit(self._timeout):
            return question()

    def close(self) -> None:
        """Wait for the running questions; those still waiting for a thread are cancelled."""
        for executor in (self._rows, self._searches, self._series, self._health):
            executor.shutdown(wait=True, cancel_futures=True)
