"""Reads many run directories at once, in processes of their own where that pays."""

from __future__ import annotations

import gc
import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import Any, Protocol, TypeVar

# Starting the processes costs as much as reading some ten MB.
SMALLEST_SHARED_BYTES = 24 << 20
_MOST_PROCESSES = 4
_JOBS_PER_ORDER = 32
_BYTES_PER_ORDER = 2 << 20
# As much as is read while the longest write goes on.
_MESSAGES_KEPT = 24
_POLL_SECONDS = 0.1
_FEWEST_OBJECTS_COLLECTED = 50_000
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]);"
    " from runicorn_db.sources.reader_process import serve; serve(int(sys.argv[1]))"
)


class _Piece(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def is_last(self) -> bool: ...


_P = TypeVar("_P", bound=_Piece)


class Job(Protocol[_P]):
    """Something to be read: in pieces, from `after` the last of them on if the reading was cut off."""

    @property
    def number(self) -> int: ...
    def read(self) -> Iterator[_P]: ...
    def after(self, piece: _P) -> Job[_P]: ...


class _RareCollections:
    """What is read is many objects and no cycles: while it comes, the collector looks for these less often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._usual = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._usual = gc.get_threshold()
                gc.set_threshold(_FEWEST_OBJECTS_COLLECTED, *self._usual[1:])
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                gc.set_threshold(*self._usual)


_rare_collections = _RareCollections()


class Readers:
    """Processes that read for this one, started when there is much to read for the first time.

    Where none can be started, or all have died, this process reads by itself. They write nothing and end with
    `close`, or with this process.
    """

    def __init__(self) -> None:
        self._readers: list[_Reader] | None = None
        # What nobody has been told to read yet, and who is told what.
        self._orders: deque[list[Job[Any]]] = deque()
        self._ordering = threading.Lock()
        self._messages: queue.Queue[tuple[_Reader, Sequence[Any] | None]] = queue.Queue(_MESSAGES_KEPT)
        self._is_closed = threading.Event()
        self._while_reading = ExitStack()

    def read(
        self, jobs: Sequence[Job[_P]], sizes: Sequence[int], should_stop: Callable[[], bool]
    ) -> Generator[_P, None, None]:
        """The pieces of all jobs, those of one job in their order; ends early when it should stop.

        `sizes`: about how many bytes each job has to read. To be closed when it is not asked to its end: then
        nothing more can be read with these readers.
        """
        if sum(sizes) < SMALLEST_SHARED_BYTES or cores() == 1:
            yield from _read_here(jobs, should_stop)
            return
        if self._readers is None:
            self._start()
        is_complete = False
        try:
            self._orders = deque(_orders(jobs, sizes))
            yield from self._share_out(len(jobs), should_stop)
            # What nobody took: none is left, or could be started.
            yield from _read_here((job for order in self._orders for job in order), should_stop)
            is_complete = not should_stop()
        finally:
            if not is_complete:
                self.close()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._is_closed.set()
        for reader in self._readers or ():
            reader.end()
        self._readers = []
        self._while_reading.close()

    def _start(self) -> None:
        self._while_reading.enter_context(_rare_collections)
        self._readers = [reader for _ in range(min(cores(), _MOST_PROCESSES)) if (reader := _start_process())]
        for reader in self._readers:
            reader.thread = threading.Thread(target=self._receive, args=(reader,), name="reader", daemon=True)
            reader.thread.start()

    def _receive(self, reader: _Reader) -> None:
        """Keep some answers ready and the reader busy, so that reading goes on while the index is written."""
        is_alive = True
        while is_alive and not self._is_closed.is_set():
            try:
                pieces = pickle.loads(reader.connection.recv_bytes())
            except (EOFError, OSError):
                pieces, is_alive = None, False
            with self._ordering:
                if pieces is not None:
                    reader.take(pieces)
                    reader.order_from(self._orders)
                else:
                    self._give_back(reader)
            while not self._is_closed.is_set():
                try:
                    self._messages.put((reader, pieces), timeout=_POLL_SECONDS)
                    break
                except queue.Full:
                    continue

    def _give_back(self, dead: _Reader) -> None:
        """What it did not read goes to the others, behind the pieces that it did."""
        dead.is_alive = False
        self._orders.appendleft(list(dead.jobs.values()))
        dead.jobs.clear()
        for reader in self._readers or ():
            reader.order_from(self._orders)

    def _share_out(self, unread: int, should_stop: Callable[[], bool]) -> Iterator[Any]:
        """The pieces of so many jobs; leaves in the orders what no process is there to read."""
        readers = self._readers or []
        with self._ordering:
            for reader in readers:
                reader.order_from(self._orders)
        while unread and readers and not should_stop():
            try:
                reader, pieces = self._messages.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if pieces is None:
                with self._ordering:
                    readers.remove(reader)
                reader.end()
                continue
            for piece in pieces:
                unread -= piece.is_last
                yield piece


@dataclass(slots=True, eq=False)
class _Reader:
    """A process, and what it has still to read."""

    process: subprocess.Popen[bytes]
    connection: Connection
    jobs: dict[int, Job[Any]] = field(default_factory=dict[int, Job[Any]])
    is_alive: bool = True
    thread: threading.Thread | None = None

    def order_from(self, orders: deque[list[Job[Any]]]) -> None:
        """Let one order wait while the one before is read."""
        while orders and self.is_alive and len(self.jobs) <= _JOBS_PER_ORDER:
            order = orders.popleft()
            self.jobs.update((job.number, job) for job in order)
            try:
                self.connection.send_bytes(pickle.dumps(order, pickle.HIGHEST_PROTOCOL))
            except OSError:
                # It has died: its end comes as a message, and the order goes to somebody else then.
                return

    def take(self, pieces: Iterable[Any]) -> None:
        """Note what of their jobs is done, for the case that the process dies."""
        for piece in pieces:
            if piece.is_last:
                del self.jobs[piece.number]
            else:
                self.jobs[piece.number] = self.jobs[piece.number].after(piece)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.thread is not None:
            self.thread.join()
        self.connection.close()


def _read_here(jobs: Iterable[Job[_P]], should_stop: Callable[[], bool]) -> Iterator[_P]:
    for job in jobs:
        if should_stop():
            return
        for piece in job.read():
            yield piece
            if should_stop():
                return


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_process() -> _Reader | None:
    """A new process, None where none can be started.

    Not by `multiprocessing`: that runs the main module of the program again, which may be anybody's script.
    """
    if not sys.executable:
        return None
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-I", "-c", _PROGRAM, str(theirs.fileno()), json.dumps(sys.path)]
        try:
            process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            ours.close()
            return None
    return _Reader(process, ours)


def _orders(jobs: Sequence[Job[_P]], sizes: Sequence[int]) -> Iterator[list[Job[_P]]]:
    """The jobs in portions that are worth a message."""
    order: list[Job[_P]] = []
    total = 0
    for job, size in zip(jobs, sizes, strict=True):
        order.append(job)
        total += size
        if len(order) == _JOBS_PER_ORDER or total > _BYTES_PER_ORDER:
            yield order
            order, total = [], 0
    if order:
        yield order
