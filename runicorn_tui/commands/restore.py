from __future__ import annotations

from pathlib import Path

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import INTERRUPTED


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
    from runicorn_tui.commands.change import print_result, resolve_all, write_files
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load
    from runicorn_tui.stopping import Stopping

    if bool(prefixes) == (batch is not None):
        raise click.UsageError("Name either IDs or --batch.")
    settings = load({"db": db})
    with open_index(settings) as store, Stopping() as stopping:
        if batch is not None:
            result, unknown = store.restore_batch(batch), {}
        else:
            ids, unknown = resolve_all(store, prefixes)
            result = store.restore(ids)
        output.note(f"Restored {format.plural(result.changed, 'experiment')}.")
        if already := len(result.results) - len(result.errors) - result.changed:
            output.note(f"{format.plural(already, 'experiment')} not in the trash.")
        if batch is not None and not result.changed:
            output.note(f"Nothing of batch {batch} is in the trash any more.")
        is_complete = write_files(store, stopping, option(settings))
    code = print_result("restored", result.results, {**unknown, **result.errors}, as_json=as_json)
    return code if is_complete else INTERRUPTED
