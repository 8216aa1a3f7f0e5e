"""Prints what series cost as a Markdown table: `python benchmarks/series.py [--steps N] [--long-steps N]`.

One experiment of five metrics and one long experiment of three are written by `series.append` into an index in a
temporary folder and read by `Store.series`; the last rows ask a server in a process of its own.
"""

from __future__ import annotations

import argparse
import http.client
import math
import random
import statistics
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from figures import machine, server

from runicorn_db import series
from runicorn_db.chunks import Points
from runicorn_db.query import MetricsQuery
from runicorn_db.series import SeriesBatch
from runicorn_db.store import Store

METRICS = ("loss", "accuracy", "learning_rate", "grad_norm", "throughput")
BATCH = 50_000
ANSWER_ROWS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--long-steps", type=int, default=10_000_000, help="0 leaves the long experiment out")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(machine(), "\n| series | p50 ms | p95 ms | max ms |\n|---|---|---|---|", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index.db"
        with Store(index) as store:
            store.add_root(folder, "bench")
            measure_writing(store, options.steps, options.rounds)
            measure_reading(store, options.steps, options.rounds)
            if options.long_steps:
                fill(store, "long", METRICS[:3], options.long_steps)
                measure_long(store, options.long_steps, options.rounds)
            fill(store, "answer", METRICS[:3], ANSWER_ROWS)
        measure_server(index, options.rounds)


def row(label: str, milliseconds: Sequence[float]) -> None:
    p50 = statistics.median(milliseconds)
    p95 = statistics.quantiles(milliseconds, n=20)[18] if len(milliseconds) > 1 else p50
    print(f"| {label} | {p50:.2f} | {p95:.2f} | {max(milliseconds):.2f} |", flush=True)


def timed(call: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each call, after one that is not counted."""
    call()
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return times


CHANCE = random.Random(7)
NOISE = array("d", [CHANCE.gauss(0, 0.05) for _ in range(99_991)]) * 2


def batch(metrics: Sequence[str], begin: int, end: int) -> SeriesBatch:
    """Falling curves with noise in all 53 bits: nothing of them can be packed."""
    points: dict[str, Points] = {}
    for number, name in enumerate(metrics):
        offset = (begin * 31 + number * 7919) % 99_991
        level = math.exp(-begin / 300_000) + number
        noise = NOISE[offset : offset + end - begin]
        points[name] = Points(array("q", range(begin, end)), array("d", [level + value for value in noise]))
    steps = array("q", range(begin, end))
    uneven = NOISE[begin % 99_991 :][: end - begin]
    times = array("d", [1.7e9 + 0.3 * step + abs(value) for step, value in zip(steps, uneven, strict=True)])
    return SeriesBatch(points=points, texts=[], times=Points(steps, times))


def fill(store: Store, name: str, metrics: Sequence[str], steps: int) -> int:
    """A new experiment of so many steps; its seq."""
    with store.database.writing() as connection:
        (seq,) = connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM experiment").fetchone()
        connection.execute(
            "INSERT INTO experiment (seq, id, root_id, path, layout, project, name, status, recorded_status,"
            " created_at, updated_at) VALUES (?, ?, 1, ?, '0.7', 'bench', 'bench', 'finished', 'finished', 1e9, 1e9)",
            (seq, name, name.encode()),
        )
    for begin in range(0, steps, BATCH):
        with store.database.writing() as connection:
            series.append(connection, seq, batch(metrics, begin, min(begin + BATCH, steps)))
    return seq


def measure_writing(store: Store, steps: int, rounds: int) -> None:
    began = time.perf_counter()
    seq = fill(store, "run", METRICS, steps)
    seconds = time.perf_counter() - began
    with store.database.snapshot() as connection:
        # The number of pages is known only once something was read.
        connection.execute("SELECT count(*) FROM experiment").fetchone()
        size = math.prod(connection.execute(f"PRAGMA page_{what}").fetchone()[0] for what in ("count", "size"))
    points = steps * len(METRICS)
    print(f"| write {steps:,} steps x {len(METRICS)}: {points / seconds / 1e6:.2f} M points/s | | | |")
    print(f"| size with times: {size / points:.2f} bytes a point | | | |")
    count = rounds * 5
    batches = iter([batch(METRICS, steps + 10 * number, steps + 10 * number + 10) for number in range(count + 1)])

    def append() -> None:
        with store.database.writing() as connection:
            series.append(connection, seq, next(batches))

    row(f"append 10 steps x {len(METRICS)}, committed", timed(append, count))


def measure_reading(store: Store, steps: int, rounds: int) -> None:
    def ask(label: str, rounds: int, **query: object) -> None:
        question = MetricsQuery(experiment_id="run", **query)  # type: ignore[arg-type]
        row(f"{steps:,} x {len(METRICS)}: {label}", timed(lambda: store.series(question), rounds))

    ask("downsample=1000, one metric", rounds, metrics=METRICS[:1], downsample=1000)
    ask("downsample=1000, five metrics", rounds, downsample=1000)
    ask("downsample=1000, one metric and times", rounds, metrics=METRICS[:1], downsample=1000, with_times=True)
    half = {"step_min": steps // 4, "step_max": steps * 3 // 4}
    ask("downsample=1000, one metric, half the range", rounds, metrics=METRICS[:1], downsample=1000, **half)
    ask("downsample=100000, one metric", 3, metrics=METRICS[:1], downsample=100_000)
    ask("step_range=100:500, one metric", rounds, metrics=METRICS[:1], step_min=100, step_max=500)
    ask("step_range=100:500, five metrics", rounds, step_min=100, step_max=500)
    ask("all of two metrics", 5, metrics=METRICS[:2])


def measure_long(store: Store, steps: int, rounds: int) -> None:
    for count, label in ((1, "one metric"), (3, "three metrics")):
        question = MetricsQuery(experiment_id="long", metrics=METRICS[:count], downsample=1000)
        times = timed(lambda: store.series(question), rounds)  # noqa: B023 - called at once
        row(f"{steps:,} x 3: downsample=1000, {label}", times)


def measure_server(index: Path, rounds: int) -> None:
    with server(index) as (host, port, _):
        answer = f"/api/v2/experiments/answer/metrics/fast?step_range=0:{ANSWER_ROWS - 1}"
        connection = http.client.HTTPConnection(host, port)
        sizes: list[int] = []
        times = timed(lambda: sizes.append(len(fetch(connection, answer))), rounds)
        row(f"HTTP: {ANSWER_ROWS:,} rows x 3 ({sizes[0] / 2**20:.1f} MiB)", times)
        thin = "/api/v2/experiments/run/metrics/fast?downsample=1000&metric_names=" + METRICS[0]
        row("HTTP: downsample=1000, one metric", timed(lambda: fetch(connection, thin), rounds))
        row("HTTP: a page of the list, alone", timed(lambda: fetch(connection, "/api/v2/experiments"), rounds))
        row("HTTP: a page of the list, beside such answers", waits_beside(host, port, answer, rounds))
        connection.close()


def fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        sys.exit(f"{path}: {response.status} {body[:200]!r}")
    return body


def waits_beside(host: str, port: int, answer: str, rounds: int) -> list[float]:
    """How long another client waits for small answers while one asks for large ones all the time."""
    is_over = threading.Event()

    def keep_asking() -> None:
        connection = http.client.HTTPConnection(host, port)
        while not is_over.is_set():
            fetch(connection, answer)
        connection.close()

    asking = threading.Thread(target=keep_asking)
    asking.start()
    connection = http.client.HTTPConnection(host, port)
    try:
        return timed(lambda: fetch(connection, "/api/v2/experiments"), rounds * 5)
    finally:
        is_over.set()
        asking.join()
        connection.close()


if __name__ == "__main__":
    main()
