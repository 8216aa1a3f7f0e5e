"""Writes a Runicorn root to measure on: `python benchmarks/make_root.py 10000 --steps 200 DIRECTORY`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from runicorn_db.demo import write_demo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiments", type=int)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--steps", type=int, default=200, help="lines of an experiment's events.jsonl, about")
    arguments = parser.parse_args()
    began = time.perf_counter()
    root = write_demo(arguments.directory, arguments.experiments, steps=arguments.steps)
    print(f"{root}: {arguments.experiments} experiments in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
