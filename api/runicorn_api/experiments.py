"""Experiments: the list, one of them, and moving them to the trash and back."""

from __future__ import annotations

from dataclasses import replace

import falcon

from runicorn_api import answers, bodies, contract
from runicorn_api.readers import Readers
from runicorn_api.validators import watch_clock
from runicorn_db.store import Store


class Experiments:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query, names = contract.read_list(req.query_string)
        watch_clock(req, query.filter)
        page = self._readers.lists(query, lambda: self._store.find(query))
        answers.send(resp, answers.write_page(page, names))

    on_head = on_get


class Experiment:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, experiment_id: str) -> None:
        contract.read_nothing(req.query_string)
        detail = self._readers.rows(lambda: self._store.get(experiment_id))
        answers.send(resp, answers.write_detail(detail), way_out="use metrics/fast")

    on_head = on_get


class BatchDelete:
    def __init__(self, store: Store) -> None:
        self._store = store

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        asked = bodies.read_batch_delete(req.bounded_stream.read())
        change = self._store.delete(asked.ids, source="api", reason=asked.reason, dry_run=asked.dry_run)
        answers.send(resp, answers.write_change(change, "deleted"))


class BatchRestore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        change = self._store.restore(bodies.read_batch_restore(req.bounded_stream.read()))
        answers.send(resp, answers.write_change(change, "restored"))


class DeleteMatching:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        asked = bodies.read_delete_matching(req.bounded_stream.read())
        # A filter that takes too long is refused here, before it holds up everybody who writes.
        self._readers.searches(lambda: self._store.find(replace(asked.query, per_page=1)))
        result = self._store.delete_matching(
            asked.query,
            source="api",
            reason=asked.reason,
            expected_total=asked.expected_total,
            dry_run=asked.dry_run,
        )
        answers.send(resp, answers.write_matching(result))
