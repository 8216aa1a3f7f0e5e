from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from msgspec import Struct

from runicorn_api import shapes
from runicorn_db import outcomes, query
from runicorn_tui.client import Client, Metrics, Record, records
from runicorn_tui.client.records import Detail, Experiment
from tests.client.test_client import FIRST

SHAPES: dict[str, Any] = {
    "Experiment": shapes.ListedExperiment,
    "WholeExperiment": shapes.Experiment,
    "Steps": shapes.Steps,
    "MetricSummary": query.MetricSummary,
    "MetricsSummary": shapes.MetricsSummary,
    "Detail": shapes.Detail,
    "AppliedFilters": shapes.AppliedFilters,
    "Metrics": shapes.MetricTable,
    "Deleted": shapes.Deleted,
    "Restored": shapes.Restored,
    "MatchingDeleted": shapes.MatchingDeleted,
    "Batch": outcomes.Batch,
    "Durations": shapes.Durations,
    "ProjectSummary": shapes.ProjectSummary,
    "Day": shapes.Day,
    "Health": shapes.Health,
    "Summary": shapes.Summary,
}


def told_by(shape: Any) -> set[str]:
    return set(shape.__struct_fields__ if issubclass(shape, Struct) else (f.name for f in fields(shape)))


def kinds() -> dict[str, type[Record]]:
    found: dict[str, type[Record]] = {}
    waiting = [Record]
    while waiting:
        below = [kind for kind in waiting.pop().__subclasses__() if kind.__module__ == records.__name__]
        found |= {kind.__name__: kind for kind in below}
        waiting += below
    return found


def test_every_kind_of_record_is_compared_with_the_server() -> None:
    assert set(SHAPES) == set(kinds())


@pytest.mark.parametrize("name", SHAPES)
def test_records_name_exactly_the_fields_that_the_server_sends(name: str) -> None:
    hints = set(get_type_hints(kinds()[name])) - set(get_type_hints(Record))

    assert hints == told_by(SHAPES[name])


def test_fields_are_attributes_and_items() -> None:
    experiment = Experiment({"id": "x", "tags": ["a", "b"], "pid": None})

    assert (experiment.id, experiment["id"], experiment.tags, experiment.pid) == ("x", "x", ("a", "b"), None)
    assert repr(experiment) == "Experiment(id='x', tags=('a', 'b'), pid=None)"
    assert {"id", "tags", "to_pandas"} & set(dir(experiment)) == {"id", "tags"}
    assert experiment == Experiment({"tags": ("a", "b"), "pid": None, "id": "x"})
    assert experiment != Experiment({"id": "x"})


def test_what_a_newer_server_adds_is_kept_at_every_depth() -> None:
    detail = Detail(
        {
            "experiment": {"id": "x", "tags": [], "new": {"a": 1}},
            "metrics_summary": {"metrics": {"loss": {"last": 1.0, "newer": 2}}, "step_range": None, "newest": [3]},
            "also": True,
        }
    )

    assert detail.experiment["new"] == {"a": 1}
    assert detail.metrics_summary.metrics["loss"]["newer"] == 2
    assert detail.metrics_summary["newest"] == [3]
    assert detail.metrics_summary.step_range is None
    assert detail["also"] is True


def test_a_field_that_was_not_sent_is_an_error_and_not_none() -> None:
    experiment = Experiment({"id": "x"})

    with pytest.raises(AttributeError, match="The answer has no 'status'; it has id"):
        experiment.status  # noqa: B018
    with pytest.raises(KeyError):
        experiment["status"]
    assert experiment.get("status") is None
    assert not hasattr(experiment, "__array__")


def test_records_are_read_only() -> None:
    experiment = Experiment({"id": "x"})

    for name in ("id", "other", "_values"):
        with pytest.raises(AttributeError, match="read-only"):
            setattr(experiment, name, "y")
    with pytest.raises(AttributeError, match="read-only"):
        del experiment.id
    with pytest.raises(TypeError):
        experiment["id"] = "y"  # pyright: ignore[reportIndexIssue]


def test_records_are_copied_and_pickled_as_they_are(client: Client) -> None:
    for record in (client.get_experiment(FIRST), client.get_metrics(FIRST, downsample=5), client.summary()):
        for other in (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)):
            assert (type(other), other) == (type(record), record)


def test_a_column_of_metrics_has_a_value_for_each_row() -> None:
    rows = [{"global_step": 1, "loss": 0.5}, {"global_step": 2, "loss": None}]
    metrics = Metrics({"columns": ["global_step", "loss"], "rows": rows})

    assert metrics.column("loss") == [0.5, None]
