"""A process that reads run directories for another one: asked and answering over a socket, writing nothing.

It ends when the other side of the socket is closed, and so with the process that started it, however that ends.
"""

from __future__ import annotations

import gc
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from runicorn_db.series import PackedSeries, SeriesBatch, pack
from runicorn_db.sources.directories import measure_small, measuring
from runicorn_db.sources.events import EventBatch, Position, Skipped, joined, read_events
from runicorn_db.sources.files import Unreadable
from runicorn_db.sources.runicorn import FoundRun, RunFiles, read_files
from runicorn_db.sources.signatures import full_signature

# In points.
_WEIGHT_PER_MESSAGE = 50_000

# Jobs and pieces are plain tuples, for very many of them pass from one process to the other.


class EventsJob(NamedTuple):
    """A file to be read from `position` on; `number` tells the answer from others."""

    number: int
    path: bytes
    position: Position

    def read(self) -> Iterator[EventsPiece]:
        """The whole of the file, in pieces that fit into memory."""
        batches: list[EventBatch] = []
        points = 0
        is_beginning = self.position.offset == 0
        problem = None
        try:
            for batch in read_events(self.path, self.position):
                batches.append(batch)
                points += _count_points(batch)
                if points > _WEIGHT_PER_MESSAGE:
                    yield self._piece(batches, points, is_beginning=is_beginning)
                    batches, points, is_beginning = [], 0, False
        except Unreadable as error:
            problem = error.reason
        last = self._piece(batches, points, is_beginning=is_beginning)
        yield last._replace(problem=problem, is_last=True)

    def _piece(self, batches: Sequence[EventBatch], points: int, *, is_beginning: bool) -> EventsPiece:
        if not batches:
            return EventsPiece(self.number)
        batch = joined(batches)
        is_all = is_beginning or batch.is_restart
        return EventsPiece(
            number=self.number,
            position=batch.position,
            packed=pack(batch) if is_all else None,
            added=None if is_all else SeriesBatch(points=batch.points, texts=batch.texts, times=batch.times),
            last_event_at=batch.last_event_at,
            skipped=batch.skipped,
            weight=points + 1,
        )

    def after(self, piece: EventsPiece) -> EventsJob:
        """What is left to read after `piece`."""
        return self if piece.position is None else self._replace(position=piece.position)


class Measured(NamedTuple):
    """Bytes and files of a run directory, and how long it took to count them."""

    size_bytes: int
    file_count: int
    seconds: float


class EventsPiece(NamedTuple):
    """What comes next in the file of a job, up to `position` (None: nothing new).

    Either `packed`, the whole series as far as it was read, or what is to be `added` to it. `problem`: why nothing
    more can be read of the file.
    """

    number: int
    position: Position | None = None
    packed: PackedSeries | None = None
    added: SeriesBatch | None = None
    last_event_at: float | None = None
    skipped: tuple[Skipped, ...] = ()
    weight: int = 1
    problem: str | None = None
    is_last: bool = False


class RunJob(NamedTuple):
    """A run directory of which the small files are to be read; one that is not known is looked at and measured too."""

    number: int
    root: str
    found: FoundRun
    is_known: bool

    def read(self) -> Iterator[RunPiece]:
        # Before the files are read: then a change meanwhile shows.
        signature = None if self.is_known else full_signature(self.root, self.found.path)
        try:
            files = read_files(self.root, self.found)
        except Unreadable as error:
            yield RunPiece(number=self.number, problem=error.reason)
            return
        began = time.monotonic()
        size = None if self.is_known else measure_small(self.root, self.found.path)
        measured = None if size is None else Measured(*size, time.monotonic() - began)
        yield RunPiece(number=self.number, files=files, signature=signature, measured=measured)

    def after(self, piece: RunPiece) -> RunJob:
        return self


class RunPiece(NamedTuple):
    """The small files of a run directory, or why they cannot be read; and how it looked before, where it was new.

    `measured`: None where the directory was known, or is large.
    """

    number: int
    files: RunFiles | None = None
    problem: str | None = None
    signature: str | None = None
    measured: Measured | None = None
    weight: int = _WEIGHT_PER_MESSAGE // 32
    is_last: bool = True


class MeasureJob(NamedTuple):
    """A run directory to be measured."""

    number: int
    root: str
    path: bytes

    def read(self) -> Iterator[MeasurePiece]:
        """Nothing but the last piece counts; the others let whoever waits for it stop."""
        began = time.monotonic()
        found = measuring(self.root, self.path)
        size, count = next(found)
        for size, count in found:
            yield MeasurePiece(self.number, size, count)
        seconds = time.monotonic() - began
        yield MeasurePiece(self.number, size, count, seconds, is_last=True)

    def after(self, piece: MeasurePiece) -> MeasureJob:
        return self


class MeasurePiece(NamedTuple):
    """Bytes and files of a run directory, and how long it took to count them."""

    number: int
    size_bytes: int = 0
    file_count: int = 0
    seconds: float = 0.0
    weight: int = _WEIGHT_PER_MESSAGE // 256
    is_last: bool = False


def _count_points(batch: EventBatch) -> int:
    return sum(len(points.steps) for points in batch.points.values()) + len(batch.texts)


def serve(descriptor: int) -> None:
    """Read what is asked for over the socket, until it is closed."""
    # Ctrl-C reaches every process of a terminal; the one that asked decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The rows of a block are many objects and no cycles: collections would go through them all the time, for nothing.
    gc.set_threshold(100_000)
    with Connection(descriptor) as connection:
        try:
            while True:
                pieces: list[EventsPiece | RunPiece | MeasurePiece] = []
                weight = 0
                for job in pickle.loads(connection.recv_bytes()):
                    for piece in job.read():
                        pieces.append(piece)
                        weight += piece.weight
                        if weight > _WEIGHT_PER_MESSAGE:
                            connection.send_bytes(pickle.dumps(pieces, pickle.HIGHEST_PROTOCOL))
                            pieces, weight = [], 0
                connection.send_bytes(pickle.dumps(pieces, pickle.HIGHEST_PROTOCOL))
        except (EOFError, OSError):
            # The other side is gone.
            return
