"""Reads the series that changed and writes them in transactions that are neither tiny nor long."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from runicorn_db import ingest, series
from runicorn_db.chunks import Points, no_points
from runicorn_db.database import Database
from runicorn_db.readers import Readers
from runicorn_db.series import SeriesBatch
from runicorn_db.short_writes import ShortWrites
from runicorn_db.sources.events import Position
from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.legacy_database import SeriesRow
from runicorn_db.sources.reader_process import EventsJob, EventsPiece
from runicorn_db.sources.shared_files import SharedFiles

_POINTS_PER_WRITE = 400_000
_POINTS_PER_PORTION = 60_000
_SECONDS_PER_WRITE = 0.5
_RUNS_PER_REPORT = 50
_MAX_ROWS_FROM_DATABASE = 10_000_000

# In a signature the mark of events.jsonl stands between the first two bars.
_EVENTS_MARK = "substr(rest, 1, instr(rest || '|', '|') - 1)"
_PENDING = f"""
SELECT experiment_seq, path, id, {_EVENTS_MARK} AS mark, events_inode, events_offset, events_line
FROM (
    SELECT *, substr(signature, instr(signature, '|') + 1) AS rest FROM run_directory
    WHERE root_id = ? AND experiment_seq IS NOT NULL
)
WHERE events_signature IS NOT {_EVENTS_MARK}
"""
_PENDING_OF_ONE = f"{_PENDING} AND path = ?"
# The newest first; and what is written together lies together in the index.
_NEWEST_FIRST = " ORDER BY experiment_seq DESC"


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose series is to be read, and from where."""

    seq: int
    path: bytes
    id: str
    mark: str
    inode: int | None
    offset: int
    line: int

    @property
    def growth(self) -> int:
        """How many bytes there are to read, as far as the mark (time, size and inode) tells."""
        return max(int(self.mark.split(".")[1], 16) - self.offset, 0)

    @property
    def events(self) -> bytes:
        return self.path + b"/events.jsonl"


class _Part(NamedTuple):
    """What was read of one run since the last write. `start`: where the index must still stand for it to hold."""

    run: _Run
    start: Position
    piece: EventsPiece


class SeriesReader:
    """One pass over the runs of a root whose events.jsonl is not what was last read."""

    def __init__(
        self,
        database: Database,
        root_id: int,
        root: str,
        open_shared: Callable[[], SharedFiles],
        should_stop: Callable[[], bool],
        readers: Readers,
    ) -> None:
        self._database = database
        self._writes = ShortWrites(database)
        self._root_id = root_id
        self._root = os.fsencode(root)
        self._open_shared = open_shared
        self._should_stop = should_stop
        self._readers = readers
        self._parts: list[_Part] = []
        self._points = 0
        self._written_at = time.monotonic()

    def run(self, paths: Iterable[bytes] | None = None) -> Iterator[tuple[int, int]]:
        """Yields (done, total), of these run directories alone where they are given.

        What was read before a stop is kept.
        """
        with self._database.snapshot() as connection:
            if paths is None:
                rows = connection.execute(_PENDING + _NEWEST_FIRST, (self._root_id,)).fetchall()
            else:
                rows = [row for path in paths for row in connection.execute(_PENDING_OF_ONE, (self._root_id, path))]
        pending = [_Run(*row) for row in rows]
        yield 0, len(pending)
        # No events.jsonl at all: then runicorn.db may know the series.
        without_events = [run for run in pending if run.mark.startswith("!")]
        with_events = [run for run in pending if not run.mark.startswith("!")]
        done = 0
        for run in without_events:
            if self._should_stop():
                break
            self._read_rows(run)
            done += 1
            if done % _RUNS_PER_REPORT == 0:
                yield done, len(pending)
        for _ in self._read_events(with_events):
            done += 1
            if done % _RUNS_PER_REPORT == 0:
                yield done, len(pending)
        self._write()
        if done == len(pending):
            yield done, len(pending)

    def _read_rows(self, run: _Run) -> None:
        piece = EventsPiece(0, is_last=True)
        try:
            piece = piece._replace(packed=series.pack(_batch_of(self._open_shared().series(run.id))))
        except Unreadable as error:
            piece = piece._replace(problem=error.reason)
        self._add(_Part(run, _position(run), piece))

    def _read_events(self, runs: Sequence[_Run]) -> Iterator[_Run]:
        """Yields the runs that were read to their end."""
        jobs = [
            EventsJob(number=number, path=self._root + b"/" + run.events, position=_position(run))
            for number, run in enumerate(runs)
        ]
        ends = [job.position for job in jobs]
        with closing(self._readers.read(jobs, [run.growth for run in runs], self._should_stop)) as pieces:
            for piece in pieces:
                run = runs[piece.number]
                self._points += piece.weight
                self._add(_Part(run, ends[piece.number], piece))
                ends[piece.number] = piece.position or ends[piece.number]
                if piece.is_last:
                    yield run

    def _add(self, part: _Part) -> None:
        self._parts.append(part)
        if self._points > _POINTS_PER_WRITE or time.monotonic() - self._written_at > _SECONDS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        self._writes.write(
            _portions(self._parts), lambda connection, parts: _write_parts(connection, self._root_id, parts)
        )
        self._parts = []
        self._points = 0
        self._written_at = time.monotonic()


def _position(run: _Run) -> Position:
    return Position(inode=run.inode, offset=run.offset, line=run.line)


def _batch_of(rows: Iterable[SeriesRow]) -> SeriesBatch:
    points: dict[str, Points] = {}
    times = no_points()
    for row in islice(rows, _MAX_ROWS_FROM_DATABASE):
        column = points.setdefault(row.name, no_points())
        column.steps.append(row.step)
        column.values.append(row.value)
        if row.logged_at is not None:
            times.steps.append(row.step)
            times.values.append(row.logged_at)
    return SeriesBatch(points=points, texts=(), times=times)


def _portions(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """The parts in portions that take no time; oldest run first, for tables that grow at their end are filled best."""
    portion: list[_Part] = []
    points = 0
    for part in sorted(parts, key=lambda part: part.run.seq):
        portion.append(part)
        points += part.piece.weight
        if points >= _POINTS_PER_PORTION:
            yield portion
            portion, points = [], 0
    if portion:
        yield portion


def _write_parts(connection: sqlite3.Connection, root_id: int, parts: Sequence[_Part]) -> None:
    """Store what was read, kind by kind: far fewer statements than part by part."""
    fitting = _fitting(connection, root_id, parts)
    series.replace(connection, [(seq, part.piece.packed) for seq, part in fitting if part.piece.packed is not None])
    for seq, part in fitting:
        if part.piece.added is not None:
            series.append(connection, seq, part.piece.added)
    _note_times(connection, fitting)
    _note_problems(connection, root_id, [part for _, part in fitting])
    connection.executemany(
        "UPDATE run_directory SET events_inode = ?, events_offset = ?, events_line = ?,"
        " events_signature = iif(?, ?, events_signature) WHERE root_id = ? AND path = ?",
        [
            (*(part.piece.position or part.start), part.piece.is_last, part.run.mark, root_id, part.run.path)
            for _, part in fitting
        ],
    )


def _fitting(connection: sqlite3.Connection, root_id: int, parts: Sequence[_Part]) -> list[tuple[int, _Part]]:
    """The parts that go on where the index stands, each with its experiment.

    Another process may have read the same file meanwhile: then it is further, and the part is dropped.
    """
    fitting: list[tuple[int, _Part]] = []
    ends: dict[bytes, tuple[int | None, int | None, int]] = {}
    for part in parts:
        path = part.run.path
        if path not in ends:
            row = connection.execute(
                "SELECT experiment_seq, events_inode, events_offset FROM run_directory WHERE root_id = ? AND path = ?",
                (root_id, path),
            ).fetchone()
            ends[path] = row or (None, None, 0)
        seq, inode, offset = ends[path]
        if seq is not None and (inode, offset) == part.start[:2]:
            fitting.append((seq, part))
            ends[path] = (seq, *(part.piece.position or part.start)[:2])
    return fitting


def _note_times(connection: sqlite3.Connection, parts: Iterable[tuple[int, _Part]]) -> None:
    """When the last event came; of a file that was read from its beginning nothing older holds."""
    connection.executemany(
        "UPDATE experiment SET last_event_at = ?1, updated_at = coalesce(?1, ended_at, created_at) WHERE seq = ?2",
        [
            (part.piece.last_event_at, seq)
            for seq, part in parts
            if part.piece.last_event_at is not None or (part.piece.packed and part.piece.position)
        ],
    )


def _note_problems(connection: sqlite3.Connection, root_id: int, parts: Sequence[_Part]) -> None:
    connection.executemany(
        "DELETE FROM problem WHERE root_id = ? AND owner = ?",
        [(root_id, part.run.events) for part in parts if part.piece.packed is not None],
    )
    for part in parts:
        path = part.run.events
        connection.executemany(
            "INSERT INTO problem (root_id, owner, path, message, line, count) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(root_id, path, path, skip.message, skip.line, skip.count) for skip in part.piece.skipped],
        )
        if part.piece.problem is not None:
            problem = FileProblem(path=path, message=part.piece.problem)
            ingest.store_problems(connection, root_id, path, [problem])
