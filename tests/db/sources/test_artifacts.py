from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources import artifacts
from runicorn_db.sources.artifacts import (
    Artifact,
    Pool,
    read_artifacts,
    read_pool,
    read_stored_contents,
    read_stored_detail,
    stored_size,
)

REAL_ROOTS = Path(__file__).parents[2] / "data" / "roots"


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def write_versions(
    root: Path, numbers: tuple[int, ...], *, type: str = "model", name: str = "net", **more: Any
) -> Path:
    """An artifact with these versions; its folder."""
    folder = root / "artifacts" / type / name
    versions = [{"version": number, "created_at": 1000.0 + number, "aliases": ["latest"]} for number in numbers]
    write(folder / "versions.json", {"versions": versions, "aliases": {"latest": max(numbers)}} | more)
    return folder


def names(root: Path) -> list[tuple[str, str]]:
    return [(artifact.type, artifact.name) for artifact in read_artifacts(str(root), "lab")]


def only(root: Path) -> Artifact:
    (artifact,) = read_artifacts(str(root), "lab")
    return artifact


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("real")
    with tarfile.open(REAL_ROOTS / "root-0.4.1.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    return directory / "root-0.4.1"


def test_what_the_real_runicorn_stored_is_read(real: Path) -> None:
    data, model = read_artifacts(str(real), "lab")
    assert (data.type, data.name, model.type, model.name) == ("dataset", "my-data", "model", "my-model")
    assert (model.root, model.root_path) == ("lab", str(real))
    assert (model.created_at, model.updated_at) == (1795304862.2789657, 1795304862.287564)
    first, second = model.versions
    assert (first.version, first.size_bytes, first.num_files, first.status) == (1, 1000, 1, "ready")
    assert second.created_by_run == "20261121_234742_8ee5e5"
    assert model.latest is second


def test_only_the_artifact_says_which_version_an_alias_means(real: Path) -> None:
    model = read_artifacts(str(real), "lab")[1]
    assert model.aliases == {"latest": 2}
    assert [version.aliases for version in model.versions] == [(), ("latest",)]


def test_one_real_version_has_its_files_and_references(real: Path) -> None:
    data, model = read_artifacts(str(real), "lab")
    detail = read_stored_detail(model, 2)
    assert detail.manifest_digest == "58212f0203cd999099e047df55fff8298bc959b264010efc59eaaaea61767b8f"
    assert (detail.description, detail.tags, detail.metadata, detail.num_references) == ("", (), {}, 0)
    contents = read_stored_contents(data, 1)
    assert [(file.path, file.size) for file in contents.files] == [("a.csv", 8), ("b.csv", 8)]
    assert contents.files[0].absolute_path == str(real / "artifacts/dataset/my-data/v1/files/a.csv")
    (reference,) = contents.references
    assert (reference.uri, reference.checksum, reference.size) == ("s3://bucket/big.tar", "abc", 123456)


def test_the_pool_is_counted_once_for_each_file(real: Path, tmp_path: Path) -> None:
    assert read_pool(str(real)) == Pool(size=1200 + 1000 + 8 + 8, is_complete=True)
    assert read_pool(str(tmp_path)) is None


def test_a_root_without_artifacts_has_none(tmp_path: Path) -> None:
    assert names(tmp_path) == []
    assert names(tmp_path / "none") == []
    (tmp_path / "artifacts").mkdir()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"versions": 3}', '{"versions": [1, null, {}]}', '{"versions": [{"version": 0}]}',
     '{"versions": [{"version": -1}, {"version": "1"}, {"version": true}, {"version": 1e999}]}',
     "[" * 100_000, '{"versions": [{"version": ' + "9" * 5000 + "}]}"],
)  # fmt: skip
def test_an_artifact_whose_versions_cannot_be_read_is_left_out(tmp_path: Path, content: str) -> None:
    write(tmp_path / "artifacts" / "model" / "bad" / "versions.json", content)
    write_versions(tmp_path, (1,), name="good")
    assert names(tmp_path) == [("model", "good")]


def test_values_of_the_wrong_kind_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    entry = {"version": 3, "created_at": "now", "created_by_run": 5, "size_bytes": -1, "num_files": 1e300, "status": []}
    write(
        tmp_path / "artifacts" / "model" / "net" / "versions.json",
        {"versions": [entry, {"version": 1}], "aliases": {"best": 3, "": 1, "x": "y", "prod": 3}, "created_at": -1},
    )
    artifact = only(tmp_path)
    assert [version.version for version in artifact.versions] == [1, 3]
    last = artifact.latest
    assert (last.created_at, last.created_by_run, last.size_bytes, last.num_files) == (None, None, 0, 0)
    assert (last.status, last.aliases) == ("ready", ("best", "prod"))
    assert (artifact.created_at, dict(artifact.aliases)) == (None, {"best": 3, "prod": 3})


def test_names_are_those_of_the_folders(tmp_path: Path) -> None:
    write_versions(tmp_path, (1,), name="[x] \x1b ü", artifact_name="../../other", artifact_type="x")
    folder = os.fsencode(write_versions(tmp_path, (1,), name="zz"))
    os.rename(folder, folder.replace(b"zz", b"\xff"))
    assert names(tmp_path) == [("model", "[x] \x1b ü"), ("model", "\ufffd")]


def test_links_and_hidden_folders_are_not_followed(tmp_path: Path) -> None:
    write_versions(tmp_path / "elsewhere", (1,))
    folder = write_versions(tmp_path, (1,))
    (tmp_path / "artifacts" / "linked").symlink_to(tmp_path / "elsewhere" / "artifacts" / "model")
    (folder.parent / "also").symlink_to(tmp_path / "elsewhere" / "artifacts" / "model" / "net")
    write_versions(tmp_path, (1,), type=".hidden")
    (folder.parent / "pipe").mkdir()
    os.mkfifo(folder.parent / "pipe" / "versions.json")
    (folder.parent / "link").mkdir()
    (folder.parent / "link" / "versions.json").symlink_to(folder / "versions.json")
    assert names(tmp_path) == [("model", "net")]
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "artifacts").symlink_to(tmp_path / "artifacts")
    assert names(tmp_path / "third") == []


def test_files_that_lead_out_of_their_version_have_no_absolute_path(tmp_path: Path) -> None:
    folder = write_versions(tmp_path, (1,))
    write(tmp_path / "secret", "x")
    write(folder / "v1" / "files" / "deep" / "real", "x")
    (folder / "v1" / "files" / "link").symlink_to(tmp_path / "secret")
    (folder / "v1" / "files" / "linked").symlink_to(tmp_path)
    paths = ["deep/real", "../../../../secret", "link", "linked/secret", "/etc/passwd", "deep", "a//b", "nul\0", "none"]
    write(folder / "v1" / "manifest.json", {"files": [{"path": path, "size": 1} for path in paths] + [{}, 5]})
    files = read_stored_contents(only(tmp_path), 1).files
    assert len(files) == len(paths)
    assert [file.absolute_path for file in files if file.absolute_path] == [str(folder / "v1" / "files" / "deep/real")]


@pytest.mark.parametrize("linked", ["v1/files", "v1"])
def test_files_of_a_version_whose_folder_is_a_link_have_no_absolute_path(tmp_path: Path, linked: str) -> None:
    folder = write_versions(tmp_path / "root", (1,))
    write(folder / "v1" / "manifest.json", {"files": [{"path": "w", "size": 1}]})
    write(folder / "v1" / "files" / "w", "x")
    artifact = only(tmp_path / "root")
    assert [file.absolute_path for file in read_stored_contents(artifact, 1).files] == [str(folder / "v1/files/w")]
    (folder / linked).rename(tmp_path / "elsewhere")
    (folder / linked).symlink_to(tmp_path / "elsewhere")
    assert [file.absolute_path for file in read_stored_contents(artifact, 1).files if file.absolute_path] == []


def test_the_size_of_a_version_is_that_of_the_files_that_it_lists(real: Path) -> None:
    for artifact in read_artifacts(str(real), "lab"):
        for version in artifact.versions:
            listed = read_stored_contents(artifact, version.version).files
            assert stored_size(artifact, version.version) == sum(file.size for file in listed) > 0


def test_a_version_whose_files_are_gone_or_damaged_tells_nothing(tmp_path: Path) -> None:
    folder = write_versions(tmp_path, (1, 2))
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"x": deep}
    write(folder / "v1" / "metadata.json", {"metadata": deep, "tags": "no list", "description": None})
    write(folder / "v1" / "manifest.json", {"files": {}, "references": [{"uri": "x", "size": "y", "metadata": []}]})
    artifact = only(tmp_path)
    assert read_stored_detail(artifact, 1).metadata == {}
    (reference,) = read_stored_contents(artifact, 1).references
    assert (reference.uri, reference.size, reference.metadata) == ("x", None, {})
    assert read_stored_detail(artifact, 2).description == ""
    assert read_stored_contents(artifact, 2).files == ()
    assert stored_size(artifact, 1) == stored_size(artifact, 2) == 0


def test_no_more_is_read_than_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MOST_ARTIFACTS", 2)
    monkeypatch.setattr(artifacts, "MOST_VERSIONS", 2)
    monkeypatch.setattr(artifacts, "MOST_POOLED", 1)
    for name in "abc":
        write_versions(tmp_path, (1, 2, 3), name=name)
    write(tmp_path / "artifacts" / ".dedup" / "aa" / "aa1", "12345")
    write(tmp_path / "artifacts" / ".dedup" / "aa" / "aa2", "12345")
    assert names(tmp_path) == [("model", "a"), ("model", "b")]
    assert [version.version for version in read_artifacts(str(tmp_path), "lab")[0].versions] == [2, 3]
    assert read_pool(str(tmp_path)) == Pool(size=5, is_complete=False)
