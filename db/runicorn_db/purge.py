"""Removing experiments for good: each step is in a journal first, so that a crash leaves nothing half-done.

A row of the journal is committed durably, then the run directory is moved aside in one step, then removed; then the
row is closed and the experiment forgotten, in one durable commit. Whoever comes after a crash (`resume`) finishes
what was moved aside and takes back what was not.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from runicorn_db import journal
from runicorn_db.database import Database
from runicorn_db.errors import StoreBusy, StoreError
from runicorn_db.journal import Ending, Entry, PartlyRemoved
from runicorn_db.outcomes import PurgePreview, PurgeProgress, PurgeResult
from runicorn_db.purge_checks import Inspection, Surveyed, candidates
from runicorn_db.purge_pattern import taken_by
from runicorn_db.query import Source
from runicorn_db.sources.directories import measure
from runicorn_db.sources.files import reason_of
from runicorn_db.sources.removal import NotRemoved, OpenRoot, Place, Refused, Taken, Tally

_PART = 16
_PATHS = 10
_GIVE_WAY_SECONDS = 0.5
_UNKNOWN = "not found"


def preview(database: Database, ids: Sequence[str], *, only: str | None) -> PurgePreview:
    """See `Store.preview_purge`."""
    taken = None if only is None else taken_by(only)
    unique = list(dict.fromkeys(ids))
    found = candidates(database, unique)
    refused = {name: _UNKNOWN for name in unique if name not in found}
    tally = Tally()
    paths: list[str] = []
    with Inspection(database, list(found.values()), taken) as inspection:
        for candidate in found.values():
            try:
                surveyed = inspection.survey(candidate)
            except Refused as error:
                refused[candidate.id] = str(error)
                continue
            if taken is None or surveyed.tally.file_count:
                tally.add(surveyed.tally)
                paths.append(os.fsdecode(candidate.full_path))
    return PurgePreview(
        total=len(paths),
        size_bytes=tally.freed_bytes,
        file_count=tally.file_count,
        paths=tuple(paths[:_PATHS]),
        refused=refused,
    )


def purge(
    database: Database,
    ids: Sequence[str],
    *,
    source: Source,
    only: str | None,
    progress: Callable[[PurgeProgress], None] | None,
    should_stop: Callable[[], bool],
) -> PurgeResult:
    """See `Store.purge`."""
    began = time.perf_counter()
    unique = list(dict.fromkeys(ids))
    pass_ = _Pass(database, source, only)
    with Inspection(database, list(candidates(database, unique).values()), pass_.taken) as inspection:
        done, gave_way = 0, time.monotonic()
        while done < len(unique) and not should_stop():
            part = unique[done : done + _PART]
            try:
                with journal.alone(database):
                    pass_.settle(part, inspection)
            except StoreBusy as error:
                pass_.errors |= dict.fromkeys(part, str(error))
            done += len(part)
            if progress is not None:
                progress(PurgeProgress(done=done, total=len(unique), freed_bytes=pass_.tally.freed_bytes))
            if time.monotonic() - gave_way > _GIVE_WAY_SECONDS:
                database.give_way()
                gave_way = time.monotonic()
    return PurgeResult(
        purged=pass_.purged,
        freed_bytes=pass_.tally.freed_bytes,
        file_count=pass_.tally.file_count,
        errors=pass_.errors,
        is_complete=done == len(unique),
        query_time_ms=round((time.perf_counter() - began) * 1000, 2),
    )


@dataclass(slots=True)
class _Pass:
    """One purge, part by part: what it did so far."""

    database: Database
    source: Source
    pattern: str | None
    taken: Taken | None = None
    purged: int = 0
    tally: Tally = field(default_factory=Tally)
    errors: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taken = None if self.pattern is None else taken_by(self.pattern)

    def settle(self, ids: Sequence[str], inspection: Inspection) -> None:
        """Purge some experiments, looking at them again; an error of the index is the reason of all of them."""
        try:
            planned = self._plan(ids, inspection)
            entries = journal.intend(self.database, planned, source=self.source, pattern=self.pattern)
        except StoreError as error:
            self.errors |= dict.fromkeys(ids, str(error))
            return
        ending = Ending()
        for surveyed, _, _ in planned:
            root = inspection.root(surveyed.candidate.root)
            if (entry := entries.get(surveyed.candidate.id)) is None:
                self.errors[surveyed.candidate.id] = "was taken back from the trash meanwhile"
            elif self.taken is None:
                self._remove(root, entry, surveyed, ending)
            else:
                self._remove_taken(root, entry, surveyed, self.taken, ending)
        self._end_aside(inspection, ending, {entry.root: entry.aside for entry in entries.values() if entry.aside})
        self._close(ending)

    def _plan(self, ids: Sequence[str], inspection: Inspection) -> list[tuple[Surveyed, int, bytes]]:
        planned: list[tuple[Surveyed, int, bytes]] = []
        found = candidates(self.database, ids)
        self.errors |= {name: _UNKNOWN for name in ids if name not in found}
        for candidate in found.values():
            try:
                surveyed = inspection.survey(candidate)
                root = inspection.root(candidate.root)
                if self.taken is None:
                    planned.append((surveyed, root.place.inode, root.new_aside()))
                elif surveyed.tally.file_count:
                    planned.append((surveyed, root.place.inode, b""))
            except Refused as error:
                self.errors[candidate.id] = str(error)
        return planned

    def _remove(self, root: OpenRoot, entry: Entry, surveyed: Surveyed, ending: Ending) -> None:
        try:
            root.make_aside_folders()
            root.move(entry.path, entry.aside, place=surveyed.place)
        except (Refused, OSError) as error:
            self.errors[entry.experiment_id] = _reason(root, entry, error)
            if not _lies_aside(root, entry):
                ending.untouched.append(entry)
            return
        tally = Tally()
        try:
            root.remove(entry.aside, tally, inode=entry.run_inode)
        except NotRemoved as error:
            self.errors[entry.experiment_id] = f"not all of it could be removed: {error}; the rest is tried again"
            ending.stuck.append((entry, str(error)))
        else:
            ending.removed.append((entry, tally))
        self.tally.add(tally)

    def _remove_taken(self, root: OpenRoot, entry: Entry, surveyed: Surveyed, taken: Taken, ending: Ending) -> None:
        tally = Tally()
        try:
            with root.opened(entry.path) as directory:
                if Place.of(directory) != surveyed.place:
                    raise Refused(f"Refused: {root.text_of(entry.path)} was replaced while it was looked at")
                root.remove_taken(directory, taken, tally)
        except (Refused, NotRemoved, OSError) as error:
            self.errors[entry.experiment_id] = _reason(root, entry, error)
        self.tally.add(tally)
        ending.partly.append(
            PartlyRemoved(
                entry=entry,
                freed_bytes=tally.freed_bytes,
                file_count=tally.file_count,
                measured=measure(entry.root, entry.path),
            )
        )

    def _end_aside(self, inspection: Inspection, ending: Ending, asides: dict[str, bytes]) -> None:
        for path, aside in asides.items():
            try:
                inspection.root(path).end_aside(aside)
            except (Refused, OSError) as error:
                unsure = [entry for entry, _ in ending.removed if entry.root == path]
                ending.removed = [(entry, tally) for entry, tally in ending.removed if entry.root != path]
                reason = reason_of(error) if isinstance(error, OSError) else str(error)
                ending.stuck += [(entry, reason) for entry in unsure]
                self.errors |= {entry.experiment_id: f"may not be removed yet: {reason}" for entry in unsure}

    def _close(self, ending: Ending) -> None:
        done = [entry for entry, _ in ending.removed]
        done += [partly.entry for partly in ending.partly if partly.entry.experiment_id not in self.errors]
        try:
            journal.close(self.database, ending)
        except StoreError as error:
            sentence = f"removed, but the index cannot say so yet: {error}"
            self.errors |= {entry.experiment_id: sentence for entry in done}
        else:
            self.purged += len(done)


def _reason(root: OpenRoot, entry: Entry, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{root.text_of(entry.path)}: {reason_of(error)}"
    return str(error)


def _lies_aside(root: OpenRoot, entry: Entry) -> bool:
    try:
        return root.exists(entry.aside)
    except (Refused, OSError):
        # Not known: then whoever looks next decides.
        return True


def resume(database: Database, should_stop: Callable[[], bool] = lambda: False, *, removes: bool = True) -> None:
    """Settle what a crash cut off: finish what was moved aside, take back the rest.

    Without `removes` only what costs no time. Does nothing while another purge runs: what is open is then its own.
    """
    if not journal.entries(database):
        return
    with contextlib.suppress(StoreBusy), journal.alone(database, seconds=0.0):
        for entry in journal.entries(database):
            if should_stop():
                return
            # A root that cannot be opened now is asked again the next time.
            with contextlib.suppress(Refused, OSError), OpenRoot(entry.root) as root:
                if (ending := _ending(root, entry, removes=removes)) is not None:
                    journal.close(database, ending)


def _ending(root: OpenRoot, entry: Entry, *, removes: bool) -> Ending | None:
    """How an open row ends that a crash left behind; None when that cannot be told, or not now."""
    if entry.pattern is not None:
        return _ending_of_partial(root, entry, taken_by(entry.pattern))
    if root.exists(entry.aside):
        if not removes:
            return None
        tally = Tally()
        try:
            root.remove(entry.aside, tally, inode=entry.run_inode)
        except NotRemoved as error:
            return Ending(stuck=[(entry, str(error))])
        root.end_aside(entry.aside)
        return Ending(removed=[(entry, tally)])
    root.end_aside(entry.aside)
    if root.exists(entry.path):
        return Ending(untouched=[entry])
    # In another directory (a disk that is not mounted) nothing is missing.
    return Ending(removed=[(entry, Tally())]) if root.place.inode == entry.root_inode else None


def _ending_of_partial(root: OpenRoot, entry: Entry, taken: Taken) -> Ending:
    """Not continued: the run may have gone on since, with files that nobody asked to remove."""
    try:
        with root.opened(entry.path) as directory:
            left = root.survey(directory, taken)
    except (Refused, OSError):
        return Ending(untouched=[entry])
    return Ending(
        partly=[
            PartlyRemoved(
                entry=entry,
                freed_bytes=max(0, entry.size_bytes - left.freed_bytes),
                file_count=entry.file_count - left.file_count,
                measured=measure(entry.root, entry.path),
            )
        ]
    )
