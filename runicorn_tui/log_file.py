"""The log of an experiment, read line by line out of a file of any size that may still be growing."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from runicorn_db.run_directory import LOG_NAME, opened_file

_BLOCK = 2**20
# More of one line than any screen shows.
_LONGEST_LINE = 16 * 2**10
# More of one line than is looked through.
_LONGEST_BLOCK = 64 * _BLOCK
# More than the last lines of a screen.
_LONGEST_TAIL = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes that can be read from anywhere. A file that took the place of another has another identity."""

    identity: tuple[int, int]
    size: int
    read: Callable[[int, int], bytes]
    """So many bytes from that offset on."""


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


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines in their order, without line breaks; `first` is the number of the first of them.

    `finished` of them end with a line break: all, or all but the last.
    """

    first: int
    lines: Sequence[bytes] = ()
    finished: int = 0


class LogFile:
    """Lines of a file in a run directory; where each begins is known after `extend` has read that far.

    Eight bytes are held for each line. Every method may block and may raise Unreadable. The file is
    opened anew each time, so that one that was replaced is noticed and none stays open. One thread may
    call `extend` while others read.
    """

    def __init__(self, run_dir: str, path: bytes = LOG_NAME) -> None:
        self.run_dir = run_dir
        self.path = path
        self._index = _Index()

    @property
    def line_count(self) -> int:
        """Lines known so far; the last may be unfinished."""
        return len(self._index)

    @property
    def edition(self) -> object:
        """Another object after the file was replaced or cut."""
        return self._index

    def extend(self) -> bool:
        """Reads on by one block; whether there was anything. A file that was replaced or cut is begun again."""
        with self._opened() as file:
            index = self._index
            if file.identity != index.identity or file.size < index.size:
                # A new object: a thread that still reads by the old one must not see it half emptied.
                index = self._index = _Index(file.identity)
            block = file.read(_BLOCK, index.size)
        position = block.find(b"\n")
        while position >= 0:
            index.starts.append(index.size + position + 1)
            position = block.find(b"\n", position + 1)
        index.size += len(block)
        return bool(block)

    def lines(self, first: int, count: int) -> list[str]:
        """Up to `count` lines from `first` on (from 0), each as a terminal would show it at last."""
        return self.lines_at(range(first, first + count))

    def lines_at(self, numbers: Sequence[int]) -> list[str]:
        """The lines of these ascending numbers, without those that do not exist.

        Of a line that rewrites itself with carriage returns that is what was written last. Bytes that are
        no UTF-8 are shown as `\\xNN`.
        """
        index = self._index
        with self._opened() as file:
            known = numbers[: bisect_left(numbers, len(index))]
            return [_line(file, index.starts[number], index.end(number)) for number in known]

    def tail(self, count: int) -> list[str]:
        """The last lines, `count` at most, without reading the rest; what begins far before the end is left out."""
        with self._opened() as file:
            start = max(0, file.size - _LONGEST_TAIL)
            data = file.read(file.size - start, start)
        lines = data.removesuffix(b"\n").split(b"\n") if data else []
        if start and len(lines) > 1:
            # Where this line begins is not known.
            del lines[0]
        return [_shown(line) for line in lines[-count:]]

    def block(self, first: int) -> Block:
        """The lines from `first` on that fit into about a megabyte, at least one when there is any."""
        index = self._index
        count = len(index)
        if first >= count:
            return Block(first)
        start = index.starts[first]
        after = min(count, max(first + 1, bisect_left(index.starts, start + _BLOCK)))
        end = index.end(after - 1)
        with self._opened() as file:
            data = file.read(min(end - start, _LONGEST_BLOCK), start)
        lines = data.removesuffix(b"\n").split(b"\n")
        is_finished = data.endswith(b"\n") or len(data) < end - start
        return Block(first, lines, len(lines) - (not is_finished))

    @contextmanager
    def _opened(self) -> Generator[Opened]:
        with opened_file(self.run_dir, self.path) as descriptor:
            state = os.fstat(descriptor)
            yield Opened(
                (state.st_dev, state.st_ino), state.st_size, lambda count, start: os.pread(descriptor, count, start)
            )


class TextLines(LogFile):
    """Lines of a text that was made of a file, as if they were its own."""

    def __init__(self, run_dir: str, path: bytes, text: bytes) -> None:
        super().__init__(run_dir, path)
        self._text = text

    @contextmanager
    def _opened(self) -> Generator[Opened]:
        yield Opened((0, 0), len(self._text), lambda count, start: self._text[start : start + count])


def _line(file: Opened, start: int, end: int) -> str:
    if end - start <= _LONGEST_LINE:
        data = file.read(end - start, start)
    else:
        data = file.read(_LONGEST_LINE, end - _LONGEST_LINE)
        if b"\r" not in data.rstrip(b"\r\n"):
            data = file.read(_LONGEST_LINE, start)
    return _shown(data)


def _shown(line: bytes) -> str:
    return line.rstrip(b"\r\n").rpartition(b"\r")[2].decode("utf-8", "backslashreplace")
