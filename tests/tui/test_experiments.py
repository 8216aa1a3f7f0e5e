"""The experiments screen through its keys. Of `four_hundred`, 114 failed and 57 run (see `indexed.varied`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import SyncProgress, SyncReport
from runicorn_tui.messages import IndexChanged, SyncMoved
from runicorn_tui.screens.confirm import ConfirmDelete
from runicorn_tui.terminal import settle
from runicorn_tui.widgets.experiment_columns import ORDER_COLUMNS
from runicorn_tui.widgets.line_table import LineTable
from tests.tui import indexed
from tests.tui.drive import Browser, drive


def names(store: Store, **query: object) -> list[str]:
    page = store.find(ExperimentQuery(per_page=1000, **query))  # pyright: ignore[reportArgumentType]
    return [experiment.name for experiment in page.experiments]


# Listing.


def test_it_opens_on_the_newest_experiment_with_the_exact_number(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        assert browser.current == "vit_b_lr1e-2_s0"
        assert " 1/400" in browser.text
        assert browser.lines[0].rstrip().endswith("400")

    drive(four_hundred, script)


def test_it_lists_only_the_roots_it_was_opened_on(four_hundred: Store, tmp_path: Path) -> None:
    indexed.add(four_hundred, [indexed.Entry(id="20250101_000000_aaaaaa", name="alone")], root=tmp_path / "other")

    async def script(browser: Browser) -> None:
        assert browser.current == "alone"
        assert " 1/1" in browser.text

    drive(four_hundred, script, roots=("other",))


def test_the_cursor_reaches_every_experiment(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        expected = names(four_hundred)
        await browser.press("G")
        assert browser.current == expected[-1]
        assert "400/400" in browser.text
        await browser.press("up", "k", "pageup")
        assert browser.current == expected[-3 - 19]
        await browser.press("g", "down", "j", "pagedown", "pagedown", "pagedown")
        assert browser.current == expected[2 + 3 * 19]
        await browser.press("home", "up")
        assert browser.current == expected[0]

    drive(four_hundred, script)


def test_a_step_over_the_edge_shows_the_row_it_comes_to(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        expected = names(four_hundred)
        for index in range(1, 34):
            await browser.pilot.press("down")
            assert browser.current == expected[index]
            assert any(f" {expected[index]} " in line for line in browser.lines), index
        for index in reversed(range(33)):
            await browser.pilot.press("up")
            assert any(f" {expected[index]} " in line for line in browser.lines), index

    drive(four_hundred, script)


def test_s_walks_through_every_order_the_store_knows(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        for order in [*list(ORDER_COLUMNS)[1:], "created_at"]:
            await browser.press("s")
            desc = order not in ("name", "project", "status")
            assert browser.current == names(four_hundred, order_by=order, order_desc=desc)[0], order
        await browser.press("S")
        assert browser.current == names(four_hundred, order_desc=False)[0]
        assert "created ↑" in browser.text

    drive(four_hundred, script)


def test_a_click_on_a_title_sorts_and_a_second_one_reverses(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        column = browser.lines[1].index("project")
        for desc in (False, True):
            await browser.pilot.click(LineTable, offset=(column, 0))
            await browser.settle()
            assert browser.current == names(four_hundred, order_by="project", order_desc=desc)[0]

    drive(four_hundred, script)


def test_columns_leave_by_rank_when_it_gets_narrow(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        def titles() -> list[str]:
            return [title for title in browser.lines[1].split() if title not in ("↓", "↑")]

        every = ["name", "project", "status", "best", "metric", "age", "duration", "size", "tags", "id", "host"]
        for width, expected in (
            (40, ["name", "status", "age"]),
            (60, ["name", "status", "best", "age"]),
            (80, every[:6]),
            (100, every[:7]),
            (160, every),
        ):
            await browser.pilot.resize_terminal(width, 24)
            await browser.settle()
            assert titles() == expected
            assert all(len(line) == width for line in browser.lines)

    drive(four_hundred, script)


def test_an_empty_index_says_how_to_fill_it(store: Store) -> None:
    async def script(browser: Browser) -> None:
        assert "no experiments yet" in browser.text
        assert "runicorn-tui FOLDER" in browser.text
        await browser.press("d", "a", "space", "v", "G", "enter", "p", "y")
        assert "no experiments yet" in browser.text

    drive(store, script)


def test_an_empty_result_says_how_to_get_out(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("nothing is called so")
        await browser.press("enter")
        assert "esc clears it" in browser.text
        assert browser.lines[0].rstrip().endswith("0 of 400")

    drive(four_hundred, script)


def test_a_window_that_is_too_small_says_so_and_comes_back(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.pilot.resize_terminal(39, 24)
        await browser.settle()
        assert "Needs 40x10" in browser.text
        await browser.pilot.resize_terminal(1, 1)
        await browser.settle()
        await browser.pilot.resize_terminal(500, 200)
        await browser.settle()
        assert browser.current == "vit_b_lr1e-2_s0"

    drive(four_hundred, script)


# The filter.


def test_results_follow_the_typing(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("status:failed")
        assert browser.lines[0].rstrip().endswith("114 of 400")
        await browser.press("enter")
        assert browser.screen.focused is browser.screen.table

    drive(four_hundred, script)


def test_letters_typed_into_the_filter_do_nothing_else(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("qdazXrvsU?")
        assert browser.screen.bar.text == "qdazXrvsU?"
        assert not browser.marked
        assert four_hundred.batches() == []

    drive(four_hundred, script)


def test_escape_clears_the_filter_then_the_marks(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "slash")
        await browser.type("vit")
        await browser.press("enter", "v", "escape")
        assert browser.screen.bar.text == "vit"
        assert browser.screen.table.range_start is None
        await browser.press("escape")
        assert (browser.screen.bar.text, len(browser.marked)) == ("", 1)
        assert "1/400" in browser.text
        await browser.press("escape")
        assert browser.marked == set()

    drive(four_hundred, script)


def test_the_wrong_word_is_pointed_at(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("failed statsu:x")
        begin = browser.lines[0].index("statsu")
        assert browser.lines[1].index("^") == begin
        assert "status" in browser.lines[1] + browser.lines[2]

    drive(four_hundred, script, size=(120, 24))


def test_a_half_understood_filter_keeps_the_last_rows_and_never_acts(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("status:failed")
        await browser.type(" foo:bar")
        assert browser.screen.table.is_dimmed
        assert len(browser.screen.table.rows) == 114
        await browser.press("enter", "a", "i", "d")
        assert not browser.marked
        assert not isinstance(browser.app.screen, ConfirmDelete)
        assert [notice.partition(" while")[0] for notice in browser.notices] == [
            "Cannot mark all",
            "Cannot invert",
            "Cannot delete",
        ]
        await browser.press("slash", *["backspace"] * 8)
        await browser.pause_is_over()
        assert not browser.screen.table.is_dimmed
        await browser.press("enter", "a")
        assert len(browser.marked) == 114

    drive(four_hundred, script)


def test_rows_stay_while_what_is_typed_matches_nothing_and_are_not_acted_on(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        await browser.press("slash")
        await browser.type("status:failed")
        await browser.type(" zzz")
        assert table.is_dimmed
        assert len(table.rows) == 114
        assert browser.lines[0].rstrip().endswith("0 of 400")
        assert "no match: last rows" in browser.text
        screen, said = browser.screen, set[str]()
        acts = (screen.action_delete, screen.action_export, screen.action_show_command)
        for act in (table.action_mark_all, table.action_invert, *acts):
            act()
            await browser.settle()
            said.update(browser.notices)
        assert not browser.marked
        assert len(browser.app.screen_stack) == 1
        assert said == {
            f"Cannot {act}: no experiment matches the filter"
            for act in ("delete", "export", "show this list as a command line", "mark all", "invert")
        }
        await browser.press("enter")
        assert "No experiment matches this filter" in browser.text
        assert "no match: last rows" not in browser.text
        await browser.press("a", "d", "e")
        assert not browser.marked
        assert len(browser.app.screen_stack) == 1
        await browser.press("slash", *["backspace"] * 4)
        await browser.until(lambda: not browser.screen.bar.is_waiting and len(table.rows) == 114)
        assert not table.is_dimmed

    drive(four_hundred, script)


def test_the_last_good_rows_are_never_an_empty_step_on_the_way(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        await browser.press("slash")
        await browser.type("prq")
        assert "no match: last rows" in browser.text
        await browser.press("backspace", "o")
        await browser.type("ject:")
        assert "filter unclear: last good rows" in browser.text
        assert len(table.rows) == 400
        assert browser.lines[0].rstrip().endswith(" 400")
        # They are those of the filter that is listed again.
        await browser.press("enter", "r")
        assert len(table.rows) == 400
        assert table.is_dimmed
        await browser.press("slash")
        await browser.type("nlp")
        assert {row.project for index in range(9) if (row := table.rows.row(index))} == {"nlp"}
        assert not table.is_dimmed

    drive(four_hundred, script)


def test_what_comes_to_match_while_it_is_typed_is_listed(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("newcomer")
        assert browser.screen.table.is_dimmed
        listed = four_hundred.find(ExperimentQuery(per_page=1)).experiments
        indexed.rename(four_hundred, listed[0].id, "newcomer")
        with four_hundred.database.writing() as connection:
            connection.execute("UPDATE search_text SET name = 'newcomer' WHERE name = ?", (listed[0].name.casefold(),))
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: not browser.screen.table.is_dimmed)
        assert browser.current == "newcomer"

    drive(four_hundred, script)


def test_only_the_last_of_many_filters_is_shown(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        for text in ("vit", "bert", "moe_a", "resnet50", "s39"):
            browser.screen.bar.set_text(text)
            await browser.pilot.pause()
        await browser.settle()
        assert len(browser.screen.table.rows) == len(names(four_hundred, search="s39")) == 11

    drive(four_hundred, script)


def test_keys_typed_ahead_of_the_focus_go_where_they_are_meant_to(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        # All before the program has seen the first of them.
        for key in ("slash", "d", "a", "enter", "escape"):
            character = {"slash": "/", "enter": "\r", "escape": "\x1b"}.get(key, key)
            browser.app.post_message(events.Key(key, character))
        await browser.settle()
        assert browser.screen.bar.text == ""
        assert not browser.marked
        assert four_hundred.batches() == []

    drive(four_hundred, script)


def test_a_filter_typed_in_one_burst_arrives_whole(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        for key in ("slash", *"spade"):
            browser.app.post_message(events.Key(key, "/" if key == "slash" else key))
        await browser.settle()
        assert browser.screen.bar.text == "spade"
        assert not browser.marked

    drive(four_hundred, script)


# Marks.


def test_space_marks_and_goes_on(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "up", "space")
        assert len(browser.marked) == 1
        assert "1 marked (1.0 kB)" in browser.text

    drive(four_hundred, script)


def test_v_marks_a_range_in_either_direction(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("v", "G")
        assert browser.text.count("●") == 20
        assert not browser.marked
        await browser.press("v")
        assert len(browser.marked) == 400
        await browser.press("U", "v", "up", "up", "v")
        assert len(browser.marked) == 3

    drive(four_hundred, script)


def test_shifted_arrows_and_their_twins_mark_on_the_way(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("shift+down", "J", "J")
        assert len(browser.marked) == 4
        await browser.press("U", "shift+up", "K")
        assert len(browser.marked) == 3

    drive(four_hundred, script)


def test_all_and_invert_are_about_what_matches(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "slash")
        await browser.type("status:failed")
        await browser.press("enter", "a")
        assert len(browser.marked) == 115
        await browser.press("escape", "i")
        assert len(browser.marked) == 400 - 115
        await browser.press("U")
        assert "marked" not in browser.text

    drive(four_hundred, script)


# What happens outside.


def test_changed_rows_are_updated_in_place_and_new_ones_only_announced(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "down")
        before = browser.current
        indexed.rename(four_hundred, browser.screen.table.current.id, "renamed on disk")  # pyright: ignore
        fresh = [indexed.Entry(id=f"20251231_000000_00000{n}", name="new", created_at=indexed.NOW) for n in range(3)]
        indexed.add(four_hundred, fresh, root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=3, changed=1)))
        await browser.until(lambda: "3 new: r" in browser.text)
        assert (browser.current, before) == ("renamed on disk", "moe_a_lr1e-4_s2")
        assert "3/400" in browser.text
        await browser.press("r")
        assert browser.current == "renamed on disk"
        assert "6/403" in browser.text
        assert "new: r" not in browser.text

    drive(four_hundred, script)


def test_what_no_longer_matches_stays_and_is_announced(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        def end(count: int) -> None:
            with four_hundred.database.writing() as connection:
                connection.execute(
                    "UPDATE experiment SET status = 'failed' WHERE seq IN"
                    " (SELECT seq FROM experiment WHERE status = 'running' ORDER BY created_at DESC LIMIT ?)",
                    (count,),
                )
            browser.app.post_message(IndexChanged(SyncReport(changed=count)))

        await browser.press("slash", *"is", "colon", *"running", "enter")
        listed = len(browser.screen.table.rows)
        end(1)
        await browser.until(lambda: "1 no longer matches: r" in browser.text)
        assert "✗ failed" in browser.lines[2]
        assert len(browser.screen.table.rows) == listed
        end(2)
        await browser.until(lambda: "3 no longer match: r" in browser.text)
        await browser.press("r")
        assert "no longer match" not in browser.text
        assert len(browser.screen.table.rows) == listed - 3

    drive(four_hundred, script)


def test_a_first_sync_says_how_far_it_is_and_fills_the_list(store: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        progress = SyncProgress(root="lab", phase="list", done=120, total=400)
        browser.app.post_message(SyncMoved(progress))
        await browser.until(lambda: "reading lab: 120/400" in browser.text)
        indexed.add(store, indexed.varied(30), root=tmp_path / "root")
        browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase="list", done=150, total=400)))
        await browser.until(lambda: "1/30" in browser.text)
        late = indexed.Entry(id="20260101_000000_ffffff", name="late", created_at=indexed.NOW)
        indexed.add(store, [late], root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=31)))
        await browser.until(lambda: "1/31" in browser.text)
        assert browser.current == "late"
        browser.app.post_message(SyncMoved(None))
        await browser.until(lambda: "reading" not in browser.text)


def test_a_sync_that_finds_nothing_new_says_nothing(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        before = browser.text
        for phase in ("scan", "list", "series"):
            browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase=phase, done=0, total=0)))
        await browser.settle()
        assert browser.text == before

    drive(four_hundred, script)


def test_rows_and_cursor_stay_when_an_unmarked_list_is_filled(store: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        indexed.add(store, indexed.varied(30), root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=30)))
        await browser.until(lambda: "1/30" in browser.text)
        await browser.press("down", "down")
        before = browser.current
        late = indexed.Entry(id="20260101_000000_ffffff", name="late", created_at=indexed.NOW)
        indexed.add(store, [late], root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=1)))
        await browser.until(lambda: "4/31" in browser.text)
        assert browser.current == before

    drive(store, script)


def test_what_another_program_deleted_stays_in_place_and_says_so(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        current = browser.screen.table.current
        assert current is not None
        four_hundred.delete([current.id], source="api")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: "in trash" in browser.text)
        assert "1/400" in browser.text

    drive(four_hundred, script)


# Small acts.


def test_p_pins_and_unpins(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        first = browser.screen.table.current
        assert first is not None
        await browser.press("p")
        assert four_hundred.get(first.id).experiment.is_pinned
        assert "◆" in browser.lines[2]
        await browser.press("p")
        assert not four_hundred.get(first.id).experiment.is_pinned

    drive(four_hundred, script)


def test_the_path_of_the_run_directory_is_copied_and_shown(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "Y")
        current = browser.screen.table.current
        assert current is not None
        assert browser.app.clipboard == current.run_dir
        assert browser.notices == [f"Copied {current.run_dir}"]
        await browser.press("O", "enter", "Y")
        assert "A group is under the cursor" in browser.notices[-1]

    drive(four_hundred, script)


def test_y_copies_the_id(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("y")
        current = browser.screen.table.current
        assert current is not None
        assert browser.app.clipboard == current.id
        assert browser.notices == [f"Copied {current.id}"]

    drive(four_hundred, script)


def test_q_ends_the_program(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.pilot.press("q")

    app = drive(four_hundred, script)
    assert app.return_code == 0


def test_pasted_text_goes_nowhere_but_into_a_field(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        browser.screen.post_message(events.Paste("dy\nq"))
        await browser.settle()
        assert browser.current == "vit_b_lr1e-2_s0"
        assert four_hundred.batches() == []

    drive(four_hundred, script)


def test_an_error_of_the_store_is_one_line_and_the_rows_stay(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        with four_hundred.database.writing() as connection:
            connection.execute("ALTER TABLE root RENAME TO elsewhere")
        await browser.press("s")
        assert "no such table" in browser.text
        assert "r retries" in browser.text
        assert "vit_b_lr1e-2_s0" in browser.text
        with four_hundred.database.writing() as connection:
            connection.execute("ALTER TABLE elsewhere RENAME TO root")
        await browser.press("r")
        assert "no such table" not in browser.text

    drive(four_hundred, script)


# A terminal far away.


@pytest.mark.parametrize(("is_slow", "rows"), [(False, 19), (True, 10)])
def test_over_a_slow_line_a_page_is_half_of_one_and_nothing_moves_by_itself(
    four_hundred: Store, is_slow: bool, rows: int
) -> None:
    settle(is_slow=is_slow)

    async def script(browser: Browser) -> None:
        await browser.press("pagedown")
        assert browser.screen.table.cursor == rows
        await browser.press("pageup")
        assert browser.screen.table.cursor == 0
        assert (browser.app.animation_level == "none") is is_slow

    drive(four_hundred, script)
