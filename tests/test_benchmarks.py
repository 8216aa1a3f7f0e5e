"""The benchmarks run: what they measure is for people to read, never for a test to judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(BENCHMARKS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_queries_are_timed_beside_their_floor(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    run("make_index.py", 1000, "--db", index)
    rows = run("queries.py", index, "--rounds", 2).splitlines()
    assert any(row.startswith("| search two Chinese characters | ") for row in rows)
    assert sum(row.startswith("| ") for row in rows) > 40


@pytest.mark.slow
def test_the_load_on_rest_is_timed() -> None:
    assert "| 8 clients | " in run("http_load.py", "--experiments", 200, "--seconds", 0.2)
