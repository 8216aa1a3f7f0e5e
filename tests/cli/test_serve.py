from __future__ import annotations

import contextlib
import json
import os
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

from runicorn_db.store import Store
from runicorn_tui.rest import hints
from runicorn_tui.settings import Settings
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


@pytest.mark.alone
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


@pytest.mark.alone
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


def private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def status(port: int, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET" if body is None else "POST", path, body, headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("is_file", [True, False])
def test_a_token_is_asked_for_and_opens_the_server_to_other_machines(
    serve: Serve, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_file: bool
) -> None:
    arguments: tuple[object, ...] = ()
    if is_file:
        arguments = ("--token-file", private_file(tmp_path / "token", "right-token-0123\n"))
    else:
        monkeypatch.setenv("RUNICORN_TUI_TOKEN", "right-token-0123")
    process = serve("--db", db, "--host", "0.0.0.0", *arguments)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Serving http://0.0.0.0:")
    port = int(line.rpartition(":")[2].partition("/")[0])

    assert status(port, "/api/health") == 401
    assert status(port, "/api/health", {"Authorization": "Bearer right-token-0124"}) == 401
    assert status(port, "/api/health", {"Authorization": "bearer right-token-0123"}) == 200


def test_a_token_file_that_others_can_read_is_refused(run: Run, db: Path, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("right-token")
    path.chmod(0o644)

    result = run("serve", "--db", db, "--token-file", path)

    assert (result.code, result.out) == (2, "")
    assert f"chmod 600 {path}" in result.err
    assert "right-token" not in result.err


def test_a_token_that_can_be_guessed_is_refused(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNICORN_TUI_TOKEN", "fifteen-letters")

    result = run("serve", "--db", db)

    assert (result.code, result.out) == (2, "")
    assert "RUNICORN_TUI_TOKEN must hold at least 16 characters, not 15" in result.err
    assert "fifteen-letters" not in result.err


def test_a_socket_file_is_served_with_the_way_to_it_from_elsewhere(serve: Serve, db: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    process = serve("--db", db, "--unix-socket", path)
    assert process.stdout is not None
    assert process.stdout.readline() == f"Serving unix:{path}\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
    process.send_signal(signal.SIGTERM)

    err = process.communicate(timeout=30)[1]
    assert f"curl --unix-socket {path} http://localhost/api/health" in err
    assert f"ssh -L 23300:{path} {socket.gethostname()}, then http://127.0.0.1:23300/api" in err
    assert not path.exists()


def test_whoever_does_not_read_what_it_says_does_not_hold_up_its_end(db: Path) -> None:
    read_end, write_end = os.pipe()
    with open(read_end, "rb"), open(write_end, "wb", buffering=0) as stderr:
        os.set_blocking(write_end, False)
        with contextlib.suppress(BlockingIOError):
            while stderr.write(b"x" * 65536):
                pass
        os.set_blocking(write_end, True)
        command = [sys.executable, "-m", "runicorn_tui", "serve", "--port", "0", "--db", str(db)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process:
            port_of(process)
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(timeout=30) == 0
            finally:
                process.kill()


def test_a_server_for_reading_with_a_log_and_metrics(serve: Serve, db: Path) -> None:
    process = serve("--db", db, "--read-only", "--metrics", "--access-log", "json", "--query-timeout", "9")
    port = port_of(process)
    kind = {"Content-Type": "application/json"}

    assert status(port, "/api/v2/experiments/batch-delete", kind, '{"exp_ids": ["a1"]}') == 403
    assert get(port, "/api/v2/experiments")["total"] == 4
    assert status(port, "/metrics") == 200
    process.send_signal(signal.SIGTERM)
    lines = [json.loads(line) for line in process.communicate(timeout=30)[1].splitlines() if line.startswith("{")]
    assert [(line["target"], line["status"]) for line in lines] == [
        ("/api/v2/experiments/batch-delete", 403),
        ("/api/v2/experiments", 200),
        ("/metrics", 200),
    ]


@pytest.mark.parametrize(
    ("flags", "code"), [((), 403), (("--allow-purge",), 200), (("--allow-purge", "--read-only"), 403)]
)
def test_the_trash_is_emptied_over_rest_only_where_the_server_may(
    serve: Serve, db: Path, root: Path, flags: tuple[str, ...], code: int
) -> None:
    with Store(db) as store:
        store.delete(["a1"], source="cli")
        (directory,) = root.rglob("a1")
    port = port_of(serve("--db", db, "--no-watch", *flags))

    json_type = {"Content-Type": "application/json"}
    assert status(port, "/api/recycle-bin/empty", json_type, '{"confirm": true}') == code
    assert directory.exists() == (code == 403)


def test_the_origin_and_the_proxy_of_the_flags_are_believed(serve: Serve, db: Path) -> None:
    port = port_of(
        serve("--db", db, "--cors-origin", "https://lab.example", "--trusted-proxy", "127.0.0.1", "--require-peer")
    )
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    remaining = []
    for client in ("10.0.0.1", "10.0.0.2"):
        connection.request("GET", "/api/health", headers={"Origin": "https://lab.example", "X-Forwarded-For": client})
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Access-Control-Allow-Origin") == "https://lab.example"
        remaining.append(answer.getheader("X-RateLimit-Remaining"))
    connection.close()

    assert remaining == ["59", "59"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--cors-origin", "*"), "cors_origin must be one origin"),
        (("--cors-origin", "https://lab.example/path"), "cors_origin must be one origin"),
        (("--allowed-host", "gpu07:23300"), "allowed_hosts must be names or addresses without"),
        (("--allowed-host", "http://gpu07"), "allowed_hosts must be names or addresses without"),
        (("--allowed-host", "*"), "allowed_hosts must be names or addresses without"),
        (("--trusted-proxy", "proxy.lab"), "trusted_proxies must be IP addresses"),
        (("--query-timeout", "0"), "query_timeout must be from 0.1"),
        (("--access-log", "xml"), "'xml' is not one of"),
        (("--host", "0.0.0.0"), "--token-file"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run: Run, db: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = run("serve", "--db", db, *arguments)

    assert result.code == 2
    assert sentence in result.err


def test_what_the_system_cannot_tell_is_said_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("runicorn_api.peers.TABLES", (tmp_path / "none", tmp_path / "none6"))

    (hint,) = hints(Settings())
    assert "every user of this machine can use the server" in hint
    (hint,) = hints(Settings(require_peer=True))
    assert "every client is refused" in hint
    assert hints(Settings(token="sixteen-letters.")) == []


def test_unknown_rate_limits_are_refused(run: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNICORN_TUI_RATE_LIMITS", "lists=2")

    assert run("serve", "--db", db).code == 2
