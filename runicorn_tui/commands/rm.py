from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from runicorn_db.outcomes import DeletePreview
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE


@click.command(
    "rm",
    short_help="Move experiments to the trash.",
    epilog=options.FILTER_TERMS
    + "\n"
    + options.examples(
        "runicorn-tui rm 20250114_153045_a1b2c3",
        "runicorn-tui rm --where 'status:failed age>30d' --dry-run",
        "runicorn-tui rm --where 'project:scratch' --yes --reason 'project is over'",
        "runicorn-tui restore --batch 7",
    ),
)
@options.ids
@options.where("All that match this filter, running and pinned ones left out.")
@click.option("--include-running", is_flag=True, help="With --where: running ones too.")
@click.option("--include-pinned", is_flag=True, help="With --where: pinned ones too.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.reason
@options.move_to_recycle
@options.db
@options.json
def command(
    prefixes: tuple[str, ...],
    where: str | None,
    include_running: bool,
    include_pinned: bool,
    dry_run: bool,
    yes: bool,
    reason: str,
    move_to_recycle: bool,
    db: Path | None,
    as_json: bool,
) -> int:
    """Move experiments to the trash, by ID or by filter. No file of theirs is removed, and it can be undone.

    What goes is fixed before you are asked: experiments that come to match later stay. Ctrl-C stops between two
    parts of 1000; what went before can be taken back as any deletion.
    """
    from runicorn_tui import output
    from runicorn_tui.commands.change import print_result, resolve_all
    from runicorn_tui.commands.deletion import check_reason, described, frozen, move_to_trash
    from runicorn_tui.format import plural
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load

    if bool(prefixes) == (where is not None):
        raise click.UsageError("Name either IDs or --where FILTER.")
    check_reason(reason)
    settings = load({"db": db})
    with open_index(settings) as store:
        unknown: dict[str, str] = {}
        if where is not None:
            ids = frozen(store, where, include_running=include_running, include_pinned=include_pinned)
        else:
            ids, unknown = resolve_all(store, prefixes)
        preview = store.preview_delete(ids)
        if dry_run:
            if as_json:
                output.write_json({**asdict(preview), "errors": unknown})
            else:
                click.echo(described(preview))
            return print_result("deleted", dict.fromkeys(ids, True), unknown, as_json=False)
        if preview.total:
            click.echo(described(preview), err=True)
            _ask(preview, yes)
        else:
            output.note("Nothing to delete.")
        if already := len(ids) - preview.total:
            output.note(f"{plural(already, 'experiment')} in the trash already.")
        return move_to_trash(
            store,
            ids,
            reason=reason,
            query=options.written_out(where or ""),
            move_to_recycle=move_to_recycle,
            option=option(settings),
            as_json=as_json,
            unknown=unknown,
        )


def _ask(preview: DeletePreview, yes: bool) -> None:
    from runicorn_tui.format import plural

    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: add --yes to delete, or --dry-run to look.")
    if not click.confirm(f"Move {plural(preview.total, 'experiment')} to the trash?", err=True):
        click.echo("Nothing was deleted.", err=True)
        raise click.exceptions.Exit(FAILURE)
