"""GET /api/config and POST /api/status/check."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runicorn_db.liveness import SILENCE_SECONDS
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.v1.conftest import Real, post
from tests.db.runs import write_json, write_run


def test_the_configuration_is_told_as_the_original_would(real: Real) -> None:
    config = real.get("/config")

    assert config == {
        "user_root_dir": "",
        "storage": str(real.root("0.4.1")),
        "config_file": f"{os.environ['XDG_CONFIG_HOME']}/runicorn/config.json",
    }


def test_a_configured_root_is_told_as_it_is_written(real: Real) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "runicorn"
    folder.mkdir(parents=True)
    for written, told in ((" ~/my runs ", "~/my runs"), (7, ""), ("", ""), ("a\0b", "")):
        write_json(folder / "config.json", {"user_root_dir": written, "ssh_connections": [{"password": "x"}]})
        assert real.get("/config")["user_root_dir"] == told
    (folder / "config.json").write_text("{")
    assert list(real.get("/config")) == ["user_root_dir", "storage", "config_file"]


def test_without_a_root_there_is_no_storage(empty_store: Store, serve) -> None:
    assert serve(empty_store).get("/config")["storage"] == ""


def test_the_configuration_cannot_be_changed(real: Real) -> None:
    answer = real.client.request("POST", "/api/config", b"{}", {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_all_that_is_recorded_as_running_is_looked_at_again(own: Real) -> None:
    recorded = [
        path.parent.name
        for path in own.directory.rglob("status.json")
        if json.loads(path.read_text())["status"] == "running"
    ]

    answer = post(own.client, "/status/check", {})

    # Their host is not this one: nobody can tell whether they still run.
    assert answer == {
        "checked": len(recorded),
        "updated": 0,
        "message": f"Checked {len(recorded)} running experiments, updated 0 statuses",
    }
    assert len(recorded) == 11


def test_a_run_whose_process_has_ended_is_seen_as_failed_and_its_files_stay(
    empty_store: Store, serve, tmp_path: Path
) -> None:
    created = time.time() - 2 * SILENCE_SECONDS
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        directory = write_run(
            tmp_path / "root", "a", status="running", created_at=created, pid=os.getpid(), hostname="elsewhere"
        )
        process.communicate()
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)
    client = serve(empty_store)
    assert client.get("/runs/a")["status"] == "running"
    # As it was before the index was told where this run runs.
    with empty_store.database.writing() as connection:
        connection.execute(
            "UPDATE experiment SET hostname = ?, pid = ?, last_event_at = ?",
            (socket.gethostname(), process.pid, created),
        )

    assert post(client, "/status/check", {}) == {
        "checked": 1,
        "updated": 1,
        "message": "Checked 1 running experiments, updated 1 statuses",
    }
    assert client.get("/runs/a")["status"] == "failed"
    assert json.loads((directory / "status.json").read_text())["status"] == "running"
    assert post(client, "/status/check", {})["updated"] == 0


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}])
@pytest.mark.parametrize("body", [None, b"", b"not json"])
def test_the_question_needs_no_body(real: Real, headers: dict[str, str], body: bytes | None) -> None:
    answer = real.client.request("POST", "/api/status/check", body, headers)

    assert (answer.status, list(answer.json)) == (200, ["checked", "updated", "message"])


def test_the_question_is_still_refused_to_pages_of_other_sites(real: Real) -> None:
    headers = {"Origin": "https://evil.example"}
    assert real.client.refusal("POST", "/api/status/check", None, headers, status=403) == "Origin not allowed"
    assert real.refused("/status/check", status=405).startswith("GET is not allowed here: use POST")
