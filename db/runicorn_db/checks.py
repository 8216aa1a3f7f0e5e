"""What `doctor` looks at: each check says in one sentence how something is, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runicorn_db.errors import StoreBusy, StoreError
from runicorn_db.index_file import migrations, network_filesystem
from runicorn_db.query import Root, shown
from runicorn_db.sources.removal import ASIDE_NAME
from runicorn_db.store import Store

Version = tuple[int, int, int]
State = Literal["ok", "warning", "error"]

LEAST_FREE_BYTES = 16 << 20
"""With less on its disk the index cannot be written for long."""
_LITTLE_FREE_BYTES = 512 << 20
_LARGE_LOG_BYTES = 64 << 20
_CLOCK_SECONDS = 300.0
_MOST_SHOWN = 5

# The fault that SQLite calls the WAL-reset bug: a checkpoint that races a commit of another connection.
_FAULTY_FROM: Version = (3, 7, 0)
_MENDED_IN: Version = (3, 51, 3)
_BACKPORTS: tuple[Version, ...] = ((3, 44, 6), (3, 50, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`warning`: works, but look at it. `error`: something does not work."""

    name: str
    state: State
    sentence: str


def has_wal_reset_fault(version: Version) -> bool:
    """Whether this SQLite can lose a commit when a checkpoint of another connection races it."""
    has_backport = any(version[:2] == backport[:2] and version >= backport for backport in _BACKPORTS)
    return _FAULTY_FROM <= version < _MENDED_IN and not has_backport


def check_machine(index: Path, *, secrets: Iterable[Path] = (), settings: Iterable[Path] = ()) -> list[Check]:
    """What can be looked at without opening the index: SQLite, its disk, and who may read or write which file.

    `secrets`: files that only their owner should read; `settings`: files that only their owner should write.
    """
    own = [index.with_name(index.name + end) for end in ("", "-wal", "-shm", ".lock", ".purge.lock")]
    return [
        _check_sqlite(),
        _check_filesystem("filesystem", f"the index {index}", index),
        _check_disk("disk", "the index", index.parent),
        _check_modes([*own, *secrets], settings),
    ]


def check_index(store: Store) -> list[Check]:
    """What the index says of itself, its experiments and its roots. None of it raises a `StoreError`."""
    looks: dict[str, Callable[[Store], Iterable[Check]]] = {
        "integrity": _check_integrity,
        "schema": _check_schema,
        "log": _check_log,
        "clock": _check_clock,
        "files": _check_waiting,
        "purges": _check_purges,
        "roots": _check_roots,
    }
    found: list[Check] = []
    for name, look in looks.items():
        try:
            found += look(store)
        except StoreBusy as error:
            found.append(Check(name=name, state="warning", sentence=f"could not be looked at: {error}; try again"))
        except StoreError as error:
            found.append(Check(name=name, state="error", sentence=f"could not be looked at: {error}"))
    return found


def _check_sqlite() -> Check:
    version = sqlite3.sqlite_version
    if not has_wal_reset_fault(sqlite3.sqlite_version_info[:3]):
        return Check(name="sqlite", state="ok", sentence=f"{version}, without the WAL-reset fault")
    return Check(
        name="sqlite",
        state="ok",
        sentence=f"{version} has the WAL-reset fault of 3.7.0 to 3.51.2 (mended in 3.51.3, 3.50.7 and 3.44.6): a"
        " checkpoint that meets a commit of another process can lose it. A lock of this program keeps its own"
        " processes from that; do not write to the index with others",
    )


def _check_filesystem(name: str, what: str, path: Path) -> Check:
    kind = network_filesystem(path)
    if kind is None:
        return Check(name=name, state="ok", sentence=f"{what} lies on a local one")
    return Check(name=name, state="warning", sentence=f"{what} lies on that of a network ({kind})")


def _check_disk(name: str, what: str, folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name=name, state="error", sentence=f"the disk of {what} does not answer: {error.strerror}")
    state: State = "error" if free < LEAST_FREE_BYTES else "warning" if free < _LITTLE_FREE_BYTES else "ok"
    return Check(name=name, state=state, sentence=f"{free // (1 << 20):,} MiB are free on that of {what}")


def _check_modes(private: Iterable[Path], settings: Iterable[Path]) -> Check:
    found: list[str] = []
    for path, mask, what in [*((path, 0o077, "read") for path in private), *((p, 0o022, "write") for p in settings)]:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & mask:
            found.append(f"{path} ({stat.S_IMODE(mode):04o})")
            advice = "chmod 600" if what == "read" else "chmod go-w"
            found[-1] += f": others can {what} it, {advice} it"
    if found:
        return Check(name="modes", state="warning", sentence="; ".join(found))
    return Check(name="modes", state="ok", sentence="index, token and settings are yours alone")


def _check_integrity(store: Store) -> Iterator[Check]:
    advice = "mend it with runicorn-tui doctor --rebuild"
    try:
        with store.database.snapshot() as connection:
            found = [row for (row,) in connection.execute(f"PRAGMA integrity_check({_MOST_SHOWN})")]
            found += [f"{table} refers to nothing" for table, *_ in connection.execute("PRAGMA foreign_key_check")]
        if found == ["ok"]:
            with store.database.writing() as connection:
                connection.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
    except StoreBusy:
        raise
    except StoreError as error:
        yield Check(name="integrity", state="error", sentence=f"{error}; {advice}")
        return
    if found == ["ok"]:
        yield Check(name="integrity", state="ok", sentence="every page, index and search text is as it should be")
    else:
        lines = "; ".join(shown(str(line).partition("\n")[0]) for line in found[:_MOST_SHOWN])
        yield Check(name="integrity", state="error", sentence=f"the index is damaged ({lines}); {advice}")


def _check_schema(store: Store) -> Iterator[Check]:
    version = store.health().schema_version
    yield Check(name="schema", state="ok", sentence=f"{version} of {len(migrations())}")


def _check_log(store: Store) -> Iterator[Check]:
    try:
        size = store.path.with_name(store.path.name + "-wal").stat().st_size
    except FileNotFoundError:
        size = 0
    state: State = "warning" if size > _LARGE_LOG_BYTES else "ok"
    held = ": a process reads for long, a server or a browser say" if state == "warning" else ""
    yield Check(name="log", state=state, sentence=f"{size / (1 << 20):.1f} MiB are in that of the index{held}")


def _check_clock(store: Store) -> Iterator[Check]:
    with store.database.snapshot() as connection:
        rows = connection.execute(
            "SELECT id FROM experiment WHERE created_at > ? AND missing_at IS NULL ORDER BY seq DESC",
            (time.time() + _CLOCK_SECONDS,),
        ).fetchall()
    if not rows:
        yield Check(name="clock", state="ok", sentence="no experiment was created in the future")
        return
    some = ", ".join(shown(name) for (name,) in rows[:_MOST_SHOWN])
    yield Check(
        name="clock",
        state="warning",
        sentence=f"{len(rows):,} experiments were created in the future ({some}): this clock or that of their host is"
        " wrong, and ages and 'the later act wins' with it",
    )


def _check_waiting(store: Store) -> Iterator[Check]:
    sql = (
        "SELECT root.name, coalesce(error, 'not written yet'), count(*) FROM outbox"
        " JOIN experiment ON seq = experiment_seq JOIN root ON root.id = root_id GROUP BY 1, 2 ORDER BY 3 DESC"
    )
    with store.database.snapshot() as connection:
        rows = connection.execute(sql).fetchall()
    if not rows:
        yield Check(name="files", state="ok", sentence="every deletion, tag and pin is written beside its run")
        return
    told = "; ".join(f"{shown(root)}: {count:,} ({shown(reason)})" for root, reason, count in rows[:_MOST_SHOWN])
    yield Check(
        name="files",
        state="warning",
        sentence=f"marker and sidecar files that could not be written, known to this index alone: {told}",
    )


def _check_purges(store: Store) -> Iterator[Check]:
    with store.database.snapshot() as connection:
        rows = connection.execute(
            "SELECT experiment_id, coalesce(problem, 'not finished yet') FROM purge WHERE is_done = 0 ORDER BY id"
        ).fetchall()
    told = [f"{shown(name)} ({shown(problem)})" for name, problem in rows[:_MOST_SHOWN]]
    if rows:
        sentence = f"{len(rows):,} purges are not finished and are tried again: {', '.join(told)}"
        yield Check(name="purges", state="warning", sentence=sentence)
        return
    left = [root.path for root in store.roots() if os.path.lexists(os.fsencode(root.path) + b"/" + ASIDE_NAME)]
    if left:
        folders = ", ".join(f"{path}/{os.fsdecode(ASIDE_NAME)}" for path in left)
        sentence = f"{folders} holds what another index is purging, or what one that is gone left behind"
        yield Check(name="purges", state="warning", sentence=sentence)
        return
    yield Check(name="purges", state="ok", sentence="nothing was left behind")


def _check_roots(store: Store) -> Iterator[Check]:
    roots = store.roots()
    if not roots:
        yield Check(name="roots", state="warning", sentence="there is none yet: runicorn-tui sync ROOT adds one")
    for root in roots:
        yield _check_root(root)
        if os.path.isdir(root.path):
            if network_filesystem(Path(root.path)) is not None:
                yield _check_filesystem(f"filesystem of {root.name}", root.path, Path(root.path))
            disk = _check_disk(f"disk of {root.name}", root.path, Path(root.path))
            if disk.state != "ok":
                yield disk


def _check_root(root: Root) -> Check:
    name = f"root {root.name}"
    if not os.path.isdir(root.path) or not os.access(root.path, os.R_OK | os.X_OK):
        sentence = f"{root.path} cannot be read now: mount it; what the index holds of it stays"
        return Check(name=name, state="error", sentence=sentence)
    if root.state in ("unreadable", "empty"):
        return Check(name=name, state="error", sentence=root.problem or f"{root.path} is {root.state}")
    if not os.access(root.path, os.W_OK):
        sentence = f"{root.path} is read-only: deletions, tags and pins in it live in this index alone"
        return Check(name=name, state="warning", sentence=sentence)
    return Check(name=name, state="ok", sentence=f"{root.path} can be read and written")
