"""Every screen and dialog in a window of each size: what tells how to go on is never cut off."""

from __future__ import annotations

from typing import Any

import pytest
from textual.errors import NoWidget
from textual.widget import Widget

from runicorn_db.store import Store
from tests.tui.drive import Browser, drive
from tests.tui.tour import BEGAN, STOPS, tour

CLOCK: dict[str, Any] = {"clock": lambda: BEGAN + 3600}
NEEDED = "KeyBar, Input, .dialog-prompt, #quit, #query"


def is_whole(widget: Widget) -> bool:
    """Whether all of it is on screen."""
    try:
        found = widget.screen.find_widget(widget)
    except NoWidget:
        return False
    return bool(found.region.size) and found.visible_region == found.region


def is_displayed(widget: Widget) -> bool:
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (40, 10)], ids=str)
def test_keys_and_fields_are_whole_on_every_screen(toured: Store, size: tuple[int, int]) -> None:
    cut: set[tuple[str, str]] = set()

    async def script(browser: Browser) -> None:
        async def look(stop: str) -> None:
            screen = browser.app.screen
            needed = [*screen.query(NEEDED), *([] if screen.focused is None else [screen.focused])]
            cut.update((stop, str(widget)) for widget in needed if is_displayed(widget) and not is_whole(widget))

        await tour(browser, look)

    drive(toured, script, size=size, **CLOCK)
    assert not cut


@pytest.mark.parametrize("stop", ["list", "confirm many", "log", "compare", "columns"])
def test_a_window_that_is_too_small_says_so_and_comes_back(toured: Store, stop: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*STOPS[stop])
        before = browser.text
        for size in ((39, 24), (80, 9), (3, 1)):
            await browser.pilot.resize_terminal(*size)
            await browser.settle()
            assert "Needs 40x10"[: size[0]] in browser.text
        await browser.pilot.resize_terminal(80, 24)
        await browser.settle()
        assert browser.text == before

    drive(toured, script, **CLOCK)
