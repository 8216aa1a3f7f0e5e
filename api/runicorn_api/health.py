"""Whether the server and its index are well."""

from __future__ import annotations

import time
from collections.abc import Callable

import falcon

from runicorn_api import answers, contract
from runicorn_api.readers import Readers
from runicorn_db.errors import QueryFailed
from runicorn_db.store import Store


class Health:
    """Answers also when the index cannot: then the status is `degraded` and what is unknown is null."""

    def __init__(self, store: Store, readers: Readers, *, version: str, syncing: Callable[[], bool]) -> None:
        self._store = store
        self._readers = readers
        self._version = version
        self._syncing = syncing

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        try:
            health = self._readers.rows(self._store.health)
        except QueryFailed:
            is_degraded, index = True, answers.unknown_health(str(self._store.path))
        else:
            is_degraded, index = any(root.problem for root in health.roots), answers.write_health(health)
        head = {
            "status": "degraded" if is_degraded else "ok",
            "version": self._version,
            "timestamp": time.time(),
            "syncing": self._syncing(),
        }
        answers.send(resp, head | index)

    on_head = on_get
