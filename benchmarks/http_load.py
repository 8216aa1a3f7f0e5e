"""Prints what the REST API bears as Markdown tables: `python benchmarks/http_load.py [--experiments N]`.

An index of N experiments and a run of 100,000 steps with three metrics are made in a temporary folder and served by
`runicorn-tui serve` in a process of its own; the clients are threads of this one with a keep-alive socket each.
With `--index INDEX` that one is served instead, and only what the server holds in memory is measured.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from figures import PROGRAM, get, highest, machine, server, timed

LIST = "/api/v2/experiments"
RUN = "long_run"
STEPS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row")
    parser.add_argument("--index", type=Path, help="measure the memory of a server of this index")
    options = parser.parse_args()
    if options.index is not None:
        print(machine())
        with server(options.index) as (host, port, pid):
            memory((host, port), pid)
        return
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index.db"
        make_index = [sys.executable, str(Path(__file__).with_name("make_index.py")), str(options.experiments)]
        subprocess.run([*make_index, "--db", str(index)], check=True, stdout=subprocess.DEVNULL)
        root = write_long_run(Path(folder) / "root")
        subprocess.run([*PROGRAM, "sync", str(root), "--db", str(index)], check=True, capture_output=True)
        print(machine(), f"{options.experiments:,} experiments; client and server share the cores.", sep="\n\n")
        with server(index) as (host, port, pid):
            measure((host, port), options.seconds)
            memory((host, port), pid)


def measure(address: tuple[str, int], seconds: float) -> None:
    whole_run = f"{LIST}/{RUN}/metrics/fast"
    zipped = {"Accept-Encoding": "gzip"}
    for path in (LIST, whole_run):
        ask_once(address, path)
    print("\n| list of 50 | requests/s | p50 ms | p95 ms | max ms |\n|---|---|---|---|---|")
    for clients in (1, 8, 32):
        row(f"{clients} clients" if clients > 1 else "1 client", load(address, clients, seconds))
    row("8 clients, gzip", load(address, 8, seconds, zipped))
    tag = ask_once(address, LIST)[1].get("etag", "")
    row("8 clients, unchanged (304)", load(address, 8, seconds, {"If-None-Match": tag}))
    for label, headers in (("plain", {}), ("gzip", zipped)):
        with pulled(address, whole_run, headers) as pulls:
            times = load(address, 1, seconds)
        row(f"1 client, beside whole runs ({label}, {len(pulls) / seconds:.1f}/s)", times)
    size, packed = (ask_once(address, whole_run, headers)[2] for headers in ({}, zipped))
    print(f"\nThe whole run is {size / 1e6:.1f} MB, {packed / 1e6:.1f} MB with gzip.")


def memory(address: tuple[str, int], pid: int) -> None:
    """What the server holds after each kind of question, asked so often of one process."""
    served = psutil.Process(pid)
    print("\n| after 10 times | matches | seconds each | RSS MiB | highest MiB |\n|---|---|---|---|---|")
    print(f"| nothing | | | {served.memory_info().rss / 2**20:.0f} | {highest(pid):.0f} |")
    with closing(http.client.HTTPConnection(*address)) as connection:
        live = get(connection, LIST)["total"]
        for label, path in question_paths(live).items():
            times, answer = zip(*(timed(lambda: get(connection, path)) for _ in range(10)), strict=True)  # noqa: B023
            matches = f"{answer[-1]['total']:,}" if "total" in answer[-1] else ""
            figures = f"{statistics.median(times):.3f} | {served.memory_info().rss / 2**20:.0f} | {highest(pid):.0f}"
            print(f"| {label} | {matches} | {figures} |", flush=True)


def question_paths(live: int) -> dict[str, str]:
    """One question of each kind to an index with so many live experiments."""
    last_page = max(1, (live - 1) // 50 + 1)
    parameters: dict[str, dict[str, object]] = {
        "the newest": {},
        "the last page": {"page": last_page},
        "1000 a page": {"per_page": 1000},
        "project": {"project": "project_00"},
        "two statuses": {"status": "finished,failed"},
        "order by best metric": {"order_by": "best_metric_value"},
        "order by name, last page": {"order_by": "name", "page": last_page},
        "four filters": {
            "project": "project_00",
            "status": "finished,failed",
            "created_after": 1,
            "best_metric_min": 0.1,
        },
        "tags": {"tags": "baseline,sweep"},
        "a common word": {"search": "resnet50"},
        "a common word by metric": {"search": "resnet50", "order_by": "best_metric_value"},
        "two letters": {"search": "v1"},
        "two Chinese characters": {"search": "学习"},
    }
    paths = {label: f"{LIST}?{urllib.parse.urlencode(each)}" for label, each in parameters.items()}
    return paths | {"the summary": "/api/v2/analytics/summary"}


def row(label: str, times: list[float]) -> None:
    """`times`: seconds for each request, the last item the length of the whole measurement."""
    *each, whole = times
    milliseconds = [1000 * seconds for seconds in each]
    p95 = statistics.quantiles(milliseconds, n=20)[18]
    figures = f"{statistics.median(milliseconds):.2f} | {p95:.2f} | {max(milliseconds):.1f}"
    print(f"| {label} | {len(each) / whole:.0f} | {figures} |", flush=True)


def load(address: tuple[str, int], clients: int, seconds: float, headers: dict[str, str] | None = None) -> list[float]:
    """Seconds of each request that `clients` ask one after the other for so long, and of all together at the end."""
    times: list[float] = []
    began = time.perf_counter()

    def ask_on() -> None:
        with socket.create_connection(address) as connection:
            while (start := time.perf_counter()) < began + seconds:
                ask(connection, LIST, headers or {})
                times.append(time.perf_counter() - start)

    run_together([ask_on] * clients)
    return [*times, time.perf_counter() - began]


@contextmanager
def pulled(address: tuple[str, int], path: str, headers: dict[str, str]) -> Iterator[list[int]]:
    """Another client asks for `path` again and again; the sizes of what it was answered."""
    sizes: list[int] = []
    is_over = threading.Event()

    def pull() -> None:
        with socket.create_connection(address) as connection:
            while not is_over.is_set():
                sizes.append(ask(connection, path, headers)[2])

    puller = threading.Thread(target=pull)
    puller.start()
    try:
        yield sizes
    finally:
        is_over.set()
        puller.join()


def run_together(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask_once(
    address: tuple[str, int], path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], int]:
    with socket.create_connection(address) as connection:
        return ask(connection, path, headers or {})


def ask(connection: socket.socket, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], int]:
    """Status, headers and length of the body, which is read and thrown away.

    By hand: http.client would take longer for an answer than the server does.
    """
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            raise ConnectionError("The server closed the connection")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    answered = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    status = int(first.split()[1])
    if status not in (200, 304):
        raise SystemExit(f"{path}: {first}")
    length = 0 if status == 304 else int(answered["content-length"])
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(min(missing, 1 << 20)))
    return status, answered, length


def write_long_run(root: Path) -> Path:
    """A Runicorn root with one run of `STEPS` steps."""
    directory = root / "bench" / "long" / "runs" / RUN
    directory.mkdir(parents=True)
    created_at = 1_759_000_000.0
    meta = {"id": RUN, "project": "bench", "name": "long", "created_at": created_at}
    status = {"status": "finished", "started_at": created_at, "ended_at": created_at + STEPS}
    (directory / "meta.json").write_text(json.dumps(meta))
    (directory / "status.json").write_text(json.dumps(status))
    with (directory / "events.jsonl").open("w") as events:
        for step in range(1, STEPS + 1):
            values = {"loss": 2 / step, "accuracy": 1 - math.exp(-step / 9000), "rate": 0.001 * (1 + math.cos(step))}
            event = {"ts": created_at + step, "type": "metrics", "data": {"global_step": step, **values}}
            events.write(json.dumps(event) + "\n")
    return root


if __name__ == "__main__":
    main()
