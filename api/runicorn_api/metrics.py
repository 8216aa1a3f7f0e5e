"""Metric series of one experiment."""

from __future__ import annotations

import falcon

from runicorn_api import answers, contract
from runicorn_api.readers import Readers
from runicorn_db.store import Store


class Metrics:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, experiment_id: str) -> None:
        query = contract.read_metrics(experiment_id, req.query_string)
        table = self._readers.series(lambda: self._store.series(query))
        answers.send(resp, answers.write_table(table, query), way_out="use downsample")

    on_head = on_get
