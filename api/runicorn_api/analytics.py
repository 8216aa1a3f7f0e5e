"""Aggregates over experiments."""

from __future__ import annotations

import falcon

from runicorn_api import answers, contract
from runicorn_api.readers import Readers
from runicorn_api.validators import watch_clock
from runicorn_db.store import Store


class Summary:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = contract.read_filters(req.query_string)
        watch_clock(req, query.filter)
        summary = self._readers.searches(lambda: self._store.summary(query))
        answers.send(resp, answers.write_summary(summary))

    on_head = on_get
