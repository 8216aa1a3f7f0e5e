"""Times the questions of the contract in the query layer: `python benchmarks/queries.py INDEX... `.

Each question is asked for a page of 50 and the exact total together. Beside it, in the same run, the floor: the very
statements that SQLite was given, on a bare `sqlite3` connection to the same file, rows left as tuples.
Make an index with `python benchmarks/make_index.py N --db PATH`.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from make_index import NEWEST

from runicorn_db.filter_language import parse
from runicorn_db.query import ORDER_FIELDS, ExperimentQuery
from runicorn_db.store import Store

DAY = 86_400


def questions(experiments: int) -> dict[str, ExperimentQuery]:
    last_page = max(1, (experiments - 1) // 50 + 1)
    created = {"created_after": NEWEST - 30 * DAY, "created_before": NEWEST - 5 * DAY}
    rows = {
        "default": ExperimentQuery(),
        "page 2": ExperimentQuery(page=2),
        "page 200": ExperimentQuery(page=200),
        "last page": ExperimentQuery(page=last_page),
        "project common": ExperimentQuery(project="project_00"),
        "project rare": ExperimentQuery(project="project_19"),
        "status common": ExperimentQuery(status=("finished",)),
        "status rare": ExperimentQuery(status=("running",)),
        "status two of them": ExperimentQuery(status=("finished", "failed")),
    }
    for field in ORDER_FIELDS:
        for is_descending in (True, False):
            label = f"sort {field} {'down' if is_descending else 'up'}"
            rows[label] = ExperimentQuery(order_by=field, order_desc=is_descending)
    return rows | {
        "created range": ExperimentQuery(**created),
        "metric range": ExperimentQuery(best_metric_min=0.95, best_metric_max=0.97),
        "complex, page 2": ExperimentQuery(
            project="project_00",
            status=("finished", "failed"),
            created_after=NEWEST - 50 * DAY,
            best_metric_min=0.8,
            order_by="best_metric_value",
            page=2,
        ),
        "tag popular": ExperimentQuery(tags=("baseline",)),
        "tag rare": ExperimentQuery(tags=("paper",)),
        "tags both of two": ExperimentQuery(tags=("baseline", "sweep")),
        "tags any of two": ExperimentQuery(filter=parse("tag:baseline,junk")[0]),
        "search common word": ExperimentQuery(search="resnet50"),
        "search rare word": ExperimentQuery(search="trial_4242"),
        "search two words": ExperimentQuery(search="resnet cosine"),
        "search no match": ExperimentQuery(search="zzzzz"),
        "search two letters": ExperimentQuery(search="v1"),
        "search two Chinese characters": ExperimentQuery(search="学习"),
        "search with filters": ExperimentQuery(search="resnet50", status=("finished",), best_metric_min=0.9),
        "search, sort by metric": ExperimentQuery(search="resnet50", order_by="best_metric_value"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("index", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    for path in options.index:
        measure(path, options.rounds)


def measure(path: Path, rounds: int) -> None:
    with Store(path) as store, closing(sqlite3.connect(path)) as bare:
        experiments = store.find(ExperimentQuery(per_page=1)).total
        print(f"\n{experiments:,} live experiments, {path.stat().st_size / 1e6:.0f} MB; milliseconds\n")
        print("| question | matches | p50 | p95 | floor p50 | ratio |\n|---|---|---|---|---|---|")
        for label, query in questions(experiments).items():
            total, statements = ask(store, query)
            layer, floor = [], []
            for _ in range(rounds):
                layer.append(milliseconds(lambda: store.find(query)))  # noqa: B023 - called at once
                floor.append(milliseconds(lambda: run(bare, statements)))  # noqa: B023
            p50, low = statistics.median(layer), statistics.median(floor)
            p95 = statistics.quantiles(layer, n=20)[18]
            print(f"| {label} | {total:,} | {p50:.2f} | {p95:.2f} | {low:.2f} | {p50 / low:.1f} |", flush=True)
        for label, call in {
            "ids of all": lambda: store.ids(ExperimentQuery()),
            "summary": lambda: store.summary(ExperimentQuery()),
            "cursor, 20 pages of 1000": lambda: walk(store),
        }.items():
            times = [milliseconds(call) for _ in range(5)]
            print(f"| {label} | {experiments:,} | {statistics.median(times):.2f} | {max(times):.2f} | | |", flush=True)


def ask(store: Store, query: ExperimentQuery) -> tuple[int, list[str]]:
    """The total, and the statements that were needed."""
    statements: list[str] = []
    with store.database.snapshot() as connection:
        connection.set_trace_callback(statements.append)
    total = store.find(query).total
    with store.database.snapshot() as connection:
        connection.set_trace_callback(None)
    # A trace also names, as comments, what the text index asks of its own tables.
    return total, [sql for sql in statements if sql.lstrip().startswith(("SELECT", "WITH"))]


def run(connection: sqlite3.Connection, statements: list[str]) -> None:
    for sql in statements:
        connection.execute(sql).fetchall()


def walk(store: Store) -> None:
    cursor = None
    for _ in range(20):
        cursor = store.find(ExperimentQuery(per_page=1000, cursor=cursor)).next_cursor
        if cursor is None:
            break


def milliseconds(call: Callable[[], object]) -> float:
    """In milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
