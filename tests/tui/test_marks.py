from __future__ import annotations

from runicorn_tui.marks import Marks


def test_toggling_twice_changes_nothing() -> None:
    marks = Marks()
    marks.toggle("a", 5)
    assert list(marks) == ["a"]
    marks.toggle("a", 5)
    assert (len(marks), marks.size_bytes) == (0, 0)


def test_the_sum_is_known_only_when_every_size_is() -> None:
    marks = Marks()
    marks.add("a", 5)
    marks.add("b", 7)
    assert marks.size_bytes == 12
    marks.add_all(["b", "c"])
    assert marks.size_bytes is None
    marks.remove_all(["c", "unknown"])
    assert marks.size_bytes == 12


def test_inverting_leaves_marks_outside_of_what_is_listed() -> None:
    marks = Marks()
    marks.add_all(["hidden", "a"])
    marks.invert(["a", "b"])
    assert set(marks) == {"hidden", "b"}
