from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CREATED, Run, write_run

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts `serve` on a free port; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "runicorn_tui", "serve", "--port", "0", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Serving http://127.0.0.1:"), process.stderr and process.stderr.read()
    assert line.endswith("/api\n")
    return int(line.removeprefix("Serving http://127.0.0.1:").removesuffix("/api\n"))


def get(port: int, path: str) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_without_any_root_it_says_how_to_name_one(serve: Serve, tmp_path: Path) -> None:
    process = serve("--db", tmp_path / "index.db")
    port_of(process)
    process.send_signal(signal.SIGTERM)

    assert "name one, as in runicorn-tui serve ~/runs" in process.communicate(timeout=30)[1]
    assert process.returncode == 0


def test_the_line_means_that_every_experiment_and_series_of_a_new_root_can_be_asked_for(
    serve: Serve, root: Path, tmp_path: Path
) -> None:
    port = port_of(serve(root, "--db", tmp_path / "index.db"))

    assert get(port, "/api/v2/experiments")["total"] == 4
    assert [row["loss"] for row in get(port, "/api/v2/experiments/a1/metrics/fast")["rows"]] == [2.0, 1.0, 0.5]
    assert get(port, "/api/health")["version"]


def test_without_watching_a_known_root_is_not_read(serve: Serve, db: Path, root: Path) -> None:
    write_run(root, "c1")

    port = port_of(serve(root, "--db", db, "--no-watch"))

    assert get(port, "/api/v2/experiments")["total"] == 4
    assert get(port, "/api/health")["syncing"] is False


def test_a_known_root_is_read_behind_the_line(
    serve: Serve, db: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(root, "c1")
    port = port_of(serve(root, "--db", db, "--no-rate-limit"))

    deadline = time.monotonic() + 20
    while get(port, "/api/v2/experiments")["total"] != 5:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_signals_stop_it_within_two_seconds(serve: Serve, db: Path, number: signal.Signals, code: int) -> None:
    process = serve("--db", db)
    port_of(process)

    began = time.monotonic()
    process.send_signal(number)

    assert process.wait(timeout=10) == code
    assert time.monotonic() - began < 2
    out, err = process.communicate()
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("watch", [(), ("--no-watch",)])
def test_a_stop_does_not_wait_for_the_markers_of_a_large_deletion_and_the_next_start_writes_them(
    serve: Serve, tmp_path: Path, watch: tuple[str, ...]
) -> None:
    root, db, number = tmp_path / "large", tmp_path / "index.db", 2000
    for run_number in range(number):
        write_run(root, f"run{run_number}", losses=(1.0,), created_at=CREATED + run_number)
    process = serve(root, "--db", db, "--no-watch")
    body = json.dumps({"query": {}, "all": True, "expected_total": number})
    connection = HTTPConnection("127.0.0.1", port_of(process), timeout=30)
    connection.request("POST", "/api/v2/experiments/delete-matching", body, {"Content-Type": "application/json"})
    assert json.loads(connection.getresponse().read())["deleted"] == number
    connection.close()
    began = time.monotonic()
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert time.monotonic() - began < 2
    assert len(list(root.glob("*/*/runs/*/.deleted"))) < number

    port_of(serve(root, "--db", db, *watch))
    deadline = time.monotonic() + 30
    while len(list(root.glob("*/*/runs/*/.deleted"))) < number:
        assert time.monotonic() < deadline


def test_names_that_are_allowed_may_be_used_for_the_server_and_no_others(serve: Serve, db: Path) -> None:
    port = port_of(serve("--db", db, "--allowed-host", "gpu07", "--allowed-host", "gpu07.lab"))
    statuses = {}
    for host in ("gpu07", f"gpu07.lab:{port}", "elsewhere"):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/api/health", headers={"Host": host})
        statuses[host.partition(":")[0]] = connection.getresponse().status
        connection.close()

    assert statuses == {"gpu07": 200, "gpu07.lab": 200, "elsewhere": 403}


def test_rate_limits_hold_unless_they_are_turned_off(serve: Serve, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNICORN_TUI_RATE_LIMITS", "list=2")
    limited, unlimited = port_of(serve("--db", db)), port_of(serve("--db", db, "--no-rate-limit"))

    def detail(port: int) -> list[object]:
        return [get(port, "/api/v2/experiments").get("detail") for _ in range(3)]

    assert detail(limited) == [None, None, "Rate limit exceeded"]
    assert detail(unlimited) == [None, None, None]


def test_a_port_that_is_taken_is_said_before_the_roots_are_read(run: Run, root: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", root, "--port", taken.getsockname()[1], "--db", tmp_path / "index.db")

    assert (result.code, result.out) == (1, "")
    assert str(taken.getsockname()[1] if taken.fileno() != -1 else "") in result.err
    assert "experiments found" not in result.err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_an_address_beyond_this_machine_is_refused_with_the_way_out(run: Run, db: Path, host: str) -> None:
    result = run("serve", "--host", host, "--db", db)

    assert result.code == 2
    assert "ssh -L 23300:127.0.0.1:23300" in result.err


def test_unknown_rate_limits_are_refused(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNICORN_TUI_RATE_LIMITS", "lists=2")

    assert run("serve", "--db", db).code == 2
