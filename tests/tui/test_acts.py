from __future__ import annotations

from array import array
from dataclasses import replace

from runicorn_db.query import Batch, Snapshot
from runicorn_tui.acts import CHUNK, newest, parts


def batch(number: int, **changes: object) -> Batch:
    pattern = Batch(
        id=number, created_at=100.0 + number, source="tui", reason="r", query="", count=5, remaining=5, size_bytes=10
    )
    return replace(pattern, **changes)  # pyright: ignore[reportArgumentType]


def test_parts_are_everything_in_order() -> None:
    whole = Snapshot(array("q", range(2 * CHUNK + 1)))
    found = list(parts(whole))
    assert [len(part) for part in found] == [CHUNK, CHUNK, 1]
    assert [key for part in found for key in part.keys] == list(whole.keys)
    assert list(parts(Snapshot())) == []


def test_undo_takes_the_newest_act_that_still_holds_something() -> None:
    emptied, foreign, ours = batch(9, remaining=0), batch(8, source="runicorn"), batch(7, source="api")
    assert newest([emptied, foreign, ours]) == ours
    assert newest([emptied, foreign]) is None
