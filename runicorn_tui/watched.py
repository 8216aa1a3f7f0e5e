"""Experiments whose end somebody waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runicorn_db.criteria import Criteria, Status
from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_tui import format
from runicorn_tui.acts import parts
from runicorn_tui.key_sets import intersection

if TYPE_CHECKING:
    from runicorn_db.store import Store

MOST = 1000
"""So many can be watched."""
_TOLD_ONE_BY_ONE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What became of watched experiments: those that go on, and those that have ended."""

    running: list[str] = field(default_factory=list[str])
    ended: list[Experiment] = field(default_factory=list[Experiment])


def look(store: Store, ids: Sequence[str]) -> Look:
    """What became of these. In the trash or gone from the index they are in neither list. In a thread."""
    found = Look()
    for part in parts(store.snapshot_of(ids)):
        for row in store.rows(part):
            if row is not None and row.deleted_at is None and not row.is_missing:
                if row.status == "running":
                    found.running.append(row.id)
                else:
                    found.ended.append(row)
    return found


def running_of(store: Store, chosen: Snapshot) -> list[str]:
    """Which of the chosen experiments run, one more than `MOST` at most. In a thread."""
    running = store.ids(ExperimentQuery(filter=Criteria(groups=((Status(values=("running",)),),))))
    return store.id_list(intersection(running, chosen)[: MOST + 1])


def said(ended: Sequence[Experiment]) -> list[str]:
    """A sentence for each that has ended, or one for many."""
    if len(ended) > _TOLD_ONE_BY_ONE:
        return [f"{format.plural(len(ended), 'watched experiment')} ended: {_counted(one.status for one in ended)}"]
    return [_sentence(experiment) for experiment in ended]


def _counted(statuses: Iterable[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(Counter(statuses).items()))


def _sentence(experiment: Experiment) -> str:
    after = "" if experiment.duration_seconds is None else f" after {format.duration(experiment.duration_seconds)}"
    reason = f": {experiment.exit_reason}" if experiment.exit_reason else ""
    return f"{experiment.name or experiment.id} {experiment.status}{after}{reason}"
