"""Acts of deletion: one batch of the index each, written in parts, and the way back and forth within a session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runicorn_db.query import Snapshot

if TYPE_CHECKING:
    from runicorn_db.store import Store

CHUNK = 1000
"""So many experiments are changed at once, so that progress can be shown and the rest called off."""

_LEFT = "left the index meanwhile"
_IN_TRASH = "was moved to the trash by someone else meanwhile"


def parts(snapshot: Snapshot) -> Iterator[Snapshot]:
    """The experiments in parts of a size that is soon done."""
    return (snapshot[begin : begin + CHUNK] for begin in range(0, len(snapshot), CHUNK))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One experiment that was not changed, and why. What left the index has neither name nor id any more."""

    id: str = ""
    name: str = ""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one part: how many went to the trash, into which batch, and what did not."""

    changed: int
    batch: int | None
    failures: tuple[Failure, ...] = ()


def move(store: Store, part: Snapshot, *, reason: str, query: str, batch: int | None) -> Moved:
    """Moves a part to the trash, as a new batch or as more of `batch`. In a thread."""
    result = store.delete(part, source="tui", reason=reason, query=query, batch=batch)
    if result.changed == len(part):
        return Moved(changed=result.changed, batch=result.batch)
    ours = set[int]() if result.batch is None else set(store.batch_snapshot(result.batch).keys)
    failures = tuple(
        Failure(reason=_LEFT) if row is None else Failure(id=row.id, name=row.name, reason=_IN_TRASH)
        for key, row in zip(part.keys, store.rows(part), strict=True)
        if key not in ours
    )
    return Moved(changed=result.changed, batch=result.batch, failures=failures)


def failures_of(store: Store, errors: Mapping[str, str]) -> list[Failure]:
    """What the store says of ids, with their names as far as they are still in the index. In a thread."""
    found: dict[str, str] = {}
    for part in parts(store.snapshot_of(list(errors))):
        found.update((row.id, row.name) for row in store.rows(part) if row is not None)
    return [Failure(id=name, name=found.get(name, ""), reason=reason) for name, reason in errors.items()]


@dataclass(slots=True)
class History:
    """The batches of this session: what can be taken back, the latest last, and what was, to do again."""

    done: list[int] = field(default_factory=list[int])
    undone: list[int] = field(default_factory=list[int])

    def add(self, batch: int) -> None:
        """A new act: what was taken back before cannot be done again after it."""
        self.done.append(batch)
        self.undone.clear()

    def take_back(self, store: Store) -> tuple[int, dict[str, str]] | None:
        """Restores the latest batch that still holds something: how many, and what could not be. In a thread.

        None: there is no such batch.
        """
        while self.done:
            result = store.restore_batch(self.done[-1])
            batch = self.done.pop()
            if result.results:
                self.undone.append(batch)
                return result.changed, dict(result.errors)
        return None

    def do_again(self, store: Store) -> int | None:
        """Deletes again what `take_back` restored last: how many, None when there is nothing. In a thread."""
        while self.undone:
            result = store.redo_batch(self.undone[-1])
            batch = self.undone.pop()
            if result.changed:
                self.done.append(batch)
                return result.changed
        return None
