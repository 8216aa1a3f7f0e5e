"""Artifacts of all roots: what is stored with versions, what runs archived, and which runs made and took them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from runicorn_db.query import Experiment
from runicorn_db.sources.artifacts import (
    LATEST,
    Artifact,
    ArtifactDetail,
    ArtifactVersion,
    Contents,
    Key,
    object_in,
    read_artifacts,
    read_pool,
    read_stored_contents,
    read_stored_detail,
    stored_size,
)
from runicorn_db.sources.assets import (
    Asset,
    file_count_of,
    read_asset_contents,
    read_run,
    size_of,
)
from runicorn_db.sources.values import text_or_none

MOST_RUNS = 10_000
"""The newest ones, whose files are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A run made a version, or took it."""

    run_id: str
    artifact: Key
    version: int
    is_made: bool
    at: float | None


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """`runs_read` of the index's `runs` were looked at: what older ones archived and took is not in it."""

    artifacts: tuple[Artifact, ...]
    uses: tuple[Use, ...]
    runs_read: int
    runs: int

    @cached_property
    def versions(self) -> dict[tuple[Key, int], ArtifactVersion]:
        """Every version that there is, by its artifact and number."""
        return {
            (artifact.key, version.version): version for artifact in self.artifacts for version in artifact.versions
        }


def read_catalogue(roots: Mapping[str, str], runs: Sequence[Experiment], *, total: int) -> Catalogue:
    """`roots`: path -> name; `runs`: the newest of `total`, whose files are read.

    Runs in the trash count only for the numbers of versions, which stay when a run is put there or restored:
    what no other run has is not told of.
    """
    stored = [artifact for path, name in roots.items() for artifact in read_artifacts(path, name)]
    found = {artifact.key: artifact for artifact in stored}
    storing = {artifact.root for artifact in stored}
    uses: list[Use] = []
    archived: dict[Key, dict[str, ArtifactVersion]] = {}
    live: set[tuple[Key, int]] = set()
    paths = {name: path for path, name in roots.items()}
    # The oldest first, so that the numbers of versions grow with time.
    for run in sorted((run for run in runs if run.root in paths), key=lambda run: run.created_at):
        assets, mentions = read_run(run.run_dir, has_store=run.root in storing)
        for asset in assets:
            key = (run.root, asset.type, asset.name)
            versions = archived.setdefault(key, {})
            if asset.identity not in versions:
                number = (found[key].latest.version if key in found else 0) + len(versions) + 1
                versions[asset.identity] = _archived_version(number, asset, run, paths[run.root])
            if run.deleted_at is not None:
                continue
            version = versions[asset.identity].version
            live.add((key, version))
            uses.append(
                Use(run_id=run.id, artifact=key, version=version, is_made=asset.is_made, at=asset.at or run.created_at)
            )
        uses += [
            Use(
                run_id=run.id,
                artifact=(run.root, mention.type, mention.name),
                version=mention.version,
                is_made=mention.is_made,
                at=mention.at,
            )
            for mention in mentions
            if run.deleted_at is None
        ]
    for key, versions in archived.items():
        if told := tuple(version for version in versions.values() if (key, version.version) in live):
            found[key] = _with_archived(found.get(key), key, paths[key[0]], told)
    order = {name: place for place, name in enumerate(roots.values())}
    artifacts = sorted(found.values(), key=lambda artifact: (order[artifact.root], artifact.type, artifact.name))
    return Catalogue(artifacts=tuple(artifacts), uses=tuple(uses), runs_read=len(runs), runs=total)


def read_detail(artifact: Artifact, version: ArtifactVersion) -> ArtifactDetail:
    """What is told of one version alone."""
    if version.asset is None:
        return read_stored_detail(artifact, version.version)
    return ArtifactDetail(
        updated_at=version.created_at,
        num_references=int(not version.num_files),
        metadata=version.asset,
        description=text_or_none(version.asset.get("description")) or "",
    )


def read_contents(artifact: Artifact, version: ArtifactVersion) -> Contents:
    """The files of one version, and what belongs to it elsewhere."""
    if version.asset is None:
        return read_stored_contents(artifact, version.version)
    return read_asset_contents(artifact.root_path, version.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSizes:
    """Of all roots together: bytes of the files of stored versions, and of the pools in which each lies once.

    `is_complete` is False when a pool has more files than are counted.
    """

    stored: int
    pooled: int | None
    is_complete: bool


def read_pool_sizes(catalogue: Catalogue, roots: Sequence[str]) -> PoolSizes:
    pools = [pool for path in roots if (pool := read_pool(path)) is not None]
    stored = sum(
        stored_size(artifact, version.version)
        for artifact in (catalogue.artifacts if pools else ())
        for version in artifact.versions
        if version.asset is None
    )
    return PoolSizes(
        stored=stored,
        pooled=sum(pool.size for pool in pools) if pools else None,
        is_complete=all(pool.is_complete for pool in pools),
    )


def _archived_version(number: int, asset: Asset, run: Experiment, root: str) -> ArtifactVersion:
    # Only now, and not for each of the many runs that took the same.
    entry = object_in(asset.entry)
    return ArtifactVersion(
        version=number,
        created_at=asset.at or run.created_at,
        created_by_run=run.id if asset.is_made else None,
        size_bytes=size_of(root, entry),
        num_files=file_count_of(entry),
        status="ready" if entry.get("saved") is True else "reference",
        asset=entry,
    )


def _with_archived(
    stored: Artifact | None, key: Key, root_path: str, archived: tuple[ArtifactVersion, ...]
) -> Artifact:
    root, type_, name = key
    latest = replace(archived[-1], aliases=(LATEST,))
    if stored is not None:
        before = tuple(
            replace(version, aliases=tuple(alias for alias in version.aliases if alias != LATEST))
            for version in stored.versions
        )
        versions = (*before, *archived[:-1], latest)
        aliases = {**stored.aliases, LATEST: latest.version}
        return replace(stored, versions=versions, aliases=aliases, updated_at=latest.created_at)
    return Artifact(
        root=root,
        root_path=root_path,
        type=type_,
        name=name,
        versions=(*archived[:-1], latest),
        aliases={LATEST: latest.version},
        created_at=archived[0].created_at,
        updated_at=latest.created_at,
    )
