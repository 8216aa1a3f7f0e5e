"""Measures the run directories that changed, newest first, after everything else of them is known."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from runicorn_db.database import Database
from runicorn_db.readers import Readers
from runicorn_db.sources.reader_process import MeasureJob, MeasurePiece

# Where so much time passed since, measuring again what is written all the time takes a small part of it.
_SHARE = 20
# What a run weighs beside the bytes of a long file.
_WEIGHT = 5000
_RUNS_PER_WRITE = 500
_SECONDS_PER_WRITE = 0.5
_RUNS_PER_REPORT = 50

_PENDING = """
SELECT path, signature FROM (
    SELECT run_directory.path, signature, seq FROM run_directory JOIN experiment ON seq = experiment_seq
    WHERE run_directory.root_id = ?1 AND measured_signature IS NOT signature AND missing_at IS NULL
        AND (status <> 'running' OR measured_at IS NULL OR ?2 - measured_at > ?3 * measured_seconds)
    UNION
    SELECT run_directory.path, signature, seq FROM experiment JOIN run_directory ON seq = experiment_seq
    WHERE experiment.root_id = ?1 AND status = 'running' AND missing_at IS NULL
        AND ?2 - measured_at > ?3 * measured_seconds
)
ORDER BY seq DESC
"""
_KEY = "(SELECT experiment_seq FROM run_directory WHERE root_id = ? AND path = ?)"


class Measurer:
    """One pass over the runs of a root that changed since they were measured, and those that are running.

    A directory that takes long to measure while its experiment is running is measured less often.
    """

    def __init__(
        self, database: Database, root_id: int, root: str, should_stop: Callable[[], bool], readers: Readers
    ) -> None:
        self._database = database
        self._root_id = root_id
        self._root = root
        self._should_stop = should_stop
        self._readers = readers

    def run(self) -> Iterator[tuple[int, int]]:
        """Yields (done, total); what was measured before a stop is kept."""
        with self._database.snapshot() as connection:
            parameters = (self._root_id, time.time(), _SHARE)
            pending: list[tuple[bytes, str]] = connection.execute(_PENDING, parameters).fetchall()
        if not pending:
            return
        yield 0, len(pending)
        jobs = [MeasureJob(number=number, root=self._root, path=path) for number, (path, _) in enumerate(pending)]
        found: list[MeasurePiece] = []
        written_at = time.monotonic()
        done = 0
        with closing(self._readers.read(jobs, [_WEIGHT] * len(jobs), self._should_stop)) as pieces:
            for piece in pieces:
                if piece.is_last:
                    done += 1
                    found.append(piece)
                if len(found) >= _RUNS_PER_WRITE or time.monotonic() - written_at > _SECONDS_PER_WRITE:
                    self._write(found, pending)
                    found, written_at = [], time.monotonic()
                if done % _RUNS_PER_REPORT == 0:
                    yield done, len(pending)
        self._write(found, pending)
        if done == len(pending):
            yield done, done

    def _write(self, found: Sequence[MeasurePiece], pending: Sequence[tuple[bytes, str]]) -> None:
        if not found:
            return
        keys = [(self._root_id, pending[piece.number][0]) for piece in found]
        with self._database.writing() as connection:
            _add_to_batches(connection, keys, found)
            connection.executemany(
                f"UPDATE experiment SET size_bytes = ?1, file_count = ?2 WHERE seq = {_KEY}"
                " AND (size_bytes, file_count) IS NOT (?1, ?2)",
                [(piece.size_bytes, piece.file_count, *key) for piece, key in zip(found, keys, strict=True)],
            )
            # What the directory looked like before it was measured: a change meanwhile calls for another time.
            connection.executemany(
                "UPDATE run_directory SET measured_signature = ?, measured_at = ?, measured_seconds = ?"
                " WHERE root_id = ? AND path = ?",
                [
                    (pending[piece.number][1], time.time(), piece.seconds, *key)
                    for piece, key in zip(found, keys, strict=True)
                ],
            )


def _add_to_batches(
    connection: sqlite3.Connection, keys: Sequence[tuple[int, bytes]], found: Sequence[MeasurePiece]
) -> None:
    """Before the change itself: what a batch in the trash adds up follows the sizes of what it holds."""
    connection.executemany(
        "UPDATE batch SET size_bytes = size_bytes + ?"
        f" - (SELECT coalesce(size_bytes, 0) FROM experiment WHERE seq = {_KEY})"
        f" WHERE id = (SELECT batch_id FROM experiment WHERE seq = {_KEY})",
        [(piece.size_bytes, *key, *key) for piece, key in zip(found, keys, strict=True)],
    )
