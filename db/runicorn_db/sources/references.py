"""What runs and artifacts say of files elsewhere: a run directory that another one needs must not be removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from runicorn_db.sources.files import read_json_object

_ASSETS = b"assets.json"
_USED = b"artifacts_used.json"
_Artifact = tuple[str, str, str, str]
"""Root, type, name and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """A run directory: `path` below `root`. `has_assets`: of a layout that writes assets.json."""

    id: str
    root: str
    path: bytes
    has_assets: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """Run `by` needs what lies at `path` below a run directory (empty: the directory itself)."""

    by: str
    path: bytes


def references_into(
    targets: Mapping[bytes, str], runs: Sequence[RunPlace], roots: Iterable[str]
) -> dict[str, list[Reference]]:
    """For each id of `targets` (full path of its run directory -> id) what `runs` need of it, as far as it is written.

    assets.json of 0.6 and later names paths of data, models and outputs; artifacts of 0.4 and 0.5 name
    references, and artifacts_used.json of a run the artifacts.
    """
    finder = _Finder(targets)
    found: dict[str, list[Reference]] = {}

    def note(run: str, values: object) -> None:
        for target, path in finder.find(values):
            if target != run:
                found.setdefault(target, []).append(Reference(run, path))

    for run in runs:
        if run.has_assets:
            note(run.id, _read(run, _ASSETS))
    needed: dict[_Artifact, object] = {}
    for root in roots:
        for artifact, maker, values in _artifacts(root):
            if next(finder.find(values), None) is not None:
                needed[artifact] = values
                if any((run.id, run.root) == (maker, root) for run in runs):
                    note(maker, values)
    for run in runs if needed else ():
        if not run.has_assets:
            for artifact in _used_artifacts(run):
                note(run.id, needed.get(artifact))
    return found


def _read(run: RunPlace, name: bytes) -> dict[str, Any]:
    # Not step by step from the root: it is only read, of all runs there are, and a link on the way does no harm.
    return read_json_object(os.fsencode(run.root) + b"/" + run.path + b"/" + name)[0]


def _used_artifacts(run: RunPlace) -> Iterator[_Artifact]:
    used = _read(run, _USED).get("artifacts")
    for entry in used if isinstance(used, list) else ():
        if isinstance(entry, dict):
            version = str(entry.get("version")).removeprefix("v")
            yield run.root, str(entry.get("type")), str(entry.get("name")), version


def _artifacts(root: str) -> Iterator[tuple[_Artifact, str, object]]:
    """Each artifact that refers to files elsewhere: the run that made it, and what it refers to."""
    base = os.path.join(root, "artifacts")
    for kind in _folders(base):
        for name in _folders(os.path.join(base, kind)):
            for version in _folders(os.path.join(base, kind, name)):
                folder = os.fsencode(os.path.join(base, kind, name, version))
                if references := read_json_object(folder + b"/manifest.json")[0].get("references"):
                    maker = str(read_json_object(folder + b"/metadata.json")[0].get("created_by_run"))
                    yield (root, kind, name, version.removeprefix("v")), maker, references


def _folders(path: str) -> list[str]:
    with suppress(OSError), os.scandir(path) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."]
    return []


class _Finder:
    """Finds, in JSON, texts that are paths into one of the targets."""

    def __init__(self, targets: Mapping[bytes, str]) -> None:
        self._targets = targets
        self._names = {os.fsdecode(target.rpartition(b"/")[2]) for target in targets}

    def find(self, value: object) -> Iterator[tuple[str, bytes]]:
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                waiting += item.values()
            elif isinstance(item, list):
                waiting += item
            elif isinstance(item, str) and "/" in item:
                yield from self._target_of(item)

    def _target_of(self, text: str) -> Iterator[tuple[str, bytes]]:
        if text.startswith("file:"):
            with suppress(ValueError):
                text = unquote(urlsplit(text).path)
        if not text.startswith("/") or self._names.isdisjoint(text.split("/")) or "\0" in text:
            return
        try:
            # Two slashes at the beginning would stay two.
            path = os.fsencode("/" + text.lstrip("/"))
        except UnicodeEncodeError:
            return
        # A path may reach a run by links: the same disk under another name.
        for form in dict.fromkeys((os.path.normpath(path), os.path.realpath(path))):
            above = form
            while above != b"/":
                if (target := self._targets.get(above)) is not None:
                    yield target, form[len(above) + 1 :]
                    return
                above = os.path.dirname(above)
