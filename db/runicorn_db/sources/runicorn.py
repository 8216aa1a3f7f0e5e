"""A Runicorn root, versions 0.1 to 0.7, as records: one for each run directory, from its small files.

Nothing is written and no database of ours is needed; metric series are not read here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from runicorn_db.criteria import STATUSES
from runicorn_db.sources.deletion import DeletionFacts, judge_deletion
from runicorn_db.sources.directories import FoundRun, find_run_directories
from runicorn_db.sources.files import (
    FileProblem,
    JsonProblem,
    Unreadable,
    clean_text,
    open_directory,
    read_json_object,
    reason_of,
    text_of_name,
)
from runicorn_db.sources.legacy_database import LegacyRow
from runicorn_db.sources.shared_files import Annotation, SharedFiles, shared_signature
from runicorn_db.sources.sidecar import MARKER_NAME, SIDECAR_NAME, Marker, Sidecar, read_marker, read_sidecar
from runicorn_db.sources.values import (
    TooDeep,
    clean_value,
    flatten,
    integer_or_none,
    number_or_none,
    tags_in,
    text_or_none,
    time_or_none,
)

__all__ = [
    "FoundRun",
    "RunFiles",
    "RunRecord",
    "SharedFiles",
    "Unreadable",
    "find_run_directories",
    "read_files",
    "read_run",
    "record_of",
    "shared_signature",
]

Layout = Literal["0.1", "0.2", "0.6", "0.7"]

MAX_ID_LENGTH = 255
# What Runicorn takes for the path of a run, from 0.6 on.
_PATH = re.compile(r"(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)?")

_MAPPED_STATUSES = {
    "completed": "finished",
    "success": "finished",
    "error": "failed",
    "crashed": "failed",
    "killed": "interrupted",
    "cancelled": "interrupted",
    "aborted": "interrupted",
}
# One for all: what many runs hold in common passes from process to process once.
_NO_SIDECAR = Sidecar()
_BEST_METRIC_KEYS = ("best_metric_value", "best_metric_name", "best_metric_step", "best_metric_mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What the small files of one run say, in our terms. Times are Unix seconds, sizes bytes, None is unknown.

    `recorded_status` is one of the four, before liveness is judged; `written_status` is the word in the file
    (for the marker's `original_status`). `flat_params` are (dotted name, text, number), names unique.
    `deleted_at` and `delete_reason` are the verdict over all places that know of a deletion;
    `has_marker` and `is_recycled` say what is on disk, `sidecar` what our own file says; `home` is where a run
    that lies in `.recycle` belongs, None where nothing fit to be a path says so.
    `events_changed_at` is the modification time of events.jsonl, None if there is none.
    """

    path: bytes
    layout: Layout
    id: str
    project: str
    name: str
    recorded_status: str
    written_status: str
    exit_reason: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    best_metric_name: str | None
    best_metric_value: float | None
    best_metric_step: int | None
    best_metric_mode: str | None
    pid: int | None
    hostname: str | None
    description: str | None
    tags: tuple[str, ...]
    is_pinned: bool
    params: Mapping[str, Any]
    flat_params: tuple[tuple[str, str, float | None], ...]
    has_environment: bool
    events_changed_at: float | None
    deleted_at: float | None
    delete_reason: str | None
    restored_at: float | None
    has_marker: bool
    is_recycled: bool
    home: bytes | None
    sidecar: Sidecar
    problems: tuple[FileProblem, ...]


class RunFiles(NamedTuple):
    """The small files of one run directory, parsed; what is missing or damaged is empty."""

    meta: dict[str, Any]
    status: dict[str, Any]
    summary: dict[str, Any]
    params: dict[str, Any]
    flat_params: tuple[tuple[str, str, float | None], ...]
    marker: Marker | None
    sidecar: Sidecar
    sidecar_changed_at: float | None
    directory_changed_at: float
    events_changed_at: float | None
    has_assets: bool
    has_environment: bool
    problems: tuple[FileProblem, ...]


def read_run(root: str, found: FoundRun, *, shared: SharedFiles) -> RunRecord:
    """Read one run directory. Raises Unreadable if the directory itself cannot be opened (any more).

    Damaged files count as empty, as the original counts them, and are named in `problems`; take
    the signature before reading, then a file that was caught half-written is read again.
    """
    return record_of(found, read_files(root, found), shared=shared)


def read_files(root: str, found: FoundRun) -> RunFiles:
    """The part of `read_run` that needs the run directory alone."""
    directory = open_directory(root, found.path)
    try:
        return _read_files(directory, frozenset(map(os.fsencode, os.listdir(directory))), found.path)
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    finally:
        os.close(directory)


def record_of(found: FoundRun, files: RunFiles, *, shared: SharedFiles) -> RunRecord:
    """What the files of a run and those of its root say together."""
    problems = list(files.problems)
    layout = _layout(found, files, shared)
    run_id = _id(files.meta, found.path, problems)
    annotation, row = shared.annotation(run_id), shared.row(run_id)
    project, name = _project_and_name(found, files, layout)
    status, written_status, exit_reason = _status(files.status)
    best_name, best_value, best_step, best_mode = _best_metric(files.summary, row)
    deleted_at, delete_reason = judge_deletion(_deletion_facts(found, files, row), layout=layout)
    created_at = time_or_none(files.meta.get("created_at"))
    return RunRecord(
        path=found.path,
        layout=layout,
        id=run_id,
        project=project,
        name=name,
        recorded_status=status,
        written_status=written_status,
        exit_reason=exit_reason,
        created_at=files.directory_changed_at if created_at is None else created_at,
        started_at=time_or_none(files.status.get("started_at")),
        ended_at=time_or_none(files.status.get("ended_at")),
        best_metric_name=best_name,
        best_metric_value=best_value,
        best_metric_step=best_step,
        best_metric_mode=best_mode,
        pid=integer_or_none(files.meta.get("pid")),
        hostname=text_or_none(files.meta.get("hostname")),
        description=_description(files.sidecar, annotation),
        tags=_tags(files, annotation, row),
        is_pinned=annotation.is_pinned if files.sidecar.is_pinned is None else files.sidecar.is_pinned,
        params=files.params,
        flat_params=files.flat_params,
        has_environment=files.has_environment,
        events_changed_at=files.events_changed_at,
        deleted_at=deleted_at,
        delete_reason=delete_reason,
        restored_at=files.sidecar.restored_at,
        has_marker=files.marker is not None,
        is_recycled=found.is_recycled,
        home=_home(found, files),
        sidecar=files.sidecar,
        problems=tuple(problems),
    )


def _read_files(directory: int, listing: Collection[bytes], path: bytes) -> RunFiles:
    problems: list[FileProblem] = []

    def noted(name: bytes, problem: JsonProblem | None) -> None:
        if problem is not None:
            problems.append(FileProblem(path=path + b"/" + name, message=problem.message, line=problem.line))

    def read(name: bytes) -> dict[str, Any]:
        if name not in listing:
            return {}
        content, problem = read_json_object(name, directory=directory)
        noted(name, problem)
        return content

    def changed_at(name: bytes) -> float | None:
        if name in listing:
            with suppress(FileNotFoundError):
                return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime
        return None

    sidecar, marker = _NO_SIDECAR, None
    if SIDECAR_NAME in listing:
        sidecar, problem = read_sidecar(directory)
        noted(SIDECAR_NAME, problem)
    if MARKER_NAME in listing:
        marker, problem = read_marker(directory)
        noted(MARKER_NAME, problem)
    meta, status = read(b"meta.json"), read(b"status.json")
    summary = read(b"summary.json")
    params = _params(summary, read(b"assets.json"), path, problems)
    return RunFiles(
        meta=meta,
        status=status,
        summary=summary,
        params=params,
        flat_params=flatten(params),
        marker=marker,
        sidecar=sidecar,
        sidecar_changed_at=changed_at(SIDECAR_NAME),
        directory_changed_at=max(os.fstat(directory).st_mtime, 0.0),
        events_changed_at=changed_at(b"events.jsonl"),
        has_assets=b"assets.json" in listing,
        has_environment=b"environment.json" in listing,
        problems=tuple(problems),
    )


def _layout(found: FoundRun, files: RunFiles, shared: SharedFiles) -> Layout:
    parts = found.path.split(b"/")
    is_below_runs = parts[0] == b"runs"
    if not found.is_recycled and not isinstance(files.meta.get("path"), str):
        # A meta.json that cannot be read tells nothing: then the place and what only 0.6 and later write decide.
        is_late = not files.meta and is_below_runs and (len(parts) > 2 or files.has_assets)
        if not is_late:
            return "0.1" if is_below_runs else "0.2"
    return "0.6" if shared.has_layout_06 and not found.is_recycled else "0.7"


def _id(meta: dict[str, Any], path: bytes, problems: list[FileProblem]) -> str:
    told = text_or_none(meta.get("id"))
    if told is not None and len(told) <= MAX_ID_LENGTH:
        return told
    if told is not None:
        message = f"The id has more than {MAX_ID_LENGTH} characters: the name of the directory is taken"
        problems.append(FileProblem(path=path + b"/meta.json", message=message))
    return text_of_name(path.rpartition(b"/")[2])


def _project_and_name(found: FoundRun, files: RunFiles, layout: Layout) -> tuple[str, str]:
    if layout in ("0.6", "0.7"):
        path = files.meta.get("path")
        if not isinstance(path, str):
            told = files.marker.original_path if files.marker is not None else None
            path = told if found.is_recycled else _directory_text(found.path.split(b"/")[1:-1])
        project, name = _split(clean_text(path or ""))
        return project, text_or_none(files.meta.get("alias")) or name
    project, name = _split("" if layout == "0.1" else _directory_text(found.path.split(b"/")[:-2]))
    return text_or_none(files.meta.get("project")) or project, text_or_none(files.meta.get("name")) or name


def _home(found: FoundRun, files: RunFiles) -> bytes | None:
    if not found.is_recycled:
        return None
    told = files.marker.original_path if files.marker is not None else None
    path = files.meta.get("path") if told is None else told
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        return None
    parts = [path.encode()] if path else []
    return b"/".join([b"runs", *parts, found.path.rpartition(b"/")[2]])


def _directory_text(parts: list[bytes]) -> str:
    return "/".join(map(text_of_name, parts))


def _split(path: str) -> tuple[str, str]:
    """`a/b/c` is project `a/b`, name `c`; `a` is both; nothing is `default`."""
    project, _, name = path.strip("/").rpartition("/")
    return project or name or "default", name or "default"


def _status(status: dict[str, Any]) -> tuple[str, str, str | None]:
    """Status in words of the four, the word as written, and the reason of the end."""
    exit_reason = text_or_none(status.get("exit_reason"))
    written = text_or_none(status.get("status"))
    if written is None:
        return "finished", "finished", exit_reason
    if written in STATUSES:
        return written, written, exit_reason
    word = written.strip().lower()
    mapped = word if word in STATUSES else _MAPPED_STATUSES.get(word, "finished")
    return mapped, written, exit_reason or written


def _best_metric(summary: dict[str, Any], row: LegacyRow) -> tuple[str | None, float | None, int | None, str | None]:
    if "best_metric_value" not in summary:
        if row.best_metric_value is None:
            return None, None, None, None
        return row.best_metric_name, row.best_metric_value, row.best_metric_step, row.best_metric_mode
    mode = summary.get("best_metric_mode")
    return (
        text_or_none(summary.get("best_metric_name")),
        number_or_none(summary["best_metric_value"]),
        integer_or_none(summary.get("best_metric_step")),
        mode if mode in ("max", "min") else None,
    )


def _description(sidecar: Sidecar, annotation: Annotation) -> str | None:
    return sidecar.description if sidecar.has_description else annotation.description


def _tags(files: RunFiles, annotation: Annotation, row: LegacyRow) -> tuple[str, ...]:
    if files.sidecar.tags is not None:
        return files.sidecar.tags
    return tuple(sorted(tags_in(files.meta.get("tags")) | annotation.tags | row.tags))


def _params(
    summary: dict[str, Any], assets: dict[str, Any], path: bytes, problems: list[FileProblem]
) -> dict[str, Any]:
    """What was given to the run: plain values of summary.json, then the arguments of assets.json."""
    plain = {
        key: value
        for key, value in summary.items()
        if key not in _BEST_METRIC_KEYS and not isinstance(value, (dict, list))
    }
    config = assets.get("config")
    args = config.get("args") if isinstance(config, dict) else None
    try:
        return clean_value({**plain, **(args if isinstance(args, dict) else {})})
    except TooDeep:
        problems.append(FileProblem(path=path + b"/assets.json", message="Parameters are nested too deeply"))
        return clean_value(plain)


def _deletion_facts(found: FoundRun, files: RunFiles, row: LegacyRow) -> DeletionFacts:
    sidecar, marker = files.sidecar, files.marker
    recycled_at = None
    if found.is_recycled and marker is None:
        recycled_at = files.directory_changed_at
        # Writing the sidecar changed the directory too: then its time tells nothing of the deletion before.
        if sidecar.restored_at is not None and (files.sidecar_changed_at or 0.0) >= recycled_at - 1.0:
            recycled_at = min(recycled_at, sidecar.restored_at)
    return DeletionFacts(
        marked_at=marker.deleted_at if marker is not None else None,
        marked_reason=marker.reason if marker is not None else None,
        recycled_at=recycled_at,
        database_at=row.deleted_at,
        database_reason=row.delete_reason,
        sidecar_at=sidecar.deleted_at,
        sidecar_reason=sidecar.delete_reason,
        restored_at=sidecar.restored_at,
    )
