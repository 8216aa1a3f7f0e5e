from __future__ import annotations

import pytest

from runicorn_db import lineage
from runicorn_db.artifacts import Catalogue, Use
from runicorn_db.lineage import Lineage, lineage_of
from runicorn_db.sources.artifacts import Artifact, ArtifactVersion


def catalogue(*lines: str, types: tuple[str, ...] = ("model",)) -> Catalogue:
    """Each line a run: its name, what it took, `>`, what it made; an artifact is a letter, its version a digit."""
    uses = [
        Use(run_id=run, artifact=("lab", "model", name[0]), version=int(name[1]), is_made=is_made, at=None)
        for run, text in (line.split(" ", 1) for line in lines)
        for is_made, names in zip((False, True), text.split(">"), strict=True)
        for name in names.split()
    ]
    artifacts = tuple(
        Artifact(
            root="lab",
            root_path="/lab",
            type=type_,
            name=name,
            versions=tuple(ArtifactVersion(version=number) for number in (1, 2)),
            aliases={},
        )
        for type_ in types
        for name in sorted({use.artifact[2] for use in uses} - {"x"})
    )
    return Catalogue(artifacts=artifacts, uses=tuple(uses), runs_read=len(lines), runs=len(lines))


def graph_of(found: Catalogue, name: str, depth: int = 3) -> Lineage:
    artifact = next(artifact for artifact in found.artifacts if artifact.name == name[0])
    return lineage_of(found, artifact, int(name[1]), depth)


def edges(graph: Lineage) -> set[str]:
    return {f"{edge.source} {edge.edge_type} {edge.target}" for edge in graph.edges.values()}


def test_it_leads_back_to_what_was_taken_and_on_to_what_was_made() -> None:
    graph = graph_of(catalogue("r1 a1 > b1", "r2 b1 > c1 c2", "r3 b2 > c1"), "b1")
    assert graph.root_artifact == "b:v1"
    assert edges(graph) == {
        "a:v1 uses run:r1", "run:r1 produces b:v1",
        "b:v1 uses run:r2", "run:r2 produces c:v1", "run:r2 produces c:v2",
    }  # fmt: skip
    assert graph.runs == {"run:r1": "r1", "run:r2": "r2"}
    assert graph.artifacts["c:v2"] == (("lab", "model", "c"), 2)
    assert graph.is_complete


def test_it_ends_at_the_depth_that_was_asked_for() -> None:
    found = catalogue("r1 a1 > b1", "r2 b1 > c1", "r3 c1 > d1", "r4 d1 > e1")
    assert set(graph_of(found, "c1", 1).runs) == {"run:r2", "run:r3"}
    assert set(graph_of(found, "c1", 2).runs) == {"run:r1", "run:r2", "run:r3", "run:r4"}
    assert set(graph_of(found, "e1", 3).runs) == {"run:r2", "run:r3", "run:r4"}


def test_circles_and_twins_end() -> None:
    found = catalogue("r1 a1 a1 > b1 b1 a1", "r1 b1 > a1", "r2 b1 > a1")
    assert set(graph_of(found, "a1", 10).runs) == {"run:r1", "run:r2"}


def test_the_maker_that_a_stored_version_names_is_told_though_no_run_says_so() -> None:
    version = ArtifactVersion(version=1, created_by_run="gone", created_at=5.0)
    artifact = Artifact(root="lab", root_path="/", type="model", name="a", versions=(version,), aliases={})
    graph = graph_of(Catalogue(artifacts=(artifact,), uses=(), runs_read=0, runs=0), "a1")
    assert edges(graph) == {"run:gone produces a:v1"}
    assert graph.edges["run:gone", "a:v1"].created_at == 5.0


def test_versions_that_are_not_there_are_not_told_of() -> None:
    assert set(graph_of(catalogue("r1 a1 x1 a9 > x2 b1"), "a1").artifacts) == {"a:v1", "b:v1"}


def test_an_artifact_of_the_same_name_is_another_one() -> None:
    found = catalogue("r1 a1 > b1", types=("model", "dataset"))
    taken = Use(run_id="r1", artifact=("lab", "dataset", "b"), version=1, is_made=False, at=None)
    found = Catalogue(artifacts=found.artifacts, uses=(*found.uses, taken), runs_read=1, runs=1)
    graph = graph_of(found, "b1")
    assert set(graph.artifacts) == {"b:v1", "a:v1", "lab/dataset/b:v1"}
    assert "lab/dataset/b:v1 uses run:r1" in edges(graph)


def test_a_graph_that_is_too_large_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_NODES", 4)
    small, large = catalogue("r1 a1 > b1"), catalogue("r1 a1 > b1", "r2 b1 > c1", "r3 b1 > d1")
    assert graph_of(small, "a1").is_complete
    graph = graph_of(large, "b1")
    assert not graph.is_complete
    assert len(graph.artifacts) + len(graph.runs) <= 5
