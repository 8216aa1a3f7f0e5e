"""Writes a table, part by part, telling how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from runicorn_tui.export import Format
from runicorn_tui.export.files import whole_file
from runicorn_tui.export.formats import check, writer
from runicorn_tui.export.tables import Table
from runicorn_tui.format import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an export is: `done` experiments of `total`, `rows` written; the rest as in `Part`."""

    total: int
    done: int = 0
    rows: int = 0
    gone: int = 0
    non_finite: int = 0


def to_file(table: Table, format: Format, path: Path, *, replaces: bool) -> Generator[Progress]:
    """Writes a file; the file is there once the generator has ended, and whoever closes it earlier leaves none.

    Raises ExportError, StoreError, OSError.
    """
    check(format)
    with whole_file(path, replaces=replaces) as stream:
        yield from to_stream(table, format, stream)


def to_stream(table: Table, format: Format, stream: BinaryIO) -> Generator[Progress]:
    """Writes to an open stream; the last progress is that of all. Raises ExportError, StoreError, OSError."""
    progress = Progress(total=table.total)
    yield progress
    with closing(writer(format, stream, table.fields)) as rows:
        for part in table.parts():
            rows.add(part.rows)
            progress = replace(
                progress,
                done=progress.done + part.experiments,
                rows=progress.rows + len(part.rows),
                gone=progress.gone + part.gone,
                non_finite=progress.non_finite + part.non_finite,
            )
            yield progress
        rows.finish()


class Writing:
    """An export that goes on while it is asked to; any thread may ask, one at a time gets its turn."""

    def __init__(self, steps: Generator[Progress]) -> None:
        self._steps = steps
        self._turn = threading.Lock()
        self.is_done = False

    def advance(self, seconds: float) -> Progress | None:
        """Goes on for about so long; how far it came, None where it only ended."""
        end = time.monotonic() + seconds
        progress = None
        with self._turn:
            for progress in self._steps:
                if time.monotonic() > end:
                    return progress
            self.is_done = True
        return progress

    def close(self) -> None:
        """Leaves nothing behind of an export that is not done."""
        with self._turn:
            self._steps.close()


def summary(progress: Progress) -> str:
    """What was written: `1,234 rows of 5 experiments`, and what is missing in it."""
    said = [f"{plural(progress.rows, 'row')} of {plural(progress.total - progress.gone, 'experiment')}"]
    if progress.gone:
        said.append(f"{progress.gone:,} left the index meanwhile")
    if progress.non_finite:
        said.append(f"{plural(progress.non_finite, 'value')} not finite: left empty")
    return ", ".join(said)
