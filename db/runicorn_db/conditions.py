"""Turns a query into the WHERE clause that lists, totals, ids and deletions share: written once, so they agree."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from runicorn_db import criteria as c
from runicorn_db.query import ExperimentQuery, words_of
from runicorn_db.text import fold

Visibility = Literal["live", "any", "deleted"]
Form = Literal["list", "probe"]
"""How tags and words are looked up: as a list of experiments to begin with, or one experiment after the other."""
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
    # Counted and weighed together: 0 before that is no number of files.
    "files": "iif(size_bytes IS NULL, NULL, file_count)",
    "steps": "step_count",
    "best": "best_metric_value",
}
SHORTEST_PHRASE = 3
"""The text index is one of trigrams."""

_CONTAINS = "instr(project, ?) OR instr(name, ?) OR instr(description, ?)"
_MAX_CONDITIONS = 8
_FLIPPED: dict[c.Comparison, c.Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@dataclass(frozen=True, slots=True)
class _Way:
    """What the words of a WHERE clause have in common."""

    visible: Visibility
    now: float
    form: Form
    # The text index and the list of tags hold live experiments only.
    is_live: bool


def matching(
    query: ExperimentQuery, *, visibility: Visibility | None = None, now: float | None = None, form: Form = "list"
) -> Sql:
    """The WHERE clause for everything that `query` asks for, its paging apart.

    `visibility` overrides which of the live and the deleted ones are meant where the filter does not say.
    The `form` changes how fast an answer comes, never the answer.
    """
    now = time.time() if now is None else now
    visible = visibility or ("any" if query.include_deleted else "live")
    # What one group asks of the trash, tags and words outside the filter must find there too.
    asked = set[c.State]().union(*map(_states, query.filter.groups))
    way = _Way(visible, now, form, is_live=visible == "live" and not asked & {"deleted", "missing"})
    parts: list[Sql] = []
    # A unary plus keeps SQLite from beginning with the index of this column.
    plus = "+" if form == "probe" else ""
    for column in ("project", "name"):
        if (value := getattr(query, column)) is not None:
            parts.append((f"{plus}{column} = ?", [value]))
    if query.status:
        parts.append(_any_of(f"{plus}status", sorted(set(query.status))))
    if query.tags:
        parts.append(_tagged_all(sorted(set(query.tags)), way))
    for word in search_words(query.search or ""):
        parts.append(_containing(word, way))
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
    parts.append(_groups(query.filter, way))
    return joined(" AND ", parts)


def search_words(text: str) -> list[str]:
    """The words of a search text, folded: split at white space, `"a b"` in double quotes is one word."""
    return [fold(word) for word in words_of(text)]


def _groups(filter_: c.Criteria, way: _Way) -> Sql:
    if not filter_.groups:
        return _VISIBLE[way.visible], []
    groups = [_group(group, way) for group in filter_.groups]
    if len(groups) == 1:
        return groups[0]
    return joined(" OR ", [(f"({sql})", args) for sql, args in groups], parentheses=True)


def _group(group: tuple[c.Term, ...], way: _Way) -> Sql:
    states = _states(group)
    way = replace(way, is_live=way.visible == "live" and not states & {"deleted", "missing"})
    if "missing" in states:
        parts: list[Sql] = [("missing_at IS NOT NULL", [])]
        if "deleted" not in states and way.visible == "live":
            parts.append(("deleted_at IS NULL", []))
    else:
        parts = [(_VISIBLE["deleted" if "deleted" in states else way.visible], [])]
    parts += [_term(term, way) for term in group]
    return joined(" AND ", parts)


def _states(group: tuple[c.Term, ...]) -> set[c.State]:
    return {term.state for term in group if isinstance(term, c.Is) and not term.negated}


def _term(term: c.Term, way: _Way) -> Sql:
    sql, args = _positive(term, way)
    # IS NOT TRUE: what is unknown does not match, and so matches the negation.
    return (f"({sql}) IS NOT TRUE", args) if term.negated else (sql, args)


def _positive(term: c.Term, way: _Way) -> Sql:
    match term:
        case c.Text():
            return _containing(fold(term.text), way)
        case c.Field():
            return _field(term)
        case c.Status():
            return _any_of("+status" if way.form == "probe" else "status", term.values)
        case c.Tag():
            return _tagged(term.values, way)
        case c.Date():
            return _date(term)
        case c.Number(field="age"):
            return f"created_at {_FLIPPED[term.comparison]} ?", [way.now - term.values[0]]
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


def joined(operator: str, parts: Sequence[Sql], *, parentheses: bool = False) -> Sql:
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


def _tagged(tags: Sequence[str], way: _Way) -> Sql:
    table = "live_tag" if way.is_live else "experiment_tag"
    condition, args = _any_of("tag", tags)
    if way.form == "probe":
        return f"EXISTS (SELECT 1 FROM {table} WHERE experiment_seq = seq AND {condition})", args
    return f"seq IN (SELECT experiment_seq FROM {table} WHERE {condition})", args


def _tagged_all(tags: Sequence[str], way: _Way) -> Sql:
    if len(tags) <= _MAX_CONDITIONS:
        return joined(" AND ", [_tagged((tag,), way) for tag in tags])
    # One condition for any number of tags: SQLite refuses an expression deeper than 1000.
    sql = (
        "SELECT experiment_seq FROM experiment_tag WHERE tag IN (SELECT value FROM json_each(?))"
        " GROUP BY experiment_seq HAVING count(*) = ?"
    )
    return f"seq IN ({sql})", [json.dumps(tags), len(tags)]


def _containing(word: str, way: _Way) -> Sql:
    if way.form == "list" and way.is_live and len(word) >= SHORTEST_PHRASE:
        return "seq IN (SELECT rowid FROM search_index WHERE search_index MATCH ?)", [phrase([word])]
    args: Args = [word, word, word]
    if way.form == "probe":
        return f"EXISTS (SELECT 1 FROM search_text WHERE search_text.seq = experiment.seq AND ({_CONTAINS}))", args
    # `live` narrows: what is not live is looked at only when it is asked for.
    return f"seq IN (SELECT seq FROM search_text WHERE {'live AND ' if way.is_live else ''}({_CONTAINS}))", args


def containing(words: Sequence[str]) -> Sql:
    """The WHERE clause over `search_text` for the live experiments that contain all words, folded; some too short."""
    parts: list[Sql] = [("live", [])]
    if long := [word for word in words if len(word) >= SHORTEST_PHRASE]:
        parts.append(("seq IN (SELECT rowid FROM search_index WHERE search_index MATCH ?)", [phrase(long)]))
    for word in words:
        if len(word) < SHORTEST_PHRASE:
            parts.append((f"({_CONTAINS})", [word, word, word]))
    return joined(" AND ", parts)


def phrase(words: Sequence[str]) -> str:
    """The words for the text index: each somewhere in project, name or description."""
    return " AND ".join('"' + word.replace('"', '""') + '"' for word in words)


def _field(term: c.Field) -> Sql:
    if term.field == "root":
        parts = [_text_match(column, term) for column in ("name", "path")]
        condition, args = joined(" OR ", parts)
        return f"root_id IN (SELECT id FROM root WHERE {condition})", args
    if term.field in ("project", "name") and term.operation == "contains":
        parts: list[Sql] = [(f"instr({term.field}, ?)", [fold(value)]) for value in term.values]
        condition, args = joined(" OR ", parts)
        return f"seq IN (SELECT seq FROM search_text WHERE {condition})", args
    return _text_match({"host": "hostname"}.get(term.field, term.field), term)


def _text_match(column: str, term: c.Field) -> Sql:
    if term.operation == "exact":
        return _any_of(column, term.values)
    if term.operation == "regex":
        return f"matches(?, {column})", [term.values[0]]
    return joined(" OR ", [(f"instr(fold({column}), ?)", [fold(value)]) for value in term.values], parentheses=True)


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
    condition, args = joined(" OR ", conditions, parentheses=True)
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
