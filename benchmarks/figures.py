"""Prints the figures of README as Markdown tables: `python benchmarks/figures.py [EXPERIMENTS] [--steps STEPS]`.

Everything runs on one demo root in a temporary folder, through the doors that users have: the command line in
processes of its own, the REST server over a socket, the terminal through a pty.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import resource
import select
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import psutil

from runicorn_db.demo import write_demo

PROGRAM = (sys.executable, "-m", "runicorn_tui")


def contract_queries(project: str) -> dict[str, dict[str, str]]:
    """The rows of the contract's benchmark table; `project` has the most experiments."""
    return {
        "List all": {},
        "Filter by project": {"project": project},
        "Filter by status": {"status": "finished"},
        "Sort by metric": {"order_by": "best_metric_value"},
        "Complex query (4 filters)": {
            "project": project,
            "status": "finished,failed",
            "created_after": "1",
            "best_metric_min": "0.1",
            "order_by": "best_metric_value",
        },
        "Pagination (page 2)": {"page": "2"},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("experiments", type=int, nargs="?", default=10_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = write_demo(Path(folder) / "root", options.experiments, steps=options.steps)
        index = Path(folder) / "index.db"
        print(machine(), f"{options.experiments:,} experiments of {options.steps} steps each.", sep="\n\n")
        subprocess.run([*PROGRAM, "sync", str(root), "--db", str(index)], capture_output=True, check=True)
        rest(index, options.requests)
        terminal(index)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}"
    )


@contextmanager
def server(index: Path) -> Iterator[tuple[str, int, int]]:
    command = [*PROGRAM, "serve", "--db", str(index), "--port", "0", "--no-rate-limit", "--no-watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    address = urllib.parse.urlsplit(line.split()[1])
    assert address.hostname is not None
    assert address.port is not None
    try:
        yield address.hostname, address.port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def rest(index: Path, requests: int) -> None:
    with server(index) as (host, port, pid):
        connection = http.client.HTTPConnection(host, port)
        print("\n| query | matches | query_time_ms p50 | p95 | over a keep-alive socket p50 | p95 |")
        print("|---|---|---|---|---|---|")
        project = get(connection, "/api/v2/analytics/summary")["by_project"][0]["project"]
        for label, parameters in contract_queries(project).items():
            path = "/api/v2/experiments?" + urllib.parse.urlencode(parameters)
            answers = [timed(lambda: get(connection, path)) for _ in range(requests)]  # noqa: B023 - called at once
            inner = [answer["query_time_ms"] for _, answer in answers]
            outer = [seconds * 1000 for seconds, _ in answers]
            print(f"| {label} | {answers[0][1]['total']:,} | {quantiles(inner)} | {quantiles(outer)} |")
        print(f"\nServer: {psutil.Process(pid).memory_info().rss / 2**20:.0f} MiB RSS after {requests * 6:,} requests.")
        connection.close()


def highest(pid: int) -> float:
    """MiB that a process held at most so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def get(connection: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    connection.request("GET", path)
    response = connection.getresponse()
    return json.loads(response.read())


def timed(call: Callable[[], dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    answer = call()
    return time.perf_counter() - began, answer


def quantiles(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} | {statistics.quantiles(values, n=20)[18]:.2f}"


def terminal(index: Path, rounds: int = 7) -> None:
    """From the start of the process to the first rows on screen, and what a key costs, through a pty."""
    print("\n| terminal, 160x50 | median | max |\n|---|---|---|")
    firsts: list[float] = []
    keys: list[float] = []
    sizes: list[int] = []
    memory = 0.0
    for _ in range(rounds):
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("NO_COLOR", None)
        began = time.perf_counter()
        child = pexpect.spawn(PROGRAM[0], [*PROGRAM[1:], "--db", str(index)], dimensions=(50, 160), env=environment)
        # pexpect waits 50 ms before each key by itself.
        child.delaybeforesend = None
        child.expect_exact("finished", timeout=30)
        firsts.append(time.perf_counter() - began)
        drain(child, 1.5)
        for _ in range(10):
            began = time.perf_counter()
            child.send("\x1b[B")
            first, size = drain(child, 0.1, began)
            keys.append(first * 1000)
            sizes.append(size)
        memory = max(memory, psutil.Process(child.pid).memory_info().rss / 2**20)
        child.send("q")
        child.expect(pexpect.EOF, timeout=10)
        child.close()
    print(f"| start to first rows | {statistics.median(firsts):.2f} s | {max(firsts):.2f} s |")
    print(f"| key (down) to first byte | {statistics.median(keys):.1f} ms | {max(keys):.1f} ms |")
    print(f"| bytes for it | {statistics.median(sizes):.0f} | {max(sizes)} |")
    print(f"| RSS | {memory:.0f} MiB | |")


def drain(child: pexpect.spawn[bytes], quiet: float, began: float = 0.0) -> tuple[float, int]:
    """Read until nothing came for `quiet` seconds: time of the first byte since `began`, and how many bytes."""
    first, size = 0.0, 0
    while select.select([child.child_fd], [], [], quiet)[0]:
        data = os.read(child.child_fd, 65536)
        if not size:
            first = time.perf_counter() - began
        size += len(data)
    return first, size


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
