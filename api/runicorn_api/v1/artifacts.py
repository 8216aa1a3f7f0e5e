"""Artifacts, for reading: which there are, their versions and files, and which runs made and took them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict

import falcon

from runicorn_api import answers
from runicorn_api.contract import read_nothing, read_parameters
from runicorn_api.json_body import to_json
from runicorn_api.readers import Readers
from runicorn_api.spool import send_parts
from runicorn_api.v1.artifacts_shapes import (
    ARTIFACT_PARAMETERS,
    ARTIFACTS,
    DEFAULT_DEPTH,
    LINEAGE_PARAMETERS,
    VERSION,
)
from runicorn_db.artifacts import (
    MOST_RUNS,
    Catalogue,
    PoolSizes,
    read_catalogue,
    read_contents,
    read_detail,
    read_pool_sizes,
)
from runicorn_db.lineage import Lineage, lineage_of
from runicorn_db.query import shown
from runicorn_db.sources.artifacts import Artifact, ArtifactVersion
from runicorn_db.store import Store

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_SHOWN_OF_RUN = 16


class _Reading:
    """Every answer is made of what the roots hold at the moment, which is read anew for each."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def _catalogue(self) -> Catalogue:
        runs, total = self._readers.searches(lambda: self._store.newest(MOST_RUNS))
        # Files may be on a slow disk: they are read in the thread of the request, which only it waits for.
        return read_catalogue(self._readers.rows(self._store.root_names), runs, total=total)


def artifact_routes(store: Store, readers: Readers) -> tuple[tuple[str, str, object], ...]:
    """Template, kind of rate limit and resource of each."""
    return (
        (ARTIFACTS, "other", Artifacts(store, readers)),
        (f"{ARTIFACTS}/stats", "other", ArtifactStats(store, readers)),
        (f"{ARTIFACTS}/{{artifact}}/versions", "other", ArtifactVersions(store, readers)),
        (VERSION, "other", ArtifactDetail(store, readers)),
        (f"{VERSION}/files", "other", ArtifactFiles(store, readers)),
        (f"{VERSION}/lineage", "other", ArtifactLineage(store, readers)),
    )


class Artifacts(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = read_parameters(ARTIFACT_PARAMETERS, req.query_string)
        found = [artifact for artifact in self._catalogue().artifacts if artifact.is_of(**asked)]
        found.sort(key=lambda artifact: artifact.updated_at or 0.0, reverse=True)
        send_parts(resp, (to_json([_write_artifact(artifact) for artifact in found]),))

    on_head = on_get


class ArtifactVersions(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response, artifact: str) -> None:
        asked = read_parameters(ARTIFACT_PARAMETERS, req.query_string)
        found = _find(self._catalogue(), artifact, asked)
        send_parts(resp, (to_json([_write_version(version) for version in found.versions]),))

    on_head = on_get


class ArtifactDetail(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response, artifact: str, version: str) -> None:
        asked = read_parameters(ARTIFACT_PARAMETERS, req.query_string)
        found, chosen = _find_version(self._catalogue(), artifact, version, asked)
        detail = read_detail(found, chosen)
        names = {"name": found.name, "type": found.type, "root": found.root}
        answers.send(resp, names | _write_version(chosen) | asdict(detail))

    on_head = on_get


class ArtifactFiles(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response, artifact: str, version: str) -> None:
        asked = read_parameters(ARTIFACT_PARAMETERS, req.query_string)
        found, chosen = _find_version(self._catalogue(), artifact, version, asked)
        answers.send(resp, _write_contents(found, chosen))

    on_head = on_get


class ArtifactLineage(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response, artifact: str, version: str) -> None:
        asked = read_parameters(LINEAGE_PARAMETERS, req.query_string)
        depth = asked.pop("max_depth", DEFAULT_DEPTH)
        catalogue = self._catalogue()
        found, chosen = _find_version(catalogue, artifact, version, asked)
        answers.send(resp, _write_lineage(catalogue, lineage_of(catalogue, found, chosen.version, depth)))

    on_head = on_get


class ArtifactStats(_Reading):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        catalogue = self._catalogue()
        roots = self._readers.rows(self._store.root_names)
        answers.send(resp, _write_stats(catalogue, read_pool_sizes(catalogue, list(roots))))

    on_head = on_get


def _find(catalogue: Catalogue, name: str, asked: Mapping[str, str]) -> Artifact:
    for artifact in catalogue.artifacts:
        if artifact.name == name and artifact.is_of(**asked):
            return artifact
    raise falcon.HTTPNotFound(description=f"Artifact not found: {shown(name)}")


def _find_version(
    catalogue: Catalogue, name: str, number: str, asked: Mapping[str, str]
) -> tuple[Artifact, ArtifactVersion]:
    artifact = _find(catalogue, name, asked)
    wanted = int(number) if _NUMBER.fullmatch(number) else None
    for version in artifact.versions:
        if version.version == wanted:
            return artifact, version
    raise falcon.HTTPNotFound(description=f"Version not found: {shown(name)}:v{shown(number)}")


def _write_artifact(artifact: Artifact) -> dict[str, object]:
    return {
        "name": artifact.name,
        "type": artifact.type,
        "num_versions": len(artifact.versions),
        "latest_version": artifact.latest.version,
        "size_bytes": artifact.latest.size_bytes,
        "created_at": artifact.created_at,
        "updated_at": artifact.updated_at,
        "aliases": artifact.aliases,
        "root": artifact.root,
    }


def _write_version(version: ArtifactVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "created_at": version.created_at,
        "created_by_run": version.created_by_run,
        "size_bytes": version.size_bytes,
        "num_files": version.num_files,
        "status": version.status,
        "aliases": version.aliases,
    }


def _write_contents(artifact: Artifact, version: ArtifactVersion) -> dict[str, object]:
    contents = read_contents(artifact, version)
    return {
        "artifact": f"{artifact.name}:v{version.version}",
        "files": [asdict(file) | {"is_remote": False} for file in contents.files],
        "references": [asdict(reference) for reference in contents.references],
        "total_size": sum(part.size or 0 for part in (*contents.files, *contents.references)),
        "total_files": len(contents.files),
        "total_references": len(contents.references),
        "is_remote": False,
    }


def _write_lineage(catalogue: Catalogue, graph: Lineage) -> dict[str, object]:
    artifacts = [
        {
            "node_type": "artifact",
            "node_id": node,
            "label": f"{key[2]} v{number}",
            "metadata": {
                "type": key[1],
                "size": catalogue.versions[key, number].size_bytes,
                "created_at": catalogue.versions[key, number].created_at,
            },
        }
        for node, (key, number) in graph.artifacts.items()
    ]
    runs = [
        {
            "node_type": "run",
            "node_id": node,
            "label": f"Run {run_id[:_SHOWN_OF_RUN]}...",
            "metadata": {"run_id": run_id},
        }
        for node, run_id in graph.runs.items()
    ]
    return {
        "root_artifact": graph.root_artifact,
        "nodes": artifacts + runs,
        "edges": [asdict(edge) for edge in graph.edges.values()],
        "is_complete": graph.is_complete,
    }


def _write_stats(catalogue: Catalogue, sizes: PoolSizes) -> dict[str, object]:
    by_type: dict[str, dict[str, int]] = {}
    for artifact in catalogue.artifacts:
        told = by_type.setdefault(artifact.type, {"count": 0, "versions": 0, "size_bytes": 0})
        told["count"] += 1
        told["versions"] += len(artifact.versions)
        told["size_bytes"] += sum(version.size_bytes for version in artifact.versions)
    saved = max(0, sizes.stored - (sizes.pooled or 0))
    return {
        "total_artifacts": len(catalogue.artifacts),
        "total_versions": len(catalogue.versions),
        "total_size_bytes": sum(told["size_bytes"] for told in by_type.values()),
        "total_files": sum(version.num_files for version in catalogue.versions.values()),
        "by_type": by_type,
        "dedup_enabled": sizes.pooled is not None,
        "dedup_pool_size_bytes": sizes.pooled or 0,
        "space_saved_bytes": saved,
        "dedup_ratio": saved / sizes.stored if sizes.stored else 0.0,
        "runs": catalogue.runs,
        "runs_read": catalogue.runs_read,
        "is_complete": sizes.is_complete,
    }
