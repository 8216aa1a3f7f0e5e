from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.criteria import STATUSES
from runicorn_db.named_values import NamedValue, Value
from runicorn_tui import format


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5.0, "now"), (0.4, "now"), (45, "45s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (31 * 86400, "31d"),
        (700 * 86400, "700d"), (731 * 86400, "2y"), (None, "—"), (math.nan, "—"), (math.inf, "—"),
    ],
)  # fmt: skip
def test_age_is_the_largest_whole_unit(seconds: float | None, shown: str) -> None:
    assert format.age(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.5, "0s"),
        (59.9, "59s"),
        (725, "12m 05s"),
        (12_000, "3h 20m"),
        (4.25 * 86400, "4d 06h"),
        (None, "—"),
        (-1, "—"),
    ],
)
def test_duration_is_the_two_largest_units(seconds: float | None, shown: str) -> None:
    assert format.duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9949, "9.9 kB"), (9950, "10 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (1_400_000_000, "1.4 GB"), (10**18, "1000 PB"), (None, "—")],
)  # fmt: skip
def test_size_has_at_most_three_digits(size: int | None, shown: str) -> None:
    assert format.size(size) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.513, "0.5130"), (0.0, "0"), (-0.0, "0"), (12.345, "12.345"), (123.456, "123.46"), (54321.0, "54,321"),
     (1e-5, "1.00e-05"), (3.4e21, "3.40e+21"), (1e300, "1.0e+300"), (None, "—"), (math.nan, "—"), (-math.inf, "—")],
)  # fmt: skip
def test_number_is_short(value: float | None, shown: str) -> None:
    assert format.number(value) == shown


@given(st.floats())
def test_any_number_fits_its_column(value: float) -> None:
    assert len(format.number(value)) <= 9


def test_every_status_has_a_glyph_beside_its_word() -> None:
    assert set(format.STATUS_GLYPHS) == set(STATUSES)
    assert len(set(format.STATUS_GLYPHS.values())) == len(STATUSES)
    assert format.status("failed") == "✗ failed"


def test_times_that_no_calendar_has_are_a_dash() -> None:
    assert format.when(1e18) == "—"
    assert format.day(None) == "—"
    assert format.when(0) == "1970-01-01 00:00"


def test_a_moment_is_told_to_the_second_in_the_local_time_zone() -> None:
    assert format.moment(1_760_000_000.9) == "2025-10-09 08:53:20"
    assert format.moment(1e300) == format.moment(None) == format.DASH
    assert format.zone() == "UTC"


def test_one_is_not_plural() -> None:
    assert format.plural(1, "experiment") == "1 experiment"
    assert format.plural(1200, "experiment") == "1,200 experiments"


@pytest.mark.parametrize(
    ("what", "held", "shown"),
    [
        (NamedValue("max", "acc"), 0.91234567, "0.9123"),
        (NamedValue("best", "acc"), None, "—"),
        (NamedValue("param", "lr"), 0.0003, "0.0003"),
        (NamedValue("param", "size"), 64, "64"),
        (NamedValue("param", "nesterov"), True, "true"),
        (NamedValue("param", "optimizer"), "adam", "adam"),
        (NamedValue("param", "optimizer"), None, "—"),
    ],
)
def test_a_metric_is_shown_as_a_number_and_a_parameter_as_it_was_written(
    what: NamedValue, held: Value, shown: str
) -> None:
    assert format.value(what, held) == shown
