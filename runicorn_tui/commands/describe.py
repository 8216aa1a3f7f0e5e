from __future__ import annotations

import sys
from pathlib import Path

import click

from runicorn_tui.commands import annotation, options


@click.command(
    "describe",
    short_help="Describe an experiment.",
    epilog=options.examples(
        "runicorn-tui describe 20250114_153045_a1b2c3 'The run of figure 3'",
        "runicorn-tui describe 20250114_153045_a1b2c3 - < notes.txt",
        "runicorn-tui describe 20250114_153045_a1b2c3 ''",
    ),
)
@click.argument("prefix", metavar="ID")
@click.argument("text")
@options.db
@options.json
def command(prefix: str, text: str, db: Path | None, as_json: bool) -> int:
    """Describe an experiment by TEXT, which may have several lines; - reads it from standard input, '' clears it.

    It is kept in the index and, where it can be written, in a small file of the run directory.
    """
    description = (sys.stdin.read() if text == "-" else text).rstrip()
    return annotation.annotate(
        lambda store, ids: store.annotate(ids, description=description),
        said="Describe",
        prefixes=(prefix,),
        where=None,
        dry_run=False,
        yes=False,
        db=db,
        as_json=as_json,
    )
