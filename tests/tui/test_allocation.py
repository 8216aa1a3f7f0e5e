from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Many answers of 300 kB, between them small objects that outlive them; before that two that come and go.
_PROGRAM = """
import sys
import psutil
from runicorn_tui.allocation import return_freed_memory
if sys.argv[1] == "returned":
    return_freed_memory()
for _ in range(2):
    bytes(2_000_000)
answers, kept = [], []
for _ in range(200):
    answers.append(bytes([1]) * 300_000)
    kept.append(bytes([1]) * 1000)
del answers
print(psutil.Process().memory_info().rss)
"""


def _memory_after(how: str) -> int:
    command = [sys.executable, "-c", _PROGRAM, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_what_long_answers_took_is_given_back_when_they_are_gone() -> None:
    assert _memory_after("returned") < _memory_after("kept") - 40_000_000
