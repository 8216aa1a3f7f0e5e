from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parent.parent

_DIRECTORIES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings, index or storage root of the developer reaches a test."""
    directory = tmp_path_factory.mktemp("home")
    # Its own context: a test that undoes its monkeypatch must not get the developer's home back.
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("RUNICORN_", "SSH_")) or name in ("NO_COLOR", "COLUMNS", "LINES"):
                patch.delenv(name)
        patch.setenv("HOME", str(directory))
        for name in _DIRECTORIES:
            patch.setenv(name, str(directory / name.lower()))
        # Programs that tests start run this source.
        patch.setenv("PYTHONPATH", os.pathsep.join(str(_PROJECT / folder) for folder in ("", "api", "db")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden screens anew (never under CI)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("--update-golden is refused under CI: golden screens are looked at by a person")
