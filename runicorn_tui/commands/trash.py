from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.store import Store

_ALL = 1 << 31
_PART = 1000


@click.command(
    "trash",
    short_help="List deletions and what they hold.",
    epilog=options.examples(
        "runicorn-tui trash",
        "runicorn-tui trash --batch 7",
        "runicorn-tui trash --json | jq '.[0].id'",
        "runicorn-tui trash --purged",
        "runicorn-tui restore --batch 7",
        "runicorn-tui purge --older-than 30d",
    ),
)
@click.option("--batch", type=click.IntRange(min=1), metavar="B", help="The experiments that this batch still holds.")
@click.option("--purged", is_flag=True, help="The journal of what was removed for good.")
@click.option("--limit", type=click.IntRange(min=0), default=50, metavar="N", help="At most N (50); 0 lists all.")
@options.db
@options.json
def command(batch: int | None, purged: bool, limit: int, db: Path | None, as_json: bool) -> None:
    """List the acts of deletion, newest first: each is a batch that can be restored or purged as a whole."""
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if purged and batch is not None:
        raise click.UsageError("--batch and --purged exclude each other.")
    with open_index(load({"db": db})) as store:
        if batch is not None:
            _print_held(store, batch, limit, as_json=as_json)
        elif purged:
            _print_purged(store, limit, as_json=as_json)
        else:
            _print_batches(store, limit, as_json=as_json)


def _print_batches(store: Store, limit: int, *, as_json: bool) -> None:
    from runicorn_tui import format, output

    # One more than is shown tells whether there are more.
    found = store.batches(limit + 1 if limit else _ALL)
    shown = found[: limit or None]
    if as_json:
        with output.JsonArray() as array:
            array.add(map(asdict, shown))
    elif shown:
        columns = (
            output.Column(title="BATCH", align="right"),
            output.Column(title="DELETED"),
            output.Column(title="FROM"),
            output.Column(title="COUNT", align="right"),
            output.Column(title="IN TRASH", align="right"),
            output.Column(title="SIZE", align="right"),
            output.Column(title="REASON", is_elastic=True),
            output.Column(title="FILTER", is_elastic=True, is_extra=True),
        )
        output.Table(columns).add(
            (
                str(batch.id),
                format.when(batch.created_at),
                batch.source,
                format.count(batch.count),
                format.count(batch.remaining),
                format.size(batch.size_bytes),
                batch.reason,
                format.text(batch.query),
            )
            for batch in shown
        )
    else:
        output.note("Nothing was deleted yet.")
    _note_more(len(shown), len(found), "deletion")


def _print_held(store: Store, batch: int, limit: int, *, as_json: bool) -> None:
    from runicorn_tui import output
    from runicorn_tui.listing import Listing

    listing = Listing()
    held = store.batch_snapshot(batch)
    wanted = held[: limit or None]
    parts = (store.rows(wanted[begin : begin + _PART]) for begin in range(0, len(wanted), _PART))
    if as_json:
        with output.JsonArray() as array:
            for part in parts:
                array.add(listing.item(e) for e in part if e is not None)
    elif wanted:
        table, now = output.Table(listing.columns), time.time()
        for part in parts:
            table.add(listing.cells(e, now) for e in part if e is not None)
    if not held:
        output.note(f"Nothing of batch {batch} is in the trash any more.")
    elif len(wanted) < len(held):
        output.note(f"{len(wanted):,} of {len(held):,} experiments; --limit 0 lists all.")


def _print_purged(store: Store, limit: int, *, as_json: bool) -> None:
    from runicorn_tui import format, output

    found = store.purges(limit + 1 if limit else _ALL)
    shown = found[: limit or None]
    if as_json:
        with output.JsonArray() as array:
            array.add(map(asdict, shown))
    elif shown:
        columns = (
            output.Column(title="REMOVED"),
            output.Column(title="ID"),
            output.Column(title="SIZE", align="right"),
            output.Column(title="FILES", align="right"),
            output.Column(title="BY"),
            output.Column(title="WHAT"),
            output.Column(title="PATH"),
            output.Column(title="PROBLEM"),
        )
        output.Table(columns).add(
            (
                format.when(record.purged_at),
                record.id,
                format.size(record.size_bytes),
                format.count(record.file_count),
                f"{record.user} ({record.source})",
                record.pattern or "all",
                record.path,
                record.problem or "",
            )
            for record in shown
        )
    else:
        output.note("Nothing was removed for good yet.")
    _note_more(len(shown), len(found), "removal")


def _note_more(shown: int, found: int, noun: str) -> None:
    from runicorn_tui import format, output

    if shown < found:
        output.note(f"The newest {format.plural(shown, noun)}; --limit 0 lists all.")
