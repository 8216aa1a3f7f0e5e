"""The marked experiments: they outlive filter, order and reload."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from runicorn_db.query import Snapshot
from runicorn_tui.acts import parts
from runicorn_tui.key_sets import has, union

if TYPE_CHECKING:
    from runicorn_db.store import Store


class Marks:
    """Eight bytes for each marked experiment, and the bytes they take on disk as far as that is known."""

    def __init__(self) -> None:
        self._sizes: dict[int, int | None] = {}
        self._snapshot = Snapshot()
        self.changes = 0
        """Another number after every change."""

    def __len__(self) -> int:
        return len(self.snapshot)

    @property
    def snapshot(self) -> Snapshot:
        """What is marked, ascending. Never changed but replaced: whoever took it has what was marked then."""
        return self._snapshot

    def _replace(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.changes += 1

    def __contains__(self, key: int) -> bool:
        return has(self.snapshot, key)

    @property
    def size_bytes(self) -> int | None:
        """The sum of the sizes, None unless every one is known."""
        if len(self._sizes) < len(self.snapshot) or None in self._sizes.values():
            return None
        return sum(size for size in self._sizes.values() if size is not None)

    def toggle(self, key: int, size_bytes: int | None) -> None:
        if key not in self:
            self.add(key, size_bytes)
            return
        keys = self.snapshot.keys[:]
        del keys[bisect_left(keys, key)]
        self._sizes.pop(key, None)
        self._replace(Snapshot(keys))

    def add(self, key: int, size_bytes: int | None) -> None:
        if key not in self:
            keys = self.snapshot.keys
            place = bisect_left(keys, key)
            self._replace(Snapshot(keys[:place] + array("q", [key]) + keys[place:]))
            self._sizes[key] = size_bytes

    def become(self, snapshot: Snapshot) -> None:
        """Marks exactly what an ascending snapshot holds."""
        self._replace(snapshot)
        self._sizes = {key: size for key, size in self._sizes.items() if has(snapshot, key)}

    def restore(self, sizes: Mapping[int, int | None]) -> None:
        """Marks these too; their sizes are known or None."""
        self._sizes.update(sizes)
        self._replace(union(self.snapshot, Snapshot(array("q", sorted(sizes)))))

    def clear(self) -> None:
        self.become(Snapshot())


def sizes_of(store: Store, ids: Sequence[str]) -> dict[int, int | None]:
    """Key -> size of those that can still be marked: what went to the trash or away meanwhile drops out."""
    found: dict[int, int | None] = {}
    for part in parts(store.snapshot_of(ids)):
        for key, row in zip(part.keys, store.rows(part), strict=True):
            if row is not None and row.deleted_at is None and not row.is_missing:
                found[key] = row.size_bytes
    return found
