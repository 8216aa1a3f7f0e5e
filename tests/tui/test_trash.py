from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.screens.trash import DeletedScreen, TrashScreen
from tests.tui import indexed
from tests.tui.drive import Browser, drive


@pytest.fixture
def ten(store: Store, tmp_path: Path) -> Store:
    """Ten experiments, `run 0` the newest."""
    indexed.add(store, indexed.numbered(10), root=tmp_path / "root")
    return store


def ids(store: Store) -> list[str]:
    return [experiment.id for experiment in store.find(ExperimentQuery()).experiments]


def test_an_empty_trash_says_so_and_lets_one_back(ten: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X", "enter", "r", "z")
        assert "Nothing was deleted yet." in browser.text
        await browser.press("escape")
        assert browser.current == "run 0"

    drive(ten, script)


def test_it_lists_the_acts_of_all_doors_newest_first(ten: Store) -> None:
    everything = ids(ten)
    ten.delete(everything[:3], source="cli", reason="old", query="age>30d")
    ten.delete(everything[3:4], source="api", reason="a\x1b[2Jb[/]")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        assert isinstance(browser.app.screen, TrashScreen)
        first, second = browser.lines[2], browser.lines[3]
        assert "REST" in first
        assert "a\\x1b[2Jb[/]" in first
        assert "command" in second
        assert "age>30d" in second
        assert "4 experiments in 2 deletions" in browser.lines[0]

    drive(ten, script, size=(120, 24))


def test_r_restores_an_act_and_the_list_shows_it(ten: Store) -> None:
    everything = ids(ten)
    ten.delete(everything[:3], source="cli")
    ten.delete(everything[3:5], source="cli")

    async def script(browser: Browser) -> None:
        await browser.press("X", "down", "r")
        assert browser.notices == ["3 experiments restored"]
        assert "0 of 3" in browser.lines[3]
        await browser.press("escape")
        assert "/8" in browser.text

    drive(ten, script)


def test_enter_lists_the_experiments_and_r_restores_one(ten: Store) -> None:
    ten.delete(ids(ten)[:3], source="cli")

    async def script(browser: Browser) -> None:
        await browser.press("X", "enter")
        assert isinstance(browser.app.screen, DeletedScreen)
        assert [f"run {number}" in browser.text for number in range(4)] == [True, True, True, False]
        await browser.press("down", "r")
        assert "run 1" not in browser.text
        await browser.press("escape")
        assert "2 of 3" in browser.lines[2]
        await browser.press("z")
        assert len(ids(ten)) == 10

    drive(ten, script)
