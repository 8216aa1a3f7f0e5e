"""Turns a query into SQL: the WHERE clause, the order, pages, totals, ids. Written once, so they agree."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runicorn_db import criteria as c
from runicorn_db import labels
from runicorn_db.cursors import read_cursor
from runicorn_db.database import Interrupt
from runicorn_db.query import ExperimentQuery
from runicorn_db.text import fold

Visibility = Literal["live", "any", "deleted"]
Args = list[object]
Sql = tuple[str, Args]

_VISIBLE = {
    "live": "live = 1",
    "any": "missing_at IS NULL",
    "deleted": "deleted_at IS NOT NULL AND missing_at IS NULL",
}
_NUMBER_COLUMNS = {
    "duration": "duration_seconds",
    "size": "size_bytes",
    "files": "file_count",
    "steps": "step_count",
    "best": "best_metric_value",
}
_NULLABLE_COLUMNS = ("best_metric_value", "ended_at", "duration_seconds", "size_bytes")
_FLIPPED: dict[c.Comparison, c.Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


# --- WHERE


def matching(query: ExperimentQuery, *, visibility: Visibility | None = None, now: float | None = None) -> Sql:
    """The WHERE clause for everything that `query` asks for, its paging apart.

    `visibility` overrides which of the live and the deleted ones are meant where the filter does not say.
    """
    now = time.time() if now is None else now
    visible = visibility or ("any" if query.include_deleted else "live")
    is_live = visible == "live"
    parts: list[Sql] = []
    for column in ("project", "name"):
        if (value := getattr(query, column)) is not None:
            parts.append((f"{column} = ?", [value]))
    if query.status:
        parts.append(_any_of("status", sorted(set(query.status))))
    if query.tags:
        parts.append(_tagged_all(sorted(set(query.tags))))
    for word in search_words(query.search or ""):
        parts.append(_containing(word, is_live=is_live))
    for sql, bound in (
        ("created_at >= ?", query.created_after),
        ("created_at <= ?", query.created_before),
        ("best_metric_value >= ?", query.best_metric_min),
        ("best_metric_value <= ?", query.best_metric_max),
    ):
        if bound is not None:
            parts.append((sql, [bound]))
    if query.roots:
        names = json.dumps(query.roots)
        parts.append(("root_id IN (SELECT id FROM root WHERE name IN (SELECT value FROM json_each(?)))", [names]))
    parts.append(_groups(query.filter, visible, now))
    return _joined(" AND ", parts)


def search_words(text: str) -> list[str]:
    """The words of a search text, folded: split at white space, `"a b"` in double quotes is one word."""
    words = (quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|([^\s"]+)', text))
    return [fold(word) for word in words if word]


def _groups(filter_: c.Criteria, visible: Visibility, now: float) -> Sql:
    if not filter_.groups:
        return _VISIBLE[visible], []
    groups = [_group(group, visible, now) for group in filter_.groups]
    if len(groups) == 1:
        return groups[0]
    return _joined(" OR ", [(f"({sql})", args) for sql, args in groups], parentheses=True)


def _group(group: tuple[c.Term, ...], visible: Visibility, now: float) -> Sql:
    states = {term.state for term in group if isinstance(term, c.Is) and not term.negated}
    is_live = visible == "live" and not states & {"deleted", "missing"}
    if "missing" in states:
        parts: list[Sql] = [("missing_at IS NOT NULL", [])]
        if "deleted" not in states and visible == "live":
            parts.append(("deleted_at IS NULL", []))
    else:
        parts = [(_VISIBLE["deleted" if "deleted" in states else visible], [])]
    parts += [_term(term, is_live=is_live, now=now) for term in group]
    return _joined(" AND ", parts)


def _term(term: c.Term, *, is_live: bool, now: float) -> Sql:
    sql, args = _positive(term, is_live=is_live, now=now)
    # IS NOT TRUE: what is unknown does not match, and so matches the negation.
    return (f"({sql}) IS NOT TRUE", args) if term.negated else (sql, args)


def _positive(term: c.Term, *, is_live: bool, now: float) -> Sql:
    match term:
        case c.Text():
            return _containing(fold(term.text), is_live=is_live and not term.negated)
        case c.Field():
            return _field(term)
        case c.Status():
            return _any_of("status", term.values)
        case c.Tag():
            return _tagged(term.values)
        case c.Date():
            return _date(term)
        case c.Number(field="age"):
            return f"created_at {_FLIPPED[term.comparison]} ?", [now - term.values[0]]
        case c.Number():
            return _compared(_NUMBER_COLUMNS[term.field], term.comparison, term.values)
        case c.Metric():
            return _metric(term)
        case c.Param():
            return _param(term)
        case c.Has():
            return _has(term)
        case c.Is():
            return _is(term)


def _joined(operator: str, parts: Sequence[Sql], *, parentheses: bool = False) -> Sql:
    sql = operator.join(part for part, _ in parts)
    return (f"({sql})" if parentheses else sql), [arg for _, args in parts for arg in args]


def _any_of(column: str, values: Sequence[object]) -> Sql:
    if len(values) == 1:
        return f"{column} = ?", [values[0]]
    return f"{column} IN ({', '.join('?' * len(values))})", list(values)


def _compared(expression: str, comparison: c.Comparison, values: Sequence[float]) -> Sql:
    if comparison == "=":
        return _any_of(expression, values)
    return f"{expression} {comparison} ?", [values[0]]


def _tagged(tags: Sequence[str]) -> Sql:
    condition, args = _any_of("tag", tags)
    return f"seq IN (SELECT experiment_seq FROM experiment_tag WHERE {condition})", args


def _tagged_all(tags: Sequence[str]) -> Sql:
    if len(tags) == 1:
        return _tagged(tags)
    # One condition for any number of tags: SQLite refuses an expression deeper than 1000.
    sql = (
        "SELECT experiment_seq FROM experiment_tag WHERE tag IN (SELECT value FROM json_each(?))"
        " GROUP BY experiment_seq HAVING count(*) = ?"
    )
    return f"seq IN ({sql})", [json.dumps(tags), len(tags)]


def _containing(word: str, *, is_live: bool) -> Sql:
    if is_live and len(word) >= 3:
        phrase = '"' + word.replace('"', '""') + '"'
        return "seq IN (SELECT rowid FROM search_index WHERE search_index MATCH ?)", [phrase]
    condition = "instr(project, ?) OR instr(name, ?) OR instr(description, ?)"
    return f"seq IN (SELECT seq FROM search_text WHERE {condition})", [word, word, word]


def _field(term: c.Field) -> Sql:
    if term.field == "root":
        parts = [_text_match(column, term) for column in ("name", "path")]
        condition, args = _joined(" OR ", parts)
        return f"root_id IN (SELECT id FROM root WHERE {condition})", args
    if term.field in ("project", "name") and term.operation == "contains":
        parts: list[Sql] = [(f"instr({term.field}, ?)", [fold(value)]) for value in term.values]
        condition, args = _joined(" OR ", parts)
        return f"seq IN (SELECT seq FROM search_text WHERE {condition})", args
    return _text_match({"host": "hostname"}.get(term.field, term.field), term)


def _text_match(column: str, term: c.Field) -> Sql:
    if term.operation == "exact":
        return _any_of(column, term.values)
    if term.operation == "regex":
        return f"matches(?, {column})", [term.values[0]]
    return _joined(" OR ", [(f"instr(fold({column}), ?)", [fold(value)]) for value in term.values], parentheses=True)


def _date(term: c.Date) -> Sql:
    begin, end = term.interval()
    column = f"{term.field}_at"
    match term.comparison:
        case "<":
            return f"{column} < ?", [begin]
        case "<=":
            return f"{column} < ?", [end]
        case ">":
            return f"{column} >= ?", [end]
        case ">=":
            return f"{column} >= ?", [begin]
        case "=":
            return f"({column} >= ? AND {column} < ?)", [begin, end]


def _metric(term: c.Metric) -> Sql:
    value = (
        f"(SELECT {term.value or 'last'} FROM metric WHERE experiment_seq = seq"
        " AND metric_id = (SELECT id FROM metric_name WHERE name = ?))"
    )
    args: Args = [term.metric]
    if not term.value:
        value = f"(CASE WHEN best_metric_name = ? THEN best_metric_value ELSE {value} END)"
        args.append(term.metric)
    condition, values = _compared(value, term.comparison, term.values)
    return condition, args + values


def _param(term: c.Param) -> Sql:
    conditions = [_param_condition(term.comparison, value) for value in term.values]
    condition, args = _joined(" OR ", conditions, parentheses=True)
    sql = f"SELECT 1 FROM experiment_param WHERE experiment_seq = seq AND experiment_param.name = ? AND {condition}"
    return f"EXISTS ({sql})", [term.param, *args]


def _param_condition(comparison: c.Comparison | Literal["contains"], value: str) -> Sql:
    number = _number(value)
    if comparison == "contains":
        if number is None:
            return "instr(fold(text), ?)", [fold(value)]
        return "CASE WHEN number IS NULL THEN instr(fold(text), ?) ELSE number = ? END", [fold(value), number]
    if comparison == "=":
        return ("text = ?", [value]) if number is None else ("(number = ? OR text = ?)", [number, value])
    return (f"text {comparison} ?", [value]) if number is None else (f"number {comparison} ?", [number])


def _number(text: str) -> float | None:
    return float(text) if c.NUMBER.fullmatch(text) else None


def _has(term: c.Has) -> Sql:
    match term.presence:
        case "metric":
            return (
                "EXISTS (SELECT 1 FROM metric WHERE experiment_seq = seq"
                " AND metric_id = (SELECT id FROM metric_name WHERE name = ?))",
                [term.name],
            )
        case "param":
            return (
                "EXISTS (SELECT 1 FROM experiment_param WHERE experiment_seq = seq AND experiment_param.name = ?)",
                [term.name],
            )
        case "tags":
            return "EXISTS (SELECT 1 FROM experiment_tag WHERE experiment_seq = seq)", []
        case "description":
            return "description IS NOT NULL", []
        case "environment":
            return "has_environment = 1", []


def _is(term: c.Is) -> Sql:
    condition = {
        "deleted": "deleted_at IS NOT NULL",
        "missing": "missing_at IS NOT NULL",
        "pinned": "is_pinned = 1",
        "running": "status = 'running'",
    }
    return condition[term.state], []


# --- order, pages, totals


def ordering(query: ExperimentQuery) -> str:
    """The ORDER BY terms: nulls last in both directions, ties by created_at then id (which is what seq orders by)."""
    direction = "DESC" if query.order_desc else "ASC"
    if query.order_by == "created_at":
        return f"seq {direction}"
    return f"{query.order_by} {direction} NULLS LAST, seq {direction}"


@dataclass(frozen=True, slots=True)
class PageKeys:
    """The rows of one page by seq, the number of all that match, and where the next page begins."""

    keys: list[int]
    total: int
    has_more: bool


def find_page(connection: sqlite3.Connection, query: ExperimentQuery) -> PageKeys:
    where, args = matching(query)
    offset = (query.page - 1) * query.per_page
    keys: list[int] = []
    for part in [("1", [])] if query.cursor is None else _after_cursor(connection, query):
        sql, page_args = _joined(" AND ", [(where, args), *_created_range(query), part])
        sql = f"SELECT seq FROM experiment WHERE {sql} ORDER BY {ordering(query)} LIMIT ? OFFSET ?"
        limit = query.per_page + 1 - len(keys)
        keys += [seq for (seq,) in connection.execute(sql, [*page_args, limit, offset])]
    has_more = len(keys) > query.per_page
    del keys[query.per_page :]
    if has_more or query.cursor is not None or (not keys and offset):
        total = count(connection, where, args)
    else:
        total = offset + len(keys)
    return PageKeys(keys, total, has_more)


def count(connection: sqlite3.Connection, where: str, args: Args) -> int:
    (total,) = connection.execute(f"SELECT count(*) FROM experiment WHERE {where}", args).fetchone()
    return total


def find_keys(connection: sqlite3.Connection, query: ExperimentQuery, interrupt: Interrupt | None) -> array[int]:
    """The seq of everything that matches, in order."""
    where, args = _joined(" AND ", [matching(query), *_created_range(query)])
    keys: array[int] = array("q")
    cursor = connection.execute(f"SELECT seq FROM experiment WHERE {where} ORDER BY {ordering(query)}", args)
    while rows := cursor.fetchmany(2000):
        keys.extend([seq for (seq,) in rows])
        if interrupt is not None:
            interrupt.check()
    return keys


def _created_range(query: ExperimentQuery) -> list[Sql]:
    """What the bounds of created_at mean for seq, so that a list in this order is read from where they begin."""
    if query.order_by != "created_at":
        return []
    bounds: list[Sql] = []
    # A cursor is a bound itself, on the side that the list has left behind; with three SQLite prefers to sort.
    if query.created_after is not None and (query.cursor is None or query.order_desc):
        bounds.append(("seq >= ?", [labels.slot_begin(query.created_after)]))
    if query.created_before is not None and (query.cursor is None or not query.order_desc):
        bounds.append(("seq <= ?", [labels.slot_end(query.created_before)]))
    return bounds


def _after_cursor(connection: sqlite3.Connection, query: ExperimentQuery) -> list[Sql]:
    """Conditions for what comes after the cursor, each a range of an index; in the order of the list."""
    value, created_at, name = read_cursor(query)
    before, after = labels.pivots(connection, (created_at, name))
    comparison, bound = ("<", before) if query.order_desc else (">", after)
    column = query.order_by
    if column == "created_at":
        return [(f"seq {comparison} ?", [bound])]
    if value is None:
        return [(f"{column} IS NULL AND seq {comparison} ?", [bound])]
    beyond: Sql = (f"({column}, seq) {comparison} (?, ?)", [value, bound])
    return [beyond, (f"{column} IS NULL", [])] if column in _NULLABLE_COLUMNS else [beyond]
