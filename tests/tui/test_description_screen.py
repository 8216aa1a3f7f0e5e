"""A description is written through keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste

from runicorn_db.store import Store
from runicorn_tui.keymap import Keymap
from runicorn_tui.screens.description import DescriptionScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from tests.tui import indexed
from tests.tui.drive import Browser, drive, opened
from tests.tui.gate import Gate

Golden = Callable[[str, str], None]
RUN = "20250101_000000_000000"


@pytest.fixture
def described(store: Store, tmp_path: Path) -> Store:
    """Three experiments, the newest with a description of two lines."""
    indexed.add(store, indexed.numbered(3), root=tmp_path / "root")
    store.annotate([RUN], description="first\nsecond")
    return store


def description(store: Store, experiment_id: str = RUN) -> str | None:
    return store.get(experiment_id).experiment.description


def is_open(browser: Browser) -> bool:
    return isinstance(browser.app.screen, DescriptionScreen)


def test_the_dialog(described: Store, golden: Golden) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E")
        golden("description_80", browser.text)
        await browser.press("enter", *"third", "escape")
        golden("description_discard_80", browser.text)

    drive(described, script)


@pytest.mark.parametrize("key", ["ctrl+o", "f2"])
def test_what_is_written_is_saved(described: Store, key: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", "enter", *"qyE t", key)
        assert isinstance(browser.app.screen, ExperimentsScreen)
        assert browser.notices == ["Description saved"]

    drive(described, script)
    assert description(described) == "first\nsecond\nqyE t"


def test_everything_taken_out_clears_it(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *["backspace"] * 20, "ctrl+o")

    drive(described, script)
    assert description(described) is None


def test_escape_leaves_at_once_when_nothing_changed(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", "x", "backspace", "escape")
        assert not is_open(browser)

    drive(described, script)
    assert description(described) == "first\nsecond"


def test_escape_asks_before_it_throws_away_what_was_written(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *" more", "escape", "n", "escape", *"!", "escape")
        assert "Not saved yet: y throws it away" in browser.text
        assert "second more!" in browser.text
        await browser.press("y")
        assert not is_open(browser)

    drive(described, script)
    assert description(described) == "first\nsecond"


def test_it_can_be_saved_from_the_question_too(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *"!", "escape", "ctrl+o")
        assert not is_open(browser)

    drive(described, script)
    assert description(described) == "first\nsecond!"


def test_several_marked_ones_have_no_description_together(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "E")
        assert not is_open(browser)
        assert browser.notices == ["A description is about one experiment: 2 are marked, U unmarks them"]

    drive(described, script)


def test_the_only_marked_one_is_described_wherever_the_cursor_is(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "end", "E", *"!", "ctrl+o")

    drive(described, script)
    assert description(described) == "first\nsecond!"


def test_a_read_only_root_is_told(described: Store) -> None:
    with described.database.writing() as connection:
        connection.execute("UPDATE root SET is_writable = 0")

    async def script(browser: Browser) -> None:
        await browser.press("E")
        assert "In a read-only root: only this index will know" in browser.text

    drive(described, script)


def test_what_the_store_cannot_do_is_told_and_nothing_is_lost(described: Store) -> None:
    with described.database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF description ON experiment BEGIN SELECT raise(ABORT, 'no more'); END"
        )

    async def script(browser: Browser) -> None:
        await browser.press("E", *"!", "ctrl+o")
        assert "no more" in browser.text
        assert "second!" in browser.text

    drive(described, script)


def test_hostile_text_is_only_text_and_stays_as_it_was_unless_changed(described: Store) -> None:
    hostile = "esc\x1b[2J\n[/] [@click=app.quit]x[/]\ttab\n\u202eexe"
    described.annotate([RUN], description=hostile)

    async def script(browser: Browser) -> None:
        await browser.press("E")
        assert "esc\\x1b[2J" in browser.text
        assert "[@click=app.quit]x[/]" in browser.text
        assert "\\u202eexe" in browser.text
        assert "Control characters are written as" in browser.text
        assert "\x1b" not in browser.text
        await browser.press("ctrl+o")

    drive(described, script)
    assert description(described) == hostile


def test_pasted_text_keeps_its_lines_and_loses_its_control_characters(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "E")
        browser.app.post_message(Paste("a\r\nb\x1b[2J\tc"))
        await browser.settle()
        assert "\x1b" not in browser.text
        await browser.press("ctrl+o")

    drive(described, script)
    assert description(described, "20250101_000000_000001") == "a\nb\\x1b[2J\tc"


def test_the_question_tells_the_key_that_was_chosen_for_it_and_that_key_answers(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *"third", "escape")
        assert "Not saved yet: f9 throws it away" in browser.text
        await browser.press("y")
        assert is_open(browser)
        await browser.press("f9")
        assert not is_open(browser)

    drive(described, script, keymap=Keymap(changed={("describing", "description-discard"): ("f9",)}))


def test_what_is_saved_while_the_window_is_too_small_closes_the_dialog_once_it_has_room(
    described: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *" more")
        gate = Gate.before(monkeypatch, described, "annotate")
        await gate.reached(browser, "ctrl+o")
        await gate.open_while_too_small(browser)
        assert browser.screen.is_current
        assert browser.notices == ["Description saved"]

    drive(described, script)
    assert description(described) == "first\nsecond more"


def test_on_the_screen_of_an_experiment_another_key_does_it(described: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("D", *" edited", "ctrl+o")
        assert "second edited" in browser.text

    opened(described, script)
