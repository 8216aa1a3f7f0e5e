"""Much to write, in transactions so short that nobody else who writes waits long."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from runicorn_db.database import Database

_LONGEST_SECONDS = 0.15
_SHORTEST_PAUSE_SECONDS = 0.012

_T = TypeVar("_T")


class ShortWrites:
    """Writes of one thread that follow each other, with pauses in which others get the lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written_at = -_SHORTEST_PAUSE_SECONDS

    def write(self, portions: Iterable[_T], store: Callable[[sqlite3.Connection, _T], None]) -> None:
        """Store each portion as a whole, as many in one transaction as fit into its time, one at least."""
        waiting = deque(portions)
        while waiting:
            if time.monotonic() - self._written_at < _SHORTEST_PAUSE_SECONDS:
                self._database.give_way()
            with self._database.writing() as connection:
                end = time.monotonic() + _LONGEST_SECONDS
                store(connection, waiting.popleft())
                while waiting and time.monotonic() < end:
                    store(connection, waiting.popleft())
            self._written_at = time.monotonic()
