from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from runicorn_db.liveness import boot_time, is_dead, process_started_at

NOW = 100_000.0
CREATED = 50_000.0


def judge(
    *,
    hostname: str | None = "gpu01",
    pid: int | None = 7,
    last_event_at: float | None = CREATED,
    started_at: float | None = CREATED - 1,
    booted_at: float = 1.0,
    now: float = NOW,
) -> bool:
    return is_dead(
        hostname=hostname,
        pid=pid,
        created_at=CREATED,
        last_event_at=last_event_at,
        now=now,
        started_at_of=lambda _: started_at,
        booted_at=lambda: booted_at,
        this_host=lambda: "gpu01",
    )


def test_a_process_that_is_still_there_is_believed() -> None:
    assert not judge()


def test_a_process_that_is_gone_is_dead() -> None:
    assert judge(started_at=None)


def test_a_process_that_began_later_is_another_one() -> None:
    assert judge(started_at=CREATED + 60)
    assert not judge(started_at=CREATED + 0.5)  # within what clocks are good for


def test_a_boot_after_the_start_is_dead_whatever_the_number_says() -> None:
    assert judge(booted_at=CREATED + 60)
    assert judge(booted_at=CREATED + 60, pid=None)


def test_without_a_process_number_only_the_boot_tells() -> None:
    assert not judge(pid=None, started_at=None)


@pytest.mark.parametrize("hostname", ["gpu02", "GPU01", "", None])
def test_another_host_is_believed(hostname: str | None) -> None:
    assert not judge(hostname=hostname, started_at=None, booted_at=CREATED + 60)


@pytest.mark.parametrize(
    ("last_event_at", "now", "is_silent"),
    [
        (NOW - 599, NOW, False),
        (NOW - 601, NOW, True),
        (NOW + 3600, NOW, False),
        (None, CREATED + 599, False),
        (None, CREATED + 601, True),
        (0.0, CREATED + 599, False),
    ],
)
def test_only_ten_minutes_of_silence_let_anything_die(last_event_at: float | None, now: float, is_silent: bool) -> None:
    assert judge(started_at=None, last_event_at=last_event_at, now=now) == is_silent


def test_this_very_process_is_seen_with_its_start() -> None:
    started_at = process_started_at(os.getpid())
    assert started_at is not None
    assert boot_time() - 2 <= started_at <= time.time()


def test_a_process_that_ended_is_not_seen_even_unreaped() -> None:
    with subprocess.Popen([sys.executable, "-c", "import os; os.close(1)"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process_started_at(process.pid) is None  # a zombie
    assert process_started_at(process.pid) is None


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**63 - 1, -(2**63)])
def test_numbers_that_no_process_has_are_none(pid: int) -> None:
    assert process_started_at(pid) is None


def test_a_real_process_of_this_host_is_alive_by_default() -> None:
    import socket

    now = time.time()
    own = process_started_at(os.getpid())
    assert own is not None
    assert not is_dead(
        hostname=socket.gethostname(), pid=os.getpid(), created_at=own + 1, last_event_at=None, now=now + 3600
    )
    assert is_dead(hostname=socket.gethostname(), pid=2**30, created_at=own, last_event_at=None, now=now + 3600)
