"""Projects, their names, and the paths of 0.6 and later."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_api.v1.hierarchy import path_of
from runicorn_db.query import Experiment
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.v1.conftest import VERSIONS, Real, id_of, segment
from tests.db.runs import write_run


def test_projects_come_in_order_without_those_that_are_only_in_the_trash(own: Real) -> None:
    projects = own.get("/projects")["projects"]
    assert projects == sorted(projects)
    assert {"image_classification", "cv/detection", "my project", "图像分类", "a/b/c/d"} <= set(projects)

    own.post("/runs/soft-delete", {"run_ids": [id_of("spaces")]})

    assert own.get("/projects")["projects"] == [name for name in projects if name != "my project"]


def test_the_names_of_a_project_come_in_order_each_once(real: Real) -> None:
    names = real.get("/projects/image_classification/names")["names"]

    assert names == ["custom", "junk", "renamed alias", "resnet_baseline", "tagged", "vit_small"]
    assert real.get(f"/projects/{segment('图像分类')}/names") == {"names": ["实验-α β_☃"]}
    assert real.get("/projects/cv%2Fdetection/names") == {"names": ["yolo"]}
    assert real.get("/projects/nobody/names") == {"names": []}


def test_the_runs_of_a_name_are_told_as_in_the_list(real: Real) -> None:
    listed = real.get("/runs")

    for project, name in (
        ("image_classification", "resnet_baseline"), ("cv/detection", "yolo"), ("my project", "exp 1 (copy)"),
        ("图像分类", "实验-α β_☃"),
    ):  # fmt: skip
        runs = real.get(f"/projects/{segment(project)}/names/{segment(name)}/runs")
        assert runs == [run for run in listed if (run["project"], run["name"]) == (project, name)]
        assert runs
    assert real.get("/projects/image_classification/names/none/runs") == []


def test_every_path_is_told_and_makes_a_tree(real: Real) -> None:
    answer = real.get("/paths")

    assert list(answer) == ["paths", "tree"]
    assert answer["paths"] == sorted(answer["paths"])
    assert {"cv/detection/yolo", "a/b/c/d/e", "image_classification/resnet_baseline", "default"} <= set(answer["paths"])
    assert {"my project/exp 1 (copy)", "图像分类/实验-α β_☃", "default/default"} <= set(answer["paths"])
    assert "cv" not in answer["paths"]
    assert answer["tree"]["cv"] == {"detection": {"yolo": {}}}
    assert answer["tree"]["a"] == {"b": {"c": {"d": {"e": {}}}}}


def test_numbers_of_runs_are_told_with_the_paths_above_them(real: Real) -> None:
    answer = real.get("/paths?include_stats=true")

    assert answer["paths"] == sorted(answer["stats"])
    assert {"cv", "cv/detection", "a/b"} <= set(answer["stats"])
    assert answer["stats"]["cv"] == answer["stats"]["cv/detection/yolo"]
    status_lab = [run for run in real.get("/runs") if "/status_lab/" in run["run_dir"]]
    by_status = [sum(run["status"] == status for run in status_lab) for status in ("running", "finished", "failed")]
    assert list(answer["stats"]["status_lab"].values()) == [len(status_lab), *by_status]
    assert sum(by_status) < len(status_lab)
    assert list(answer["stats"]["status_lab"]) == ["total", "running", "finished", "failed"]


def test_the_runs_at_a_path_and_below_it(real: Real) -> None:
    listed = real.get("/runs")
    below = real.get("/paths/runs?path=crash_lab")

    assert below == [run for run in listed if "/crash_lab/" in run["run_dir"]]
    assert len(below) == 12
    assert real.get("/paths/runs?path=/crash_lab/") == below
    assert real.get("/paths/runs?path=crash_lab&exact=true") == []
    assert real.get("/paths/runs?path=crash") == []
    assert [run["id"] for run in real.get("/paths/runs?path=a/b/c/d/e&exact=1")] == [id_of("alias_free", "0.7.2")]
    assert real.get("/paths/runs") == real.get("/paths/runs?path=") == listed


def test_what_is_in_the_trash_has_no_path(own: Real) -> None:
    own.post("/runs/soft-delete", {"run_ids": [id_of("deep_path"), id_of("deep_path", "0.7.2")]})

    answer = own.get("/paths?include_stats=yes")
    assert not [path for path in answer["paths"] if path.startswith("cv")]
    assert "cv" not in answer["tree"]
    assert own.get("/paths/runs?path=cv") == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/projects?x=1", "Unknown parameter 'x': allowed are none"),
        ("/projects/p/names?x=1", "Unknown parameter 'x': allowed are none"),
        ("/projects/p/names/n/runs?x=1", "Unknown parameter 'x': allowed are none"),
        ("/paths?include_stats=maybe", "include_stats must be one of true, 1, yes, on, false, 0, no, off, not 'maybe'"),
        ("/paths?path=cv", "Unknown parameter 'path': allowed are include_stats"),
        ("/paths/runs?exact=maybe", "exact must be one of true, 1, yes, on, false, 0, no, off, not 'maybe'"),
        ("/paths/runs?path=a&path=b", "path must be given once, not 2 times"),
        ("/projects/a%00b/names", "project must not contain NUL"),
    ],
)
def test_what_is_not_understood_is_refused(real: Real, path: str, sentence: str) -> None:
    assert real.refused(path, status=400) == sentence


def test_an_empty_index_has_nothing(empty_store: Store, serve) -> None:
    client = serve(empty_store)

    assert client.get("/projects") == {"projects": []}
    assert client.get("/paths", "include_stats=1") == {"paths": [], "tree": {}, "stats": {}}
    assert client.get("/paths/runs") == []


def test_a_path_of_any_depth_is_a_tree_that_can_be_read(empty_store: Store, serve, tmp_path: Path) -> None:
    deep = "/".join("d" for _ in range(300))
    write_run(tmp_path / "root", "a", project=deep, name="n", layout="0.7")
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    answer = serve(empty_store).get("/paths")

    assert answer["paths"] == [f"{deep}/n"]
    branch, depth = answer["tree"], 0
    while branch:
        (branch,), depth = branch.values(), depth + 1
    assert depth == 101


@pytest.mark.parametrize(
    ("run_dir", "path"),
    [
        ("/root/runs/a/b/c/id", "a/b/c"),
        ("/root/runs/id", ""),
        ("/root/p/n/runs/id", "p/n"),
        ("/root/p/q/n/runs/id", "p/q/n"),
        ("/root/runs/.recycle/id", "project/x/name"),
        ("/elsewhere/runs/a/id", "elsewhere/runs/a"),
    ],
)
def test_a_path_is_where_a_run_lies_below_its_root(run_dir: str, path: str) -> None:
    run = Experiment(
        id="id", project="project/x", name="name", status="finished", created_at=0.0, updated_at=0.0,
        run_dir=run_dir, root="lab",
    )  # fmt: skip

    assert path_of(run, {"lab": "/root"}) == path
    assert path_of(run, {}) == "project/x/name"


@pytest.mark.parametrize("path", ["/projects", "/projects/vision/names", "/paths", "/paths?include_stats=1"])
def test_the_same_hierarchy_is_not_sent_twice(own: Real, path: str) -> None:
    tag = own.fetch(path).headers["etag"]
    assert own.fetch(path, If_None_Match=tag).status == 304

    own.store.delete(["my-custom-id"], source="tui")

    assert own.fetch(path, If_None_Match=tag).status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_paths_of_both_layouts_lead_to_their_runs(real: Real, version: str) -> None:
    name = id_of("finished_min", version)

    assert name in {run["id"] for run in real.get("/paths/runs?path=image_classification/vit_small")}
