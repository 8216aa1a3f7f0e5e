"""The store: what terminal, command line and server hold to read and change the index."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from runicorn_db import outbox, plan, series, summaries, tagging, trash
from runicorn_db import roots as root_table
from runicorn_db.cursors import write_cursor
from runicorn_db.database import Database, Interrupt
from runicorn_db.errors import CountChanged, InvalidQuery, QueryFailed, StoreError, UnknownExperiment
from runicorn_db.query import (
    DEFAULT_DELETE_REASON,
    MAX_REASON_LENGTH,
    Batch,
    ChangeResult,
    DeletePreview,
    Experiment,
    ExperimentDetail,
    ExperimentQuery,
    Health,
    MatchingResult,
    MetricsQuery,
    MetricTable,
    Page,
    Problem,
    Root,
    Snapshot,
    Source,
    Summary,
    shown,
)
from runicorn_db.rows import read_detail, read_rows
from runicorn_db.text import is_unicode

_INLINE_FILES = 20
_INLINE_SECONDS = 1.0
"""A change of up to so many experiments waits so long for its marker files; others follow in the background."""


class Store:
    """An index of experiments in the file `path`, created where there is none.

    Safe to use from any thread, and by several processes at once. Every method may block on the disk.
    Raises `IndexUnusable` (or a subclass) when the file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        self.database = Database(path, timeout=timeout)
        self.path: Path = self.database.path
        self._outbox_thread: threading.Thread | None = None
        self._outbox_lock = threading.Lock()
        self._outbox_state = threading.Lock()
        self._is_outbox_due = False
        self._is_closing = threading.Event()

    def close(self) -> None:
        """Close the file; marker files that are not written yet follow when the index is opened again."""
        self._is_closing.set()
        if (thread := self._outbox_thread) is not None:
            thread.join()
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    # --- reading

    def find(self, query: ExperimentQuery, *, interrupt: Interrupt | None = None) -> Page:
        """One page of what matches and the exact total, from one snapshot."""
        began = time.perf_counter()
        with self.database.snapshot(interrupt) as connection:
            keys = plan.find_page(connection, query)
            experiments = tuple(row for row in read_rows(connection, keys.keys) if row is not None)
        return Page(
            experiments=experiments,
            total=keys.total,
            page=query.page,
            per_page=query.per_page,
            next_cursor=write_cursor(query, experiments[-1]) if keys.has_more else None,
            query_time_ms=_milliseconds_since(began),
            snapshot=Snapshot(array("q", keys.keys)),
        )

    def ids(self, query: ExperimentQuery, *, interrupt: Interrupt | None = None) -> Snapshot:
        """Everything that matches, in order; the paging of `query` is ignored."""
        with self.database.snapshot(interrupt) as connection:
            return Snapshot(plan.find_keys(connection, query, interrupt))

    def rows(self, snapshot: Snapshot) -> list[Experiment | None]:
        """The experiments of a (part of a) snapshot as they are now; None for what left the index since."""
        with self.database.snapshot() as connection:
            return read_rows(connection, snapshot.keys)

    def id_list(self, snapshot: Snapshot) -> list[str]:
        """The ids of a snapshot in its order, without what left the index since."""
        with self.database.snapshot() as connection:
            sql = "SELECT seq, id FROM experiment WHERE seq IN (SELECT value FROM json_each(?))"
            found = dict(connection.execute(sql, (json.dumps(list(snapshot.keys)),)).fetchall())
        return [found[key] for key in snapshot.keys if key in found]

    def snapshot_of(self, ids: Sequence[str]) -> Snapshot:
        """The experiments of these ids, without the unknown ones."""
        with self.database.snapshot() as connection:
            return Snapshot(_keys_of(connection, ids))

    def get(self, experiment_id: str) -> ExperimentDetail:
        """One experiment, in the trash or not. Raises `UnknownExperiment`."""
        began = time.perf_counter()
        _check_id(experiment_id)
        with self.database.snapshot() as connection:
            detail = read_detail(connection, experiment_id)
        return replace(detail, query_time_ms=_milliseconds_since(began))

    def resolve(self, prefix: str) -> str:
        """The id that is `prefix` or the only one that begins with it. Raises `UnknownExperiment`, `InvalidQuery`."""
        _check_id(prefix)
        with self.database.snapshot() as connection:
            sql = "SELECT id FROM experiment WHERE id >= ? AND substr(id, 1, ?) = ? ORDER BY id LIMIT 3"
            found = [name for (name,) in connection.execute(sql, (prefix, len(prefix), prefix))] if prefix else []
        if prefix in found or len(found) == 1:
            return found[0]
        if not found:
            raise UnknownExperiment(shown(prefix))
        raise InvalidQuery(f"'{shown(prefix)}' begins more than one id: {', '.join(map(shown, found))}, …")

    def series(self, query: MetricsQuery) -> MetricTable:
        """Series of one experiment as columns. Raises `UnknownExperiment`."""
        began = time.perf_counter()
        _check_id(query.experiment_id)
        with self.database.snapshot() as connection:
            seq = _key_of(connection, query.experiment_id)
            table = series.read_table(connection, seq, query)
        return replace(table, query_time_ms=_milliseconds_since(began))

    def summary(self, query: ExperimentQuery) -> Summary:
        """Aggregates over everything that matches; paging and order of `query` are ignored."""
        began = time.perf_counter()
        with self.database.snapshot() as connection:
            summary = summaries.summarise(connection, query)
        return replace(summary, query_time_ms=_milliseconds_since(began))

    def stamp(self) -> str | None:
        """Another text after every change to the index, whoever made it; None where that cannot be told.

        What was read between two equal stamps is of the one state that both name.
        """
        return self.database.stamp()

    def health(self) -> Health:
        with self.database.snapshot() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (experiments,) = connection.execute("SELECT count(*) FROM experiment WHERE live = 1").fetchone()
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise QueryFailed(f"Database query failed: {self.path}: {error.strerror}") from error
        return Health(
            database_path=str(self.path),
            database_size_bytes=size,
            schema_version=version,
            sqlite_version=sqlite3.sqlite_version,
            experiments=experiments,
            roots=tuple(self.roots()),
        )

    # --- roots

    def roots(self) -> list[Root]:
        """All roots, the one added first before the others."""
        return root_table.roots(self.database)

    def root_names(self) -> dict[str, str]:
        """Path -> name of all roots, as `roots` has them, without counting their experiments."""
        return root_table.names(self.database)

    def problems(self) -> list[Problem]:
        """What was skipped while reading the roots."""
        return root_table.problems(self.database)

    def add_root(self, path: str | os.PathLike[str], name: str | None = None) -> Root:
        """Make a folder a root of the index (nothing is read yet); the root itself when it is one already."""
        return root_table.add(self.database, path, name)

    def remove_root(self, name_or_path: str) -> None:
        """Forget a root and its experiments; its files are not touched. Raises `UnknownRoot`."""
        root_table.remove(self.database, name_or_path)

    def rename_root(self, name_or_path: str, name: str) -> Root:
        return root_table.rename(self.database, name_or_path, name)

    def prune(self) -> int:
        """Drop the experiments whose directories are gone; how many."""
        with self.database.writing() as connection:
            return connection.execute("DELETE FROM experiment WHERE missing_at IS NOT NULL").rowcount

    # --- trash

    def batches(self, limit: int = 100) -> list[Batch]:
        """The latest acts of deletion, newest first."""
        sql = (
            "SELECT batch.id, batch.created_at, source, reason, query, count,"
            " (SELECT count(*) FROM experiment WHERE batch_id = batch.id), batch.size_bytes"
            " FROM batch ORDER BY batch.id DESC LIMIT ?"
        )
        names = ("id", "created_at", "source", "reason", "query", "count", "remaining", "size_bytes")
        with self.database.snapshot() as connection:
            return [Batch(**dict(zip(names, row, strict=True))) for row in connection.execute(sql, (limit,))]

    def batch_snapshot(self, batch_id: int) -> Snapshot:
        """What is still in the trash of a batch, newest experiment first. Raises `UnknownBatch`."""
        with self.database.snapshot() as connection:
            return Snapshot(array("q", trash.batch_keys(connection, batch_id)))

    def batch_ids(self, batch_id: int) -> list[str]:
        """The ids of `batch_snapshot`."""
        return self.id_list(self.batch_snapshot(batch_id))

    def preview_delete(
        self, chosen: Sequence[str] | Snapshot, *, takes_running: bool = True, takes_pinned: bool = True
    ) -> DeletePreview:
        """What deleting these (ids or a snapshot) would move to the trash; nothing changes."""
        with self.database.snapshot() as connection:
            keys = _keys_of(connection, chosen)
            return trash.preview(connection, keys, takes_running=takes_running, takes_pinned=takes_pinned)

    def delete(
        self,
        chosen: Sequence[str] | Snapshot,
        *,
        source: Source,
        reason: str = DEFAULT_DELETE_REASON,
        query: str = "",
        dry_run: bool = False,
        batch: int | None = None,
    ) -> ChangeResult:
        """Move experiments (ids or a snapshot) to the trash as one durable batch; nothing on disk is removed.

        With `batch` they join that one: a large deletion is one batch, though it is written part by part.
        An id that is there already counts as a success and keeps its batch; an unknown one fails alone.
        Raises `UnknownBatch`.
        """
        _check_reason(reason)

        def change(connection: sqlite3.Connection, keys: list[int]) -> tuple[int | None, int]:
            return trash.move_to_trash(connection, keys, source=source, reason=reason, query=query, batch=batch)

        return self._change(self._ids(chosen), change, dry_run_state=True if dry_run else None)

    def delete_matching(
        self,
        query: ExperimentQuery,
        *,
        source: Source,
        reason: str = DEFAULT_DELETE_REASON,
        expected_total: int | None = None,
        dry_run: bool = False,
    ) -> MatchingResult:
        """Move everything that matches to the trash. Raises `CountChanged` when that is not `expected_total`."""
        _check_reason(reason)
        began = time.perf_counter()

        def matched(connection: sqlite3.Connection) -> list[int]:
            keys = list(plan.find_keys(connection, query, None))
            if expected_total is not None and len(keys) != expected_total:
                raise CountChanged(f"{len(keys)} experiments match now, not {expected_total}: look again")
            return keys

        batch, changed = None, 0
        if dry_run:
            with self.database.snapshot() as connection:
                keys = matched(connection)
        else:
            with self.database.writing(durable=True) as connection:
                keys = matched(connection)
                batch, changed = trash.move_to_trash(
                    connection, keys, source=source, reason=reason, query=plan.describe(query)
                )
            self._write_files(changed)
        return MatchingResult(matched=len(keys), changed=changed, batch=batch, query_time_ms=_milliseconds_since(began))

    def restore(self, chosen: Sequence[str] | Snapshot, *, dry_run: bool = False) -> ChangeResult:
        """Take experiments (ids or a snapshot) back from the trash; one that is not in it counts as a success."""
        return self._change(
            self._ids(chosen),
            lambda connection, keys: (None, trash.take_back(connection, keys)),
            dry_run_state=False if dry_run else None,
        )

    def restore_batch(self, batch_id: int) -> ChangeResult:
        """Take back what is still in the trash of a batch. Raises `UnknownBatch`."""
        return self.restore(self.batch_ids(batch_id))

    def annotate(
        self,
        ids: Sequence[str],
        *,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        description: str | None = None,
        pinned: bool | None = None,
    ) -> ChangeResult:
        """Change tags, description (`""` clears it) and pin; kept in the index and in the sidecar file."""
        change = tagging.Annotation(
            add_tags=frozenset(add_tags), remove_tags=frozenset(remove_tags), description=description, pinned=pinned
        )
        return self._change(ids, lambda connection, keys: (None, tagging.apply(connection, keys, change)))

    def _ids(self, chosen: Sequence[str] | Snapshot) -> Sequence[str]:
        return self.id_list(chosen) if isinstance(chosen, Snapshot) else chosen

    def _change(
        self,
        ids: Sequence[str],
        change: Callable[[sqlite3.Connection, list[int]], tuple[int | None, int]],
        *,
        dry_run_state: bool | None = None,
    ) -> ChangeResult:
        """Apply `change` to the known ones of `ids`; with `dry_run_state` only count those not in that state."""
        began = time.perf_counter()
        batch: int | None = None
        if dry_run_state is not None:
            with self.database.snapshot() as connection:
                known = trash.keys_of(connection, ids)
                changed = sum(gone != dry_run_state for _, gone in known.values())
        else:
            with self.database.writing(durable=True) as connection:
                known = trash.keys_of(connection, ids)
                batch, changed = change(connection, [seq for seq, _ in known.values()])
            self._write_files(changed)
        return ChangeResult(
            results={name: name in known for name in ids},
            errors={name: "not found" for name in ids if name not in known},
            changed=changed,
            batch=batch,
            query_time_ms=_milliseconds_since(began),
        )

    # --- marker and sidecar files

    def flush_outbox(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Write the marker and sidecar files that are due; how many are still waiting (read-only roots, say)."""
        with self._outbox_lock:
            return outbox.flush(self.database, should_stop=lambda: self._is_closing.is_set() or should_stop())

    def flush_in_background(self) -> threading.Thread:
        """Have the files that are due now written by a thread of the store, which is returned; `close` stops it."""
        with self._outbox_state:
            self._is_outbox_due = True
            if self._outbox_thread is None or not self._outbox_thread.is_alive():
                self._outbox_thread = threading.Thread(target=self._flush_while_due, name="outbox")
                self._outbox_thread.start()
            return self._outbox_thread

    def _flush_while_due(self) -> None:
        # Again and again: what is queued while a flush runs may lie before the place where it is.
        while True:
            with self._outbox_state:
                if not self._is_outbox_due or self._is_closing.is_set():
                    self._outbox_thread = None
                    return
                self._is_outbox_due = False
            # What a busy or full disk refuses stays queued for the next flush; the change itself is committed.
            with contextlib.suppress(StoreError):
                self.flush_outbox()

    def _write_files(self, changed: int) -> None:
        if changed:
            thread = self.flush_in_background()
            if changed <= _INLINE_FILES:
                thread.join(_INLINE_SECONDS)


def _milliseconds_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON_LENGTH or "\0" in reason or not is_unicode(reason):
        raise InvalidQuery(f"reason must be at most {MAX_REASON_LENGTH} characters of valid Unicode without NUL")


def _check_id(text: str) -> None:
    if not is_unicode(text):
        raise UnknownExperiment(shown(text))


def _keys_of(connection: sqlite3.Connection, chosen: Sequence[str] | Snapshot) -> array[int]:
    if isinstance(chosen, Snapshot):
        return chosen.keys
    return array("q", [seq for seq, _ in trash.keys_of(connection, chosen).values()])


def _key_of(connection: sqlite3.Connection, experiment_id: str) -> int:
    row = connection.execute("SELECT seq FROM experiment WHERE id = ?", (experiment_id,)).fetchone()
    if row is None:
        raise UnknownExperiment(experiment_id)
    return row[0]
