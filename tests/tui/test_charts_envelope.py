from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.envelope import clipped, dashed, envelope

values = st.floats(-1e6, 1e6)
lines = st.lists(st.tuples(st.integers(0, 5000), st.none() | values), max_size=300).map(
    lambda points: sorted(points, key=lambda point: point[0])
)


def test_a_spike_of_one_step_among_a_million_survives():
    points = [(float(step), 0.0) for step in range(1_000_000)]
    points[654_321] = (654_321.0, 9.0)
    reduced = envelope(points, 0, 999_999, 200)
    assert (654_321.0, 9.0) in reduced
    assert len(reduced) <= 400


@given(lines, st.integers(1, 100))
def test_lowest_and_highest_survive_in_two_points_a_column(points, columns):
    reduced = envelope(points, 0, 5000, columns)
    before = [y for _, y in points if y is not None]
    after = [y for _, y in reduced if y is not None]
    assert len(after) <= 2 * columns
    if before:
        assert (min(after), max(after)) == (min(before), max(before))
    assert [x for x, _ in reduced] == sorted(x for x, _ in reduced)


def test_a_gap_wider_than_a_column_breaks_the_line_and_a_narrower_one_does_not():
    wide = [(0.0, 1.0), (50.0, None), (100.0, 1.0)]
    assert (100.0, None) in envelope(wide, 0, 100, 10)
    narrow = [(0.0, 1.0), (1.0, None), (2.0, 1.0)]
    assert envelope(narrow, 0, 100, 10) == [(0.0, 1.0), (2.0, 1.0)]


def test_a_line_that_leaves_the_range_is_cut_at_the_border():
    assert clipped([(0.0, 0.0), (10.0, 10.0)], 4, 6) == [(4, 4.0), (6, 6.0)]
    assert clipped([(0.0, 0.0), (5.0, 5.0), (10.0, 0.0)], 4, 6) == [(4, 4.0), (5.0, 5.0), (6, 4.0)]


def test_a_line_broken_outside_the_range_is_not_drawn_into_it():
    assert clipped([(0.0, 0.0), (2.0, None), (5.0, 5.0)], 4, 6) == [(2.0, None), (5.0, 5.0)]


@given(lines, st.integers(0, 2500), st.integers(1, 2500))
def test_what_is_clipped_stays_in_range_and_between_its_neighbours(points, low, width):
    found = [(x, y) for x, y in clipped(points, low, low + width) if y is not None]
    heights = [y for _, y in points if y is not None]
    for x, y in found:
        assert low <= x <= low + width
        assert min(heights) - 1e-6 <= y <= max(heights) + 1e-6


@given(lines, st.sampled_from([1, 2]), st.integers(10, 200))
def test_dashes_lie_on_the_line_and_leave_gaps(points, dash, columns):
    scaled = [(x / 5000, y) for x, y in points]
    found = dashed(scaled, dash, columns)
    heights = [y for _, y in scaled if y is not None]
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    for x, y in found:
        assert 0 <= x <= 1
        if y is not None:
            assert min(heights) - 1e-6 <= y <= max(heights) + 1e-6


def test_a_dashed_line_keeps_its_spikes():
    spike = [(0.0, 0.0), (0.001, 0.0), (0.001, 9.0), (0.001, 0.0), (1.0, 0.0)]
    assert (0.001, 9.0) in dashed(spike, 1, 100)
    assert sum(y is None for _, y in dashed(spike, 1, 100)) == 10
