"""Whether an experiment that is recorded as running is still being run, as far as this host can tell."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable

SILENCE_SECONDS = 600.0

# The start of a process is known to the clock's last correction and the kernel's ticks, no better.
_CLOCK_SLACK_SECONDS = 2.0
_MAX_PID = 2**31 - 1


def process_started_at(pid: int) -> float | None:
    """When the process with this number began (Unix seconds), None if there is none.

    A process that may not be looked at counts as one that began at the beginning of time.
    """
    import psutil

    if not 0 < pid <= _MAX_PID:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time()
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return 0.0


@functools.cache
def boot_time() -> float:
    """When this host was started (Unix seconds); asked once."""
    import psutil

    return psutil.boot_time()


def is_dead(
    *,
    hostname: str | None,
    pid: int | None,
    created_at: float,
    last_event_at: float | None,
    now: float,
    started_at_of: Callable[[int], float | None] = process_started_at,
    booted_at: Callable[[], float] = boot_time,
    this_host: Callable[[], str] = socket.gethostname,
) -> bool:
    """Whether a running experiment is surely dead; False wherever this host cannot tell.

    Dead: it was made on this host; its process is gone, or is another that began (or the host was
    started) after `created_at`; and no event came for ten minutes. `last_event_at` is the
    modification time of events.jsonl, or of what was written last; None counts from `created_at`.
    """
    silent_since = created_at if last_event_at is None else max(created_at, last_event_at)
    if now - silent_since < SILENCE_SECONDS or not hostname or hostname != this_host():
        return False
    latest_start = created_at + _CLOCK_SLACK_SECONDS
    if booted_at() > latest_start:
        return True
    if pid is None:
        return False
    started_at = started_at_of(pid)
    return started_at is None or started_at > latest_start
