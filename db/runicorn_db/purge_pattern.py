"""Patterns that say which files of a run directory a partial purge removes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import translate

from runicorn_db.errors import InvalidQuery
from runicorn_db.query import shown
from runicorn_db.sources.removal import Taken
from runicorn_db.sources.sidecar import MARKER_NAME, SIDECAR_NAME
from runicorn_db.text import is_unicode

MAX_PATTERN_LENGTH = 500

_WRITTEN = (b"meta.json", b"status.json", b"summary.json", b"events.jsonl", b"logs.txt", b"assets.json")
_KEPT = frozenset(_WRITTEN) | {MARKER_NAME, SIDECAR_NAME, b"environment.json"}
_LOCK = b".lock"

_Segment = re.Pattern[str] | None
"""One name; None is `**`, any number of folders."""


def taken_by(pattern: str) -> Taken:
    """Whether a path below the run directory matches `pattern`, itself or by a folder above it.

    `*`, `?` and `[…]` stand for parts of one name, `**` for any number of folders, as in `.gitignore`; but the pattern
    always begins at the run directory. What says what a run is, its metrics and its logs never match.
    Raises `InvalidQuery` for a pattern that would take one of these, or is none.
    """
    segments = [None if name == "**" else re.compile(translate(name)) for name in _names_in(pattern)]

    def is_taken(path: bytes) -> bool:
        return not _is_kept(path) and _matches(segments, os.fsdecode(path).split("/"))

    for kept in sorted(_KEPT) + [name + _LOCK for name in _WRITTEN]:
        if _matches(segments, [os.fsdecode(kept)]):
            raise InvalidQuery(
                f"Refused: '{shown(pattern)}' would take {os.fsdecode(kept)}, which is always kept: name a folder or an"
                " ending, as in checkpoints/** or **/*.ckpt"
            )
    return is_taken


def _is_kept(path: bytes) -> bool:
    return path in _KEPT or (path.endswith(_LOCK) and b"/" not in path)


def _names_in(pattern: str) -> list[str]:
    names = pattern.removesuffix("/").split("/")
    if not pattern.strip() or len(pattern) > MAX_PATTERN_LENGTH:
        problem = f"must have 1 to {MAX_PATTERN_LENGTH} characters"
    elif "\0" in pattern or not is_unicode(pattern):
        problem = "must be valid Unicode without NUL"
    elif pattern.startswith("/"):
        problem = "must begin below the run directory, without a slash"
    elif not {"", ".", ".."}.isdisjoint(names):
        problem = "must not contain empty parts, '.' or '..'"
    else:
        return names
    raise InvalidQuery(f"Refused: the pattern '{shown(pattern)}' {problem}")


def _matches(segments: list[_Segment], names: Iterable[str]) -> bool:
    """Whether all of `segments` match the first names, however many follow."""
    places = {0}
    for name in names:
        following: set[int] = set()
        for place in _with_skipped(segments, places):
            if (segment := segments[place]) is None or segment.match(name):
                if place == len(segments) - 1:
                    return True
                following.add(place if segment is None else place + 1)
        places = following
    return False


def _with_skipped(segments: list[_Segment], places: set[int]) -> set[int]:
    """`**` may stand for no folder at all, but for something where it ends the pattern."""
    reached = set(places)
    for place in sorted(places):
        while segments[place] is None and place < len(segments) - 1:
            place += 1
            reached.add(place)
    return reached
