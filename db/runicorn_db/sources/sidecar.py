"""The two files we write into a run directory: our sidecar and the original's `.deleted` marker.

Both are replaced as a whole: a new file beside the old one, made durable, then renamed. Each write
walks from the root to the run directory without following links.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from runicorn_db.sources.files import JsonProblem, Unreadable, clean_text, open_directory, read_json_object, reason_of
from runicorn_db.sources.removal import make_durable
from runicorn_db.sources.values import tags_in, text_or_none, time_or_none

SIDECAR_NAME: Final = b".runicorn-tui.json"
MARKER_NAME: Final = b".deleted"


class NotWritable(Exception):
    """A marker or sidecar could not be written; `reason` is a sentence fit for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What our sidecar says of one run; None where it says nothing.

    `has_description` tells "described as nothing" from "says nothing of a description".
    """

    tags: tuple[str, ...] | None = None
    is_pinned: bool | None = None
    description: str | None = None
    has_description: bool = False
    deleted_at: float | None = None
    delete_reason: str | None = None
    restored_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """The `.deleted` marker of the original Runicorn; `original_path` only in 0.7."""

    deleted_at: float
    reason: str | None = None
    original_path: str | None = None


def read_sidecar(directory: int) -> tuple[Sidecar, JsonProblem | None]:
    """The sidecar in an open run directory; an empty one if there is none or it is damaged."""
    found, problem = read_json_object(SIDECAR_NAME, directory=directory)
    pinned = found.get("pinned")
    sidecar = Sidecar(
        tags=tuple(sorted(tags_in(found["tags"]))) if isinstance(found.get("tags"), list) else None,
        is_pinned=pinned if isinstance(pinned, bool) else None,
        description=text_or_none(found.get("description")),
        has_description="description" in found,
        deleted_at=time_or_none(found.get("deleted_at")),
        delete_reason=text_or_none(found.get("delete_reason")),
        restored_at=time_or_none(found.get("restored_at")),
    )
    return sidecar, problem


def read_marker(directory: int) -> tuple[Marker | None, JsonProblem | None]:
    """The marker in an open run directory, None without one.

    A marker that is there but does not tell its time has that of the file.
    """
    try:
        written_at = os.stat(MARKER_NAME, dir_fd=directory, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, JsonProblem(reason_of(error))
    found, problem = read_json_object(MARKER_NAME, directory=directory)
    told = time_or_none(found.get("deleted_at"))
    marker = Marker(
        deleted_at=max(written_at, 0.0) if told is None else told,
        reason=text_or_none(found.get("reason")),
        original_path=text_or_none(found.get("original_path")),
    )
    return marker, problem


def update_sidecar(root: str, path: bytes, values: Mapping[str, Any], *, remove: Collection[str] = ()) -> None:
    """Set and remove keys of the sidecar of the run directory `path`; all other keys stay as they are.

    Writes nothing when nothing changes, and removes the file when nothing is left in it.
    Raises NotWritable, also when the present sidecar cannot be read: it is not overwritten.
    """
    with _run_directory(root, path) as directory:
        present, problem = read_json_object(SIDECAR_NAME, directory=directory)
        if problem is not None:
            raise NotWritable(f"The present {os.fsdecode(SIDECAR_NAME)} cannot be read: {problem.message}")
        wanted = {key: value for key, value in {**present, **values}.items() if key not in remove}
        if wanted == present:
            return
        if wanted:
            _replace(directory, SIDECAR_NAME, wanted)
        else:
            _remove(directory, SIDECAR_NAME)


def write_marker(
    root: str, path: bytes, *, deleted_at: float, reason: str, original_status: str, original_path: str | None = None
) -> None:
    """Write the `.deleted` marker as Runicorn 0.1 to 0.6 does, with `original_path` as 0.7. Raises NotWritable."""
    content: dict[str, object] = {"deleted_at": deleted_at, "reason": reason, "original_status": original_status}
    if original_path is not None:
        content["original_path"] = original_path
    with _run_directory(root, path) as directory:
        _replace(directory, MARKER_NAME, content)


def remove_marker(root: str, path: bytes) -> None:
    """Remove the `.deleted` marker if there is one. Raises NotWritable."""
    with _run_directory(root, path) as directory:
        _remove(directory, MARKER_NAME)


@contextmanager
def _run_directory(root: str, path: bytes) -> Iterator[int]:
    try:
        directory = open_directory(root, path)
    except Unreadable as error:
        raise NotWritable(error.reason) from error
    try:
        yield directory
    except OSError as error:
        raise NotWritable(reason_of(error)) from error
    finally:
        os.close(directory)


def _replace(directory: int, name: bytes, content: Mapping[str, Any]) -> None:
    # As the original writes its JSON, so that the files cannot be told apart; texts are kept encodable.
    text = json.dumps(content, ensure_ascii=False, indent=2)
    data = clean_text(text).encode()
    temporary = name + b"." + secrets.token_hex(6).encode() + b".tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o666, dir_fd=directory)
    try:
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        os.unlink(temporary, dir_fd=directory)
        raise
    make_durable(directory)


def _remove(directory: int, name: bytes) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return
    make_durable(directory)
