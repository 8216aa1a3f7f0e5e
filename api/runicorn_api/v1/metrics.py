"""Metric series of one run, by step and by time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import falcon

from runicorn_api import answers
from runicorn_api.answers import Column
from runicorn_api.contract import STEP_COLUMN, read_nothing
from runicorn_api.readers import Readers
from runicorn_api.v1.contract import read_series
from runicorn_api.v1.runs import find_detail, named_run
from runicorn_db.query import MetricTable
from runicorn_db.store import Store

TIME_COLUMN = "time"

Columns = Mapping[str, Column]


class Series:
    """Everything a run logged, in the columns of `by_step` or `by_time`."""

    def __init__(self, store: Store, readers: Readers, columns_of: Callable[[MetricTable], Columns]) -> None:
        self._store = store
        self._readers = readers
        self._columns_of = columns_of

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        table = read_table(self._store, self._readers, run_id, req.query_string)
        columns = self._columns_of(table)
        rows = answers.write_rows(columns.items(), texts=table.texts)
        answers.send(resp, {"columns": list(columns), "rows": rows}, way_out="use downsample")

    on_head = on_get


class Progress:
    """Never known: the original has nothing else to say either."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str) -> None:
        read_nothing(req.query_string)
        run = find_detail(self._store, self._readers, run_id).experiment
        answers.send(resp, {"available": False, "status": run.status})

    on_head = on_get


def read_table(store: Store, readers: Readers, run_id: str, query_string: str) -> MetricTable:
    """All series of a run that is not in the trash. Raises InvalidQuery or HTTPError 404."""
    query = read_series(run_id, query_string)
    find_detail(store, readers, run_id)
    with named_run(run_id):
        return readers.series(lambda: store.series(query))


def by_step(table: MetricTable) -> Columns:
    """The columns by name: the step, then everything that was logged there, in order."""
    if not table.steps:
        return {}
    logged: dict[str, Column] = {**table.texts, **table.values}
    for name in table.texts.keys() & table.values.keys():
        # Logged as a number here and as a text there.
        pairs = zip(table.values[name], table.texts[name], strict=True)
        logged[name] = [text if number is None else number for number, text in pairs]
    logged[TIME_COLUMN] = table.times
    logged.pop(STEP_COLUMN, None)
    return {STEP_COLUMN: table.steps, **dict(sorted(logged.items()))}


def by_time(table: MetricTable) -> Columns:
    """The same in the order of time, which comes first: in seconds since the first point. The last have none."""
    order = sorted(range(len(table.steps)), key=lambda row: _or_end(table.times[row]))
    columns = {name: [column[row] for row in order] for name, column in by_step(table).items()}
    if not columns:
        return {}
    first = min((time for time in table.times if time is not None), default=0.0)
    times = [table.times[row] for row in order]
    since: Column = [None if time is None else round(time - first, 3) for time in times]
    return {TIME_COLUMN: since, **{name: column for name, column in columns.items() if name != TIME_COLUMN}}


def _or_end(time: float | None) -> float:
    return math.inf if time is None else time
