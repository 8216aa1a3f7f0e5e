"""The files of a root as a whole, read once and kept from one pass over it to the next."""

from __future__ import annotations

from runicorn_db.sources.shared_files import SharedFiles, shared_signature, shared_size

_LARGE = 64 << 20


class KeptSharedFiles:
    """The shared files of one root during one pass; what they said is kept in `kept`, by root, for the next one.

    `signature` is the one they had when they were last read; `is_changed` says, after `look`, whether they have
    another one now. Close it when the series have been read.
    """

    def __init__(self, root: str, signature: str, kept: dict[str, SharedFiles]) -> None:
        self._root = root
        self._kept = kept
        self._opened: SharedFiles | None = None
        self.signature = signature
        self.is_changed = False

    def look(self, *, is_thorough: bool) -> None:
        """Notice whether they changed; what was kept of them does not hold then."""
        if not is_thorough and self._root in self._kept and shared_size(self._root) > _LARGE:
            # A database that a trainer writes all the time is not copied every minute.
            return
        signature = shared_signature(self._root)
        self.is_changed = signature != self.signature
        self.signature = signature
        if self.is_changed:
            self._kept.pop(self._root, None)

    @property
    def kept(self) -> SharedFiles | None:
        return self._kept.get(self._root)

    def contents(self) -> SharedFiles:
        """What was kept, or else read now and kept."""
        if self._root not in self._kept:
            self._kept[self._root] = self.open()
        return self._kept[self._root]

    def open(self) -> SharedFiles:
        """Read in this pass, so that its database can be asked for series until `close`."""
        if self._opened is None:
            self._opened = SharedFiles.read(self._root)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
