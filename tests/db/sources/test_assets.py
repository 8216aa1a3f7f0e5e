from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.sources import assets
from runicorn_db.sources.assets import Asset, Mention, file_count_of, read_asset_contents, read_run, size_of


def written(directory: Path, name: str = "assets.json", **content: Any) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(json.dumps(content), "utf-8")
    return directory


def assets_of(directory: Path) -> list[Asset]:
    return read_run(str(directory), has_store=True)[0]


def mentions_of(directory: Path) -> list[Mention]:
    return read_run(str(directory), has_store=True)[1]


def test_each_kind_of_asset_has_its_type_and_is_made_or_taken(tmp_path: Path) -> None:
    written(
        tmp_path / "run",
        code={"snapshot": {"saved": True, "fingerprint": "f1", "created_at": 5}},
        datasets=[{"name": "cifar", "fingerprint": "f2"}],
        pretrained=[{"name": "resnet", "path_or_uri": "/m.pth"}],
        outputs=[{"key": "out/a.csv", "name": "a.csv", "fingerprint": "f4", "archived_at": 7}],
    )
    found = [(a.type, a.name, a.identity, a.is_made, a.at) for a in assets_of(tmp_path / "run")]
    assert found == [
        ("code", "snapshot", "f1", True, 5.0),
        ("dataset", "cifar", "f2", False, None),
        ("model", "resnet", "/m.pth", False, None),
        ("custom", "out/a.csv", "f4", True, 7.0),
    ]


def test_the_lists_of_older_runs_name_stored_versions(tmp_path: Path) -> None:
    run = written(
        tmp_path / "run",
        "artifacts_created.json",
        artifacts=[{"name": "n", "type": "t", "version": 2, "created_at": 5}],
    )
    written(
        run, "artifacts_used.json", artifacts=[{"name": "d", "type": "t", "version": 1, "used_at": 6}, {"name": "x"}, 7]
    )
    assert [(m.name, m.version, m.is_made, m.at) for m in mentions_of(run)] == [
        ("n", 2, True, 5.0),
        ("d", 1, False, 6.0),
    ]
    assert read_run(str(run), has_store=False) == ([], [])


@pytest.mark.parametrize(
    "content",
    [{}, {"datasets": 3}, {"code": []}, {"code": {"snapshot": 5}}, {"outputs": [1, {}, {"name": 5}, {"name": ""}]}],
)
def test_what_is_no_asset_is_left_out(tmp_path: Path, content: dict[str, Any]) -> None:
    assert assets_of(written(tmp_path / "run", **content)) == []


def test_files_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    assert read_run(str(tmp_path / "none"), has_store=True) == ([], [])
    run = tmp_path / "run"
    run.mkdir()
    os.mkfifo(run / "assets.json")
    (run / "artifacts_used.json").write_text(
        '{"artifacts": [' + " " * 2**21 + '{"name": "d", "type": "t", "version": 1}]}'
    )
    assert read_run(str(run), has_store=True) == ([], [])
    (tmp_path / "link").symlink_to(written(tmp_path / "real", datasets=[{"name": "d"}]))
    assert assets_of(tmp_path / "link") == []


def test_no_more_assets_are_read_than_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "MOST_ASSETS", 2)
    run = written(tmp_path / "run", datasets=[{"name": f"d{number}"} for number in range(5)])
    assert len(assets_of(run)) == 2


def test_a_single_archived_file_is_found_where_the_root_is_now(tmp_path: Path) -> None:
    blob = tmp_path / "archive" / "blobs" / "ab" / "abc"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"12345")
    entry = {
        "name": "m", "saved": True, "fingerprint_kind": "sha256", "fingerprint": "abc",
        "archive_path": "/where/it/was/archive/blobs/ab/abc",
    }  # fmt: skip
    (file,) = read_asset_contents(str(tmp_path), entry).files
    assert (file.path, file.size, file.digest, file.absolute_path) == ("m", 5, "sha256:abc", str(blob))
    assert (size_of(str(tmp_path), entry), file_count_of(entry)) == (5, 1)


@pytest.mark.parametrize(
    ("kept", "path"),
    [
        ("outputs/archive/a.csv", "/old/archive/outputs/archive/a.csv"),
        ("outputs/archive/a.csv", "/mnt/archive/lab/archive/outputs/archive/a.csv"),
        ("archive/archive/a.csv", "/old/archive/archive/archive/a.csv"),
        ("blobs/ab/abc", "/mnt/archive/archive/blobs/ab/abc"),
    ],
)
def test_other_folders_of_the_name_of_the_archive_hide_no_file(tmp_path: Path, kept: str, path: str) -> None:
    file = tmp_path / "archive" / kept
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    entry = {"name": "m", "saved": True, "archive_path": path}
    (found,) = read_asset_contents(str(tmp_path), entry).files
    assert (found.absolute_path, size_of(str(tmp_path), entry)) == (str(file), 5)


def test_an_archive_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "archive").symlink_to(tmp_path / "elsewhere")
    contents = read_asset_contents(str(tmp_path / "root"), {"saved": True, "archive_path": "/x/archive/a", "uri": "u"})
    assert (contents.files, [reference.uri for reference in contents.references]) == ((), ["u"])


def test_a_path_of_nothing_but_archives_is_tried_a_few_times(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a").write_text("x")
    assert size_of(str(tmp_path), {"archive_path": "/archive" * 16 + "/a"}) == 1
    assert size_of(str(tmp_path), {"archive_path": "/archive" * 100_000 + "/a"}) == 0


def test_a_data_set_lists_the_files_of_its_manifest(tmp_path: Path) -> None:
    blob = tmp_path / "archive" / "blobs" / "81" / "81bf"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"12345678")
    manifest = tmp_path / "archive" / "manifests" / "f8.json"
    manifest.parent.mkdir()
    listed = {"a.csv": {"sha256": "81bf", "size_bytes": 8}, "../b": {"sha256": "../../x"}, "c": None}
    manifest.write_text(json.dumps({"files": listed}))
    entry = {"saved": True, "manifest_path": "/old/archive/manifests/f8.json", "total_size_bytes": 16, "file_count": 3}
    first, second, third = read_asset_contents(str(tmp_path), entry).files
    assert (first.path, first.size, first.digest, first.absolute_path) == ("a.csv", 8, "sha256:81bf", str(blob))
    assert (second.path, second.absolute_path, third.digest) == ("../b", None, None)
    assert (size_of(str(tmp_path), entry), file_count_of(entry)) == (16, 3)


@pytest.mark.parametrize(
    "path",
    [
        "/x/archive/../../secret",
        "/x/archive/link",
        "/secret",
        "/x/archive/",
        "/x/archive/none",
        5,
        "\ud800/archive/\ud800",
    ],
)
def test_what_is_not_in_the_archive_is_a_reference(tmp_path: Path, path: object) -> None:
    (tmp_path / "root" / "archive").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "root" / "archive" / "link").symlink_to(tmp_path / "secret")
    entry = {"saved": True, "archive_path": path, "uri": "s3:/b", "fingerprint": "f", "total_size_bytes": 3}
    contents = read_asset_contents(str(tmp_path / "root"), entry)
    assert contents.files == ()
    (reference,) = contents.references
    assert (reference.uri, reference.checksum, reference.size) == ("s3:/b", "f", 3)


def test_an_asset_without_file_and_place_has_no_contents(tmp_path: Path) -> None:
    contents = read_asset_contents(str(tmp_path), {"saved": False})
    assert (contents.files, contents.references) == ((), ())
    assert (size_of(str(tmp_path), {}), file_count_of({})) == (0, 0)
