"""A server of its own over the made roots, which requests may change as they like."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract import content
from tests.contract.conftest import serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    place = tmp_path_factory.mktemp("fuzz")
    folders = content.write(place)
    with serving(
        place / "home", *folders.values(), "--db", place / "index.db", "--no-watch", "--no-rate-limit"
    ) as client:
        yield client.address
