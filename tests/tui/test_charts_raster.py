from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.raster import DOTS, Stroke, dots_of_lines, visible

share = st.floats(0, 1)
paths = st.lists(st.tuples(share, st.none() | share), max_size=30).map(
    lambda points: sorted(points, key=lambda point: point[0])
)
markers = st.sampled_from(list(DOTS))
sizes = st.tuples(st.integers(1, 40), st.integers(1, 20))


def stroke(points):
    return Stroke(points=points, color=(86, 180, 233), mark="*")


def dots(seen, marker):
    """All dots, from the left and from below."""
    across, up = DOTS[marker]
    return sorted(
        (column * across + x, row * up + y)
        for (column, row), halves in seen.items()
        for x in range(across)
        for y in range(up)
        if halves[x] >> y & 1
    )


def test_a_line_has_the_dots_between_its_ends():
    (seen,) = visible([stroke([(0, 0), (1, 1)])], "braille", 2, 1)
    assert dots(seen, "braille") == [(0, 0), (1, 1), (2, 2), (3, 3)]
    (seen,) = visible([stroke([(0, 0), (0.4, 0), (0.4, 1), (0.4, 0), (1, 0)])], "ascii", 6, 3)
    assert dots(seen, "ascii") == [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (4, 0), (5, 0)]


def test_a_gap_breaks_the_line_and_a_lone_point_is_a_dot():
    (seen,) = visible([stroke([(0, 0), (0.2, 0), (0.5, None), (0.8, 0), (1, 0)])], "ascii", 11, 1)
    assert [column for column, _ in dots(seen, "ascii")] == [0, 1, 2, 8, 9, 10]
    (seen,) = visible([stroke([(0.5, 0.5)])], "braille", 3, 3)
    assert len(dots(seen, "braille")) == 1


def test_a_spike_costs_a_dot_for_each_it_climbs_and_a_gap_none():
    flat = [(0, 0), (1, 0)]
    assert dots_of_lines([stroke(flat)], 100, 40) == 100
    assert dots_of_lines([stroke(flat), stroke([(0.5, 0), (0.5, 1)])], 100, 40) == 140
    assert dots_of_lines([stroke([(0, 0), (0.5, None), (1, 1)])], 100, 40) == 0


@given(st.lists(paths, max_size=4), markers, sizes)
def test_a_cell_belongs_to_the_last_line_there(found, marker, size):
    strokes = [stroke(path) for path in found]
    together = visible(strokes, marker, *size)
    covered: set[tuple[int, int]] = set()
    for one, seen in reversed(list(zip(strokes, together, strict=True))):
        (alone,) = visible([one], marker, *size)
        assert seen == {cell: halves for cell, halves in alone.items() if cell not in covered}
        covered |= set(seen)


@given(paths, markers, sizes)
def test_a_line_touches_every_column_between_its_ends_and_no_other(points, marker, size):
    (seen,) = visible([stroke(points)], marker, *size)
    columns = {x for x, _ in dots(seen, marker)}
    xs = [x for x, y in points if y is not None]
    assert bool(columns) == bool(xs)
    if len(xs) == len(points) > 0:
        first, last = min(columns), max(columns)
        assert columns == set(range(first, last + 1))
        width = size[0] * DOTS[marker][0]
        assert abs(first - xs[0] * (width - 1)) <= 0.5 + 1e-6
        assert abs(last - xs[-1] * (width - 1)) <= 0.5 + 1e-6


@given(paths, markers, sizes)
def test_lowest_and_highest_point_are_in_their_rows(points, marker, size):
    ys = [y for _, y in points if y is not None]
    (seen,) = visible([stroke(points)], marker, *size)
    touched = [y for _, y in dots(seen, marker)]
    height = size[1] * DOTS[marker][1]
    if ys:
        assert abs(min(touched) - (height - 1) * min(ys)) <= 0.5 + 1e-6
        assert abs(max(touched) - (height - 1) * max(ys)) <= 0.5 + 1e-6
