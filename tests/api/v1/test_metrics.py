"""GET /api/runs/{id}/metrics_step, /metrics and /progress."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runicorn_api.v1.metrics import by_step, by_time
from runicorn_db.query import MetricTable
from runicorn_db.store import Store
from runicorn_db.sync import sync
from tests.api.v1.conftest import VERSIONS, Real, id_of
from tests.db.runs import write_run


def logged(real: Real, scenario: str, version: str) -> dict[int, dict[str, Any]]:
    """Step -> what its lines say together, as far as V1 tells it."""
    found: dict[int, dict[str, Any]] = {}
    for line in (real.run_dir(scenario, version) / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "metrics":
            values = {name: value for name, value in event["data"].items() if name != "global_step"}
            found.setdefault(event["data"]["global_step"], {}).update(values)
    return dict(sorted(found.items()))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_line_that_was_logged_is_told_by_its_step(real: Real, version: str) -> None:
    answer = real.get(f"/runs/{id_of('finished_max', version)}/metrics_step")

    expected = logged(real, "finished_max", version)
    assert list(answer) == ["columns", "rows"]
    assert answer["columns"] == ["global_step", "accuracy", "learning_rate", "loss", "stage", "time"]
    assert [row["global_step"] for row in answer["rows"]] == list(expected)
    for row in answer["rows"]:
        assert list(row) == answer["columns"]
        values = expected[row["global_step"]]
        assert row["time"] == pytest.approx(values["time"], abs=0.0006)
        assert {name: row[name] for name in values if name != "time"} == {
            name: value for name, value in values.items() if name != "time"
        }
    assert {row["stage"] for row in answer["rows"]} > {"warmup", "train"}


def test_steps_that_jump_and_repeat_have_a_row_each_and_texts_stand_beside_numbers(real: Real) -> None:
    answer = real.get(f"/runs/{id_of('steps')}/metrics_step")

    rows = {row["global_step"]: row for row in answer["rows"]}
    assert list(rows) == sorted(rows)
    assert answer["columns"] == ["global_step", *sorted(answer["columns"][1:])]
    assert (rows[1]["a"], rows[11]["a"], rows[11]["b"], rows[-1]["a"]) == (7.0, 11.5, 5.0, 0.5)
    assert (rows[2]["stage"], rows[3]["stage"], rows[7]["stage"]) == ("eval", "train", None)
    assert (rows[4]["text"], rows[4]["flag"], rows[4]["big"], rows[5]["精度"]) == ("hello", 1.0, 1e20, 0.9)
    assert "epoch" not in answer["columns"]


@pytest.mark.parametrize("version", VERSIONS)
def test_values_that_are_no_numbers_are_null(real: Real, version: str) -> None:
    rows = real.get(f"/runs/{id_of('nan_inf', version)}/metrics_step")["rows"]

    values = [line["loss"] for line in logged(real, "nan_inf", version).values()]
    assert [row["loss"] for row in rows] == [value if math.isfinite(value) else None for value in values]
    assert not all(map(math.isfinite, values))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_comes_by_time_in_seconds_since_the_first_point(real: Real, version: str) -> None:
    name = id_of("finished_max", version)
    by_steps, answer = real.get(f"/runs/{name}/metrics_step"), real.get(f"/runs/{name}/metrics")

    assert answer["columns"] == ["time", "global_step", "accuracy", "learning_rate", "loss", "stage"]
    assert all(list(row) == answer["columns"] for row in answer["rows"])
    times = [row["time"] for row in answer["rows"]]
    assert times[0] == 0.0
    assert times == sorted(times)
    first = by_steps["rows"][0]["time"]
    absolute = [{**row, "time": pytest.approx(first + row["time"], abs=0.0006)} for row in answer["rows"]]
    assert by_steps["rows"] == absolute


def test_by_time_rows_come_in_the_order_in_which_they_were_logged(real: Real) -> None:
    answer = real.get(f"/runs/{id_of('steps')}/metrics")

    last_logged = {step: values["time"] for step, values in logged(real, "steps", "0.4.1").items() if len(values) > 1}
    assert [row["time"] for row in answer["rows"]] == sorted(row["time"] for row in answer["rows"])
    assert answer["rows"][0]["global_step"] == min(last_logged, key=last_logged.__getitem__) == 10


@pytest.mark.parametrize("kind", ["metrics_step", "metrics"])
def test_downsampling_leaves_at_most_so_many_rows(real: Real, kind: str) -> None:
    path = f"/runs/{id_of('long')}/{kind}"
    whole, thinned = real.get(path), real.get(f"{path}?downsample=200")

    assert len(whole["rows"]) == 50_000
    assert 100 <= len(thinned["rows"]) <= 200
    assert thinned["columns"] == whole["columns"]
    assert [row for row in whole["rows"] if row["global_step"] in {r["global_step"] for r in thinned["rows"]}] == (
        thinned["rows"]
    )
    assert (thinned["rows"][0], thinned["rows"][-1]) == (whole["rows"][0], whole["rows"][-1])


@pytest.mark.parametrize("kind", ["metrics_step", "metrics"])
@pytest.mark.parametrize("version", VERSIONS)
def test_where_nothing_was_logged_there_are_no_columns(real: Real, kind: str, version: str) -> None:
    assert real.get(f"/runs/{id_of('empty', version)}/{kind}") == {"columns": [], "rows": []}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("downsample=0", "downsample must be an integer from 1 to 100000, not '0'"),
        ("downsample=x", "downsample must be an integer from 1 to 100000, not 'x'"),
        ("metric_names=loss", "Unknown parameter 'metric_names': allowed are downsample"),
    ],
)
@pytest.mark.parametrize("kind", ["metrics_step", "metrics"])
def test_what_is_not_understood_is_refused(real: Real, kind: str, query: str, sentence: str) -> None:
    assert real.refused(f"/runs/my-custom-id/{kind}?{query}", status=400) == sentence


@pytest.mark.parametrize(
    ("scenario", "status"), [("finished_max", "finished"), ("status_failed", "failed"), ("sigkill", "running")]
)
def test_progress_is_never_known_but_the_status_is(real: Real, scenario: str, status: str) -> None:
    assert real.get(f"/runs/{id_of(scenario)}/progress") == {"available": False, "status": status}


def table(**given: Any) -> MetricTable:
    values: dict[str, Sequence[float | None]] = given.pop("values")
    return MetricTable(
        metrics=tuple(values), unknown=(), values={name: tuple(column) for name, column in values.items()},
        non_finite={}, available_points=len(given["steps"]), query_time_ms=0.0, **given,
    )  # fmt: skip


def test_rows_without_a_time_come_last() -> None:
    made = table(steps=(1, 2, 3, 4), values={"a": [0.1, 0.2, 0.3, 0.4]}, times=(None, 20.0, 10.0, None))

    assert by_time(made) == {
        "time": [0.0, 10.0, None, None],
        "global_step": [3, 2, 1, 4],
        "a": [0.3, 0.2, 0.1, 0.4],
    }


def test_a_name_that_was_logged_as_number_and_as_text_is_one_column() -> None:
    made = table(
        steps=(1, 2), values={"a": [None, 2.0], "global_step": [9.0, 9.0]}, times=(1.0, 2.0),
        texts={"a": ("one", None), "time": ("x", "y")},
    )  # fmt: skip

    assert by_step(made) == {"global_step": (1, 2), "a": ["one", 2.0], "time": (1.0, 2.0)}


def test_texts_with_commas_quotes_and_escapes_stay_in_their_row(empty_store: Store, serve, tmp_path: Path) -> None:
    stages = ["a,b", '"', "\x1b[31m", "]},{", "\u2028", ""]
    write_run(tmp_path / "root", "a", steps=[{"loss": 1.0, "stage": stage} for stage in stages])
    empty_store.add_root(tmp_path / "root")
    sync(empty_store)

    rows = serve(empty_store).get("/runs/a/metrics_step")["rows"]

    assert [row["stage"] for row in rows] == stages
