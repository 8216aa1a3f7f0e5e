from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.query import ExperimentDetail
    from runicorn_tui.comparison import Row


@click.command(
    "compare",
    short_help="Print what differs between experiments.",
    epilog=options.examples(
        "runicorn-tui compare 20250114_153045_a1b2c3 20250114_171002_d4e5f6",
        "runicorn-tui compare 20250114_15 20250114_17 20250115 --baseline 20250114_15",
        "runicorn-tui compare 20250114_15 20250114_17 --all --csv > comparison.csv",
    ),
)
@click.argument("prefixes", nargs=-1, required=True, metavar="ID ID...")
@options.db
@click.option("--all", "shows_all", is_flag=True, help="What is equal in all of them too.")
@click.option("--baseline", metavar="ID", help="One of them: how far the others' metrics are from its.")
@options.json
@options.csv
def command(
    prefixes: tuple[str, ...], db: Path | None, shows_all: bool, baseline: str | None, as_json: bool, as_csv: bool
) -> None:
    """Print the parameters and the best and last values of metrics that differ between experiments.

    ID is an experiment's id or a beginning of it that no other id shares. A metric is better (✓) or worse (✗) than
    the baseline's only where an experiment says which of its metrics is the best one, and whether more is better.
    """
    from runicorn_tui import comparison, comparison_text, output
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    with open_index(load({"db": db})) as store:
        ids = list(dict.fromkeys(store.resolve(prefix) for prefix in prefixes))
        base = None if baseline is None else store.resolve(baseline)
        if len(ids) < comparison.FEWEST:
            raise click.UsageError("Comparing takes two experiments or more.")
        if base is not None and base not in ids:
            raise click.UsageError(f"The baseline is one of those compared, which {base} is not.")
        details = [store.get(id) for id in ids]
    index = None if base is None else ids.index(base)
    every = comparison.compare(details)
    rows = [row for row in every if shows_all or row.differs]
    experiments = [detail.experiment for detail in details]
    if as_json:
        output.write_json(comparison_text.document(experiments, rows, index))
    elif as_csv:
        table = output.CsvTable(comparison_text.header(experiments, index))
        table.add(comparison_text.cells(row, index) for row in rows)
    else:
        _print(details, rows, index)
    if len(rows) < len(every):
        output.note(f"{len(every) - len(rows):,} of {len(every):,} rows are equal; --all prints them.")


def _print(details: Sequence[ExperimentDetail], rows: Sequence[Row], baseline: int | None) -> None:
    from runicorn_tui import comparison, comparison_text, format, output

    experiments = [detail.experiment for detail in details]
    titles = comparison.labels(experiments)
    table = output.Table(
        [
            output.Column(title="", is_elastic=True),
            *(output.Column(title=title, align="right", is_elastic=True) for title in titles),
        ]
    )
    head = [("id", [e.id for e in experiments]), ("status", [format.status(e.status) for e in experiments])]
    if baseline is not None:
        head.append(("", ["baseline" if n == baseline else "" for n in range(len(experiments))]))
    lines = [(name, *texts) for name, texts in head]
    for row in rows:
        lines.append(
            (comparison_text.title(row), *(comparison_text.cell(row, n, baseline) for n in range(len(experiments))))
        )
    table.add(lines)
