from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.filter_language import parse
from runicorn_db.store import Store
from runicorn_tui.keymap import Keymap
from runicorn_tui.saved_filters import is_name, read, written_out
from runicorn_tui.screens.saved_filters import SavedFiltersScreen
from runicorn_tui.state import Memory, saved_filters
from tests.tui.drive import Browser, Script, drive

SAVED = {"bad": "status:failed", "wrong": "foo:bar"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def start(store: Store, file: Path, script: Script) -> None:
    memory = Memory(file, store.path)
    memory.load()
    drive(store, script, memory=memory)


@pytest.mark.parametrize(
    ("name", "holds"), [("a", True), ("übung-1.x", True), ("-a", False), ("a b", False), ("", False)]
)
def test_a_name_is_one_word(name: str, holds: bool) -> None:
    assert is_name(name) is holds


def test_a_reference_is_the_filter_behind_it() -> None:
    assert read(" @bad ", SAVED) == parse("status:failed")
    assert written_out("@bad", SAVED) == "status:failed"
    assert written_out("@gone", SAVED) == "@gone"
    assert read("vit -tag:x", SAVED) == parse("vit -tag:x")


@pytest.mark.parametrize(
    ("text", "column", "length", "says"),
    [
        ("@gone", 0, 5, "no filter is saved as '@gone'; there are: @bad, @wrong"),
        ("@wrong", 0, 6, "in the filter saved as @wrong: no field 'foo'"),
        ('"@a" -@bad x', 5, 5, "stands alone"),
    ],
)
def test_what_cannot_be_meant_is_a_note_at_its_place(text: str, column: int, length: int, says: str) -> None:
    criteria, (note,) = read(text, SAVED)
    assert (note.column, note.length) == (column, length)
    assert says in note.message
    assert not criteria or text == "@wrong"


def test_a_filter_is_saved_used_renamed_deleted_and_brought_back(four_hundred: Store, file: Path) -> None:
    async def first(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("status:failed")
        await browser.press("enter", "F", "s", *"bad one")
        await browser.press("enter")
        assert "a name is letters" in browser.text
        await browser.press(*["backspace"] * 4, "enter")
        assert "saved: runicorn-tui ls @bad" in browser.text
        await browser.press("r", "backspace", "backspace", "backspace", *"failed", "enter")
        assert "@bad is @failed now" in browser.text
        await browser.press("d")
        assert "no filter is saved yet" in browser.text
        await browser.press("z", "escape", "escape")

    async def second(browser: Browser) -> None:
        await browser.press("F", "enter")
        assert browser.screen.bar.text == "status:failed"
        assert "114 of 400" in browser.lines[0]
        await browser.press("slash", "ctrl+u")
        await browser.type("@fa")
        await browser.press("tab", "enter")
        assert browser.screen.bar.text == "@failed"
        assert "114 of 400" in browser.lines[0]

    start(four_hundred, file, first)
    assert saved_filters(file) == {"failed": "status:failed"}
    start(four_hundred, file, second)


def test_the_key_that_was_chosen_for_bringing_a_filter_back_is_told_and_does_it(
    four_hundred: Store, file: Path
) -> None:
    memory = Memory(file, four_hundred.path)
    memory.remember(saved_filters={"a": "vit"})

    async def script(browser: Browser) -> None:
        await browser.press("F", "d")
        assert "@a is deleted, u brings it back" in browser.text
        await browser.press("z")
        assert "no filter is saved yet" in browser.text
        await browser.press("u")
        assert "@a is back" in browser.text

    drive(four_hundred, script, memory=memory, keymap=Keymap(changed={("saved", "saved-undo"): ("u",)}))
    assert saved_filters(file) == {"a": "vit"}


def test_a_name_that_is_taken_is_replaced_only_when_asked_twice(four_hundred: Store, file: Path) -> None:
    memory = Memory(file, four_hundred.path)
    memory.remember(saved_filters={"a": "vit", "b": "bert"})
    memory.write()

    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("moe")
        await browser.press("enter", "F", "s", "a", "enter")
        assert "@a is there already" in browser.text
        await browser.press("enter", "escape")

    start(four_hundred, file, script)
    assert saved_filters(file) == {"a": "moe", "b": "bert"}


def test_an_unclear_filter_is_not_saved(four_hundred: Store, file: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("foo:bar")
        await browser.press("enter", "F", "s")
        assert isinstance(browser.app.screen, SavedFiltersScreen)
        assert "The filter is unclear" in browser.text

    start(four_hundred, file, script)
    assert saved_filters(file) == {}


def test_keys_of_the_list_are_letters_in_a_name(four_hundred: Store, file: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("vit")
        await browser.press("enter", "F", "s", *"dqzrsF", "enter")
        assert "saved: runicorn-tui ls @dqzrsF" in browser.text

    start(four_hundred, file, script)
