"""The metrics and parameters that there are, and how many experiments have each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from runicorn_db.named_values import NamedValue

Kind: TypeAlias = Literal["truth", "integer", "number", "text"]
"""What every value under a name is: an integer is within 64 bits, a text may be anything."""

# From one name to the next along the index: however many experiments have it, a name costs one step.
_PARAMS = """
WITH RECURSIVE names (name) AS (
    SELECT min(name) FROM experiment_param
    UNION ALL
    SELECT (SELECT min(name) FROM experiment_param WHERE name > names.name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""
_METRICS = """
SELECT name FROM metric_name WHERE EXISTS (SELECT 1 FROM metric WHERE metric_id = metric_name.id) ORDER BY name
"""
# All, from an index alone, and those to be taken off: joining each row to its experiment takes ten times as long.
_ALL = "SELECT {name}, count(*) FROM {table} GROUP BY {name}"
_AWAY = """
SELECT {table}.{name}, count(*) FROM experiment CROSS JOIN {table} ON experiment_seq = seq WHERE live = 0 GROUP BY 1
"""

_METRICS_OF = "SELECT DISTINCT metric_id FROM metric WHERE experiment_seq IN (SELECT value FROM json_each(?))"
# A number that is written with nothing but digits is whole; of up to 18 digits it has 64 bits.
_PARAMS_OF = """
SELECT name,
    max(CASE WHEN number IS NULL THEN 8
        WHEN text IN ('true', 'false') THEN 1
        WHEN text GLOB '*[^-0-9]*' THEN 4
        WHEN length(text) > 18 THEN 8
        ELSE 2 END),
    max(text IN ('true', 'false'))
FROM experiment_param WHERE experiment_seq IN (SELECT value FROM json_each(?)) GROUP BY name
"""
# Of a million every row would have to be looked at, which takes seconds; of the newest their rows lie together.
_VALUES = """
SELECT text FROM (SELECT seq FROM experiment WHERE live = 1 ORDER BY created_at DESC, seq DESC LIMIT ?)
CROSS JOIN experiment_param ON experiment_seq = seq AND name = ? GROUP BY text ORDER BY count(*) DESC, text LIMIT ?
"""
NEWEST = 5000
MOST = 500
_PART = 10_000
"""So many experiments are looked at in one question."""


def read_names(connection: sqlite3.Connection) -> list[NamedValue]:
    """Metrics, then parameters, each by name."""
    metrics = [NamedValue("best", name) for (name,) in connection.execute(_METRICS) if name]
    return metrics + [NamedValue("param", name) for (name,) in connection.execute(_PARAMS) if name]


def read_counts(connection: sqlite3.Connection) -> dict[NamedValue, int]:
    names = dict(connection.execute("SELECT id, name FROM metric_name").fetchall())
    metrics = _counts(connection, "metric", "metric_id").items()
    params = _counts(connection, "experiment_param", "name").items()
    counts = {NamedValue("best", names[metric]): count for metric, count in metrics if names[metric]}
    return counts | {NamedValue("param", name): count for name, count in params if name}


def _counts(connection: sqlite3.Connection, table: str, name: str) -> dict[Any, int]:
    away = dict(connection.execute(_AWAY.format(table=table, name=name)).fetchall())
    every = connection.execute(_ALL.format(table=table, name=name)).fetchall()
    return {key: count - away.get(key, 0) for key, count in every}


def read_values(connection: sqlite3.Connection, name: str) -> list[str]:
    """What the `NEWEST` experiments have as a parameter, the most frequent first, at most `MOST`."""
    return [text for (text,) in connection.execute(_VALUES, (NEWEST, name, MOST))]


def read_kinds(connection: sqlite3.Connection, keys: Sequence[int]) -> dict[NamedValue, Kind]:
    """What these experiments have: metrics (as `best`), then parameters, each by name."""
    metrics: set[int] = set()
    params: dict[str, tuple[int, int]] = {}
    for begin in range(0, len(keys), _PART):
        wanted = (json.dumps(list(keys[begin : begin + _PART])),)
        metrics.update(metric_id for (metric_id,) in connection.execute(_METRICS_OF, wanted))
        for name, rank, has_truth in connection.execute(_PARAMS_OF, wanted):
            before = params.get(name, (0, 0))
            params[name] = max(rank, before[0]), max(has_truth, before[1])
    names = dict(connection.execute("SELECT id, name FROM metric_name").fetchall())
    kinds: dict[NamedValue, Kind] = {
        NamedValue("best", name): "number" for name in sorted(names[metric] for metric in metrics) if name
    }
    kinds.update((NamedValue("param", name), _kind(*params[name])) for name in sorted(params) if name)
    return kinds


def _kind(rank: int, has_truth: int) -> Kind:
    if rank == 1:
        return "truth"
    # Truth values among numbers cannot be told from 0 and 1 then.
    return "text" if has_truth or rank == 8 else "integer" if rank == 2 else "number"
