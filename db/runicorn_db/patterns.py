"""Regular expressions of users, bounded in time."""

from __future__ import annotations

import functools

import regex

TIMEOUT_SECONDS = 0.2
"""For one text: far more than any sane pattern needs, little enough to notice."""


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def check(pattern: str) -> str | None:
    """Why `pattern` is not a regular expression; None when it is one."""
    try:
        _compiled(pattern)
    except regex.error as error:
        return str(error)
    return None


def matches(pattern: str, text: str | None) -> bool:
    """Whether `pattern` is found in `text`. Raises TimeoutError for a pattern that backtracks without end."""
    return text is not None and _compiled(pattern).search(text, timeout=TIMEOUT_SECONDS) is not None
