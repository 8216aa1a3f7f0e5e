"""Notices that do not pile up."""

from __future__ import annotations

import pytest

from runicorn_db.store import Store
from runicorn_tui.notices import kind_of
from tests.tui.drive import Browser, drive


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("1,234 experiments pinned", "3 experiments pinned", True),
        ("run_1 failed", "run_2 failed", False),
        ("seed 1 failed after 3h", "seed 2 failed after 3h", False),
        ("Description saved", "Only what still runs can be watched.", False),
    ],
)
def test_notices_are_of_a_kind_that_only_count_something_else(one: str, other: str, is_same: bool) -> None:
    assert (kind_of(one) == kind_of(other)) is is_same


def test_a_notice_takes_the_place_of_an_earlier_one_of_its_kind(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("c", "y", "c")
        assert len(browser.notices) == 2
        assert "none is marked" in browser.notices[-1]
        assert browser.text.count("none is marked") == 1

    drive(four_hundred, script)


def test_three_notices_are_shown_at_most_the_newest_ones(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        for text in ("one", "two", "three", "four"):
            browser.screen.say(text)
        await browser.settle()
        assert browser.notices == ["two", "three", "four"]

    drive(four_hundred, script)


def test_no_notice_takes_the_place_of_an_alert(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        alerts = ["seed failed after 3h", "seed failed after 3h", "1 failed", "2 failed"]
        for text in alerts:
            browser.app.alert(text)
        for text in ("one", "two", "three", "four", "2 failed"):
            browser.screen.say(text)
        await browser.settle()
        assert browser.notices == [*alerts, "three", "four", "2 failed"]

    drive(four_hundred, script)
