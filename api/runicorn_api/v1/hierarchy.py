"""Projects and their names, and the paths of runs that Runicorn 0.6 made of them: all from the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import falcon

from runicorn_api import answers
from runicorn_api.contract import read_nothing
from runicorn_api.readers import Readers
from runicorn_api.spool import send_parts
from runicorn_api.v1.contract import read_path_runs, read_paths
from runicorn_api.v1.run_files import ArtifactCounts
from runicorn_api.v1.run_list import live_runs, write_runs
from runicorn_api.v1.runs import send_runs
from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.store import Store

COUNTED_STATUSES = ("running", "finished", "failed")
"""What the numbers of a path tell beside `total`."""

_DEEPEST = 100
"""No reader of JSON has to take an object in an object any number of times; paths of Runicorn are shorter."""


class Projects:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        summary = self._readers.searches(lambda: self._store.summary(ExperimentQuery()))
        answers.send(resp, {"projects": sorted(project.project for project in summary.by_project)})

    on_head = on_get


class Names:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, project: str) -> None:
        read_nothing(req.query_string)
        runs = live_runs(self._store, self._readers, ExperimentQuery(project=project))
        answers.send(resp, {"names": sorted({run.name for run in runs})})

    on_head = on_get


class NamedRuns:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, project: str, name: str) -> None:
        read_nothing(req.query_string)
        send_runs(resp, self._store, self._readers, ExperimentQuery(project=project, name=name))

    on_head = on_get


class Paths:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        has_stats = read_paths(req.query_string)
        roots = _roots(self._store, self._readers)
        counts: dict[str, Counter[str]] = {}
        for run in live_runs(self._store, self._readers, ExperimentQuery()):
            if path := path_of(run, roots):
                counts.setdefault(path, Counter())[run.status] += 1
        if has_stats:
            counts = _with_ancestors(counts)
        paths = sorted(counts)
        answer: dict[str, object] = {"paths": paths, "tree": _tree(paths)}
        if has_stats:
            answer["stats"] = {path: _write_counts(counts[path]) for path in paths}
        answers.send(resp, answer)

    on_head = on_get


class PathRuns:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        wanted, is_exact = read_path_runs(req.query_string)
        roots = _roots(self._store, self._readers)
        runs = live_runs(self._store, self._readers, ExperimentQuery())
        if wanted:
            runs = (run for run in runs if _lies_at(path_of(run, roots), wanted, is_exact=is_exact))
        send_parts(resp, write_runs(runs, ArtifactCounts(roots.values())))

    on_head = on_get


def _roots(store: Store, readers: Readers) -> dict[str, str]:
    return {name: path for path, name in readers.rows(store.root_names).items()}


def path_of(run: Experiment, roots: Mapping[str, str]) -> str:
    """Where a run lies in the hierarchy, empty for its top: `a/b/c` from 0.6 on, `project/name` before.

    `roots`: the path of each storage root by its name.
    """
    parts = _parts(run.run_dir.removeprefix(roots.get(run.root, "")))[:-1]
    if run.root not in roots or parts == ["runs", ".recycle"]:
        # Where it lies tells nothing.
        parts = _parts(f"{run.project}/{run.name}")
    elif parts[:1] == ["runs"]:
        del parts[0]
    elif parts[-1:] == ["runs"]:
        del parts[-1]
    return "/".join(parts)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _lies_at(path: str, wanted: str, *, is_exact: bool) -> bool:
    return path == wanted or (not is_exact and path.startswith(f"{wanted}/"))


def _with_ancestors(counts: Mapping[str, Counter[str]]) -> dict[str, Counter[str]]:
    together: dict[str, Counter[str]] = {}
    for path, by_status in counts.items():
        for part in accumulate(path.split("/"), "{}/{}".format):
            together.setdefault(part, Counter()).update(by_status)
    return together


def _tree(paths: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for part in path.split("/", _DEEPEST):
            branch = branch.setdefault(part, {})
    return tree


def _write_counts(by_status: Counter[str]) -> dict[str, int]:
    return {"total": by_status.total()} | {status: by_status[status] for status in COUNTED_STATUSES}
