"""How the command line shows an experiment of a list: as a row for people, as CSV cells or as JSON."""

from __future__ import annotations

from typing import Any

from runicorn_api.contract import EXPERIMENT_FIELDS
from runicorn_db.query import Experiment
from runicorn_tui import format
from runicorn_tui.output import Cell, Column

COLUMNS = (
    Column(title="ID"),
    Column(title="PROJECT", is_elastic=True),
    Column(title="NAME", is_elastic=True),
    Column(title="STATUS"),
    Column(title="BEST", align="right"),
    Column(title="METRIC", is_elastic=True, is_extra=True),
    Column(title="AGE", align="right", is_extra=True),
    Column(title="DURATION", align="right", is_extra=True),
    Column(title="SIZE", align="right", is_extra=True),
)


def cells(experiment: Experiment, now: float) -> tuple[str, ...]:
    """The texts of `COLUMNS`."""
    return (
        experiment.id,
        experiment.project,
        experiment.name,
        format.status(experiment.status),
        format.number(experiment.best_metric_value),
        format.text(experiment.best_metric_name),
        format.age(now - experiment.created_at),
        format.duration(experiment.duration_seconds),
        format.size(experiment.size_bytes),
    )


def item(experiment: Experiment) -> dict[str, Any]:
    """The fields that REST answers in a list, in that order."""
    return {name: getattr(experiment, name) for name in EXPERIMENT_FIELDS}


def csv_cells(experiment: Experiment) -> tuple[Cell, ...]:
    """The values of `EXPERIMENT_FIELDS`; tags are joined by commas."""
    return tuple({**item(experiment), "tags": ",".join(experiment.tags)}.values())
