"""Real servers over real stores, with a record of every request, and a client of each."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runicorn_api.app import Application, ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.client import Client, connect
from tests.api.conftest import RUNS, Run, write_root, write_run

REAL_ROOTS = Path(__file__).parents[1] / "data" / "roots"


class Recorded(Application):
    """An application that remembers what it was asked, before it answers."""

    def __init__(self, app: Application) -> None:
        vars(self).update(vars(app))
        self.asked: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append((environ["REQUEST_METHOD"], environ["REQUEST_URI"]))
        return super().__call__(environ, start_response)


@dataclass(kw_only=True)
class Lab:
    """A store over a root, the server over the store, and what the server was asked."""

    root: Path
    store: Store
    server: Server
    client: Client
    asked: list[tuple[str, str]]
    """Method and target of each request."""

    @property
    def url(self) -> str:
        return self.server.url

    def add(self, *runs: Run) -> None:
        """Write runs into the root and read it again."""
        for run in runs:
            write_run(self.root, run)
        sync(self.store)

    def targets(self) -> list[str]:
        """What was asked since the last call."""
        targets = [target for _, target in self.asked]
        self.asked.clear()
        return targets


Open = Callable[..., Lab]


@pytest.fixture
def open_lab(tmp_path: Path) -> Iterator[Open]:
    """Starts a server over `RUNS`, or over the root that is given; settings are those of the server."""
    opened: list[Lab] = []

    def start(root: Path | None = None, *, connecting: dict[str, Any] | None = None, **settings: Any) -> Lab:
        folder = tmp_path / f"lab{len(opened)}"
        folder.mkdir()
        root = write_root(folder / "root") if root is None else root
        store = Store(folder / "index.db")
        store.add_root(root, "lab")
        sync(store)
        unix_socket = settings.pop("unix_socket", None)
        app = Recorded(create_app(store, ServerSettings(**{"version": "1.2.3", "rate_limits": None} | settings)))
        server = Server(app, port=0, unix_socket=unix_socket)
        server.start()
        client = connect(server.url, **connecting or {})
        opened.append(Lab(root=root, store=store, server=server, client=client, asked=app.asked))
        return opened[-1]

    yield start
    for lab in opened:
        lab.client.close()
        lab.server.stop()
        lab.store.close()


@pytest.fixture
def lab(open_lab: Open) -> Lab:
    """`RUNS`, for tests that change them."""
    return open_lab()


@pytest.fixture
def client(lab: Lab) -> Client:
    return lab.client


@pytest.fixture(scope="session")
def runs() -> tuple[Run, ...]:
    """What the root holds, oldest first."""
    return RUNS


@pytest.fixture
def real_root(tmp_path: Path) -> Path:
    """A root that Runicorn 0.4.1 wrote."""
    with tarfile.open(REAL_ROOTS / "root-0.4.1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "root-0.4.1"


@pytest.fixture(scope="session")
def scenarios() -> dict[str, str]:
    """The ids of the real root by what happened in each run."""
    index = json.loads((REAL_ROOTS / "root-0.4.1.index.json").read_text("utf-8"))
    return {name: entry["id"] for name, entry in index.items() if not name.startswith("_")}
