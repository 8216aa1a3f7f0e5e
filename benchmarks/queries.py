"""Times the questions of the contract in the query layer: `python benchmarks/queries.py INDEX... `.

Each question is asked for a page of 50 and the exact total together. Beside it, turn by turn, the same answer by SQL
written by hand on a bare `sqlite3` connection to the same file, rows left as tuples; both must find the same.
Make an index with `python benchmarks/make_index.py N --db PATH`.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from questions import COLUMNS, Question, questions

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store

EXPLAINED_OVER = 2.5
WALK_PAGES, WALK_PAGE = 20, 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, medians; how many objects and pages came for them."""

    layer: float
    by_hand: float
    objects: int = 0
    pages: int = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    for path in options.index:
        with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as bare:
            # As much as the layer has.
            bare.execute("PRAGMA cache_size = -8000")
            measure(store, bare, options.rounds)


def measure(store: Store, bare: sqlite3.Connection, rounds: int) -> None:
    live = store.find(ExperimentQuery(per_page=1)).total
    print(f"\n{live:,} live experiments, {store.path.stat().st_size / 1e6:.0f} MB; milliseconds\n")
    print("| question | matches | p50 | p95 | by hand p50 | ratio |\n|---|---|---|---|---|---|")
    costs: dict[str, Cost] = {}
    for label, question in questions(live).items():
        total, size = check(label, question, store, bare, live)
        cost = row(label, total, rounds, lambda q=question: store.find(q.query), lambda q=question: q.ask(bare))
        costs[label] = replace(cost, objects=size)
    for label, layer, by_hand, pages in (
        ("ids of all", lambda: list(store.ids(ExperimentQuery()).keys), lambda: ids_by_hand(bare), 0),
        ("summary", lambda: summary(store), lambda: summary_by_hand(bare), 0),
        (f"cursor, {WALK_PAGES} pages of {WALK_PAGE}", lambda: walk(store), lambda: walk_by_hand(bare), WALK_PAGES),
    ):
        same(label, layer(), by_hand())
        cost = row(label, live, min(rounds, 5), layer, by_hand)
        costs[label] = replace(cost, objects=min(live, pages * WALK_PAGE), pages=max(pages, 1))
    print(f"\n{explained(costs, objects(store, bare))}", flush=True)


def check(label: str, question: Question, store: Store, bare: sqlite3.Connection, live: int) -> tuple[int, int]:
    """The total and the size of the page, when both are what the label promises and SQL by hand finds the same."""
    page = store.find(question.query)
    rows, total = question.ask(bare)
    same(label, (page.total, [experiment.id for experiment in page.experiments]), (total, [found[0] for found in rows]))
    low, high = question.share
    if not low <= total / live <= high or bool(rows) != bool(high):
        sys.exit(f"{label}: {len(rows)} rows of {total:,}, which is not what it is to find: the index is too small")
    return total, len(rows)


def same(label: str, found: object, expected: object) -> None:
    if found != expected:
        sys.exit(f"{label}: the layer and SQL by hand differ:\n{str(found)[:500]}\n{str(expected)[:500]}")


def row(label: str, total: int, rounds: int, layer: Callable[[], object], by_hand: Callable[[], object]) -> Cost:
    times = [(milliseconds(layer), milliseconds(by_hand)) for _ in range(rounds)]
    p50, hand = (statistics.median(each) for each in zip(*times, strict=True))
    p95 = statistics.quantiles([time for time, _ in times], n=20, method="inclusive")[18]
    print(f"| {label} | {total:,} | {p50:.2f} | {p95:.2f} | {hand:.2f} | {p50 / hand:.1f} |", flush=True)
    return Cost(p50, hand)


def objects(store: Store, bare: sqlite3.Connection) -> Cost:
    """What 50 rows cost as immutable objects, and as tuples by hand."""
    snapshot = store.find(ExperimentQuery()).snapshot
    sql = (
        f"SELECT {COLUMNS}, root.path, root.name FROM experiment JOIN root ON root.id = root_id"
        f" WHERE seq IN ({', '.join(map(str, snapshot.keys))})"
    )
    times = [
        (milliseconds(lambda: store.rows(snapshot)), milliseconds(lambda: bare.execute(sql).fetchall()))
        for _ in range(200)
    ]
    layer, by_hand = (statistics.median(each) for each in zip(*times, strict=True))
    return Cost(layer, by_hand, len(snapshot))


def explained(costs: dict[str, Cost], built: Cost) -> str:
    """A sentence or two for the ratios that ask for a reason."""
    each = (built.layer - built.by_hand) / built.objects
    measured = (
        f"{built.objects} rows by their keys take {built.layer:.2f} ms as immutable objects and {built.by_hand:.2f} ms"
        f" as tuples by hand: {each * 1000:.1f} µs for each object, whatever was asked for."
    )
    over = {label: cost for label, cost in costs.items() if cost.layer > EXPLAINED_OVER * cost.by_hand}
    if not over:
        return f"No ratio is over {EXPLAINED_OVER}. {measured}"
    dearest = max(cost.by_hand / cost.pages for cost in over.values())
    left = {label: (c.layer - c.by_hand - each * c.objects) / c.pages for label, c in over.items()}
    most = max(left, key=lambda label: left[label])
    return (
        f"{len(over)} ratios are over {EXPLAINED_OVER}, all where a page takes at most {dearest:.2f} ms by hand."
        f" {measured} Without the objects no page of these is more than {max(left[most], 0.0):.2f} ms above SQL by"
        f" hand ({most})."
    )


def ids_by_hand(bare: sqlite3.Connection) -> list[int]:
    return [seq for (seq,) in bare.execute("SELECT seq FROM experiment WHERE live = 1 ORDER BY seq DESC").fetchall()]


Facts = tuple[int, int, dict[str, int], int, float, float, list[tuple[str, int, float]]]


def summary(store: Store) -> Facts:
    found = store.summary(ExperimentQuery())
    assert found.duration_median is not None
    projects = sorted((project.project, project.total, project.last_created_at) for project in found.by_project)
    durations = round(found.duration_total, 2), round(found.duration_median, 6)
    return found.active, found.deleted, dict(found.by_status), found.size_bytes, *durations, projects


def summary_by_hand(bare: sqlite3.Connection) -> Facts:
    bare.execute("BEGIN")
    projects = bare.execute(
        "SELECT project, count(*), max(created_at), sum(size_bytes) FROM experiment WHERE live = 1 GROUP BY project"
    ).fetchall()
    (deleted,) = bare.execute(
        "SELECT count(*) FROM experiment WHERE deleted_at IS NOT NULL AND missing_at IS NULL"
    ).fetchone()
    statuses = dict(bare.execute("SELECT status, count(*) FROM experiment WHERE live = 1 GROUP BY status").fetchall())
    durations = bare.execute(
        "SELECT duration_seconds FROM experiment WHERE live = 1 AND duration_seconds IS NOT NULL ORDER BY 1"
    ).fetchall()
    bare.execute(
        "SELECT project, best_metric_name, max(best_metric_value), min(best_metric_value), count(*) FROM experiment"
        " WHERE live = 1 GROUP BY project, best_metric_name"
    ).fetchall()
    bare.execute(
        "SELECT cast(created_at / 86400 AS INTEGER), count(*) FROM experiment WHERE live = 1 AND created_at >= ?"
        " GROUP BY 1",
        (time.time() - 30 * 86_400,),
    ).fetchall()
    bare.execute("ROLLBACK")
    known = [duration for (duration,) in durations]
    return (
        sum(statuses.values()),
        deleted,
        statuses,
        sum(size for *_, size in projects),
        round(sum(known), 2),
        round(statistics.median(known), 6),
        sorted((project, number, last) for project, number, last, _ in projects),
    )


def walk(store: Store) -> list[str]:
    """The last id of each page."""
    cursor, found = None, list[str]()
    for _ in range(WALK_PAGES):
        page = store.find(ExperimentQuery(per_page=WALK_PAGE, cursor=cursor))
        found.append(page.experiments[-1].id)
        if (cursor := page.next_cursor) is None:
            break
    return found


def walk_by_hand(bare: sqlite3.Connection) -> list[str]:
    after, found = 1 << 62, list[str]()
    for _ in range(WALK_PAGES):
        bare.execute("BEGIN")
        rows = bare.execute(
            f"SELECT {COLUMNS}, root.path, root.name, seq FROM experiment JOIN root ON root.id = root_id"
            f" WHERE live = 1 AND seq < ? ORDER BY seq DESC LIMIT {WALK_PAGE}",
            (after,),
        ).fetchall()
        bare.execute("SELECT sum(n) FROM facet_count").fetchone()
        bare.execute("ROLLBACK")
        found.append(rows[-1][0])
        after = rows[-1][-1]
        if len(rows) < WALK_PAGE:
            break
    return found


def milliseconds(call: Callable[[], object]) -> float:
    """In milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
