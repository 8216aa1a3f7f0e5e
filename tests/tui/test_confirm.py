"""The delete dialog. Of `four_hundred`, 57 run and 24 are pinned, one of them both."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.screens.confirm import ConfirmDelete
from tests.tui import indexed
from tests.tui.drive import Browser, drive


def live(store: Store) -> int:
    return store.find(ExperimentQuery(per_page=1)).total


def is_open(browser: Browser) -> bool:
    return isinstance(browser.app.screen, ConfirmDelete)


@pytest.fixture
def thirty(store: Store, tmp_path: Path) -> Store:
    """Thirty finished experiments, `run 0` the newest."""
    indexed.add(store, indexed.numbered(30), root=tmp_path / "root")
    return store


def test_one_is_confirmed_by_one_key(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "d")
        assert "Move 1 experiment to the trash" in browser.text
        assert live(thirty) == 30
        await browser.press("y")
        assert live(thirty) == 29
        assert browser.notices == ["1 moved to trash, z undoes"]
        assert browser.current == "run 2"

    drive(thirty, script)


def test_enter_alone_and_pasted_text_confirm_nothing(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        for marking in ("space", "a"):
            await browser.press(marking, "d", "enter", "enter")
            browser.app.screen.post_message(events.Paste("y30\n"))
            await browser.settle()
            assert is_open(browser)
            await browser.press("escape")
            assert not is_open(browser)
        assert live(thirty) == 30

    drive(thirty, script)


def test_many_need_their_number(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", "y", "3", "1", "enter")
        assert is_open(browser)
        await browser.press("backspace", "0")
        assert "type 30 and Enter: 30" in browser.text
        await browser.press("enter")
        assert live(thirty) == 0
        assert browser.notices == ["30 moved to trash, z undoes"]
        assert not browser.marked

    drive(thirty, script)


def test_twenty_take_one_key_and_twenty_one_their_number(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("v", *["down"] * 19, "d")
        assert "y moves them" in browser.text
        await browser.press("escape", "U", "g", "v", *["down"] * 20, "d")
        assert "type 21" in browser.text

    drive(thirty, script)


def test_running_and_pinned_are_left_out_unless_asked_for(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        assert "57 running (press r to take along)" in browser.text
        assert "24 pinned (press p to take along)" in browser.text
        assert "type 322 and Enter" in browser.text
        await browser.press("r")
        assert "57 running (press r to leave out)" in browser.text
        assert "type 376 and Enter" in browser.text
        await browser.press("p")
        assert "type 400 and Enter" in browser.text
        await browser.press("r", "p", *"322", "enter")
        assert live(four_hundred) == 78
        assert len(browser.marked) == 78

    drive(four_hundred, script)


def test_a_toggle_takes_back_the_typed_number(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", *"322", "r", "enter")
        assert is_open(browser)
        assert live(four_hundred) == 400

    drive(four_hundred, script)


def test_when_all_are_left_out_nothing_can_be_confirmed(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(2, status="running"), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("a", "d", "y", "0", "enter")
        assert "Nothing to move" in browser.text
        await browser.press("r", "y")
        assert live(store) == 0

    drive(store, script)


def test_it_says_how_many_marks_the_filter_hides(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "slash")
        await browser.type('"run 2"')
        await browser.press("enter", "a", "d")
        assert "Move 13 experiments" in browser.text
        assert "2 of the marked ones do not match the filter" in browser.text

    drive(thirty, script)


def test_it_says_which_deletions_only_the_index_will_know(thirty: Store) -> None:
    with thirty.database.writing() as connection:
        connection.execute("UPDATE root SET is_writable = 0")

    async def script(browser: Browser) -> None:
        assert "read-only root" in browser.text
        await browser.press("d")
        assert "1 in read-only roots: only this index will know" in browser.text

    drive(thirty, script)


def test_the_ids_are_those_of_the_moment_of_asking(thirty: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        late = replace(indexed.Entry(id="20260101_000000_ffffff", name="late"), created_at=indexed.NOW)
        indexed.add(thirty, [late], root=tmp_path / "root")
        await browser.press(*"30", "enter")
        assert [e.name for e in thirty.find(ExperimentQuery()).experiments] == ["late"]

    drive(thirty, script)


def test_the_reason_is_kept_and_no_key_in_it_confirms(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d", "e", "end", *["backspace"] * 20, *"yqnrp", "enter", "enter")
        assert is_open(browser)
        assert live(thirty) == 30
        await browser.press("tab", "end", *"0y", "escape")
        assert is_open(browser)
        await browser.press("y")
        batch = thirty.batches()[0]
        assert (batch.reason, batch.source, batch.count) == ("yqnrp0y", "tui", 1)

    drive(thirty, script)


def test_the_filter_is_written_down_with_the_deletion(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("name:5 status:fin")
        await browser.press("enter", "a", "d", "y")
        assert thirty.batches()[0].query == "name:5 status:finished"

    drive(thirty, script)


def test_the_cursor_goes_to_the_next_survivor(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["down"] * 4, "space", "space", "space", "up", "d", "y")
        assert browser.current == "run 7"
        await browser.press("G", "d", "y")
        assert browser.current == "run 28"

    drive(thirty, script)


def test_undo_brings_them_back_also_after_a_restart(thirty: Store) -> None:
    async def delete(browser: Browser) -> None:
        await browser.press("a", "d", *"30", "enter")
        assert "no experiments here" in browser.text.lower()
        await browser.press("z")
        assert "30 experiments restored" in browser.notices[-1]
        assert "/30" in browser.text
        await browser.press("g", "d", "y")
        assert live(thirty) == 29

    async def undo(browser: Browser) -> None:
        await browser.press("z")
        assert live(thirty) == 30
        await browser.press("z")
        assert browser.notices[-1] == "Nothing to undo: the trash is empty."

    drive(thirty, delete)
    drive(thirty, undo)


def test_undo_takes_back_what_a_script_deleted(thirty: Store) -> None:
    thirty.delete([e.id for e in thirty.find(ExperimentQuery(per_page=4)).experiments], source="api")

    async def script(browser: Browser) -> None:
        await browser.press("z")
        assert "4 experiments restored" in browser.notices[0]
        assert "from api" in browser.notices[0]
        assert live(thirty) == 30

    drive(thirty, script)


@pytest.fixture
def three_thousand(store: Store, tmp_path: Path) -> Store:
    indexed.add(store, indexed.numbered(3000), root=tmp_path / "root")
    return store


def test_a_large_deletion_goes_in_parts_and_is_undone_as_one(three_thousand: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", *"3000", "enter")
        assert browser.notices[-1] == "3,000 moved to trash, z undoes"
        (batch,) = three_thousand.batches()
        assert (batch.count, batch.remaining, batch.size_bytes) == (3000, 3000, 3_000_000_000)
        await browser.press("z")
        assert live(three_thousand) == 3000

    drive(three_thousand, script)


def test_escape_stops_between_two_parts_and_says_what_was_moved(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()
    delete = three_thousand.delete

    def slow(*args: Any, **kwargs: Any) -> Any:
        has_begun.set()
        assert may_go_on.wait(10)
        return delete(*args, **kwargs)

    monkeypatch.setattr(three_thousand, "delete", slow)

    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        for key in (*"3000", "enter"):
            await browser.pilot.press(key)
        await browser.until(has_begun.is_set)
        await browser.until(lambda: "moved 0 of 3,000" in browser.text)
        await browser.pilot.press("escape")
        may_go_on.set()
        await browser.until(lambda: not is_open(browser))
        await browser.settle()
        assert live(three_thousand) == 2000
        assert browser.notices == ["1,000 moved to trash, z undoes"]
        assert len(browser.marked) == 2000

    drive(three_thousand, script)


def test_a_failure_half_way_is_told_with_what_was_moved(three_thousand: Store) -> None:
    with three_thousand.database.writing() as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON batch WHEN new.count = 3000 BEGIN SELECT raise(ABORT, 'no more'); END"
        )

    async def script(browser: Browser) -> None:
        await browser.press("a", "d", *"3000", "enter")
        assert browser.notices[0] == "2,000 moved to trash, z undoes"
        assert "The rest was not moved" in browser.notices[1]
        assert "no more" in browser.notices[1]
        assert live(three_thousand) == 1000

    drive(three_thousand, script)
