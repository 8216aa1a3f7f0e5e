from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runicorn_tui.commands import options

if TYPE_CHECKING:
    from runicorn_db.query import ExperimentDetail


@click.command(
    "show",
    short_help="Show one experiment.",
    epilog=options.examples("runicorn-tui show 20250114_153045_a1b2c3", "runicorn-tui show 20250114_15 --json"),
)
@click.argument("prefix", metavar="ID")
@options.db
@options.json
def command(prefix: str, db: Path | None, as_json: bool) -> None:
    """Show one experiment: what it is, its parameters and a summary of its metrics.

    ID is an experiment's id or a beginning of it that no other id shares.
    """
    from runicorn_tui import output
    from runicorn_tui.index import open_index
    from runicorn_tui.settings import load

    with open_index(load({"db": db})) as store:
        detail = store.get(store.resolve(prefix))
    if as_json:
        from runicorn_api.answers import write_detail

        output.write_json(write_detail(detail))
    else:
        _print(detail)


def _print(detail: ExperimentDetail) -> None:
    from runicorn_tui import format, output

    e = detail.experiment
    best = format.DASH
    if e.best_metric_name is not None:
        best = f"{e.best_metric_name} {format.number(e.best_metric_value)}"
        best += "" if e.best_metric_step is None else f" at step {e.best_metric_step}"
    fields = {
        "id": e.id,
        "project": e.project,
        "name": e.name,
        "status": format.status(e.status) + (f" ({e.exit_reason})" if e.exit_reason else ""),
        "created": format.when(e.created_at),
        "ended": format.when(e.ended_at),
        "duration": format.duration(e.duration_seconds),
        "best metric": best,
        "steps": _steps(detail),
        "tags": format.text(", ".join(e.tags)),
        "description": format.text(e.description),
        "host": format.text(e.hostname) + ("" if e.pid is None else f", process {e.pid}"),
        "size": f"{format.size(e.size_bytes)} in {format.plural(detail.file_count, 'file')}",
        "pinned": "yes" if e.is_pinned else "no",
        "root": e.root,
        "directory": e.run_dir + (" (missing)" if e.is_missing else ""),
    }
    if e.deleted_at is not None:
        fields["in the trash"] = f"since {format.when(e.deleted_at)}: {e.delete_reason}"
    output.write_fields(fields)
    if detail.params:
        click.echo("\nParameters")
        output.write_fields({f"  {name}": _value(value) for name, value in detail.params.items()})
    if detail.metrics:
        click.echo()
        table = output.Table(
            [
                output.Column(title="METRIC", is_elastic=True),
                *(output.Column(title=title, align="right") for title in ("COUNT", "FIRST", "LAST", "MIN", "MAX")),
            ]
        )
        table.add(
            (name, format.count(m.count), *(format.number(value) for value in (m.first, m.last, m.min, m.max)))
            for name, m in detail.metrics.items()
        )


def _steps(detail: ExperimentDetail) -> str:
    from runicorn_tui import format

    if detail.step_range is None:
        return "none"
    return f"{format.count(detail.total_data_points)}, from {detail.step_range[0]} to {detail.step_range[1]}"


def _value(value: object) -> str:
    from runicorn_api.json_body import to_json

    return value if isinstance(value, str) else to_json(value).decode()
