from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from runicorn_api.listening import CannotListen, PortTaken, listen, listen_unix, remove_unix, unix_identity


def test_a_taken_port_is_told_with_its_owner_and_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as error:
            listen("127.0.0.1", port)
    sentence = str(error.value)
    assert sentence.startswith(f"Port {port} on 127.0.0.1 is taken by ")
    assert f"(pid {os.getpid()})" in sentence
    assert sentence.endswith("--port 0 for any free one")


def test_an_owner_that_cannot_be_seen_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken, match="is taken by another process"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("no.such.host.invalid", 0, "Host 'no.such.host.invalid' is not known on this machine"),
        ("203.0.113.1", 0, "Cannot listen on 203.0.113.1:0: Cannot assign requested address"),
        ("127.0.0.1", 70000, "Cannot listen on 127.0.0.1:70000: a port is a number from 0 to 65535"),
    ],
)
def test_an_address_that_cannot_be_served_is_told(host: str, port: int, sentence: str) -> None:
    with pytest.raises(CannotListen) as error:
        listen(host, port)
    assert str(error.value) == sentence


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_socket_file_is_its_users_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "socket"
    previous = os.umask(umask)
    try:
        with listen_unix(path), socket.socket(socket.AF_UNIX) as client:
            assert path.stat().st_mode & 0o777 == 0o600
            client.connect(str(path))
    finally:
        os.umask(previous)


def test_the_socket_file_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    listen_unix(path).close()
    stale = unix_identity(str(path))
    with listen_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        # What the dead one would have removed is not its own any more, unless the number was given again.
        if unix_identity(str(path)) != stale:
            remove_unix(str(path), stale)
            assert path.exists()
        remove_unix(str(path), unix_identity(str(path)))
        assert not path.exists()
        remove_unix(str(path), stale)


def test_the_socket_file_of_a_living_server_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with listen_unix(path), pytest.raises(PortTaken, match=f"Another server listens on {path} already"):
        listen_unix(path)


def test_a_server_whose_queue_is_full_is_a_living_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runicorn_api.listening._PATIENCE_SECONDS", 0.1)
    path = tmp_path / "socket"
    with listen_unix(path) as server, socket.socket(socket.AF_UNIX) as first:
        server.listen(0)
        first.connect(str(path))
        with pytest.raises(PortTaken):
            listen_unix(path)


def test_other_files_and_impossible_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotListen, match="is no socket; it was left alone"):
        listen_unix(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(CannotListen, match="No such file or directory"):
        listen_unix(tmp_path / "none" / "socket")
    with pytest.raises(CannotListen, match="too long"):
        listen_unix(tmp_path / ("x" * 200))
