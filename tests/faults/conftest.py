"""The server and the runs of tests/api, for tests in which something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.conftest import empty_store, serve, store
from tests.faults.injected import Injected

__all__ = ["empty_store", "serve", "store"]


@pytest.fixture(scope="session")
def injected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Injected]:
    with Injected(tmp_path_factory.mktemp("injected")) as running:
        yield running
