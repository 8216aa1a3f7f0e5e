"""Groups of the experiments that match: by a column, a tag or a parameter; how many, how good, how large, and which.

An experiment with several tags stands in the group of each, so that the counts of groups by tag add up to more than
the total. What has no tag, or not the parameter, stands in a group of its own.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from runicorn_db import value_orders
from runicorn_db.conditions import Sql, joined, matching
from runicorn_db.criteria import STATUSES
from runicorn_db.database import Interrupt
from runicorn_db.errors import InvalidQuery
from runicorn_db.named_values import NamedValue
from runicorn_db.plan import count, ordering
from runicorn_db.query import ExperimentQuery, Snapshot, shown

GroupField = Literal["project", "status", "tag", "name", "root"]
GROUP_FIELDS: tuple[GroupField, ...] = get_args(GroupField)
GroupBy: TypeAlias = GroupField | NamedValue
"""A named value has to be a parameter."""

GroupValue: TypeAlias = "str | float | int | bool | None"
"""None: no tag, or not the parameter. Numbers of parameters that are equal are one value, however they are written."""

MOST_GROUPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The experiments that match and have `value`; `latest` is when the newest was created.

    The best metric is named, and its best value in its direction given, only where all of them that have a best value
    have it of one metric in one direction. `measured` are those whose size is known: `size_bytes` is the sum of theirs.
    """

    value: GroupValue
    count: int
    by_status: Mapping[str, int]
    best_metric_name: str | None
    best_metric_value: float | None
    best_metric_mode: str | None
    size_bytes: int
    measured: int
    latest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The largest groups first, the one without a value last. `total` is how many experiments match.

    `more` is the number of values that are left out because there are too many, `more_experiments` how many have them.
    """

    groups: tuple[Group, ...]
    total: int
    more: int = 0
    more_experiments: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMembers:
    """Who belongs to each of the groups, and everything that matches; both in the order of the query."""

    groups: Groups
    members: tuple[Snapshot, ...]
    every: Snapshot


Told: TypeAlias = "Callable[[Groups, tuple[Snapshot, ...]], object]"
"""Hears of the groups as soon as they are known, and of their members: those fill up from their first on."""


def parse_group_by(text: str) -> GroupBy:
    """`project`, `status`, `tag`, `name`, `root` or `param.lr`. Raises `InvalidQuery` for anything else."""
    for field in GROUP_FIELDS:
        if text == field:
            return field
    value = NamedValue.parse(text)
    if not value.is_param:
        raise InvalidQuery(f"groups are by {', '.join(GROUP_FIELDS)} or a parameter (param.lr), not by '{shown(text)}'")
    return value


# Texts are told from truth values by their type, and numbers from both: BLOB, TEXT and REAL.
_PARAM = """
(SELECT CASE WHEN number IS NULL THEN text WHEN text IN ('true', 'false') THEN CAST(text AS BLOB) ELSE number END
FROM experiment_param WHERE experiment_seq = seq AND experiment_param.name = ?)
"""
_COLUMNS: dict[GroupField, str] = {
    "project": "project",
    "status": "status",
    "name": "experiment.name",
    "root": "root_id",
    "tag": "NULL",
}
_ONE_BY_ONE = """
seq, status, best_metric_name AS metric, best_metric_mode AS mode, 1 AS n, created_at AS latest, size_bytes AS size,
size_bytes IS NOT NULL AS measured, best_metric_value AS low, best_metric_value AS high
"""
# In the order of an index that holds all of this: nothing is sorted before it is counted.
_TOGETHER = """
status, best_metric_name AS metric, best_metric_mode AS mode, count(*) AS n, max(created_at) AS latest,
sum(size_bytes) AS size, count(size_bytes) AS measured, min(best_metric_value) AS low, max(best_metric_value) AS high
"""
_IN_INDEX_ORDER = " GROUP BY project, status, best_metric_name, best_metric_mode"
_ADDED_UP = ", ".join(
    [
        "sum(n) AS number",
        *(f"sum(iif(status = '{status}', n, 0))" for status in STATUSES),
        *("max(latest)", "coalesce(sum(size), 0)", "sum(measured)"),
        *(f"{end}(iif(high IS NULL, NULL, coalesce(metric, '')))" for end in ("min", "max")),
        *(f"{end}(iif(high IS NULL, NULL, iif(mode = 'min', 'min', 'max')))" for end in ("min", "max")),
        *("min(low)", "max(high)"),
    ]
)
_TAGGED = " LEFT JOIN experiment_tag ON experiment_seq = seq"


@dataclass(frozen=True, slots=True)
class _Found:
    """Groups with what SQLite has as their values."""

    groups: Groups
    keys: list[object]


class _Grouping:
    """One grouping of one question at one moment."""

    def __init__(self, query: ExperimentQuery, by: GroupBy) -> None:
        if isinstance(by, NamedValue) and not by.is_param:
            raise InvalidQuery(f"groups are by parameters and not by metrics such as '{shown(by)}'")
        self._query = query
        self._by: GroupBy = by
        self._where, self._where_args = matching(query)

    @property
    def _value(self) -> Sql:
        """What the groups are by, as a scalar over an experiment."""
        if isinstance(self._by, NamedValue):
            return _PARAM, [self._by.name]
        return _COLUMNS[self._by], []

    def _hits(self, facts: Sql) -> Sql:
        """Everything that matches with these of its columns."""
        # Tags and parameters lie in the order of seq: by an index of something else each is looked up elsewhere.
        is_beside = (self._by == "tag" or isinstance(self._by, NamedValue)) and self._query.is_unfiltered
        table = "experiment NOT INDEXED" if is_beside else "experiment"
        value, value_args = self._value
        columns, args = facts
        sql = f"SELECT {value} AS value, {columns} FROM {table} WHERE {self._where}"
        return sql, [*value_args, *args, *self._where_args]

    def _from(self, hits: Sql) -> Sql:
        return f"FROM ({hits[0]}){_TAGGED if self._by == 'tag' else ''}", hits[1]

    @property
    def _key(self) -> str:
        return "tag" if self._by == "tag" else "value"

    def _facts(self) -> Sql:
        if self._by not in ("project", "status"):
            return self._from(self._hits((_ONE_BY_ONE, [])))
        sql, args = self._hits((_TOGETHER, []))
        return self._from((f"{sql}{_IN_INDEX_ORDER}", args))

    def read_groups(self, connection: sqlite3.Connection, most: int) -> _Found:
        source, args = self._facts()
        sql = (
            f"SELECT {self._key}, {_ADDED_UP} {source} GROUP BY {self._key}"
            f" ORDER BY {self._key} IS NULL DESC, number DESC, {self._key} LIMIT ?"
        )
        rows = connection.execute(sql, [*args, most + 1]).fetchall()
        values = self._values(connection, [row[0] for row in rows])
        found = [(_group(values[row[0]], row[1:]), row[0]) for row in rows[:most]]
        found.sort(key=lambda pair: _place(pair[0]))
        listed = sum(group.count for group, _ in found)
        more = more_experiments = 0
        if len(rows) > most:
            sql = f"SELECT count(*), sum(number) FROM (SELECT sum(n) AS number {source} GROUP BY {self._key})"
            every, experiments = connection.execute(sql, args).fetchone()
            more, more_experiments = every - most, experiments - listed
        total = listed + more_experiments
        if self._by == "tag":
            total = count(connection, self._where, self._where_args)
        groups = Groups(
            groups=tuple(group for group, _ in found), total=total, more=more, more_experiments=more_experiments
        )
        return _Found(groups, [key for _, key in found])

    def _values(self, connection: sqlite3.Connection, keys: list[object]) -> dict[object, GroupValue]:
        if self._by == "root":
            return dict(connection.execute("SELECT id, name FROM root").fetchall())
        return {key: _value_of(key) for key in keys}

    def read_members(
        self, connection: sqlite3.Connection, members: dict[object, array[int]], interrupt: Interrupt | None
    ) -> array[int]:
        """Adds the seq of the members of each group, in the order of the query; that of everything."""
        source, args = self._from(self._hits(self._ordered_by(connection)))
        sql = f"SELECT {self._key}, seq {source} ORDER BY {ordering(self._query)}"
        every: array[int] = array("q")
        last = None
        cursor = connection.execute(sql, args)
        while rows := cursor.fetchmany(2000):
            for key, seq in rows:
                part = members.get(key)
                if part is not None:
                    part.append(seq)
                # One with several tags comes several times, one time after the other.
                if seq != last:
                    every.append(seq)
                    last = seq
            if interrupt is not None:
                interrupt.check()
        return every

    def _ordered_by(self, connection: sqlite3.Connection) -> Sql:
        """The columns that `ordering` names."""
        order = self._query.order_by
        if not isinstance(order, NamedValue):
            return ("seq", []) if order == "created_at" else (f"seq, {order}", [])
        values = value_orders.expressions(connection, order)
        return joined(", ", [("seq", []), *((f"{sql} AS value_{n}", args) for n, (sql, args) in enumerate(values, 1))])


def read_groups(
    connection: sqlite3.Connection, query: ExperimentQuery, by: GroupBy, *, most: int = MOST_GROUPS
) -> Groups:
    """The groups of what matches, at most so many; paging and order of `query` are ignored."""
    return _Grouping(query, by).read_groups(connection, most).groups


def read_members(
    connection: sqlite3.Connection,
    query: ExperimentQuery,
    by: GroupBy,
    interrupt: Interrupt | None,
    told: Told | None = None,
    *,
    most: int = MOST_GROUPS,
) -> GroupMembers:
    """The groups as `read_groups` has them, and who belongs to each."""
    grouping = _Grouping(query, by)
    found = grouping.read_groups(connection, most)
    members: dict[object, array[int]] = {key: array("q") for key in found.keys}
    parts = tuple(map(Snapshot, members.values()))
    if told is not None:
        told(found.groups, parts)
    every = grouping.read_members(connection, members, interrupt)
    return GroupMembers(groups=found.groups, members=parts, every=Snapshot(every))


def _value_of(key: object) -> GroupValue:
    match key:
        case bytes():
            return key == b"true"
        case float() if key.is_integer() and abs(key) < 2**53:
            return int(key)
        case str() | float() | None:
            return key
        case _:
            raise TypeError(f"no value of a group: {key!r}")


def _group(value: GroupValue, row: Sequence[Any]) -> Group:
    number, *counts = row[: 1 + len(STATUSES)]
    latest, size, measured, metric, last_metric, mode, last_mode, low, high = row[1 + len(STATUSES) :]
    is_comparable = bool(metric) and metric == last_metric and mode == last_mode
    return Group(
        value=value,
        count=number,
        by_status=dict(zip(STATUSES, counts, strict=True)),
        best_metric_name=metric if is_comparable else None,
        best_metric_value=(low if mode == "min" else high) if is_comparable else None,
        best_metric_mode=mode if is_comparable else None,
        size_bytes=size,
        measured=measured,
        latest=latest,
    )


def _place(group: Group) -> tuple[bool, int, int, float, str]:
    value = group.value
    kind = 2 if isinstance(value, str) else 1 if isinstance(value, bool) else 0
    number = 0.0 if value is None or isinstance(value, str) else float(value)
    return value is None, -group.count, kind, number, value if isinstance(value, str) else ""
