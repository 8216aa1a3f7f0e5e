from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runicorn_db.run_directory import opened_file
from runicorn_tui import pager


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_users_pager_comes_before_less_and_less_before_more(tmp_path):
    assert pager.command({"PAGER": "most -s 'a b'"}) == ["most", "-s", "a b"]
    script(tmp_path / "less", "")
    assert pager.command({"PATH": str(tmp_path)}) == ["less", "-R"]
    assert pager.command({"PATH": str(tmp_path / "none"), "PAGER": ""}) == ["more"]


def test_the_pager_reads_the_file_that_was_opened_whatever_took_its_place(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "logs.txt").write_text("the log\n")
    seen = tmp_path / "seen"
    reader = script(tmp_path / "reader", f'cat "$2" > {seen}; echo "$1 $LESS" >> {seen}')
    with opened_file(str(run), b"logs.txt") as descriptor:
        (run / "logs.txt").unlink()
        (run / "logs.txt").symlink_to("/etc/passwd")
        environ = {"PAGER": f"{reader} -x", "PATH": os.environ["PATH"]}
        assert pager.page(descriptor, environ) is None
    assert seen.read_text() == "the log\n-x -R\n"


def test_an_interrupt_is_the_pagers_alone(tmp_path):
    (tmp_path / "logs.txt").write_text("x\n")
    before = signal.getsignal(signal.SIGINT)
    interrupting = script(tmp_path / "interrupting", "kill -INT $PPID; exec true")
    with opened_file(str(tmp_path), b"logs.txt") as descriptor:
        assert pager.page(descriptor, {"PAGER": interrupting, "PATH": os.environ["PATH"]}) is None
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("command", ["/nowhere/less", "less 'open"])
def test_a_pager_that_cannot_be_started_is_said(tmp_path, command):
    (tmp_path / "logs.txt").write_text("x\n")
    with opened_file(str(tmp_path), b"logs.txt") as descriptor:
        problem = pager.page(descriptor, {"PAGER": command})
    assert problem is not None
    assert problem.startswith("The pager cannot be started: ")
