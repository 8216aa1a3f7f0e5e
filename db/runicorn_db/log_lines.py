"""The last lines of a run's log and those that follow, however large the file is and whatever becomes of it."""

from __future__ import annotations

import os

from runicorn_db.run_directory import LOG_NAME, opened_file
from runicorn_db.sources.files import Unreadable, reason_of

LONGEST_LINE = 64 * 2**10
"""Bytes of one line that are given; how many more it has stands behind them."""

FARTHEST_BACK = 64 * 2**20
"""Bytes before the end of the file within which the last lines are looked for."""

_BLOCK = 64 * 2**10
_SEARCHED_BLOCK = 2**20


class LogLines:
    """Reads on from the last `last` lines of the log in `run_dir`; close it, or use `with`.

    Of a line that rewrites itself with carriage returns that is given which was written last. Bytes that are no
    UTF-8 become U+FFFD. A file that was cut, or replaced by another after its last line was read, is begun anew with
    its last `last` lines.
    What is held does not grow with the file. `run_dir` may be set to where the run was moved. Methods may block.
    """

    def __init__(self, run_dir: str, last: int) -> None:
        self.run_dir = run_dir
        self.has_more = False
        """Whether the last `read` may have left something for the next one."""
        self._last = last
        self._descriptor: int | None = None
        self._offset = 0
        self._begin_line()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> LogLines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> list[str]:
        """The next lines that are complete, as many as about 64 KiB hold; none while nothing new is to be had.

        None as well, but with `has_more`, where `FARTHEST_BACK` bytes have no line break.
        Raises Unreadable for a log that is no regular file; a missing one has no lines yet.
        """
        lines: list[str] = []
        left = FARTHEST_BACK
        self.has_more = True
        try:
            while not lines and self.has_more and left > 0:
                lines = self._open()
                data = self._read_block()
                lines += self._split(data)
                left -= len(data)
                self.has_more = bool(data)
        except OSError as error:
            raise Unreadable(reason_of(error)) from error
        return lines

    def rest(self) -> list[str]:
        """The line behind the last line break, if there is one: once nobody writes on, it is complete as well."""
        return [self._end_line()] if self._begun or self._left_out else []

    def _open(self) -> list[str]:
        """Have the file open that is to be read now, if there is one; gives what the one before ended with."""
        descriptor = self._open_again()
        if descriptor is None:
            return []
        held, self._descriptor = self._descriptor, descriptor
        if held is None:
            self._offset = _start_of_last(descriptor, self._last)
            return []
        try:
            if not os.path.samestat(os.fstat(held), os.fstat(descriptor)):
                if os.pread(held, 1, self._offset):
                    # The one that was replaced is read to its end before.
                    self._descriptor, held = held, descriptor
                    return []
            elif os.fstat(descriptor).st_size >= self._offset:
                return []
        finally:
            os.close(held)
        self._offset = _start_of_last(descriptor, self._last)
        return self.rest()

    def _open_again(self) -> int | None:
        # Each time: a network filesystem tells of what was appended when a file is opened.
        try:
            with opened_file(self.run_dir, LOG_NAME) as descriptor:
                return os.dup(descriptor)
        except Unreadable as error:
            if not error.is_missing:
                raise
            return None

    def _read_block(self) -> bytes:
        if self._descriptor is None:
            return b""
        data = os.pread(self._descriptor, _BLOCK, self._offset)
        self._offset += len(data)
        return data

    def _split(self, data: bytes) -> list[str]:
        *ended, begun = data.split(b"\n")
        lines: list[str] = []
        for part in ended:
            self._add(part)
            lines.append(self._end_line())
        self._add(begun)
        return lines

    def _begin_line(self) -> None:
        self._begun = b""
        self._left_out = 0
        self._is_at_return = False

    def _add(self, part: bytes) -> None:
        if not part:
            return
        shown = part.rstrip(b"\r")
        if shown and self._is_at_return:
            self._begin_line()
        self._is_at_return = len(shown) < len(part)
        _, has_returned, last = shown.rpartition(b"\r")
        if has_returned:
            self._begun, self._left_out = b"", 0
        room = LONGEST_LINE - len(self._begun)
        self._begun += last[:room]
        self._left_out += max(0, len(last) - room)

    def _end_line(self) -> str:
        line = self._begun.decode("utf-8", "replace")
        if self._left_out:
            line += f" … {self._left_out} bytes more"
        self._begin_line()
        return line


def _start_of_last(descriptor: int, count: int) -> int:
    """Where the last `count` lines of a file begin, or the lines that begin within `FARTHEST_BACK`."""
    size = os.fstat(descriptor).st_size
    floor = max(0, size - FARTHEST_BACK)
    start, end = size, size
    while end > floor:
        begin = max(floor, end - _SEARCHED_BLOCK)
        block = os.pread(descriptor, end - begin, begin)
        # The break that ends the file begins no line.
        position = len(block) - (end == size)
        if block.count(b"\n", 0, position) < count:
            count -= block.count(b"\n", 0, position)
            if (first := block.find(b"\n", 0, position)) >= 0:
                start = begin + first + 1
            end = begin
            continue
        for _ in range(count):
            position = block.rfind(b"\n", 0, position)
        return begin + position + 1
    return start if floor and start < size else floor
