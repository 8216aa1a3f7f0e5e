"""What is looked for in a log, and the lines that have it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

import regex

from runicorn_tui.log_file import LogFile
from runicorn_tui.terminal import Drawn, safe

Hits: TypeAlias = Callable[[Sequence[bytes]], list[int]]
"""Which of some lines match, by their place among them."""
Spans: TypeAlias = Callable[[str], list[tuple[int, int]]]
"""Begin and end of what stands out in a line."""

_COLOR = re.compile(rb"\x1b\[[0-9;:]{0,64}m")
_SECONDS_PER_LINE = 0.25

# What an error cannot be without: looking closely at every line takes ten times as long.
_HINTS = (
    *(b"error", b"exception", b"traceback", b"fatal", b"critical", b"killed", b"segmentation", b"core dumped"),
    *(b"out of memory", b"nan", b"=inf", b"= inf", b":inf", b": inf", b"=-inf", b"= -inf", b":-inf", b": -inf"),
)
_ERROR = re.compile(
    rb"""Traceback\ \(most\ recent\ call\ last\)
    | \b\w*(?:Error|Exception)\b(?:[:(]|\s*$)   # ValueError: ..., torch.cuda.OutOfMemoryError
    | \b(?:ERROR|FATAL|CRITICAL)\b
    | \bKilled\b | (?i:segmentation\ fault|core\ dumped|out\ of\ memory|cuda\ error|uncaught\ exception)
    | (?i:\bnan\b)                               # a loss that is one
    | (?i:[=:]\ ?-?inf(?:inity)?\b)
    """,
    re.VERBOSE,
)


class UnclearPattern(Exception):
    """A regular expression that cannot be read; the text is a sentence."""


class PatternTooSlow(Exception):
    """A regular expression that takes too long for a single line."""


def error_hits(lines: Sequence[bytes]) -> list[int]:
    """The lines that tell of a failure: a traceback, an error by name or level, a signal, a number that is none."""
    text = b"\n".join(lines).lower()
    begins = list(accumulate((len(line) + 1 for line in lines), initial=0))
    worth_a_look: set[int] = set()
    for hint in _HINTS:
        position = text.find(hint)
        while position >= 0:
            number = bisect_right(begins, position) - 1
            worth_a_look.add(number)
            position = text.find(hint, begins[number + 1])
    return [number for number in sorted(worth_a_look) if _ERROR.search(_COLOR.sub(b"", lines[number]))]


def hits_of(sought: str) -> Hits:
    """For a text in either case, or for a regular expression between slashes. Raises UnclearPattern.

    Colours do not count. Asking may raise PatternTooSlow.
    """
    pattern = expression_of(sought)
    if pattern is not None:
        return _pattern_hits(_compiled(pattern))
    needle = sought.encode("utf-8", "surrogateescape").lower()

    def hits(lines: Sequence[bytes]) -> list[int]:
        return [
            number
            for number, line in enumerate(lines)
            if needle in (_COLOR.sub(b"", line) if b"\x1b[" in line else line).lower()
        ]

    return hits


def expression_of(sought: str) -> str | None:
    """The regular expression in `/…/`; None for a plain text."""
    return sought[1:-1] if len(sought) > 2 and sought[0] == sought[-1] == "/" else None


def spans_of(sought: str) -> Spans:
    """Where in a line that is shown the text or the regular expression is."""
    pattern = expression_of(sought)
    compiled = (
        regex.compile(regex.escape(safe(Drawn(sought))), regex.IGNORECASE) if pattern is None else _compiled(pattern)
    )

    def spans(shown: str) -> list[tuple[int, int]]:
        try:
            return [match.span() for match in compiled.finditer(shown, timeout=_SECONDS_PER_LINE)]
        except TimeoutError:
            return []

    return spans


def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise UnclearPattern(f"Not a regular expression: {error}") from error


def _pattern_hits(pattern: regex.Pattern[str]) -> Hits:
    def is_hit(line: bytes) -> bool:
        text = _COLOR.sub(b"", line).decode("utf-8", "backslashreplace")
        return pattern.search(text, timeout=_SECONDS_PER_LINE) is not None

    def hits(lines: Sequence[bytes]) -> list[int]:
        try:
            return [number for number, line in enumerate(lines) if is_hit(line)]
        except TimeoutError as error:
            raise PatternTooSlow from error

    return hits


class Matches:
    """The numbers of the lines of a log that match, in order, eight bytes each; `extend` looks further."""

    def __init__(self, log: LogFile, hits: Hits) -> None:
        self._log = log
        self._hits = hits
        self._edition: object = log.edition
        self._looked_at = 0
        self._is_at_end = False
        self.lines: array[int] = array("Q")

    @property
    def is_complete(self) -> bool:
        """Whether every line known to the log was looked at."""
        return self._is_at_end and self._edition is self._log.edition

    @property
    def looked_at(self) -> int:
        """How many lines were looked at so far."""
        return self._looked_at

    def extend(self) -> bool:
        """Looks at the next block of lines; False when all are looked at. May raise what the log and the hits raise."""
        log = self._log
        if log.edition is not self._edition:
            self._edition, self._looked_at = log.edition, 0
            self.lines = array("Q")
        block = log.block(self._looked_at)
        # An unfinished line is looked at anew each time.
        while self.lines and self.lines[-1] >= self._looked_at:
            self.lines.pop()
        self.lines.extend(block.first + place for place in self._hits(block.lines))
        self._looked_at += block.finished
        self._is_at_end = block.first + len(block.lines) >= log.line_count
        return not self._is_at_end

    def place(self, line: int) -> int | None:
        """The how-maniest match a line is, from 1; None when it is none."""
        place = bisect_left(self.lines, line)
        return place + 1 if place < len(self.lines) and self.lines[place] == line else None

    def after(self, line: int) -> int | None:
        """The first match after a line; None when there is none (yet)."""
        place = bisect_right(self.lines, line)
        return self.lines[place] if place < len(self.lines) else None

    def next(self, line: int, *, is_backward: bool = False) -> int | None:
        """The match after a line, or before it, going round at the ends; None without any."""
        if not self.lines:
            return None
        if is_backward:
            return self.lines[bisect_left(self.lines, line) - 1]
        found = self.after(line)
        return self.lines[0] if found is None else found
