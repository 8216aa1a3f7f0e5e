"""The description of the API, for programs and for people."""

from __future__ import annotations

import falcon

from runicorn_api import answers, contract
from runicorn_api.docs_page import SECURITY_POLICY, page
from runicorn_api.openapi import document


class OpenAPI:
    def __init__(self, version: str) -> None:
        self._version = version

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        answers.send(resp, document(self._version))

    on_head = on_get


class Docs:
    def __init__(self, version: str) -> None:
        self._version = version

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        contract.read_nothing(req.query_string)
        resp.content_type = "text/html; charset=utf-8"
        resp.set_header("Content-Security-Policy", SECURITY_POLICY)
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.data = page(document(self._version)).encode()

    on_head = on_get
