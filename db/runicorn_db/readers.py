"""Reads many run directories at once, in processes of their own where that pays."""

from __future__ import annotations

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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


class Readers:
    """Processes that read for this one, started when there is much to read for the first time.

    Where none can be started, or all have died, this process reads by itself. They write nothing and end with
    `close`, or with this process.
    """

    def __init__(self) -> None:
        self._readers: list[_Reader] | None = None
        self._messages: queue.Queue[tuple[_Reader, bytes | None]] = queue.Queue(_MESSAGES_KEPT)
        self._is_closed = threading.Event()

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
            orders = deque(_orders(jobs, sizes))
            yield from self._share_out(orders, should_stop)
            # What nobody took: none is left, or could be started.
            yield from _read_here((job for order in orders for job in order), should_stop)
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

    def _start(self) -> None:
        self._readers = [reader for _ in range(min(cores(), _MOST_PROCESSES)) if (reader := _start_process())]
        for reader in self._readers:
            reader.thread = threading.Thread(target=self._receive, args=(reader,), name="reader", daemon=True)
            reader.thread.start()

    def _receive(self, reader: _Reader) -> None:
        """Keep some answers ready, so that reading goes on while the index is written."""
        message: bytes | None = b""
        while message is not None and not self._is_closed.is_set():
            try:
                message = reader.connection.recv_bytes()
            except (EOFError, OSError):
                message = None
            while not self._is_closed.is_set():
                try:
                    self._messages.put((reader, message), timeout=_POLL_SECONDS)
                    break
                except queue.Full:
                    continue

    def _share_out(self, orders: deque[list[Job[Any]]], should_stop: Callable[[], bool]) -> Iterator[Any]:
        """Leaves in `orders` what no process is there to read."""
        readers = [reader for reader in self._readers or () if reader.is_alive]
        for reader in readers:
            reader.order_from(orders)
        while any(reader.jobs for reader in readers) and not should_stop():
            try:
                reader, message = self._messages.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                reader.is_alive = False
                orders.appendleft(list(reader.jobs.values()))
                reader.jobs.clear()
                for other in readers:
                    other.order_from(orders)
                continue
            for piece in pickle.loads(message):
                reader.take(piece)
                yield piece
            reader.order_from(orders)


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

    def take(self, piece: Any) -> None:
        """Note what of its job is done, for the case that the process dies."""
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
