"""Totals that the counters of the index know, so that nothing has to be counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_db import criteria as c
from runicorn_db.conditions import SHORTEST_PHRASE, Sql, containing, phrase, search_words
from runicorn_db.query import ExperimentQuery
from runicorn_db.text import fold


@dataclass(frozen=True, slots=True)
class Facets:
    """A query of live experiments that asks for nothing but these; empty tuples and None: everything.

    `tag_sets`: one tag at least of each set. `words`: each in project, name or description, folded.
    """

    project: str | None
    statuses: tuple[str, ...]
    tag_sets: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]

    @property
    def phrase(self) -> str | None:
        """The words for the text index; None without any, or with one that is too short for it."""
        if not self.words or any(len(word) < SHORTEST_PHRASE for word in self.words):
            return None
        return phrase(self.words)


def facets(query: ExperimentQuery) -> Facets | None:
    """What `query` asks for; None where it asks for more than `Facets` can say."""
    bounds = (query.created_after, query.created_before, query.best_metric_min, query.best_metric_max)
    if query.include_deleted or query.roots or query.name is not None or any(bound is not None for bound in bounds):
        return None
    statuses = set(query.status)
    tag_sets: list[tuple[str, ...]] = [(tag,) for tag in dict.fromkeys(query.tags)]
    words = search_words(query.search or "")
    if len(query.filter.groups) > 1:
        return None
    for term in query.filter.groups[0] if query.filter.groups else ():
        if term.negated:
            return None
        match term:
            case c.Text():
                words.append(fold(term.text))
            case c.Tag():
                tag_sets.append(tuple(dict.fromkeys(term.values)))
            case c.Status() if not statuses:
                statuses = set(term.values)
            case _:
                return None
    return Facets(query.project, tuple(sorted(statuses)), tuple(dict.fromkeys(tag_sets)), tuple(dict.fromkeys(words)))


_MAX_TAGS = 8

_MERGED = 5
"""Up to so many times as long, the list of another tag is read beside the first one sooner than looked up in."""

_TAGGED = "SELECT experiment_seq AS seq FROM live_tag WHERE tag = ?"
_ALSO = " AND EXISTS (SELECT 1 FROM live_tag WHERE tag = ? AND experiment_seq = first.seq)"


def known_total(connection: sqlite3.Connection, wanted: Facets) -> int | None:
    """The exact number that matches, where counters or the text index tell it faster than counting rows."""
    has_columns = wanted.project is not None or bool(wanted.statuses)
    if wanted.words:
        if has_columns or wanted.tag_sets or wanted.phrase is None:
            return None
        return _one(connection, "SELECT count(*) FROM search_index WHERE search_index MATCH ?", [wanted.phrase])
    if not wanted.tag_sets:
        return count_facets(connection, wanted.project, wanted.statuses)
    if has_columns:
        return None
    if (each := _tags_of_all(wanted)) is not None:
        return _count_of_all(connection, each)
    tags, *others = wanted.tag_sets
    return None if others else _count_of_any(connection, tags)


def _tags_of_all(wanted: Facets) -> list[str] | None:
    """The tags that each must have; None without any, with too many, and where something else is asked for too."""
    tags = [tags[0] for tags in wanted.tag_sets if len(tags) == 1]
    is_more = wanted.words or wanted.project is not None or wanted.statuses or len(tags) < len(wanted.tag_sets)
    return None if is_more or not 0 < len(tags) <= _MAX_TAGS else tags


def _by_rarity(connection: sqlite3.Connection, tags: Sequence[str]) -> dict[str, int]:
    """How many live experiments have each tag, the rarest tag first."""
    sql = f"SELECT tag, n FROM tag_count WHERE tag IN ({', '.join('?' * len(tags))})"
    counts = dict(connection.execute(sql, tags).fetchall())
    return {tag: counts.get(tag, 0) for tag in sorted(tags, key=lambda tag: counts.get(tag, 0))}


def _count_of_all(connection: sqlite3.Connection, tags: Sequence[str]) -> int:
    counts = _by_rarity(connection, tags)
    tags = list(counts)
    if len(tags) == 1:
        return counts[tags[0]]
    if counts[tags[1]] > _MERGED * counts[tags[0]]:
        return _one(connection, f"SELECT count(*) FROM ({_TAGGED}) AS first WHERE 1{_ALSO * (len(tags) - 1)}", tags)
    # Side by side: two lists in an order that both have.
    both = f"{_TAGGED} INTERSECT {_TAGGED} ORDER BY seq"
    return _one(connection, f"SELECT count(*) FROM ({both}) AS first WHERE 1{_ALSO * (len(tags) - 2)}", tags)


def _count_of_any(connection: sqlite3.Connection, tags: Sequence[str]) -> int:
    if len(tags) == 2:
        return sum(_by_rarity(connection, tags).values()) - _count_of_all(connection, tags)
    marks = ", ".join("?" * len(tags))
    return _one(connection, f"SELECT count(DISTINCT experiment_seq) FROM live_tag WHERE tag IN ({marks})", tags)


def word_source(wanted: Facets) -> Sql | None:
    """FROM and WHERE that give, as `seq` and in its order, the experiments that contain some words.

    None when `wanted` asks for something else too.
    """
    if not wanted.words or wanted.project is not None or wanted.statuses or wanted.tag_sets:
        return None
    if wanted.phrase is not None:
        return "FROM (SELECT rowid AS seq FROM search_index WHERE search_index MATCH ?)", [wanted.phrase]
    where, args = containing(wanted.words)
    return f"FROM search_text WHERE {where}", args


def tag_source(connection: sqlite3.Connection, wanted: Facets) -> tuple[str, list[str]] | None:
    """FROM and WHERE that give, as `seq` and in its order, the experiments that have all of some tags.

    None when `wanted` asks for something else too. It begins with the rarest tag and looks the others up.
    """
    if (tags := _tags_of_all(wanted)) is None:
        return None
    return f"FROM ({_TAGGED}) AS first WHERE 1{_ALSO * (len(tags) - 1)}", list(_by_rarity(connection, tags))


def count_facets(connection: sqlite3.Connection, project: str | None, statuses: tuple[str, ...]) -> int:
    """How many live experiments a project (None: all) has in these states (none: all)."""
    conditions = ["1"]
    args: list[str] = []
    if project is not None:
        conditions.append("project = ?")
        args.append(project)
    if statuses:
        conditions.append(f"status IN ({', '.join('?' * len(statuses))})")
        args += statuses
    return _one(connection, f"SELECT coalesce(sum(n), 0) FROM facet_count WHERE {' AND '.join(conditions)}", args)


def count_everything(connection: sqlite3.Connection) -> int:
    """How many experiments there are, those in the trash included."""
    return _one(connection, "SELECT coalesce(sum(n), 0) FROM root_count", ())


def _one(connection: sqlite3.Connection, sql: str, args: Sequence[str]) -> int:
    (number,) = connection.execute(sql, args).fetchone()
    return number
