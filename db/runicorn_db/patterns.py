"""Regular expressions of users, bounded in time."""

from __future__ import annotations

import functools
import threading
import time

import regex

BUDGET_SECONDS = 2.0
"""For all texts of one question: far more than any sane pattern needs."""

_asked = threading.local()


def begin_question() -> None:
    """What this thread matches from now on has a new budget of time."""
    _asked.deadline = time.monotonic() + BUDGET_SECONDS


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def matches(pattern: str, text: str | None) -> bool:
    """Whether `pattern` is found in `text`. Raises TimeoutError when the question has used up its time."""
    if text is None:
        return False
    remaining = _asked.deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return _compiled(pattern).search(text, timeout=remaining) is not None
