from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.terminal import shows
from tests.tui import indexed, tour

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Dates on screen are local time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One with all colours and all characters, whatever the developer's is."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    yield
    shows.is_ascii = shows.is_slow = False


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty index."""
    with Store(tmp_path / "index.db") as store:
        yield store


@pytest.fixture
def thirty(store: Store, tmp_path: Path) -> Store:
    """Thirty finished experiments, `run 0` the newest."""
    indexed.add(store, indexed.numbered(30), root=tmp_path / "root")
    return store


@pytest.fixture
def three_thousand(store: Store, tmp_path: Path) -> Store:
    """As many as go in three parts."""
    indexed.add(store, indexed.numbered(3000), root=tmp_path / "root")
    return store


@pytest.fixture
def four_hundred(store: Store, tmp_path: Path) -> Store:
    """Four hundred experiments of all sorts in one root."""
    indexed.add(store, indexed.varied(400), root=tmp_path / "root")
    return store


@pytest.fixture(scope="session")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """What `tour.tour` visits; nothing may be changed in it."""
    directory = tmp_path_factory.mktemp("toured")
    with Store(directory / "index.db") as store:
        tour.fill(store, directory / "demo")
        yield store


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a screen with the text kept under a name; `--update-golden` keeps it."""

    def compare(name: str, screen: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(screen + "\n", encoding="utf-8")
        assert screen + "\n" == path.read_text(encoding="utf-8")

    return compare
