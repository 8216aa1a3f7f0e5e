"""Threads for each kind of request, so that slow questions hold none that quick ones need."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import parse_qsl

from waitress.task import ThreadedTaskDispatcher

Lane = Literal["health", "quick", "search", "series", "files"]

THREADS: Mapping[Lane, int] = MappingProxyType({"health": 1, "quick": 8, "search": 2, "series": 2, "files": 2})
"""How many requests of each kind are worked on at once; of slow ones, one is read while another is written."""

_HEALTH = re.compile(r"/+(?:api/health|metrics)/?")
_SERIES = re.compile(r".*/(?:metrics(?:/fast|_step)?|csv|report)/?", re.DOTALL)
_FILES = re.compile(r"/+api/(?:runs|paths/runs|projects/.+/runs|artifacts(?:/.*)?)/?", re.DOTALL)
"""Files of many runs are read, on disks that may be slow."""

_WHOLE_INDEX = re.compile(r"/+api/(?:v2/analytics/summary|recycle-bin|(?:projects|paths)(?:/.*)?)/?", re.DOTALL)
_SEARCHING = {"search", "filter"}


def lane_of(method: str, path: str, query: str) -> Lane:
    """Only how long it may take is guessed from the target: what it means is for the application to say."""
    if method == "POST":
        # Of those that change something, few are let in at a time.
        return "quick"
    if _HEALTH.fullmatch(path):
        return "health"
    if _SERIES.fullmatch(path):
        return "series"
    if _FILES.fullmatch(path):
        return "files"
    is_search = _WHOLE_INDEX.fullmatch(path) or any(name in _SEARCHING for name, _ in parse_qsl(query))
    return "search" if is_search else "quick"


class Lanes:
    """What waitress calls its dispatcher: hands channels with a complete request to the threads of their lane."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, Any] = {lane: ThreadedTaskDispatcher() for lane in THREADS}
        for lane, count in THREADS.items():
            self._lanes[lane].set_thread_count(count)

    def add_task(self, channel: Any) -> None:
        channel.asked_at = time.monotonic()
        request = channel.requests[0]
        # What could not be read may have neither.
        lane = "quick" if request.error else lane_of(request.command, request.path, request.query)
        self._lanes[lane].add_task(channel)

    def shutdown(self, timeout: float) -> None:
        """Cancel what waits, and wait for the threads so many seconds."""
        deadline = time.monotonic() + timeout
        for dispatcher in self._lanes.values():
            dispatcher.set_thread_count(0)
        for dispatcher in self._lanes.values():
            dispatcher.shutdown(timeout=max(0.0, deadline - time.monotonic()))
