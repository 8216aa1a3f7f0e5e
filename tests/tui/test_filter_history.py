from __future__ import annotations

from runicorn_tui.filter_history import FilterHistory
from runicorn_tui.state import MOST_HISTORY


def walked(*texts: str) -> FilterHistory:
    history = FilterHistory()
    history.begin_with(texts)
    return history


def test_the_way_goes_back_and_forth_and_ends_at_what_was_being_typed() -> None:
    history = walked("a", "b")
    assert history.walk(-1, "draft") == "b"
    assert history.walk(-1, "b") == "a"
    assert history.walk(-1, "a") is None
    assert history.walk(1, "a") == "b"
    assert history.walk(1, "b") == "draft"
    assert history.walk(1, "draft") is None


def test_forth_leads_nowhere_before_back() -> None:
    assert walked("a").walk(1, "") is None


def test_the_filter_that_is_shown_is_skipped() -> None:
    assert walked("a", "b").walk(-1, "b") == "a"


def test_a_filter_is_there_once_the_latest_last() -> None:
    history = walked("a", "b")
    history.add("a")
    history.add("  ")
    assert history.texts == ["b", "a"]


def test_the_oldest_go() -> None:
    history = walked()
    for number in range(MOST_HISTORY + 5):
        history.add(str(number))
    assert len(history.texts) == MOST_HISTORY
    assert history.texts[0] == "5"


def test_a_change_begins_at_the_latest_again() -> None:
    history = walked("a", "b")
    history.walk(-1, "")
    history.walk(-1, "b")
    assert history.walk(-1, "changed") == "b"
