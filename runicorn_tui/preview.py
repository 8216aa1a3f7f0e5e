"""What the pane beside the list says about one experiment: its parts, its metric, the end of its log. No widget."""

from __future__ import annotations

from dataclasses import dataclass

from runicorn_db.query import ExperimentDetail
from runicorn_db.run_directory import LOG_NAME
from runicorn_db.sources.files import Unreadable
from runicorn_tui.file_list import log_names
from runicorn_tui.log_file import LogFile
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.log_view import EMPTY_FILE, EMPTY_LOG, NO_LOG

_MOST_LOG_LINES = 8
_MOST_READ = 64
_LEAST_CHART_LINES = 5
_LOG_SHARE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Lines for each part of the pane; a chart of 0 lines has no room."""

    facts: int
    chart: int
    log: int


def shares(height: int, facts: int, legend: int) -> Shares:
    """Divides a pane: between the parts stand a blank line, the lines of the legend and the title of the log."""
    facts = min(facts, height // 2)
    log = min(_MOST_LOG_LINES, height // _LOG_SHARE)
    chart = height - facts - log - legend - 2
    if chart < _LEAST_CHART_LINES:
        return Shares(facts=facts, chart=0, log=max(0, height - facts - 2))
    return Shares(facts=facts, chart=chart, log=log)


def metric_of(detail: ExperimentDetail) -> str | None:
    """The best metric, else the first; None when there is none."""
    best = detail.experiment.best_metric_name
    return best if best in detail.metrics else min(detail.metrics, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEnd:
    """The last lines of the log of a run; without any, `sentence` says why. `name` is the file's."""

    run_dir: str
    name: str
    lines: tuple[str, ...] = ()
    sentence: str = ""


def log_end(run_dir: str) -> LogEnd:
    """The end of logs.txt, or of another file that looks like a log where that is missing. Blocks."""
    path = LOG_NAME
    try:
        try:
            lines = LogFile(run_dir, path).tail(_MOST_READ)
        except Unreadable as error:
            names = log_names(run_dir) if error.is_missing else []
            if not names:
                raise
            path = names[0]
            lines = LogFile(run_dir, path).tail(_MOST_READ)
    except Unreadable as error:
        why = NO_LOG if error.is_missing else f"The log cannot be read: {error.reason}."
        return LogEnd(run_dir=run_dir, name=_name(path), sentence=why)
    sentence = "" if lines else EMPTY_LOG if path == LOG_NAME else EMPTY_FILE
    return LogEnd(run_dir=run_dir, name=_name(path), lines=tuple(lines), sentence=sentence)


def _name(path: bytes) -> str:
    return safe(path.decode("utf-8", "backslashreplace"))
