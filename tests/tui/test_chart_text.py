from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui import chart_text
from runicorn_tui.charts.curve import Missing
from runicorn_tui.charts.view import View
from runicorn_tui.metric_tables import points_for
from runicorn_tui.widgets.legend import Entry, Extreme, legend_text

names = st.lists(st.text(max_size=20), max_size=20)


@given(names, st.text(max_size=8))
def test_what_is_found_keeps_its_order_and_a_longer_search_finds_no_more(names, wanted):
    found = chart_text.matching(names, wanted)
    assert found == [name for name in names if name in found]
    assert set(chart_text.matching(names, wanted + " x")) <= set(found)
    assert chart_text.matching(names, "  ") == names


@given(st.text(min_size=1, max_size=30).filter(lambda name: name.split()))
def test_each_metric_is_found_by_its_own_words(name):
    assert chart_text.matching([name], name) == [name]


def test_what_was_counted_among_some_of_the_points_is_a_least_number():
    found = Missing(beyond=1, clipped=2)
    assert chart_text.missing(found, is_log=False, is_partial=True) == [
        "at least 1 value beyond 1e150 hidden",
        "at least 2 values clipped",
    ]


def test_a_view_as_at_first_is_not_worth_a_word():
    assert chart_text.looked_at(View(), (0, 10)) == []
    assert chart_text.looked_at(View(clip=0.05, smoothing=0.9), (0, 10)) == ["smoothed 0.9", "percentiles 5 to 95"]


@given(st.integers(0, 10_000))
def test_more_points_are_read_than_there_are_columns_of_dots(columns):
    points = points_for(columns)
    assert points >= min(2 * columns, 4096)
    assert points & (points - 1) == 0


def test_where_the_extremes_do_not_fit_a_lone_line_has_a_line_for_them_and_others_leave_out_where_they_were():
    extremes = (Extreme(name="min", value=0.1, step=1), Extreme(name="max", value=0.8, step=1_000_000, is_best=True))
    entry = Entry(
        label="accuracy", color=(1, 2, 3), swatch="━━", value=0.5, extremes=extremes, shown=1024, points=1_000_000
    )
    lines = legend_text(["last values"], [entry], 78).plain.splitlines()
    assert lines[1:] == [
        "━━ accuracy    0.5000  1,024 of 1,000,000 points",
        "   best max 0.8000 @1,000,000  min 0.1000 @1",
    ]
    two = legend_text(["last values"], [entry, entry], 78).plain.splitlines()
    assert two[1:] == ["━━ accuracy    0.5000  1,024 of 1,000,000 points  best max 0.8000  min 0.1000"] * 2
    assert legend_text([""], [entry, entry], 66).plain.splitlines()[1].endswith("points  best max 0.8000")
    wide = legend_text(["last values"], [entry], 118).plain.splitlines()
    assert wide[1].endswith("1,024 of 1,000,000 points  best max 0.8000 @1,000,000  min 0.1000 @1")
