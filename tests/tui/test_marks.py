from __future__ import annotations

from array import array

from runicorn_db.query import Snapshot
from runicorn_tui.marks import Marks


def test_toggling_twice_changes_nothing() -> None:
    marks = Marks()
    marks.toggle(7, 5)
    assert list(marks.snapshot.keys) == [7]
    marks.toggle(7, 5)
    assert (len(marks), marks.size_bytes) == (0, 0)


def test_every_change_has_a_number_of_its_own() -> None:
    marks = Marks()
    seen = [marks.changes]
    for change in (
        lambda: marks.add(3, 5),
        lambda: marks.toggle(4, None),
        lambda: marks.toggle(4, None),
        lambda: marks.restore({9: 1}),
        marks.clear,
    ):
        change()
        seen.append(marks.changes)
    assert sorted(set(seen)) == seen


def test_the_sum_is_known_only_when_every_size_is() -> None:
    marks = Marks()
    marks.add(9, 5)
    marks.add(3, 7)
    marks.add(3, 7)
    assert marks.size_bytes == 12
    marks.add(4, None)
    assert marks.size_bytes is None
    marks.become(Snapshot(array("q", [3, 9])))
    assert marks.size_bytes == 12
    marks.become(Snapshot(array("q", [3, 5, 9])))
    assert marks.size_bytes is None


def test_what_was_taken_does_not_change_with_the_marks() -> None:
    marks = Marks()
    marks.add(9, 5)
    taken = marks.snapshot
    marks.add(3, 7)
    marks.toggle(9, 5)
    assert list(taken.keys) == [9]
    assert list(marks.snapshot.keys) == [3]
    assert 3 in marks
    assert 9 not in marks
