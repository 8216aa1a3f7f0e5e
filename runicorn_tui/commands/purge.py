from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED

if TYPE_CHECKING:
    from runicorn_db.outcomes import PurgePreview, PurgeResult
    from runicorn_db.query import Snapshot
    from runicorn_db.store import Store

_SHOWN_REFUSALS = 10


@click.command(
    "purge",
    short_help="Remove from disk for good what is in the trash.",
    epilog=options.examples(
        "runicorn-tui purge --batch 7 --dry-run",
        "runicorn-tui purge --older-than 30d",
        "runicorn-tui purge --all --yes --json",
        "runicorn-tui purge --only 'checkpoints/**' --where 'status:failed age>7d'",
        "runicorn-tui trash --purged",
    ),
)
@options.ids
@click.option("--batch", type=click.IntRange(min=1), metavar="B", help="All that this deletion batch still holds.")
@click.option(
    "--older-than", callback=options.duration, metavar="AGE", help="All that was deleted so long ago, such as 30d."
)
@click.option("--all", "is_all", is_flag=True, help="All that is in the trash.")
@click.option(
    "--only",
    metavar="PATTERN",
    help="Only files below the run directory that match, such as 'checkpoints/**'; the experiments stay.",
)
@options.where("With --only: all that match, in the trash or not, but no running one.")
@click.option("--include-pinned", is_flag=True, help="With --where: pinned ones too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.db
@options.json
def command(
    prefixes: tuple[str, ...],
    batch: int | None,
    older_than: float | None,
    is_all: bool,
    only: str | None,
    where: str | None,
    include_pinned: bool,
    dry_run: bool,
    yes: bool,
    db: Path | None,
    as_json: bool,
) -> int:
    """Remove run directories from disk for good: by ID, by deletion batch, by time in the trash, or all of the trash.

    This cannot be undone. What is not in the trash is refused; a file that lies outside of the run directory is never
    touched. Ctrl-C stops after the experiment at hand.
    """
    from runicorn_tui import output
    from runicorn_tui.commands.change import exit_code, note_failures, resolve_all
    from runicorn_tui.commands.deletion import frozen
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if [bool(prefixes), batch is not None, older_than is not None, is_all, where is not None].count(True) != 1:
        raise click.UsageError(
            "Name one of: IDs, --batch B, --older-than AGE, --all, or --only PATTERN --where FILTER."
        )
    if where is not None and only is None:
        raise click.UsageError("--where needs --only: whole experiments are moved to the trash first, by rm --where.")
    with open_index(load({"db": db})) as store:
        unknown: dict[str, str] = {}
        chosen: Sequence[str] | Snapshot
        if prefixes:
            chosen, unknown = resolve_all(store, prefixes)
        elif where is not None:
            chosen = frozen(store, where, include_running=None, include_pinned=include_pinned)
        elif batch is not None:
            chosen = store.batch_snapshot(batch)
        else:
            chosen = store.trash(deleted_before=None if older_than is None else time.time() - older_than)
        preview = store.preview_purge(chosen, only=only)
        if dry_run:
            if as_json:
                output.write_json({**asdict(preview), "errors": unknown})
            else:
                click.echo(_described(preview, only))
            note_failures(unknown)
            return exit_code(preview.total, {**unknown, **preview.refused})
        if not preview.total:
            output.note("Nothing to remove.")
        else:
            click.echo(_described(preview, only), err=True)
            if not yes:
                _ask(preview)
        result = _purge(store, chosen, only)
    errors = {**unknown, **result.errors}
    note_failures(errors)
    if as_json:
        output.write_json({**asdict(result), "failed": len(errors), "errors": errors})
    return exit_code(result.purged, errors) if result.is_complete else INTERRUPTED


def _described(preview: PurgePreview, only: str | None) -> str:
    from runicorn_tui import format
    from runicorn_tui.terminal import safe

    what = f"files that match {safe(only)} of " if only is not None else ""
    lines = [
        f"Remove for good: {what}{format.plural(preview.total, 'experiment')},"
        f" {format.plural(preview.file_count, 'file')}, {format.size(preview.size_bytes)} to be freed"
    ]
    lines += [f"  {safe(path)}" for path in preview.paths]
    if more := preview.total - len(preview.paths):
        lines.append(f"  … {more:,} more …")
    refused = list(preview.refused.items())
    lines += [f"  stays: {safe(name)}: {safe(reason)}" for name, reason in refused[:_SHOWN_REFUSALS]]
    if (more := len(refused) - _SHOWN_REFUSALS) > 0:
        lines.append(f"  … {format.plural(more, 'experiment')} more that stay …")
    return "\n".join(lines)


def _ask(preview: PurgePreview) -> None:
    """The number has to be typed: a key pressed by habit must not remove anything."""
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: add --yes to remove for good, or --dry-run to look.")
    question = f"This cannot be undone. Type {preview.total} to remove them for good"
    typed = click.prompt(question, default="", show_default=False, err=True)
    if typed.strip() != str(preview.total):
        click.echo("Nothing was removed.", err=True)
        raise click.exceptions.Exit(FAILURE)


def _purge(store: Store, chosen: Sequence[str] | Snapshot, only: str | None) -> PurgeResult:
    from runicorn_tui import format, output
    from runicorn_tui.progress import ProgressLine
    from runicorn_tui.stopping import Stopping

    with Stopping() as stopping, ProgressLine() as line:
        result = store.purge(
            chosen,
            source="cli",
            only=only,
            progress=lambda at: line.show("removing", at.done, at.total),
            should_stop=lambda: stopping.is_asked,
        )
    if result.purged or result.file_count:
        freed = f"{format.size(result.freed_bytes)} in {format.plural(result.file_count, 'file')}"
        what = "Removed" if only is None else "Removed files of"
        output.note(f"{what} {format.plural(result.purged, 'experiment')} for good, freed {freed}.")
    if not result.is_complete:
        output.note("Interrupted: the rest is as it was.")
    return result
