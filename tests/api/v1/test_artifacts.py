"""Artifacts over real sockets: those that the real Runicorn wrote, and those that somebody made to do harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runicorn_api.v1 import artifacts_shapes as shapes
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.conftest import Client, Serve, sentence_of
from tests.api.test_api_docs import SECTIONS, names_in, rows
from tests.api.v1.conftest import Real, segment
from tests.db.sources.test_artifacts import write_versions


def checked(answer: Any, shape: Any) -> Any:
    """The answer, which must have the documented shape."""
    msgspec.convert(answer, shape)
    return answer


def test_the_artifacts_of_both_versions_are_listed(real: Real) -> None:
    listed = checked(real.get("/artifacts"), list[shapes.ArtifactItem])
    assert [(item["root"], item["type"], item["name"], item["num_versions"]) for item in listed] == [
        ("root-0.4.1", "dataset", "my-data", 1),
        ("root-0.4.1", "model", "my-model", 2),
        ("root-0.7.2", "dataset", "cifar", 1),
        ("root-0.7.2", "dataset", "remote", 1),
        ("root-0.7.2", "model", "resnet50", 1),
        ("root-0.7.2", "code", "snapshot", 1),
        ("root-0.7.2", "custom", "data/a.csv", 1),
        ("root-0.7.2", "custom", "data/b.csv", 1),
    ]
    assert listed[1] == {
        "name": "my-model", "type": "model", "num_versions": 2, "latest_version": 2, "size_bytes": 1200,
        "created_at": 1795304862.2789657, "updated_at": 1795304862.287564, "aliases": {"latest": 2},
        "root": "root-0.4.1",
    }  # fmt: skip


def test_the_list_is_narrowed_by_type_and_root(real: Real) -> None:
    def names(query: str) -> list[str]:
        return [item["name"] for item in real.get(f"/artifacts?{query}")]

    assert names("type=model") == ["my-model", "resnet50"]
    assert names("type=model&root=root-0.7.2") == ["resnet50"]
    assert names("type=../model") == names("root=nowhere") == []
    assert names("type=&root=") == names("")


def test_versions_have_the_aliases_that_mean_them_now(real: Real) -> None:
    first, second = checked(real.get("/artifacts/my-model/versions"), list[shapes.ArtifactVersionItem])
    assert (first["version"], first["aliases"], second["version"], second["aliases"]) == (1, [], 2, ["latest"])
    assert (second["size_bytes"], second["num_files"], second["status"]) == (1200, 1, "ready")


def test_one_version_is_told_with_all_that_is_known_of_it(real: Real) -> None:
    detail = checked(real.get("/artifacts/my-model/v2"), shapes.ArtifactVersionDetail)
    assert (detail["name"], detail["type"], detail["version"]) == ("my-model", "model", 2)
    assert (detail["updated_at"], detail["created_by_user"]) == (1795304862.287147, None)
    assert detail["manifest_digest"].startswith("58212f0203cd")
    archived = checked(real.get("/artifacts/cifar/v1"), shapes.ArtifactVersionDetail)
    assert (archived["description"], archived["num_files"], archived["size_bytes"]) == ("tiny", 2, 16)
    assert archived["metadata"]["context"] == "train"


def test_files_are_told_with_the_place_where_they_are_today(real: Real) -> None:
    files = checked(real.get("/artifacts/my-data/v1/files"), shapes.ArtifactFiles)
    assert (files["artifact"], files["total_files"], files["total_references"]) == ("my-data:v1", 2, 1)
    assert files["total_size"] == 8 + 8 + 123456
    for name in ("my-data", "cifar", "snapshot", "data/a.csv"):
        for file in checked(real.get(f"/artifacts/{segment(name)}/v1/files"), shapes.ArtifactFiles)["files"]:
            assert Path(file["absolute_path"]).stat().st_size == file["size"]
    remote = real.get("/artifacts/remote/v1/files")
    assert (remote["files"], remote["references"][0]["uri"]) == ([], "s3:/bucket/big")


def test_the_lineage_leads_to_maker_and_taker(real: Real) -> None:
    graph = checked(real.get("/artifacts/my-model/v2/lineage"), shapes.ArtifactLineage)
    maker, taker = (node["metadata"]["run_id"] for node in graph["nodes"] if node["node_type"] == "run")
    assert [(e["source"], e["target"], e["edge_type"]) for e in graph["edges"]] == [
        (f"run:{maker}", "my-model:v2", "produces"),
        ("my-model:v2", f"run:{taker}", "uses"),
    ]
    assert real.get(f"/runs/{maker}")["name"] == "producer"
    assert real.get(f"/runs/{taker}")["name"] == "consumer"
    assert graph["is_complete"]


def test_the_lineage_of_what_a_newer_run_took_leads_to_what_it_made(real: Real) -> None:
    graph = checked(real.get("/artifacts/resnet50/v1/lineage?max_depth=1"), shapes.ArtifactLineage)
    ids = {node["node_id"] for node in graph["nodes"]}
    assert {"resnet50:v1", "snapshot:v1", "data/a.csv:v1", "data/b.csv:v1"} < ids


def test_stats_count_everything_once(real: Real) -> None:
    stats = checked(real.get("/artifacts/stats"), shapes.ArtifactStats)
    assert (stats["total_artifacts"], stats["total_versions"]) == (8, 9)
    assert stats["by_type"]["model"] == {"count": 2, "versions": 3, "size_bytes": 3200}
    assert stats["total_size_bytes"] == sum(told["size_bytes"] for told in stats["by_type"].values())
    assert (stats["dedup_enabled"], stats["dedup_pool_size_bytes"], stats["space_saved_bytes"]) == (True, 2216, 0)
    everything = len(real.get("/runs")) + len(real.get("/recycle-bin")["deleted_runs"])
    assert stats["runs_read"] == stats["runs"] == everything
    assert stats["is_complete"]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nothing/versions", "Artifact not found: nothing"),
        ("my-model/versions?type=dataset", "Artifact not found: my-model"),
        ("my-model/v3", "Version not found: my-model:v3"),
        ("my-model/v0/files", "Version not found: my-model:v0"),
        ("my-model/v-1/lineage", "Version not found: my-model:v-1"),
        ("my-model/v%D9%A1", "Version not found: my-model:v١"),
        ("my-model/v99999999999999999999", "Version not found: my-model:v99999999999999999999"),
        ("my-model/v01", "Version not found: my-model:v01"),
        ("..%2F..%2Fmodel%2Fmy-model/v1", "Artifact not found: ../../model/my-model"),
        ("model%2Fmy-model/v1/files", "Artifact not found: model/my-model"),
        ("%2E%2E/versions", "Artifact not found: .."),
        (".dedup/versions", "Artifact not found: .dedup"),
        ("a%00b%0A/versions", "Artifact not found: a\\x00b\\n"),
        ("%FF%FE/versions", "Artifact not found: \ufffd\ufffd"),
    ],
)
def test_what_there_is_not_is_404(real: Real, path: str, sentence: str) -> None:
    assert real.refused(f"/artifacts/{path}", status=404) == sentence


@pytest.mark.parametrize(
    "path",
    ["?kind=model", "/stats?type=model", "/my-model/versions?type=a&type=b", "/my-model/v1/lineage?max_depth=11",
     "/my-model/v1/lineage?max_depth=0", "/my-model/v1/lineage?max_depth=x", "/my-model/v1?max_depth=1"],
)  # fmt: skip
def test_what_is_not_understood_is_refused(real: Real, path: str) -> None:
    assert real.refused(f"/artifacts{path}", status=400)


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT", "PATCH"])
@pytest.mark.parametrize("path", ["", "/stats", "/my-model/versions", "/my-model/v1", "/my-model/v1/files"])
def test_nothing_can_be_changed(real: Real, method: str, path: str) -> None:
    answer = real.client.request(method, f"/api/artifacts{path}", b"{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert sentence_of(answer.json) == f"{method} is not allowed here: use GET or HEAD"
    assert real.get("/artifacts/my-model/v1")["version"] == 1


def test_head_answers_without_a_body(real: Real) -> None:
    for path in ("", "/stats", "/my-model/versions", "/my-model/v1", "/my-model/v1/files", "/my-model/v1/lineage"):
        assert real.client.request("HEAD", f"/api/artifacts{path}").status == 200


def test_the_parameters_and_fields_are_documented(real: Real) -> None:
    section = SECTIONS["From V1 to V2"]
    for head, parameters in (
        ("| Parameter of artifacts |", shapes.ARTIFACT_PARAMETERS),
        ("| Parameter of `lineage` |", shapes.LINEAGE_PARAMETERS[2:]),
    ):
        documented = [(cells[0].strip("`"), cells[1], cells[2]) for cells in rows("From V1 to V2", after=head)]
        assert documented == [(row.name, row.form.label, row.doc) for row in parameters]
    name = "my-data"
    answers = [
        real.get("/artifacts"),
        real.get(f"/artifacts/{name}/v1"),
        real.get(f"/artifacts/{name}/v1/files"),
        real.get(f"/artifacts/{name}/v1/lineage")["edges"],
        {**real.get("/artifacts/stats"), "by_type": {}},
    ]
    missing = {field for field in names_in(answers) if f"`{field}`" not in section}
    assert missing == {"latest"}


def test_hostile_names_and_values_are_only_data(empty_store: Store, serve: Serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    name = "[/]\x1b]0;x\x07 ..%2F ü\u202e"
    run = root / "runs" / "p" / "r1"
    run.mkdir(parents=True)
    (run / "meta.json").write_text(json.dumps({"id": "r1", "path": "p", "created_at": 1.0}))
    dataset = {
        "name": name,
        "uri": "\ud800",
        "saved": True,
        "fingerprint": "f",
        "archive_path": "/x/archive/../../../etc/passwd",
        "total_size_bytes": 10**30,
        "file_count": float("nan"),
        "x": [float("inf")],
    }
    (run / "assets.json").write_text(json.dumps({"datasets": [dataset]}))
    empty_store.add_root(root)
    sync(empty_store)
    client: Client = serve(empty_store)
    (item,) = checked(client.get("/artifacts"), list[shapes.ArtifactItem])
    assert item["name"] == name
    assert item["size_bytes"] == 0
    base = f"/artifacts/{segment(name)}/v1"
    assert checked(client.get(base), shapes.ArtifactVersionDetail)["metadata"]["x"] == [None]
    files = checked(client.get(f"{base}/files"), shapes.ArtifactFiles)
    assert (files["files"], files["references"][0]["uri"]) == ([], "\ufffd")
    assert len(client.get(f"{base}/lineage")["nodes"]) == 2


def test_what_the_roots_hold_is_read_anew_for_each_answer(store: Store, serve: Serve, tmp_path: Path) -> None:
    client = serve(store)
    assert client.get("/artifacts") == []
    write_versions(tmp_path / "root", (1,))
    assert [item["name"] for item in client.get("/artifacts")] == ["net"]
