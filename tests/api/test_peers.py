from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runicorn_api import peers
from runicorn_api.peers import GONE, Peers

pytestmark = pytest.mark.skipif(not peers.can_tell(), reason="this system does not tell whose a connection is")

FAMILIES = [
    (socket.AF_INET, "127.0.0.1", socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET6, "::1", socket.AF_INET6, "::1"),
    (socket.AF_INET, "127.0.0.1", socket.AF_INET6, "::ffff:127.0.0.1"),
]


@pytest.fixture(params=["kernel", "tables"])
def asking(request: pytest.FixtureRequest) -> Iterator[Peers]:
    """By each of the two ways."""
    asking = Peers()
    if request.param == "tables":
        asking.close()
        asking._kernel = None
    yield asking
    asking.close()


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6", "IPv4 through IPv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's and the server's end of a connection."""
    family, host, client_family, client_host = request.param
    with (
        socket.create_server((host, 0), family=family) as listening,
        socket.socket(client_family) as client,
    ):
        client.connect((client_host, listening.getsockname()[1]))
        ours, _ = listening.accept()
        with ours:
            yield client, ours


def test_the_user_at_the_other_end_is_told(asking: Peers, pair: tuple[socket.socket, socket.socket]) -> None:
    assert asking.uid_of(pair[1]) == os.getuid()
    pair[0].shutdown(socket.SHUT_WR)
    assert asking.uid_of(pair[1]) == os.getuid()


def test_whoever_has_gone_is_nobody_though_the_kernel_says_root(
    asking: Peers, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[0].sendall(b"x")
    pair[0].close()

    assert asking.uid_of(pair[1]) == GONE
    assert GONE not in peers.own_uids()


def test_a_connection_that_is_closed_here_is_nobodys(asking: Peers) -> None:
    with socket.socket() as closed:
        pass
    assert asking.uid_of(closed) == GONE


def test_another_machine_is_unknown() -> None:
    assert not peers.is_loopback("192.0.2.1")
    assert not peers.is_loopback("unix")
    assert peers.is_loopback("127.8.9.1")
    assert peers.is_loopback("::1")


def test_a_socket_file_tells_its_user(tmp_path: Path, asking: Peers) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        client.connect(str(tmp_path / "s"))
        with listening.accept()[0] as ours:
            assert asking.uid_of(ours) == os.getuid()


def test_all_clients_of_a_server_are_told_in_one_look(pair: tuple[socket.socket, socket.socket]) -> None:
    client, ours = pair
    uids = peers.uids_of_clients(ours.getsockname()[:2])

    assert uids[peers.written(ours.getpeername()[:2])] == os.getuid()
    client.close()
    assert uids.keys() == peers.uids_of_clients(ours.getsockname()[:2]).keys()
    assert peers.uids_of_clients(("127.0.0.1", 1)) == {}


def test_the_tables_are_read_as_the_kernel_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    rows = [
        "   0: 0100007F:C350 0100007F:5B04 01 0:0 00:00000000 00000000  1234        0 5678 1 0 20 4 30 10 -1",
        "   1: 0100007F:C351 0100007F:5B04 06 0:0 03:00000F2A 00000000     0        0 0 3 0000000000000000",
        "   2: 0100007F:5B04 0100007F:C350 01 0:0 00:00000000 00000000     7        0 5679 1 0 20 4 30 10",
        "   3: 0100007F:C352 0200007F:5B04 01 0:0 00:00000000 00000000     8        0 5680 1 0 20 4 30 10",
    ]
    (tmp_path / "tcp").write_text(head + "".join(f"{row}\n" for row in rows))
    monkeypatch.setattr(peers, "TABLES", (tmp_path / "tcp", tmp_path / "none"))

    assert peers.uids_of_clients(("127.0.0.1", 0x5B04)) == {"0100007F:C350": 1234, "0100007F:C351": GONE}
