"""What V1 gives of one run to be kept: its environment, its series as CSV, a report."""

from __future__ import annotations

import re
from urllib.parse import quote

import falcon

from runicorn_api import answers
from runicorn_api.docs_page import SECURITY_POLICY
from runicorn_api.readers import Readers
from runicorn_api.spool import send_parts
from runicorn_api.v1.contract import read_environment, read_report
from runicorn_api.v1.csv_text import csv_parts
from runicorn_api.v1.metrics import by_step, read_table
from runicorn_api.v1.report import report_html, report_markdown
from runicorn_api.v1.run_files import environment_of
from runicorn_api.v1.runs import find_detail
from runicorn_db.store import Store

_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


class Environment:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        has_variables = read_environment(req.query_string)
        run = find_detail(self._store, self._readers, run_id).experiment
        environment = environment_of(run.run_dir, has_variables=has_variables)
        answers.send(resp, {"available": environment is not None, "environment": environment})

    on_head = on_get


class MetricsCsv:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        table = read_table(self._store, self._readers, run_id, req.query_string)
        _name_file(resp, f"{run_id}_metrics.csv")
        send_parts(resp, csv_parts(by_step(table)), content_type="text/csv; charset=utf-8")

    on_head = on_get


class Report:
    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        format_ = read_report(req.query_string)
        detail = find_detail(self._store, self._readers, run_id)
        if format_ == "html":
            _name_file(resp, f"{run_id}_report.html")
            resp.set_header("Content-Security-Policy", SECURITY_POLICY)
            resp.content_type = "text/html; charset=utf-8"
            resp.data = report_html(detail).encode("utf-8", "replace")
        else:
            _name_file(resp, f"{run_id}_report.md")
            resp.content_type = "text/markdown; charset=utf-8"
            resp.data = report_markdown(detail).encode("utf-8", "replace")

    on_head = on_get


def _name_file(resp: falcon.Response, name: str) -> None:
    """Have browsers keep the answer as a file, never show it as a page of ours."""
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    plain = _UNFIT.sub("_", name)
    resp.set_header("Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
    resp.set_header("X-Content-Type-Options", "nosniff")
