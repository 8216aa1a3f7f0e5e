"""Every screen and dialog in a window of each size: what tells how to go on is never cut off."""

from __future__ import annotations

from typing import Any

import pytest
from textual.errors import NoWidget
from textual.widget import Widget

from runicorn_db.store import Store
from runicorn_db.sync_report import SyncProgress
from runicorn_tui.app import TooSmall
from runicorn_tui.messages import SyncMoved
from runicorn_tui.screens.confirm import ConfirmDelete
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.screens.tags import TagsScreen
from tests.tui.drive import Browser, drive, opened
from tests.tui.gate import Gate
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


def open_screens(browser: Browser) -> list[type[object]]:
    """Those that lie over the list, the topmost last."""
    return [type(screen) for screen in browser.app.screen_stack[1:]]


async def resize(browser: Browser, width: int, height: int) -> None:
    await browser.pilot.resize_terminal(width, height)
    await browser.settle()


async def ask_to_quit_in_a_small_window(browser: Browser) -> None:
    await resize(browser, 30, 8)
    browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase="list", done=12, total=500)))
    await browser.press("q")
    assert open_screens(browser) == [TooSmall, QuitScreen]


def test_a_dialog_over_a_window_that_was_too_small_has_the_list_behind_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await ask_to_quit_in_a_small_window(browser)
        await resize(browser, 80, 24)
        assert open_screens(browser) == [QuitScreen]
        assert "Needs 40x10" not in browser.text
        assert "vit_b_lr1e-2_s0" in browser.text
        assert browser.lines[-1].rstrip().endswith("? help")
        await browser.press("escape", "down", "down")
        assert browser.current == "moe_a_lr1e-4_s2"

    drive(four_hundred, script)


def test_however_often_the_window_shrinks_and_grows_it_says_once_that_it_is_too_small(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await ask_to_quit_in_a_small_window(browser)
        await resize(browser, 31, 8)
        assert open_screens(browser) == [TooSmall, QuitScreen]
        for _ in range(2):
            await resize(browser, 80, 24)
            assert open_screens(browser) == [QuitScreen]
            await resize(browser, 30, 8)
            assert open_screens(browser) == [QuitScreen, TooSmall]
        await resize(browser, 80, 24)
        await browser.press("escape")
        assert open_screens(browser) == []

    drive(four_hundred, script)


def test_a_dialog_closed_in_a_window_that_is_still_too_small_leaves_it_saying_so(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await ask_to_quit_in_a_small_window(browser)
        await browser.press("escape", "down")
        assert open_screens(browser) == [TooSmall]
        await resize(browser, 80, 24)
        assert open_screens(browser) == []
        assert browser.current == "vit_b_lr1e-2_s0"

    drive(four_hundred, script)


async def open_late(browser: Browser, gate: Gate, key: str, dialog: type[object]) -> None:
    """Opens a dialog with a key, in a window that shrinks before the dialog is there."""
    await gate.reached(browser, key)
    await browser.pilot.resize_terminal(30, 8)
    await browser.until(lambda: isinstance(browser.app.screen, TooSmall))
    gate.open()
    await browser.until(lambda: open_screens(browser)[-2:] == [dialog, TooSmall])


def test_a_dialog_that_opens_late_in_a_window_that_shrank_takes_the_keys_once_it_has_room(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await open_late(browser, Gate.before(monkeypatch, four_hundred, "snapshot_of"), "t", TagsScreen)
        await browser.pilot.resize_terminal(80, 24)
        await browser.press(*"seen")
        await browser.press("enter")
        assert TooSmall not in open_screens(browser)
        assert browser.notices == ["+seen: 1 experiment changed"]

    opened(four_hundred, script)


def test_no_key_agrees_to_a_deletion_in_a_window_too_small_to_read_it(
    thirty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await open_late(browser, Gate.before(monkeypatch, thirty, "snapshot_of"), "d", ConfirmDelete)
        await browser.press("y")
        await resize(browser, 80, 24)
        assert open_screens(browser) == [ExperimentScreen, ConfirmDelete]
        assert "Move 1 experiment to the trash" in browser.text
        assert thirty.batches() == []
        await browser.press("y")
        await browser.until(lambda: open_screens(browser) == [])
        assert len(thirty.batches()) == 1

    opened(thirty, script)
