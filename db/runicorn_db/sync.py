"""Keeps the index equal to the roots: scan, list, series, then sizes; only what changed is read again."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from runicorn_db import ingest
from runicorn_db.ingest import Counts, ReadRun
from runicorn_db.judging import judge_running
from runicorn_db.kept_shared import KeptSharedFiles
from runicorn_db.measuring import Measurer
from runicorn_db.readers import Readers
from runicorn_db.roots import find as find_root
from runicorn_db.scanning import KnownRun, Scan, UnusableRoot, changed_among, known_runs, with_mark
from runicorn_db.series_sync import SeriesReader
from runicorn_db.short_writes import ShortWrites
from runicorn_db.sources.directories import FoundRun
from runicorn_db.sources.files import FileProblem
from runicorn_db.sources.reader_process import RunJob, RunPiece
from runicorn_db.sources.runicorn import record_of
from runicorn_db.sources.shared_files import SharedFiles
from runicorn_db.sources.signatures import growth
from runicorn_db.store import Store
from runicorn_db.sync_report import Controls, Phase, SyncProgress, SyncReport

_RUNS_AT_FIRST = 200
_RUNS_PER_WRITE = 500
_RUNS_PER_PORTION = 100
# What a run weighs beside the bytes of a long file: opening its small files takes as long as reading these.
_RUN_BYTES = 20_000
# Owners of problems that belong to no run.
_OF_SCAN = b""
_OF_SHARED_FILES = b"."


class _Stopped(Exception):
    """The caller asked to stop; what was committed stays, the next sync goes on from there."""


def sync(
    store: Store,
    roots: Sequence[str] | None = None,
    *,
    progress: Callable[[SyncProgress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    is_thorough: bool = True,
    shared_before: dict[str, SharedFiles] | None = None,
) -> SyncReport:
    """Bring the index up to date with the named roots (all of them by default).

    Readers see each part as soon as it is committed. A look that is not thorough costs two stats for an
    unchanged run, and misses only small files of ended runs that were rewritten in place. `shared_before`
    keeps, for who syncs again and again, what the files of a root as a whole said.
    Raises `UnknownRoot`, `StoreBusy`, `StorageFull`.
    """
    controls = Controls(progress=progress or (lambda _: None), should_stop=should_stop or (lambda: False))
    chosen = store.roots() if roots is None else [find_root(store.database, root) for root in roots]
    began = time.perf_counter()
    total = SyncReport()
    for root in chosen:
        report = RootSync(store, root.path, controls, shared_before).run(is_thorough=is_thorough)
        total = _added(total, report)
        if not report.is_complete:
            break
    store.flush_outbox(controls.should_stop)
    return replace(total, problems=len(store.problems()), seconds=time.perf_counter() - began)


def _added(left: SyncReport, right: SyncReport) -> SyncReport:
    names = ("found", "added", "changed", "unchanged", "missing", "deleted", "restored")
    sums = {name: getattr(left, name) + getattr(right, name) for name in names}
    return SyncReport(**sums, is_complete=left.is_complete and right.is_complete)


class RootSync:
    """One pass over one root.

    `shared_before` keeps what the files of the root as a whole said, from one pass to the next.
    """

    def __init__(
        self, store: Store, path: str, controls: Controls, shared_before: dict[str, SharedFiles] | None = None
    ) -> None:
        self._database = store.database
        self._path = path
        self._controls = controls
        self._counts = Counts()
        self._readers = Readers()
        with self._database.snapshot() as connection:
            sql = "SELECT id, name, signature FROM root WHERE path = ?"
            self._root_id, self._name, signature = connection.execute(sql, (path,)).fetchone()
        self._shared = KeptSharedFiles(path, signature, {} if shared_before is None else shared_before)

    def run(self, *, is_thorough: bool = True) -> SyncReport:
        """Scan, list, read the series of everything that changed in the root, and measure it."""
        scan = Scan(
            self._database, self._root_id, self._path, self._shared, lambda n: self._report("scan", n, 0), self._check
        )
        is_complete, missing = True, 0
        try:
            scan.look(is_thorough=is_thorough)
            self._settle(scan.settled)
            self._list(scan.changed, scan.problems, on_disk=scan.paths)
            missing = self._mark_missing(scan)
            self._read_series()
            self._judge()
            self._finish(scan)
            self._measure()
        except UnusableRoot as error:
            self._set_state(error.state, str(error))
            return SyncReport()
        except _Stopped:
            is_complete = False
        finally:
            self._shared.close()
            self._readers.close()
        return SyncReport(
            found=len(scan.found),
            added=len(self._counts.new),
            changed=self._counts.changed,
            unchanged=len(scan.found) - len(scan.changed),
            missing=missing,
            deleted=self._counts.deleted,
            restored=self._counts.restored,
            is_complete=is_complete,
        )

    def look_at(self, paths: Iterable[bytes]) -> SyncReport:
        """Read only these run directories again, where they changed: cheap enough for every other second."""
        known = known_runs(self._database, self._root_id, paths)
        is_complete = True
        try:
            changed = changed_among(self._path, known)
            if changed:
                # Other directories were not looked at: those the index knows are taken to be there.
                self._list(self._without_grown(changed, known), [], on_disk=None)
                self._read_series([run.path for run, _ in changed])
            self._judge()
        except _Stopped:
            is_complete = False
        finally:
            self._shared.close()
            self._readers.close()
        return SyncReport(found=len(known), changed=self._counts.changed, is_complete=is_complete)

    def _without_grown(
        self, changed: list[tuple[FoundRun, str]], known: Mapping[bytes, KnownRun]
    ) -> list[tuple[FoundRun, str]]:
        """Settle the runs of which only events.jsonl grew: walking their directories every other second is unkind."""
        grown = {run.path: growth(known[run.path].files, now) for run, now in changed}
        with self._database.writing() as connection:
            for run, signature in changed:
                if (size := grown[run.path]) is not None:
                    marked = with_mark(signature, known[run.path].mark)
                    ingest.note_growth(connection, self._root_id, run.path, marked, size)
                    self._counts.changed += 1
        return [(run, signature) for run, signature in changed if grown[run.path] is None]

    def _check(self) -> None:
        if self._controls.should_stop():
            raise _Stopped

    def _report(self, phase: Phase, done: int, total: int) -> None:
        self._controls.progress(SyncProgress(root=self._name, phase=phase, done=done, total=total))

    def _set_state(self, state: str, problem: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE root SET state = ?, problem = ?, is_writable = ? WHERE id = ?",
                (state, problem, os.access(self._path, os.W_OK), self._root_id),
            )

    def _settle(self, settled: Sequence[tuple[bytes, str]]) -> None:
        if settled:
            with self._database.writing() as connection:
                ingest.note_settled(connection, self._root_id, settled)

    # --- list

    def _list(
        self,
        changed: Sequence[tuple[FoundRun, str | None]],
        problems: list[FileProblem],
        *,
        on_disk: Container[bytes] | None,
    ) -> None:
        done = 0
        self._report("list", done, len(changed))
        if not changed:
            return
        # Names begin with the time in all versions: the newest are what a list shows first.
        newest_first = sorted(changed, key=lambda item: item[0].path.rpartition(b"/")[2], reverse=True)
        writes = ShortWrites(self._database)

        def store(connection: sqlite3.Connection, runs: Sequence[ReadRun]) -> None:
            ingest.store_runs(connection, self._root_id, runs, on_disk=on_disk, counts=self._counts)

        with closing(self._read(newest_first, problems)) as reading:
            while part := list(islice(reading, _RUNS_PER_WRITE if done else _RUNS_AT_FIRST)):
                runs = [run for run in part if run is not None]
                writes.write(_portions(runs), store)
                done += len(part)
                self._report("list", done, len(changed))
                self._check()
        self._check()

    def _read(
        self, changed: Sequence[tuple[FoundRun, str | None]], problems: list[FileProblem]
    ) -> Generator[ReadRun | None]:
        """Each run in its turn, None where it is unreadable."""
        shared = self._shared.contents()
        jobs = [
            RunJob(number=number, root=self._path, found=found, is_known=signature is not None)
            for number, (found, signature) in enumerate(changed)
        ]
        early: dict[int, RunPiece] = {}
        following = 0
        with closing(self._readers.read(jobs, [_RUN_BYTES] * len(jobs), self._controls.should_stop)) as pieces:
            for arrived in pieces:
                early[arrived.number] = arrived
                while (piece := early.pop(following, None)) is not None:
                    found, signature = changed[following]
                    following += 1
                    if piece.files is None:
                        problems.append(FileProblem(path=found.path, message=piece.problem or ""))
                        yield None
                    else:
                        record = record_of(found, piece.files, shared=shared)
                        seen = with_mark(signature or piece.signature or "", shared.mark(record.id))
                        yield ReadRun(record=record, signature=seen, measured=piece.measured)

    def _mark_missing(self, scan: Scan) -> int:
        """Hide what is no longer on disk."""
        gone = scan.gone()
        new = [(time.time(), self._root_id, path) for path in gone if not scan.known[path].is_missing]
        if gone:
            with self._database.writing() as connection:
                connection.executemany(
                    "UPDATE experiment SET missing_at = ?, live = 0 WHERE root_id = ? AND path = ?", new
                )
                connection.executemany(
                    "DELETE FROM run_directory WHERE root_id = ? AND path = ? AND experiment_seq IS NULL",
                    [(self._root_id, path) for path in gone],
                )
        return len(new)

    # --- series

    def _read_series(self, paths: Sequence[bytes] | None = None) -> None:
        reader = SeriesReader(
            self._database, self._root_id, self._path, self._shared.open, self._controls.should_stop, self._readers
        )
        for done, total in reader.run(paths):
            self._report("series", done, total)
        self._check()

    # --- end

    def _measure(self) -> None:
        measurer = Measurer(self._database, self._root_id, self._path, self._controls.should_stop, self._readers)
        for done, total in measurer.run():
            self._report("measure", done, total)
        self._check()

    def _judge(self) -> None:
        judged = judge_running(self._database, self._root_id)
        self._counts.changed += len(judged - self._counts.new)

    def _finish(self, scan: Scan) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM problem WHERE root_id = ?1 AND owner NOT IN"
                " (SELECT path FROM run_directory WHERE root_id = ?1"
                " UNION ALL SELECT cast(path || '/events.jsonl' AS BLOB) FROM run_directory WHERE root_id = ?1)"
                " AND owner NOT IN (?2, ?3)",
                (self._root_id, _OF_SCAN, _OF_SHARED_FILES),
            )
            ingest.store_problems(connection, self._root_id, _OF_SCAN, scan.problems)
            if (shared := self._shared.kept) is not None:
                ingest.store_problems(connection, self._root_id, _OF_SHARED_FILES, shared.problems)
            connection.execute(
                "UPDATE root SET state = 'ok', problem = NULL, is_writable = ?, last_synced_at = ?, signature = ?"
                " WHERE id = ?",
                (os.access(self._path, os.W_OK), time.time(), self._shared.signature, self._root_id),
            )


def _portions(runs: Sequence[ReadRun]) -> list[Sequence[ReadRun]]:
    """Oldest first, for tables that grow at their end are filled best; those that share an id stay together."""
    if len({run.record.id for run in runs}) < len(runs):
        return [runs]
    ordered = sorted(runs, key=lambda run: run.record.created_at)
    return [ordered[at : at + _RUNS_PER_PORTION] for at in range(0, len(ordered), _RUNS_PER_PORTION)]
