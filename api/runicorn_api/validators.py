"""`ETag` and `If-None-Match`: a client that has the current answer already is told so without asking the index.

A tag stands for a request and the state of the index, so it names one answer but for `query_time_ms`; it is
weak for that figure's sake.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import falcon

from runicorn_api.spool import drop_stream
from runicorn_db.criteria import Criteria
from runicorn_db.store import Store

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


class Validators:
    """Tags the answers of the resources in `lasting`: those that only the index and the day (UTC) can change."""

    def __init__(self, store: Store, *, today: Callable[[], str] = lambda: f"{datetime.now(UTC):%Y-%m-%d}") -> None:
        self.lasting: set[str] = set()
        self._store = store
        self._today = today

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Falcon calls this when a request was admitted: a client that is up to date gets its answer here."""
        if req.uri_template not in self.lasting:
            return
        tag = self._tag(req)
        # No other test of the request is needed: only a successful answer to the same one ever carried this tag.
        if tag is not None and tag in _TAG.findall(req.env.get("HTTP_IF_NONE_MATCH", "")):
            _answer_unchanged(resp)
            resp.complete = True
        req.context.tag = tag

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        """Falcon calls this when an answer is complete."""
        tag = getattr(req.context, "tag", None)
        # The same before and after: nothing changed while the answer was made.
        if tag is None or not req_succeeded or (not resp.complete and self._tag(req) != tag):
            return
        resp.set_header("ETag", f'W/"{tag}"')
        # A client may keep the answer, but has to ask whether it still holds.
        resp.set_header("Cache-Control", "no-cache")
        if req.env.get("HTTP_IF_NONE_MATCH", "").strip() == "*":
            _answer_unchanged(resp)

    def _tag(self, req: falcon.Request) -> str | None:
        stamp = self._store.stamp()
        if stamp is None:
            return None
        text = "\n".join((stamp, self._today(), req.path, req.query_string))
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def watch_clock(req: falcon.Request, criteria: Criteria) -> None:
    """Leave the answer without a tag when it also depends on the time of day."""
    if criteria.depends_on_now:
        req.context.tag = None


def _answer_unchanged(resp: falcon.Response) -> None:
    resp.status = 304
    resp.data = None
    drop_stream(resp)
    resp.delete_header("Content-Length")
    resp.delete_header("Content-Type")
