"""What a store does to experiments: to the trash and back, out of it for good, and what is noted of them."""

from __future__ import annotations

import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence

from runicorn_db import changes, journal, judging, outbox, plan, purge, tagging, trash
from runicorn_db.database import Database
from runicorn_db.errors import CountChanged
from runicorn_db.outbox_thread import OutboxThread
from runicorn_db.outcomes import (
    AnnotatePreview,
    Batch,
    ChangeResult,
    DeletePreview,
    MatchingResult,
    PurgePreview,
    PurgeProgress,
    PurgeRecord,
    PurgeResult,
)
from runicorn_db.query import DEFAULT_DELETE_REASON, ExperimentQuery, Snapshot, Source


class ChangingStore:
    """The part of `Store` that changes experiments, and has their files follow."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._outbox = OutboxThread(self._flush)

    def batches(self, limit: int = 100) -> list[Batch]:
        """The latest acts of deletion, newest first."""
        with self.database.snapshot() as connection:
            return trash.batches(connection, limit)

    def trash(self, *, deleted_before: float | None = None) -> Snapshot:
        """Everything in the trash, the newest deletion first; or only what was deleted before an instant.

        Without those whose directory is gone.
        """
        with self.database.snapshot() as connection:
            return Snapshot(array("q", trash.find_deleted(connection, before=deleted_before)))

    def batch_snapshot(self, batch_id: int) -> Snapshot:
        """What is still in the trash of a batch, newest experiment first. Raises `UnknownBatch`."""
        with self.database.snapshot() as connection:
            return Snapshot(array("q", trash.batch_keys(connection, batch_id)))

    def batch_ids(self, batch_id: int) -> list[str]:
        """The ids of `batch_snapshot`."""
        return list(self._ids(self.batch_snapshot(batch_id)))

    def preview_delete(
        self, chosen: Sequence[str] | Snapshot, *, takes_running: bool = True, takes_pinned: bool = True
    ) -> DeletePreview:
        """What deleting these (ids or a snapshot) would move to the trash; nothing changes."""
        return self.plan_delete(chosen, takes_running=takes_running, takes_pinned=takes_pinned)[0]

    def plan_delete(
        self,
        chosen: Sequence[str] | Snapshot,
        *,
        takes_running: bool = True,
        takes_pinned: bool = True,
        now: float | None = None,
    ) -> tuple[DeletePreview, Snapshot]:
        """As `preview_delete`, and exactly those experiments, in the order of `chosen`; ages are those of `now`."""
        with self.database.snapshot() as connection:
            keys = trash.chosen_keys(connection, chosen)
            preview, taken = trash.preview(
                connection, keys, takes_running=takes_running, takes_pinned=takes_pinned, now=now
            )
            return preview, Snapshot(taken)

    def delete(
        self,
        chosen: Sequence[str] | Snapshot,
        *,
        source: Source,
        reason: str = DEFAULT_DELETE_REASON,
        query: str = "",
        dry_run: bool = False,
        batch: int | None = None,
        move_to_recycle: bool = False,
    ) -> ChangeResult:
        """Move experiments (ids or a snapshot) to the trash as one batch; nothing on disk is removed.

        At most 1000 are one durable commit, all or nothing. More are written in parts of so many, so that other
        writers are not held up; a crash or a full disk between two parts leaves the parts before in the trash, as
        one batch that can be taken back. With `batch` they join that one. With `move_to_recycle` run directories
        of layout 0.7 that have ended are moved to `.recycle` of the root, where Runicorn 0.7 looks for deleted runs.
        An id that is there already counts as a success and keeps its batch; an unknown one fails alone.
        Raises `UnknownBatch`.
        """
        changes.check_reason(reason)
        ids = self._ids(chosen)
        if dry_run:
            return changes.count(self.database, ids, is_deletion=True)

        def move(connection: sqlite3.Connection, keys: list[int], joined: int | None) -> tuple[int | None, int]:
            return trash.move_to_trash(
                connection,
                keys,
                source=source,
                reason=reason,
                query=query,
                batch=batch if joined is None else joined,
                move_to_recycle=move_to_recycle,
            )

        return self._followed(changes.apply(self.database, ids, move))

    def delete_matching(
        self,
        query: ExperimentQuery,
        *,
        source: Source,
        reason: str = DEFAULT_DELETE_REASON,
        expected_total: int | None = None,
        dry_run: bool = False,
        move_to_recycle: bool = False,
    ) -> MatchingResult:
        """Move everything that matches to the trash. Raises `CountChanged` when that is not `expected_total`.

        What matches is looked up once, and counted, before anything changes; exactly that is then deleted as
        `delete` does it, part by part, whatever begins or ceases to match meanwhile. `matched` and `changed` differ
        by what others deleted in between.
        """
        changes.check_reason(reason)
        began = time.perf_counter()
        with self.database.snapshot() as connection:
            ids = trash.ids_of(connection, plan.find_keys(connection, query, None))
        if expected_total is not None and len(ids) != expected_total:
            raise CountChanged(f"{len(ids)} experiments match now, not {expected_total}: look again")
        batch, changed = None, 0
        if not dry_run:
            described = plan.describe(query)
            result = self.delete(ids, source=source, reason=reason, query=described, move_to_recycle=move_to_recycle)
            batch, changed = result.batch, result.changed
        return MatchingResult(
            matched=len(ids), changed=changed, batch=batch, query_time_ms=round((time.perf_counter() - began) * 1000, 2)
        )

    def restore(self, chosen: Sequence[str] | Snapshot, *, dry_run: bool = False) -> ChangeResult:
        """Take experiments (ids or a snapshot) back from the trash; one that is not in it counts as a success.

        One whose removal has begun fails: it `is being purged`. In parts, as `delete`.
        """
        ids = self._ids(chosen)
        if dry_run:
            return changes.count(self.database, ids, is_deletion=False, refused=trash.being_purged)
        purge.resume(self.database, removes=False)
        taken = changes.apply(
            self.database,
            ids,
            lambda connection, keys, _: (None, trash.take_back(connection, keys)),
            refused=trash.being_purged,
        )
        return self._followed(taken)

    def restore_batch(self, batch_id: int) -> ChangeResult:
        """Take back what is still in the trash of a batch; `redo_batch` reverses that. Raises `UnknownBatch`."""
        with self.database.writing(durable=True) as connection:
            keys = trash.remember_batch(connection, batch_id)
            ids = trash.ids_of(connection, keys)
        return self.restore(ids)

    def redo_batch(self, batch_id: int) -> ChangeResult:
        """Delete again, into the same batch, what it held when `restore_batch` took it back, as far as that is live.

        Raises `UnknownBatch`.
        """
        with self.database.snapshot() as connection:
            ids = trash.ids_of(connection, trash.remembered(connection, batch_id))
        again = changes.apply(
            self.database, ids, lambda connection, keys, _: trash.put_again(connection, keys, batch_id)
        )
        return self._followed(again)

    def preview_purge(self, chosen: Sequence[str] | Snapshot, *, only: str | None = None) -> PurgePreview:
        """What `purge` would remove for good, measured on disk now; nothing changes."""
        return purge.preview(self.database, self._ids(chosen), only=only)

    def purge(
        self,
        chosen: Sequence[str] | Snapshot,
        *,
        source: Source,
        only: str | None = None,
        progress: Callable[[PurgeProgress], None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> PurgeResult:
        """Remove run directories for good and forget their experiments; only what is in the trash can be purged.

        With `only`, a pattern below the run directory such as `checkpoints/**`, just the matching files of experiments
        that have ended, in the trash or not; metrics, logs and what says what a run is are always kept.
        Each id that is refused, or whose files cannot be removed, fails alone with its reason.
        One whose files are moved aside but not all removed is told in `errors`; the rest is removed later.
        Raises `InvalidQuery` for a pattern that cannot be taken.
        """
        # Deletions must be on disk first: files written meanwhile would be in the way, and a crash undoes nothing.
        self.flush_outbox(should_stop)
        return purge.purge(
            self.database, self._ids(chosen), source=source, only=only, progress=progress, should_stop=should_stop
        )

    def purges(self, limit: int = 100) -> list[PurgeRecord]:
        """The journal of what was removed for good, newest first."""
        return journal.records(self.database, limit)

    def tag_counts(self) -> dict[str, int]:
        """How many experiments have each tag, the most used one first; the trash left out."""
        with self.database.snapshot() as connection:
            return tagging.counts(connection)

    def preview_annotate(self, chosen: Sequence[str] | Snapshot) -> AnnotatePreview:
        """What changing these (ids or a snapshot) by `annotate` would meet; nothing changes."""
        with self.database.snapshot() as connection:
            return tagging.preview(connection, trash.chosen_keys(connection, chosen))

    def annotate(
        self,
        ids: Sequence[str],
        *,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        description: str | None = None,
        pinned: bool | None = None,
    ) -> ChangeResult:
        """Change tags, description (`""` clears it) and pin; kept in the index and in the sidecar file.

        `changed` counts those that are different now.
        """
        change = tagging.Annotation(
            add_tags=frozenset(add_tags), remove_tags=frozenset(remove_tags), description=description, pinned=pinned
        )
        annotated = changes.apply(
            self.database, ids, lambda connection, keys, _: (None, tagging.apply(connection, keys, change))
        )
        return self._followed(annotated)

    def judge_running(self) -> tuple[int, int]:
        """Look again whether what is recorded as running still runs: how many that are, and how many changed."""
        return judging.judge_all_running(self.database)

    def _ids(self, chosen: Sequence[str] | Snapshot) -> Sequence[str]:
        if not isinstance(chosen, Snapshot):
            return chosen
        with self.database.snapshot() as connection:
            return trash.ids_of(connection, chosen.keys)

    # --- marker and sidecar files

    def flush_outbox(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Write the marker and sidecar files that are due; how many are still waiting (read-only roots, say).

        A purge that was cut off by a crash is settled too.
        """
        return self._outbox.flush(should_stop)

    def flush_in_background(self) -> threading.Thread:
        """Have the files that are due now written by a thread of the store, which is returned; `close` stops it."""
        return self._outbox.start()

    def _write_files(self, changed: int) -> None:
        self._outbox.follow(changed)

    def _followed(self, result: ChangeResult) -> ChangeResult:
        self._write_files(result.changed)
        return result

    def _flush(self, should_stop: Callable[[], bool]) -> int:
        purge.resume(self.database, should_stop)
        return outbox.flush(self.database, should_stop=should_stop)
