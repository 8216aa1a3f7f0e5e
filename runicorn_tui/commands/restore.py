from __future__ import annotations

from pathlib import Path

import click

from runicorn_tui.commands import options


@click.command(
    "restore",
    short_help="Take experiments out of the trash.",
    epilog=options.examples("runicorn-tui restore --batch 7", "runicorn-tui restore 20250114_153045_a1b2c3"),
)
@options.ids
@click.option("--batch", type=click.IntRange(min=1), metavar="B", help="All that this deletion batch took.")
@options.db
@options.json
def command(prefixes: tuple[str, ...], batch: int | None, db: Path | None, as_json: bool) -> int:
    """Take experiments out of the trash, by ID or the whole of a deletion batch."""
    from runicorn_tui import format, output
    from runicorn_tui.commands.change import print_result, resolve_all
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if bool(prefixes) == (batch is not None):
        raise click.UsageError("Name either IDs or --batch.")
    with open_index(load({"db": db})) as store:
        if batch is not None:
            result, unknown = store.restore_batch(batch), {}
        else:
            ids, unknown = resolve_all(store, prefixes)
            result = store.restore(ids)
    output.note(f"Restored {format.plural(result.changed, 'experiment')}.")
    return print_result("restored", result.results, {**unknown, **result.errors}, as_json=as_json)
