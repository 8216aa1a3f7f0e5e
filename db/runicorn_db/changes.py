"""Changes of many experiments: durable part by part, so that other writers get their turn in between."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from runicorn_db import trash
from runicorn_db.database import Database
from runicorn_db.errors import InvalidQuery, StoreError
from runicorn_db.outcomes import ChangeResult
from runicorn_db.query import MAX_BATCH_DELETE, MAX_REASON_LENGTH
from runicorn_db.text import is_unicode

Change = Callable[[sqlite3.Connection, list[int], int | None], tuple[int | None, int]]
"""Changes experiments (seqs) inside a write transaction, as more of the batch of the parts before (None for the
first); (batch, how many changed)."""
Refusal = Callable[[sqlite3.Connection, Sequence[str]], Collection[str]]
"""Those of some ids that cannot be changed."""

BEING_PURGED = "is being purged"


def check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON_LENGTH or "\0" in reason or not is_unicode(reason):
        raise InvalidQuery(f"reason must be at most {MAX_REASON_LENGTH} characters of valid Unicode without NUL")


def nobody(connection: sqlite3.Connection, ids: Sequence[str]) -> Collection[str]:
    return ()


def apply(database: Database, ids: Sequence[str], change: Change, *, refused: Refusal = nobody) -> ChangeResult:
    """Apply `change` to the known ones of `ids`: at most 1000 in one durable commit, more in several.

    When a later part fails the error says how many were changed before it.
    """
    began = time.perf_counter()
    batch: int | None = None
    changed = 0
    errors: dict[str, str] = {}
    for number, part in enumerate(_parts(list(dict.fromkeys(ids)))):
        if number:
            database.give_way()
        try:
            with database.writing(durable=True) as connection:
                known, unfit = _known(connection, part, refused)
                batch, count = change(connection, [seq for seq, _ in known.values()], batch)
        except StoreError as error:
            if changed:
                raise _after(error, changed, batch) from error
            raise
        changed += count
        errors |= unfit
    return _result(ids, errors, changed, batch, began)


def count(database: Database, ids: Sequence[str], *, is_deletion: bool, refused: Refusal = nobody) -> ChangeResult:
    """What a deletion (or a restore) of `ids` would answer; nothing changes."""
    began = time.perf_counter()
    changed = 0
    errors: dict[str, str] = {}
    with database.snapshot() as connection:
        for part in _parts(list(dict.fromkeys(ids))):
            known, unfit = _known(connection, part, refused)
            changed += sum(is_gone != is_deletion for _, is_gone in known.values())
            errors |= unfit
    return _result(ids, errors, changed, None, began)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), MAX_BATCH_DELETE):
        yield ids[begin : begin + MAX_BATCH_DELETE]


def _known(
    connection: sqlite3.Connection, ids: Sequence[str], refused: Refusal
) -> tuple[dict[str, tuple[int, bool]], dict[str, str]]:
    """What can be changed, and why the others cannot."""
    known = trash.keys_of(connection, ids)
    errors = {name: "not found" for name in ids if name not in known}
    errors |= dict.fromkeys(refused(connection, ids), BEING_PURGED)
    return {name: key for name, key in known.items() if name not in errors}, errors


def _result(ids: Sequence[str], errors: dict[str, str], changed: int, batch: int | None, began: float) -> ChangeResult:
    return ChangeResult(
        results={name: name not in errors for name in ids},
        errors=errors,
        changed=changed,
        batch=batch,
        query_time_ms=round((time.perf_counter() - began) * 1000, 2),
    )


def _after(error: StoreError, changed: int, batch: int | None) -> StoreError:
    place = "" if batch is None else f" (batch {batch})"
    sentence = str(error).removesuffix(": nothing was changed")
    return type(error)(f"{sentence}: {changed:,} experiments were changed before that{place}, the others were not")
