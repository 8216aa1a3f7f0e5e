"""What is said to somebody who sees the browser, or an index, for the first time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.state import Memory
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.terminal_harness import Terminal

Golden = Callable[[str, str], None]
SAID = "To begin with"


def remembered(tmp_path: Path, store: Store) -> Memory:
    memory = Memory(tmp_path / "state.json", store.path)
    memory.load()
    return memory


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_the_first_start_shows_three_hints(
    four_hundred: Store, tmp_path: Path, golden: Golden, size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        if size[0] > 80:
            # The pane beside the list follows a moment later.
            await browser.until(lambda: "No log" in browser.text)
        golden(f"first_hints_{size[0]}x{size[1]}", browser.text)

    drive(four_hundred, script, size=size, memory=remembered(tmp_path, four_hundred))


def test_they_are_closed_first_and_never_come_again(four_hundred: Store, tmp_path: Path) -> None:
    async def first(browser: Browser) -> None:
        await browser.press("space", "slash")
        await browser.type("vit")
        await browser.press("enter")
        assert SAID in browser.text
        await browser.press("escape")
        assert SAID not in browser.text
        assert browser.screen.bar.text == "vit"
        await browser.press("escape", "escape")
        assert SAID not in browser.text
        assert browser.marked == set()

    async def second(browser: Browser) -> None:
        assert SAID not in browser.text

    drive(four_hundred, first, memory=remembered(tmp_path, four_hundred))
    drive(four_hundred, second, memory=remembered(tmp_path, four_hundred))
    unrestored = Memory(tmp_path / "state.json", tmp_path / "other.db")
    unrestored.load(restore=False)
    drive(four_hundred, second, memory=unrestored)


def test_a_low_terminal_has_no_room_for_them_yet(four_hundred: Store, tmp_path: Path) -> None:
    async def low(browser: Browser) -> None:
        assert SAID not in browser.text

    async def high(browser: Browser) -> None:
        assert SAID in browser.text

    drive(four_hundred, low, size=(80, 12), memory=remembered(tmp_path, four_hundred))
    drive(four_hundred, high, memory=remembered(tmp_path, four_hundred))


def test_they_wait_for_the_first_experiments(store: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        assert SAID not in browser.text
        indexed.add(store, indexed.varied(3), root=tmp_path / "root")
        await browser.press("r")
        assert SAID in browser.text

    drive(store, script, memory=remembered(tmp_path, store))


def test_a_terminal_shows_them_at_the_first_start_alone(four_hundred: Store) -> None:
    for is_first in (True, False):
        terminal = Terminal(["-m", "runicorn_tui", "--db", str(four_hundred.path)], RUNICORN_TUI_WATCH="false")
        terminal.until("1/400")
        terminal.press("q")
        assert terminal.end() == 0
        assert (SAID.encode() in terminal.received) == is_first


# Empty lists.


def test_an_empty_index_says_how_to_begin(store: Store) -> None:
    async def script(browser: Browser) -> None:
        assert "This index has no experiments yet." in browser.text
        assert "runicorn-tui FOLDER" in browser.text
        assert "runicorn-tui demo" in browser.text

    drive(store, script)


def test_a_root_without_runs_says_what_comes_there(store: Store, tmp_path: Path, golden: Golden) -> None:
    # So that the picture is of no place in particular.
    store.add_root(Path("/"), "here [/] \x1b[31m")

    async def script(browser: Browser) -> None:
        golden("empty_root", browser.text)

    drive(store, script)


def test_a_filter_without_a_match_says_what_clears_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("nothing is called so")
        await browser.press("enter")
        assert "No experiment matches this filter." in browser.text
        assert "esc clears it, / changes it, ? shows examples" in browser.text

    drive(four_hundred, script)
