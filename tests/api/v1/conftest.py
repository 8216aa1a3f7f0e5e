"""A server over the two roots that the real Runicorn wrote, 0.4.1 and 0.7.2, and a client that speaks V1."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runicorn_api.app import ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.conftest import Answer, Client, sentence_of

REAL_ROOTS = Path(__file__).parents[2] / "data" / "roots"
VERSIONS = ("0.4.1", "0.7.2")
JSON = {"Content-Type": "application/json"}


def _scenarios() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for version in VERSIONS:
        index = json.loads((REAL_ROOTS / f"root-{version}.index.json").read_text())
        found[version] = {name: entry for name, entry in index.items() if not name.startswith("_")}
    return found


SCENARIOS = _scenarios()


def id_of(scenario: str, version: str = "0.4.1") -> str:
    return SCENARIOS[version][scenario]["id"]


@dataclass
class Real:
    """The roots, an index of them, and a client of a server over it."""

    directory: Path
    store: Store
    client: Client
    serve: Callable[..., Client] | None = field(default=None, repr=False)

    def root(self, version: str = "0.4.1") -> Path:
        return self.directory / f"root-{version}"

    def run_dir(self, scenario: str, version: str = "0.4.1") -> Path:
        return self.root(version) / SCENARIOS[version][scenario]["run_dir"]

    def get(self, path: str, *, status: int = 200) -> Any:
        """The parsed answer to a GET below /api."""
        return self.client.get(path, status=status)

    def refused(self, path: str, *, status: int) -> str:
        return sentence_of(self.get(path, status=status))

    def post(self, path: str, body: object, *, status: int = 200) -> Any:
        return post(self.client, path, body, status=status)

    def fetch(self, path: str, **headers: str) -> Answer:
        """Any answer as it is, whatever its type."""
        return fetch(self.client, path, **headers)


def post(client: Client, path: str, body: object, *, status: int = 200) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.request("POST", f"/api{path}", raw, JSON)
    assert answer.status == status, answer.body
    return answer.json


def fetch(client: Client, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = HTTPConnection(*client.address, timeout=30)
    connection.request(method, f"/api{path}", headers={name.replace("_", "-"): v for name, v in headers.items()})
    response = connection.getresponse()
    found = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return found


def segment(text: str) -> str:
    return quote(text, safe="")


def _indexed(directory: Path) -> Store:
    store = Store(directory / "index.db")
    for version in VERSIONS:
        with tarfile.open(REAL_ROOTS / f"root-{version}.tar.gz") as archive:
            archive.extractall(directory, filter="data")
        store.add_root(directory / f"root-{version}")
    sync(store)
    return store


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """What no test changes."""
    directory = tmp_path_factory.mktemp("real")
    with (
        _indexed(directory) as store,
        Server(create_app(store, ServerSettings(version="1.2.3", rate_limits=None)), port=0) as server,
    ):
        yield Real(directory, store, Client(server.address))


@pytest.fixture
def own(tmp_path: Path, serve: Callable[..., Client]) -> Iterator[Real]:
    """What a test may change; further servers over it are started with `serve`."""
    with _indexed(tmp_path) as store:
        yield Real(tmp_path, store, serve(store), serve)


@pytest.fixture
def many(tmp_path: Path, empty_store: Store) -> Store:
    """3,000 runs in a root: their list takes more than a megabyte."""
    for number in range(3000):
        directory = tmp_path / "root" / f"project {number % 7}" / ("n" * 100) / "runs" / f"run{number:05}"
        os.makedirs(directory)
        (directory / "meta.json").write_text(f'{{"id": "run{number:05}", "created_at": {number}}}')
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)
    return empty_store
