from __future__ import annotations

from pathlib import Path

import click

from runicorn_tui.commands import annotation, options


@click.command(
    "unpin",
    short_help="Unpin experiments.",
    epilog=options.examples(
        "runicorn-tui unpin 20250114_153045_a1b2c3", "runicorn-tui unpin --where 'is:pinned age>90d' --yes"
    ),
)
@annotation.chosen
def command(
    prefixes: tuple[str, ...], where: str | None, dry_run: bool, yes: bool, db: Path | None, as_json: bool
) -> int:
    """Take the pins of experiments away, by ID or by filter."""
    return annotation.annotate(
        lambda store, ids: store.annotate(ids, pinned=False),
        said="Unpin",
        prefixes=prefixes,
        where=where,
        dry_run=dry_run,
        yes=yes,
        db=db,
        as_json=as_json,
    )
