from __future__ import annotations

from array import array
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.step_union import Irregular, Piece, count_distinct, joined, union

FAR = 2**63 - 1


def irregular(*steps: int, is_readable: bool = True) -> Irregular:
    def read() -> Iterable[int]:
        assert is_readable, "was read though its structure tells enough"
        return steps

    return Irregular(steps[0], steps[-1], len(steps), repr(steps).encode(), read)


def test_metrics_that_share_their_steps_are_counted_without_reading():
    steps = [range(0, 100), irregular(103, 107, 200, is_readable=False)]
    assert count_distinct([list(steps), list(steps), list(steps)]) == 103
    assert count_distinct([[range(0, 10**15)]] * 3) == 10**15


@pytest.mark.parametrize("inner", [range(0, 10**12, 100), range(7, 8), range(10**12 - 1, 10**12)])
def test_a_metric_that_is_logged_now_and_then_adds_nothing(inner):
    assert count_distinct([[range(0, 10**12)], [inner]]) == 10**12


def test_metrics_one_after_the_other_are_added_up():
    assert count_distinct([[range(0, 10**12)], [range(10**12, 10**13, 5)], [range(-7, 0)]]) == 10**12 + 18 * 10**11 + 7


def test_the_order_of_chunks_is_no_part_of_the_structure():
    assert list(joined([range(0, 5), range(5, 6), range(6, 9), range(10, 11)])) == [range(0, 9), range(10, 11)]
    assert count_distinct([[range(0, 5), range(5, 10**12)], [range(0, 900), range(900, 10**12)]]) == 10**12


def test_both_ends_of_64_bits():
    assert count_distinct([[range(-FAR - 1, -FAR)], [irregular(-FAR - 1, FAR)]]) == 2
    assert count_distinct([[range(-FAR - 1, FAR + 1, FAR)], [range(-FAR - 1, -FAR + 1)]]) == 4


def test_nothing_is_nothing():
    assert count_distinct([]) == count_distinct([[], []]) == len(union([])) == 0


ranges = st.builds(lambda first, stride, count: range(first, first + stride * count, stride),
                   st.integers(-20, 60), st.integers(1, 9), st.integers(1, 12))  # fmt: skip
irregulars = st.sets(st.integers(-20, 90), min_size=2, max_size=6).map(lambda steps: irregular(*sorted(steps)))


@st.composite
def columns(draw: st.DrawFn) -> list[Piece]:
    pieces: list[Piece] = []
    end = -100
    for piece in draw(st.lists(ranges | irregulars, max_size=4)):
        first, last = (piece[0], piece[-1]) if isinstance(piece, range) else (piece.first, piece.last)
        if first > end:
            pieces.append(piece)
            end = last
    return pieces


@given(st.lists(columns(), max_size=4))
def test_whatever_the_structure_the_number_is_that_of_the_steps(metrics):
    steps = [[step for piece in pieces for step in (piece if isinstance(piece, range) else piece.read())]
             for pieces in metrics]  # fmt: skip
    assert count_distinct(metrics) == len(set().union(*steps))
    assert list(union([array("q", column) for column in steps])) == sorted(set().union(*steps))
