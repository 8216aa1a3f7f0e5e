"""A process that reads run directories for another one: asked and answering over a socket, writing nothing.

It ends when the other side of the socket is closed, and so with the process that started it, however that ends.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from runicorn_db.sources.events import EventBatch, Position, read_events
from runicorn_db.sources.files import Unreadable
from runicorn_db.sources.runicorn import FoundRun, RunFiles, read_files

# In points.
_WEIGHT_PER_MESSAGE = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsJob:
    """A file to be read from `position` on; `number` tells the answer from others."""

    number: int
    path: bytes
    position: Position

    def read(self) -> Iterator[EventsPiece]:
        """The whole of the file, in pieces that fit into memory."""
        batches: list[EventBatch] = []
        points = 0
        problem = None
        try:
            for batch in read_events(self.path, self.position):
                batches.append(batch)
                points += count_points(batch)
                if points > _WEIGHT_PER_MESSAGE:
                    yield EventsPiece(number=self.number, batches=batches)
                    batches, points = [], 0
        except Unreadable as error:
            problem = error.reason
        yield EventsPiece(number=self.number, batches=batches, problem=problem, is_last=True)

    def after(self, piece: EventsPiece) -> EventsJob:
        """What is left to read after `piece`."""
        return replace(self, position=piece.batches[-1].position) if piece.batches else self


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsPiece:
    """What comes next in the file of a job. `problem`: why nothing more can be read of it."""

    number: int
    batches: list[EventBatch]
    problem: str | None = None
    is_last: bool = False

    @property
    def weight(self) -> int:
        return sum(map(count_points, self.batches)) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """A run directory of which the small files are to be read."""

    number: int
    root: str
    found: FoundRun

    def read(self) -> Iterator[RunPiece]:
        try:
            yield RunPiece(number=self.number, files=read_files(self.root, self.found))
        except Unreadable as error:
            yield RunPiece(number=self.number, problem=error.reason)

    def after(self, piece: RunPiece) -> RunJob:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPiece:
    """The small files of a run directory, or why they cannot be read."""

    number: int
    files: RunFiles | None = None
    problem: str | None = None
    is_last: bool = True

    @property
    def weight(self) -> int:
        return _WEIGHT_PER_MESSAGE // 16


def count_points(batch: EventBatch) -> int:
    return sum(len(points.steps) for points in batch.points.values()) + len(batch.texts)


def serve(descriptor: int) -> None:
    """Read what is asked for over the socket, until it is closed."""
    # Ctrl-C reaches every process of a terminal; the one that asked decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(descriptor) as connection:
        try:
            while True:
                pieces: list[EventsPiece | RunPiece] = []
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
