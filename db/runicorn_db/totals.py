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
    tags, *others = wanted.tag_sets
    if not others and len(tags) == 1:
        return _one(connection, "SELECT coalesce(sum(n), 0) FROM tag_count WHERE tag = ?", tags)
    if (source := tag_source(connection, wanted)) is not None:
        sql, args = source
        return _one(connection, f"SELECT count(*) {sql}", args)
    if others:
        return None
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
    tags = [tags[0] for tags in wanted.tag_sets if len(tags) == 1]
    is_more = wanted.words or wanted.project is not None or wanted.statuses or len(tags) < len(wanted.tag_sets)
    if is_more or not 0 < len(tags) <= _MAX_TAGS:
        return None
    if len(tags) > 1:
        marks = ", ".join("?" * len(tags))
        counts = dict(connection.execute(f"SELECT tag, n FROM tag_count WHERE tag IN ({marks})", tags).fetchall())
        tags.sort(key=lambda tag: counts.get(tag, 0))
    others = "".join(
        " AND EXISTS (SELECT 1 FROM live_tag WHERE tag = ? AND experiment_seq = first.experiment_seq)" for _ in tags[1:]
    )
    return f"FROM (SELECT experiment_seq AS seq FROM live_tag AS first WHERE tag = ?{others})", tags


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


def _one(connection: sqlite3.Connection, sql: str, args: Sequence[str]) -> int:
    (number,) = connection.execute(sql, args).fetchone()
    return number
