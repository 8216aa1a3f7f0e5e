"""What a run directory looks like from outside: a text that changes when something in it is to be read again.

A process that does nothing but look is started for this module: it imports next to nothing.
"""

from __future__ import annotations

import marshal
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

# Together they are what a run directory looks like: the directory itself, its series, its small files.
_NAMES = (
    b"/events.jsonl",
    b"/status.json",
    b"/meta.json",
    b"/summary.json",
    b"/assets.json",
    b"/.deleted",
    b"/.runicorn-tui.json",
)
_MISSING = "!2"
"""`_mark` of what is not there (ENOENT is 2 everywhere)."""
_UNSETTLED = "~"
_SETTLING_NS = 2 * 10**9
_UNKNOWN = ("",) * len(_NAMES)


def _mark(path: bytes) -> str:
    try:
        status = os.lstat(path)
    except OSError as error:
        return f"!{error.errno}"
    return f"{status.st_mtime_ns:x}.{status.st_size:x}.{status.st_ino:x}"


def _mark_of_directory(path: bytes) -> str:
    """`_mark`, with a sign where the directory changed just now.

    Clocks of files are coarse: another change in the same tick would show in nothing but the entry itself.
    """
    settling = time.time_ns() - _SETTLING_NS
    try:
        status = os.lstat(path)
    except OSError as error:
        return f"!{error.errno}"
    sign = _UNSETTLED if status.st_mtime_ns > settling else ""
    return f"{status.st_mtime_ns:x}.{status.st_size:x}.{status.st_ino:x}{sign}"


def quick_signature(root: str, path: bytes) -> str:
    """Changes when something in the run directory is created, replaced or removed, or events are logged."""
    directory = os.fsencode(root) + b"/" + path
    return f"{_mark_of_directory(directory)}|{_mark(directory + _NAMES[0])}"


def full_signature(root: str, path: bytes, before: str = "") -> str:
    """`quick_signature`, and changes too when one of the small files is rewritten in place.

    `before`: the last one that is known of the run directory, which saves looking for what cannot be there.
    """
    (signature,) = full_signatures(root, [(path, before)])
    return signature


def full_signatures(root: str, runs: Iterable[tuple[bytes, str]]) -> list[str]:
    """`full_signature` of each (path, last known one)."""
    base = os.fsencode(root) + b"/"
    found: list[str] = []
    for path, before in runs:
        directory = base + path
        known = before.split("|")
        marks = [_mark_of_directory(directory)]
        # Nothing came into a directory that did not change, once it is settled.
        is_settled = marks[0] == known[0] and len(known) > len(_NAMES) and not marks[0].endswith(_UNSETTLED)
        for name, old in zip(_NAMES, known[1:] if is_settled else _UNKNOWN, strict=False):
            marks.append(old if old == _MISSING else _mark(directory + name))
        found.append("|".join(marks))
    return found


def is_same(before: str, now: str) -> bool:
    """Whether two signatures tell of no change."""
    return before == now or settled(before) == settled(now)


def settled(signature: str) -> str:
    return signature.replace(_UNSETTLED, "", 1)


def is_run(signature: str) -> bool:
    """Whether one of the files is there by which a run directory is known, whatever its name and place."""
    return not all(mark.startswith("!") for mark in signature.split("|")[2:4])


def growth(before: str, now: str) -> int | None:
    """By how many bytes events.jsonl grew between two full signatures, None if anything else changed too."""
    fields_before, fields_now = settled(before).split("|"), settled(now).split("|")
    if fields_before[:1] != fields_now[:1] or fields_before[2:] != fields_now[2:]:
        return None
    events_before, events_now = fields_before[1].split("."), fields_now[1].split(".")
    if len(events_before) != 3 or len(events_now) != 3 or events_before[2] != events_now[2]:
        return None
    grown = int(events_now[1], 16) - int(events_before[1], 16)
    return grown if grown > 0 else None


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer one question: `full_signatures` of a root and its runs."""
    root, runs = marshal.load(questions)
    marshal.dump(full_signatures(root, runs), answers)
    answers.flush()
