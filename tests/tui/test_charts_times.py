from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.times import duration, duration_ticks, wall_ticks

seconds = st.floats(-1e9, 1e10, allow_nan=False)


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.25, "0.25s"),
        (45, "45s"),
        (60, "1m"),
        (90, "1m 30s"),
        (4800, "1h 20m"),
        (3630, "1h 00m 30s"),
        (86400 * 2, "2d"),
        (86400 * 2 + 6 * 3600, "2d 06h"),
        (-90, "-1m 30s"),
        (86400 * 4000, "4,000d"),
    ],
)
def test_a_duration_is_told_down_to_its_last_unit(value, expected):
    assert duration(value) == expected


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 200, 4, ["0", "30s", "1m", "1m 30s", "2m", "2m 30s", "3m"]),
        (0, 6 * 3600, 6, ["0", "1h", "2h", "3h", "4h", "5h", "6h"]),
        (4000, 6000, 4, ["1h 10m", "1h 15m", "1h 20m", "1h 25m", "1h 30m", "1h 35m", "1h 40m"]),
        (0, 86400 * 9, 4, ["0", "2d", "4d", "6d", "8d"]),
        (0, 2, 4, ["0", "0.5s", "1.0s", "1.5s", "2.0s"]),
    ],
)
def test_ticks_of_durations_are_round_in_hours_and_minutes(low, high, count, expected):
    assert [label for _, label in duration_ticks(low, high, count)] == expected


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        ("2025-10-09 08:53:21", "2025-10-09 08:56:40", 3, ["10-09 08:54", "08:55", "08:56"]),
        ("2025-10-09 22:00", "2025-10-10 03:00", 5, ["10-09 22:00", "23:00", "10-10", "01:00", "02:00", "03:00"]),
        ("2025-10-08 12:00", "2025-10-11 12:00", 3, ["10-09", "10-10", "10-11"]),
        ("2025-10-09 08:00", "2025-10-09 08:00:20", 2, ["10-09 08:00", "08:00:10", "08:00:20"]),
        ("2024-11-15", "2025-04-15", 5, ["2024-12", "2025-01", "2025-02", "2025-03", "2025-04"]),
        ("2019-06-01", "2025-06-01", 6, ["2020", "2021", "2022", "2023", "2024", "2025"]),
    ],
)
def test_ticks_of_the_clock_are_round_and_say_the_day_when_it_changes(low, high, count, expected):
    labels = [label for _, label in wall_ticks(at(low), at(high), count)]
    assert [label.replace("08:00:00", "08:00") for label in labels] == expected


def test_ticks_stand_at_round_local_times(berlin):
    ticks = wall_ticks(at("2025-10-25 20:00"), at("2025-10-26 08:00"), 6)
    assert [time.strftime("%d %H:%M", time.localtime(moment)) for moment, _ in ticks] == [
        "25 20:00",
        "25 22:00",
        "26 00:00",
        "26 02:00",
        "26 04:00",
        "26 06:00",
        "26 08:00",
    ]


def test_an_hour_that_the_clock_leaves_out_does_not_put_ticks_out_of_order(berlin):
    moments = [moment for moment, _ in wall_ticks(at("2025-03-30 00:00"), at("2025-03-30 06:00"), 12)]
    assert moments == sorted(set(moments))
    assert len(moments) > 8


@pytest.mark.parametrize("ticks", [duration_ticks, wall_ticks])
@given(seconds, st.floats(1e-3, 1e10), st.integers(1, 20))
def test_ticks_are_few_ascending_different_and_inside(ticks, low, width, count):
    high = low + width
    if high - low <= abs(high) * 1e-9:
        return
    found = ticks(low, high, count)
    slack = (high - low) * 1e-6
    assert len(found) <= 60
    assert [moment for moment, _ in found] == sorted({moment for moment, _ in found})
    assert all(low - slack <= moment <= high + slack for moment, _ in found)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_no_calendar_is_needed_for_times_that_none_has(a, b):
    low, high = max(-1e150, min(a, b)), min(1e150, max(a, b))
    if low < high:
        assert len(wall_ticks(low, high, 5)) <= 60
        assert len(duration_ticks(low, high, 5)) <= 60
