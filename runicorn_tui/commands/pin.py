from __future__ import annotations

from pathlib import Path

import click

from runicorn_tui.commands import annotation, options


@click.command(
    "pin",
    short_help="Pin experiments.",
    epilog=options.examples("runicorn-tui pin 20250114_153045_a1b2c3", "runicorn-tui pin --where 'acc>0.95' --yes"),
)
@annotation.chosen
def command(
    prefixes: tuple[str, ...], where: str | None, dry_run: bool, yes: bool, db: Path | None, as_json: bool
) -> int:
    """Pin experiments, by ID or by filter: deletions by filter leave pinned ones out."""
    return annotation.annotate(
        lambda store, ids: store.annotate(ids, pinned=True),
        said="Pin",
        prefixes=prefixes,
        where=where,
        dry_run=dry_run,
        yes=yes,
        db=db,
        as_json=as_json,
    )
