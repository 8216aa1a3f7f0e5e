from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_db.query import DEFAULT_DELETE_REASON, MAX_REASON_LENGTH, DeletePreview, ExperimentQuery
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED

if TYPE_CHECKING:
    from runicorn_db.store import Store


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
@click.option("--where", metavar="FILTER", help="All that match this filter, running and pinned ones left out.")
@click.option("--include-running", is_flag=True, help="With --where: running ones too.")
@click.option("--include-pinned", is_flag=True, help="With --where: pinned ones too.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--reason", metavar="TEXT", default=DEFAULT_DELETE_REASON, help=f"Kept with the deletion ({DEFAULT_DELETE_REASON})."
)
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
    db: Path | None,
    as_json: bool,
) -> int:
    """Move experiments to the trash, by ID or by filter. No file of theirs is removed, and it can be undone.

    What goes is fixed before you are asked: experiments that come to match later stay.
    """
    from runicorn_tui import output
    from runicorn_tui.commands.change import print_result, resolve_all, write_files
    from runicorn_tui.format import plural
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load
    from runicorn_tui.stopping import Stopping

    if bool(prefixes) == (where is not None):
        raise click.UsageError("Name either IDs or --where FILTER.")
    if len(reason) > MAX_REASON_LENGTH:
        raise click.UsageError(f"--reason must be at most {MAX_REASON_LENGTH} characters, not {len(reason)}.")
    settings = load({"db": db})
    with open_index(settings) as store:
        unknown: dict[str, str] = {}
        if where is not None:
            ids = _frozen(store, where, include_running=include_running, include_pinned=include_pinned)
        else:
            ids, unknown = resolve_all(store, prefixes)
        preview = store.preview_delete(ids)
        if dry_run:
            if as_json:
                output.write_json({**asdict(preview), "errors": unknown})
            else:
                click.echo(_described(preview))
            return print_result("deleted", dict.fromkeys(ids, True), unknown, as_json=False)
        if preview.total:
            click.echo(_described(preview), err=True)
            _ask(preview, yes)
        else:
            output.note("Nothing to delete.")
        if already := len(ids) - preview.total:
            output.note(f"{plural(already, 'experiment')} in the trash already.")
        # One batch however many: one undo takes it back.
        with Stopping() as stopping:
            result = store.delete(ids, source="cli", reason=reason, query=where or "")
            if result.batch is not None:
                undo = f"runicorn-tui restore --batch {result.batch}{option(settings)}"
                output.note(f"Moved {plural(result.changed, 'experiment')} to the trash. Undo: {undo}")
            is_complete = write_files(store, stopping, option(settings))
    errors = {**unknown, **result.errors}
    code = print_result("deleted", result.results, errors, as_json=as_json, answer={"batch": result.batch})
    return code if is_complete else INTERRUPTED


def _frozen(store: Store, where: str, *, include_running: bool, include_pinned: bool) -> list[str]:
    """The ids that match now, without what was not asked for by name."""
    from runicorn_tui import output
    from runicorn_tui.format import plural

    criteria = options.criteria(where)
    if not criteria:
        raise click.UsageError("An empty filter would match everything; name what shall go, for example 'age>30d'.")
    ids = store.id_list(store.ids(ExperimentQuery(filter=criteria)))
    preview = store.preview_delete(ids)
    left_out: set[str] = set()
    for is_included, kind, kept in (
        (include_running, "running", preview.running),
        (include_pinned, "pinned", preview.pinned),
    ):
        if kept and not is_included:
            output.note(f"{plural(len(kept), f'{kind} experiment')} left out; --include-{kind} takes them too.")
            left_out.update(kept)
    return [experiment_id for experiment_id in ids if experiment_id not in left_out]


def _described(preview: DeletePreview) -> str:
    from runicorn_tui import format
    from runicorn_tui.terminal import safe

    lines = [f"Move to the trash: {format.plural(preview.total, 'experiment')}, {format.size(preview.size_bytes)}"]
    if preview.total:
        first, last = format.day(preview.created_from), format.day(preview.created_to)
        lines[0] += f", created {first}" + ("" if first == last else f" to {last}")
    for title, counts in (("status", preview.by_status), ("project", preview.by_project)):
        if counts:
            lines.append(f"  {title:<8}" + "  ".join(f"{safe(name)} {count:,}" for name, count in counts.items()))
    first, last = (
        [f"  {safe(e.id)}  {safe(e.project)} / {safe(e.name)}  {safe(e.status)}" for e in sample]
        for sample in (preview.first, preview.last)
    )
    between = preview.total - len(first) - len(last)
    lines += [*first, *([f"  … {between:,} more …"] if between else []), *last]
    if preview.index_only:
        lines.append(
            f"  {format.plural(preview.index_only, 'experiment')} in read-only roots: only this index will know"
        )
    return "\n".join(lines)


def _ask(preview: DeletePreview, yes: bool) -> None:
    from runicorn_tui.format import plural

    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: add --yes to delete, or --dry-run to look.")
    if not click.confirm(f"Move {plural(preview.total, 'experiment')} to the trash?", err=True):
        click.echo("Nothing was deleted.", err=True)
        raise click.exceptions.Exit(FAILURE)
