"""The questions of the contract, each with the SQL that gives the same answer, written by hand."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from make_index import NEWEST, RARE_WORD, SECONDS_APART

from runicorn_db import labels
from runicorn_db.filter_language import parse
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery

PER_PAGE = 50
COLUMNS = ", ".join(
    f"experiment.{column}"
    for column in (
        *("id", "project", "name", "status", "created_at", "updated_at", "started_at", "ended_at", "duration_seconds"),
        *("exit_reason", "best_metric_name", "best_metric_value", "best_metric_step", "best_metric_mode", "pid"),
        *("hostname", "tags", "description", "deleted_at", "delete_reason", "size_bytes", "path", "is_pinned"),
        "missing_at",
    )
)

_ROOT = "JOIN root ON root.id = root_id"
_FOUND = "search_index JOIN experiment ON seq = search_index.rowid"
_TAGGED = "live_tag JOIN experiment ON seq = experiment_seq"
_TEXTS = "search_text JOIN experiment USING (seq)"
_ALL = "SELECT coalesce(sum(n), 0) FROM facet_count"
_HITS = "SELECT count(*) FROM search_index WHERE search_index MATCH ?"
_WITH_TAG = "SELECT experiment_seq FROM live_tag WHERE tag = "
_BOTH = f"{_WITH_TAG}?1 INTERSECT {_WITH_TAG}?2 ORDER BY 1"
_MATCH = "search_index MATCH ?"
_SHORT = "(instr(search_text.project, ?1) OR instr(search_text.name, ?1) OR instr(search_text.description, ?1))"

DAY = 86_400

Share = tuple[float, float]
"""What part of all live experiments a question is to find, at least and at most."""

ALL, COMMON, SOME, RARE, NONE = (1.0, 1.0), (0.05, 1.0), (1e-9, 1.0), (1e-9, 0.06), (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`total`: how all are counted where there is something better than counting rows; with the same `args`.

    `keys_first`: no index has the order, and sorting whole rows takes longer than sorting their keys.
    """

    query: ExperimentQuery
    share: Share = SOME
    source: str = "experiment"
    where: str = "live = 1"
    args: tuple[object, ...] = ()
    order: str = "seq DESC"
    total: str = ""
    keys_first: bool = False

    def ask(self, connection: sqlite3.Connection) -> tuple[list[tuple[object, ...]], int]:
        """The rows of the page, an id first in each, and the total, by hand and from one snapshot."""
        offset = (self.query.page - 1) * PER_PAGE
        connection.execute("BEGIN")
        asked = f"WHERE {self.where} ORDER BY {self.order} LIMIT {PER_PAGE} OFFSET {offset}"
        page = f"FROM {self.source} {_ROOT} {asked}"
        if self.keys_first:
            keys = f"SELECT seq AS key FROM {self.source} {asked}"
            page = f"FROM ({keys}) JOIN experiment ON seq = key {_ROOT} ORDER BY {self.order}"
        rows = connection.execute(f"SELECT {COLUMNS}, root.path, root.name {page}", self.args).fetchall()
        total = self.total or f"SELECT count(*) FROM {self.source} WHERE {self.where}"
        found = connection.execute(total, self.args).fetchone()
        connection.execute("ROLLBACK")
        return rows, found[0]


def questions(live: int) -> dict[str, Question]:
    """The questions to an index with so many live experiments."""
    pages = {"default": 1, "page 2": 2, "page 200": 200, "last page": (live - 1) // PER_PAGE + 1}
    found = {
        label: Question(query=ExperimentQuery(page=page), share=ALL, total=_ALL)
        for label, page in pages.items()
        if (page - 1) * PER_PAGE < live
    }
    return found | _columns() | _orders() | _ranges(live) | _tags() | _searches()


def _columns() -> dict[str, Question]:
    def project(name: str, share: Share) -> Question:
        return Question(
            query=ExperimentQuery(project=name),
            share=share,
            where="live = 1 AND project = ?",
            args=(name,),
            total=f"{_ALL} WHERE project = ?",
        )

    def status(*names: str, share: Share = COMMON) -> Question:
        # With the plus SQLite walks the list: by the index of states it would sort most of all experiments.
        among = f"{'' if len(names) == 1 else '+'}status IN ({', '.join('?' * len(names))})"
        return Question(
            query=ExperimentQuery(status=names),
            share=share,
            where=f"live = 1 AND {among}",
            args=names,
            total=f"{_ALL} WHERE {among}",
        )

    return {
        "project common": project("project_00", COMMON),
        "project rare": project("project_19", RARE),
        "status common": status("finished"),
        "status rare": status("running", share=RARE),
        "status two of them": status("finished", "failed"),
    }


def _orders() -> dict[str, Question]:
    found: dict[str, Question] = {}
    for field in ORDER_FIELDS:
        for is_descending, word, direction in ((True, "down", "DESC"), (False, "up", "ASC")):
            value = "" if field == "created_at" else f"experiment.{field} {direction} NULLS LAST, "
            query = ExperimentQuery(order_by=field, order_desc=is_descending)
            order = f"{value}seq {direction}"
            found[f"sort {field} {word}"] = Question(query=query, share=ALL, order=order, total=_ALL)
    return found


def _ranges(live: int) -> dict[str, Question]:
    back = min(30 * DAY, 0.6 * live * SECONDS_APART)
    created = NEWEST - back, NEWEST - back / 6
    recent = NEWEST - 50 * DAY
    return {
        "created range": Question(
            query=ExperimentQuery(created_after=created[0], created_before=created[1]),
            where="live = 1 AND created_at BETWEEN ? AND ?",
            args=created,
            order="created_at DESC, seq DESC",
        ),
        "metric range": Question(
            query=ExperimentQuery(best_metric_min=0.95, best_metric_max=0.97),
            share=RARE,
            where="live = 1 AND best_metric_value BETWEEN ? AND ?",
            args=(0.95, 0.97),
            keys_first=True,
        ),
        "complex, page 2": Question(
            query=ExperimentQuery(
                project="project_00",
                status=("finished", "failed"),
                created_after=recent,
                best_metric_min=0.8,
                order_by="best_metric_value",
                page=2,
            ),
            where="live = 1 AND project = ? AND seq >= ? AND status IN ('finished', 'failed') AND created_at >= ?"
            " AND best_metric_value >= ?",
            args=("project_00", labels.slot_begin(recent), recent, 0.8),
            order="best_metric_value DESC NULLS LAST, seq DESC",
            keys_first=True,
        ),
    }


def _tags() -> dict[str, Question]:
    def tag(name: str, share: Share) -> Question:
        return Question(
            query=ExperimentQuery(tags=(name,)),
            share=share,
            source=_TAGGED,
            where="tag = ?",
            args=(name,),
            order="experiment_seq DESC",
            total="SELECT n FROM tag_count WHERE tag = ?",
        )

    also = "EXISTS (SELECT 1 FROM live_tag AS other WHERE other.tag = ? AND other.experiment_seq = seq)"
    any_of = "tag IN (?1, ?2)"
    return {
        "tag popular": tag("baseline", COMMON),
        "tag rare": tag("paper", RARE),
        "tags both of two": Question(
            query=ExperimentQuery(tags=("baseline", "sweep")),
            source=_TAGGED,
            where=f"tag = ? AND {also}",
            args=("sweep", "baseline"),
            order="experiment_seq DESC",
            total=f"SELECT count(*) FROM ({_BOTH})",
        ),
        "tags any of two": Question(
            query=ExperimentQuery(filter=parse("tag:baseline,junk")[0]),
            share=COMMON,
            where=f"live = 1 AND EXISTS (SELECT 1 FROM live_tag WHERE experiment_seq = seq AND {any_of})",
            args=("baseline", "junk"),
            total=f"SELECT sum(n) - (SELECT count(*) FROM ({_BOTH})) FROM tag_count WHERE {any_of}",
        ),
    }


def _searches() -> dict[str, Question]:
    def search(text: str, share: Share) -> Question:
        return Question(
            query=ExperimentQuery(search=text),
            share=share,
            source=_FOUND,
            where=_MATCH,
            args=(" AND ".join(f'"{word}"' for word in text.split()),),
            order="search_index.rowid DESC",
            total=_HITS,
        )

    def short(text: str) -> Question:
        return Question(
            query=ExperimentQuery(search=text),
            source=_TEXTS,
            where=f"search_text.live AND {_SHORT}",
            args=(text,),
            total=f"SELECT count(*) FROM search_text WHERE live AND {_SHORT}",
        )

    return {
        "search common word": search("resnet50", COMMON),
        "search rare word": search(RARE_WORD, RARE),
        "search two words": search("resnet cosine", SOME),
        "search no match": search("zzzzz", NONE),
        "search two letters": short("v1"),
        "search two Chinese characters": short("学习"),
        "search with filters": Question(
            query=ExperimentQuery(search="resnet50", status=("finished",), best_metric_min=0.9),
            source=_FOUND,
            where=f"{_MATCH} AND status = 'finished' AND best_metric_value >= 0.9",
            args=('"resnet50"',),
            order="search_index.rowid DESC",
        ),
        "search, sort by metric": Question(
            query=ExperimentQuery(search="resnet50", order_by="best_metric_value"),
            share=COMMON,
            source=_FOUND,
            where=_MATCH,
            args=('"resnet50"',),
            order="best_metric_value DESC NULLS LAST, seq DESC",
            total=_HITS,
            keys_first=True,
        ),
    }
