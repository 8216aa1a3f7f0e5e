"""Whether an experiment is deleted, where several tools may have deleted and restored it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionFacts:
    """What the places that can know of a deletion say; a time that is None: nothing there.

    `marked_at`: the `.deleted` marker's own time, else the time of the file.
    `recycled_at`: the run lies in `.recycle` without a marker; the time of the directory.
    `database_at`: a foreign `runicorn.db`. `sidecar_at` and `restored_at`: our sidecar.
    """

    marked_at: float | None = None
    marked_reason: str | None = None
    recycled_at: float | None = None
    database_at: float | None = None
    database_reason: str | None = None
    sidecar_at: float | None = None
    sidecar_reason: str | None = None
    restored_at: float | None = None


def judge_deletion(facts: DeletionFacts, *, layout: str) -> tuple[float | None, str | None]:
    """When and why the experiment was deleted, or `(None, None)`: the later of the two acts wins.

    In layouts before 0.7 a deletion of ours is carried by the marker alone, so that the removal of
    the marker by another tool restores; what the sidecar says of a deletion counts in 0.7 only.
    """
    acts = [
        (facts.recycled_at, None),
        (facts.database_at, facts.database_reason),
        (facts.marked_at, facts.marked_reason),
    ]
    if layout == "0.7":
        acts.append((facts.sidecar_at, facts.sidecar_reason))
    deletions = [(time, reason) for time, reason in acts if time is not None]
    if not deletions:
        return None, None
    last, reason = max(deletions, key=lambda act: act[0])
    if facts.restored_at is not None and facts.restored_at >= last:
        return None, None
    if reason is None:
        reason = next((reason for _, reason in reversed(deletions) if reason is not None), None)
    return last, reason
