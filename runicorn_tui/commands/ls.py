from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from runicorn_db.named_values import NamedValue
from runicorn_db.query import MAX_PER_PAGE, Experiment, ExperimentQuery, Order
from runicorn_tui.commands import list_options, options

if TYPE_CHECKING:
    from runicorn_db.groups import GroupBy
    from runicorn_db.store import Store

Form = Literal["table", "json", "jsonl", "csv"]


@click.command(
    "ls",
    cls=list_options.FilterFirst,
    short_help="List experiments.",
    epilog=options.FILTER_TERMS
    + "\n"
    + options.examples(
        "runicorn-tui ls",
        "runicorn-tui ls 'status:failed age>30d' --sort size_bytes",
        "runicorn-tui ls 'project:vision acc>0.9' --json | jq -r '.[].id'",
        "runicorn-tui ls @stale",
        "runicorn-tui ls --columns name,acc,max.acc,param.lr --sort max.acc",
        "runicorn-tui ls status:failed --group-by param.lr",
        "runicorn-tui ls --limit 0 --csv > experiments.csv",
    ),
)
@click.argument("words", nargs=-1, metavar="[FILTER]", shell_complete=options.saved_filters_that_begin)
@options.db
@list_options.columns
@list_options.sort
@list_options.reverse
@list_options.group_by
@click.option("--limit", type=click.IntRange(min=0), default=50, metavar="N", help="At most N (50); 0 lists all.")
@options.json
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print JSON, one experiment a line.")
@options.csv
def command(
    words: tuple[str, ...],
    db: Path | None,
    columns: tuple[str | NamedValue, ...],
    sort: Order,
    reverse: bool,
    group_by: GroupBy | None,
    limit: int,
    as_json: bool,
    as_jsonl: bool,
    as_csv: bool,
) -> None:
    """List experiments that match FILTER, newest first.

    Reads the index as it is: `runicorn-tui sync` brings it up to date.
    """
    from runicorn_tui import output
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load

    if as_json + as_jsonl + as_csv > 1:
        raise click.UsageError("--json, --jsonl and --csv exclude each other.")
    form: Form = "json" if as_json else "jsonl" if as_jsonl else "csv" if as_csv else "table"
    query = ExperimentQuery(
        filter=options.criteria(" ".join(words)), order_by=sort, order_desc=list_options.is_descending(sort, reverse)
    )
    if group_by is not None and (columns or reverse or sort != "created_at"):
        raise click.UsageError("--group-by lists the largest groups first: not with --columns, --sort or --reverse.")
    settings = load({"db": db})
    with open_index(settings) as store:
        names = () if group_by is None or isinstance(group_by, str) else (group_by,)
        list_options.check_names(store, (*columns, sort, *names))
        if group_by is not None:
            from runicorn_tui.group_listing import print_groups

            groups = store.groups(query, group_by)
            print_groups(groups, group_by, limit=limit, form=form)
            if not groups.total:
                output.note(_why_none(store, option(settings)))
            return
        listed, total = print_experiments(store, query, limit=limit, form=form, columns=columns)
        if total == 0:
            output.note(_why_none(store, option(settings)))
        elif listed < total:
            output.note(f"{listed:,} of {total:,} experiments; --limit 0 lists all.")


def print_experiments(
    store: Store,
    query: ExperimentQuery,
    *,
    limit: int,
    form: Form,
    columns: Sequence[str | NamedValue] = (),
) -> tuple[int, int]:
    """Prints at most `limit` experiments (0: all), page by page; how many were printed and how many match."""
    from runicorn_api.json_body import to_json
    from runicorn_tui import output
    from runicorn_tui.listing import Listing

    listing = Listing(columns, also=[query.order_by] if isinstance(query.order_by, NamedValue) else [])
    pages = _Pages(store, query, limit, listing.values)
    now = time.time()
    match form:
        case "json":
            with output.JsonArray() as array:
                for experiments in pages:
                    array.add(map(listing.item, experiments))
        case "jsonl":
            for experiments in pages:
                output.write_bytes(b"".join(to_json(listing.item(e)) + b"\n" for e in experiments))
        case "csv":
            csv = output.CsvTable(listing.fields)
            for experiments in pages:
                csv.add(map(listing.csv_cells, experiments))
        case "table":
            table = output.Table(listing.columns)
            for experiments in pages:
                table.add(listing.cells(e, now) for e in experiments)
    return pages.listed, pages.total


def _why_none(store: Store, option: str) -> str:
    from runicorn_tui.root_choice import new_roots

    if not store.roots():
        return f"The index is empty: fill it with runicorn-tui sync [ROOT]...{option}"
    if new := new_roots(store, ()):
        return f"No experiment matches; not read yet: {', '.join(new)}. Read it with runicorn-tui sync{option}"
    return "No experiment matches."


class _Pages:
    """Pages of experiments, each asked for when it is needed; `listed` and `total` count afterwards."""

    def __init__(self, store: Store, query: ExperimentQuery, limit: int, values: Sequence[NamedValue]) -> None:
        self._store = store
        self._query = query
        self._limit = limit
        self._values = values
        self.listed = 0
        self.total = 0

    def __iter__(self) -> Iterator[tuple[Experiment, ...]]:
        cursor: str | None = None
        while True:
            wanted = self._limit - self.listed if self._limit else MAX_PER_PAGE
            query = replace(self._query, per_page=min(wanted, MAX_PER_PAGE), cursor=cursor)
            page = self._store.find(query, values=self._values)
            self.total = self.total or page.total
            self.listed += len(page.experiments)
            if page.experiments:
                yield page.experiments
            cursor = page.next_cursor
            if cursor is None or self.listed == self._limit:
                return
