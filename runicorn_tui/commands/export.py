from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_db.criteria import Criteria, Field
from runicorn_db.errors import InvalidQuery, UnknownExperiment
from runicorn_db.named_values import NamedValue
from runicorn_db.query import MAX_DOWNSAMPLE, ExperimentQuery, Order, shown
from runicorn_tui.commands import list_options, options
from runicorn_tui.exit_codes import FAILURE, INTERRUPTED, OK
from runicorn_tui.export import FORMATS, ExportError, Format

if TYPE_CHECKING:
    from runicorn_db.query import Snapshot
    from runicorn_db.store import Store
    from runicorn_tui.export.tables import Table
    from runicorn_tui.export.writing import Progress

_STDOUT = "-"
_SHORTEST_BEGINNING = 8
"""A word of so many letters may be the beginning of an id; shorter ones are ids as a whole or words of a filter."""


@click.command(
    "export",
    cls=list_options.FilterFirst,
    short_help="Write experiments or their series to a file.",
    epilog=options.FILTER_TERMS
    + "\n"
    + options.examples(
        "runicorn-tui export 'project:vision age<7d' --output week.csv",
        "runicorn-tui export --columns id,name,acc,param.lr --sort acc | column -s, -t",
        "runicorn-tui export 20250114_153045_a1b2c3 --series --metric loss --output loss.csv",
        "runicorn-tui export tag:paper --series --downsample 1000 --output paper.parquet",
    ),
)
@click.argument("words", nargs=-1, metavar="[FILTER or ID]...", shell_complete=options.saved_filters_that_begin)
@options.db
@click.option("--series", is_flag=True, help="One row for each step of each experiment, instead of one for each.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="With --series: only this metric, and so on.")
@click.option(
    "--downsample",
    type=click.IntRange(1, MAX_DOWNSAMPLE),
    metavar="N",
    help="With --series: at most N rows of each experiment, ends and extremes kept.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    metavar="FORMAT",
    help="csv, json, jsonl or parquet; otherwise as the name of the file ends, or csv.",
)
@click.option(
    "--output", "-o", default=_STDOUT, metavar="FILE", help="The file to write; without it, or as -, standard output."
)
@click.option("--overwrite", is_flag=True, help="Replace the file without asking.")
@list_options.columns
@list_options.sort
@list_options.reverse
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    words: tuple[str, ...],
    db: Path | None,
    series: bool,
    metrics: tuple[str, ...],
    downsample: int | None,
    form: Format | None,
    output: str,
    overwrite: bool,
    columns: tuple[str | NamedValue, ...],
    sort: Order,
    reverse: bool,
    as_json: bool,
) -> int:
    """Write the experiments that match FILTER, or those with these IDs, to a file or standard output.

    Without --columns every field, metric (last, min, max) and parameter is written. A file is there as a whole or
    not at all. In CSV a text that a spreadsheet could take for a formula begins with an apostrophe.
    """
    from runicorn_tui.export.formats import check
    from runicorn_tui.export.tables import ExperimentTable, SeriesTable
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if series and columns:
        raise click.UsageError("--columns is about experiments: with --series name metrics by --metric.")
    if not series and (metrics or downsample is not None):
        raise click.UsageError("--metric and --downsample need --series.")
    if as_json and output == _STDOUT:
        raise click.UsageError("--json says what was written to a file: name one with --output, or use --format json.")
    with open_index(load({"db": db})) as store, _as_failure():
        path = None if output == _STDOUT else _path(store, output, overwrite)
        form = form or _form_of(output)
        if path is None and form == "parquet" and sys.stdout.isatty():
            raise click.UsageError("Parquet is nothing for a terminal: name a file with --output.")
        check(form)
        list_options.check_names(store, (*columns, sort, *(NamedValue("best", name) for name in metrics)))
        is_descending = list_options.is_descending(sort, reverse)
        chosen = _chosen(store, words, ExperimentQuery(order_by=sort, order_desc=is_descending))
        table: Table = (
            SeriesTable(store, chosen, metrics, downsample=downsample)
            if series
            else ExperimentTable(store, chosen, columns or None)
        )
        return _write(table, form, path, as_json=as_json)


@contextmanager
def _as_failure() -> Generator[None]:
    try:
        yield
    except ExportError as error:
        raise click.ClickException(str(error)) from error


def _path(store: Store, typed: str, overwrite: bool) -> Path:
    """The file to write, which may be replaced. Raises ExportError for one that cannot be written."""
    from runicorn_tui.export.files import checked
    from runicorn_tui.terminal import safe

    path = checked(typed, store.root_names())
    if os.path.lexists(path) and not overwrite:
        if not sys.stdin.isatty():
            raise click.UsageError(f"{path} is there already: add --overwrite to replace it.")
        if not click.confirm(f"{safe(path)} is there already. Replace it?", err=True):
            click.echo("Nothing was written.", err=True)
            raise click.exceptions.Exit(FAILURE)
    return path


def _form_of(typed: str) -> Format:
    ending = Path(typed).suffix.lower().removeprefix(".").replace("ndjson", "jsonl")
    forms: dict[str, Format] = {form: form for form in FORMATS}
    return forms.get(ending, "csv")


def _chosen(store: Store, words: Sequence[str], query: ExperimentQuery) -> Snapshot:
    """What the words mean: ids, in the trash or not, or a filter."""
    from runicorn_tui import output

    ids = _ids(store, words)
    if ids:
        term = Field(field="id", operation="exact", values=ids)
        query = replace(query, filter=Criteria(groups=((term,),)), include_deleted=True)
    else:
        query = replace(query, filter=options.criteria(" ".join(words)))
    chosen = store.ids(query)
    if not len(chosen):
        output.note("No experiment matches.")
    return chosen


def _ids(store: Store, words: Sequence[str]) -> tuple[str, ...]:
    """The ids that the words are or begin; none where they are a filter."""
    found: dict[str, str] = {}
    for word in words:
        try:
            resolved = store.resolve(word)
        except (UnknownExperiment, InvalidQuery):
            continue
        if resolved == word or len(word) >= _SHORTEST_BEGINNING:
            found[word] = resolved
    if found and len(found) < len(words):
        others = ", ".join(f"'{shown(word)}'" for word in words if word not in found)
        raise click.UsageError(f"'{shown(next(iter(found)))}' is an id and {others} not: name ids or a filter.")
    return tuple(dict.fromkeys(found.values()))


def _write(table: Table, form: Format, path: Path | None, *, as_json: bool) -> int:
    from runicorn_tui import output
    from runicorn_tui.export.writing import summary, to_file, to_stream

    if path is None:
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stream:
            progress = _followed(to_stream(table, form, stream), is_shown=not sys.stdout.isatty())
    else:
        progress = _followed(to_file(table, form, path, replaces=True), is_shown=True)
    if progress is None:
        output.note("Interrupted: nothing was written." if path else "Interrupted.")
        return INTERRUPTED
    if path is not None:
        output.note(f"{path}: {summary(progress)}")
    if as_json:
        counts = {"rows": progress.rows, "experiments": progress.total - progress.gone}
        more = {"gone": progress.gone, "non_finite": progress.non_finite}
        output.write_json({"path": str(path), "format": form, **counts, **more})
    return OK


def _followed(steps: Generator[Progress], *, is_shown: bool) -> Progress | None:
    """Goes through to the end, saying how far it is; None when it was asked to stop."""
    from runicorn_tui.progress import ProgressLine
    from runicorn_tui.stopping import Stopping

    progress = None
    with Stopping() as stopping, ProgressLine() as line, closing(steps):
        for progress in steps:
            if stopping.is_asked:
                return None
            if is_shown:
                line.show("exporting", progress.done, progress.total)
    return progress
