"""What may be removed for good: looked at on disk, right before."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from runicorn_db.database import Database
from runicorn_db.judging import judge_record
from runicorn_db.recycle import RECYCLE
from runicorn_db.sources.files import Unreadable, reason_of
from runicorn_db.sources.references import Reference, RunPlace, references_into
from runicorn_db.sources.removal import OpenRoot, Place, Refused, Taken, Tally
from runicorn_db.sources.runicorn import FoundRun, read_run
from runicorn_db.sources.shared_files import SharedFiles

_PART = 1000
_CANDIDATES = """
SELECT experiment.id, root_id, root.path, experiment.path, deleted_at IS NOT NULL,
    EXISTS (SELECT 1 FROM outbox WHERE experiment_seq = seq),
    EXISTS (SELECT 1 FROM purge WHERE experiment_id = experiment.id AND is_done = 0)
FROM experiment JOIN root ON root.id = root_id WHERE experiment.id IN (SELECT value FROM json_each(?))
"""
_LIVE_PLACES = """
SELECT experiment.id, root.path, experiment.path, layout IN ('0.6', '0.7')
FROM experiment JOIN root ON root.id = root_id WHERE live = 1
"""
_LIVE_BELOW = (
    "SELECT id FROM experiment WHERE live = 1 AND root_id = ? AND id <> ? AND (path = ? OR path > ? AND path < ?)"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An experiment that is to be purged, as the index has it."""

    id: str
    root_id: int
    root: str
    path: bytes
    is_trashed: bool
    is_queued: bool
    is_pending: bool

    @property
    def full_path(self) -> bytes:
        return os.fsencode(self.root) + b"/" + self.path


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A run directory that may be purged: what that would remove, and which directory was looked at."""

    candidate: Candidate
    tally: Tally
    place: Place


def candidates(database: Database, ids: Sequence[str]) -> dict[str, Candidate]:
    """Those of `ids` that the index has, in their order."""
    found: dict[str, Candidate] = {}
    with database.snapshot() as connection:
        for begin in range(0, len(ids), _PART):
            for name, root_id, root, path, *flags in connection.execute(
                _CANDIDATES, (json.dumps(list(ids[begin : begin + _PART])),)
            ):
                found[name] = Candidate(name, root_id, root, path, *map(bool, flags))
    return {name: found[name] for name in ids if name in found}


class Inspection:
    """Looks at experiments before they are purged. `taken` is what a partial purge takes, None for all.

    Roots stay open until `close`. Who needs files of these experiments is looked up once.
    """

    def __init__(self, database: Database, asked: Sequence[Candidate], taken: Taken | None) -> None:
        self._database = database
        self._taken = taken
        self._closing = ExitStack()
        self._roots: dict[str, OpenRoot] = {}
        self._shared: dict[str, SharedFiles] = {}
        self._references = self._find_references(asked)

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> Inspection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def root(self, path: str) -> OpenRoot:
        """The storage root, open. Raises Refused."""
        if path not in self._roots:
            self._roots[path] = self._closing.enter_context(OpenRoot(path))
        return self._roots[path]

    def survey(self, candidate: Candidate) -> Surveyed:
        """Raises Refused with the reason why it may not be purged."""
        if candidate.is_pending:
            raise Refused("is being purged")
        if self._taken is None and not candidate.is_trashed:
            raise Refused("is not in the trash")
        root = self.root(candidate.root)
        try:
            with root.opened(candidate.path) as directory:
                place = Place.of(directory)
                self._check_record(candidate)
                self._check_neighbours(candidate)
                self._check_references(candidate)
                return Surveyed(candidate, root.survey(directory, self._taken), place)
        except FileNotFoundError:
            raise Refused(f"its directory is gone: {root.text_of(candidate.path)}") from None
        except Unreadable as error:
            raise Refused(f"{root.text_of(candidate.path)}: {error.reason}") from error
        except OSError as error:
            raise Refused(f"{root.text_of(candidate.path)}: {reason_of(error)}") from error

    def _check_record(self, candidate: Candidate) -> None:
        found = FoundRun(candidate.path, candidate.path.startswith(RECYCLE + b"/"))
        record = read_run(candidate.root, found, shared=SharedFiles())
        if record.id != candidate.id:
            raise Refused(f"Refused: its directory holds experiment {record.id} by now")
        if judge_record(record).status == "running":
            raise Refused("is running")
        # Files that are not written yet say nothing of the deletion.
        if candidate.is_trashed and not candidate.is_queued and record.deleted_at is None:
            again = read_run(candidate.root, found, shared=self._shared_files(candidate.root))
            if again.deleted_at is None:
                raise Refused("was taken back from the trash by another program")

    def _shared_files(self, root: str) -> SharedFiles:
        if root not in self._shared:
            self._shared[root] = self._closing.enter_context(SharedFiles.read(root))
        return self._shared[root]

    def _check_neighbours(self, candidate: Candidate) -> None:
        """Roots may lie in one another: what is live in a run directory, or is the same one, is not removed."""
        full = candidate.full_path
        with self._database.snapshot() as connection:
            for root_id, root in connection.execute("SELECT id, path FROM root").fetchall():
                base = os.fsencode(root) + b"/"
                if full.startswith(base):
                    path = full[len(base) :]
                    bounds = (path, path + b"/", path + b"0")
                elif base.startswith(full + b"/"):
                    bounds = (b"", b"", b"\xff" * 4096)
                else:
                    continue
                row = connection.execute(f"{_LIVE_BELOW} LIMIT 1", (root_id, candidate.id, *bounds)).fetchone()
                if row is not None:
                    raise Refused(f"Refused: experiment {row[0]}, which is not in the trash, lies in its directory")

    def _find_references(self, asked: Sequence[Candidate]) -> dict[str, list[Reference]]:
        if not asked:
            return {}
        with self._database.snapshot() as connection:
            rows = connection.execute(_LIVE_PLACES).fetchall()
            roots = [root for (root,) in connection.execute("SELECT path FROM root")]
        runs = [RunPlace(id=name, root=root, path=path, has_assets=bool(late)) for name, root, path, late in rows]
        return references_into({candidate.full_path: candidate.id for candidate in asked}, runs, roots)

    def _check_references(self, candidate: Candidate) -> None:
        for reference in self._references.get(candidate.id, ()):
            is_folder = os.path.isdir(candidate.full_path + b"/" + reference.path)
            if self._taken is None or is_folder or self._taken(reference.path):
                raise Refused(f"Refused: experiment {reference.by} refers to {os.fsdecode(reference.path) or 'it'}")
