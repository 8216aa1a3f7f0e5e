"""What the index must answer, said again in plain Python: the contract's words, no SQL, nothing of the plan."""

from __future__ import annotations

import json
import operator
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import regex

from runicorn_db import labels
from runicorn_db.criteria import Comparison, Date, Field, Has, Is, Metric, Number, Param, Status, Tag, Term, Text
from runicorn_db.named_values import NamedValue
from runicorn_db.query import Experiment, ExperimentQuery
from runicorn_db.store import Store

ROOTS = ("main", "Backup ß", "nas_1")


@dataclass(kw_only=True)
class Series:
    """What is known of one metric of one experiment."""

    last: float | None = None
    min: float | None = None
    max: float | None = None


@dataclass(kw_only=True)
class Row:
    """One experiment with everything that a query can see."""

    id: str
    root: str = ROOTS[0]
    project: str = "vision"
    name: str = "resnet"
    status: str = "finished"
    created_at: float = 1_700_000_000.0
    updated_at: float = 1_700_000_000.0
    started_at: float | None = None
    ended_at: float | None = None
    duration_seconds: float | None = None
    exit_reason: str | None = None
    best_metric_name: str | None = None
    best_metric_value: float | None = None
    best_metric_step: int | None = None
    best_metric_mode: str | None = None
    pid: int | None = None
    hostname: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    params: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    """Name -> the text, and the number where the value is one."""
    metrics: dict[str, Series] = field(default_factory=dict)
    size_bytes: int | None = None
    file_count: int = 0
    step_count: int = 0
    has_environment: bool = False
    is_pinned: bool = False
    deleted_at: float | None = None
    delete_reason: str | None = None
    is_missing: bool = False


# --- which experiments


def matches(row: Row, query: ExperimentQuery, now: float, folders: dict[str, str]) -> bool:
    """Whether `query` asks for `row` at the time `now`; `folders` are the paths of the roots by name."""
    best = row.best_metric_value
    simple = (
        query.project in (None, row.project),
        query.name in (None, row.name),
        not query.status or row.status in query.status,
        set(query.tags) <= set(row.tags),
        all(_is_in_texts(row, word) for word in words_of(query.search or "")),
        query.created_after is None or row.created_at >= query.created_after,
        query.created_before is None or row.created_at <= query.created_before,
        query.best_metric_min is None or (best is not None and best >= query.best_metric_min),
        query.best_metric_max is None or (best is not None and best <= query.best_metric_max),
        not query.roots or row.root in query.roots,
    )
    groups = query.filter.groups or ((),)
    return all(simple) and any(_satisfies(row, group, query.include_deleted, now, folders) for group in groups)


def words_of(text: str) -> list[str]:
    """White space separates words; two double quotes make one word of what is between them."""
    words: list[str] = []
    word = ""
    at = 0
    while at < len(text):
        closing = text.find('"', at + 1) if text[at] == '"' else -1
        if closing != -1:
            words += [word, text[at + 1 : closing]]
            word, at = "", closing
        elif text[at].isspace() or text[at] == '"':
            words.append(word)
            word = ""
        else:
            word += text[at]
        at += 1
    return [word for word in [*words, word] if word]


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _contains(text: str | None, part: str) -> bool:
    return text is not None and _caseless(part) in _caseless(text)


def _is_in_texts(row: Row, word: str) -> bool:
    return any(_contains(text, word) for text in (row.project, row.name, row.description))


def _satisfies(row: Row, group: Sequence[Term], include_deleted: bool, now: float, folders: dict[str, str]) -> bool:
    asked = {term.state for term in group if isinstance(term, Is) and not term.negated}
    if row.deleted_at is not None and not include_deleted and "deleted" not in asked:
        return False
    if row.is_missing and "missing" not in asked:
        return False
    return all(_holds(row, term, now, folders) is not term.negated for term in group)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compares(value: float | None, comparison: Comparison, others: Iterable[float]) -> bool:
    return value is not None and any(_COMPARE[comparison](value, other) for other in others)


def _holds(row: Row, term: Term, now: float, folders: dict[str, str]) -> bool:
    """Whether the term holds, its negation apart."""
    match term:
        case Text(text=word):
            return _is_in_texts(row, word)
        case Field():
            return any(_field_holds(text, term) for text in _texts(row, term.field, folders))
        case Status(values=values):
            return row.status in values
        case Tag(values=values):
            return any(tag in row.tags for tag in values)
        case Date(field=name, comparison=comparison, date=date):
            return _date_holds(row.created_at if name == "created" else row.updated_at, comparison, date)
        case Number(field=name, comparison=comparison, values=values):
            return _compares(_number(row, name, now), comparison, values)
        case Metric(metric=name, value=which, comparison=comparison, values=values):
            return _compares(_metric_value(row, name, which), comparison, values)
        case Param():
            return term.param in row.params and _param_holds(*row.params[term.param], term)
        case Has(presence=presence, name=name):
            return {
                "metric": name in row.metrics,
                "param": name in row.params,
                "tags": bool(row.tags),
                "description": bool(row.description),
                "environment": row.has_environment,
            }[presence]
        case Is(state=state):
            return {
                "deleted": row.deleted_at is not None,
                "missing": row.is_missing,
                "pinned": row.is_pinned,
                "running": row.status == "running",
            }[state]


def _texts(row: Row, name: str, folders: dict[str, str]) -> list[str | None]:
    if name == "root":
        return [row.root, folders[row.root]]
    return [row.hostname if name == "host" else getattr(row, name)]


def _field_holds(text: str | None, term: Field) -> bool:
    if text is None:
        return False
    if term.operation == "regex":
        return regex.search(term.values[0], text) is not None
    if term.operation == "exact":
        return text in term.values
    return any(_contains(text, value) for value in term.values)


def _date_holds(at: float, comparison: Comparison, date: str) -> bool:
    begin, end = _interval(date)
    return {"<": at < begin, "<=": at < end, ">": at >= end, ">=": at >= begin, "=": begin <= at < end}[comparison]


def _interval(date: str) -> tuple[float, float]:
    formats = {7: "%Y-%m", 10: "%Y-%m-%d", 16: "%Y-%m-%dT%H:%M"}
    begin = datetime.strptime(date, formats[len(date)])
    if len(date) == 7:
        end = (begin + timedelta(days=31)).replace(day=1)
    else:
        end = begin + (timedelta(days=1) if len(date) == 10 else timedelta(minutes=1))
    return begin.timestamp(), end.timestamp()


def _number(row: Row, name: str, now: float) -> float | None:
    return {
        "age": now - row.created_at,
        "duration": row.duration_seconds,
        "size": row.size_bytes,
        "files": None if row.size_bytes is None else row.file_count,
        "steps": row.step_count,
        "best": row.best_metric_value,
    }[name]


def _metric_value(row: Row, name: str, which: str) -> float | None:
    if not which and row.best_metric_name == name:
        return row.best_metric_value
    return getattr(row.metrics.get(name, Series()), which or "last")


def _param_holds(text: str, number: float | None, term: Param) -> bool:
    def holds(value: str) -> bool:
        wanted = float(value) if re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", value) else None
        if term.comparison == "contains":
            return number == wanted if number is not None and wanted is not None else _contains(text, value)
        if term.comparison == "=":
            return text == value or (number is not None and number == wanted)
        assert wanted is not None, "only numbers have an order"
        return _compares(number, term.comparison, [wanted])

    return any(map(holds, term.values))


# --- in which order


def ordered(rows: Iterable[Row], query: ExperimentQuery) -> list[Row]:
    """By the column, nulls last either way; ties by created_at, then id, in the direction of the sort."""

    def column(row: Row) -> float | str | None:
        order = query.order_by
        return ordering_value(row, order) if isinstance(order, NamedValue) else getattr(row, order)

    kinds: dict[type, list[Row]] = {float: [], str: [], type(None): []}
    for row in rows:
        value = column(row)
        kinds[float if isinstance(value, int) else type(value)].append(row)
    for of_one_kind in kinds.values():
        of_one_kind.sort(
            key=lambda row: (0 if column(row) is None else column(row), row.created_at, row.id),
            reverse=query.order_desc,
        )
    return [row for of_one_kind in kinds.values() for row in of_one_kind]


def ordering_value(row: Row, value: NamedValue) -> float | str | None:
    """What `row` is ordered by: of a parameter its number, or else the beginning of its text."""
    if value.is_param:
        text, number = row.params.get(value.name, (None, None))
        return number if number is not None else text and text[:64]
    return _metric_value(row, value.name, "" if value.which == "best" else value.which)


def answer(rows: Iterable[Row], query: ExperimentQuery, now: float, folders: dict[str, str]) -> list[str]:
    """The ids of everything that `query` asks for, in order."""
    return [row.id for row in ordered([row for row in rows if matches(row, query, now, folders)], query)]


# --- into an index and out of it


def folders_of(store: Store) -> dict[str, str]:
    return {root.name: root.path for root in store.roots()}


def add_roots(store: Store, place: Path) -> dict[str, str]:
    """Makes the roots that rows can lie in; their paths by name."""
    for name in ROOTS:
        folder = place / "roots" / name
        folder.mkdir(parents=True)
        store.add_root(folder, name)
    return folders_of(store)


def clear(store: Store) -> None:
    with store.database.writing() as connection:
        for table in ("experiment", "batch", "metric_name"):
            connection.execute(f"DELETE FROM {table}")


def insert(store: Store, rows: Sequence[Row]) -> None:
    with store.database.writing() as connection:
        roots = dict(connection.execute("SELECT name, id FROM root").fetchall())
        seqs = labels.place(connection, [(row.created_at, row.id) for row in rows])
        for row in rows:
            _insert(connection, row, seqs[row.id], roots[row.root])


_SAME_COLUMNS = (
    *("id", "project", "name", "status", "created_at", "updated_at", "started_at", "ended_at", "duration_seconds"),
    *("exit_reason", "best_metric_name", "best_metric_value", "best_metric_step", "best_metric_mode", "pid"),
    *("hostname", "description", "size_bytes", "file_count", "step_count", "has_environment", "is_pinned"),
    *("deleted_at", "delete_reason"),
)


def _insert(connection: sqlite3.Connection, row: Row, seq: int, root_id: int) -> None:
    is_live = row.deleted_at is None and not row.is_missing
    values = {name: getattr(row, name) for name in _SAME_COLUMNS} | {
        "seq": seq,
        "root_id": root_id,
        "path": run_path(row).encode(),
        "layout": "0.4",
        "recorded_status": row.status,
        "tags": json.dumps(row.tags, ensure_ascii=False),
        "missing_at": 1.0 if row.is_missing else None,
        "live": is_live,
    }
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO experiment ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    connection.execute(
        "INSERT INTO search_text (seq, project, name, description, live) VALUES (?, ?, ?, ?, ?)",
        (seq, *map(_caseless, (row.project, row.name, row.description or "")), is_live),
    )
    _insert_details(connection, row, seq)


def _insert_details(connection: sqlite3.Connection, row: Row, seq: int) -> None:
    connection.executemany("INSERT INTO experiment_tag VALUES (?, ?)", [(seq, tag) for tag in row.tags])
    connection.executemany(
        "INSERT INTO experiment_param VALUES (?, ?, ?, ?)", [(seq, name, *value) for name, value in row.params.items()]
    )
    for name, series in row.metrics.items():
        connection.execute("INSERT INTO metric_name (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        connection.execute(
            "INSERT INTO metric (experiment_seq, metric_id, count, last, min, max, first_step, last_step)"
            " SELECT ?, id, 1, ?, ?, ?, 1, 1 FROM metric_name WHERE name = ?",
            (seq, series.last, series.min, series.max, name),
        )


def run_path(row: Row) -> str:
    return f"vision/default/runs/{row.id}"


def rename(store: Store, row: Row, project: str, name: str) -> None:
    """What a sync does when a run's names have changed on disk."""
    row.project, row.name = project, name
    with store.database.writing() as connection:
        (seq,) = connection.execute("SELECT seq FROM experiment WHERE id = ?", (row.id,)).fetchone()
        connection.execute("UPDATE experiment SET project = ?, name = ? WHERE seq = ?", (project, name, seq))
        connection.execute(
            "UPDATE search_text SET project = ?, name = ? WHERE seq = ?", (_caseless(project), _caseless(name), seq)
        )


def lose(store: Store, row: Row) -> None:
    """What a sync does when a run directory is gone."""
    row.is_missing = True
    with store.database.writing() as connection:
        connection.execute("UPDATE experiment SET missing_at = 1, live = 0 WHERE id = ?", (row.id,))


def put_into_trash(store: Store, name: str, deleted_at: float | None) -> None:
    """Deletes, or restores with None, without the wait for the disk that `Store.delete` promises."""
    with store.database.writing() as connection:
        connection.execute(
            "UPDATE experiment SET deleted_at = ?1, live = (?1 IS NULL AND missing_at IS NULL) WHERE id = ?2",
            (deleted_at, name),
        )


def experiment(row: Row, folders: dict[str, str]) -> Experiment:
    """`row` as the store hands it out."""
    same = {name: getattr(row, name) for name in _SAME_COLUMNS if name in Experiment.__dataclass_fields__}
    return Experiment(
        **same,
        tags=row.tags,
        run_dir=f"{folders[row.root]}/{run_path(row)}",
        root=row.root,
        is_missing=row.is_missing,
    )
