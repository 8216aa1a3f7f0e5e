from __future__ import annotations

import asyncio
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.query import Experiment, Page, Snapshot
from runicorn_tui.rows import KEPT_PAGES, PAGE, ResultPages, added, position, survivor


def snapshot(*keys: int) -> Snapshot:
    return Snapshot(array("q", keys))


class Reader:
    """Rows named by their key; counts what is read."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    async def __call__(self, part: Snapshot) -> list[Experiment | None]:
        self.reads.append(len(part))
        return [experiment(key) if key >= 0 else None for key in part.keys]


def experiment(key: int) -> Experiment:
    return Experiment(id=str(key), project="p", name="n", status="failed", created_at=0.0, updated_at=0.0)


def page(*keys: int, total: int) -> Page:
    return Page(
        experiments=tuple(map(experiment, keys)), total=total, page=1, per_page=2, next_cursor=None, query_time_ms=0.0,
        snapshot=snapshot(*keys),
    )  # fmt: skip


def test_the_first_page_is_there_before_the_order() -> None:
    rows = ResultPages(Reader(), page(5, 4, total=9))
    assert len(rows) == 9
    assert [row.id if (row := rows.row(index)) else None for index in range(3)] == ["5", "4", None]
    assert rows.is_loaded(0, 1)
    assert not rows.is_loaded(0, 2)
    assert [rows.key(index) for index in range(3)] == [5, 4, None]
    assert list(rows.part(1).keys) == [4]


def test_a_page_is_read_once_and_only_when_it_is_looked_at() -> None:
    reader = Reader()
    rows = ResultPages(reader)
    rows.freeze(snapshot(*range(1000)))
    asyncio.run(rows.ensure(PAGE - 2, PAGE + 2))
    asyncio.run(rows.ensure(0, PAGE))
    assert reader.reads == [PAGE, PAGE]
    assert rows.row(PAGE + 1) == experiment(PAGE + 1)
    assert rows.row(3 * PAGE) is None


def test_memory_stays_the_same_however_far_one_goes() -> None:
    reader = Reader()
    rows = ResultPages(reader)
    rows.freeze(snapshot(*range(100 * PAGE)))
    for number in range(100):
        asyncio.run(rows.ensure(number * PAGE, number * PAGE))
    assert sum(rows.row(number * PAGE) is not None for number in range(100)) == KEPT_PAGES
    assert rows.row(99 * PAGE) is not None


def test_what_left_the_index_is_loaded_and_absent() -> None:
    rows = ResultPages(Reader())
    rows.freeze(snapshot(1, -1, 3))
    asyncio.run(rows.ensure(0, 2))
    assert rows.row(1) is None
    assert rows.is_loaded(1, 1)


def test_a_first_page_that_the_order_of_everything_contradicts_is_read_again() -> None:
    rows = ResultPages(Reader(), page(5, 4, total=2))
    assert rows.freeze(snapshot(5, 4, 3))
    assert rows.row(0) == experiment(5)
    rows = ResultPages(Reader(), page(5, 4, total=2))
    assert not rows.freeze(snapshot(6, 5, 4))
    assert rows.row(0) is None
    asyncio.run(rows.ensure(0, 2))
    assert rows.row(0) == experiment(6)


def test_beyond_the_end_nothing_is_read() -> None:
    reader = Reader()
    rows = ResultPages(reader)
    rows.freeze(snapshot(1, 2))
    asyncio.run(rows.ensure(0, 500))
    assert reader.reads == [2]
    assert rows.row(2) is None


@pytest.mark.parametrize(
    ("after", "cursor", "expected"),
    [
        ((9, 8, 7, 6), 1, 1),  # still there
        ((10, 9, 8, 7, 6), 1, 2),  # something new before it
        ((9, 7, 6), 1, 1),  # gone: the next one
        ((9, 6), 1, 1),
        ((9,), 2, 0),  # all below gone: the one before
        ((), 1, 0),
        ((5, 4), 1, 0),  # nothing of it is left
    ],
)
def test_the_cursor_stays_or_goes_to_the_next_survivor(after: tuple[int, ...], cursor: int, expected: int) -> None:
    assert survivor(snapshot(9, 8, 7, 6), cursor, snapshot(*after)) == expected


@given(st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True))
def test_added_counts_exactly_what_is_new(before: list[int], after: list[int]) -> None:
    assert added(snapshot(*before), snapshot(*after)) == sum(key not in before for key in after)


def test_position_of_what_is_not_there_is_none() -> None:
    assert position(snapshot(4, 5), snapshot(5)) == 1
    assert position(snapshot(4, 5), snapshot(6)) is None
