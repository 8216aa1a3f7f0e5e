from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_db.errors import InvalidQuery
from runicorn_db.query import MAX_DOWNSAMPLE
from runicorn_tui.commands import options
from runicorn_tui.exit_codes import NOT_FOUND, OK, PARTLY_FAILED

if TYPE_CHECKING:
    from runicorn_db.query import MetricTable


def _step_range(_ctx: click.Context, _option: click.Parameter, text: str | None) -> tuple[int | None, int | None]:
    from runicorn_api.forms import STEP_RANGE

    if text is None:
        return None, None
    try:
        low, high = STEP_RANGE.read("step_range", text)
    except InvalidQuery as error:
        raise click.BadParameter(f"{text!r} is not A:B with whole numbers, such as 100:500, 100: or :500.") from error
    if low is not None and high is not None and low > high:
        raise click.BadParameter(f"{text!r} ends before it begins.")
    return low, high


@click.command(
    "metrics",
    short_help="Print the metric series of one experiment.",
    epilog=options.examples(
        "runicorn-tui metrics 20250114_15 --metric loss --metric accuracy",
        "runicorn-tui metrics 20250114_15 --step-range 100:500 --csv > series.csv",
        "runicorn-tui metrics 20250114_15 --downsample 100 --json",
    ),
)
@click.argument("prefix", metavar="ID")
@options.db
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be given again.")
@click.option(
    "--step-range", callback=_step_range, metavar="A:B", help="Only steps from A to B; either may be left out."
)
@click.option("--downsample", type=click.IntRange(1, MAX_DOWNSAMPLE), metavar="N", help="At most N rows.")
@options.json
@options.csv
def command(
    prefix: str,
    db: Path | None,
    metrics: tuple[str, ...],
    step_range: tuple[int | None, int | None],
    downsample: int | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Print the metric series of one experiment, one row for each step.

    Downsampling keeps the first and the last row and, for each metric, those of its minimum and maximum.
    """
    from runicorn_db.query import MetricsQuery
    from runicorn_tui import output
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    with open_index(load({"db": db})) as store:
        query = MetricsQuery(
            experiment_id=store.resolve(prefix),
            metrics=metrics,
            step_min=step_range[0],
            step_max=step_range[1],
            downsample=downsample,
        )
        table = store.series(query)
        known = sorted(store.get(query.experiment_id).metrics) if table.unknown else table.metrics
    if as_json:
        from runicorn_api.answers import write_table

        output.write_json(write_table(table, query, max_bytes=math.inf))
    else:
        _print(table, as_csv=as_csv)
    if not known:
        output.note("This experiment has no metrics.")
    elif table.unknown:
        output.note(f"No such metric: {', '.join(table.unknown)}. There are: {', '.join(known)}")
    if table.is_downsampled:
        output.note(f"{len(table.steps):,} of {table.available_points:,} rows.")
    if not table.unknown:
        return OK
    return NOT_FOUND if set(metrics) <= set(table.unknown) else PARTLY_FAILED


def _print(table: MetricTable, *, as_csv: bool) -> None:
    from runicorn_tui import output

    columns = [table.values[metric] for metric in table.metrics]
    header = ["global_step", *table.metrics]
    if as_csv:
        output.CsvTable(header).add(zip(table.steps, *columns, strict=True))
    else:
        shown = output.Table([output.Column(title=title, align="right") for title in header])
        rows = zip(table.steps, *columns, strict=True)
        shown.add([str(step), *("" if value is None else repr(value) for value in row)] for step, *row in rows)
