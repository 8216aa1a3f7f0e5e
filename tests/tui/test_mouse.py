"""A click does what a key does, on everything that looks as if it could be clicked on."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from runicorn_db.store import Store
from runicorn_tui.key_names import named, shown
from runicorn_tui.keys import KEYS
from runicorn_tui.screens.compare import CompareScreen
from runicorn_tui.screens.confirm import ReasonInput
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.screens.trash import TrashScreen
from runicorn_tui.terminal import settle
from runicorn_tui.widgets.chart_grid import ChartGrid
from runicorn_tui.widgets.tag_input import TagInput
from tests.tui.drive import Browser, Script, drive
from tests.tui.tour import BEGAN


async def click(browser: Browser, text: str, *, times: int = 1, nth: int = 0) -> None:
    """Clicks on the first letter of a text on screen, on its first place or a later one."""
    places = [(cell_len(line[: line.index(text)]), y) for y, line in enumerate(browser.lines) if text in line]
    await browser.pilot.click(offset=places[nth], times=times)
    await browser.settle()


def visited(store: Store, script: Script, *, size: tuple[int, int] = (100, 30)) -> None:
    drive(store, script, size=size, clock=lambda: BEGAN + 3600)


# The list.


def test_a_click_moves_the_cursor_and_another_opens_what_it_is_on(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await click(browser, "gpt2_medium #6")
        assert browser.current == "gpt2_medium #6"
        await click(browser, "gpt2_medium #6", times=2)
        assert isinstance(browser.app.screen, ExperimentScreen)

    visited(toured, script)


def test_a_click_on_a_title_sorts_and_another_reverses(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await click(browser, "name")
        assert browser.screen.table.order == ("name", False)
        await click(browser, "name")
        assert browser.screen.table.order == ("name", True)

    visited(toured, script)


def test_a_click_on_the_filter_types_there_and_on_a_completion_takes_it(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await click(browser, "filters: status")
        await browser.type("status:fa")
        await click(browser, "failed ")
        assert browser.screen.bar.text.strip() == "status:failed"

    visited(toured, script)


def test_the_wheel_scrolls(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        before = table.top
        table.scroll_relative(y=3, animate=False)
        await browser.settle()
        assert table.top > before

    visited(toured, script, size=(80, 15))


# Keys that are written down.


@pytest.mark.parametrize(
    ("keys", "text", "does"),
    [
        ((), "help", "Move"),
        ((), "mark", "1 marked"),
        ((), "sort", "best ↓"),
        (("down", "d"), "esc cancels", "space mark"),
        (("a", "d"), "left out", "taken"),
        (("C",), "esc done", "space mark"),
        (("ctrl+p",), "esc cancel", "space mark"),
        (("F",), "esc close", "space mark"),
        (("enter",), "tab page", "optimizer"),
    ],
    ids=str,
)
def test_a_click_on_a_key_presses_it(toured: Store, keys: tuple[str, ...], text: str, does: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys)
        before = browser.text
        await click(browser, text)
        assert browser.text != before
        assert does in browser.text

    visited(toured, script)


@pytest.mark.parametrize("is_ascii", [False, True])
def test_whatever_key_is_written_down_a_click_finds_it(is_ascii: bool) -> None:
    settle(is_ascii=is_ascii)
    assert [named(shown(key)) for row in KEYS for key in row.keys] == [key for row in KEYS for key in row.keys]


def test_a_click_on_the_key_of_a_field_goes_to_the_field(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "d")
        await click(browser, "e reason")
        assert isinstance(browser.app.focused, ReasonInput)

    visited(toured, script)


def test_a_click_answers_whether_to_quit(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        answers: list[bool | None] = []
        for text in ("esc stays", "q quits"):
            browser.app.push_screen(QuitScreen(lambda: ["restoring deletion 1"]), answers.append)
            await browser.settle()
            await click(browser, text)
        assert answers == [False, True]

    visited(toured, script)


def test_a_click_beside_the_help_closes_it(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("question_mark")
        await browser.pilot.click(offset=(1, 1))
        await browser.settle()
        assert len(browser.app.screen_stack) == 1

    visited(toured, script)


# Choices in dialogs.


def test_a_click_chooses_what_is_exported_and_how(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        await click(browser, "○ one a step")
        await click(browser, "○ JSON")
        assert "● one a step" in browser.text
        assert "● JSON" in browser.text
        assert isinstance(browser.app.screen, ExportScreen)

    visited(toured, script)


def test_a_click_on_a_tag_takes_it(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t")
        field = browser.app.screen.query_one(TagInput)
        second = field.candidates[1]
        # A name behind the dialog may have it too.
        await click(browser, f" {second}  ")
        assert field.value.strip() == second

    visited(toured, script)


def test_a_click_chooses_the_form_of_a_comparison(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c", "w")
        await click(browser, "○ Markdown")
        assert "● Markdown" in browser.text
        assert "comparison.md" in browser.text

    visited(toured, script)


def test_a_click_in_a_list_to_pick_from_moves_there_and_another_picks(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c", "slash")
        await click(browser, "grad_norm")
        await click(browser, "grad_norm", times=2)
        assert isinstance(browser.app.screen, CompareScreen)
        assert "grad_norm" in browser.lines[0]

    visited(toured, script)


# One experiment, several, the trash.


def test_a_click_on_a_tab_shows_its_page(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "enter")
        await click(browser, "4 Log")
        assert "train.py" in browser.text
        await click(browser, "5 Files")
        await click(browser, "logs.txt", times=2)
        assert "train.py" in browser.text

    visited(toured, script)


def test_a_click_on_a_small_chart_chooses_it_and_another_makes_it_large(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "enter", "3")
        name = browser.app.screen.query_one(ChartGrid)._page.cells[1].label
        await click(browser, name)
        await click(browser, name, times=2)
        assert "last values" in browser.text
        assert f"━━ {name}" in browser.text

    visited(toured, script)


def test_a_click_on_the_legend_of_a_comparison_goes_to_the_experiment(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c")
        assert "experiment 1 of 2" in browser.text
        await click(browser, " 2 ━━")
        assert "experiment 2 of 2" in browser.text

    visited(toured, script)


def test_a_click_opens_a_deletion_in_the_trash(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        assert isinstance(browser.app.screen, TrashScreen)
        await click(browser, "tour", times=2)
        assert "1 of 1 in the trash" in browser.text

    visited(toured, script)
