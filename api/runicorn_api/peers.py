"""Which user of this machine a connection belongs to.

Every user of a shared machine reaches 127.0.0.1. Linux tells whose the other end of a connection is: for one of them
by sock_diag(7), for all of them, and where that is not to be had, by the tables of proc_pid_net(5); for Unix sockets
by SO_PEERCRED.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import struct
import threading
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

GONE = -1
"""Nobody's: the other end has been closed already. The kernel shows such a connection as root's."""

_MAPPED = "0000000000000000FFFF0000"
"""Before an IPv4 address in the table of IPv6: a client may use 127.0.0.1 through an IPv6 socket."""

_TRIES = 3

_KERNEL_SECONDS = 1.0
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY = 0xFFFFFFFF
_HEAD = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBxxI2s2s16s16sIII")
_ANSWER = struct.Struct("=4x48x12xII")
"""Of `struct inet_diag_msg`: uid and inode."""


def own_uids() -> frozenset[int]:
    """Whose connections are served: this user's and root's, who can do everything anyway."""
    return frozenset({os.getuid(), os.geteuid(), 0})


def can_tell() -> bool:
    """Whether this system tells whose a loopback connection is."""
    return os.access(TABLES[0], os.R_OK)


class Peers:
    """Tells whose connections are. Thread-safe; holds a socket to the kernel until `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kernel: socket.socket | None = None
        self._asked = 0
        if can_tell():
            # Opened now: with every descriptor taken, nobody could be told from a stranger.
            with contextlib.suppress(OSError):
                self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
                self._kernel.settimeout(_KERNEL_SECONDS)

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.close()

    def uid_of(self, connection: socket.socket) -> int | None:
        """The user at the other end; None where that cannot be known, GONE when the other end is no more."""
        try:
            if connection.family == socket.AF_UNIX:
                return _unix_uid(connection)
            ours, theirs = connection.getsockname()[:2], connection.getpeername()[:2]
        except OSError:
            return GONE
        if not is_loopback(theirs[0]) or not can_tell():
            return None
        if self._kernel is not None:
            try:
                with self._lock:
                    self._asked += 1
                    return _ask_kernel(self._kernel, self._asked, connection.family, theirs, ours)
            except OSError:
                # A kernel without sock_diag, or a sandbox.
                pass
        return _look_up(theirs, ours)


def _ask_kernel(
    kernel: socket.socket, number: int, family: int, client: tuple[str, int], server: tuple[str, int]
) -> int:
    """The user of one connection, whatever the number of others. Raises OSError where sock_diag is not to be had."""
    (source, source_port), (target, target_port) = _in_network_order(client), _in_network_order(server)
    question = _QUESTION.pack(family, socket.IPPROTO_TCP, _ANY, source_port, target_port, source, target, 0, _ANY, _ANY)
    head = _HEAD.pack(_HEAD.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, number & _ANY, 0)
    kernel.send(head + question)
    while True:
        answer = kernel.recv(8192)
        _, kind, _, answered, _ = _HEAD.unpack_from(answer)
        # An answer that came too late for the question before is passed over.
        if answered == number & _ANY:
            break
    if kind == _NLMSG_ERROR:
        (error,) = struct.unpack_from("=i", answer, _HEAD.size)
        if -error == errno.ENOENT:
            return GONE
        raise OSError(-error, os.strerror(-error))
    uid, inode = _ANSWER.unpack_from(answer, _HEAD.size)
    return uid if inode else GONE


def _in_network_order(address: tuple[str, int]) -> tuple[bytes, bytes]:
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    return packed.ljust(16, b"\0"), struct.pack("!H", address[1])


def _look_up(client: tuple[str, int], server: tuple[str, int]) -> int:
    for _ in range(_TRIES):
        # A table that changes while it is read may lack a row.
        if (uid := uids_of_clients(server).get(written(client))) is not None:
            return uid
    return GONE


def _unix_uid(connection: socket.socket) -> int | None:
    option: int | None = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    size = struct.calcsize("3i")
    return struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, size))[1]


def is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback


def uids_of_clients(server: tuple[str, int]) -> dict[str, int]:
    """The users of all connections to `server` on this machine, by address of the client as `written` has it.

    One pass over the table, which takes milliseconds where it is long; empty where there is none.
    """
    # sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    row = re.compile(
        rf" (?:{_MAPPED})?([0-9A-F:]+) (?:{_MAPPED})?{written(server)} [0-9A-F]+ \S+ \S+ \S+ +(\d+) +\d+ (\d+) "
    )
    uids: dict[str, int] = {}
    for table in TABLES:
        try:
            text = table.read_text("ascii")
        except OSError:
            continue
        for address, uid, inode in row.findall(text):
            uids[address] = int(uid) if inode != "0" else GONE
    return uids


def written(address: tuple[str, int]) -> str:
    """An address as the tables write it: words of 32 bits as this machine has them in memory."""
    packed = ipaddress.ip_address(address[0].partition("%")[0]).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
