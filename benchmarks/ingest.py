"""Prints what reading a root costs as a Markdown table: `python benchmarks/ingest.py [EXPERIMENTS] [--steps STEPS]`.

A demo root is written to a temporary folder (or `--root` names one), synced by the command line in a process of its
own, then synced again unchanged and with one file grown; a last row reads one long events.jsonl.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from figures import PROGRAM, machine

from runicorn_db.demo import write_demo
from runicorn_db.query import ExperimentQuery
from runicorn_db.sources.events import read_events
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_db.sync_report import SyncProgress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", type=int, nargs="?", default=10_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--root", type=Path, help="a demo root that is there already")
    parser.add_argument("--long-mb", type=int, default=1000, help="size of the long file; 0 leaves it out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or write_demo(Path(folder) / "root", options.experiments, steps=options.steps)
        print(machine(), "\n| reading | |\n|---|---|", sep="\n", flush=True)
        measure_cold(root, Path(folder))
        measure_syncs(root, Path(folder) / "index.db")
        if options.long_mb:
            measure_long(Path(folder) / "long", options.long_mb)


def row(label: str, value: str) -> None:
    print(f"| {label} | {value} |", flush=True)


def measure_cold(root: Path, folder: Path, rounds: int = 3) -> None:
    """Whole processes, each with a new index and with the memory of all its processes together."""
    times: list[float] = []
    peak, cpu_before = 0, cpu_seconds()
    for number in range(rounds):
        index = folder / f"process-{number}.db"
        began = time.perf_counter()
        command = [*PROGRAM, "sync", str(root), "--db", str(index)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.05)
        if process.returncode:
            sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
        times.append(time.perf_counter() - began)
        size = index.stat().st_size
    row(
        "cold sync, whole process: median, fastest, slowest",
        f"{statistics.median(times):.2f}, {min(times):.2f}, {max(times):.2f} s",
    )
    row("CPU of all its processes", f"{(cpu_seconds() - cpu_before) / rounds:.2f} s")
    row("peak RSS of all its processes", f"{peak / 2**20:.0f} MiB")
    row("index", f"{size / 1e6:.0f} MB")


def cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def memory(pid: int) -> int:
    total = 0
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def measure_syncs(root: Path, index: Path) -> None:
    with Store(index) as store:
        store.add_root(root)
        phases: dict[str, float] = {}
        began = time.perf_counter()

        def note(progress: SyncProgress) -> None:
            now = time.perf_counter() - began
            if progress.phase == "list" and progress.done and "first" not in phases:
                store.find(ExperimentQuery())
                phases["first"] = time.perf_counter() - began
            phases[progress.phase] = now

        sync(store, progress=note)
        row("first page can be shown after", f"{phases['first']:.2f} s")
        row("everything is listed after", f"{phases['list']:.2f} s")
        row("all series are read after", f"{phases['series']:.2f} s")
        row("everything is measured after", f"{time.perf_counter() - began:.2f} s")
        row("warm sync, median", f"{median(lambda: sync(store)):.2f} s")
        row("warm sync, not thorough, median", f"{median(lambda: sync(store, is_thorough=False)):.2f} s")


def measure_long(root: Path, megabytes: int) -> None:
    # A run is as long as chance will have it: the second one is made as much longer as the first is too short.
    (probe,) = write_demo(root.with_suffix(".probe"), 1, steps=10_000).glob("**/events.jsonl")
    write_demo(root, 1, steps=round(10_000 * megabytes * 1e6 / probe.stat().st_size))
    (path,) = root.glob("**/events.jsonl")
    size = path.stat().st_size / 1e6
    began = time.process_time()
    for _ in read_events(str(path)):
        pass
    row(f"one file of {size:,.0f} MB, parsed by one core", f"{size / (time.process_time() - began):.0f} MB/s")
    with Store(root.with_suffix(".db")) as store:
        store.add_root(root)
        peak, is_over = [0], threading.Event()

        def watch() -> None:
            while not is_over.wait(0.05):
                peak[0] = max(peak[0], memory(psutil.Process().pid))

        watching = threading.Thread(target=watch)
        watching.start()
        began, cpu_before = time.perf_counter(), cpu_seconds()
        sync(store)
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu_before
        row("synced", f"{size / seconds:.0f} MB/s, {size / cpu:.0f} MB/s of CPU, {peak[0] / 2**20:.0f} MiB")
        is_over.set()
        watching.join()
        with path.open("ab") as events:
            events.write(b'{"ts": 2e9, "type": "metrics", "data": {"loss": 1.0, "global_step": 999999999}}\n')
        began = time.perf_counter()
        sync(store)
        row("one line more in it", f"{(time.perf_counter() - began) * 1000:.0f} ms")


def median(call: Callable[[], object], rounds: int = 7) -> float:
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
