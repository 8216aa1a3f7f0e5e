"""The recycle bin of V1: the trash, whoever filled it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import falcon

from runicorn_api import answers
from runicorn_api.contract import read_nothing
from runicorn_api.readers import Readers
from runicorn_api.spool import send_parts
from runicorn_api.v1.contract import check_empty, read_restore, read_soft_delete
from runicorn_api.v1.run_list import array_parts, experiments_of
from runicorn_db.outcomes import ChangeResult
from runicorn_db.query import Experiment
from runicorn_db.store import Store

DELETE_REASON = "user_deleted"
"""What the original notes of every deletion."""

_UNKNOWN_REASON = "unknown"


class SoftDelete:
    def __init__(self, store: Store) -> None:
        self._store = store

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        ids = read_soft_delete(req.bounded_stream.read())
        change = self._store.delete(ids, source="api", reason=DELETE_REASON)
        answers.send(resp, _write_change(change, "deleted_count", "Soft deleted"))


class RecycleBin:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        send_parts(resp, self._parts())

    on_head = on_get

    def _parts(self) -> Iterator[bytes]:
        snapshot = self._readers.searches(self._store.trash)
        rows = experiments_of(self._store, self._readers, snapshot)
        yield b'{"deleted_runs":'
        yield from array_parts(_write_deleted(row) for row in rows if row.deleted_at is not None)
        yield b"}"


class Restore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        change = self._store.restore(read_restore(req.bounded_stream.read()))
        answers.send(resp, _write_change(change, "restored_count", "Restored"))


class Empty:
    """Removes everything in the trash for good, where the owner of the server has allowed it.

    It stops between two runs when the server stops.
    """

    def __init__(self, store: Store, *, is_allowed: bool, should_stop: Callable[[], bool]) -> None:
        self._store = store
        self._is_allowed = is_allowed
        self._should_stop = should_stop

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        if not self._is_allowed:
            sentence = "This server removes nothing for good, unless it is started with --allow-purge"
            raise falcon.HTTPForbidden(description=sentence)
        check_empty(req.bounded_stream.read())
        result = self._store.purge(self._store.trash(), source="api", should_stop=self._should_stop)
        answer = {
            "permanently_deleted": result.purged,
            "errors": result.errors,
            "message": f"Permanently deleted {result.purged} runs",
        }
        answers.send(resp, answer)


def _write_change(change: ChangeResult, count: str, done: str) -> dict[str, object]:
    results: dict[str, object] = {
        name: {"success": True} if has_succeeded else {"success": False, "error": f"run {change.errors[name]}"}
        for name, has_succeeded in change.results.items()
    }
    return {
        count: change.succeeded,
        "results": results,
        "message": f"{done} {change.succeeded} of {len(results)} runs",
    }


def _write_deleted(run: Experiment) -> dict[str, object]:
    return {
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "created_time": run.created_at,
        "deleted_at": run.deleted_at,
        "delete_reason": run.delete_reason or _UNKNOWN_REASON,
        "original_status": run.status,
        "run_dir": run.run_dir,
    }
