"""What is known of a run as a document to read, in Markdown or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

from runicorn_api.docs_page import html_page, html_table
from runicorn_db.query import ExperimentDetail
from runicorn_db.sources.values import flatten
from runicorn_db.text import printable

TITLE = "Experiment Report"

_MARKED = re.compile(r"([\\`*_\[\]<>|~#&!])")


class _Section(NamedTuple):
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def report_markdown(detail: ExperimentDetail) -> str:
    """As GitHub's Markdown: whatever texts hold, it is shown as text."""
    lines = [f"# {TITLE}"]
    for section in _sections(detail):
        lines += ["", f"## {section.title}", ""]
        lines.append(_markdown_row(section.header))
        lines.append(_markdown_row(["---"] * len(section.header)))
        lines += [_markdown_row([_MARKED.sub(r"\\\1", printable(cell)) for cell in row]) for row in section.rows]
    return "\n".join([*lines, ""])


def report_html(detail: ExperimentDetail) -> str:
    """As a page that loads nothing, to be sent with `docs_page.SECURITY_POLICY`."""
    parts = [f"<h1>{TITLE}</h1>"]
    for section in _sections(detail):
        cells = [[escape(printable(cell)) for cell in row] for row in section.rows]
        parts.append(f"<h2>{escape(section.title)}</h2>{html_table([section.header, *cells])}")
    return html_page(TITLE, parts)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sections(detail: ExperimentDetail) -> Iterator[_Section]:
    """Without those that have nothing to tell."""
    yield _Section("Experiment", ("Fact", "Value"), _facts(detail))
    if detail.params:
        params = [(name, text) for name, text, _ in flatten(detail.params)]
        yield _Section("Parameters", ("Parameter", "Value"), params)
    if detail.metrics:
        header = ("Metric", "Steps", "First", "Last", "Min", "Max")
        rows = [
            (name, str(metric.count), *map(_number, (metric.first, metric.last, metric.min, metric.max)))
            for name, metric in sorted(detail.metrics.items())
        ]
        yield _Section("Metrics", header, rows)


def _facts(detail: ExperimentDetail) -> list[tuple[str, str]]:
    run = detail.experiment
    best = (
        None if run.best_metric_value is None else f"{run.best_metric_name or '?'} = {_number(run.best_metric_value)}"
    )
    facts = {
        "Project": run.project,
        "Experiment": run.name,
        "Run ID": run.id,
        "Status": run.status,
        "Exit reason": run.exit_reason,
        "Created": _time(run.created_at),
        "Started": _time(run.started_at),
        "Ended": _time(run.ended_at),
        "Duration": None if run.duration_seconds is None else f"{run.duration_seconds:.2f} seconds",
        "Best metric": best,
        "Host": run.hostname,
        "Tags": ", ".join(run.tags),
        "Description": run.description,
        "Run directory": run.run_dir,
    }
    return [(name, value) for name, value in facts.items() if value]


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
