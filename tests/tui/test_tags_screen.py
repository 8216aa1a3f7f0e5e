"""Tags of the chosen experiments through their keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Paste

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.app import TooSmall
from runicorn_tui.screens.tags import TagsScreen
from runicorn_tui.widgets.tag_input import TagInput
from tests.tui import indexed
from tests.tui.drive import Browser, drive, opened
from tests.tui.gate import Gate
from tests.tui.test_golden import HOSTILE

Golden = Callable[[str, str], None]


@pytest.fixture
def tagged(store: Store, tmp_path: Path) -> Store:
    """Six experiments: all have `keep`, the first two `sweep` too; `baseline` is in another root."""
    entries = [
        replace(entry, tags=("keep", "sweep") if number < 2 else ("keep",))
        for number, entry in enumerate(indexed.numbered(6))
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    other = [replace(indexed.numbered(1)[0], id="other", name="other", tags=("baseline",), created_at=1.0)]
    indexed.add(store, other, root=tmp_path / "other")
    return store


def tags(store: Store) -> dict[str, tuple[str, ...]]:
    page = store.find(ExperimentQuery(per_page=1000))
    return {experiment.name: experiment.tags for experiment in page.experiments}


def candidates(browser: Browser) -> list[str]:
    return list(browser.app.screen.query_one(TagInput).candidates)


def test_the_dialog(tagged: Store, golden: Golden) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["space"] * 3, "t")
        golden("tags_80", browser.text)
        await browser.press(*"best -s")
        golden("tags_typed_80", browser.text)

    drive(tagged, script)


def test_tags_of_the_marked_ones_are_added_and_taken_away(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["space"] * 3, "t", *"best, -sweep", "enter")
        assert browser.notices == ["+best -sweep: 3 experiments changed"]
        assert len(browser.marked) == 3

    drive(tagged, script)
    assert tags(tagged) == {
        **dict.fromkeys(("run 0", "run 1", "run 2"), ("best", "keep")),
        **dict.fromkeys(("run 3", "run 4", "run 5"), ("keep",)),
        "other": ("baseline",),
    }


def test_without_marks_it_is_about_the_one_under_the_cursor(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "t", *"x", "enter")
        await browser.press("t", *"x", "enter")
        assert browser.notices == ["+x: 1 experiment changed", "+x: 0 experiments changed, 1 had it so already"]

    drive(tagged, script)
    assert [name for name, held in tags(tagged).items() if "x" in held] == ["run 1"]


def test_the_list_shows_the_new_tags_at_once(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *"fresh", "enter")
        assert "fresh keep" in browser.text

    drive(tagged, script, size=(160, 24))


def test_tab_completes_by_the_tags_that_there_are_and_down_chooses(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        field = lambda: browser.app.screen.query_one(TagInput).value  # noqa: E731
        await browser.press("end", "t")
        assert candidates(browser) == ["keep", "sweep", "baseline"], "most used first"
        await browser.press(*"e", "tab")
        assert field() == "keep "
        await browser.press(*"B", "tab", "minus")
        assert field() == "keep baseline -"
        assert candidates(browser) == ["baseline"], "only what this one has can be taken away"
        await browser.press("backspace", *"s", "down", "up", "down", "tab")
        assert field() == "keep baseline baseline ", "s occurs in baseline and in sweep"

    drive(tagged, script)


def test_a_word_that_is_no_tag_is_told_and_changes_nothing(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *'x "open', "enter")
        assert 'Not a tag: "open' in browser.text
        await browser.press("escape")
        assert browser.notices == []

    before = tags(tagged)
    drive(tagged, script)
    assert tags(tagged) == before


def test_what_the_store_refuses_is_told(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *'"a\\x00b"', "enter")
        assert any("without NUL" in notice for notice in browser.notices)

    before = tags(tagged)
    drive(tagged, script)
    assert tags(tagged) == before


def test_a_read_only_root_is_told_before(tagged: Store) -> None:
    with tagged.database.writing() as connection:
        connection.execute("UPDATE root SET is_writable = 0 WHERE name = 'root'")

    async def script(browser: Browser) -> None:
        await browser.press("a", "t")
        assert "6 in read-only roots: only this index will know" in browser.text

    drive(tagged, script)


def test_marked_ones_that_the_filter_hides_are_told(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "slash", *"tag:sweep", "enter")
        await browser.until(lambda: len(browser.screen.table.rows) == 2)
        await browser.press("t")
        assert "5 of the marked ones do not match the filter" in browser.text

    drive(tagged, script)


def test_hostile_tags_are_only_text_and_can_be_taken_away(store: Store, tmp_path: Path, golden: Golden) -> None:
    entries = [
        replace(entry, tags=(name, "keep") if name else ("keep",))
        for entry, name in zip(indexed.numbered(len(HOSTILE)), HOSTILE, strict=True)
    ]
    indexed.add(store, entries, root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("a", "t")
        golden("tags_hostile_80", browser.text)
        for begin in ("esc", "[@", "line", "zero", "txt", "[/]", "日本"):
            await browser.press("minus", *begin, "tab")
        assert "\x1b" not in browser.text
        await browser.press("enter")

    drive(store, script)
    left = {tag for held in tags(store).values() for tag in held}
    gone = {name for name in HOSTILE if name.startswith(("esc", "[@", "line", "zero", "\u202e", "[/]", "日本"))}
    assert left == {name for name in HOSTILE if name} - gone | {"keep"}


def test_pasted_control_characters_become_visible(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t")
        field = browser.app.screen.query_one(TagInput)
        browser.app.post_message(Paste('"a\x1b[2Jb"'))
        await browser.settle()
        assert field.value == '"a\\x1b[2Jb"'
        await browser.press("enter")

    drive(tagged, script)
    assert "a\x1b[2Jb" in tags(tagged)["run 0"], "a tag as it was meant, never shown as it is"


def test_on_the_screen_of_an_experiment_it_is_about_that_one(tagged: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *"seen -keep", "enter")
        assert browser.notices == ["+seen -keep: 1 experiment changed"]
        tags_line = next(line for line in browser.lines if line.strip().startswith("tags"))
        assert tags_line.split()[1:3] in (["seen", "sweep"], ["seen,", "sweep"])

    opened(tagged, script)


def test_escape_stops_between_two_parts_and_says_what_was_changed(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate.before(monkeypatch, three_thousand, "annotate")

    async def script(browser: Browser) -> None:
        await browser.press("a", "t")
        await gate.reached(browser, *"best", "enter")
        assert "0 of 3,000   esc stops here" in browser.text
        await browser.pilot.press("escape")
        await browser.pilot.pause()
        gate.open()
        await browser.until(lambda: not isinstance(browser.app.screen, TagsScreen))
        assert browser.notices == ["+best: 1,000 experiments changed, 2,000 not touched"]

    drive(three_thousand, script)
    assert three_thousand.tag_counts() == {"best": 1000}


def test_tags_changed_while_the_window_is_too_small_close_the_dialog_once_it_has_room(
    tagged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *"best")
        gate = Gate.before(monkeypatch, tagged, "annotate")
        await gate.reached(browser, "enter")
        await gate.open_while_too_small(browser)
        assert browser.screen.is_current
        assert browser.notices == ["+best: 1 experiment changed"]

    drive(tagged, script)


def test_what_opens_over_the_dialog_just_when_it_was_to_close_stays_and_the_dialog_closes_after_it(
    tagged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("t", *"best")
        gate = Gate.before(monkeypatch, tagged, "annotate")
        await gate.reached(browser, "enter")
        dialog = browser.app.screen
        await browser.app.push_screen(TooSmall())
        gate.open()
        await browser.settle()
        # In one step: the dialog hears that it is on top only when it is not any more.
        browser.app.pop_screen()
        last = TooSmall()
        browser.app.push_screen(last)
        await browser.settle()
        assert browser.app.screen_stack[1:] == [dialog, last]
        await browser.app.pop_screen()
        await browser.settle()
        assert browser.screen.is_current
        assert browser.notices == ["+best: 1 experiment changed"]

    drive(tagged, script)
