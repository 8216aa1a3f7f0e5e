from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from runicorn_db.sync import sync
from runicorn_tui.client import Client, ConnectionLost, NotFound, RateLimited, ServerError, Unauthorized, connect
from tests.client.conftest import Lab, Open
from tests.client.test_client import FIRST, SPARSE

RUNNING = "20240101_170000_000006"


def log_of(lab: Lab, run_id: str) -> Path:
    return Path(lab.client.get_experiment(run_id).experiment.run_dir) / "logs.txt"


def write(path: Path, *lines: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\n" for line in lines))


def end(lab: Lab, run_id: str) -> None:
    """What a program writes at its end, and the index after it."""
    path = log_of(lab, run_id).with_name("status.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "finished", "ended_at": time.time()}))
    sync(lab.store)


@pytest.mark.parametrize("follow", [True, False])
def test_the_log_of_a_run_that_has_ended_is_told_to_its_end(lab: Lab, follow: bool) -> None:
    for run_id in (FIRST, SPARSE):
        path = log_of(lab, run_id)
        write(path, "epoch 1", "", "Ünï 学习 \x1b[31mred", "x" * 70_000)
        with path.open("a") as file:
            file.write("no line break")
        lines = list(lab.client.logs(run_id, follow=follow))

        assert lines[:3] == ["epoch 1", "", "Ünï 学习 \x1b[31mred"]
        assert lines[3].startswith("x" * 60_000)
        assert lines[4:] == ["no line break"]


def test_a_run_without_a_log_has_no_lines(client: Client) -> None:
    assert list(client.logs(FIRST)) == []
    assert list(client.logs(RUNNING, follow=False)) == []


def test_a_running_log_is_followed_until_the_run_ends(lab: Lab) -> None:
    path = log_of(lab, RUNNING)
    write(path, "one", "two")
    lines = lab.client.logs(RUNNING)
    assert [next(lines), next(lines)] == ["one", "two"]
    for number in range(3):
        write(path, f"more {number}")
        assert next(lines) == f"more {number}"
    write(path, "last")
    end(lab, RUNNING)

    assert list(lines) == ["last"]


@pytest.mark.parametrize("count", [1, 2_000, 12_000])
def test_without_following_a_running_log_ends_when_all_was_sent(lab: Lab, count: int) -> None:
    written = [f"line {number} of many, which are long enough to need many reads" for number in range(count)]
    write(log_of(lab, RUNNING), *written)

    assert list(lab.client.logs(RUNNING, follow=False)) == written[-10_000:]


def test_a_run_that_nobody_knows_is_told_so(client: Client) -> None:
    with pytest.raises(NotFound, match="Run not found: nobody x") as error:
        next(client.logs("nobody x"))
    assert error.value.status == 404


def test_a_log_that_cannot_be_read_is_told_so(lab: Lab) -> None:
    log_of(lab, FIRST).mkdir()

    with pytest.raises(ServerError, match="The log cannot be read"):
        next(lab.client.logs(FIRST))


def test_a_stream_that_is_left_makes_room_for_another(lab: Lab) -> None:
    write(log_of(lab, RUNNING), "hello")
    streams = [lab.client.logs(RUNNING) for _ in range(10)]
    assert [next(stream) for stream in streams] == ["hello"] * 10
    with pytest.raises(RateLimited, match="Too many log streams: 10 of one client"):
        next(lab.client.logs(RUNNING))
    for stream in streams:
        stream.close()

    assert eventually_first_line(lab.client) == "hello"


def eventually_first_line(client: Client) -> str:
    """The server needs a moment to see that somebody has left."""
    until = time.monotonic() + 30
    while True:
        try:
            return next(client.logs(RUNNING))
        except RateLimited:
            assert time.monotonic() < until


def test_a_server_that_stops_says_so(lab: Lab) -> None:
    write(log_of(lab, RUNNING), "hello")
    lines = lab.client.logs(RUNNING)
    assert next(lines) == "hello"
    stopping = threading.Thread(target=lab.server.stop)
    stopping.start()

    with pytest.raises(ConnectionLost, match="The server ended the log stream: The server is stopping"):
        next(lines)
    stopping.join()


def test_streams_need_the_token_too_and_go_through_a_unix_socket(open_lab: Open, tmp_path: Path) -> None:
    lab = open_lab(token="s3cret", unix_socket=tmp_path / "rest.sock", connecting={"token": "s3cret"})
    write(log_of(lab, FIRST), "hello")

    assert list(lab.client.logs(FIRST)) == ["hello"]
    with connect(lab.url) as nobody, pytest.raises(Unauthorized, match="Token required"):
        next(nobody.logs(FIRST))


def test_lines_are_followed_while_other_calls_are_made(lab: Lab) -> None:
    path = log_of(lab, RUNNING)
    write(path, "0")
    lines = lab.client.logs(RUNNING)
    for number in range(5):
        assert next(lines) == str(number)
        assert lab.client.get_experiment(RUNNING).experiment.status == "running"
        write(path, str(number + 1))


def test_nobody_there_is_told(lab: Lab) -> None:
    lab.server.stop()

    with pytest.raises(ConnectionLost, match="Nothing answers at"):
        next(lab.client.logs(FIRST))
