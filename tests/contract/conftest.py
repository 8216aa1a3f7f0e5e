"""A live server over the made roots: our own `serve`, or the one that `--server` names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import Client
from tests.contract import content
from tests.contract.content import Recorded
from tests.db.model import Row

PROJECT = Path(__file__).parents[2]


@contextmanager
def serving(folder: Path, *arguments: object, **environment: str) -> Iterator[Client]:
    """A client of `runicorn-tui serve`, which runs in `folder` and knows no settings of the developer."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "runicorn_tui", "serve", "--port", "0", *map(str, arguments)]
    paths = os.pathsep.join(str(PROJECT / part) for part in ("", "api", "db"))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RUNICORN_", "XDG_"))}
    environment = clean | {"HOME": str(folder), "PYTHONPATH": paths} | environment
    said = folder / "stderr.txt"
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Serving http://"), said.read_text()
            yield Client(address_of(line.removeprefix("Serving ")))
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert "Traceback" not in said.read_text()


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url.strip())
    return parts.hostname or "", parts.port or 80


class Lab:
    """A client of the server, and what the server must know.

    Not a dataclass: hypothesis shows the arguments of a failure, and the whole content would bury the query.
    """

    def __init__(self, *, client: Client, recorded: dict[str, Recorded], folders: dict[str, str]) -> None:
        self.client = client
        self.recorded = recorded
        self.folders = folders

    @property
    def rows(self) -> list[Row]:
        return [recorded.row for recorded in self.recorded.values()]


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    recorded = {recorded.row.id: recorded for recorded in content.experiments()}
    url = request.config.getoption("--server")
    if url is not None:
        client = Client(address_of(url))
        yield Lab(client=client, recorded=recorded, folders=known_content(client, recorded))
        return
    place = tmp_path_factory.mktemp("lab")
    folders = content.write(place)
    with serving(
        place / "home", *folders.values(), "--db", place / "index.db", "--no-watch", "--no-rate-limit"
    ) as client:
        known_content(client, recorded)
        yield Lab(client=client, recorded=recorded, folders=folders)


def known_content(client: Client, recorded: dict[str, Recorded]) -> dict[str, str]:
    """The roots by name, once it is sure that the server serves ours; fills in what the disk decides."""
    found: dict[str, Any] = {}
    for page in (1, 2, 3):
        answer = client.list({"include_deleted": 1, "per_page": 50, "page": page})
        found |= {experiment["id"]: experiment for experiment in answer["experiments"]}
    assert set(found) == set(recorded), "the server must serve what `python -m tests.contract.content DIR` wrote"
    folders = {root["name"]: root["path"] for root in client.get("/health")["roots"]}
    for name, experiment in found.items():
        recorded[name].row.size_bytes = experiment["size_bytes"]
        files = [path for path in Path(experiment["run_dir"]).rglob("*") if path.is_file()]
        recorded[name].row.file_count = sum(not path.name.endswith(".lock") for path in files)
    return folders


@pytest.fixture
def client(lab: Lab) -> Client:
    """A client of a server whose content is known; what a test deletes it takes back."""
    return lab.client
