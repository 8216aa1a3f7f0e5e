"""Keys that are typed at once go where they would go if they were typed one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events

from runicorn_db.store import Store
from runicorn_tui.screens.description import DescriptionScreen
from runicorn_tui.widgets.experiment_table import ExperimentTable
from runicorn_tui.widgets.grouped_table import GroupedTable
from tests.tui import indexed
from tests.tui.drive import Browser, drive, key_event
from tests.tui.terminal_harness import Terminal
from tests.tui.tour import STOPS

_READ_MEANWHILE = ("log", "log search")
"""Where the lines on screen depend on how much of the file is read by the time a key comes."""
_LISTED_MEANWHILE = "file"
"""Which file a key opens depends on how much of the directory is read by then."""


def at_once(browser: Browser, *keys: str) -> None:
    """All keys before the program has seen the first of them."""
    for key in keys:
        browser.app.post_message(key_event(key))


async def shown(browser: Browser) -> tuple[str, object, str]:
    focused = browser.app.focused
    screens = " ".join(type(screen).__name__ for screen in browser.app.screen_stack)
    return screens, focused and (type(focused).__name__, focused.id), browser.text


async def after(browser: Browser) -> None:
    await browser.pilot.pause()
    await browser.until(lambda: not browser.app.is_typed_ahead)
    await browser.pause_is_over()


@pytest.mark.parametrize("stop", [name for name in STOPS if name != _LISTED_MEANWHILE])
def test_every_screen_is_reached_by_keys_typed_at_once(toured: Store, stop: str) -> None:
    found: list[tuple[str, object, str]] = []

    async def one_by_one(browser: Browser) -> None:
        await browser.press(*STOPS[stop])
        await after(browser)
        found.append(await shown(browser))

    async def together(browser: Browser) -> None:
        with browser.typed_in_no_time():
            at_once(browser, *STOPS[stop])
            await browser.pilot.pause()
            await browser.until(lambda: not browser.app.is_typed_ahead)
        await after(browser)
        found.append(await shown(browser))

    for script in (one_by_one, together):
        drive(toured, script)
    count = 2 if stop in _READ_MEANWHILE else 3
    assert found[0][:count] == found[1][:count]


@pytest.mark.parametrize("keys", ["tbest\r", "tad5\r", "tdry\r"])
def test_letters_behind_the_key_for_tags_are_a_tag(four_hundred: Store, keys: str) -> None:
    async def script(browser: Browser) -> None:
        newest = browser.screen.table.current
        assert newest is not None
        at_once(browser, *keys[:-1], "enter")
        await after(browser)
        assert browser.screen.is_current
        assert not browser.marked
        assert keys[1:-1] in four_hundred.get(newest.id).experiment.tags
        assert four_hundred.batches() == []

    drive(four_hundred, script)


def test_letters_behind_the_key_for_a_description_are_its_beginning(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, *"Eady")
        await after(browser)
        screen = browser.app.screen
        assert isinstance(screen, DescriptionScreen)
        assert screen.area.text.endswith("ady")
        assert not browser.app.screen_stack[0].query_one(ExperimentTable).marks.snapshot.keys

    drive(four_hundred, script)


def test_a_key_behind_the_end_of_a_search_is_for_what_was_found(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, "C", "slash", *"param.lr", "enter", "space", "escape")
        await after(browser)
        assert "param:lr" in browser.screen.table.choice.ids()

    drive(toured, script)


def test_pasted_text_behind_the_key_for_a_description_is_its_beginning(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, "E")
        browser.app.post_message(events.Paste("two\nlines"))
        await after(browser)
        screen = browser.app.screen
        assert isinstance(screen, DescriptionScreen)
        assert screen.area.text.endswith("two\nlines")

    drive(four_hundred, script)


def test_keys_go_on_when_what_they_wait_for_opens_nothing(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, "c", "down", "space")
        await after(browser)
        assert "none is marked" in browser.notices[-1]
        assert len(browser.marked) == 1
        assert browser.screen.table.cursor == 2

    drive(four_hundred, script)


def test_a_burst_from_a_terminal_is_one_tag(four_hundred: Store) -> None:
    terminal = Terminal.browse(four_hundred.path)
    terminal.until("1/400")
    terminal.press("tbest\r")
    terminal.until("1 experiment changed")
    terminal.until("1/400")
    terminal.press("q")
    assert terminal.end() == 0
    assert four_hundred.tag_counts()["best"] == 1


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Store]:
    """So many that a list of them is on its way for a while."""
    with Store(tmp_path / "index.db") as store:
        indexed.add(store, indexed.varied(20_000), root=tmp_path / "root")
        yield store


_NLP_IS_ASKED_FOR = ("slash", *"project:nlp", "enter")


def test_keys_behind_a_filter_are_about_its_rows(many: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, *_NLP_IS_ASKED_FOR, "space", *"dy")
        await after(browser)
        (batch,) = many.batches()
        (deleted,) = many.batch_ids(batch.id)
        assert many.get(deleted).experiment.project == "nlp"

    drive(many, script)


def test_a_key_behind_an_order_is_about_its_rows(many: Store) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, "s", "space")
        await after(browser)
        (marked,) = browser.marked
        first = browser.screen.table.rows.row(0)
        assert first is not None
        assert first.id == marked

    drive(many, script)


@pytest.mark.parametrize("keys", [("slash", *"vision", "enter"), ("s",), ()])
def test_what_acts_on_marks_waits_for_those_that_are_being_set(many: Store, keys: tuple[str, ...]) -> None:
    async def script(browser: Browser) -> None:
        at_once(browser, *keys, "a", "d")
        await after(browser)
        table = browser.app.screen_stack[0].query_one(GroupedTable)
        assert len(table.marks) == table.total > 6000
        assert "left out" in browser.text

    drive(many, script)


def test_keys_behind_the_opening_of_a_group_are_about_its_lines(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("O", *"project", "enter")
        await after(browser)
        at_once(browser, *"ljjj")
        await after(browser)
        assert browser.screen.table.cursor == 3

    drive(four_hundred, script)
