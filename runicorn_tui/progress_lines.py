"""The lines of a log without the many states that a progress bar went through."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence

from runicorn_tui.log_file import LogFile

_TIME = re.compile(rb"^(?:\x1b\[[0-9;:]{0,64}m)*\[?\d\d:\d\d:\d\d\]?(?: \|)? ")
# Bars as tqdm, Keras, pip and rich draw them, and the "3/10 [00:01<00:02, 3.2it/s]" of a bar without its drawing.
# Each begins with a letter that is rare in other lines: a million of them are looked at in a second.
_BAR = re.compile(
    rb"""%\s?\|
    | %\S*\s*\d[\d.]*\s?(?:it|\w?B)/s
    | \[[=>.\s-]{3,}\]
    | \[\d+:\d[\d:]*(?:<|,\s)
    | (?:\xe2\x94\x81|\xe2\x95\xb8|\xe2\x96[\x88-\x8f]){3}
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(rb"\d[\d.]*(?:/(?:[\d.]+|\?))?\s?(?:it|\w?B)?\s*$")


def label_of(line: bytes) -> bytes | None:
    """What stands before the bar and its number in a line that shows progress; None for any other line."""
    bar = _BAR.search(line)
    if bar is None:
        return None
    before = line[: bar.start()]
    time = _TIME.match(before)
    return _NUMBER.sub(b"", before[time.end() if time else 0 :]).strip()


class Collapsed:
    """Of neighbouring lines with one bar the last, all others; eight bytes for each that is left.

    `extend` looks further, as that of `log_search.Matches` does.
    """

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._begin()

    def _begin(self) -> None:
        self._edition = self._log.edition
        self._looked_at = 0
        self._label: bytes | None = None
        self._kept: array[int] = array("Q")
        # As it was before the line that is unfinished.
        self._before: tuple[int | None, bytes | None] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def lines(self, first: int, after: int) -> Sequence[int]:
        """The numbers of the lines that are left in these places."""
        return self._kept[first:after]

    def row(self, line: int) -> int:
        """The place where a line is, or where the last of its bar is."""
        return min(bisect_left(self._kept, line), max(0, len(self._kept) - 1))

    def extend(self) -> bool:
        """Looks at the next block of lines; False when all are looked at. May raise Unreadable."""
        log = self._log
        if log.edition is not self._edition:
            self._begin()
        block = log.block(self._looked_at)
        self._forget_unfinished()
        for number, line in enumerate(block.lines, block.first):
            label = label_of(line)
            is_replacing = label is not None and label == self._label
            if number == block.first + block.finished:
                self._before = (self._kept[-1] if is_replacing else None, self._label)
            if is_replacing:
                self._kept[-1] = number
            else:
                self._kept.append(number)
            self._label = label
        self._looked_at += block.finished
        return block.first + len(block.lines) < log.line_count

    def _forget_unfinished(self) -> None:
        if self._before is not None:
            replaced, self._label = self._before
            if replaced is None:
                self._kept.pop()
            else:
                self._kept[-1] = replaced
            self._before = None
