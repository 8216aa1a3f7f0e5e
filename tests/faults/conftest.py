"""The server and the runs of tests/api, for tests in which something goes wrong."""

from __future__ import annotations

from tests.api.conftest import empty_store, serve, store

__all__ = ["empty_store", "serve", "store"]
