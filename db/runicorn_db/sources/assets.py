"""What one run made and took: `assets.json` of Runicorn 0.6 and later, and the two lists of 0.4 and 0.5."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runicorn_db.run_directory import opened_directory
from runicorn_db.sources.artifacts import (
    Contents,
    StoredFile,
    StoredReference,
    count_in,
    file_below,
    objects_in,
)
from runicorn_db.sources.files import Unreadable, clean_text, read_json_object
from runicorn_db.sources.values import text_or_none, time_or_none

MOST_BYTES = 2**20
"""Of one of the files; a larger one is not read."""

MOST_ASSETS = 1000
"""Of each kind in one run."""

SNAPSHOT = "snapshot"
"""The name of the code of a run, which has none of its own."""

_ARCHIVE = "archive"
_MOST_ARCHIVES = 16
"""Folders of this name in one path that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What a run of 0.6 or later made or took. Equal `identity`: the same content, as far as is known.

    `entry` is what the file says, whatever is in it.
    """

    type: str
    name: str
    identity: str
    is_made: bool
    at: float | None
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A stored version that a run of 0.4 or 0.5 made or took."""

    type: str
    name: str
    version: int
    is_made: bool
    at: float | None


def read_run(run_dir: str, *, has_store: bool) -> tuple[list[Asset], list[Mention]]:
    """What the files of a run say; nothing where they cannot be read. `has_store`: its root has stored artifacts."""
    mentions: list[Mention] = []
    try:
        with opened_directory(run_dir) as directory:
            assets = list(_assets_in(_read(directory, b"assets.json")))
            if has_store:
                mentions += _mentions_in(_read(directory, b"artifacts_created.json"), "created_at", is_made=True)
                mentions += _mentions_in(_read(directory, b"artifacts_used.json"), "used_at", is_made=False)
    except Unreadable:
        return [], []
    return assets, mentions


def size_of(root: str, entry: Mapping[str, Any]) -> int:
    """Bytes, 0 where nobody counted them."""
    if told := count_in(entry.get("total_size_bytes")):
        return told
    archived = _in_archive(root, entry.get("archive_path"))
    return _size_at(archived) if archived else 0


def _size_at(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def file_count_of(entry: Mapping[str, Any]) -> int:
    if entry.get("saved") is not True:
        return 0
    return count_in(entry.get("file_count")) or 1


def read_asset_contents(root: str, entry: Mapping[str, Any]) -> Contents:
    """The archived files of an asset, or where it is when it was not archived."""
    archived = _in_archive(root, entry.get("manifest_path")) or _in_archive(root, entry.get("archive_path"))
    if entry.get("saved") is not True or archived is None:
        uri = _place_of(entry)
        size = count_in(entry.get("total_size_bytes")) or None
        checksum = text_or_none(entry.get("fingerprint"))
        return Contents(references=(StoredReference(uri=uri, checksum=checksum, size=size),) if uri else ())
    if entry.get("manifest_path"):
        return Contents(files=tuple(_listed(root, archived)))
    return Contents(files=(_single(archived, entry),))


def _single(archived: str, entry: Mapping[str, Any]) -> StoredFile:
    is_hash = entry.get("fingerprint_kind") == "sha256"
    digest = text_or_none(entry.get("fingerprint")) if is_hash else None
    return StoredFile(
        path=text_or_none(entry.get("key")) or text_or_none(entry.get("name")) or SNAPSHOT,
        size=_size_at(archived),
        digest=f"sha256:{digest}" if digest else None,
        modified_at=time_or_none(entry.get("archived_at")),
        absolute_path=archived,
    )


def _listed(root: str, manifest: str) -> Iterator[StoredFile]:
    """The files of a data set: each is in the archive under its hash."""
    listed = read_json_object(os.fsencode(manifest))[0].get("files")
    for name, told in listed.items() if isinstance(listed, dict) else ():
        told = told if isinstance(told, dict) else {}
        digest = text_or_none(told.get("sha256"))
        blob = f"blobs/{digest[:2]}/{digest}" if digest else ""
        yield StoredFile(
            path=clean_text(name),
            size=count_in(told.get("size_bytes")),
            digest=f"sha256:{digest}" if digest else None,
            modified_at=None,
            absolute_path=file_below(root, _ARCHIVE.encode(), blob),
        )


def _in_archive(root: str, path: object) -> str | None:
    """Where an absolute path of the archive is today: the root may have been moved since.

    Folders above the root and in the archive may have the name of the archive too: the first is meant below which
    there is such a file.
    """
    parts = path.split("/") if isinstance(path, str) else []
    places = [place for place, part in enumerate(parts) if place and part == _ARCHIVE]
    try:
        below = ("/".join(parts[place + 1 :]) for place in places[:_MOST_ARCHIVES])
        return next((file for name in below if (file := file_below(root, _ARCHIVE.encode(), name))), None)
    except UnicodeEncodeError:
        return None


def _read(directory: int, name: bytes) -> dict[str, Any]:
    return read_json_object(name, directory=directory, max_bytes=MOST_BYTES)[0]


def _assets_in(content: Mapping[str, Any]) -> Iterator[Asset]:
    code = content.get("code")
    snapshot = code.get("snapshot") if isinstance(code, dict) else None
    if isinstance(snapshot, dict):
        yield from _asset("code", SNAPSHOT, snapshot, "created_at", is_made=True)
    for entry in objects_in(content.get("datasets"))[:MOST_ASSETS]:
        yield from _asset("dataset", entry.get("name"), entry, "created_at", is_made=False)
    for entry in objects_in(content.get("pretrained"))[:MOST_ASSETS]:
        yield from _asset("model", entry.get("name"), entry, "created_at", is_made=False)
    for entry in objects_in(content.get("outputs"))[:MOST_ASSETS]:
        yield from _asset("custom", entry.get("key") or entry.get("name"), entry, "archived_at", is_made=True)


def _asset(type_: str, name: object, entry: dict[str, Any], when: str, *, is_made: bool) -> Iterator[Asset]:
    shown = text_or_none(name)
    if shown is None:
        return
    identity = text_or_none(entry.get("fingerprint")) or _place_of(entry) or ""
    yield Asset(
        type=type_, name=shown, identity=identity, is_made=is_made, at=time_or_none(entry.get(when)), entry=entry
    )


def _place_of(entry: Mapping[str, Any]) -> str | None:
    return next((text for key in ("uri", "path_or_uri", "path") if (text := text_or_none(entry.get(key)))), None)


def _mentions_in(content: Mapping[str, Any], when: str, *, is_made: bool) -> Iterator[Mention]:
    for entry in objects_in(content.get("artifacts"))[:MOST_ASSETS]:
        type_, name = text_or_none(entry.get("type")), text_or_none(entry.get("name"))
        if type_ and name and (version := count_in(entry.get("version"))):
            yield Mention(type=type_, name=name, version=version, is_made=is_made, at=time_or_none(entry.get(when)))
