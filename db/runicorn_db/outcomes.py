"""What a change of experiments would meet, and what it did: frozen, standard library only.

Times are float Unix seconds (UTC), sizes are bytes, `None` means unknown or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runicorn_db.query import Experiment

AGES: Mapping[str, int] = {"<1d": 1, "1-7d": 7, "7-30d": 30, "30-90d": 90, "90d-1y": 365}
"""How old experiments are, for people: name -> less than so many days."""
OLDEST = ">1y"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePreview:
    """What a deletion of these experiments would take: nothing is changed by looking.

    Only experiments that are not in the trash yet are counted. `first` and `last` are up to ten
    experiments each, newest first. `running` and `pinned` count what would be left out too.
    `by_age` has the names of `AGES` and `OLDEST`, the youngest first, without those of none.
    """

    total: int
    size_bytes: int
    by_status: Mapping[str, int]
    by_project: Mapping[str, int]
    by_age: Mapping[str, int]
    running: int
    pinned: int
    first: tuple[Experiment, ...]
    last: tuple[Experiment, ...]
    created_from: float | None
    created_to: float | None
    index_only: int
    """How many lie in roots that cannot be written: their deletion is known to this index alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatePreview:
    """What a change of tags, description or pin would meet: nothing is changed by looking.

    `tags`: how many of the experiments have each tag that any of them has, the most frequent one first.
    """

    total: int
    pinned: int
    tags: Mapping[str, int]
    index_only: int
    """How many lie in roots that cannot be written: their change is known to this index alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResult:
    """What a deletion or a restore did, id by id. `batch` is the deletion batch, None when nothing was deleted.

    `changed` counts the experiments whose state changed now; an id that was in the wanted state
    before is `True` in `results` and not counted in `changed`.
    """

    results: Mapping[str, bool]
    errors: Mapping[str, str]
    changed: int
    batch: int | None
    query_time_ms: float

    @property
    def succeeded(self) -> int:
        return sum(self.results.values())

    @property
    def failed(self) -> int:
        return len(self.results) - self.succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingResult:
    """What a deletion by filter did: `matched` experiments, of which `changed` were moved to the trash now."""

    matched: int
    changed: int
    batch: int | None
    query_time_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgePreview:
    """What a purge of these experiments would remove for good: nothing is changed by looking.

    `size_bytes` is what will be freed: each file once, and none that keeps another name elsewhere.
    `paths` are full paths of run directories, at most ten; `refused` says why an id would stay.
    """

    total: int
    size_bytes: int
    file_count: int
    paths: tuple[str, ...]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeProgress:
    """How far a purge is: experiments that were looked at, purged or not, of all that were asked for."""

    done: int
    total: int
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeResult:
    """What a purge did. `purged` counts experiments, `errors` says why an id stayed.

    `is_complete` is False when the purge was stopped: what it did not come to is neither purged nor an error.
    """

    purged: int
    freed_bytes: int
    file_count: int
    errors: Mapping[str, str]
    is_complete: bool
    query_time_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRecord:
    """One line of the journal of purges. `path` is the full path, `pattern` None when all of it was removed.

    `problem` is None when everything is removed; otherwise it says what is in the way of the rest, which
    lies aside in the root and is tried again.
    """

    id: str
    path: str
    size_bytes: int
    file_count: int
    purged_at: float
    source: str
    user: str
    pattern: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One act of deletion. `count` went to the trash with it, `remaining` are still there."""

    id: int
    created_at: float
    source: str
    reason: str
    query: str
    count: int
    remaining: int
    size_bytes: int
