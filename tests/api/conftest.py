"""A real server over a real store over a small Runicorn root, and a client that checks every answer's form."""

from __future__ import annotations

import http.client
import json
import math
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

import pytest

from runicorn_api.app import ServerSettings, create_app
from runicorn_api.server import Server
from runicorn_db.store import Store
from runicorn_db.sync import sync

NOON = 1_704_110_400.0
"""2024-01-01 12:00 UTC: the creation of the oldest experiment; each further one is an hour younger."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as the root holds it."""

    id: str
    project: str
    name: str
    status: str = "finished"
    created_at: float = NOON
    seconds: float | None = 600.0
    best: tuple[str, float, str] | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    events: tuple[tuple[int, dict[str, Any]], ...] = field(default=(), repr=False)

    @property
    def best_value(self) -> float | None:
        return self.best[1] if self.best else None


def _curve(steps: int) -> tuple[tuple[int, dict[str, Any]], ...]:
    return tuple(
        (step, {"loss": 2 / step, "accuracy": 1 - math.exp(-step / 200), "learning_rate": 0.001})
        for step in range(1, steps + 1)
    )


SPARSE = (
    (-5, {"loss": 4.0}),
    (0, {"loss": float("nan"), "note": "text is no metric"}),
    (3, {"accuracy": True}),
    (3, {"accuracy": 0.25}),
    (7, {"loss": float("inf"), "accuracy": None}),
    (9, {"精度/top 1": 0.5}),
)

RUNS = tuple(
    Run(created_at=NOON + 3600 * hour, **given)
    for hour, given in enumerate(
        (
            {"id": "20240101_120000_000001", "project": "vision", "name": "resnet_baseline",
             "tags": ("baseline", "keep"), "best": ("accuracy", 0.9542, "max"), "events": _curve(1000),
             "description": "First Straße try"},
            {"id": "20240101_130000_000002", "project": "vision", "name": "resnet_wide", "tags": ("baseline",),
             "best": ("accuracy", 0.85, "max"), "seconds": 60.0},
            {"id": "20240101_140000_000003", "project": "vision", "name": "resnet_baseline", "status": "failed",
             "best": ("accuracy", 0.1, "max")},
            {"id": "20240101_150000_000004", "project": "speech", "name": "tacotron", "status": "interrupted",
             "tags": ("keep", "two words")},
            {"id": "20240101_160000_000005", "project": "speech", "name": "100% café_*", "best": ("loss", -0.5, "min")},
            {"id": "20240101_170000_000006", "project": "speech", "name": "wav2vec", "status": "running",
             "seconds": None},
            {"id": "lauf ü 1", "project": "übung", "name": "kürzel", "best": ("loss", 0.0, "min"), "events": SPARSE,
             "description": "two  words and \"quotes\" \\ % _"},
            {"id": "20240101_190000_000008", "project": "übung", "name": "leer", "status": "failed", "seconds": 30.5},
        )
    )
)  # fmt: skip


def write_root(root: Path, runs: tuple[Run, ...] = RUNS) -> Path:
    """Writes `runs` below `root` as Runicorn 0.4 does."""
    for run in runs:
        write_run(root, run)
    noted = {
        run.id: {"id": run.id, "tags": list(run.tags), "description": run.description}
        for run in runs
        if run.tags or run.description
    }
    _write(root / ".experiments_metadata.json", noted)
    return root


def write_run(root: Path, run: Run) -> None:
    directory = root / run.project / run.name / "runs" / run.id
    directory.mkdir(parents=True)
    meta = {"id": run.id, "project": run.project, "name": run.name, "created_at": run.created_at}
    _write(directory / "meta.json", meta | {"hostname": "another-host", "pid": 4711})
    status: dict[str, Any] = {"status": run.status, "started_at": run.created_at}
    if run.seconds is not None:
        status["ended_at"] = run.created_at + run.seconds
    _write(directory / "status.json", status)
    if run.best is not None:
        name, value, mode = run.best
        best = {
            "best_metric_name": name,
            "best_metric_value": value,
            "best_metric_mode": mode,
            "best_metric_step": 3,
        }
        _write(directory / "summary.json", best)
    lines = [
        json.dumps({"ts": run.created_at, "type": "metrics", "data": {**values, "global_step": step}})
        for step, values in run.events
    ]
    (directory / "events.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return strict_json(self.body)


def strict_json(body: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), "a name twice in one object"
        return dict(pairs)

    return json.loads(body.decode("utf-8"), parse_constant=refuse, object_pairs_hook=once)


class Client:
    """Asks a server; every answer must be strict JSON of the right type, whatever its status.

    `source` is the address of this machine that it asks from, where that matters.
    """

    def __init__(self, address: tuple[str, int], source: str | None = None) -> None:
        self.address = address
        self._source = None if source is None else (source, 0)

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=20, source_address=self._source)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert not any(name.startswith("access-control-") for name in answer.headers)
        if method == "HEAD":
            assert answer.body == b""
        else:
            assert int(answer.headers["content-length"]) == len(answer.body)
            strict_json(answer.body)
        return answer

    def headers_as_sent(self, target: str) -> list[tuple[str, str]]:
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        connection.request("GET", target)
        headers = connection.getresponse().getheaders()
        connection.close()
        return headers

    def get(self, path: str, query: str | dict[str, Any] = "", *, status: int = 200) -> Any:
        """The parsed answer to a GET below /api, which must have `status`."""
        text = query if isinstance(query, str) else urlencode(query, doseq=True)
        answer = self.request("GET", f"/api{path}" + (f"?{text}" if text else ""))
        assert answer.status == status, answer.body
        return answer.json

    def post(self, path: str, body: object, *, status: int = 200) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.request("POST", f"/api/v2/experiments/{path}", raw, {"Content-Type": "application/json"})
        assert answer.status == status, answer.body
        return answer.json

    def list(self, query: str | dict[str, Any] = "") -> Any:
        return self.get("/v2/experiments", query)

    def ids(self, query: str | dict[str, Any] = "") -> list[str]:
        return [experiment["id"] for experiment in self.list(query)["experiments"]]

    def series(self, experiment_id: str, query: str | dict[str, Any] = "") -> Any:
        return self.get(f"/v2/experiments/{quote(experiment_id, safe='')}/metrics/fast", query)

    def refused(self, path: str, query: str | dict[str, Any] = "", *, status: int = 400) -> str:
        """The sentence by which a GET is refused."""
        return sentence_of(self.get(path, query, status=status))

    def refusal(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None, *, status: int
    ) -> str:
        """The sentence by which any request is refused."""
        answer = self.request(method, target, body, headers)
        assert answer.status == status, answer.body
        return sentence_of(answer.json)

    def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what the server says to these bytes before it closes."""
        with socket.create_connection(self.address, timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection)
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            body = response.read()
        assert headers["content-type"] == "application/json; charset=utf-8"
        return response.status, headers, body

    def refused_raw(self, request: bytes, *, status: int) -> str:
        found, _, body = self.raw(request)
        assert found == status, body
        return sentence_of(strict_json(body))

    def refused_post(self, path: str, body: object, *, status: int = 400) -> str:
        return sentence_of(self.post(path, body, status=status))


def sentence_of(error: Any) -> str:
    """The one shape of an error: `{"detail": sentence}` and nothing else."""
    assert list(error) == ["detail"]
    sentence = error["detail"]
    assert isinstance(sentence, str)
    assert sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence


Serve = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server over a store; without rate limits unless the settings say otherwise."""
    servers: list[Server] = []

    def start(store: Store, **settings: Any) -> Client:
        unix_socket = settings.pop("unix_socket", None)
        app = create_app(store, ServerSettings(**{"version": "1.2.3", "rate_limits": None} | settings))
        servers.append(Server(app, port=0, unix_socket=unix_socket))
        servers[-1].start()
        return Client(servers[-1].address)

    yield start
    for server in servers:
        server.stop()


def _filled_store(directory: Path) -> Store:
    store = Store(directory / "index.db")
    store.add_root(write_root(directory / "root"), "lab")
    sync(store)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The runs of `RUNS`, for tests that change them."""
    with _filled_store(tmp_path) as store:
        yield store


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as store:
        yield store


@pytest.fixture
def writable(store: Store, serve: Serve) -> Client:
    """A client of a server whose experiments may be changed."""
    return serve(store)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server that no test changes."""
    with _filled_store(tmp_path_factory.mktemp("lab")) as store:
        app = create_app(store, ServerSettings(version="1.2.3", rate_limits=None))
        with Server(app, port=0) as server:
            yield Client(server.address)


@pytest.fixture
def root_writer(tmp_path: Path) -> Callable[[tuple[Run, ...]], None]:
    """Adds runs to the root of `store`; the next sync finds them."""

    def write(added: tuple[Run, ...]) -> None:
        for run in added:
            write_run(tmp_path / "root", run)

    return write


@pytest.fixture(scope="session")
def runs() -> tuple[Run, ...]:
    """What the root holds, oldest first."""
    return RUNS
