"""What the server holds in memory stays, however many requests, addresses and kinds of questions come."""

from __future__ import annotations

import http.client
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.api.conftest import Client
from tests.conftest import scaled
from tests.contract import content
from tests.contract.conftest import serving
from tests.fuzz.requests_made import V2, Request, framed
from tests.fuzz.test_requests import Connection

pytestmark = pytest.mark.torture

ALLOWED_BYTES = 20 << 20
RESIDENT = re.compile(rb"^process_resident_memory_bytes (\d+)$", re.MULTILINE)
UNLIMITED = ("--no-rate-limit",)


@pytest.fixture
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of a server that tells what it holds, with the further options that the test gives."""
    folders = content.write(tmp_path)
    options = ("--db", tmp_path / "index.db", "--no-watch", "--metrics", *request.param)
    with serving(tmp_path / "home", *folders.values(), *options) as client:
        yield client


def resident(client: Client) -> int:
    connection = http.client.HTTPConnection(*client.address, timeout=20)
    connection.request("GET", "/metrics")
    found = RESIDENT.search(connection.getresponse().read())
    connection.close()
    assert found is not None
    return int(found[1])


def check_growth(client: Client, count: int, make: Callable[[int], bytes]) -> set[int]:
    """Measured from when everything has been asked for some times; the statuses of the answers."""
    connection = Connection(client.address)
    statuses = set[int]()
    first = 0
    for number in range(count):
        if number % 50_000 == 0:
            print(f"{number} requests: {resident(client) / 2**20:.1f} MiB", flush=True)
        if number == count // 20:
            first = resident(client)
        statuses.add(connection.ask(make(number)))
    connection.close()
    last = resident(client)
    print(f"{count} requests: {last / 2**20:.1f} MiB, {(last - first) / 2**20:+.1f}", flush=True)
    assert last - first < ALLOWED_BYTES
    return statuses


@pytest.mark.parametrize("client", [UNLIMITED], indirect=True, ids=[""])
def test_requests_of_every_kind_take_no_memory(client: Client) -> None:
    dice = random.Random(1)
    check_growth(client, scaled(1_000, 1_000_000), lambda _: framed(dice).wire())


@pytest.mark.parametrize("client", [()], indirect=True, ids=[""])
def test_a_crowd_of_spoofed_addresses_is_one_client_and_takes_no_memory(client: Client) -> None:
    def spoofed(number: int) -> bytes:
        address = b"10.%d.%d.%d" % (number >> 16 & 255, number >> 8 & 255, number & 255)
        headers = ((b"X-Forwarded-For", address), (b"Forwarded", b"for=" + address), (b"User-Agent", address))
        return Request(method=b"HEAD", path=b"/api/v2/trash", headers=headers).wire()

    # More than the limit at once, and whoever they say they are.
    assert check_growth(client, scaled(2_000, 1_000_000), spoofed) == {200, 429}
    assert client.get("/v2/experiments")["total"] > 0


@pytest.mark.parametrize("client", [UNLIMITED], indirect=True, ids=[""])
def test_filters_of_every_shape_take_no_memory(client: Client) -> None:
    dice = random.Random(2)
    assert check_growth(client, scaled(500, 10_000), lambda _: filtered(dice)) == {200}


WORDS = ("status:failed", "status:finished", "tag:keep", "-tag:keep", "project:a", "name:/e.*t/", "is:deleted")
NUMBERS = ("acc", "min.loss", "best", "param.lr", "files")


def filtered(dice: random.Random) -> bytes:
    """A list whose filter nobody has asked for before."""
    groups = [" ".join(term(dice) for _ in range(dice.randrange(1, 6))) for _ in range(dice.randrange(1, 4))]
    tags = ",".join(f"tag{number}" for number in range(dice.randrange(6)))
    query = urlencode({"filter": " or ".join(groups), "tags": tags, "order_by": dice.choice(("name", "created_at"))})
    return Request(path=V2 + b"?" + query.encode()).wire()


def term(dice: random.Random) -> str:
    match dice.randrange(4):
        case 0:
            return dice.choice(WORDS)
        case 1:
            return f"{dice.choice(NUMBERS)}{dice.choice('<>')}{dice.random():.6f}"
        case 2:
            return f"made_{dice.randrange(10**6)}>{dice.randrange(100)}"
        case _:
            return f'"{dice.randbytes(dice.randrange(1, 4)).hex()}"'
