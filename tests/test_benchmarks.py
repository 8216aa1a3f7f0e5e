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
def test_queries_are_timed_beside_sql_by_hand_that_finds_the_same(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    run("make_index.py", 2000, "--db", index)
    printed = run("queries.py", index, "--rounds", 2)
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    found = {label: matches for label, matches, *_ in rows}
    assert found["| search two Chinese characters"] == "342"
    assert found["| search rare word"] == "4"
    assert found["| search no match"] == "0"
    assert len(found) > 40
    assert " ms as tuples by hand" in printed


@pytest.mark.slow
def test_a_row_that_does_not_find_what_it_says_ends_the_measurement(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    run("make_index.py", 200, "--db", index)
    command = [sys.executable, str(BENCHMARKS / "queries.py"), str(index), "--rounds", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "not what it is to find" in ended.stderr


@pytest.mark.slow
def test_the_load_on_rest_is_timed_and_its_memory_measured() -> None:
    printed = run("http_load.py", "--experiments", 200, "--seconds", 0.2)
    assert "| 8 clients | " in printed
    assert "| two Chinese characters | " in printed


@pytest.mark.slow
def test_a_restart_after_kill_9_is_timed(tmp_path: Path) -> None:
    index = tmp_path / "index.db"
    run("make_index.py", 200, "--db", index)
    printed = run("restart.py", index, "--rounds", 1)
    assert "| time | " in printed
    assert "| processor time of the server | " in printed


@pytest.mark.slow
def test_reading_is_timed_for_a_root_and_for_one_long_file() -> None:
    printed = run("ingest.py", 100, "--steps", 3, "--long-mb", 1)
    assert "| cold sync, whole process: median, fastest, slowest | " in printed
    assert "| warm sync, median | " in printed
    assert "| one line more in it | " in printed
