from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED, OK, PARTLY_FAILED


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
    from runicorn_tui.index import option
    from runicorn_tui.progress import ProgressLine, summary
    from runicorn_tui.root_choice import note_unread, open_with_roots
    from runicorn_tui.settings import load
    from runicorn_tui.stopping import Stopping

    settings = load({"db": db})
    store, names = open_with_roots(settings, roots, needs_root=True)
    with store:
        with Stopping() as stopping, ProgressLine() as progress:
            report = sync(store, names or None, progress=progress, should_stop=lambda: stopping.is_asked)
        unread, chosen = note_unread(store, names)
    if as_json:
        output.write_json(asdict(report))
    output.note(summary(report, option(settings)))
    if not report.is_complete:
        return INTERRUPTED
    if not unread:
        return OK
    return FAILURE if unread == chosen else PARTLY_FAILED
