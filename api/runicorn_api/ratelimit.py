"""How many requests a client may make: a sliding window for each client and route."""

from __future__ import annotations

import math
import threading
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

WINDOW_SECONDS = 60
MAX_CLIENTS = 10_000

DEFAULT_RATE_LIMITS: Mapping[str, int] = MappingProxyType(
    {"list": 100, "detail": 200, "metrics": 100, "write": 10, "soft_delete": 20, "purge": 5, "other": 60}
)
"""Requests in 60 seconds for each kind of route; every route of a kind has a window of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a client has left on a route; `reset_seconds` until its oldest request leaves the window."""

    limit: int
    remaining: int
    reset_seconds: int
    is_allowed: bool = True

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }


class RateLimiter:
    """Counts requests of the last 60 seconds. Thread-safe; remembers the 10,000 clients that were seen last."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_clients: int = MAX_CLIENTS) -> None:
        self._clock = clock
        self._max_clients = max_clients
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, dict[str, array[float]]] = OrderedDict()
        self.refused = 0
        """Requests over a limit since the start."""

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, client: str, route: str, limit: int) -> Allowance:
        """Count a request, unless it is over the limit: refused requests do not prolong the wait."""
        with self._lock:
            now = self._clock()
            times = self._recent(client, route, now)
            is_allowed = len(times) < limit
            if is_allowed:
                times.append(now)
            else:
                self.refused += 1
            return _allowance(times, limit, now, is_allowed)

    def peek(self, client: str, route: str, limit: int) -> Allowance:
        """What `admit` would start from; nothing is counted or remembered."""
        with self._lock:
            now = self._clock()
            times = self._clients.get(client, {}).get(route, array("d"))
            return _allowance(times[bisect_right(times, now - WINDOW_SECONDS) :], limit, now, True)

    def _recent(self, client: str, route: str, now: float) -> array[float]:
        routes = self._clients.setdefault(client, {})
        self._clients.move_to_end(client)
        if len(self._clients) > self._max_clients:
            self._clients.popitem(last=False)
        # An array of doubles: 8 bytes a request, so that many clients stay cheap.
        times = routes.setdefault(route, array("d"))
        del times[: bisect_right(times, now - WINDOW_SECONDS)]
        return times


def _allowance(times: array[float], limit: int, now: float, is_allowed: bool) -> Allowance:
    reset = math.ceil(times[0] + WINDOW_SECONDS - now) if times else 0
    if not is_allowed:
        # A limit of 0 never frees a request; 1 at least, so that nobody is told to retry at once.
        reset = max(1, reset) if times else WINDOW_SECONDS
    return Allowance(limit=limit, remaining=max(0, limit - len(times)), reset_seconds=reset, is_allowed=is_allowed)
