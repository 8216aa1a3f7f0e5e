"""The recycle bin of V1, which is the trash of V2."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from falcon.testing import create_environ

from runicorn_api.app import ServerSettings, create_app
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from tests.api.conftest import Client, sentence_of
from tests.api.v1.conftest import JSON, VERSIONS, Real, fetch, id_of, post

IDS = "run_ids"
EMPTY = "/api/recycle-bin/empty"
NOT_ALLOWED = "This server removes nothing for good, unless it is started with --allow-purge"


def refused(client: Client, path: str, body: object, *, status: int = 400) -> str:
    return sentence_of(post(client, path, body, status=status))


def test_runs_are_moved_to_the_trash_each_with_its_outcome(own: Real) -> None:
    first, second = id_of("finished_max"), id_of("finished_max", "0.7.2")

    answer = own.post("/runs/soft-delete", {IDS: [first, "nobody", second]})

    assert answer == {
        "deleted_count": 2,
        "results": {
            first: {"success": True},
            "nobody": {"success": False, "error": "run not found"},
            second: {"success": True},
        },
        "message": "Soft deleted 2 of 3 runs",
    }
    gone = {run["id"] for run in own.get("/runs")}
    assert gone.isdisjoint({first, second})
    assert own.refused(f"/runs/{first}", status=404) == f"Run not found: {first}"


def test_the_original_finds_the_marker_of_a_deletion(own: Real) -> None:
    name = id_of("finished_max")
    own.post("/runs/soft-delete", {IDS: [name]})
    own.store.flush_outbox()

    marker = json.loads((own.run_dir("finished_max") / ".deleted").read_text())
    assert (marker["reason"], marker["original_status"]) == ("user_deleted", "finished")


def test_what_is_deleted_by_one_version_is_seen_and_restored_by_the_other(own: Real) -> None:
    one, other, custom = id_of("finished_max"), id_of("finished_min", "0.7.2"), "my-custom-id"
    own.post("/runs/soft-delete", {IDS: [one, custom]})
    own.client.post("batch-delete", {"exp_ids": [other], "reason": "by V2"})

    binned = {run["id"]: run for run in own.get("/recycle-bin")["deleted_runs"]}
    assert {one, other, custom} <= set(binned)
    assert (binned[one]["delete_reason"], binned[other]["delete_reason"]) == ("user_deleted", "by V2")
    assert own.get(f"/v2/experiments/{one}")["experiment"]["delete_reason"] == "user_deleted"
    batches = own.get("/v2/trash")["batches"]
    assert [(batch["source"], batch["reason"], batch["count"]) for batch in batches[:2]] == [
        ("api", "by V2", 1),
        ("api", "user_deleted", 2),
    ]

    assert own.post("/recycle-bin/restore", {IDS: [other]})["restored_count"] == 1
    assert own.client.post("batch-restore", {"exp_ids": [one]})["restored"] == 1
    assert own.get(f"/v2/experiments/{other}")["experiment"]["deleted_at"] is None
    assert own.get(f"/runs/{one}")["id"] == one
    assert {run["id"] for run in own.get("/recycle-bin")["deleted_runs"]} == set(binned) - {one, other}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_in_the_recycle_bin_is_told_with_its_deletion(real: Real, version: str) -> None:
    name = id_of("soft_deleted", version)
    directory = real.run_dir("soft_deleted", version)
    marker, meta = (json.loads((directory / file).read_text()) for file in (".deleted", "meta.json"))

    (run,) = [run for run in real.get("/recycle-bin")["deleted_runs"] if run["id"] == name]

    assert run == {
        "id": name,
        "project": "image_classification",
        "name": "junk",
        "created_time": meta["created_at"],
        # The database of 0.7 notes an instant a little later than the marker's.
        "deleted_at": pytest.approx(marker["deleted_at"], abs=0.01),
        "delete_reason": "user_deleted",
        "original_status": "finished",
        "run_dir": str(directory),
    }


def test_the_newest_deletion_comes_first(own: Real) -> None:
    own.post("/runs/soft-delete", {IDS: ["my-custom-id"]})

    times = [run["deleted_at"] for run in own.get("/recycle-bin")["deleted_runs"]]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)


def test_what_the_original_deleted_can_be_restored(own: Real) -> None:
    ids = [id_of("soft_deleted"), "nobody", id_of("empty")]

    answer = own.post("/recycle-bin/restore", {IDS: ids})

    assert answer == {
        "restored_count": 2,
        "results": {
            ids[0]: {"success": True},
            "nobody": {"success": False, "error": "run not found"},
            ids[2]: {"success": True},
        },
        "message": "Restored 2 of 3 runs",
    }
    assert own.get(f"/runs/{ids[0]}")["status"] == "finished"


def test_asking_twice_changes_nothing_more(own: Real) -> None:
    name = id_of("empty")

    answers = [own.post("/runs/soft-delete", {IDS: [name, name]}) for _ in range(2)]

    assert answers[0] == answers[1]
    assert (answers[0]["deleted_count"], answers[0]["message"]) == (1, "Soft deleted 1 of 1 runs")
    assert own.get("/v2/trash")["batches"][0]["count"] == 1


@pytest.mark.parametrize(("path", "verb"), [("/runs/soft-delete", "delete"), ("/recycle-bin/restore", "restore")])
def test_bodies_that_name_no_runs_are_refused(client: Client, path: str, verb: str) -> None:
    required = "run_ids is required and must be a list"
    for body in ({}, {IDS: []}, {IDS: None}, {IDS: "a"}, {IDS: {"a": 1}}, {IDS: 1}):
        assert refused(client, path, body) == required
    many = {IDS: [f"run{number}" for number in range(101)]}
    assert refused(client, path, many) == f"Cannot {verb} more than 100 runs at once"
    expected = "Expected format: YYYYMMDD_HHMMSS_XXXXXX"
    assert refused(client, path, {IDS: ["a/b"]}) == f"Invalid run_id format: a/b. {expected}"
    assert refused(client, path, {IDS: ["a", "\x1b[2J"]}) == f"Invalid run_id format: \\x1b[2J. {expected}"
    assert refused(client, path, {IDS: [7]}) == f"Invalid run_id format: 7. {expected}"
    assert refused(client, path, {IDS: [""]}) == f"Invalid run_id format: . {expected}"
    assert refused(client, path, []) == "The body must be a JSON object, not a list"
    assert refused(client, path, b"{").startswith("Invalid JSON: ")
    assert refused(client, path, {IDS: ["a"], "x": 1}) == "Unknown field 'x': allowed are run_ids"


def test_a_hundred_runs_can_be_named_twice(client: Client) -> None:
    names = [f"run{number}" for number in range(100)]

    answer = post(client, "/runs/soft-delete", {IDS: names * 2})

    assert (answer["deleted_count"], len(answer["results"])) == (0, 100)
    assert answer["message"] == "Soft deleted 0 of 100 runs"


# --- emptied for good


def test_nothing_is_removed_for_good_unless_the_server_may(own: Real) -> None:
    for body in ({"confirm": True}, {"confirm": False}, {}):
        assert refused(own.client, "/recycle-bin/empty", body, status=403) == NOT_ALLOWED
    assert own.run_dir("soft_deleted").is_dir()


def test_emptying_must_be_confirmed(own: Real) -> None:
    assert own.serve is not None
    client = own.serve(own.store, allows_purge=True)

    for body in ({}, {"confirm": False}, {"confirm": "true"}, {"confirm": 1}, {"confirm": None}):
        sentence = refused(client, "/recycle-bin/empty", body)
        assert sentence == "Must set confirm=true to permanently delete"
    assert refused(client, "/recycle-bin/empty", {"confirm": True, IDS: []}).startswith("Unknown field 'run_ids'")
    assert own.run_dir("soft_deleted").is_dir()


def test_emptying_removes_the_whole_trash_and_notes_it_in_the_journal(own: Real) -> None:
    assert own.serve is not None
    client = own.serve(own.store, allows_purge=True)
    name = id_of("finished_max")
    own.post("/runs/soft-delete", {IDS: [name]})
    removed = [own.run_dir("finished_max"), own.run_dir("soft_deleted"), own.run_dir("soft_deleted", "0.7.2")]
    kept = own.run_dir("finished_min")

    answer = post(client, "/recycle-bin/empty", {"confirm": True})

    assert answer == {"permanently_deleted": 3, "errors": {}, "message": "Permanently deleted 3 runs"}
    assert [path.exists() for path in removed] == [False, False, False]
    assert kept.is_dir()
    assert client.get("/recycle-bin") == {"deleted_runs": []}
    assert {record.id for record in own.store.purges()} == {path.name for path in removed}
    assert {record.source for record in own.store.purges()} == {"api"}
    assert client.refused(f"/v2/experiments/{name}", status=404) == f"Experiment {name} not found"
    assert post(client, "/recycle-bin/empty", {"confirm": True})["permanently_deleted"] == 0


def test_what_cannot_be_removed_stays_with_its_reason(own: Real) -> None:
    assert own.serve is not None
    client = own.serve(own.store, allows_purge=True)
    running = id_of("sigkill")
    own.post("/runs/soft-delete", {IDS: [running]})
    directory = own.run_dir("sigkill")
    elsewhere = directory.rename(directory.with_name("moved"))
    directory.symlink_to(elsewhere)

    answer = post(client, "/recycle-bin/empty", {"confirm": True})

    assert answer["permanently_deleted"] == 2
    assert list(answer["errors"]) == [running]
    assert answer["message"] == "Permanently deleted 2 runs"
    assert (elsewhere / "meta.json").is_file()


def test_a_server_that_stops_begins_no_further_removal(own: Real) -> None:
    app = create_app(own.store, ServerSettings(version="1", rate_limits=None, allows_purge=True))
    app.stopping.set()
    environ = create_environ(EMPTY, method="POST", headers=JSON, body='{"confirm": true}', host="127.0.0.1")
    environ["REQUEST_URI"] = EMPTY
    statuses: list[str] = []

    body = b"".join(app(environ, lambda status, headers: statuses.append(status)))
    app.close()

    assert (statuses, json.loads(body)["permanently_deleted"]) == (["200 OK"], 0)
    assert own.run_dir("soft_deleted").is_dir()


# --- read-only, rate limits, tags

WRITES = {
    "/runs/soft-delete": {IDS: ["my-custom-id"]},
    "/recycle-bin/restore": {IDS: ["my-custom-id"]},
    "/recycle-bin/empty": {"confirm": True},
    "/status/check": {},
}


@pytest.mark.parametrize("path", WRITES)
def test_a_read_only_server_changes_nothing(own: Real, path: str) -> None:
    assert own.serve is not None
    client = own.serve(own.store, is_read_only=True, allows_purge=True)
    before = own.store.stamp()

    assert refused(client, path, WRITES[path], status=403) == "This server is read-only"

    assert own.store.stamp() == before
    assert own.run_dir("soft_deleted").is_dir()


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/runs/soft-delete", 20), ("/recycle-bin/empty", 5), ("/recycle-bin/restore", 60), ("/status/check", 60)],
)
def test_writes_have_their_limits(empty_store: Store, serve, path: str, limit: int) -> None:
    client = serve(empty_store, rate_limits={})

    answers = [client.request("POST", f"/api{path}", b"[]", JSON) for _ in range(limit + 1)]

    assert [answer.headers["x-ratelimit-limit"] for answer in answers] == [str(limit)] * (limit + 1)
    assert [answer.status == 429 for answer in answers] == [False] * limit + [True]


def test_more_writes_than_can_be_done_at_once_are_told_that_the_index_is_busy(own: Real, monkeypatch) -> None:
    may_go_on, begun = threading.Event(), threading.Semaphore(0)
    real_delete = Store.delete

    def slow(*args, **kwargs):
        begun.release()
        may_go_on.wait(20)
        return real_delete(*args, **kwargs)

    monkeypatch.setattr(Store, "delete", slow)
    body = {IDS: [id_of("empty")]}
    threads = [threading.Thread(target=own.post, args=("/runs/soft-delete", body)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert all(begun.acquire(timeout=20) for _ in threads)
    try:
        assert refused(own.client, "/recycle-bin/restore", body, status=503) == "Database is busy"
    finally:
        may_go_on.set()
        for thread in threads:
            thread.join()


def test_the_bin_is_not_sent_twice(own: Real) -> None:
    tag = own.fetch("/recycle-bin").headers["etag"]
    assert own.fetch("/recycle-bin", If_None_Match=tag).status == 304

    own.store.delete(own.store.ids(ExperimentQuery(project="numerics")), source="tui")

    again = own.fetch("/recycle-bin", If_None_Match=tag)
    assert (again.status, len(again.json["deleted_runs"])) == (200, 2 + 8)


@pytest.mark.slow
def test_a_large_bin_is_whole_and_not_sent_twice(many: Store, serve) -> None:
    client = serve(many)
    many.delete(many.ids(ExperimentQuery()), source="tui")
    # While their markers are written the index changes.
    assert many.flush_outbox() == 0

    answer = fetch(client, "/recycle-bin")
    assert len(answer.body) == int(answer.headers["content-length"]) > 1 << 20
    assert len({run["id"] for run in answer.json["deleted_runs"]}) == 3000
    for known in (answer.headers["etag"], "*"):
        again = fetch(client, "/recycle-bin", If_None_Match=known)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        assert {"content-type", "content-length", "content-encoding"}.isdisjoint(again.headers)


def test_a_bin_whose_folder_is_gone_is_still_told(own: Real, tmp_path: Path) -> None:
    (tmp_path / "root-0.4.1").rename(tmp_path / "elsewhere")

    assert id_of("soft_deleted") in {run["id"] for run in own.get("/recycle-bin")["deleted_runs"]}
