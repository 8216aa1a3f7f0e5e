"""Prints how soon a server that was killed answers again: `python benchmarks/restart.py INDEX [--rounds N]`.

From `kill -9` of a `serve` that answers to the first list of the next one, and the processor time that this takes.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import time
from pathlib import Path

import psutil
from figures import PROGRAM, machine

LIST = "/api/v2/experiments"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    waited: list[float] = []
    worked: list[float] = []
    process = start(options.index)
    try:
        first_list(process)
        for _ in range(options.rounds):
            began = time.perf_counter()
            process.kill()
            process.communicate()
            process = start(options.index)
            worked.append(first_list(process))
            waited.append(time.perf_counter() - began)
    finally:
        process.kill()
        process.communicate()
    print(machine(), "| kill -9 to the first 200 | median s | longest s |", "|---|---|---|", sep="\n")
    for name, seconds in (("time", waited), ("processor time of the server", worked)):
        print(f"| {name} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")


def start(index: Path) -> subprocess.Popen[str]:
    command = [*PROGRAM, "serve", "--port", "0", "--db", str(index)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def first_list(process: subprocess.Popen[str]) -> float:
    """Asks for the list as soon as the server says where it is; seconds of processor time it has taken by then."""
    assert process.stdout is not None
    port = int(process.stdout.readline().split(":")[2].partition("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", LIST)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"the list answered {answer.status}")
    used = psutil.Process(process.pid).cpu_times()
    return used.user + used.system


if __name__ == "__main__":
    main()
