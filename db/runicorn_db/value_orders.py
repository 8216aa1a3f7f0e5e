"""Orders by a metric or a parameter: read along indexes for a page, or worked out for everything that matches.

Numbers come first, then texts (of parameters, by code point), then what has no value, in both directions; each in
the direction of the order, ties by created_at, then id.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from runicorn_db import labels
from runicorn_db.conditions import Args, Sql, matching
from runicorn_db.cursors import Position
from runicorn_db.named_values import NamedValue, Value
from runicorn_db.query import ExperimentQuery

# The expression of an index: long texts are ordered by their beginning.
_TEXT = "substr(text, 1, 64)"


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment and what it is ordered by."""

    value: Value
    key: int


@dataclass(frozen=True, slots=True)
class _Range:
    """Experiments with a value, as an index has them in order; `expression` is that value in `table`."""

    table: str
    key: str
    expression: str
    condition: str
    args: Args = field(default_factory=list[object])


def expressions(connection: sqlite3.Connection, value: NamedValue) -> list[Sql]:
    """What an experiment is ordered by, as scalars over its row: of a parameter the number, then the text."""
    if value.is_param:
        held = "FROM experiment_param WHERE experiment_seq = seq AND experiment_param.name = ?"
        text = f"(SELECT {_TEXT} {held} AND number IS NULL)"
        return [(f"(SELECT number {held})", [value.name]), (text, [value.name])]
    args: Args = [_metric_id(connection, value.name)]
    if value.which != "best":
        return [(f"(SELECT {value.which} FROM metric WHERE experiment_seq = seq AND metric_id = ?)", args)]
    last = "(SELECT last FROM metric WHERE experiment_seq = seq AND metric_id = ?)"
    return [(f"(CASE WHEN best_metric_name = ? THEN best_metric_value ELSE {last} END)", [value.name, *args])]


def first_rows(
    connection: sqlite3.Connection, query: ExperimentQuery, value: NamedValue, limit: int, after: Position | None
) -> list[Row]:
    """At most `limit` experiments in order, looking each one up along the way; `after`: what follows this position."""
    rows: list[Row] = []
    blocks = _blocks(connection, value)
    begin = 0 if after is None else _block_of(after, len(blocks))
    for number, block in enumerate(blocks[begin:]):
        if len(rows) < limit:
            rows += _of_block(connection, query, block, limit - len(rows), None if number else after)
    if len(rows) < limit:
        is_inside = after is not None and after[0] is None
        sql, args = _rest_sql(connection, query, value, limit - len(rows), after if is_inside else None)
        rows += [Row(*row) for row in connection.execute(sql, args)]
    return rows


def in_order(connection: sqlite3.Connection, query: ExperimentQuery, value: NamedValue) -> list[Sql] | None:
    """Questions that one after the other answer every experiment, `seq` last; None where they have to be sorted.

    Without a filter: then an index is read from end to end and the trash taken out, where a sort takes much memory.
    """
    blocks = _blocks(connection, value)
    if not query.is_unfiltered or any(len(block) > 1 for block in blocks):
        return None
    direction = "DESC" if query.order_desc else "ASC"
    questions: list[Sql] = []
    for (part,) in blocks:
        sql = (
            f"SELECT {part.key} FROM {part.table} WHERE {part.condition} AND {part.expression} IS NOT NULL"
            f" AND {part.key} NOT IN (SELECT seq FROM experiment WHERE live = 0)"
            f" ORDER BY {part.expression} {direction}, {part.key} {direction}"
        )
        questions.append((sql, part.args))
    return [*questions, _rest_sql(connection, query, value, -1, None)]


def _metric_id(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT id FROM metric_name WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def _blocks(connection: sqlite3.Connection, value: NamedValue) -> list[list[_Range]]:
    """One after the other, the ranges of a block merged."""
    if value.is_param:
        held: Args = [value.name]
        numbers = _Range("experiment_param", "experiment_seq", "number", "name = ? AND number IS NOT NULL", held)
        texts = _Range("experiment_param", "experiment_seq", _TEXT, "name = ? AND number IS NULL", held)
        return [[numbers], [texts]]
    column = "last" if value.which == "best" else value.which
    condition = f"metric_id = ? AND {column} IS NOT NULL"
    logged = _Range("metric", "experiment_seq", column, condition, [_metric_id(connection, value.name)])
    if value.which != "best":
        return [[logged]]
    # The plus: along the index of all best values a name that is seldom the best is found late.
    best = _Range("experiment", "seq", "+best_metric_value", "best_metric_name = ?", [value.name])
    return [[best, logged]]


def _block_of(after: Position, blocks: int) -> int:
    value = after[0]
    return blocks if value is None else int(isinstance(value, str))


def _of_block(
    connection: sqlite3.Connection, query: ExperimentQuery, block: list[_Range], limit: int, after: Position | None
) -> list[Row]:
    best, *others = block
    sql, args = _range_sql(connection, query, best, limit, after)
    rows = [Row(*row) for row in connection.execute(sql, args)]
    for other in others:
        # Whatever lies beyond the last of a full page cannot be on it.
        bound = rows[-1].value if len(rows) == limit else None
        sql, args = _range_sql(connection, query, other, limit, after, bound=bound, unless=best)
        rows += [Row(*row) for row in connection.execute(sql, args)]
        rows.sort(key=lambda row: (row.value, row.key), reverse=query.order_desc)
    return rows[:limit]


def _range_sql(
    connection: sqlite3.Connection,
    query: ExperimentQuery,
    part: _Range,
    limit: int,
    after: Position | None,
    *,
    bound: Value = None,
    unless: _Range | None = None,
) -> Sql:
    """`bound`: not beyond this value; `unless`: not what belongs to another range of `experiment`."""
    where, args = matching(query, form="probe")
    if unless is not None:
        where, args = f"{where} AND ({unless.condition}) IS NOT TRUE", [*args, *unless.args]
    if part.table != "experiment":
        where = f"EXISTS (SELECT 1 FROM experiment WHERE seq = experiment_seq AND {where})"
    conditions, values = [part.condition, f"{part.expression} IS NOT NULL"], [*part.args]
    direction, comparison = ("DESC", "<") if query.order_desc else ("ASC", ">")
    if after is not None:
        # The value alone too: SQLite begins an index of expressions only there.
        conditions.append(f"{part.expression} {comparison}= ?")
        conditions.append(f"({part.expression}, {part.key}) {comparison} (?, ?)")
        values += [after[0], after[0], _pivot(connection, query, after)]
    if bound is not None:
        conditions.append(f"{part.expression} {'>' if query.order_desc else '<'}= ?")
        values.append(bound)
    sql = (
        f"SELECT {part.expression}, {part.key} FROM {part.table} WHERE {' AND '.join(conditions)} AND {where}"
        f" ORDER BY {part.expression} {direction}, {part.key} {direction} LIMIT ?"
    )
    return sql, [*values, *args, limit]


def _rest_sql(
    connection: sqlite3.Connection, query: ExperimentQuery, value: NamedValue, limit: int, after: Position | None
) -> Sql:
    """What has no value."""
    where, args = matching(query, form="probe")
    for expression, values in expressions(connection, value):
        where, args = f"{where} AND {expression} IS NULL", [*args, *values]
    if after is not None:
        where += f" AND seq {'<' if query.order_desc else '>'} ?"
        args = [*args, _pivot(connection, query, after)]
    sql = f"SELECT NULL, seq FROM experiment WHERE {where} ORDER BY seq {'DESC' if query.order_desc else 'ASC'} LIMIT ?"
    return sql, [*args, limit]


def _pivot(connection: sqlite3.Connection, query: ExperimentQuery, after: Position) -> int:
    before, beyond = labels.pivots(connection, (after[1], after[2]))
    return before if query.order_desc else beyond
