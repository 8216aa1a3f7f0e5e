from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

_PROJECT = Path(__file__).parent.parent

_TERMINAL = ("NO_COLOR", "COLUMNS", "LINES", "LC_ALL", "LC_CTYPE", "TMUX", "STY")
_DIRECTORIES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings, index or storage root of the developer reaches a test."""
    directory = tmp_path_factory.mktemp("home")
    # Its own context: a test that undoes its monkeypatch must not get the developer's home back.
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("RUNICORN_", "SSH_")) or name in _TERMINAL:
                patch.delenv(name)
        patch.setenv("LANG", "C.UTF-8")
        patch.setenv("HOME", str(directory))
        for name in _DIRECTORIES:
            patch.setenv(name, str(directory / name.lower()))
        # Programs that tests start run this source.
        patch.setenv("PYTHONPATH", os.pathsep.join(str(_PROJECT / folder) for folder in ("", "api", "db")))
        yield


def is_torture() -> bool:
    """Whether the tests are run with their long counts."""
    return os.environ.get("TORTURE", "0") not in ("", "0")


def scaled(suite: int, torture: int) -> int:
    """How many cases to try: `suite` in `make test`, `torture` in `make torture` or wherever TORTURE=1 is set.

    A test that asks this carries the mark `torture`, by which `make torture` finds it.
    """
    return torture if is_torture() else suite


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        metavar="URL",
        help="the server that tests/contract asks, such as http://127.0.0.1:23300; otherwise they start their own",
    )
    parser.addoption("--update-golden", action="store_true", help="write the golden screens anew (never under CI)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_torture() or "original" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("original"):
            item.add_marker(pytest.mark.skip(reason="asks the real Runicorn: pytest -m original"))


def pytest_configure(config: pytest.Config) -> None:
    # What a shell starts in the background ignores this signal, and so do the programs it starts in turn.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # How fast the machine is decides no test.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden is refused under CI: golden screens are looked at by a person")
