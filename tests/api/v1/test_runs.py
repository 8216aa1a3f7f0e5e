"""GET /api/runs and /api/runs/{id}."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from runicorn_api.readers import Readers
from runicorn_api.spool import filled
from runicorn_api.v1.run_files import ArtifactCounts
from runicorn_api.v1.run_list import live_runs, write_runs
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.v1.conftest import VERSIONS, Real, fetch, id_of, segment
from tests.db.runs import write_json

FIELDS = [
    "id", "run_dir", "created_time", "status", "pid", "best_metric_value", "best_metric_name", "project", "name",
    "artifacts_created_count", "artifacts_used_count",
]  # fmt: skip


def live_ids(real: Real) -> set[str]:
    """Those of the directories without a marker; an id that both roots have is one experiment."""
    found = [path.parent for version in VERSIONS for path in real.root(version).rglob("meta.json")]
    return {directory.name for directory in found if not (directory / ".deleted").exists()}


def test_all_live_runs_come_as_one_array_newest_first(real: Real) -> None:
    runs = real.get("/runs")

    assert sorted(run["id"] for run in runs) == sorted(live_ids(real))
    assert len(runs) > 50
    times = [run["created_time"] for run in runs]
    assert times == sorted(times, reverse=True)
    assert all(list(run) == FIELDS for run in runs)


def test_a_run_of_the_list_says_what_its_files_say(real: Real) -> None:
    (run,) = [run for run in real.get("/runs") if run["id"] == id_of("finished_max")]
    directory = real.run_dir("finished_max")
    meta = json.loads((directory / "meta.json").read_text())
    summary = json.loads((directory / "summary.json").read_text())

    assert run == {
        "id": meta["id"],
        "run_dir": str(directory),
        "created_time": meta["created_at"],
        "status": "finished",
        "pid": meta["pid"],
        "best_metric_value": summary["best_metric_value"],
        "best_metric_name": "accuracy",
        "project": "image_classification",
        "name": "resnet_baseline",
        "artifacts_created_count": 0,
        "artifacts_used_count": 0,
    }


@pytest.mark.parametrize(
    ("version", "scenario", "counts"),
    [
        ("0.4.1", "artifact_producer", (3, 0)),
        ("0.4.1", "artifact_consumer", (0, 2)),
        ("0.7.2", "assets", (2, 3)),
        ("0.7.2", "empty", (0, 0)),
    ],
)
def test_artifacts_are_counted_whichever_version_noted_them(
    real: Real, version: str, scenario: str, counts: tuple[int, int]
) -> None:
    listed = {run["id"]: run for run in real.get("/runs")}
    for run in (listed[id_of(scenario, version)], real.get(f"/runs/{id_of(scenario, version)}")):
        assert (run["artifacts_created_count"], run["artifacts_used_count"]) == counts


def test_one_run_is_told_with_the_paths_of_its_files(real: Real) -> None:
    name, directory = id_of("unicode"), real.run_dir("unicode")

    assert real.get(f"/runs/{name}") == {
        "id": name,
        "status": "finished",
        "pid": json.loads((directory / "meta.json").read_text())["pid"],
        "run_dir": str(directory),
        "project": "图像分类",
        "name": "实验-α β_☃",
        "logs": str(directory / "logs.txt"),
        "metrics": str(directory / "events.jsonl"),
        "metrics_step": str(directory / "events.jsonl"),
        "artifacts_created_count": 0,
        "artifacts_used_count": 0,
    }
    assert (directory / "events.jsonl").is_file()


@pytest.mark.parametrize("tail", ["", "/metrics_step", "/metrics", "/progress"])
def test_an_id_of_any_form_is_found_and_an_unknown_one_is_404(real: Real, tail: str) -> None:
    assert real.get(f"/runs/my-custom-id{tail}")
    assert real.refused(f"/runs/20250101_120000_abc123{tail}", status=404) == "Run not found: 20250101_120000_abc123"
    assert real.refused(f"/runs/..{tail}", status=404) == "Run not found: .."
    assert real.refused(f"/runs/{'x' * 300}{tail}", status=404) == f"Run not found: {'x' * 64}…"
    assert real.refused(f"/runs/%5B%2F%5D{tail}".replace("%2F", "%21"), status=404) == "Run not found: [!]"


@pytest.mark.parametrize("tail", ["", "/metrics_step", "/metrics", "/progress"])
@pytest.mark.parametrize(
    ("run_id", "shown"),
    [("a/b", "a/b"), ("../../etc/passwd", "../../etc/passwd"), ("..\\x", "..\\x"), ("a\0", "a\\x00"),
     ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\nb"), ("\x7f", "\\x7f"), ("\x9b", "\\x9b")],
)  # fmt: skip
def test_what_can_be_no_id_is_told_which_form_ids_have(real: Real, run_id: str, shown: str, tail: str) -> None:
    sentence = real.refused(f"/runs/{segment(run_id)}{tail}", status=400)

    assert sentence == f"Invalid run_id format: {shown}. Expected format: YYYYMMDD_HHMMSS_XXXXXX"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_in_the_trash_is_not_found(real: Real, version: str) -> None:
    name = id_of("soft_deleted", version)

    assert real.refused(f"/runs/{name}", status=404) == f"Run not found: {name}"
    assert real.refused(f"/runs/{name}/metrics", status=404) == f"Run not found: {name}"


def test_parameters_that_nobody_knows_are_refused(real: Real) -> None:
    assert real.refused("/runs?limit=5", status=400) == "Unknown parameter 'limit': allowed are none"
    assert real.refused("/runs/my-custom-id?x=1", status=400) == "Unknown parameter 'x': allowed are none"


def test_hostile_names_come_through_as_they_are(empty_store: Store, serve, tmp_path: Path) -> None:
    names = ["[/]", "a\x1b[31m", '"quoted"', "x\ny", "=1+1"]
    for number, name in enumerate(names):
        directory = tmp_path / "root" / "p" / "n" / "runs" / f"run {number}"
        directory.mkdir(parents=True)
        write_json(directory / "meta.json", {"project": name, "name": name, "created_at": 1.0 + number})
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    runs = serve(empty_store).get("/runs")

    assert [(run["project"], run["name"]) for run in runs] == [(name, name) for name in reversed(names)]


def test_artifact_files_that_are_damaged_or_links_count_as_none(empty_store: Store, serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "artifacts").mkdir(parents=True)
    directory = root / "p" / "n" / "runs" / "a"
    directory.mkdir(parents=True)
    write_json(directory / "meta.json", {"id": "a"})
    (directory / "artifacts_created.json").write_text('{"artifacts": [1, 2')
    write_json(tmp_path / "elsewhere.json", {"artifacts": [1, 2, 3]})
    (directory / "artifacts_used.json").symlink_to(tmp_path / "elsewhere.json")
    write_json(directory / "assets.json", {"outputs": "none", "datasets": {}})
    empty_store.add_root(root)
    sync(empty_store)

    run = serve(empty_store).get("/runs/a")

    assert (run["artifacts_created_count"], run["artifacts_used_count"]) == (0, 0)


def test_an_empty_index_is_an_empty_array(empty_store: Store, serve) -> None:
    assert serve(empty_store).get("/runs") == []


@pytest.mark.slow
def test_a_large_list_is_whole_with_its_length_and_packed_for_who_takes_gzip(many: Store, serve) -> None:
    client = serve(many)
    plain, packed = fetch(client, "/runs"), fetch(client, "/runs", Accept_Encoding="gzip")
    head = fetch(client, "/runs", method="HEAD", Accept_Encoding="gzip")

    assert len(plain.body) > 1 << 20
    assert int(plain.headers["content-length"]) == len(plain.body)
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) / 5
    assert gzip.decompress(packed.body) == plain.body
    assert [run["id"] for run in plain.json] == [f"run{number:05}" for number in reversed(range(3000))]
    assert (head.body, head.headers["content-length"]) == (b"", str(len(packed.body)))


@pytest.mark.slow
def test_a_list_takes_the_same_memory_however_long_it_is(many: Store) -> None:
    readers = Readers()

    def peak(query: ExperimentQuery) -> int:
        tracemalloc.start()
        with filled(write_runs(live_runs(many, readers, query), ArtifactCounts(()))) as spool:
            assert spool.size_bytes > 200_000
            found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    try:
        peak(ExperimentQuery(project="project 1"))
        seventh, whole = peak(ExperimentQuery(project="project 1")), peak(ExperimentQuery())
    finally:
        readers.close()
    # A part of the list is at most a thousand runs, and up to a megabyte of the answer is in memory.
    assert whole < 8 << 20
    assert whole < 8 * seventh


@pytest.mark.slow
def test_runs_that_go_to_the_trash_while_they_are_listed_are_left_out(many: Store) -> None:
    readers = Readers()
    runs = live_runs(many, readers, ExperimentQuery())
    first = next(runs)
    many.delete(["run00005", "run00006"], source="tui")
    ids = [first.id, *(run.id for run in runs)]
    readers.close()

    assert len(ids) == len(set(ids)) == 2998
    assert {"run00005", "run00006"}.isdisjoint(ids)
