from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import INTERRUPTED, OK


@click.command(
    "sync",
    short_help="Read storage roots into the index.",
    epilog=options.examples(
        "runicorn-tui sync",
        "runicorn-tui sync ~/runs /mnt/lab/runicorn",
        "runicorn-tui sync --json",
    ),
)
@options.roots
@options.db
@options.json
def command(roots: tuple[Path, ...], db: Path | None, as_json: bool) -> int:
    """Bring the index up to date with the storage roots; only what changed is read.

    Without ROOT: the one Runicorn itself would use, otherwise all that the index holds. Ctrl-C stops after the
    experiment being read; the next sync goes on from there.
    """
    from runicorn_db.sync import sync
    from runicorn_tui import output
    from runicorn_tui.progress import ProgressLine, summary
    from runicorn_tui.root_choice import open_with_roots
    from runicorn_tui.settings import load
    from runicorn_tui.stopping import Stopping

    store, names = open_with_roots(load({"db": db}), roots)
    with store:
        if not store.roots():
            raise click.UsageError("There is no storage root here: name one, as in runicorn-tui sync ~/runs")
        with Stopping() as stopping, ProgressLine() as progress:
            report = sync(store, names or None, progress=progress, should_stop=lambda: stopping.is_asked)
    if as_json:
        output.write_json(asdict(report))
    output.note(summary(report))
    return OK if report.is_complete else INTERRUPTED
