"""The marked experiments: they outlive filter, order and reload."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from runicorn_db.query import Snapshot
from runicorn_tui.key_sets import has


class Marks:
    """Eight bytes for each marked experiment, and the bytes they take on disk as far as that is known."""

    def __init__(self) -> None:
        self._sizes: dict[int, int | None] = {}
        self.snapshot = Snapshot()
        """What is marked, ascending. Never changed but replaced: whoever took it has what was marked then."""

    def __len__(self) -> int:
        return len(self.snapshot)

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
        self.snapshot = Snapshot(keys)

    def add(self, key: int, size_bytes: int | None) -> None:
        if key not in self:
            keys = self.snapshot.keys
            place = bisect_left(keys, key)
            self.snapshot = Snapshot(keys[:place] + array("q", [key]) + keys[place:])
            self._sizes[key] = size_bytes

    def become(self, snapshot: Snapshot) -> None:
        """Marks exactly what an ascending snapshot holds."""
        self.snapshot = snapshot
        self._sizes = {key: size for key, size in self._sizes.items() if has(snapshot, key)}

    def clear(self) -> None:
        self.become(Snapshot())
