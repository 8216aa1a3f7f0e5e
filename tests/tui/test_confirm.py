"""The delete dialog. Of `four_hundred`, 57 run and 24 are pinned, one of them both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.keymap import Keymap
from runicorn_tui.screens.confirm import ConfirmDelete
from runicorn_tui.screens.report import FailuresScreen
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate


def live(store: Store) -> int:
    return store.find(ExperimentQuery(per_page=1)).total


def is_open(browser: Browser) -> bool:
    return isinstance(browser.app.screen, ConfirmDelete)


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
            await browser.press(marking, "d")
            await browser.press("enter")
            await browser.press("enter")
            browser.app.screen.post_message(events.Paste("y30\n"))
            await browser.settle()
            assert is_open(browser)
            await browser.press("escape")
            assert not is_open(browser)
        assert live(thirty) == 30

    drive(thirty, script)


def test_it_tells_the_key_that_was_chosen_for_bringing_them_back(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d")
        assert "Nothing is removed from disk; u brings them back." in browser.text
        await browser.press("y")
        assert live(thirty) == 29
        await browser.press("u")
        assert live(thirty) == 30

    drive(thirty, script, keymap=Keymap(changed={("experiments", "undo"): ("u",)}))


def test_many_need_their_number(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press("y")
        await browser.press("3", "1", "enter")
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
        await browser.press("r")
        await browser.press("p", *"322", "enter")
        assert live(four_hundred) == 78
        assert len(browser.marked) == 78

    drive(four_hundred, script)


def test_a_toggle_takes_back_the_typed_number(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press(*"322", "r")
        await browser.press("enter")
        assert is_open(browser)
        assert live(four_hundred) == 400

    drive(four_hundred, script)


def test_when_all_are_left_out_nothing_can_be_confirmed(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(2, status="running"), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press("y")
        await browser.press("0", "enter")
        assert "Nothing to move" in browser.text
        await browser.press("r")
        await browser.press("y")
        assert live(store) == 0

    drive(store, script)


def test_it_says_how_many_marks_the_filter_hides(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "slash")
        await browser.type('"run 2"')
        await browser.press("enter")
        await browser.press("a", "d")
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
        await browser.press("d")
        await browser.press("e", "end", *["backspace"] * 20, *"yqnrp", "enter")
        await browser.press("enter")
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
        await browser.press("enter")
        await browser.press("a", "d")
        await browser.press("y")
        assert thirty.batches()[0].query == "name:5 status:finished"

    drive(thirty, script)


def test_the_cursor_goes_to_the_next_survivor(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["down"] * 4, "space", "space", "space", "up", "d")
        await browser.press("y")
        assert browser.current == "run 7"
        await browser.press("G", "d")
        await browser.press("y")
        assert browser.current == "run 28"

    drive(thirty, script)


def test_z_goes_back_deletion_by_deletion_and_capital_z_forth_again(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d")
        await browser.press("y")
        await browser.press("space", "space", "d")
        await browser.press("y")
        assert live(thirty) == 27
        await browser.press("z")
        assert (live(thirty), browser.notices[-1]) == (29, "2 experiments restored, Z deletes again")
        await browser.press("z")
        assert (live(thirty), browser.notices[-1]) == (30, "1 experiment restored, Z deletes again")
        await browser.press("z")
        assert browser.notices[-1].startswith("Nothing to undo in this session. X opens the trash")
        await browser.press("Z")
        await browser.press("Z")
        assert (live(thirty), browser.notices[-1]) == (27, "2 moved to trash again, z undoes")
        await browser.press("Z")
        assert browser.notices[-1] == "Nothing to do again: z has taken nothing back."
        await browser.press("z")
        await browser.press("g", "d")
        await browser.press("y")
        await browser.press("Z")
        assert browser.notices[-1] == "Nothing to do again: z has taken nothing back."
        assert [(batch.count, batch.remaining) for batch in thirty.batches()] == [(1, 1), (2, 0), (1, 1)]

    drive(thirty, script)


def test_a_batch_that_others_emptied_is_passed_over(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d")
        await browser.press("y")
        await browser.press("d")
        await browser.press("y")
        thirty.restore_batch(thirty.batches()[0].id)
        await browser.press("z")
        assert (live(thirty), browser.notices[-1]) == (30, "1 experiment restored, Z deletes again")

    drive(thirty, script)


def test_z_takes_back_only_what_this_session_deleted(thirty: Store) -> None:
    thirty.delete([e.id for e in thirty.find(ExperimentQuery(per_page=4)).experiments], source="api")

    async def script(browser: Browser) -> None:
        await browser.press("z")
        assert browser.notices[-1].startswith("Nothing to undo in this session")
        assert live(thirty) == 26

    drive(thirty, script)


def test_a_pasted_number_is_refused_and_said_so(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press("3")
        browser.app.screen.post_message(events.Paste("0"))
        await browser.settle()
        assert "Pasted text confirms nothing: type it." in browser.text
        await browser.press("enter")
        assert is_open(browser)
        assert "type 30 and Enter: ▏" in browser.text
        assert live(thirty) == 30

    drive(thirty, script)


def test_all_names_can_be_looked_at(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press("r")
        await browser.press("p")
        assert "names     vit_b_lr1e-2_s0 … resnet50_lr3e-2_s399" in browser.text
        listed = "\n".join(browser.lines[10:])
        assert "_s1 " in listed
        assert "_s399" not in listed
        await browser.press("end")
        assert "resnet50_lr3e-2_s399" in "\n".join(browser.lines[10:])
        await browser.press(*"400", "enter")
        assert live(four_hundred) == 0

    drive(four_hundred, script)


def test_it_says_how_old_they_are(thirty: Store, tmp_path: Path) -> None:
    ages = {"fresh": 0.5, "week": 8, "old": 400, "older": 500}
    entries = [
        indexed.Entry(id=f"20240101_000000_{number:06x}", name=name, created_at=indexed.NOW - days * 86400)
        for number, (name, days) in enumerate(ages.items())
    ]
    indexed.add(thirty, entries, root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        assert "age       <1d 31   7-30d 1   >1y 2" in browser.text

    drive(thirty, script)


def test_what_others_deleted_or_removed_meanwhile_is_listed_with_its_reason(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("v", *["down"] * 4, "d")
        ids = [e.id for e in thirty.find(ExperimentQuery()).experiments]
        thirty.delete(ids[1:2], source="api")
        with thirty.database.writing() as connection:
            connection.execute("DELETE FROM experiment WHERE id = ?", (ids[3],))
        await browser.press("y")
        assert isinstance(browser.app.screen, FailuresScreen)
        assert "2 experiments not moved to the trash" in browser.lines[0]
        (other,) = [line for line in browser.lines if "run 1 " in line]
        assert "was moved to the trash by someone else" in other
        assert "left the index meanwhile" in browser.text
        await browser.press("escape")
        assert browser.current == "run 5"
        assert browser.notices == ["3 moved to trash, z undoes"]

    drive(thirty, script, size=(120, 24))


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 24), (160, 50)])
def test_at_every_size_it_says_what_goes_and_how_to_agree(
    four_hundred: Store, golden: Callable[[str, str], None], size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press(*"32")
        assert "Move 322 experiments" in browser.text
        assert "type 322 and Enter: 32" in browser.text
        assert "57 running (press r" in browser.text
        golden(f"confirm_many_{size[0]}", browser.text)

    drive(four_hundred, script, size=size)


async def begin(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Has all 3000 moved, but the first part only when what comes back is opened."""
    gate = Gate.before(monkeypatch, browser.app.store, "delete")
    await browser.press("a", "d")
    await gate.reached(browser, *"3000", "enter")
    await browser.until(lambda: "moved 0 of 3,000" in browser.text)
    return gate


def test_q_while_it_moves_says_how_far_it_is_and_can_stay(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        await browser.pilot.press("q")
        await browser.until(lambda: "Still at work" in browser.text)
        assert "moving to the trash: 0 of 3,000" in browser.text
        await browser.pilot.press("escape")
        await browser.until(lambda: "moved 0 of 3,000" in browser.text)
        await browser.pilot.press("q")
        await browser.until(lambda: "Still at work" in browser.text)
        # Nothing is left to wait for.
        gate.open()
        await browser.until(lambda: not browser.app.is_running)
        assert live(three_thousand) == 0

    drive(three_thousand, script)


def test_q_twice_while_it_moves_ends_after_the_part_at_hand(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        await browser.pilot.press("q", "q")
        gate.open()

    drive(three_thousand, script)
    assert live(three_thousand) == 2000


def test_a_terminal_that_became_too_small_meanwhile_closes_the_dialog_all_the_same(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        await browser.pilot.resize_terminal(30, 8)
        gate.open()
        await browser.until(lambda: live(three_thousand) == 0)
        await browser.pilot.resize_terminal(80, 24)
        await browser.until(lambda: not is_open(browser))
        await browser.settle()
        assert browser.notices == ["3,000 moved to trash, z undoes"]

    drive(three_thousand, script)


def test_a_large_deletion_goes_in_parts_and_is_undone_as_one(three_thousand: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d")
        await browser.press(*"3000", "enter")
        assert browser.notices[-1] == "3,000 moved to trash, z undoes"
        (batch,) = three_thousand.batches()
        assert (batch.count, batch.remaining, batch.size_bytes) == (3000, 3000, 3_000_000_000)
        await browser.press("z")
        assert live(three_thousand) == 3000

    drive(three_thousand, script)


def test_escape_stops_between_two_parts_and_says_what_was_moved(
    three_thousand: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        await browser.pilot.press("escape")
        gate.open()
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
        await browser.press("a", "d")
        await browser.press(*"3000", "enter")
        assert browser.notices[0] == "2,000 moved to trash, z undoes"
        assert "The rest was not moved" in browser.notices[1]
        assert "no more" in browser.notices[1]
        assert live(three_thousand) == 1000

    drive(three_thousand, script)
