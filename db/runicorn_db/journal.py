"""The journal of purges: a row is committed before anything is removed, and closed when nothing is left of it."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runicorn_db.database import Database, take_lock
from runicorn_db.errors import StoreBusy
from runicorn_db.outcomes import PurgeRecord
from runicorn_db.purge_checks import Surveyed
from runicorn_db.query import Source
from runicorn_db.sources.removal import Tally

_OPEN = (
    "SELECT id, experiment_id, root_path, root_inode, path, run_inode, aside, pattern, size_bytes, file_count"
    " FROM purge WHERE is_done = 0 ORDER BY id"
)
# Only what still is as it was looked at: others may have restored it since.
_INTEND = """
INSERT INTO purge (experiment_id, root_path, root_inode, path, run_inode, aside, pattern, size_bytes, file_count,
    source, user, purged_at)
SELECT id, ?, ?, path, ?, ?, ?, ?, ?, ?, ?, ? FROM experiment
WHERE id = ? AND root_id = ? AND path = ? AND (deleted_at IS NOT NULL OR ?)
"""
_ASIDE = re.compile(rb".+/[0-9a-f]{16}", re.DOTALL)
_CLOSE = "UPDATE purge SET is_done = 1, problem = NULL, purged_at = ?, size_bytes = ?, file_count = ? WHERE id = ?"
_OF_EXPERIMENT = "WHERE id = ? AND path = ? AND root_id = (SELECT id FROM root WHERE path = ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An open row: what is to be removed of `path` below `root`. `aside` is empty when that is a pattern only."""

    number: int
    experiment_id: str
    root: str
    root_inode: int
    path: bytes
    run_inode: int
    aside: bytes
    pattern: str | None
    size_bytes: int
    file_count: int

    def __post_init__(self) -> None:
        # What a damaged index says may lie aside is a run that nobody wanted removed.
        is_ours = self.aside == b"" if self.pattern is not None else _ASIDE.fullmatch(self.aside)
        if not is_ours or not isinstance(self.root, str) or not isinstance(self.path, bytes):
            raise ValueError("No row of the journal")

    @property
    def _run(self) -> tuple[str, bytes, str]:
        return self.experiment_id, self.path, self.root


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyRemoved:
    """What a partial purge removed, and what the run directory measures since: (bytes, files)."""

    entry: Entry
    freed_bytes: int
    file_count: int
    measured: tuple[int, int]


@dataclass(slots=True)
class Ending:
    """How open rows end. `stuck` ones stay open, with what is in the way of removing the rest."""

    removed: list[tuple[Entry, Tally]] = field(default_factory=list)
    partly: list[PartlyRemoved] = field(default_factory=list)
    untouched: list[Entry] = field(default_factory=list)
    stuck: list[tuple[Entry, str]] = field(default_factory=list)


def entries(database: Database) -> list[Entry]:
    """The open rows, oldest first."""
    names = tuple(Entry.__dataclass_fields__)
    with database.snapshot() as connection:
        return [Entry(**dict(zip(names, row, strict=True))) for row in connection.execute(_OPEN)]


def intend(
    database: Database, planned: list[tuple[Surveyed, int, bytes]], *, source: Source, pattern: str | None
) -> dict[str, Entry]:
    """Open a row for each of `planned` (what was surveyed, inode of the root, where it is moved aside), durably.

    Without those that were restored, moved or forgotten since they were looked at.
    """
    now, user = time.time(), _user_name()
    opened: dict[str, Entry] = {}
    with database.writing(durable=True) as connection:
        for surveyed, root_inode, aside in planned:
            candidate, tally = surveyed.candidate, surveyed.tally
            is_partial = pattern is not None
            counted = (pattern, tally.freed_bytes, tally.file_count, source, user, now)
            values = (candidate.root, root_inode, surveyed.place.inode, aside, *counted)
            still = (candidate.id, candidate.root_id, candidate.path, is_partial)
            cursor = connection.execute(_INTEND, (*values, *still))
            if cursor.rowcount and cursor.lastrowid is not None:
                opened[candidate.id] = Entry(
                    number=cursor.lastrowid,
                    experiment_id=candidate.id,
                    root=candidate.root,
                    root_inode=root_inode,
                    path=candidate.path,
                    run_inode=surveyed.place.inode,
                    aside=aside,
                    pattern=pattern,
                    size_bytes=tally.freed_bytes,
                    file_count=tally.file_count,
                )
    return opened


def close(database: Database, ending: Ending) -> None:
    """Write how these rows ended and what the index has to say since, in one durable commit."""
    now = time.time()
    with database.writing(durable=True) as connection:
        for entry, tally in ending.removed:
            # After a crash only the rest was counted.
            size, files = max(tally.freed_bytes, entry.size_bytes), max(tally.file_count, entry.file_count)
            connection.execute(_CLOSE, (now, size, files, entry.number))
            connection.execute(f"DELETE FROM experiment {_OF_EXPERIMENT}", entry._run)
        for partly in ending.partly:
            entry = partly.entry
            if partly.file_count > 0:
                connection.execute(_CLOSE, (now, partly.freed_bytes, partly.file_count, entry.number))
            else:
                connection.execute("DELETE FROM purge WHERE id = ?", (entry.number,))
            connection.execute(
                f"UPDATE experiment SET size_bytes = ?, file_count = ? {_OF_EXPERIMENT}",
                (*partly.measured, *entry._run),
            )
        for entry in ending.untouched:
            connection.execute("DELETE FROM purge WHERE id = ?", (entry.number,))
        for entry, problem in ending.stuck:
            connection.execute("UPDATE purge SET problem = ? WHERE id = ?", (problem, entry.number))


def records(database: Database, limit: int) -> list[PurgeRecord]:
    """The journal, newest first."""
    sql = (
        "SELECT experiment_id, root_path, path, size_bytes, file_count, purged_at, source, user, pattern,"
        " iif(is_done, NULL, coalesce(problem, 'not finished yet')) FROM purge ORDER BY id DESC LIMIT ?"
    )
    with database.snapshot() as connection:
        rows = connection.execute(sql, (limit,)).fetchall()
    return [
        PurgeRecord(
            id=name,
            path=os.fsdecode(os.fsencode(root) + b"/" + path),
            size_bytes=size,
            file_count=files,
            purged_at=at,
            source=source,
            user=user,
            pattern=pattern,
            problem=problem,
        )
        for name, root, path, size, files, at, source, user, pattern, problem in rows
    ]


@contextmanager
def alone(database: Database, *, seconds: float | None = None) -> Iterator[None]:
    """Only one at a time, of all processes, removes what rows say: while it does, open rows are not those of a crash.

    Raises `StoreBusy` when another does not let go in so many seconds (the store's own timeout by default).
    """
    deadline = time.monotonic() + (database.timeout if seconds is None else seconds)
    path = database.path.with_name(database.path.name + ".purge.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not take_lock(descriptor, deadline):
            raise StoreBusy("Another purge is running: try again")
        yield
    finally:
        os.close(descriptor)


def _user_name() -> str:
    """Who runs this program; not what the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
