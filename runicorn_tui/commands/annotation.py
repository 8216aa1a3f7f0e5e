"""What `tag`, `describe`, `pin` and `unpin` share: which experiments, and changing them part by part."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runicorn_db.errors import StoreError
from runicorn_db.outcomes import ChangeResult
from runicorn_db.query import ExperimentQuery
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED

if TYPE_CHECKING:
    from runicorn_db.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])
Change = Callable[["Store", Sequence[str]], ChangeResult]


def chosen(command: Command) -> Command:
    """The options that say which experiments, and how they are changed."""
    for decorate in (
        options.json,
        options.db,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only say what would change."),
        options.where("All that match this filter."),
        options.ids,
    ):
        command = decorate(command)
    return command


def annotate(
    change: Change,
    *,
    said: str,
    prefixes: Sequence[str],
    where: str | None,
    dry_run: bool,
    yes: bool,
    db: Path | None,
    as_json: bool,
) -> int:
    """Applies `change` to the experiments that were named; `said` is what it does. Returns the exit code."""
    from runicorn_tui import output
    from runicorn_tui.commands.change import print_result, resolve_all
    from runicorn_tui.format import plural
    from runicorn_tui.index import open_index, option
    from runicorn_tui.settings import load

    if bool(prefixes) == (where is not None):
        raise click.UsageError("Name either IDs or --where FILTER.")
    settings = load({"db": db})
    with open_index(settings) as store:
        unknown: dict[str, str] = {}
        if where is None:
            ids, unknown = resolve_all(store, prefixes)
        else:
            ids = _matching(store, where)
        if dry_run or where is not None:
            output.note(f"{said}: {plural(len(ids), 'experiment')}.")
        if dry_run:
            return print_result("matched", dict.fromkeys(ids, True), unknown, as_json=as_json)
        if where is not None and ids:
            _ask(len(ids), yes)
        return _apply(store, ids, change, unknown=unknown, option=option(settings), as_json=as_json)


def _matching(store: Store, where: str) -> list[str]:
    criteria = options.criteria(where)
    if not criteria:
        raise click.UsageError("An empty filter would match everything; name what is meant, for example 'age<1d'.")
    return store.id_list(store.ids(ExperimentQuery(filter=criteria)))


def _ask(count: int, yes: bool) -> None:
    from runicorn_tui.format import plural

    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: add --yes to change them, or --dry-run to look.")
    if not click.confirm(f"Change {plural(count, 'experiment')}?", err=True):
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(FAILURE)


def _apply(
    store: Store, ids: Sequence[str], change: Change, *, unknown: Mapping[str, str], option: str, as_json: bool
) -> int:
    from runicorn_tui import output
    from runicorn_tui.acts import CHUNK
    from runicorn_tui.commands.change import print_result, write_files
    from runicorn_tui.format import plural
    from runicorn_tui.progress import ProgressLine
    from runicorn_tui.stopping import Stopping

    changed, results, errors = 0, dict[str, bool](), dict(unknown)
    index_only = store.preview_annotate(ids).index_only
    with Stopping() as stopping:
        try:
            with ProgressLine() as line:
                for begin in range(0, len(ids), CHUNK):
                    if stopping.is_asked:
                        break
                    result = change(store, ids[begin : begin + CHUNK])
                    changed += result.changed
                    results |= result.results
                    errors |= result.errors
                    line.show("changing", len(results), len(ids))
        except StoreError:
            output.note(f"Changed before that: {plural(changed, 'experiment')}.")
            raise
        output.note(f"Changed {plural(changed, 'experiment')}.")
        if already := sum(results.values()) - changed:
            output.note(f"{plural(already, 'experiment')} as wanted already.")
        if index_only:
            output.note(f"{plural(index_only, 'experiment')} in read-only roots: only this index knows.")
        if left := len(ids) - len(results):
            output.note(f"Interrupted: {plural(left, 'experiment')} not touched.")
        is_complete = write_files(store, stopping, option) and not left
    code = print_result("annotated", results, errors, as_json=as_json, answer={"changed": changed})
    return code if is_complete else INTERRUPTED
