from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runicorn_db.query import Experiment, ExperimentDetail, MetricSummary
from runicorn_tui import comparison_text
from runicorn_tui.comparison import ABSENT, Row, compare, first_metric, labels, metrics, modes
from runicorn_tui.parameter_leaves import leaves
from runicorn_tui.terminal import safe

NAMES = st.sampled_from(["lr", "loss", "acc", "a.b", "[/]", "esc\x1b[2J", "中文", "x" * 200, "layer2", "layer10"])
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**400), 10**400)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["1", "true", "null", "—", "[/]"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=3
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SUMMARIES = st.builds(
    MetricSummary,
    count=st.just(1),
    first=st.none(),
    last=st.none() | FINITE,
    min=st.none() | FINITE,
    max=st.none() | FINITE,
    min_step=st.none(),
    max_step=st.none(),
    last_step=st.none(),
)


def experiment(number: int = 0, **values: Any) -> Experiment:
    id = f"20250101_00000{number}_abcde{number}"
    made = Experiment(id=id, project="p", name="n", status="finished", created_at=0, updated_at=0)
    return replace(made, **values)


def detail(number: int = 0, params: Any = None, metrics: Any = None, **values: Any) -> ExperimentDetail:
    return ExperimentDetail(
        experiment=experiment(number, **values),
        params=params or {},
        metrics=metrics or {},
        total_data_points=0,
        step_range=None,
        environment_available=False,
        file_count=0,
        query_time_ms=0.0,
    )


def last(value: float | None) -> MetricSummary:
    return MetricSummary(count=1, first=value, last=value, min=value, max=value, min_step=1, max_step=1, last_step=1)


few = settings(max_examples=50)


@st.composite
def several(draw: st.DrawFn) -> list[ExperimentDetail]:
    return [
        detail(
            number,
            draw(st.dictionaries(NAMES, VALUES, max_size=3)),
            draw(st.dictionaries(NAMES, SUMMARIES, max_size=3)),
            name=draw(NAMES),
            best_metric_name=draw(st.none() | NAMES),
            best_metric_value=draw(st.none() | FINITE),
            best_metric_mode=draw(st.sampled_from([None, "min", "max"])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]


# What the rows are.


@few
@given(several())
def test_every_value_of_every_experiment_is_in_one_cell(details: list[ExperimentDetail]) -> None:
    rows = compare(details)

    for index, one in enumerate(details):
        held = [row.values[index] for row in rows if row.kind == "parameter" and row.values[index] is not ABSENT]
        assert sorted(map(repr, held)) == sorted(map(repr, leaves(one.params).values()))
        finals = {row.name: row.values[index] for row in rows if row.kind == "last"}
        for name in finals:
            summary = one.metrics.get(name)
            expected = ABSENT if summary is None else math.nan if summary.last is None else summary.last
            assert repr(finals[name]) == repr(expected)
        assert one.metrics.keys() <= finals.keys()


@few
@given(several())
def test_a_row_differs_when_two_of_its_values_are_written_differently(details: list[ExperimentDetail]) -> None:
    def written(value: object) -> str:
        # Python says that 1 is 1.0, and that True is 1.
        if isinstance(value, int | float) and not isinstance(value, bool):
            return "nan" if value != value else f"number {int(value)}" if value == value // 1 else repr(value)
        return f"{type(value).__name__} {json.dumps(value, sort_keys=True) if value is not ABSENT else ''}"

    for row in compare(details):
        values = [value for value in row.values if not (isinstance(value, float) and math.isinf(value))]
        if len(values) == len(row.values):
            assert row.differs == (len({written(value) for value in values}) > 1)


@few
@given(several())
def test_the_best_is_that_of_the_list_or_the_extreme_on_the_better_side(details: list[ExperimentDetail]) -> None:
    for row in compare(details):
        if row.kind != "best":
            continue
        for value, one in zip(row.values, details, strict=True):
            own, summary = one.experiment, one.metrics.get(row.name)
            if own.best_metric_name == row.name and own.best_metric_value is not None:
                assert value == own.best_metric_value
            elif summary is None:
                assert value is ABSENT
            else:
                extreme = summary.min if row.mode == "min" else summary.max
                assert repr(value) == repr(math.nan if extreme is None else extreme)


@few
@given(several())
def test_a_metric_is_judged_only_where_all_who_say_what_is_better_agree(details: list[ExperimentDetail]) -> None:
    found = modes(details)
    for name in {one.experiment.best_metric_name for one in details} - {None}:
        said = {
            one.experiment.best_metric_mode
            for one in details
            if one.experiment.best_metric_name == name and one.experiment.best_metric_mode is not None
        }
        assert found.get(str(name)) == (next(iter(said)) if len(said) == 1 else None)


@few
@given(several())
def test_the_best_metric_of_most_comes_first(details: list[ExperimentDetail]) -> None:
    ordered = metrics(details)
    said = [one.experiment.best_metric_name for one in details]

    assert sorted(ordered) == sorted({name for one in details for name in one.metrics} | {n for n in said if n})
    votes = [said.count(name) for name in ordered]
    assert votes == sorted(votes, reverse=True)


@pytest.mark.parametrize(
    ("held", "first"),
    [
        ([("acc", "acc loss"), ("acc", "acc loss")], "acc"),
        # What one alone has compares nothing.
        ([("perplexity", "perplexity a_loss"), (None, "a_loss accuracy")], "a_loss"),
        ([(None, "accuracy val/loss"), (None, "accuracy val/loss")], "val/loss"),
        ([(None, "lr accuracy"), (None, "lr accuracy")], "accuracy"),
        ([("acc", "acc"), ("loss", "loss")], "acc"),
        ([(None, ""), (None, "")], None),
    ],
)
def test_what_is_looked_at_first_is_the_best_metric_of_most_else_a_loss(
    held: list[tuple[str | None, str]], first: str | None
) -> None:
    details = [detail(metrics=dict.fromkeys(names.split(), last(1.0)), best_metric_name=best) for best, names in held]
    assert first_metric(details) == first


# How far from the baseline.


@given(FINITE, FINITE, st.sampled_from([None, "min", "max"]))
def test_a_delta_is_the_difference_and_its_share_of_the_baseline(value: float, base: float, mode: Any) -> None:
    found = Row(kind="last", name="m", values=(base, value), mode=mode).delta(1, 0)

    assert found is not None
    assert found.absolute == value - base
    assert found.percent == (None if base == 0 else (value - base) / abs(base) * 100 or 0.0) or math.isclose(
        found.percent or 0.0, (value - base) / abs(base) * 100
    )
    better = {"min": value < base, "max": value > base}
    expected = None if mode is None or value == base else "better" if better[mode] else "worse"
    assert found.verdict == expected


@pytest.mark.parametrize("values", [(ABSENT, 1.0), (1.0, ABSENT), (math.nan, 1.0), (1.0, math.nan)])
def test_there_is_no_delta_to_or_from_what_is_not_there_or_not_finite(values: tuple[object, ...]) -> None:
    assert Row(kind="last", name="m", values=values, mode="max").delta(1, 0) is None


def test_neither_parameters_nor_the_baseline_itself_have_a_delta() -> None:
    assert Row(kind="parameter", name="seed", values=(1.0, 2.0)).delta(1, 0) is None
    assert Row(kind="last", name="m", values=(1.0, 2.0)).delta(0, 0) is None
    assert Row(kind="last", name="m", values=(1.0, 2.0)).delta(1, None) is None


# What it is called.


@given(st.lists(st.tuples(NAMES, st.text("0123abc", min_size=1, max_size=12)), unique_by=lambda one: one[1]))
def test_no_two_experiments_have_one_label(named: list[tuple[str, str]]) -> None:
    found = labels([experiment(name=name, id=id) for name, id in named])

    assert len(set(found)) == len(named)
    assert all(label == safe(label) for label in found)


def test_equal_names_are_told_apart_by_the_ends_of_their_ids() -> None:
    one, other = experiment(name="vit", id="20250101_1_aaaaaa"), experiment(name="vit", id="20250101_2_bbbbbb")
    assert labels([one, other, experiment(name="bert")]) == ["vit …aaaaaa", "vit …bbbbbb", "bert"]


# Texts.


@few
@given(several(), st.booleans())
def test_no_value_is_shown_as_another(details: list[ExperimentDetail], has_baseline: bool) -> None:
    baseline = 0 if has_baseline else None
    for row in compare(details):
        for index, value in enumerate(row.values):
            text = comparison_text.cell(row, index, baseline)
            if row.kind == "parameter":
                assert (text == "—") == (value is ABSENT)
                assert isinstance(value, str) or value is ABSENT or repr(json.loads(text)) == repr(value)
            elif isinstance(value, float) and math.isnan(value):
                assert text == "not finite"


@few
@given(several(), st.booleans())
def test_json_has_what_differs_and_by_how_much(details: list[ExperimentDetail], has_baseline: bool) -> None:
    baseline = len(details) - 1 if has_baseline else None
    rows = compare(details)
    experiments = [one.experiment for one in details]
    document = json.loads(comparison_text.whole("json", experiments, rows, baseline))

    assert [one["id"] for one in document["experiments"]] == [one.id for one in experiments]
    for item, row in zip(document["rows"], rows, strict=True):
        assert item["differs"] == row.differs
        assert list(item["values"]) == [
            one.id for one, value in zip(experiments, row.values, strict=True) if value is not ABSENT
        ]
        assert baseline is None or experiments[baseline].id not in item["deltas"]


@few
@given(several(), st.booleans())
def test_csv_has_a_line_for_each_row_and_no_formula(details: list[ExperimentDetail], has_baseline: bool) -> None:
    rows = compare(details)
    content = comparison_text.whole("csv", [one.experiment for one in details], rows, 0 if has_baseline else None)
    header, *lines = csv.reader(io.StringIO(content.decode(), newline=""))

    assert len(lines) == len(rows)
    assert {len(line) for line in lines} <= {len(header)}
    assert len(header) == 3 + len(details) + (2 * (len(details) - 1) if has_baseline else 0)
    for line, row in zip(lines, rows, strict=True):
        texts = [value for value in (row.name, *row.values) if isinstance(value, str)]
        assert all(not cell.startswith(("=", "@")) for cell in line) or not any(t.startswith(("=", "@")) for t in texts)


@few
@given(several())
def test_markdown_is_a_table_that_no_name_breaks(details: list[ExperimentDetail]) -> None:
    rows = compare(details)
    lines = comparison_text.whole("md", [one.experiment for one in details], rows, 0).decode().splitlines()

    assert len(lines) == len(rows) + 2
    for line in lines:
        bars = line.replace("\\\\", "").replace("\\|", "").count("|")
        assert bars == len(details) + 2
        assert line == safe(line)


def test_a_text_that_reads_as_a_number_is_told_from_the_number() -> None:
    row = Row(kind="parameter", name="n", values=("1", 1, "adam", "", "—", None, [1, "中"], ABSENT))
    assert [comparison_text.value(row, index) for index in range(8)] == [
        '"1"',
        "1",
        "adam",
        '""',
        '"—"',
        "null",
        '[1, "中"]',
        "—",
    ]


def test_better_and_worse_have_a_sign_besides_their_colours() -> None:
    row = Row(kind="best", name="loss", values=(0.5, 0.4, 0.6, 0.5), mode="min")
    assert [" ".join(comparison_text.cell(row, index, 0).split()) for index in range(4)] == [
        "0.5000",
        "0.4000 ✓ -0.1000 -20.0%",
        "0.6000 ✗ +0.1000 +20.0%",
        "0.5000 =",
    ]


def test_parameters_stand_in_natural_order_between_judged_and_other_metrics() -> None:
    one = detail(
        params={"layer10": 1, "layer2": {"b": 1, "a": 2}},
        metrics={"acc": last(0.9), "loss": last(0.1)},
        best_metric_name="acc",
        best_metric_mode="max",
    )
    assert [comparison_text.title(row) for row in compare([one])] == [
        "best acc",
        "last acc",
        "layer2.a",
        "layer2.b",
        "layer10",
        "last loss",
    ]
