from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_tui.charts.tiling import tiling

sizes = st.integers(0, 300)


def test_as_many_charts_as_fit():
    assert (tiling(100, 80, 20).columns, tiling(100, 80, 20).rows) == (3, 2)
    assert tiling(100, 40, 6).capacity == 1
    assert tiling(3, 80, 20).capacity >= 3


def test_a_lone_chart_has_all_the_room():
    alone = tiling(1, 80, 20)
    assert (alone.columns, alone.rows, alone.width, alone.height) == (1, 1, 80, 20)


@pytest.mark.parametrize(
    ("count", "size", "columns", "rows"),
    [
        (5, (118, 45), 2, 3),
        (7, (118, 45), 3, 3),
        (4, (118, 45), 2, 2),
        (3, (118, 45), 2, 2),
        (2, (118, 45), 1, 2),
        (2, (158, 45), 2, 1),
        (5, (80, 20), 3, 2),
        (2, (80, 20), 2, 1),
    ],
)
def test_charts_are_of_a_shape_that_can_be_read(count: int, size: tuple[int, int], columns: int, rows: int):
    found = tiling(count, *size)
    assert (found.columns, found.rows) == (columns, rows)


@given(st.integers(1, 60), st.integers(80, 300), st.integers(20, 100))
def test_no_column_and_no_row_is_empty(count: int, width: int, height: int):
    found = tiling(count, width, height)
    shown = min(count, found.capacity)
    assert shown >= found.columns
    assert shown > (found.rows - 1) * found.columns


@given(st.integers(0, 2000), sizes, sizes)
def test_charts_stand_inside_and_never_on_each_other(count, width, height):
    found = tiling(count, width, height)
    taken: set[tuple[int, int]] = set()
    for place in range(found.capacity):
        left, top = found.begin(place)
        cells = {(left + x, top + y) for x in (0, found.width - 1) for y in (0, found.height - 1)}
        assert not taken & cells
        taken |= cells
        assert all(found.place_at(x, y) == place for x, y in cells)
        if width and height:
            assert left + found.width <= width
            assert top + found.height <= height


@given(st.integers(1, 2000), st.integers(26, 300), st.integers(7, 100))
def test_every_chart_is_on_one_page(count, width, height):
    found = tiling(count, width, height)
    pages = [found.page_of(index) for index in range(count)]
    assert all(index in page for index, page in enumerate(pages))
    assert found.capacity >= min(count, 1)
    assert found.width >= 26
    assert found.height >= 7
