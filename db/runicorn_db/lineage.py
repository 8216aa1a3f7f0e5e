"""Where an artifact comes from and what became of it: versions and runs, and what they made and took."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from runicorn_db.artifacts import Catalogue, Use
from runicorn_db.sources.artifacts import Artifact, Key

MOST_NODES = 1000
"""Of one graph; further ones are left out, and it says so."""

MAX_DEPTH = 10
"""Runs between the artifact that was asked for and the farthest one."""

_Version = tuple[Key, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A run `produces` an artifact, and `uses` one: then the artifact is the source."""

    source: str
    target: str
    edge_type: Literal["uses", "produces"]
    created_at: float | None


@dataclass(slots=True)
class Lineage:
    """`artifacts` and `runs` by the id that the edges name them by."""

    root_artifact: str
    artifacts: dict[str, _Version] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    edges: dict[tuple[str, str], Edge] = field(default_factory=dict)
    is_complete: bool = True

    def id_of(self, artifact: Key, version: int) -> str:
        """The id of a version in this graph: short, but for one that shares it with another root's or type's."""
        short = f"{artifact[2]}:v{version}"
        is_taken = self.artifacts.get(short, (artifact, version)) != (artifact, version)
        return f"{artifact[0]}/{artifact[1]}/{short}" if is_taken else short

    def has_room(self) -> bool:
        self.is_complete = self.is_complete and len(self.artifacts) + len(self.runs) < MOST_NODES
        return self.is_complete


def lineage_of(catalogue: Catalogue, artifact: Artifact, version: int, max_depth: int) -> Lineage:
    """The runs and versions that are at most `max_depth` runs away, each way."""
    uses = [*_makers(catalogue.artifacts), *catalogue.uses]
    graph = Lineage(root_artifact=f"{artifact.name}:v{version}")
    graph.artifacts[graph.root_artifact] = (artifact.key, version)
    for is_upstream in (True, False):
        _follow(graph, uses, catalogue, (artifact.key, version), max_depth, is_upstream=is_upstream)
    return graph


def _makers(artifacts: Iterable[Artifact]) -> list[Use]:
    """Stored versions name the run that made them, though it may not be there any more."""
    return [
        Use(
            run_id=version.created_by_run,
            artifact=artifact.key,
            version=version.version,
            is_made=True,
            at=version.created_at,
        )
        for artifact in artifacts
        for version in artifact.versions
        if version.created_by_run is not None
    ]


def _follow(
    graph: Lineage, uses: list[Use], catalogue: Catalogue, start: _Version, max_depth: int, *, is_upstream: bool
) -> None:
    """Upstream from a version to the run that made it and what that took; downstream the other way."""
    runs_of: dict[_Version, list[Use]] = {}
    versions_of: dict[str, list[Use]] = {}
    for use in uses:
        if use.is_made == is_upstream:
            runs_of.setdefault((use.artifact, use.version), []).append(use)
        else:
            versions_of.setdefault(use.run_id, []).append(use)
    waiting: deque[tuple[_Version, int]] = deque([(start, 0)])
    seen = {start}
    while waiting:
        version, depth = waiting.popleft()
        if depth >= max_depth:
            continue
        for use in runs_of.get(version, ()):
            if not _add(graph, use):
                return
            for other in versions_of.get(use.run_id, ()):
                found = (other.artifact, other.version)
                if found in catalogue.versions:
                    if not _add(graph, other):
                        return
                    if found not in seen:
                        seen.add(found)
                        waiting.append((found, depth + 1))


def _add(graph: Lineage, use: Use) -> bool:
    """Whether there was room for the run, the version and the edge between them."""
    run, version = f"run:{use.run_id}", graph.id_of(use.artifact, use.version)
    if (run not in graph.runs or version not in graph.artifacts) and not graph.has_room():
        return False
    graph.runs[run] = use.run_id
    graph.artifacts.setdefault(version, (use.artifact, use.version))
    source, target = (run, version) if use.is_made else (version, run)
    edge_type: Literal["uses", "produces"] = "produces" if use.is_made else "uses"
    graph.edges.setdefault((source, target), Edge(source=source, target=target, edge_type=edge_type, created_at=use.at))
    return True
