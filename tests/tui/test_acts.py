from __future__ import annotations

from dataclasses import replace

from runicorn_db.query import Batch
from runicorn_tui.acts import CHUNK, acts, newest


def batch(number: int, count: int = 5, **changes: object) -> Batch:
    pattern = Batch(
        id=number, created_at=100.0 + number, source="tui", reason="r", query="", count=count, remaining=count,
        size_bytes=10,
    )  # fmt: skip
    return replace(pattern, **changes)  # pyright: ignore[reportArgumentType]


def ids(*batches: Batch) -> list[tuple[int, ...]]:
    return [act.ids for act in acts(batches)]


def test_full_chunks_and_their_rest_are_one_act() -> None:
    assert ids(batch(3, 132), batch(2, CHUNK), batch(1, CHUNK)) == [(3, 2, 1)]
    act = acts([batch(2, 132, remaining=2), batch(1, CHUNK)])[0]
    assert (act.count, act.remaining, act.size_bytes) == (CHUNK + 132, CHUNK + 2, 20)


def test_two_small_deletions_are_two_acts() -> None:
    assert ids(batch(2), batch(1)) == [(2,), (1,)]


def test_another_reason_source_or_time_begins_another_act() -> None:
    first = batch(1, CHUNK)
    assert ids(batch(2, reason="other"), first) == [(2,), (1,)]
    assert ids(batch(2, query="x"), first) == [(2,), (1,)]
    assert ids(batch(2, source="api"), replace(first, source="api")) == [(2,), (1,)]
    assert ids(batch(2, created_at=1000.0), first) == [(2,), (1,)]
    assert ids(batch(3), first) == [(3,), (1,)]


def test_undo_takes_the_newest_act_that_still_holds_something() -> None:
    emptied, foreign, ours = batch(9, remaining=0), batch(8, source="runicorn"), batch(7, source="api")
    act = newest([emptied, foreign, ours])
    assert act is not None
    assert act.ids == (7,)
    assert newest([emptied, foreign]) is None
