"""What Runicorn 0.4 and 0.5 keep in `ROOT/artifacts`: numbered versions of models, data sets and whatever else.

artifacts/<type>/<name>/versions.json                     every version, and which of them an alias means
artifacts/<type>/<name>/v<n>/metadata.json, manifest.json   one version, and its files
artifacts/.dedup/<2 hex>/<sha256>                          the files themselves, each once
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from runicorn_db.sources.files import Unreadable, open_directory, read_json_object, text_of_name
from runicorn_db.sources.values import TooDeep, clean_value, integer_or_none, tags_in, text_or_none, time_or_none

MOST_ARTIFACTS = 10_000
"""Of one root; further ones are not read."""

MOST_VERSIONS = 10_000
"""Of one artifact; the older ones are not told."""

MOST_POOLED = 200_000
"""Files of the pool that are counted; when there are more, it says so."""

LATEST = "latest"

Key = tuple[str, str, str]
"""Root, type and name of an artifact."""

_FOLDER = b"artifacts"
_POOL = b".dedup"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactVersion:
    """`size_bytes` includes what is only referred to. `asset`: what a run of 0.6 or later says of it."""

    version: int
    created_at: float | None = None
    created_by_run: str | None = None
    size_bytes: int = 0
    num_files: int = 0
    status: str = "ready"
    aliases: tuple[str, ...] = ()
    asset: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """All versions of what has this type and name in a root, the first one first; at least one.

    `root_path` is that of the root, `path` the artifact's folder below it, if it has one.
    """

    root: str
    root_path: str
    type: str
    name: str
    versions: tuple[ArtifactVersion, ...]
    aliases: Mapping[str, int]
    created_at: float | None = None
    updated_at: float | None = None
    path: bytes | None = None

    @property
    def key(self) -> Key:
        return self.root, self.type, self.name

    def is_of(self, *, type: str | None = None, root: str | None = None) -> bool:
        """Whether it has this type and is in the root of this name, as far as they are given."""
        return type in (None, self.type) and root in (None, self.root)

    @property
    def latest(self) -> ArtifactVersion:
        return self.versions[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """`absolute_path` is None where no regular file is at `path`."""

    path: str
    size: int
    digest: str | None
    modified_at: float | None
    absolute_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReference:
    """Something elsewhere that belongs to a version."""

    uri: str
    checksum: str | None = None
    size: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Of one version."""

    files: tuple[StoredFile, ...] = ()
    references: tuple[StoredReference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The files that versions share: their bytes, and whether all of them were counted."""

    size: int
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDetail:
    """What is told of one version alone."""

    updated_at: float | None = None
    created_by_user: str | None = None
    num_references: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    tags: tuple[str, ...] = ()
    manifest_digest: str | None = None


def read_artifacts(root: str, root_name: str) -> list[Artifact]:
    """What lies in `root`, sorted by type and name; what cannot be read is left out."""
    found: list[Artifact] = []
    for type_ in _folders(root, _FOLDER):
        for name in _folders(root, _FOLDER + b"/" + type_):
            if len(found) >= MOST_ARTIFACTS:
                return found
            path = b"/".join((_FOLDER, type_, name))
            content = _read_object(root, path, b"versions.json")
            aliases = _aliases_in(content.get("aliases"))
            if versions := _versions_in(content.get("versions"), aliases):
                found.append(
                    Artifact(
                        root=root_name,
                        root_path=root,
                        type=text_of_name(type_),
                        name=text_of_name(name),
                        versions=versions,
                        aliases=aliases,
                        created_at=time_or_none(content.get("created_at")),
                        updated_at=time_or_none(content.get("updated_at")),
                        path=path,
                    )
                )
    return found


def read_stored_detail(artifact: Artifact, version: int) -> ArtifactDetail:
    content = _read_object(artifact.root_path, _version_path(artifact, version), b"metadata.json")
    return ArtifactDetail(
        updated_at=time_or_none(content.get("updated_at")),
        created_by_user=text_or_none(content.get("created_by_user")),
        num_references=count_in(content.get("num_references")),
        metadata=object_in(content.get("metadata")),
        description=text_or_none(content.get("description")) or "",
        tags=tuple(sorted(tags_in(content.get("tags")))),
        manifest_digest=text_or_none(content.get("manifest_digest")),
    )


def read_stored_contents(artifact: Artifact, version: int) -> Contents:
    """What the manifest lists; nothing where there is none that can be read."""
    path = _version_path(artifact, version)
    content = _read_object(artifact.root_path, path, b"manifest.json")
    return Contents(
        files=tuple(
            StoredFile(
                path=name,
                size=count_in(entry.get("size")),
                digest=text_or_none(entry.get("digest")),
                modified_at=time_or_none(entry.get("modified_at")),
                absolute_path=file_below(artifact.root_path, path + b"/files", name),
            )
            for name, entry in _files_in(content)
        ),
        references=tuple(
            StoredReference(
                uri=uri,
                checksum=text_or_none(entry.get("checksum")),
                size=_count_or_none(entry.get("size")),
                metadata=object_in(entry.get("metadata")),
            )
            for entry in objects_in(content.get("references"))
            if (uri := text_or_none(entry.get("uri")))
        ),
    )


def stored_size(artifact: Artifact, version: int) -> int:
    """Bytes of its files as the manifest says, without what is only referred to."""
    content = _read_object(artifact.root_path, _version_path(artifact, version), b"manifest.json")
    return sum(count_in(entry.get("size")) for _, entry in _files_in(content))


def read_pool(root: str) -> Pool | None:
    """None where there is no pool."""
    size: int | None = None
    counted = 0
    for folder in (b"", *(b"/" + name for name in _folders(root, _FOLDER + b"/" + _POOL))):
        with _opened(root, _FOLDER + b"/" + _POOL + folder) as descriptor:
            if descriptor is None:
                continue
            size = size or 0
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if counted >= MOST_POOLED:
                        return Pool(size=size, is_complete=False)
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(status.st_mode):
                            counted += 1
                            size += status.st_size
    return None if size is None else Pool(size=size, is_complete=True)


def file_below(root: str, folder: bytes, name: str) -> str | None:
    """The absolute path of the regular file `name` in a folder of `root`, None for what is none or would lead out.

    No part of the way below the root may be a link.
    """
    parts = os.fsencode(name).split(b"/")
    if b"\0" in os.fsencode(name) or any(part in (b"", b".", b"..") for part in parts):
        return None
    try:
        descriptor = open_directory(root, b"/".join((folder, *parts[:-1])))
    except Unreadable:
        return None
    try:
        mode = os.stat(parts[-1], dir_fd=descriptor, follow_symlinks=False).st_mode
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return os.fsdecode(os.path.join(os.fsencode(root), folder, *parts)) if stat.S_ISREG(mode) else None


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_in(value: object) -> dict[str, Any]:
    """A JSON object fit to be written again, empty for anything else."""
    with suppress(TooDeep):
        return clean_value(value) if isinstance(value, dict) else {}
    return {}


def count_in(value: object) -> int:
    """A whole number from 0 on, 0 for anything else."""
    return _count_or_none(value) or 0


def _count_or_none(value: object) -> int | None:
    number = integer_or_none(value)
    return None if number is None or number < 0 else number


def _files_in(manifest: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in objects_in(manifest.get("files")):
        if name := text_or_none(entry.get("path")):
            yield name, entry


def _version_path(artifact: Artifact, version: int) -> bytes:
    assert artifact.path is not None
    return artifact.path + b"/v%d" % version


def _aliases_in(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    found = ((text_or_none(alias), count_in(version)) for alias, version in value.items())
    return {alias: version for alias, version in found if alias and version}


def _versions_in(value: object, aliases: Mapping[str, int]) -> tuple[ArtifactVersion, ...]:
    named: dict[int, list[str]] = {}
    for alias, version in aliases.items():
        named.setdefault(version, []).append(alias)
    found = {
        number: ArtifactVersion(
            version=number,
            created_at=time_or_none(entry.get("created_at")),
            created_by_run=text_or_none(entry.get("created_by_run")),
            size_bytes=count_in(entry.get("size_bytes")),
            num_files=count_in(entry.get("num_files")),
            status=text_or_none(entry.get("status")) or "ready",
            # Each version goes on saying that it is the latest one: only the artifact knows.
            aliases=tuple(sorted(named.get(number, ()))),
        )
        for entry in objects_in(value)
        if (number := count_in(entry.get("version")))
    }
    return tuple(found[number] for number in sorted(found)[-MOST_VERSIONS:])


def _folders(root: str, path: bytes) -> list[bytes]:
    """The names of the visible folders in a folder, sorted; links are none."""
    with _opened(root, path) as descriptor:
        if descriptor is None:
            return []
        with os.scandir(descriptor) as entries:
            # A descriptor gives names as text.
            names = [os.fsencode(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(name for name in names if not name.startswith(b"."))


def _read_object(root: str, path: bytes, name: bytes) -> dict[str, Any]:
    with _opened(root, path) as descriptor:
        return {} if descriptor is None else read_json_object(name, directory=descriptor)[0]


@contextmanager
def _opened(root: str, path: bytes) -> Iterator[int | None]:
    try:
        descriptor = open_directory(root, path)
    except Unreadable:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
