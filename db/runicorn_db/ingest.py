"""Puts what was read of run directories into the index, inside the caller's write transaction."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from runicorn_db import labels, tagging
from runicorn_db.judging import judge_record
from runicorn_db.sources.files import FileProblem
from runicorn_db.sources.reader_process import Measured
from runicorn_db.sources.runicorn import RunRecord
from runicorn_db.sources.sidecar import MARKER_NAME
from runicorn_db.text import fold

_LONGEST_READ_SECONDS = 3600.0
"""Between the reading of a run and its place in the index lies less."""
_ALREADY_HELD = "Its id is already that of {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun:
    """A run directory as it was read; `signature` was taken before, so that a later change shows.

    `measured`: None where that is still to be done.
    """

    record: RunRecord
    signature: str
    measured: Measured | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """What a pass did; `new` are ids."""

    new: set[str] = field(default_factory=set)
    changed: int = 0
    deleted: int = 0
    restored: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    root_id: int
    path: bytes
    created_at: float
    deleted_at: float | None
    restored_at: float | None
    is_missing: bool
    is_foreign: bool
    """It was deleted by another tool."""
    is_queued: bool
    is_recycled: bool
    """A deletion moved it to `.recycle` as 0.7 does, and the marker there tells of it."""
    has_own_tags: bool
    has_own_description: bool
    has_own_pin: bool
    last_event_at: float | None


_STORED = """
SELECT experiment.id, root_id, path, experiment.created_at, deleted_at, restored_at, missing_at IS NOT NULL,
    coalesce(source = 'runicorn', 0), EXISTS (SELECT 1 FROM outbox WHERE experiment_seq = seq),
    home IS NOT NULL, has_own_tags, has_own_description, has_own_pin, last_event_at
FROM experiment LEFT JOIN batch ON batch.id = batch_id
WHERE experiment.id IN (SELECT value FROM json_each(?))
"""
_INSERT_PARAM = "INSERT INTO experiment_param (experiment_seq, name, text, number) VALUES (?, ?, ?, ?)"
_STORE_DIRECTORY = (
    "INSERT INTO run_directory (root_id, path, id, experiment_seq, signature,"
    " measured_signature, measured_at, measured_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET id = excluded.id, signature = excluded.signature,"
    # Another experiment than before: its series is read from the beginning.
    " events_signature = iif(experiment_seq IS excluded.experiment_seq, events_signature, NULL),"
    " events_inode = iif(experiment_seq IS excluded.experiment_seq, events_inode, NULL),"
    " events_offset = iif(experiment_seq IS excluded.experiment_seq, events_offset, 0),"
    " events_line = iif(experiment_seq IS excluded.experiment_seq, events_line, 0),"
    " measured_signature = iif(experiment_seq IS excluded.experiment_seq, measured_signature, NULL),"
    " measured_at = iif(experiment_seq IS excluded.experiment_seq, measured_at, NULL),"
    " experiment_seq = excluded.experiment_seq"
)
_json = json.JSONEncoder(ensure_ascii=False).encode
_STORED_NAMES = tuple(_Stored.__dataclass_fields__)


def store_runs(
    connection: sqlite3.Connection,
    root_id: int,
    runs: Sequence[ReadRun],
    *,
    on_disk: Container[bytes] | None,
    counts: Counts,
) -> None:
    """Insert and update experiments. `on_disk` are the run directories that the root has now, None if none is gone."""
    runs = _without_purged(connection, root_id, runs)
    rows = connection.execute(_STORED, (json.dumps([run.record.id for run in runs]),))
    stored = {row[0]: _Stored(**dict(zip(_STORED_NAMES, row[1:], strict=True))) for row in rows}
    fresh: dict[str, ReadRun] = {}
    for run in runs:
        record = run.record
        known = stored.get(record.id)
        rival = fresh.get(record.id)
        if known is not None:
            if _holds(known, root_id, record, on_disk):
                _update(connection, root_id, known, run, counts)
            else:
                _set_aside(connection, root_id, run)
        elif rival is None or rival.record.created_at < record.created_at:
            fresh[record.id] = run
            if rival is not None:
                _set_aside(connection, root_id, rival)
        else:
            _set_aside(connection, root_id, run)
    _insert(connection, root_id, list(fresh.values()), counts)


def _without_purged(connection: sqlite3.Connection, root_id: int, runs: Sequence[ReadRun]) -> Sequence[ReadRun]:
    """A run that was purged after it was read here does not come back."""
    sql = "SELECT purge.path FROM purge JOIN root ON root.path = root_path WHERE root.id = ? AND purged_at > ?"
    purged = {path for (path,) in connection.execute(sql, (root_id, time.time() - _LONGEST_READ_SECONDS))}
    if not purged:
        return runs
    (root,) = connection.execute("SELECT path FROM root WHERE id = ?", (root_id,)).fetchone()
    return [
        run
        for run in runs
        if run.record.path not in purged or os.path.lexists(os.fsencode(root) + b"/" + run.record.path)
    ]


def _holds(known: _Stored, root_id: int, record: RunRecord, on_disk: Container[bytes] | None) -> bool:
    """Whether `record` is (from now on) the experiment of its id."""
    is_gone = on_disk is not None and known.path not in on_disk
    if known.is_missing or (known.root_id == root_id and (known.path == record.path or is_gone)):
        return True
    if known.root_id == root_id:
        return record.created_at > known.created_at
    return root_id < known.root_id


def _set_aside(connection: sqlite3.Connection, root_id: int, run: ReadRun) -> None:
    _store_directory(connection, root_id, None, run)
    (holder,) = connection.execute(
        "SELECT root.path || '/' || cast(experiment.path AS TEXT) FROM experiment JOIN root ON root.id = root_id"
        " WHERE experiment.id = ?",
        (run.record.id,),
    ).fetchone() or ("another directory of this root",)
    problem = FileProblem(path=run.record.path, message=_ALREADY_HELD.format(holder))
    store_problems(connection, root_id, run.record.path, [*run.record.problems, problem])


def _insert(connection: sqlite3.Connection, root_id: int, runs: Sequence[ReadRun], counts: Counts) -> None:
    """Insert experiments that the index does not know, table by table: far fewer statements than run by run."""
    if not runs:
        return
    places = labels.place(connection, [(run.record.created_at, run.record.id) for run in runs])
    # In the order of the table, which is also what its indexes like best.
    placed = sorted(((places[run.record.id], run) for run in runs), key=itemgetter(0))
    rows = [_row(root_id, seq, run) for seq, run in placed]
    connection.executemany(
        f"INSERT INTO experiment ({', '.join(rows[0])}) VALUES ({', '.join('?' * len(rows[0]))})",
        [list(row.values()) for row in rows],
    )
    connection.executemany(
        "INSERT INTO search_text (seq, project, name, description, live) VALUES (?, ?, ?, ?, 1)",
        [
            (seq, fold(run.record.project), fold(run.record.name), fold(run.record.description or ""))
            for seq, run in placed
        ],
    )
    connection.executemany(
        "INSERT INTO experiment_tag (experiment_seq, tag) VALUES (?, ?)",
        [(seq, tag) for seq, run in placed for tag in run.record.tags],
    )
    connection.executemany(_INSERT_PARAM, [(seq, *param) for seq, run in placed for param in run.record.flat_params])
    connection.executemany(_STORE_DIRECTORY, [_directory_row(root_id, seq, run, run.measured) for seq, run in placed])
    connection.executemany(
        "DELETE FROM problem WHERE root_id = ? AND owner = ?", [(root_id, run.record.path) for _, run in placed]
    )
    for seq, run in placed:
        if run.record.problems:
            store_problems(connection, root_id, run.record.path, run.record.problems)
        if run.record.deleted_at is not None:
            _delete(connection, seq, run.record, counts)
    counts.new.update(places)


def _row(root_id: int, seq: int, run: ReadRun) -> dict[str, object]:
    record, measured = run.record, run.measured
    return _columns(record, last_event_at=None) | {
        "seq": seq,
        "id": record.id,
        "root_id": root_id,
        "path": record.path,
        "created_at": record.created_at,
        "tags": _json(record.tags),
        "is_pinned": record.is_pinned,
        "has_own_tags": record.sidecar.tags is not None,
        "has_own_description": record.sidecar.has_description,
        "has_own_pin": record.sidecar.is_pinned is not None,
        "description": record.description,
        "restored_at": record.restored_at,
        "size_bytes": measured.size_bytes if measured else None,
        "file_count": measured.file_count if measured else 0,
    }


def _update(connection: sqlite3.Connection, root_id: int, known: _Stored, run: ReadRun, counts: Counts) -> None:
    record = run.record
    # Asked again: an update before this one may have numbered its instant anew.
    (seq,) = connection.execute("SELECT seq FROM experiment WHERE id = ?", (record.id,)).fetchone()
    has_moved = (known.root_id, known.path) != (root_id, record.path)
    if known.created_at != record.created_at:
        seq = labels.place(connection, [(record.created_at, record.id)])[record.id]
        # Everything that hangs on it follows by cascade.
        connection.execute(
            "UPDATE experiment SET seq = ?, created_at = ? WHERE id = ?", (seq, record.created_at, record.id)
        )
    values = _columns(record, last_event_at=known.last_event_at) | {
        "root_id": root_id,
        "path": record.path,
        "missing_at": None,
        "live": known.deleted_at is None,
    }
    assignments = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE experiment SET {assignments} WHERE seq = ?", [*values.values(), seq])
    connection.execute(
        "UPDATE search_text SET project = ?, name = ? WHERE seq = ? AND (project, name) IS NOT (?, ?)",
        (fold(record.project), fold(record.name), seq, fold(record.project), fold(record.name)),
    )
    _update_annotations(connection, seq, known, record)
    _store_params(connection, seq, record)
    if has_moved:
        connection.execute("DELETE FROM run_directory WHERE root_id = ? AND path = ?", (known.root_id, known.path))
    _store_directory(connection, root_id, seq, run)
    store_problems(connection, root_id, record.path, record.problems)
    _update_deletion(connection, seq, known, record, counts)
    counts.changed += 1


def _columns(record: RunRecord, *, last_event_at: float | None) -> dict[str, object]:
    """The columns that follow the files, whatever was set here."""
    judged = judge_record(record, last_event_at=last_event_at)
    duration = None
    if judged.ended_at is not None and record.started_at is not None and judged.status != "running":
        duration = judged.ended_at - record.started_at
    candidates = (last_event_at, judged.ended_at, record.created_at)
    return {
        "layout": record.layout,
        "project": record.project,
        "name": record.name,
        "status": judged.status,
        "recorded_status": record.recorded_status,
        "written_status": record.written_status,
        "exit_reason": judged.exit_reason,
        "updated_at": next(at for at in candidates if at is not None),
        "started_at": record.started_at,
        "ended_at": judged.ended_at,
        "duration_seconds": duration,
        "best_metric_name": record.best_metric_name,
        "best_metric_value": record.best_metric_value,
        "best_metric_step": record.best_metric_step,
        "best_metric_mode": record.best_metric_mode,
        "pid": record.pid,
        "hostname": record.hostname,
        "params": _json(record.params),
        "has_environment": record.has_environment,
    }


def _update_annotations(connection: sqlite3.Connection, seq: int, known: _Stored, record: RunRecord) -> None:
    """The sidecar (or else the tracker's files) tells, unless something set here has still to be written there."""
    sidecar = record.sidecar
    if not (known.is_queued and known.has_own_tags):
        (present,) = connection.execute("SELECT tags FROM experiment WHERE seq = ?", (seq,)).fetchone()
        if json.loads(present) != list(record.tags):
            tagging.store_tags(connection, seq, record.tags)
        connection.execute("UPDATE experiment SET has_own_tags = ? WHERE seq = ?", (sidecar.tags is not None, seq))
    if not (known.is_queued and known.has_own_description):
        tagging.store_description(connection, seq, record.description)
        connection.execute(
            "UPDATE experiment SET has_own_description = ? WHERE seq = ?", (sidecar.has_description, seq)
        )
    if not (known.is_queued and known.has_own_pin):
        connection.execute(
            "UPDATE experiment SET is_pinned = ?, has_own_pin = ? WHERE seq = ?",
            (record.is_pinned, sidecar.is_pinned is not None, seq),
        )


def _update_deletion(
    connection: sqlite3.Connection, seq: int, known: _Stored, record: RunRecord, counts: Counts
) -> None:
    """Follow what other tools did; the later of two acts wins."""
    if known.deleted_at is None:
        if record.deleted_at is not None and record.deleted_at > (known.restored_at or 0.0):
            _delete(connection, seq, record, counts)
        return
    if record.deleted_at is not None or known.is_queued:
        return
    was_restored_here = record.restored_at is not None and record.restored_at >= known.deleted_at
    # In 0.7 a deletion of ours stands in the sidecar alone; that it says nothing of it is no act of anybody.
    is_unmarked = (record.layout != "0.7" or known.is_recycled) and not _has_marker_now(connection, seq)
    if is_unmarked or known.is_foreign or was_restored_here:
        connection.execute(
            "UPDATE experiment SET deleted_at = NULL, delete_reason = NULL, batch_id = NULL, restored_at = ?,"
            " home = NULL, live = 1 WHERE seq = ?",
            (record.restored_at, seq),
        )
        counts.restored += 1


def _has_marker_now(connection: sqlite3.Connection, seq: int) -> bool:
    """Looked at again: the marker may have been written since the run directory was read."""
    root, path = connection.execute(
        "SELECT root.path, experiment.path FROM experiment JOIN root ON root.id = root_id WHERE seq = ?", (seq,)
    ).fetchone()
    return os.path.lexists(os.fsencode(root) + b"/" + path + b"/" + MARKER_NAME)


def _delete(connection: sqlite3.Connection, seq: int, record: RunRecord, counts: Counts) -> None:
    """Put what another tool deleted into the trash, in one batch for each reason and day of deletion."""
    assert record.deleted_at is not None
    reason = record.delete_reason or ""
    day = record.deleted_at // 86400 * 86400
    row = connection.execute(
        "SELECT id FROM batch WHERE source = 'runicorn' AND reason = ? AND created_at >= ? AND created_at < ?",
        (reason, day, day + 86400),
    ).fetchone()
    if row is None:
        row = (
            connection.execute(
                "INSERT INTO batch (created_at, source, reason, count, size_bytes) VALUES (?, 'runicorn', ?, 0, 0)",
                (record.deleted_at, reason),
            ).lastrowid,
        )
    connection.execute(
        "UPDATE batch SET count = count + 1, created_at = max(created_at, ?), size_bytes = size_bytes"
        " + (SELECT coalesce(size_bytes, 0) FROM experiment WHERE seq = ?) WHERE id = ?",
        (record.deleted_at, seq, row[0]),
    )
    connection.execute(
        "UPDATE experiment SET deleted_at = ?, delete_reason = ?, batch_id = ?, home = ?, live = 0 WHERE seq = ?",
        (record.deleted_at, record.delete_reason, row[0], record.home, seq),
    )
    counts.deleted += 1


def _store_params(connection: sqlite3.Connection, seq: int, record: RunRecord) -> None:
    connection.execute("DELETE FROM experiment_param WHERE experiment_seq = ?", (seq,))
    connection.executemany(_INSERT_PARAM, [(seq, *param) for param in record.flat_params])


def _directory_row(root_id: int, seq: int | None, run: ReadRun, measured: Measured | None = None) -> tuple[object, ...]:
    """`measured` is what the row of the experiment has, too: without it the directory is still to be measured."""
    mark = (run.signature, time.time(), measured.seconds) if measured else (None, None, None)
    return root_id, run.record.path, run.record.id, seq, run.signature, *mark


def _store_directory(connection: sqlite3.Connection, root_id: int, seq: int | None, run: ReadRun) -> None:
    connection.execute(_STORE_DIRECTORY, _directory_row(root_id, seq, run))


def note_settled(connection: sqlite3.Connection, root_id: int, settled: Iterable[tuple[bytes, str]]) -> None:
    """Runs of which nothing changed but how sure their signatures are."""
    connection.executemany(
        "UPDATE run_directory SET measured_signature = iif(measured_signature = signature, ?1, measured_signature),"
        " signature = ?1 WHERE root_id = ?2 AND path = ?3",
        [(signature, root_id, path) for path, signature in settled],
    )


def note_growth(connection: sqlite3.Connection, root_id: int, path: bytes, signature: str, growth: int) -> None:
    """A run of which only events.jsonl grew, by so many bytes: nothing else of it has to be read again."""
    connection.execute(
        "UPDATE run_directory SET signature = ? WHERE root_id = ? AND path = ?", (signature, root_id, path)
    )
    connection.execute(
        "UPDATE experiment SET size_bytes = size_bytes + ? WHERE root_id = ? AND path = ?", (growth, root_id, path)
    )


def store_problems(
    connection: sqlite3.Connection, root_id: int, owner: bytes, problems: Collection[FileProblem]
) -> None:
    """Make `problems` all that is known of `owner` (a run directory, an events.jsonl, or the root: empty)."""
    connection.execute("DELETE FROM problem WHERE root_id = ? AND owner = ?", (root_id, owner))
    connection.executemany(
        "INSERT INTO problem (root_id, owner, path, message, line) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + 1",
        [(root_id, owner, problem.path, problem.message, problem.line) for problem in problems],
    )
