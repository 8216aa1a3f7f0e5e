"""What the status line says while something takes its time."""

from __future__ import annotations

import pytest

from runicorn_db.store import Store
from runicorn_tui.screens.confirm import ConfirmDelete
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate


@pytest.mark.parametrize("gives_up", [False, True])
def test_marking_that_waits_for_the_order_says_so_and_can_be_given_up(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, four_hundred, "ids")
        for key in ("s", "a"):
            await browser.pilot.press(key)
        await browser.until(lambda: "marking… esc gives up" in browser.lines[-2])
        if gives_up:
            await browser.pilot.press("escape")
            await browser.until(lambda: "marking" not in browser.text)
        gate.open()
        await browser.settle()
        assert "marking" not in browser.text
        assert len(browser.marked) == (0 if gives_up else 400)

    drive(four_hundred, script)


def test_grouping_says_so_and_can_be_given_up(four_hundred: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, four_hundred, "group_members")
        for key in ("O", "enter"):
            await browser.pilot.press(key)
        await browser.until(lambda: "grouping… esc gives up" in browser.text)
        await browser.pilot.press("escape")
        await browser.until(lambda: "grouping" not in browser.text)
        gate.open()
        await browser.settle()
        assert browser.screen.group_by is None
        assert " 1/400" in browser.text

    drive(four_hundred, script)


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_dialog_that_takes_its_time_says_so_and_can_be_given_up(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, four_hundred, "ids")
        for key in ("s", "d", "r"):
            await browser.pilot.press(key)
        await browser.until(lambda: "one moment… esc gives up" in browser.lines[-2])
        if gives_up:
            for key in ("escape", "space"):
                await browser.pilot.press(key)
            await browser.until(lambda: "1 marked" in browser.text)
        gate.open()
        await browser.settle()
        assert "one moment" not in browser.text
        assert isinstance(browser.app.screen, ConfirmDelete) is not gives_up

    drive(four_hundred, script)
