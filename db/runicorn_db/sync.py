"""Keeps the index equal to the roots: scan, list, series, then sizes; only what changed is read again."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

from runicorn_db import ingest
from runicorn_db.ingest import Counts, ReadRun
from runicorn_db.judging import judge_running
from runicorn_db.looking import Looks
from runicorn_db.measuring import Measurer
from runicorn_db.readers import Readers
from runicorn_db.roots import find as find_root
from runicorn_db.series_sync import SeriesReader
from runicorn_db.short_writes import ShortWrites
from runicorn_db.sources.directories import FoundRun, find_run_directories
from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.reader_process import RunJob, RunPiece
from runicorn_db.sources.runicorn import record_of
from runicorn_db.sources.shared_files import SharedFiles, shared_signature, shared_size
from runicorn_db.sources.signatures import full_signature, growth, is_run, is_same, quick_signature
from runicorn_db.store import Store
from runicorn_db.sync_report import Controls, Phase, SyncProgress, SyncReport

_RUNS_PER_LOOK = 1000
_RUNS_AT_FIRST = 200
_RUNS_PER_WRITE = 500
_RUNS_PER_PORTION = 100
# What a run weighs beside the bytes of a long file: opening its small files takes as long as reading these.
_RUN_BYTES = 20_000
_LARGE = 64 << 20
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


@dataclass(frozen=True, slots=True)
class _Known:
    id: str
    signature: str
    is_missing: bool
    is_running: bool


@dataclass(slots=True)
class _Scan:
    found: list[FoundRun] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)

    @property
    def paths(self) -> set[bytes]:
        return {run.path for run in self.found}


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
        self._shared_before = {} if shared_before is None else shared_before
        self._opened: SharedFiles | None = None
        self._readers = Readers()
        self._looks = Looks(path, {}, self._check)
        with self._database.snapshot() as connection:
            sql = "SELECT id, name, signature FROM root WHERE path = ?"
            self._root_id, self._name, self._shared_signature = connection.execute(sql, (path,)).fetchone()

    def run(self, *, is_thorough: bool = True) -> SyncReport:
        """Scan, list, read the series of everything that changed in the root, and measure it."""
        scan = _Scan()
        is_complete, missing = True, 0
        changed: Sequence[tuple[FoundRun, str | None]] = []
        try:
            known = self._known()
            self._looks = Looks(self._path, _seen(known) if is_thorough else {}, self._check)
            if not self._scan(scan, known):
                return SyncReport()
            signature = shared_signature(self._path)
            if not is_thorough and self._path in self._shared_before and shared_size(self._path) > _LARGE:
                # A database that a trainer writes all the time is not copied every minute.
                signature = self._shared_signature
            is_shared_changed = signature != self._shared_signature
            changed = self._changed(scan, known, is_thorough=is_thorough, is_shared_changed=is_shared_changed)
            doubtful = {run.path for run, now in changed if now is not None and not is_run(now)}
            if doubtful:
                # They may be no run directories any more: found anew, as if they had not been known.
                scan = _Scan()
                if not self._scan(scan, known.keys() - doubtful):
                    return SyncReport()
                changed = self._changed(scan, known, is_thorough=is_thorough, is_shared_changed=is_shared_changed)
            self._list(changed, scan.problems, on_disk=scan.paths)
            missing = self._mark_missing(scan, known)
            self._read_series()
            self._judge()
            self._finish(signature, scan)
            self._measure()
        except _Stopped:
            is_complete = False
        finally:
            self._close_shared()
            self._looks.close()
            self._readers.close()
        return SyncReport(
            found=len(scan.found),
            added=len(self._counts.new),
            changed=self._counts.changed,
            unchanged=len(scan.found) - len(changed),
            missing=missing,
            deleted=self._counts.deleted,
            restored=self._counts.restored,
            is_complete=is_complete,
        )

    def look_at(self, paths: Iterable[bytes]) -> SyncReport:
        """Read only these run directories again, where they changed: cheap enough for every other second."""
        known = self._known(paths)
        runs = [FoundRun(path, b"/.recycle/" in b"/" + path) for path in known]
        is_complete = True
        try:
            changed = [
                (run, signature)
                for run in runs
                if os.path.isdir(os.fsencode(self._path) + b"/" + run.path)
                and not is_same(
                    before := _without_mark(known[run.path].signature),
                    signature := full_signature(self._path, run.path, before),
                )
            ]
            if changed:
                # Other directories were not looked at: those the index knows are taken to be there.
                self._list(self._without_grown(changed, known), [], on_disk=None)
                self._read_series([run.path for run, _ in changed])
            self._judge()
        except _Stopped:
            is_complete = False
        finally:
            self._close_shared()
            self._readers.close()
        return SyncReport(found=len(runs), changed=self._counts.changed, is_complete=is_complete)

    def _without_grown(
        self, changed: list[tuple[FoundRun, str]], known: dict[bytes, _Known]
    ) -> list[tuple[FoundRun, str]]:
        """Settle the runs of which only events.jsonl grew: walking their directories every other second is unkind."""
        grown = {run.path: growth(_without_mark(known[run.path].signature), now) for run, now in changed}
        with self._database.writing() as connection:
            for run, signature in changed:
                if (size := grown[run.path]) is not None:
                    mark = known[run.path].signature.rpartition("|")[2]
                    ingest.note_growth(connection, self._root_id, run.path, f"{signature}|{mark}", size)
                    self._counts.changed += 1
        return [(run, signature) for run, signature in changed if grown[run.path] is None]

    # --- the files of the root as a whole

    def _shared(self) -> SharedFiles:
        """What was kept, or else read now and kept."""
        if self._path not in self._shared_before:
            self._shared_before[self._path] = self._open_shared()
        return self._shared_before[self._path]

    def _open_shared(self) -> SharedFiles:
        if self._opened is None:
            self._opened = SharedFiles.read(self._path)
        return self._opened

    def _close_shared(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def _check(self) -> None:
        if self._controls.should_stop():
            raise _Stopped

    def _report(self, phase: Phase, done: int, total: int) -> None:
        self._controls.progress(SyncProgress(root=self._name, phase=phase, done=done, total=total))

    # --- scan

    def _scan(self, scan: _Scan, known: Container[bytes]) -> bool:
        """Find the run directories; False (and nothing changes) when the root cannot be read or is suddenly empty."""
        self._report("scan", 0, 0)
        try:
            for run in find_run_directories(self._path, scan.problems, known=known):
                scan.found.append(run)
                if len(scan.found) % 1000 == 0:
                    self._report("scan", len(scan.found), 0)
                    self._check()
        except Unreadable as error:
            self._set_state("unreadable", f"{self._path}: {error.reason}")
            return False
        with self._database.snapshot() as connection:
            sql = "SELECT count(*) FROM experiment WHERE root_id = ? AND missing_at IS NULL"
            (expected,) = connection.execute(sql, (self._root_id,)).fetchone()
        if expected and not scan.found:
            self._set_state(
                "empty", f"{self._path} is suddenly empty (not mounted?): its {expected} experiments were kept"
            )
            return False
        return True

    def _set_state(self, state: str, problem: str | None) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE root SET state = ?, problem = ?, is_writable = ? WHERE id = ?",
                (state, problem, os.access(self._path, os.W_OK), self._root_id),
            )

    def _known(self, paths: Iterable[bytes] | None = None) -> dict[bytes, _Known]:
        """The run directories that the index knows, or those of them with these paths."""
        sql = (
            "SELECT run_directory.path, run_directory.id, signature, missing_at IS NOT NULL,"
            " recorded_status = 'running',"
            # A directory that was set aside takes over when the one that held its id is gone.
            " experiment_seq IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM experiment AS holder WHERE holder.id = run_directory.id AND missing_at IS NULL)"
            " FROM run_directory LEFT JOIN experiment ON seq = experiment_seq WHERE run_directory.root_id = ?"
        )
        keys: Sequence[tuple[int] | tuple[int, bytes]] = [(self._root_id,)]
        if paths is not None:
            sql += " AND run_directory.path = ?"
            keys = [(self._root_id, path) for path in paths]
        with self._database.snapshot() as connection:
            return {
                path: _Known(name, "" if is_free else signature, bool(is_missing), bool(is_running))
                for key in keys
                for path, name, signature, is_missing, is_running, is_free in connection.execute(sql, key)
            }

    def _changed(
        self, scan: _Scan, known: dict[bytes, _Known], *, is_thorough: bool, is_shared_changed: bool
    ) -> list[tuple[FoundRun, str | None]]:
        """The runs to read (again), each with the signature its files have now, None where it is not known yet."""
        if is_shared_changed:
            self._shared_before.pop(self._path, None)
        changed: list[tuple[FoundRun, str | None]] = [(run, None) for run in scan.found if run.path not in known]
        settled: list[tuple[bytes, str]] = []
        for begin in range(0, len(scan.found), _RUNS_PER_LOOK):
            self._check()
            runs = [
                (run, before, *before.signature.rpartition("|")[::2])
                for run in scan.found[begin : begin + _RUNS_PER_LOOK]
                if (before := known.get(run.path))
                and (is_thorough or not self._looks_unchanged(run, before, is_shared_changed))
            ]
            signatures = self._looks.signatures([(run.path, seen) for run, _, seen, _ in runs])
            for (run, before, seen, mark), signature in zip(runs, signatures, strict=True):
                is_as_shared = not is_shared_changed or mark == self._shared().mark(before.id)
                if before.is_missing or not is_same(seen, signature) or not is_as_shared:
                    changed.append((run, signature))
                elif signature != seen:
                    settled.append((run.path, f"{signature}|{mark}"))
        if settled:
            with self._database.writing() as connection:
                ingest.note_settled(connection, self._root_id, settled)
        return changed

    def _looks_unchanged(self, run: FoundRun, before: _Known, is_shared_changed: bool) -> bool:
        """Two stats; small files of an ended run that were rewritten in place are not noticed."""
        return not (before.is_running or before.is_missing or is_shared_changed) and before.signature.startswith(
            quick_signature(self._path, run.path) + "|"
        )

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
        shared = self._shared()
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
                        seen = _with_mark(signature or piece.signature or "", shared, record.id)
                        yield ReadRun(record=record, signature=seen, measured=piece.measured)

    def _mark_missing(self, scan: _Scan, known: dict[bytes, _Known]) -> int:
        """Hide what is no longer on disk; where a folder could not be listed nothing is known of what lies in it."""
        unlisted = tuple(problem.path + b"/" for problem in scan.problems)
        present = scan.paths
        present |= {problem.path for problem in scan.problems}
        gone = [path for path in known if path not in present and not path.startswith(unlisted)]
        new = [(time.time(), self._root_id, path) for path in gone if not known[path].is_missing]
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
            self._database, self._root_id, self._path, self._open_shared, self._controls.should_stop, self._readers
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

    def _finish(self, signature: str, scan: _Scan) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM problem WHERE root_id = ?1 AND owner NOT IN"
                " (SELECT path FROM run_directory WHERE root_id = ?1"
                " UNION ALL SELECT cast(path || '/events.jsonl' AS BLOB) FROM run_directory WHERE root_id = ?1)"
                " AND owner NOT IN (?2, ?3)",
                (self._root_id, _OF_SCAN, _OF_SHARED_FILES),
            )
            ingest.store_problems(connection, self._root_id, _OF_SCAN, scan.problems)
            if (shared := self._shared_before.get(self._path)) is not None:
                ingest.store_problems(connection, self._root_id, _OF_SHARED_FILES, shared.problems)
            connection.execute(
                "UPDATE root SET state = 'ok', problem = NULL, is_writable = ?, last_synced_at = ?, signature = ?"
                " WHERE id = ?",
                (os.access(self._path, os.W_OK), time.time(), signature, self._root_id),
            )


def _portions(runs: Sequence[ReadRun]) -> list[Sequence[ReadRun]]:
    """Oldest first, for tables that grow at their end are filled best; those that share an id stay together."""
    if len({run.record.id for run in runs}) < len(runs):
        return [runs]
    ordered = sorted(runs, key=lambda run: run.record.created_at)
    return [ordered[at : at + _RUNS_PER_PORTION] for at in range(0, len(ordered), _RUNS_PER_PORTION)]


def _seen(known: Mapping[bytes, _Known]) -> dict[bytes, str]:
    return {path: _without_mark(run.signature) for path, run in known.items()}


def _with_mark(signature: str, shared: SharedFiles, run_id: str) -> str:
    """The signature of the files of a run, and of what the shared files say of it."""
    return f"{signature}|{shared.mark(run_id)}"


def _without_mark(signature: str) -> str:
    return signature.rpartition("|")[0]
