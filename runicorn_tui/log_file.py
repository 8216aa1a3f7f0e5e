"""The log of an experiment, read line by line out of a file of any size that may still be growing."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runicorn_db.sources.files import Unreadable, open_regular, reason_of

LOG_NAME = b"logs.txt"

_BLOCK = 2**20
# More of one line than any screen shows.
_LONGEST_LINE = 16 * 2**10


def _first_start() -> array[int]:
    return array("Q", (0,))


@dataclass(slots=True)
class _Index:
    """Where lines begin in the first `size` bytes of the file `identity`."""

    identity: tuple[int, int] | None = None
    starts: array[int] = field(default_factory=_first_start)
    size: int = 0

    def __len__(self) -> int:
        return len(self.starts) - (self.starts[-1] >= self.size)

    def end(self, line: int) -> int:
        return self.starts[line + 1] if line + 1 < len(self.starts) else self.size


class LogFile:
    """Lines of `logs.txt` in a run directory; where each begins is known after `extend` has read that far.

    Eight bytes are held for each line. Every method may block and may raise Unreadable. The file is
    opened anew each time, so that one that was replaced is noticed and none stays open. One thread may
    call `extend` while others read.
    """

    def __init__(self, run_dir: str) -> None:
        self._directory = os.fsencode(run_dir)
        self._index = _Index()

    @property
    def line_count(self) -> int:
        """Lines known so far; the last may be unfinished."""
        return len(self._index)

    def extend(self) -> bool:
        """Reads on by one block; whether there was anything. A file that was replaced or cut is begun again."""
        with self._opened() as descriptor:
            state = os.fstat(descriptor)
            identity = (state.st_dev, state.st_ino)
            index = self._index
            if identity != index.identity or state.st_size < index.size:
                # A new object: a thread that still reads by the old one must not see it half emptied.
                index = self._index = _Index(identity)
            block = os.pread(descriptor, _BLOCK, index.size)
        position = block.find(b"\n")
        while position >= 0:
            index.starts.append(index.size + position + 1)
            position = block.find(b"\n", position + 1)
        index.size += len(block)
        return bool(block)

    def lines(self, first: int, count: int) -> list[str]:
        """Up to `count` lines from `first` on (from 0), each as a terminal would show it at last.

        Of a line that rewrites itself with carriage returns that is what was written last. Bytes that are
        no UTF-8 are shown as `\\xNN`.
        """
        index = self._index
        with self._opened() as descriptor:
            last = min(first + count, len(index))
            return [_line(descriptor, index.starts[number], index.end(number)) for number in range(first, last)]

    def find(
        self, text: str, start: int, *, is_backward: bool = False, should_stop: Callable[[], bool] = bool
    ) -> int | None:
        """The next line after `start` (or before it) with `text` in it, going round at the end; None if there is none.

        A `start` of -1 looks from the first line on.
        Letters of ASCII match in either case.
        """
        index = self._index
        needle = text.encode("utf-8", "surrogateescape").lower()
        if not needle or not len(index):
            return None
        start = min(start, len(index) - 1)
        border = 0 if start < 0 else index.starts[start] if is_backward else index.end(start)
        parts = ((border, index.size), (0, border))
        with self._opened() as descriptor:
            for low, high in reversed(parts) if is_backward else parts:
                position = _search(descriptor, needle, low, high, is_backward, should_stop)
                if position is not None:
                    return bisect_right(index.starts, position) - 1
        return None

    @contextmanager
    def _opened(self) -> Generator[int]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            directory = os.open(self._directory, flags)
        except OSError as error:
            raise Unreadable(reason_of(error), is_missing=isinstance(error, FileNotFoundError)) from error
        try:
            descriptor = open_regular(LOG_NAME, directory=directory)
        finally:
            os.close(directory)
        try:
            yield descriptor
        except OSError as error:
            raise Unreadable(reason_of(error)) from error
        finally:
            os.close(descriptor)


def _line(descriptor: int, start: int, end: int) -> str:
    if end - start <= _LONGEST_LINE:
        data = os.pread(descriptor, end - start, start)
    else:
        data = os.pread(descriptor, _LONGEST_LINE, end - _LONGEST_LINE)
        if b"\r" not in data.rstrip(b"\r\n"):
            data = os.pread(descriptor, _LONGEST_LINE, start)
    return data.rstrip(b"\r\n").rpartition(b"\r")[2].decode("utf-8", "backslashreplace")


def _search(
    descriptor: int, needle: bytes, low: int, high: int, is_backward: bool, should_stop: Callable[[], bool]
) -> int | None:
    """Where `needle` begins first (or last) between two offsets, read block by block."""
    overlap = len(needle) - 1
    at = high if is_backward else low
    while (at > low if is_backward else at < high) and not should_stop():
        begin = max(low, at - _BLOCK) if is_backward else at
        end = at if is_backward else min(high, at + _BLOCK)
        block = os.pread(descriptor, min(high, end + overlap) - begin, begin).lower()
        position = block.rfind(needle) if is_backward else block.find(needle)
        if position >= 0:
            return begin + position
        at = begin if is_backward else end
    return None
