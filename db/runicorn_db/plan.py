"""Answers a query: pages, totals and ids, each by the cheapest of the ways that give the same answer."""

from __future__ import annotations

import sqlite3
from array import array
from dataclasses import dataclass

from runicorn_db import criteria as c
from runicorn_db import labels, value_orders
from runicorn_db.conditions import Args, Form, Sql, joined, matching
from runicorn_db.cursors import read_cursor
from runicorn_db.database import Interrupt
from runicorn_db.named_values import NamedValue, Value
from runicorn_db.query import MAX_PER_PAGE, ExperimentQuery, words_of
from runicorn_db.totals import Facets, count_everything, count_facets, facets, known_total, tag_source, word_source

_NULLABLE_COLUMNS = ("best_metric_value", "ended_at", "duration_seconds", "size_bytes")

_VALUE = ", coalesce(value_1, value_2)"

_COMMON = 0.01
"""From this share of all experiments on, walking a list in order and looking each one up finds a page sooner."""

_MOST = 0.25
"""From this share of a project on, passing over what has another status costs less than what creation narrows."""


def describe(query: ExperimentQuery) -> str:
    """What `query` asks for as a text for people, in the words of the filter language where it has them."""
    terms: list[object] = []
    if query.project is not None:
        terms.append(c.Field(field="project", operation="exact", values=(query.project,)))
    if query.name is not None:
        terms.append(c.Field(field="name", operation="exact", values=(query.name,)))
    if query.status:
        terms.append(c.Status(values=query.status))
    terms += [c.Tag(values=(tag,)) for tag in query.tags]
    terms += [c.Text(text=word) for word in words_of(query.search or "")]
    for name in ("created_after", "created_before", "best_metric_min", "best_metric_max"):
        if (bound := getattr(query, name)) is not None:
            terms.append(f"{name}={bound}")
    if query.roots:
        terms.append(c.Field(field="root", operation="exact", values=query.roots))
    if query.filter:
        terms.append(f"({query.filter})" if terms and len(query.filter.groups) > 1 else query.filter)
    return " ".join(map(str, terms))


def ordering(query: ExperimentQuery, *, is_reversed: bool = False) -> str:
    """The ORDER BY terms: nulls last in both directions, ties by created_at then id (which is what seq orders by)."""
    direction = "DESC" if query.order_desc != is_reversed else "ASC"
    if isinstance(query.order_by, NamedValue):
        parts = [f"{name} {direction} NULLS LAST" for name in ("value_1", "value_2")[: 1 + query.order_by.is_param]]
        return ", ".join([*parts, f"seq {direction}"])
    if query.order_by == "created_at":
        return f"seq {direction}"
    return f"{query.order_by} {direction} NULLS {'FIRST' if is_reversed else 'LAST'}, seq {direction}"


@dataclass(frozen=True, slots=True)
class PageKeys:
    """The rows of one page by seq, the number of all that match, and whether a page follows.

    `value` is what the last row is ordered by, in an order by a named value.
    """

    keys: list[int]
    total: int
    has_more: bool
    value: Value = None


def find_page(connection: sqlite3.Connection, query: ExperimentQuery) -> PageKeys:
    wanted = facets(query)
    total = _known_total(connection, query, wanted)
    if isinstance(query.order_by, NamedValue):
        return _page_by_value(connection, query, query.order_by, total)
    if query.cursor is not None:
        return _page_after_cursor(connection, query, total)
    if total is not None and wanted is not None:
        return _page_of_known(connection, query, wanted, total)
    if query.search or query.tags or query.filter:
        return _page_of_hits(connection, query)
    where, args = joined(" AND ", [matching(query), *_created_range(connection, query)])
    offset = (query.page - 1) * query.per_page
    sql = f"SELECT seq FROM experiment WHERE {where} ORDER BY {ordering(query)} LIMIT ? OFFSET ?"
    keys = [seq for (seq,) in connection.execute(sql, [*args, query.per_page + 1, offset])]
    has_more = len(keys) > query.per_page
    is_end = not has_more and (keys or not offset)
    if total is None:
        total = offset + len(keys) if is_end else _count_in_range(connection, query)
    return PageKeys(keys[: query.per_page], total, has_more)


def _known_total(connection: sqlite3.Connection, query: ExperimentQuery, wanted: Facets | None) -> int | None:
    if query.is_everything:
        return count_everything(connection)
    return None if wanted is None else known_total(connection, wanted)


def _page_of_known(connection: sqlite3.Connection, query: ExperimentQuery, wanted: Facets, total: int) -> PageKeys:
    """A page when the total is known: read from the nearer end, and by the way that suits so many."""
    offset = (query.page - 1) * query.per_page
    size = min(query.per_page, total - offset)
    if size <= 0:
        return PageKeys([], total, False)
    is_reversed = offset > total // 2
    skip = total - offset - size if is_reversed else offset
    source, args = _source(connection, query, wanted, total)
    sql = f"SELECT seq {source} ORDER BY {ordering(query, is_reversed=is_reversed)} LIMIT ? OFFSET ?"
    keys = [seq for (seq,) in connection.execute(sql, [*args, size, skip])]
    if is_reversed:
        keys.reverse()
    return PageKeys(keys, total, offset + size < total)


def _source(connection: sqlite3.Connection, query: ExperimentQuery, wanted: Facets, total: int) -> Sql:
    """FROM and WHERE. Where words or tags are all that is asked for, their index is in the default order already."""
    is_default_order = query.order_by == "created_at"
    if is_default_order and (found := word_source(wanted)) is not None:
        return found
    if is_default_order and (tagged := tag_source(connection, wanted)) is not None:
        return tagged[0], [*tagged[1]]
    is_common = total > _COMMON * count_facets(connection, None, ())
    # One project or one status has an index in the default order.
    has_index = is_default_order and not wanted.tag_sets and len(wanted.statuses) < 2
    form: Form = "probe" if is_common and not has_index else "list"
    where, args = matching(query, form=form)
    return f"FROM experiment WHERE {where}", args


def _page_by_value(
    connection: sqlite3.Connection, query: ExperimentQuery, value: NamedValue, total: int | None
) -> PageKeys:
    """The first pages of what is common and what follows a cursor are read along an index."""
    offset = (query.page - 1) * query.per_page
    after = None if query.cursor is None else read_cursor(query)
    is_common = total is not None and total > _COMMON * count_facets(connection, None, ())
    if after is None and not (is_common and offset < MAX_PER_PAGE):
        return _page_of_hits(connection, query)
    rows = value_orders.first_rows(connection, query, value, offset + query.per_page + 1, after)
    page = rows[offset : offset + query.per_page]
    total = count(connection, *matching(query)) if total is None else total
    has_more = len(rows) > offset + query.per_page
    return PageKeys([row.key for row in page], total, has_more, page[-1].value if page else None)


def _page_of_hits(connection: sqlite3.Connection, query: ExperimentQuery) -> PageKeys:
    """Page and total by looking everything up once: finding it is what costs."""
    hits, args = _hits(connection, query)
    offset = (query.page - 1) * query.per_page
    sql = (
        f"WITH hits AS ({hits})"
        f" SELECT seq, (SELECT count(*) FROM hits){_VALUE if isinstance(query.order_by, NamedValue) else ''}"
        f" FROM hits ORDER BY {ordering(query)} LIMIT ? OFFSET ?"
    )
    rows = connection.execute(sql, [*args, query.per_page, offset]).fetchall()
    total = rows[0][1] if rows else count(connection, *matching(query)) if offset else 0
    has_more = offset + len(rows) < total and bool(rows)
    return PageKeys([row[0] for row in rows], total, has_more, *(rows[-1][2:] if rows else ()))


def _hits(connection: sqlite3.Connection, query: ExperimentQuery) -> Sql:
    """Everything that matches with what it is ordered by."""
    wanted = facets(query)
    if query.order_by == "created_at" and wanted is not None and (found := word_source(wanted)) is not None:
        return f"SELECT seq {found[0]}", found[1]
    where, args = matching(query)
    if not isinstance(query.order_by, NamedValue):
        columns = "seq" if query.order_by == "created_at" else f"seq, {query.order_by}"
        return f"SELECT {columns} FROM experiment WHERE {where}", args
    values = value_orders.expressions(connection, query.order_by)
    values += [("NULL", [])] * (2 - len(values))
    columns, value_args = joined(", ", [(f"{sql} AS value_{n}", args) for n, (sql, args) in enumerate(values, 1)])
    # Values lie in the order of seq: by an index of something else each is looked up in another place.
    table = "experiment NOT INDEXED" if query.is_unfiltered else "experiment"
    return f"SELECT seq, {columns} FROM {table} WHERE {where}", [*value_args, *args]


def _page_after_cursor(connection: sqlite3.Connection, query: ExperimentQuery, total: int | None) -> PageKeys:
    where, args = matching(query)
    keys: list[int] = []
    for part in _after_cursor(connection, query):
        sql, page_args = joined(" AND ", [(where, args), *_created_range(connection, query), part])
        sql = f"SELECT seq FROM experiment WHERE {sql} ORDER BY {ordering(query)} LIMIT ?"
        keys += [seq for (seq,) in connection.execute(sql, [*page_args, query.per_page + 1 - len(keys)])]
    total = _count_in_range(connection, query) if total is None else total
    return PageKeys(keys[: query.per_page], total, len(keys) > query.per_page)


def _count_in_range(connection: sqlite3.Connection, query: ExperimentQuery) -> int:
    return count(connection, *joined(" AND ", [matching(query), *_range_of_one_index(connection, query)]))


def count(connection: sqlite3.Connection, where: str, args: Args) -> int:
    (total,) = connection.execute(f"SELECT count(*) FROM experiment WHERE {where}", args).fetchone()
    return total


def find_keys(
    connection: sqlite3.Connection, query: ExperimentQuery, interrupt: Interrupt | None, *, most: int | None = None
) -> array[int]:
    """The seq of everything that matches, in order; at `most` so many."""
    keys: array[int] = array("q")
    for sql, args in _whole_order(connection, query):
        cursor = connection.execute(sql, args)
        while rows := cursor.fetchmany(2000):
            keys.extend([row[-1] for row in rows])
            if interrupt is not None:
                interrupt.check()
            if most is not None and len(keys) >= most:
                return keys[:most]
    return keys


def _whole_order(connection: sqlite3.Connection, query: ExperimentQuery) -> list[Sql]:
    """Questions whose answers, one after the other, are everything in order, `seq` last."""
    if isinstance(query.order_by, NamedValue):
        if (found := value_orders.in_order(connection, query, query.order_by)) is not None:
            return found
        hits, args = _hits(connection, query)
        return [(f"SELECT seq FROM ({hits}) ORDER BY {ordering(query)}", args)]
    where, args = joined(" AND ", [matching(query), *_created_range(connection, query)])
    # The order of seq, for everything read in an index an eighth the size of the table.
    by_creation = query.is_unfiltered and query.order_by == "created_at"
    order = f"created_at {'DESC' if query.order_desc else 'ASC'}, " if by_creation else ""
    return [(f"SELECT seq FROM experiment WHERE {where} ORDER BY {order}{ordering(query)}", args)]


def _created_range(connection: sqlite3.Connection, query: ExperimentQuery) -> list[Sql]:
    """Bounds of seq, where a list in this order, or what a project or a name has, is read from where they begin."""
    if query.order_by != "created_at":
        return _range_of_one_index(connection, query)
    # A cursor is a bound itself, on the side that the list has left behind; with three SQLite prefers to sort.
    is_first = query.cursor is None
    return _bounds(query, after=is_first or query.order_desc, before=is_first or not query.order_desc)


def _range_of_one_index(connection: sqlite3.Connection, query: ExperimentQuery) -> list[Sql]:
    """Bounds of seq, where all that is asked for lies in the index of projects or of names, which go on by seq."""
    bounds = _bounds(query)
    if not bounds or (query.project is None and query.name is None):
        return []
    if query.project is None or not query.status:
        return bounds
    # What is rare in a project is found sooner by its status, whenever it was created.
    found = count_facets(connection, query.project, tuple(sorted(set(query.status))))
    return bounds if found >= _MOST * count_facets(connection, query.project, ()) else []


def _bounds(query: ExperimentQuery, *, after: bool = True, before: bool = True) -> list[Sql]:
    """What the bounds of created_at mean for seq."""
    bounds: list[Sql] = []
    if query.created_after is not None and after:
        bounds.append(("seq >= ?", [labels.slot_begin(query.created_after)]))
    if query.created_before is not None and before:
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
