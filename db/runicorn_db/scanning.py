"""Finds which run directories of a root are there and which are not as the index knows them; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from runicorn_db.database import Database
from runicorn_db.kept_shared import KeptSharedFiles
from runicorn_db.looking import Looks
from runicorn_db.sources.directories import FoundRun, find_run_directories
from runicorn_db.sources.files import FileProblem, Unreadable
from runicorn_db.sources.signatures import full_signature, is_run, is_same, quick_signature

_RUNS_PER_LOOK = 1000
_RUNS_PER_REPORT = 1000


class UnusableRoot(Exception):
    """What a root shows is not to be taken for what it holds; `state` and the sentence are for the index."""

    def __init__(self, state: str, problem: str) -> None:
        super().__init__(problem)
        self.state = state


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run directory as the index knows it; its signature is empty where it is to be read whatever it looks like."""

    id: str
    signature: str
    is_missing: bool
    is_running: bool

    @property
    def files(self) -> str:
        """The signature that its files had."""
        return self.signature.rpartition("|")[0]

    @property
    def mark(self) -> str:
        """What the shared files said of it."""
        return self.signature.rpartition("|")[2]


def with_mark(files: str, mark: str) -> str:
    """The signature of the files of a run, and of what the shared files say of it."""
    return f"{files}|{mark}"


def known_runs(database: Database, root_id: int, paths: Iterable[bytes] | None = None) -> dict[bytes, KnownRun]:
    """The run directories that the index knows, or those of them with these paths."""
    sql = (
        "SELECT run_directory.path, run_directory.id, signature, missing_at IS NOT NULL,"
        " recorded_status = 'running',"
        # A directory that was set aside takes over when the one that held its id is gone.
        " experiment_seq IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM experiment AS holder WHERE holder.id = run_directory.id AND missing_at IS NULL)"
        " FROM run_directory LEFT JOIN experiment ON seq = experiment_seq WHERE run_directory.root_id = ?"
    )
    keys: Sequence[tuple[int] | tuple[int, bytes]] = [(root_id,)]
    if paths is not None:
        sql += " AND run_directory.path = ?"
        keys = [(root_id, path) for path in paths]
    with database.snapshot() as connection:
        return {
            path: KnownRun(name, "" if is_free else signature, bool(is_missing), bool(is_running))
            for key in keys
            for path, name, signature, is_missing, is_running, is_free in connection.execute(sql, key)
        }


def changed_among(root: str, known: Mapping[bytes, KnownRun]) -> list[tuple[FoundRun, str]]:
    """Those of these run directories that are there and changed, each with the signature its files have now."""
    changed: list[tuple[FoundRun, str]] = []
    for path, before in known.items():
        if os.path.isdir(os.fsencode(root) + b"/" + path):
            files = full_signature(root, path, before.files)
            if not is_same(before.files, files):
                changed.append((FoundRun(path, b"/.recycle/" in b"/" + path), files))
    return changed


class Scan:
    """One look over the run directories of a root.

    `report` is called with how many were found so far; `check` now and then, and may raise.
    After `look`: `found` are those that are there; `changed` those of them to read (again), each with the signature
    its files have now, None where it is not known yet; `settled` the paths of those that only look surer than
    before, with their signatures. `problems` are folders that could not be listed.
    """

    def __init__(
        self,
        database: Database,
        root_id: int,
        root: str,
        shared: KeptSharedFiles,
        report: Callable[[int], None],
        check: Callable[[], None],
    ) -> None:
        self._database = database
        self._root_id = root_id
        self._root = root
        self._shared = shared
        self._report = report
        self._check = check
        self.known = known_runs(database, root_id)
        self.found: list[FoundRun] = []
        self.problems: list[FileProblem] = []
        self.changed: list[tuple[FoundRun, str | None]] = []
        self.settled: list[tuple[bytes, str]] = []

    def look(self, *, is_thorough: bool) -> None:
        """Find the run directories and compare them with those that are known.

        Raises `UnusableRoot` when the root cannot be read or is suddenly empty.
        """
        before = {path: run.files for path, run in self.known.items()} if is_thorough else {}
        with closing(Looks(self._root, before, self._check)) as looks:
            self._find(self.known)
            self._shared.look(is_thorough=is_thorough)
            self._compare(looks, is_thorough=is_thorough)
            doubtful = {run.path for run, files in self.changed if files is not None and not is_run(files)}
            if doubtful:
                # They may be no run directories any more: found anew, as if they had not been known.
                self._find(self.known.keys() - doubtful)
                self._compare(looks, is_thorough=is_thorough)

    @property
    def paths(self) -> set[bytes]:
        return {run.path for run in self.found}

    def gone(self) -> list[bytes]:
        """What is known and not there; where a folder could not be listed nothing is known of what lies in it."""
        unlisted = tuple(problem.path + b"/" for problem in self.problems)
        present = self.paths | {problem.path for problem in self.problems}
        return [path for path in self.known if path not in present and not path.startswith(unlisted)]

    def _find(self, known: Container[bytes]) -> None:
        self.found, self.problems = [], []
        self._report(0)
        try:
            for run in find_run_directories(self._root, self.problems, known=known):
                self.found.append(run)
                if len(self.found) % _RUNS_PER_REPORT == 0:
                    self._report(len(self.found))
                    self._check()
        except Unreadable as error:
            raise UnusableRoot("unreadable", f"{self._root}: {error.reason}") from error
        with self._database.snapshot() as connection:
            sql = "SELECT count(*) FROM experiment WHERE root_id = ? AND missing_at IS NULL"
            (expected,) = connection.execute(sql, (self._root_id,)).fetchone()
        if expected and not self.found:
            sentence = f"{self._root} is suddenly empty (not mounted?): its {expected} experiments were kept"
            raise UnusableRoot("empty", sentence)

    def _compare(self, looks: Looks, *, is_thorough: bool) -> None:
        changed: list[tuple[FoundRun, str | None]] = [(run, None) for run in self.found if run.path not in self.known]
        settled: list[tuple[bytes, str]] = []
        for begin in range(0, len(self.found), _RUNS_PER_LOOK):
            self._check()
            runs = [
                (run, before, before.files)
                for run in self.found[begin : begin + _RUNS_PER_LOOK]
                if (before := self.known.get(run.path)) and (is_thorough or not self._looks_unchanged(run, before))
            ]
            now = looks.signatures([(run.path, seen) for run, _, seen in runs])
            for (run, before, seen), files in zip(runs, now, strict=True):
                is_told_otherwise = self._shared.is_changed and self._shared.contents().mark(before.id) != before.mark
                if before.is_missing or not is_same(seen, files) or is_told_otherwise:
                    changed.append((run, files))
                elif files != seen:
                    settled.append((run.path, with_mark(files, before.mark)))
        self.changed, self.settled = changed, settled

    def _looks_unchanged(self, run: FoundRun, before: KnownRun) -> bool:
        """Two stats; small files of an ended run that were rewritten in place are not noticed."""
        return not (before.is_running or before.is_missing or self._shared.is_changed) and before.signature.startswith(
            quick_signature(self._root, run.path) + "|"
        )
