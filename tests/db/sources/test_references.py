from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runicorn_db.sources.references import Reference, RunPlace, references_into
from tests.db.runs import write_json, write_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The old run `old` and the live one `new` of 0.7, and `used` of 0.4."""
    folder = tmp_path / "root"
    write_run(folder, "old", layout="0.7")
    write_run(folder, "new", layout="0.7")
    write_run(folder, "used")
    return folder


def old(root: Path) -> Path:
    return root / "runs/vision/resnet/old"


def found(root: Path) -> dict[str, list[Reference]]:
    new = RunPlace(id="new", root=str(root), path=b"runs/vision/resnet/new", has_assets=True)
    used = RunPlace(id="used", root=str(root), path=b"vision/resnet/runs/used", has_assets=False)
    return references_into({os.fsencode(old(root)): "old"}, [new, used], [str(root)])


def write_assets(root: Path, path: str) -> None:
    datasets = {"name": "d", "context": "train", "uri": path, "saved": False}
    write_json(root / "runs/vision/resnet/new/assets.json", {"datasets": [datasets], "outputs": []})


def test_nothing_refers_to_anything_without_assets(root: Path) -> None:
    assert found(root) == {}


@pytest.mark.parametrize("form", ["{}/out/a.pt", "file://{}/out/a.pt", "{}/../old/out/a.pt", "//{}//out/./a.pt"])
def test_a_path_in_assets_is_a_reference_however_it_is_written(root: Path, form: str) -> None:
    write_assets(root, form.format(old(root)))
    assert found(root) == {"old": [Reference("new", b"out/a.pt")]}


def test_the_directory_itself_is_a_reference(root: Path) -> None:
    write_assets(root, str(old(root)))
    assert found(root) == {"old": [Reference("new", b"")]}


def test_a_path_that_reaches_the_run_by_a_link_is_a_reference(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other-name").symlink_to(root)
    write_assets(root, str(tmp_path / "other-name/runs/vision/resnet/old/out/a.pt"))
    assert found(root) == {"old": [Reference("new", b"out/a.pt")]}


@pytest.mark.parametrize(
    "path", ["s3:/bucket/old/x", "/elsewhere/old/x", "old/x", "/", "//", "/\0old/x", "a\ud800/old"]
)
def test_paths_to_elsewhere_are_none(root: Path, path: str) -> None:
    (root / "runs/vision/resnet/new/assets.json").write_text(json.dumps({"datasets": [{"uri": path}]}))
    assert found(root) == {}


@pytest.mark.parametrize("user", ["used", "maker"])
def test_an_artifact_of_04_that_refers_into_a_run_is_needed_by_who_uses_or_made_it(root: Path, user: str) -> None:
    version = root / "artifacts/model/weights/v2"
    version.mkdir(parents=True)
    references = [{"uri": f"file://{old(root)}/best.pt", "checksum": "", "size": 1, "metadata": {}}]
    write_json(version / "manifest.json", {"files": [], "references": references})
    write_json(version / "metadata.json", {"created_by_run": "used" if user == "maker" else "somebody"})
    assert found(root) == ({"old": [Reference("used", b"best.pt")]} if user == "maker" else {})
    entry = {"name": "weights", "type": "model", "version": 2}
    write_json(root / "vision/resnet/runs/used/artifacts_used.json", {"artifacts": [entry]})
    assert Reference("used", b"best.pt") in found(root)["old"]
