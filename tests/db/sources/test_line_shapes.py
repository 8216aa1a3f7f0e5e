from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.sources import line_shapes
from runicorn_db.sources.event_columns import EventColumns

TRAINED = {"global_step": 3, "time": 5.0, "stage": "train", "loss": 0.5, "note": "a"}
MEASURED = {"global_step": 3, "time": 5.0, "stage": "val", "val_loss": 0.5}

VALUES = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.none(), st.text(max_size=2), st.lists(st.integers(), max_size=1)
)
EVENTS = st.builds(
    lambda event, more, left_out: {
        **event,
        "data": {name: value for name, value in {**event["data"], **more}.items() if name not in left_out},
    },
    st.sampled_from(
        [
            {"ts": 1.5, "type": "metrics", "data": TRAINED},
            {"ts": 2.5, "type": "metrics", "data": MEASURED},
            {"ts": 3, "type": "metrics", "data": TRAINED},
            {"ts": -1.0, "type": "metrics", "data": TRAINED},
            {"type": "metrics", "data": MEASURED},
            {"ts": 4.5, "type": "log", "data": TRAINED, "more": [1]},
        ]
    ),
    st.one_of(
        st.just({}),
        st.fixed_dictionaries({"loss": st.floats() | st.integers()}),
        st.dictionaries(st.sampled_from(["loss", "note", "stage", "time", "global_step", "new"]), VALUES, max_size=2),
    ),
    st.one_of(st.just(set()), st.sets(st.sampled_from(["loss", "note", "stage", "time", "global_step"]), max_size=2)),
)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    line_shapes.forget()
    yield
    line_shapes.forget()


def line(data: dict[str, Any], **event: Any) -> bytes:
    return json.dumps({"ts": 1.5, "type": "metrics", "data": data, **event}).encode() + b"\n"


def read(lines: list[bytes]) -> tuple[object, ...]:
    columns = EventColumns()
    columns.read(lines, 1)
    return (
        {name: (list(points.steps), list(map(repr, points.values))) for name, points in columns.points.items()},
        sorted(columns.texts),
        list(zip(*columns.times, strict=True)),
        columns.last_event_at,
        columns.skipped,
    )


def learn_from(*rows: dict[str, Any]) -> None:
    EventColumns().read([line(row) for row in rows], 1)


def test_lines_that_hold_what_others_held_are_known() -> None:
    lines = [line({**TRAINED, "loss": 7, "global_step": 4}), line(MEASURED)]
    assert line_shapes.decode(lines) is None
    learn_from(TRAINED, MEASURED)
    shaped = line_shapes.decode(lines)
    assert shaped is not None
    assert (shaped.steps, shaped.times) == ((4, 3), (1.5, 1.5))
    columns = {name: values for name, kind, values in shaped.columns if kind != "anything"}
    absent = line_shapes.ABSENT
    assert columns == {
        "stage": ("train", "val"),
        "loss": (7.0, absent),
        "note": ("a", absent),
        "val_loss": (absent, 0.5),
    }


@pytest.mark.parametrize(
    "stranger",
    [
        line({**TRAINED, "new": 1.0}),
        line({**TRAINED, "loss": "high"}),
        line({**TRAINED, "note": 1.0}),
        line({**TRAINED, "global_step": 1.0}),
        line({"loss": 0.5}),
        line(TRAINED, ts=None),
        line(TRAINED, type="log"),
        line(TRAINED) + line(TRAINED),
        b"\n",
        b"not json\n",
    ],
)
def test_one_line_that_holds_anything_else_makes_all_of_them_unknown(stranger: bytes) -> None:
    learn_from(TRAINED, MEASURED)
    assert line_shapes.decode([line(TRAINED)]) is not None
    assert line_shapes.decode([line(TRAINED), stranger]) is None


def test_what_other_lines_with_the_same_beginning_hold_is_learned_too() -> None:
    learn_from(TRAINED)
    assert line_shapes.decode([line(TRAINED), line(MEASURED)]) is None
    learn_from(TRAINED, MEASURED)
    assert line_shapes.decode([line(TRAINED), line(MEASURED)]) is not None


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "line\nbreak", "精度", "\x7f"])
def test_names_of_any_kind_are_read_alike_whether_known_or_not(name: str) -> None:
    rows = [line({"global_step": 1, name: 0.5}), line({"global_step": 2, name: 1.5})]
    first = read(rows)
    assert read(rows) == first
    assert first[0] == {name: ([1, 2], ["0.5", "1.5"])}


@pytest.mark.parametrize(
    "number",
    ["-0", "-0.0", "9007199254740993", "18446744073709551616", "9" * 300, "9" * 309, "9" * 5000, "1e309", "5e-324"],
)
def test_numbers_of_any_size_are_read_alike_whether_known_or_not(number: str) -> None:
    lines = [b'{"ts": 1.5, "type": "metrics", "data": {"global_step": 1, "loss": %s}}\n' % number.encode()]
    expected = read(lines)
    learn_from({"global_step": 1, "loss": 0.5})
    assert read(lines) == expected


def test_no_more_is_kept_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_shapes, "_MOST_KNOWN", 10)
    for number in range(100):
        learn_from({"global_step": 1, f"metric {number}": 0.5})
    known = [number for number in range(100) if line_shapes.decode([line({"global_step": 1, f"metric {number}": 1})])]
    assert 99 in known
    assert len(known) <= 10


def test_lines_of_very_many_names_are_read_one_by_one() -> None:
    row = {"global_step": 1, **{f"metric {number}": 0.5 for number in range(100)}}
    learn_from(row)
    assert line_shapes.decode([line(row)]) is None


@given(st.lists(EVENTS, min_size=1, max_size=6))
def test_lines_say_the_same_whether_they_are_known_or_not(events: list[dict[str, Any]]) -> None:
    lines = [json.dumps(event).encode() + b"\n" for event in events]
    line_shapes.forget()
    expected = read(lines)
    learn_from(TRAINED, MEASURED)
    learn_from(MEASURED, TRAINED)
    assert read(lines) == expected
    assert read(lines) == expected
