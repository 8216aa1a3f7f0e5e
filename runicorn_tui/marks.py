"""The marked experiments: they outlive filter, order and reload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Marks:
    """Ids, and the bytes they take as far as that is known without asking."""

    def __init__(self) -> None:
        self._sizes: dict[str, int | None] = {}
        self._size_bytes: int | None = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, experiment_id: str) -> bool:
        return experiment_id in self._sizes

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    @property
    def size_bytes(self) -> int | None:
        """The sum of the sizes, None unless every one is known."""
        return self._size_bytes

    def toggle(self, experiment_id: str, size_bytes: int | None) -> None:
        if experiment_id in self._sizes:
            del self._sizes[experiment_id]
        else:
            self._sizes[experiment_id] = size_bytes
        self._sum()

    def add(self, experiment_id: str, size_bytes: int | None) -> None:
        self._sizes[experiment_id] = size_bytes
        self._sum()

    def add_all(self, experiment_ids: Iterable[str]) -> None:
        for experiment_id in experiment_ids:
            self._sizes.setdefault(experiment_id, None)
        self._sum()

    def invert(self, experiment_ids: Iterable[str]) -> None:
        """Marks those of the ids that are not marked, unmarks the others; marks outside of them stay."""
        for experiment_id in experiment_ids:
            if experiment_id in self._sizes:
                del self._sizes[experiment_id]
            else:
                self._sizes[experiment_id] = None
        self._sum()

    def remove_all(self, experiment_ids: Iterable[str]) -> None:
        for experiment_id in experiment_ids:
            self._sizes.pop(experiment_id, None)
        self._sum()

    def clear(self) -> None:
        self._sizes.clear()
        self._size_bytes = 0

    def _sum(self) -> None:
        total = 0
        for size_bytes in self._sizes.values():
            if size_bytes is None:
                self._size_bytes = None
                return
            total += size_bytes
        self._size_bytes = total
