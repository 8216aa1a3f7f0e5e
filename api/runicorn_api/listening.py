"""Sockets to listen on, or a sentence that says why there is none."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

import psutil

from runicorn_db.query import shown

_PATIENCE_SECONDS = 2.0


class CannotListen(OSError):
    """The address cannot be served; `str(error)` is a sentence fit for a person."""


class PortTaken(CannotListen):
    """Another process serves the address already."""


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises `PortTaken`, naming by whom where that can be seen, or `CannotListen`."""
    if not 0 <= port <= 65535:
        raise CannotListen(f"Cannot listen on {host}:{port}: a port is a number from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(f"Host '{shown(host)}' is not known on this machine") from None
    family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            owner = _owner_of(port) or "another process"
            sentence = f"Port {port} on {host} is taken by {owner}: name another one, or --port 0 for any free one"
            raise PortTaken(sentence) from None
        raise CannotListen(f"Cannot listen on {host}:{port}: {error.strerror}") from None
    return listener


def _owner_of(port: int) -> str | None:
    """Name and pid of the process that listens on `port`, None where the system does not tell."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            address: Any = connection.laddr
            is_listening = connection.status == psutil.CONN_LISTEN and address and address.port == port
            if is_listening and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def listen_unix(path: Path) -> socket.socket:
    """A listening socket in the file `path`, for this user (and root) alone.

    A file that a dead server left behind is replaced. Raises `PortTaken` when a server answers there, otherwise
    `CannotListen`.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        # Before listen(): until then nobody can connect, whatever the umask is.
        path.chmod(0o600)
        listener.listen()
    except PortTaken:
        listener.close()
        raise
    except OSError as error:
        listener.close()
        # "AF_UNIX path too long" comes without a number.
        raise CannotListen(f"Cannot listen on {path}: {error.strerror or error}") from None
    return listener


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "the file is there and is no socket; it was left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except (TimeoutError, BlockingIOError):
            # A server whose queue is full.
            pass
    raise PortTaken(f"Another server listens on {path} already: name another socket, or stop that one")


def remove_unix(path: str, identity: tuple[int, int]) -> None:
    """Remove the socket file, unless another server has put its own there."""
    with contextlib.suppress(OSError):
        if unix_identity(path) == identity:
            os.unlink(path)  # noqa: PTH108


def unix_identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
