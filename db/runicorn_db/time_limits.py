"""How long a question may take: for those who ask on behalf of others."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator

from runicorn_db import errors

_STEPS_BETWEEN_LOOKS = 20_000
"""Instructions of SQLite between two looks at the clock: less than a millisecond."""

_limited = threading.local()


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """What this thread asks inside raises `QueryFailed` when it takes longer; None for any time."""
    _limited.deadline = None if seconds is None else time.monotonic() + seconds
    try:
        yield
    finally:
        _limited.deadline = None


@contextlib.contextmanager
def within_limit(connection: sqlite3.Connection) -> Iterator[None]:
    """Ends what is asked of `connection` inside when the time of this thread is over; the connection stays usable."""
    deadline: float | None = getattr(_limited, "deadline", None)
    if deadline is None:
        yield
        return
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT" and time.monotonic() > deadline:
            raise errors.QueryFailed("Database query failed: timeout") from error
        raise
    finally:
        connection.set_progress_handler(None, 0)
