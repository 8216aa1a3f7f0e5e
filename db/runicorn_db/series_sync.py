"""Reads the series that changed and writes them in transactions that are neither tiny nor long."""

from __future__ import annotations

import os
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from runicorn_db import ingest, series
from runicorn_db.chunks import Points
from runicorn_db.database import Database
from runicorn_db.readers import Readers
from runicorn_db.series import SeriesBatch
from runicorn_db.sources.events import EventBatch, Position, Skipped
from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.legacy_database import SeriesRow
from runicorn_db.sources.reader_process import EventsJob
from runicorn_db.sources.shared_files import SharedFiles

_POINTS_PER_WRITE = 100_000
_SECONDS_PER_WRITE = 0.15
_RUNS_PER_REPORT = 50
_MAX_ROWS_FROM_DATABASE = 10_000_000

# In a signature the mark of events.jsonl stands between the first two bars.
_EVENTS_MARK = "substr(rest, 1, instr(rest || '|', '|') - 1)"
_PENDING = f"""
SELECT path, id, {_EVENTS_MARK} AS mark, events_inode, events_offset, events_line
FROM (
    SELECT *, substr(signature, instr(signature, '|') + 1) AS rest FROM run_directory
    WHERE root_id = ? AND experiment_seq IS NOT NULL
)
WHERE events_signature IS NOT {_EVENTS_MARK}
"""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose series is to be read, and from where."""

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


@dataclass(slots=True)
class _Part:
    """What was read of one run since the last write. `start`: where the index must still stand for it to hold."""

    run: _Run
    start: Position
    batches: list[EventBatch] = field(default_factory=list)
    replacement: SeriesBatch | None = None
    problem: str | None = None
    is_last: bool = False


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
        self._root_id = root_id
        self._root = os.fsencode(root)
        self._open_shared = open_shared
        self._should_stop = should_stop
        self._readers = readers
        self._parts: list[_Part] = []
        self._points = 0
        self._written_at = time.monotonic()

    def run(self) -> Iterator[tuple[int, int]]:
        """Yields (done, total); what was read before a stop is kept."""
        with self._database.snapshot() as connection:
            pending = [_Run(*row) for row in connection.execute(_PENDING, (self._root_id,))]
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
        part = _Part(run, _position(run), is_last=True)
        try:
            part.replacement = _batch_of(self._open_shared().series(run.id))
        except Unreadable as error:
            part.problem = error.reason
        self._add(part)

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
                self._add(_Part(run, ends[piece.number], piece.batches, None, piece.problem, piece.is_last))
                if piece.batches:
                    ends[piece.number] = piece.batches[-1].position
                if piece.is_last:
                    yield run

    def _add(self, part: _Part) -> None:
        self._parts.append(part)
        if self._points > _POINTS_PER_WRITE or time.monotonic() - self._written_at > _SECONDS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        if self._parts:
            with self._database.writing() as connection:
                for part in self._parts:
                    _write_part(connection, self._root_id, part)
        self._parts = []
        self._points = 0
        self._written_at = time.monotonic()


def _position(run: _Run) -> Position:
    return Position(inode=run.inode, offset=run.offset, line=run.line)


def _batch_of(rows: Iterable[SeriesRow]) -> SeriesBatch:
    points: dict[str, Points] = {}
    for number, row in enumerate(rows):
        if number == _MAX_ROWS_FROM_DATABASE:
            break
        column = points.setdefault(row.name, Points(array("q"), array("d")))
        column.steps.append(row.step)
        column.values.append(row.value)
    return SeriesBatch(points=points, texts=())


def _write_part(connection: sqlite3.Connection, root_id: int, part: _Part) -> None:
    run = part.run
    row = connection.execute(
        "SELECT experiment_seq, events_inode, events_offset FROM run_directory WHERE root_id = ? AND path = ?",
        (root_id, run.path),
    ).fetchone()
    # Another process may have read the same file meanwhile: then it is further, and this part is dropped.
    if row is None or row[0] is None or (row[1], row[2]) != (part.start.inode, part.start.offset):
        return
    seq = row[0]
    if part.replacement is not None:
        series.clear(connection, seq)
        series.append(connection, seq, part.replacement)
    for batch in part.batches:
        if batch.is_restart:
            series.clear(connection, seq)
            connection.execute(
                "UPDATE experiment SET last_event_at = NULL, updated_at = coalesce(ended_at, created_at) WHERE seq = ?",
                (seq,),
            )
            ingest.store_problems(connection, root_id, run.events, ())
        series.append(connection, seq, batch)
        _note_skipped(connection, root_id, run.events, batch.skipped)
    _note_times(connection, seq, part)
    if part.problem is not None:
        ingest.store_problems(connection, root_id, run.events, [FileProblem(path=run.events, message=part.problem)])
    position = part.batches[-1].position if part.batches else part.start
    connection.execute(
        "UPDATE run_directory SET events_inode = ?, events_offset = ?, events_line = ?,"
        " events_signature = iif(?, ?, events_signature) WHERE root_id = ? AND path = ?",
        (position.inode, position.offset, position.line, part.is_last, run.mark, root_id, run.path),
    )


def _note_times(connection: sqlite3.Connection, seq: int, part: _Part) -> None:
    times = [batch.last_event_at for batch in part.batches if batch.last_event_at is not None]
    if times:
        connection.execute(
            "UPDATE experiment SET last_event_at = ?, updated_at = ? WHERE seq = ?", (times[-1], times[-1], seq)
        )


def _note_skipped(connection: sqlite3.Connection, root_id: int, path: bytes, skipped: Iterable[Skipped]) -> None:
    connection.executemany(
        "INSERT INTO problem (root_id, owner, path, message, line, count) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(root_id, path, path, skip.message, skip.line, skip.count) for skip in skipped],
    )
