"""docs/service.md and its files do what they say."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runicorn_tui.cli import cli

DOCS = Path(__file__).parent.parent / "docs"
UNIT = DOCS / "runicorn-tui.service"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def program() -> Path:
    """`runicorn-tui` where the unit looks for it."""
    path = Path.home() / ".local/bin/runicorn-tui"
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m runicorn_tui "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.usefixtures("program", "runtime")
def test_systemd_finds_nothing_wrong_with_the_unit() -> None:
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(UNIT)], check=False, capture_output=True, text=True
    )
    if "Failed to initialize manager" in done.stderr:
        pytest.skip("systemd-analyze cannot work here")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_of_the_unit_serves_in_its_socket_and_ends_when_it_is_asked_to(
    program: Path, runtime: Path
) -> None:
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    words = shlex.split(command.replace("%h", str(Path.home())).replace("%t", str(runtime)))
    (runtime / "runicorn-tui").mkdir(mode=0o700)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving ")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(runtime / "runicorn-tui/rest.sock"))
            client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_every_option_that_the_documents_name_is_one() -> None:
    command = cli.get_command(cli.make_context("runicorn-tui", ["serve"], resilient_parsing=True), "serve")
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    container = (DOCS / "Containerfile").read_text()
    (entry,) = re.findall(r"^ENTRYPOINT \[(.*)\]$", container, re.MULTILINE)
    used = set(re.findall(r'"(--[a-z-]+)"', entry))
    for line in [*UNIT.read_text().splitlines(), *(DOCS / "service.md").read_text().splitlines()]:
        if "runicorn-tui serve" in line:
            used |= set(re.findall(r"(?<!\S)(--[a-z-]+)", line.partition("runicorn-tui serve")[2]))
    assert used >= {"--unix-socket", "--token-file", "--host"}
    assert used <= known


def test_the_container_copies_what_the_wheel_is_made_of() -> None:
    container = (DOCS / "Containerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--)(.*) \S+$", container, re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    assert names == {"pyproject.toml", "README.md", "LICENSE", "runicorn_tui", "api", "db"}
    assert all((DOCS.parent / name).exists() for name in names)
