"""What the original Runicorn is told by its user, and its question whether what runs is still alive."""

from __future__ import annotations

import os

import falcon

from runicorn_api import answers
from runicorn_api.contract import read_nothing
from runicorn_api.readers import Readers
from runicorn_db.sources.locate import configuration_file, configured_root
from runicorn_db.store import Store


class Config:
    """Read-only: the roots are those of the index."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        roots = self._readers.rows(self._store.root_names)
        answer = {
            "user_root_dir": configured_root(os.environ) or "",
            "storage": next(iter(roots), ""),
            "config_file": str(configuration_file(os.environ)),
        }
        answers.send(resp, answer)

    on_head = on_get


class StatusCheck:
    takes_body = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read_nothing(req.query_string)
        checked, updated = self._store.judge_running()
        answer = {
            "checked": checked,
            "updated": updated,
            "message": f"Checked {checked} running experiments, updated {updated} statuses",
        }
        answers.send(resp, answer)
