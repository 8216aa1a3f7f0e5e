"""The trash: acts of deletion, and what is left of one of them."""

from __future__ import annotations

import time

import falcon

from runicorn_api import answers, contract
from runicorn_api.readers import Readers
from runicorn_db.store import Store

_ALL = 1 << 31


class Trash:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        asked = contract.read_trash(req.query_string)
        answers.send(resp, self._readers.rows(lambda: self._read(asked)))

    on_head = on_get

    def _read(self, asked: contract.TrashQuery) -> dict[str, object]:
        began = time.perf_counter()
        wanted = slice((asked.page - 1) * asked.per_page, asked.page * asked.per_page)
        if asked.batch is None:
            batches = self._store.batches(_ALL)
            found, total = answers.write_batches(batches[wanted]), len(batches)
        else:
            held = self._store.batch_snapshot(asked.batch)
            found, total = answers.write_held(asked.batch, self._store.rows(held[wanted])), len(held)
        milliseconds = (time.perf_counter() - began) * 1000
        return found | answers.write_paging(total, asked.page, asked.per_page, milliseconds)
