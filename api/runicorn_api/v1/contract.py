"""What requests of V1 carry: run ids, query parameters, bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from runicorn_api.bodies import read_object
from runicorn_api.contract import METRICS_PARAMETERS, Parameter, read_parameters
from runicorn_api.forms import FLAG, TEXT
from runicorn_db.errors import InvalidQuery
from runicorn_db.query import MetricsQuery, shown

MAX_RUN_IDS = 100

RUN_ID_PATTERN = r"^[^/\\\u0000-\u001f\u007f-\u009f]+$"
"""Users give ids of any form; only what can be no name of a directory, on any system, is refused."""
_RUN_ID = re.compile(RUN_ID_PATTERN)

SOFT_DELETE_FIELDS: Mapping[str, str] = {"run_ids": f"Ids of runs, 1 to {MAX_RUN_IDS}. Required."}
RESTORE_FIELDS = SOFT_DELETE_FIELDS
EMPTY_FIELDS: Mapping[str, str] = {"confirm": "`true`: remove everything in the trash from disk. Required."}

SERIES_PARAMETERS = tuple(row for row in METRICS_PARAMETERS if row.name == "downsample")

PATHS_PARAMETERS = (
    Parameter(
        name="include_stats",
        form=FLAG,
        role="answer",
        doc="Also how many runs each path and the paths above it have.",
    ),
)

PATH_RUNS_PARAMETERS = (
    Parameter(name="path", form=TEXT, role="filter", doc="At this path or below it; otherwise everywhere."),
    Parameter(name="exact", form=FLAG, role="filter", doc="At this path only, not below it."),
)

ENVIRONMENT_PARAMETERS = (
    Parameter(name="env_variables", form=FLAG, role="answer", doc="Also the environment variables, secrets and all."),
)

REPORT_FORMATS = ("markdown", "html")
REPORT_PARAMETERS = (
    Parameter(name="format", form=TEXT, role="answer", doc="`markdown` or `html`.", allowed=REPORT_FORMATS),
)


def check_run_id(given: object) -> None:
    """Raises InvalidQuery for what cannot be the id of a run."""
    if not isinstance(given, str) or _RUN_ID.fullmatch(given) is None:
        raise InvalidQuery(f"Invalid run_id format: {shown(given)}. Expected format: YYYYMMDD_HHMMSS_XXXXXX")


def read_series(run_id: str, query_string: str) -> MetricsQuery:
    """Which series a request asks for: all of them, with their times and texts."""
    values = read_parameters(SERIES_PARAMETERS, query_string)
    return MetricsQuery(experiment_id=run_id, downsample=values.get("downsample"), with_times=True, with_texts=True)


def read_paths(query_string: str) -> bool:
    """Whether the numbers of runs are asked for too."""
    return read_parameters(PATHS_PARAMETERS, query_string).get("include_stats", False)


def read_path_runs(query_string: str) -> tuple[str, bool]:
    """A path without slashes at its ends, empty for everywhere, and whether what lies below it is left out."""
    values = read_parameters(PATH_RUNS_PARAMETERS, query_string)
    return values.get("path", "").strip("/"), values.get("exact", False)


def read_environment(query_string: str) -> bool:
    """Whether the environment variables are asked for too."""
    return read_parameters(ENVIRONMENT_PARAMETERS, query_string).get("env_variables", False)


def read_report(query_string: str) -> str:
    """The format of a report."""
    format_: str = read_parameters(REPORT_PARAMETERS, query_string).get("format", REPORT_FORMATS[0])
    if format_ not in REPORT_FORMATS:
        raise InvalidQuery(f"Format must be markdown or html, not '{shown(format_)}'")
    return format_


def read_soft_delete(body: bytes) -> tuple[str, ...]:
    """The ids to move to the trash."""
    return _read_run_ids(read_object(body, SOFT_DELETE_FIELDS), "delete")


def read_restore(body: bytes) -> tuple[str, ...]:
    """The ids to take back."""
    return _read_run_ids(read_object(body, RESTORE_FIELDS), "restore")


def check_empty(body: bytes) -> None:
    """Raises InvalidQuery unless the trash is surely to be emptied."""
    if read_object(body, EMPTY_FIELDS).get("confirm") is not True:
        raise InvalidQuery("Must set confirm=true to permanently delete")


def _read_run_ids(values: Mapping[str, Any], verb: str) -> tuple[str, ...]:
    given = values.get("run_ids")
    if not isinstance(given, list) or not given:
        raise InvalidQuery("run_ids is required and must be a list")
    for item in cast(Sequence[object], given):
        check_run_id(item)
    ids = tuple(dict.fromkeys(cast(Sequence[str], given)))
    if len(ids) > MAX_RUN_IDS:
        raise InvalidQuery(f"Cannot {verb} more than {MAX_RUN_IDS} runs at once")
    return ids
