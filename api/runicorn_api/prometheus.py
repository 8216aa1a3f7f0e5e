"""`/metrics`: what the server did and how the index is, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

import falcon
import psutil

from runicorn_api import contract
from runicorn_api.exchanges import Exchange
from runicorn_api.readers import Readers
from runicorn_db.errors import StoreError
from runicorn_db.query import Health
from runicorn_db.store import Store

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Counters:
    """Counts answers by route and status. Thread-safe; as large as the routes are many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def observe(self, exchange: Exchange) -> None:
        # Any word can be a method, and each would be a series of its own.
        method = exchange.method if exchange.method in _METHODS else "other"
        with self._lock:
            self._answers[exchange.route, method, exchange.status] += 1
            counts = self._durations.setdefault(exchange.route, [0] * (len(BUCKETS) + 1))
            counts[bisect_left(BUCKETS, exchange.seconds)] += 1
            self._seconds[exchange.route] = self._seconds.get(exchange.route, 0.0) + exchange.seconds

    def lines(self) -> list[str]:
        with self._lock:
            answers = sorted(self._answers.items())
            durations = {route: list(counts) for route, counts in sorted(self._durations.items())}
            seconds = dict(self._seconds)
        limited: Counter[str] = Counter()
        for (route, _, status), count in answers:
            limited[route] += count if status == 429 else 0
        return [
            *_family("runicorn_http_requests_total", "counter", "Requests answered."),
            *(
                _sample("runicorn_http_requests_total", count, route=route, method=method, status=status)
                for (route, method, status), count in answers
            ),
            *_family("runicorn_http_request_duration_seconds", "histogram", "Time to answer a request."),
            *(line for route in durations for line in _histogram(route, durations[route], seconds[route])),
            *_family("runicorn_http_rate_limited_total", "counter", "Requests refused by a rate limit."),
            *(_sample("runicorn_http_rate_limited_total", count, route=route) for route, count in limited.items()),
        ]


def _histogram(route: str, counts: Iterable[int], seconds: float) -> list[str]:
    name = "runicorn_http_request_duration_seconds"
    lines: list[str] = []
    total = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        lines.append(_sample(f"{name}_bucket", total, route=route, le=bound))
    return [*lines, _sample(f"{name}_sum", seconds, route=route), _sample(f"{name}_count", total, route=route)]


def _family(name: str, kind: str, sentence: str) -> tuple[str, str]:
    return f"# HELP {name} {sentence}", f"# TYPE {name} {kind}"


def _sample(name: str, value: float, **labels: object) -> str:
    written = ",".join(f'{label}="{str(text).translate(_ESCAPES)}"' for label, text in labels.items())
    return f"{name}{{{written}}} {value}" if written else f"{name} {value}"


class Prometheus:
    """Answers also when the index cannot: then `runicorn_index_ok` is 0 and what the index tells is left out."""

    def __init__(self, store: Store, readers: Readers, counters: Counters) -> None:
        self._store = store
        self._readers = readers
        self._counters = counters
        self._process = psutil.Process()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        try:
            health = self._readers.health(self._store.health)
        except StoreError:
            health = None
        lines = [
            *self._counters.lines(),
            *_index(health, time.time()),
            *_family("process_resident_memory_bytes", "gauge", "Resident memory of the process."),
            _sample("process_resident_memory_bytes", self._process.memory_info().rss),
        ]
        resp.content_type = TEXT_FORMAT
        resp.data = "".join(line + "\n" for line in lines).encode("utf-8", "replace")

    on_head = on_get


def _index(health: Health | None, now: float) -> list[str]:
    lines = [
        *_family("runicorn_index_ok", "gauge", "1 when the index answers."),
        _sample("runicorn_index_ok", int(health is not None)),
    ]
    if health is None:
        return lines
    ages: Mapping[str, float] = {
        root.name: max(0.0, now - root.last_synced_at) for root in health.roots if root.last_synced_at is not None
    }
    return [
        *lines,
        *_family("runicorn_experiments", "gauge", "Experiments in the index, without the trash."),
        _sample("runicorn_experiments", health.experiments),
        *_family("runicorn_index_size_bytes", "gauge", "Size of the index file."),
        _sample("runicorn_index_size_bytes", health.database_size_bytes),
        *_family("runicorn_sync_age_seconds", "gauge", "Time since a root was last read."),
        *(_sample("runicorn_sync_age_seconds", round(age, 3), root=name) for name, age in ages.items()),
    ]
