"""Acts of deletion: one batch of the index each, written and taken back in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runicorn_db.query import Batch, Snapshot

CHUNK = 1000
"""So many experiments are changed at once, so that progress can be shown and the rest called off."""


def parts(snapshot: Snapshot) -> Iterator[Snapshot]:
    """The experiments in parts of a size that is soon done."""
    return (snapshot[begin : begin + CHUNK] for begin in range(0, len(snapshot), CHUNK))


def newest(batches: Iterable[Batch]) -> Batch | None:
    """The act that undo takes back: the newest one of ours that still holds something."""
    return next((batch for batch in batches if batch.remaining and batch.source != "runicorn"), None)
