"""Acts of deletion as a person sees them: a large one takes several batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runicorn_db.query import Batch

CHUNK = 1000
"""So many experiments are moved in one batch, so that progress can be shown and the rest called off."""

_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Act:
    """Batches of one confirmation, newest first; never empty."""

    batches: tuple[Batch, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(batch.id for batch in self.batches)

    @property
    def created_at(self) -> float:
        return self.batches[0].created_at

    @property
    def source(self) -> str:
        return self.batches[0].source

    @property
    def reason(self) -> str:
        return self.batches[0].reason

    @property
    def query(self) -> str:
        return self.batches[0].query

    @property
    def count(self) -> int:
        return sum(batch.count for batch in self.batches)

    @property
    def remaining(self) -> int:
        return sum(batch.remaining for batch in self.batches)

    @property
    def size_bytes(self) -> int:
        return sum(batch.size_bytes for batch in self.batches)


def acts(batches: Iterable[Batch]) -> list[Act]:
    """Batches (newest first) put together into acts, newest first."""
    found: list[list[Batch]] = []
    for batch in batches:
        if found and _continues(batch, found[-1][-1]):
            found[-1].append(batch)
        else:
            found.append([batch])
    return [Act(tuple(group)) for group in found]


def newest(batches: Iterable[Batch]) -> Act | None:
    """The act that undo takes back: the newest one of ours that still holds something."""
    return next((act for act in acts(batches) if act.remaining and act.source != "runicorn"), None)


def _continues(earlier: Batch, later: Batch) -> bool:
    return (
        earlier.count == CHUNK
        and later.id == earlier.id + 1
        and later.created_at - earlier.created_at <= _PAUSE_SECONDS
        and earlier.source == later.source == "tui"
        and (earlier.reason, earlier.query) == (later.reason, later.query)
    )
