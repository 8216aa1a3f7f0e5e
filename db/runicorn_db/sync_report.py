"""How a sync is watched and stopped, and what it tells at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["scan", "list", "series", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncProgress:
    """How far the sync of one root is; `total` is 0 while it is not known."""

    root: str
    phase: Phase
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync found and did; `is_complete` is False when it was stopped."""

    found: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    deleted: int = 0
    restored: int = 0
    problems: int = 0
    seconds: float = 0.0
    is_complete: bool = True

    @property
    def has_changes(self) -> bool:
        return any((self.added, self.changed, self.missing, self.deleted, self.restored))


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """How the caller watches and stops a sync."""

    progress: Callable[[SyncProgress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False
