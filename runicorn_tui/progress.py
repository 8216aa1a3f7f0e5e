"""How far a long act is: a line that rewrites itself on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from runicorn_tui.format import plural
from runicorn_tui.output import shortened
from runicorn_tui.terminal import safe

if TYPE_CHECKING:
    from runicorn_db.sync_report import SyncProgress, SyncReport

_INTERVAL = 0.1
_BAR = 20
_WORDS = {
    "scan": "looking for experiments",
    "list": "reading",
    "series": "reading series",
    "measure": "measuring run directories",
}


class ProgressLine:
    """Call it with each SyncProgress, or `show` how far another act is; leave the `with` block to clear the line."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._phase: object = None

    def __enter__(self) -> ProgressLine:
        return self

    def __call__(self, progress: SyncProgress) -> None:
        self._draw((progress.root, progress.phase), lambda: drawn(progress))

    def show(self, act: str, done: int, total: int) -> None:
        """`moving to the trash  [#####---------------] 1,234 of 5,678`"""
        self._draw(act, lambda: f"{act}  {bar(done, total)}")

    def _draw(self, phase: object, line: Callable[[], str]) -> None:
        now = time.monotonic()
        if not self._is_terminal or (phase == self._phase and now - self._drawn_at < _INTERVAL):
            return
        self._phase, self._drawn_at = phase, now
        sys.stderr.write(f"\r\x1b[K{line()}")
        sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if self._phase is not None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def drawn(progress: SyncProgress) -> str:
    """`lab: reading  [#####---------------] 1,234 of 5,678`"""
    line = f"{shortened(safe(progress.root), 24)}: {_WORDS[progress.phase]}"
    if not progress.total:
        return f"{line}  {progress.done:,}"
    return f"{line}  {bar(progress.done, progress.total)}"


def bar(done: int, total: int) -> str:
    """`[#####---------------] 1,234 of 5,678`"""
    filled = _BAR * min(done, total) // max(1, total)
    return f"[{'#' * filled}{'-' * (_BAR - filled)}] {done:,} of {total:,}"


def summary(report: SyncReport, option: str = "") -> str:
    """What a sync did, in one line. `option`: as `index.option` says it, for the command that lists the problems."""
    counts = {
        "new": report.added,
        "changed": report.changed,
        "missing": report.missing,
        "found in the trash": report.deleted,
        "found restored": report.restored,
    }
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "nothing changed"
    line = f"{plural(report.found, 'experiment')} found in {report.seconds:.1f} s: {said}."
    if report.problems:
        line += f" {plural(report.problems, 'problem')}: see runicorn-tui doctor{option}"
    return (
        line
        if report.is_complete
        else f"{line}{'.' if report.problems else ''} Interrupted; the next sync goes on from here."
    )
