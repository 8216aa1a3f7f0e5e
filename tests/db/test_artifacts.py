from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.artifacts import MOST_RUNS, Catalogue, read_catalogue, read_contents, read_detail, read_pool_sizes
from runicorn_db.sources import artifacts as stored_artifacts
from runicorn_db.sources.artifacts import Artifact
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.db.sources.test_artifacts import write, write_versions


class Lab:
    """An index over a root of runs that are an hour apart."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = Store(directory / "index.db")
        self.root = self.add_root("lab")

    def add_root(self, name: str) -> Path:
        root = self.directory / name
        root.mkdir()
        self.store.add_root(root, name)
        return root

    def run(self, number: int, *, root: Path | None = None, used: Any = None, made: Any = None, **content: Any) -> Path:
        directory = (root or self.root) / "runs" / "p" / f"run{number}"
        write(directory / "meta.json", {"id": f"run{number}", "path": "p", "created_at": 3600.0 * number})
        write(directory / "status.json", {"status": "finished"})
        if content:
            write(directory / "assets.json", content)
        if used is not None:
            write(directory / "artifacts_used.json", {"artifacts": used})
        if made is not None:
            write(directory / "artifacts_created.json", {"artifacts": made})
        return directory

    def read(self, most: int = MOST_RUNS) -> Catalogue:
        sync(self.store)
        return self.read_again(most)

    def read_again(self, most: int = MOST_RUNS) -> Catalogue:
        """Of the index as it is."""
        runs, total = self.store.newest(most)
        return read_catalogue(self.store.root_names(), runs, total=total)

    def one(self) -> Artifact:
        (artifact,) = self.read().artifacts
        return artifact


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    with lab.store:
        yield lab


def data(fingerprint: str | None, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "cifar", "fingerprint": fingerprint, "saved": True, "uri": "/data", **more}]


def test_equal_content_is_one_version_and_later_content_a_later_one(lab: Lab) -> None:
    lab.run(3, datasets=data("b", total_size_bytes=7, file_count=2))
    lab.run(1, datasets=data("a"))
    lab.run(2, datasets=data("b", total_size_bytes=7, file_count=2))
    artifact = lab.one()
    assert (artifact.type, artifact.name, artifact.root) == ("dataset", "cifar", "lab")
    found = [(v.version, v.created_at, v.size_bytes, v.num_files, v.aliases) for v in artifact.versions]
    assert found == [(1, 3600.0, 0, 1, ()), (2, 7200.0, 7, 2, ("latest",))]
    assert (dict(artifact.aliases), artifact.created_at, artifact.updated_at) == ({"latest": 2}, 3600.0, 7200.0)


def test_content_that_nobody_looked_at_is_told_apart_by_its_place(lab: Lab) -> None:
    lab.run(1, pretrained=[{"name": "net", "saved": False, "path_or_uri": "s3:/a", "fingerprint": None}])
    lab.run(2, pretrained=[{"name": "net", "saved": False, "path_or_uri": "s3:/b"}])
    artifact = lab.one()
    assert [(version.status, version.num_files) for version in artifact.versions] == [("reference", 0)] * 2
    (reference,) = read_contents(artifact, artifact.latest).references
    assert reference.uri == "s3:/b"
    assert read_detail(artifact, artifact.latest).num_references == 1


def test_what_a_run_made_names_it(lab: Lab) -> None:
    lab.run(1, outputs=[{"key": "a.csv", "saved": True, "fingerprint": "f", "description": "out", "archived_at": 9}])
    artifact = lab.one()
    assert (artifact.latest.created_by_run, artifact.latest.created_at) == ("run1", 9.0)
    detail = read_detail(artifact, artifact.latest)
    assert (detail.description, detail.metadata["key"], detail.num_references) == ("out", "a.csv", 0)


def test_versions_that_runs_archived_follow_those_that_are_stored(lab: Lab) -> None:
    write_versions(lab.root, (1, 4), type="dataset", name="cifar")
    lab.run(1, datasets=data("a"))
    artifact = lab.one()
    assert [(version.version, version.aliases) for version in artifact.versions] == [(1, ()), (4, ()), (5, ("latest",))]
    assert dict(artifact.aliases) == {"latest": 5}
    assert artifact.updated_at == 3600.0


def test_the_same_name_in_two_roots_is_two_artifacts(lab: Lab) -> None:
    lab.run(1, datasets=data("a"))
    lab.run(2, root=lab.add_root("a root"), datasets=data("a"))
    assert [artifact.key for artifact in lab.read().artifacts] == [
        ("lab", "dataset", "cifar"),
        ("a root", "dataset", "cifar"),
    ]


def test_uses_tell_who_made_and_who_took_a_version(lab: Lab) -> None:
    write_versions(lab.root, (1,))
    lab.run(1, made=[{"name": "net", "type": "model", "version": 1, "created_at": 5}], datasets=data("a"))
    lab.run(2, used=[{"name": "net", "type": "model", "version": 1, "used_at": 6}])
    uses = lab.read().uses
    assert [(use.run_id, use.artifact[2], use.version, use.is_made, use.at) for use in uses] == [
        ("run1", "cifar", 1, False, 3600.0),
        ("run1", "net", 1, True, 5.0),
        ("run2", "net", 1, False, 6.0),
    ]


def test_what_is_in_the_trash_or_gone_is_not_told_of(lab: Lab) -> None:
    lab.run(1, datasets=data("a"))
    lab.run(2, datasets=data("b"))
    gone = lab.run(3, datasets=data("c"))
    sync(lab.store)
    lab.store.delete(["run2"], source="api")
    os.rename(gone, lab.directory / "elsewhere")
    catalogue = lab.read_again()
    assert [version.version for version in catalogue.artifacts[0].versions] == [1]
    assert {use.run_id for use in catalogue.uses} == {"run1"}


def test_versions_keep_their_numbers_while_older_runs_are_in_the_trash(lab: Lab) -> None:
    for number, fingerprint in ((1, "a"), (2, "b"), (3, "c"), (4, "b")):
        lab.run(number, datasets=data(fingerprint))
    before = {version.version: version.asset for version in lab.one().versions}
    lab.store.delete(["run1", "run2"], source="api")
    artifact = lab.one()
    assert {version.version: version.asset for version in artifact.versions} == {2: before[2], 3: before[3]}
    lab.store.delete(["run3"], source="api")
    artifact = lab.one()
    assert [(version.version, version.aliases) for version in artifact.versions] == [(2, ("latest",))]
    assert dict(artifact.aliases) == {"latest": 2}
    lab.store.delete(["run4"], source="api")
    catalogue = lab.read()
    assert (catalogue.artifacts, catalogue.uses, catalogue.runs_read, catalogue.runs) == ((), (), 4, 4)


def test_what_runs_in_the_trash_archived_leaves_stored_versions_as_they_are(lab: Lab) -> None:
    write_versions(lab.root, (1, 4), type="dataset", name="cifar")
    mention = {"name": "cifar", "type": "dataset", "version": 1}
    lab.run(1, datasets=data("a"), used=[mention], made=[mention])
    assert (len(lab.one().versions), len(lab.read().uses)) == (3, 3)
    lab.store.delete(["run1"], source="api")
    assert dict(lab.one().aliases) == {"latest": 4}
    assert lab.read().uses == ()


def test_only_the_newest_runs_are_read_and_it_says_how_many(lab: Lab) -> None:
    for number in (1, 2, 3):
        lab.run(number, datasets=data(str(number)))
    catalogue = lab.read(2)
    assert (catalogue.runs_read, catalogue.runs) == (2, 3)
    assert [version.created_at for version in catalogue.artifacts[0].versions] == [7200.0, 10800.0]


def test_an_empty_index_has_no_artifacts(lab: Lab) -> None:
    catalogue = lab.read()
    assert (catalogue.artifacts, catalogue.uses, catalogue.runs) == ((), (), 0)
    sizes = read_pool_sizes(catalogue, [str(lab.root)])
    assert (sizes.stored, sizes.pooled, sizes.is_complete) == (0, None, True)


def test_the_pool_is_compared_with_the_files_of_stored_versions(lab: Lab) -> None:
    folder = write_versions(lab.root, (1, 2))
    for version in ("v1", "v2"):
        listed = {"files": [{"path": "w", "size": 100}], "references": [{"uri": "x", "size": 10**9}]}
        write(folder / version / "manifest.json", listed)
    write(lab.root / "artifacts" / ".dedup" / "ab" / "abc", "x" * 100)
    lab.run(1, datasets=data("a", total_size_bytes=5))
    sizes = read_pool_sizes(lab.read(), [str(lab.root)])
    assert (sizes.stored, sizes.pooled, sizes.is_complete) == (200, 100, True)


def test_sizes_are_added_without_a_look_at_the_files(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_versions(lab.root, (1,))
    write(folder / "v1" / "manifest.json", {"files": [{"path": "w", "size": 100}]})
    write(folder / "v1" / "files" / "w", "x" * 100)
    write(lab.root / "artifacts" / ".dedup" / "ab" / "abc", "x" * 100)
    catalogue = lab.read()
    opened: list[bytes] = []
    real = stored_artifacts.open_directory

    def record(root: str, path: bytes) -> int:
        opened.append(path)
        return real(root, path)

    monkeypatch.setattr(stored_artifacts, "open_directory", record)
    assert read_pool_sizes(catalogue, [str(lab.root)]).stored == 100
    assert b"artifacts/model/net/v1" in opened
    assert b"artifacts/model/net/v1/files" not in opened


def test_it_says_when_a_pool_of_any_root_has_more_files_than_are_counted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_artifacts, "MOST_POOLED", 1)
    other = lab.add_root("other")
    write(lab.root / "artifacts" / ".dedup" / "ab" / "abc", "x")
    write(other / "artifacts" / ".dedup" / "ab" / "abc", "x")
    assert read_pool_sizes(lab.read(), [str(lab.root), str(other)]).is_complete
    write(lab.root / "artifacts" / ".dedup" / "ab" / "abd", "x")
    sizes = read_pool_sizes(lab.read(), [str(lab.root), str(other)])
    assert (sizes.pooled, sizes.is_complete) == (2, False)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, json.dumps({"datasets": [{"name": "x" * 10**6}] * 3})])
def test_a_run_whose_assets_cannot_be_read_hides_no_other(lab: Lab, content: str) -> None:
    lab.run(1, datasets=data("a"))
    write(lab.run(2) / "assets.json", content)
    assert len(lab.read().artifacts) == 1
