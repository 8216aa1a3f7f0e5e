from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources.event_columns import EventColumns

NAMES = st.sampled_from(["loss", "accuracy", "stage", "step", "epoch", "note", "x\0", "y" * 1001])
VALUES = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=1)
)
STEPS = st.one_of(st.integers(0, 9), st.sampled_from([None, 2.0, 1.5, "3", 2**63]))
TIMES = st.sampled_from([None, 1.5, 2.5, 7, -1.0, 1e13, "now"])
EVENTS = st.builds(
    lambda kind, time, step, data: {"type": kind, "ts": time, "data": {**data, "global_step": step}},
    st.sampled_from(["metrics", "metrics", "metrics", "other", 1]),
    TIMES,
    STEPS,
    st.dictionaries(NAMES, VALUES, max_size=4),
)
REGULAR = st.builds(
    lambda time, step, data: {"type": "metrics", "ts": time, "data": {**data, "global_step": step}},
    st.floats(0, 1e9),
    st.integers(0, 9),
    st.fixed_dictionaries({}, optional={"loss": st.floats(), "note": st.text(max_size=2), "stage": st.just("train")}),
)


def taken(lines: list[bytes], *, one_by_one: bool) -> tuple[Any, ...]:
    """What of the lines is kept, in an order that does not tell how they were read."""
    points: dict[str, list[tuple[int, str]]] = {}
    texts: dict[str, list[tuple[int, str]]] = {}
    skipped: dict[str, int] = {}
    times: list[tuple[int, float]] = []
    last = None
    for number, part in enumerate([[line] for line in lines] if one_by_one else [lines], 1):
        columns = EventColumns()
        columns.read([line + b"\n" for line in part], number)
        for name, column in columns.points.items():
            points.setdefault(name, []).extend(zip(column.steps, map(repr, column.values), strict=True))
        for name, step, text in columns.texts:
            texts.setdefault(name, []).append((step, text))
        times.extend(zip(*columns.times, strict=True))
        for message, (_, count) in columns.skipped.items():
            skipped[message] = skipped.get(message, 0) + count
        last = last if columns.last_event_at is None else columns.last_event_at
    return {name: column for name, column in points.items() if column}, texts, skipped, times, last


@given(st.lists(st.one_of(EVENTS, REGULAR), max_size=6))
def test_many_lines_at_once_say_what_they_say_one_by_one(events: list[dict[str, Any]]) -> None:
    lines = [json.dumps(event).encode() for event in events]
    assert taken(lines, one_by_one=False) == taken(lines, one_by_one=True)


@given(st.lists(REGULAR, max_size=20))
def test_columns_say_what_rows_say(events: list[dict[str, Any]]) -> None:
    lines = [json.dumps(event).encode() for event in events]
    assert taken(lines, one_by_one=False) == taken(lines, one_by_one=True)
    # A value of no use makes all lines be looked at row by row.
    spoiled = json.dumps({"type": "metrics", "ts": None, "data": {"global_step": 0, "none": None}}).encode()
    assert taken([*lines, spoiled], one_by_one=False) == taken(lines, one_by_one=False)


def test_times_are_of_lines_that_hold_a_metric() -> None:
    columns = EventColumns()
    lines = [
        {"ts": 1.5, "type": "metrics", "data": {"global_step": 1, "loss": 0.5}},
        {"ts": 2.5, "type": "metrics", "data": {"global_step": 1, "accuracy": 0.5, "epoch": 3}},
        {"ts": 3.5, "type": "metrics", "data": {"global_step": 2, "stage": "train", "epoch": 3, "note": "x"}},
        {"ts": 4.5, "type": "log", "data": {"global_step": 3, "loss": 0.5}},
        {"type": "metrics", "data": {"global_step": 4, "loss": 0.5}},
    ]
    columns.read([json.dumps(line).encode() + b"\n" for line in lines], 1)
    assert list(zip(*columns.times, strict=True)) == [(1, 1.5), (1, 2.5)]


@pytest.mark.parametrize("index", [0, -1, slice(1, None)])
def test_texts_are_a_sequence_of_points(index: int | slice) -> None:
    columns = EventColumns()
    lines = [b'{"type": "metrics", "data": {"global_step": %d, "note": "n%d"}}\n' % (n, n) for n in range(3)]
    columns.read(lines, 1)
    expected = [("note", 0, "n0"), ("note", 1, "n1"), ("note", 2, "n2")]
    assert list(columns.texts) == expected
    assert len(columns.texts) == 3
    assert columns.texts[index] == expected[index]
