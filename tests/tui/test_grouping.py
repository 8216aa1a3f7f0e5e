"""The list in groups: chosen, folded, marked, kept up to date."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.strip import Strip

from runicorn_db.database import Interrupt
from runicorn_db.errors import Interrupted
from runicorn_db.filter_language import parse
from runicorn_db.groups import MOST_GROUPS, Group, GroupBy, GroupMembers, Groups
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync_report import SyncReport
from runicorn_tui.messages import IndexChanged
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.screens.pick import PickScreen
from runicorn_tui.state import Memory
from runicorn_tui.widgets.group_columns import group_columns
from runicorn_tui.widgets.grouped_table import GroupedTable
from runicorn_tui.widgets.line_layout import Column
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate
from tests.tui.terminal_harness import Terminal
from tests.tui.test_golden import HOSTILE

Golden = Callable[[str, str], None]


@pytest.fixture
def trained(store: Store, tmp_path: Path) -> Store:
    """Sixty experiments with parameters: two optimizers, and learning rates that a fifth has none of."""
    entries = [
        replace(
            entry,
            params={
                "optimizer": ("adam", "sgd")[number % 2],
                **({"lr": (0.1, 0.01)[number % 2]} if number % 5 else {}),
            },
        )
        for number, entry in enumerate(indexed.varied(60))
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


@pytest.fixture
def hostile(store: Store, tmp_path: Path) -> Store:
    """Projects that try to be more than text, with two experiments each."""
    entries = [
        indexed.Entry(
            id=f"20250101_{number:06d}_{twice:06x}",
            name=f"run {number}",
            project=name,
            status=("failed", "finished")[twice],
            created_at=indexed.NOW - 600 * number - 60 * twice,
            best_metric_name=name or None,
            best_metric_value=number + twice / 4,
            size_bytes=None if number == 3 else 1000 * 10**number,
        )
        for number, name in enumerate(HOSTILE)
        for twice in (0, 1)
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


def by(text: str) -> list[str]:
    """The keys that group the list by what is found first by a text."""
    special = {".": "full_stop"}
    return ["O", *(special.get(c, c) for c in text), "enter"]


def group_lines(browser: Browser) -> list[str]:
    return [line.rstrip().rstrip("▐").rstrip() for line in browser.lines[2:-2] if line[0] in "▸▾"]


def ids(store: Store, text: str = "") -> set[str]:
    return set(store.id_list(store.ids(ExperimentQuery(filter=parse(text)[0]))))


def status(browser: Browser) -> str:
    return browser.lines[-2]


# Choosing.


def test_groups_say_how_many_how_good_how_large_and_in_which_states(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        vision, audio, nlp = (line.split() for line in group_lines(browser))
        assert vision == ["▸", "vision", "134", "0.9990", "✓58", "✗38", "■19", "▸19", "5.9", "GB", "1m"]
        # No best metric there; and a loss is best where it is lowest or highest as its mode says: here none was given.
        assert audio[:4] == ["▸", "audio", "133", "—"]
        assert nlp[:4] == ["▸", "nlp", "133", "0.1390"]
        assert "3 groups by project" in status(browser)
        assert browser.lines[0].rstrip().endswith(" 400")
        assert "1/3 " in status(browser)

    drive(four_hundred, script)


def test_letters_typed_right_after_the_key_look_for_a_parameter(trained: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("O", *"optim")
        assert isinstance(browser.app.screen, PickScreen)
        await browser.press("enter")
        assert [line.split()[1:3] for line in group_lines(browser)] == [["adam", "30"], ["sgd", "30"]]
        assert not browser.marked

    drive(trained, script)


def test_what_has_not_the_parameter_stands_in_the_last_group(trained: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("lr"))
        assert [line.split()[1:3] for line in group_lines(browser)] == [["0.01", "24"], ["0.1", "24"], ["(none)", "12"]]
        await browser.press("down", "down", "space")
        assert browser.marked == ids(trained, "-has:param.lr")

    drive(trained, script)


@pytest.mark.parametrize("key", ["O", "escape"])
def test_the_groups_go_by_the_key_they_came_with_and_the_cursor_stays_on_its_experiment(
    four_hundred: Store, key: str
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "enter", "down", "down", "down")
        current = browser.current
        await browser.press(key)
        assert group_lines(browser) == []
        assert browser.current == current
        assert "/400" in status(browser)
        assert "groups by" not in status(browser)

    drive(four_hundred, script)


def test_escape_leaves_the_groups_before_it_clears_filter_and_marks(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("status:failed")
        await browser.press("enter", *by("project"))
        first = group_lines(browser)[0].split()[1]
        await browser.press("space", "escape")
        assert group_lines(browser) == []
        assert browser.screen.bar.text == "status:failed"
        assert browser.marked == ids(four_hundred, f"status:failed project={first}")
        await browser.press("escape")
        assert browser.screen.bar.text == ""
        assert browser.marked

    drive(four_hundred, script)


def test_escape_clears_a_filter_that_matches_nothing_before_it_leaves_the_groups(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "slash", *"status:failed tag:nowhere", "enter")
        assert "esc clears it" in browser.text
        await browser.press("escape")
        assert browser.screen.bar.text == ""
        assert len(group_lines(browser)) == 3
        await browser.press("escape")
        assert group_lines(browser) == []

    drive(four_hundred, script)


def test_groups_stay_while_what_is_typed_matches_nothing(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("status"))
        before = group_lines(browser)
        await browser.press("slash")
        await browser.type("zzz")
        assert group_lines(browser) == before
        assert browser.screen.table.is_dimmed
        await browser.press("enter")
        assert "No experiment matches this filter" in browser.text

    drive(four_hundred, script)


def test_this_list_as_a_command_line_is_in_groups_too(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("s", *by("project"), "colon", *"cli", "enter")
        assert "ls --group-by=project --limit 0" in browser.text

    drive(four_hundred, script, size=(160, 24))


def test_the_position_among_groups_counts_lines(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        assert status(browser).startswith(" 1/400 ")
        await browser.press(*by("project"), "enter", "down")
        assert status(browser).startswith(" line 2/137 ")
        await browser.press("O")
        assert "line" not in status(browser)

    drive(four_hundred, script)


def test_leaving_the_chooser_groups_nothing(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        before = browser.text
        await browser.press("O", "escape")
        assert browser.text == before

    drive(four_hundred, script)


def test_an_experiment_with_two_tags_counts_in_both_and_it_is_said(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("tag"))
        lines = group_lines(browser)
        assert [line[4:16].strip() for line in lines] == ["a100", "sweep", "keep", "(no tag)"]
        counts = [int(re.sub("no tag", "none", line).split()[2]) for line in lines]
        assert counts == [len(ids(four_hundred, f"tag:{tag}")) for tag in ("a100", "sweep", "keep")] + [
            len(ids(four_hundred, "-has:tags"))
        ]
        assert sum(counts) > 400
        assert "4 groups by tag, overlapping" in status(browser)
        assert browser.lines[0].rstrip().endswith(" 400")

    drive(four_hundred, script, size=(100, 24))


def test_the_titles_of_groups_say_nothing_of_the_order_of_experiments(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        await browser.press(*["s"] * 6, *by("project"))
        assert table.order == ("size", True)
        assert "size ↓" in status(browser)
        assert browser.lines[1].split() == ["project", "count", "best", "metric", "status", "size", "latest"]
        await browser.press("enter", "down")
        assert "↓ size" in browser.lines[1]
        await browser.press("left_square_bracket")
        assert "↓" not in browser.lines[1]

    drive(four_hundred, script, size=(120, 24))


# Folding.


def test_enter_and_the_arrows_open_and_close_a_group(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        folded = browser.text
        for opens, closes in (("enter", "enter"), ("right", "left"), ("l", "h")):
            await browser.press(opens)
            assert "1/137" in status(browser)
            assert "vit_b_lr1e-2_s0" in browser.lines[3]
            assert " enter fold " in browser.lines[-1]
            await browser.press(closes)
            assert browser.text == folded
        # Among experiments the same keys are about columns.
        await browser.press("enter", "down", "right")
        assert browser.screen.table.column is not None

    drive(four_hundred, script)


def test_a_second_click_opens_a_group(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        await browser.pilot.click("GroupedTable", offset=(10, 2), times=2)
        await browser.settle()
        assert "2/136" in status(browser)

    drive(four_hundred, script)


def test_the_titles_are_those_of_the_line_under_the_cursor_and_only_those_of_experiments_sort(
    four_hundred: Store,
) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        before = table.order
        await browser.press(*by("project"))
        titles = browser.lines[1]
        assert titles.split() == ["project", "count", "best", "status", "size", "latest"]

        async def click_all() -> None:
            for x in range(0, table.size.width, 3):
                await browser.pilot.click("GroupedTable", offset=(x, 0))
            await browser.settle()

        await click_all()
        assert table.order == before
        await browser.press("enter")
        assert browser.lines[1] == titles
        await click_all()
        assert table.order == before
        await browser.press("down")
        assert browser.lines[1] != titles
        assert "name" in browser.lines[1]
        await browser.pilot.click("GroupedTable", offset=(5, 0))
        await browser.settle()
        assert table.order == ("name", False)
        await browser.press("down", "left_square_bracket")
        assert browser.lines[1] == titles

    drive(four_hundred, script)


def test_the_titles_are_drawn_again_only_where_they_change(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = GroupedTable.draw_header

    def draw_header(table: GroupedTable, *args: object) -> Strip:
        drawn.append(table.cursor)
        return draw(table, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(GroupedTable, "draw_header", draw_header)

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter")
        drawn.clear()
        await browser.press("down", "down", "down", "up", "up", "up")
        assert drawn == [1, 0]

    drive(four_hundred, script)


def test_columns_of_groups_are_measured_once_however_often_one_folds(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[GroupBy] = []

    def counted(groups: Groups, by: GroupBy, clock: Callable[[], float]) -> Sequence[Column[Group]]:
        measured.append(by)
        return group_columns(groups, by, clock)

    monkeypatch.setattr("runicorn_tui.widgets.grouped_table.group_columns", counted)

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), *["enter"] * 4)
        assert measured == ["project"]
        await browser.press("O", *by("status"))
        assert measured == ["project", "status"]

    drive(four_hundred, script)


def test_an_experiment_in_a_group_is_opened(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter", "down", "enter")
        assert isinstance(browser.app.screen, ExperimentScreen)
        assert "vit_b_lr1e-2_s0" in browser.text

    drive(four_hundred, script)


def test_brackets_go_from_group_to_group_and_to_the_own_one_first(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        await browser.press(*by("project"), "enter", "pagedown", "pagedown", "pagedown")
        assert table.cursor > 40
        await browser.press("right_square_bracket")
        assert table.cursor == 135
        await browser.press("left_square_bracket")
        assert table.cursor == 0
        await browser.press("pagedown", "left_square_bracket", "enter")
        assert "1/3" in status(browser)
        await browser.press("end", "left_square_bracket")
        assert table.cursor == 1

    drive(four_hundred, script)


def test_a_group_that_is_opened_at_the_lower_edge_comes_into_sight(trained: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("name"), *["down"] * 19, "enter")
        assert browser.lines[-3][0] != "▾"
        assert any(line[0] == "▾" for line in browser.lines)

    drive(trained, script)


@pytest.mark.parametrize(("column", "keys"), [("name", ["s", "s"]), ("created_at", []), ("best_metric_value", ["s"])])
def test_below_a_group_stand_its_experiments_in_the_order_of_the_list(
    four_hundred: Store, column: str, keys: list[str]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter", *keys)
        for is_descending in (column != "name", column == "name"):
            query = ExperimentQuery(
                filter=parse("project=vision")[0],
                order_by=column,  # type: ignore[arg-type]
                order_desc=is_descending,
                per_page=18,
            )
            expected = [row.name for row in four_hundred.find(query).experiments]
            first = next(at for at, line in enumerate(browser.lines) if line.startswith("▾")) + 1
            assert [line[4:30].split()[0] for line in browser.lines[first : first + 18]] == expected
            await browser.press("S")

    drive(four_hundred, script, size=(100, 26))


# Marking.


def test_space_marks_a_group_and_unmarks_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "space")
        assert browser.marked == ids(four_hundred, "project=audio")
        assert [line[:2] for line in group_lines(browser)] == ["▸ ", "▸●", "▸ "]
        # A folded group is stepped over, as an experiment is.
        assert browser.screen.table.cursor == 2
        await browser.press("up", "enter", "space")
        assert not browser.marked
        assert browser.screen.table.cursor == 1
        assert [line[:2] for line in group_lines(browser)] == ["▸ ", "▾ "]

    drive(four_hundred, script)


def test_a_group_of_which_some_are_marked_says_so_and_space_marks_the_rest(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", *by("project"))
        assert [line[:2] for line in group_lines(browser)] == ["▸◐", "▸ ", "▸◐"]
        await browser.press("space")
        assert [line[:2] for line in group_lines(browser)] == ["▸●", "▸ ", "▸◐"]
        assert ids(four_hundred, "project=vision") < browser.marked
        assert len(browser.marked) == 135
        await browser.press("up", "enter", "down", "space")
        assert group_lines(browser)[0][:2] == "▾◐"
        await browser.press("up", "space")
        assert group_lines(browser)[0][:2] == "▾●"
        await browser.press("U")
        assert group_lines(browser)[0][:2] == "▾ "

    drive(four_hundred, script)


def test_with_a_filter_a_group_is_what_matches_of_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "slash")
        await browser.type("status:failed")
        assert sum(int(line.split()[2]) for line in group_lines(browser)) == len(ids(four_hundred, "status:failed"))
        await browser.press("enter", "space")
        first = group_lines(browser)[0].split()[1]
        assert browser.marked == ids(four_hundred, f"status:failed project={first}")

    drive(four_hundred, script)


def test_a_range_over_folded_groups_marks_all_of_them(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "v", "down", "v")
        assert browser.marked == ids(four_hundred, "project:audio,nlp")
        await browser.press("U", "home", "enter", "down", "v", "down", "down", "v")
        assert len(browser.marked) == 3

    drive(four_hundred, script)


@pytest.mark.parametrize("folds", [["enter"], ["right", "left"]])
def test_folding_ends_a_range_so_that_nothing_else_comes_into_it(four_hundred: Store, folds: list[str]) -> None:
    async def script(browser: Browser) -> None:
        table = browser.screen.table
        await browser.press(*by("project"), "down", "enter", *["down"] * 5, "v", "down", "down")
        assert "range: move" in status(browser)
        await browser.press("left_square_bracket", "left_square_bracket", *folds)
        assert table.group == 0
        assert table.range_start is None
        assert "range: move" not in status(browser)
        # There is no range: what is deleted is what is under the cursor, and that is a group.
        await browser.press("d")
        assert browser.screen is browser.app.screen
        assert browser.notices == ["A group is under the cursor: space marks its experiments"]
        await browser.press("right_square_bracket", "down", "v", "v")
        assert len(browser.marked) == 1

    drive(four_hundred, script)


@pytest.mark.parametrize("keys", [["O"], ["s"], ["S"], ["r"], ["slash", *"status:failed", "enter"]])
def test_a_range_ends_where_its_lines_become_others(four_hundred: Store, keys: list[str]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter", "down", "v", "down", "down", *keys)
        assert browser.screen.table.range_start is None
        assert "range: move" not in status(browser)
        assert not browser.marked

    drive(four_hundred, script)


def test_marking_onwards_takes_folded_groups_whole(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "enter", "end", "up", "J")
        assert len(browser.marked) == 134
        assert ids(four_hundred, "project=nlp") < browser.marked

    drive(four_hundred, script)


def test_all_and_inverted_are_about_every_group(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("tag"), "a")
        assert len(browser.marked) == 400
        assert {line[1] for line in group_lines(browser)} == {"●"}
        await browser.press("space", "i")
        assert browser.marked == ids(four_hundred, "tag:a100")

    drive(four_hundred, script)


def test_nothing_is_marked_by_a_filter_that_is_half_understood(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        browser.screen.bar.set_text("foo:bar")
        await browser.press("space", "J")
        assert browser.screen.table.is_dimmed
        assert not browser.marked
        assert browser.notices[0].startswith("Cannot mark the group while the filter is unclear")

    drive(four_hundred, script)


@pytest.mark.parametrize("key", ["d", "t", "p", "E", "y"])
def test_on_the_line_of_a_group_nothing_is_done_to_an_experiment(four_hundred: Store, key: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), key)
        assert browser.notices == ["A group is under the cursor: space marks its experiments"]
        assert browser.screen.table.group == 0

    drive(four_hundred, script)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("w", ["Only what still runs can be watched."]),
        ("c", ["Comparing takes 2 to 20 marked experiments, none is marked: space marks"]),
        ("e", []),
    ],
)
def test_on_the_line_of_a_group_what_is_not_about_the_cursor_says_only_its_own(
    four_hundred: Store, key: str, said: list[str]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), key)
        assert browser.notices == said
        assert isinstance(browser.app.screen, ExportScreen) == (key == "e")

    drive(four_hundred, script)


# Changes.


def test_what_is_deleted_leaves_its_group_and_comes_back_into_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("status"), "enter", "down", "down")
        current = browser.current
        await browser.press("d", "y")
        await browser.until(lambda: " 171 " in group_lines(browser)[0])
        await browser.settle()
        assert browser.lines[0].rstrip().endswith(" 399")
        assert browser.screen.table.cursor == 2
        after = browser.current
        assert after != current
        await browser.press("z")
        await browser.until(lambda: " 172 " in group_lines(browser)[0])
        await browser.settle()
        assert browser.current == after
        await browser.press("up")
        assert browser.current == current

    drive(four_hundred, script)


def test_tagging_among_groups_of_tags_makes_the_group(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("tag"), "space", "t", *"winner", "enter")
        await browser.until(lambda: "winner" in browser.text)
        await browser.settle()
        assert "winner" in [line.split()[1] for line in group_lines(browser)]
        assert "5 groups by tag" in status(browser)

    drive(four_hundred, script)


def test_what_is_new_is_told_and_reloading_keeps_the_cursor_and_the_open_groups(
    four_hundred: Store, tmp_path: Path
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "enter", "down", "down", "down")
        current, before = browser.current, group_lines(browser)
        new = [replace(e, id=f"new{e.id}", project="audio", created_at=indexed.NOW) for e in indexed.numbered(30)]
        indexed.add(four_hundred, new, root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=30)))
        await browser.settle()
        assert "30 new: r" in status(browser)
        assert "groups changed: r" in status(browser)
        assert (browser.current, group_lines(browser)) == (current, before)
        await browser.press("r")
        await browser.until(lambda: "30 new" not in status(browser))
        await browser.settle()
        assert "groups changed" not in status(browser)
        assert browser.current == current
        await browser.press("left_square_bracket")
        # It is the largest now.
        assert group_lines(browser)[0].split()[1:3] == ["audio", "163"]
        assert browser.screen.table.cursor == 0

    drive(four_hundred, script, size=(120, 24))


def test_what_changes_within_a_group_is_said_on_its_line(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter")
        assert "▸19" in group_lines(browser)[0]
        with four_hundred.database.writing() as connection:
            connection.execute("UPDATE experiment SET status = 'failed' WHERE status = 'running'")
        browser.app.post_message(IndexChanged(SyncReport(changed=57)))
        await browser.settle()
        assert "✗57 ■19 " in group_lines(browser)[0]
        assert "groups changed" not in status(browser)

    drive(four_hundred, script)


def test_only_the_lines_of_groups_that_changed_are_painted(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    draw = GroupedTable.draw_line

    def draw_line(table: GroupedTable, index: int, *args: object, **options: object) -> Strip:
        painted.append(index)
        return draw(table, index, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(GroupedTable, "draw_line", draw_line)

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"))
        painted.clear()
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.settle()
        assert painted == []
        with four_hundred.database.writing() as connection:
            newest = "(SELECT max(seq) FROM experiment WHERE project = 'audio')"
            connection.execute(f"UPDATE experiment SET size_bytes = 5e12 WHERE seq = {newest}")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.settle()
        assert painted == [1]
        assert "5.0 TB" in group_lines(browser)[1]

    drive(four_hundred, script)


class Looking(Store):
    """Says which groups were looked at, and answers only while it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.interrupts: list[Interrupt | None] = []
        self.gate = Gate()

    def groups(self, query: ExperimentQuery, by: GroupBy, *, interrupt: Interrupt | None = None) -> Groups:
        self.interrupts.append(interrupt)
        self.gate.wait()
        return super().groups(query, by, interrupt=interrupt)


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    store = Looking(tmp_path / "index.db")
    with store:
        indexed.add(store, indexed.varied(60), root=tmp_path / "root")
        yield store


def test_changes_during_a_look_at_the_groups_are_one_more_look(looking: Looking) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("status"))
        for number in range(3):
            with looking.database.writing() as connection:
                connection.execute("UPDATE experiment SET size_bytes = ?", (10**number,))
            browser.app.post_message(IndexChanged(SyncReport(changed=60)))
            await browser.until(lambda: len(looking.interrupts) == 1)
        looking.gate.open()
        await browser.settle()
        assert len(looking.interrupts) == 2
        count = int(group_lines(browser)[0].split()[3])
        assert f" {count / 10:.1f} kB " in group_lines(browser)[0]

    drive(looking, script)


def test_groups_that_take_long_to_look_at_are_left_alone_for_longer(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    sleep = asyncio.sleep

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        await sleep(0)

    async def script(browser: Browser) -> None:
        await browser.press(*by("status"))
        monkeypatch.setattr("runicorn_tui.screens.grouping.asyncio.sleep", rest)
        began = time.monotonic()
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: len(looking.interrupts) == 1 and time.monotonic() > began + 0.2)
        looking.gate.open()
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: len(looking.interrupts) == 2)
        await browser.settle()
        rests_of_looks = [seconds for seconds in rests if seconds > 1 or seconds < 0]
        assert rests_of_looks[0] < 0
        assert rests_of_looks[1] > 2
        # What is listed anew is looked at without a rest.
        await browser.press("r")
        rests.clear()
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: len(looking.interrupts) == 3)
        assert min(rests) < 0

    drive(looking, script)


@pytest.mark.parametrize("key", ["O", "r", "s"])
def test_another_list_takes_the_look_at_the_groups_back(looking: Looking, key: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("status"))
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: len(looking.interrupts) == 1)
        (look,) = looking.interrupts
        assert look is not None
        look.check()
        await browser.press(key)
        with pytest.raises(Interrupted):
            look.check()
        looking.gate.open()
        await browser.settle()
        assert not browser.widget("#problem").display

    drive(looking, script)


def test_groups_are_there_again_at_the_next_start(four_hundred: Store, tmp_path: Path) -> None:
    file = tmp_path / "state" / "state.json"

    def start(script: Callable[[Browser], object]) -> None:
        memory = Memory(file, four_hundred.path)
        memory.load()
        memory.state.has_seen_hints = True
        drive(four_hundred, script, memory=memory)  # type: ignore[arg-type]

    async def first(browser: Browser) -> None:
        await browser.press(*by("status"))

    async def second(browser: Browser) -> None:
        assert [line.split()[2] for line in group_lines(browser)] == ["finished", "failed", "interrupted", "running"]
        await browser.press("O")

    async def third(browser: Browser) -> None:
        assert group_lines(browser) == []

    for script in (first, second, third):
        start(script)


def test_of_too_many_values_the_largest_are_listed_and_the_others_counted(store: Store, tmp_path: Path) -> None:
    entries = indexed.numbered(MOST_GROUPS + 25)
    entries[-1] = replace(entries[-1], name=entries[0].name)
    indexed.add(store, entries, root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press(*by("name"))
        assert group_lines(browser)[0].split()[1:4] == ["run", "0", "2"]
        assert "10,024 groups by name" in status(browser)
        await browser.press("end")
        assert "… 24 more values with fewer: 24 experiments" in browser.text
        await browser.press("enter", "space", "l", "left_square_bracket", "space")
        assert len(browser.marked) == 1

    drive(store, script)


def test_columns_of_groups_are_measured_in_a_thread(four_hundred: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def measured(groups: Groups, by: GroupBy, clock: Callable[[], float]) -> Sequence[Column[Group]]:
        threads.append(threading.current_thread().name)
        return group_columns(groups, by, clock)

    monkeypatch.setattr("runicorn_tui.widgets.grouped_table.group_columns", measured)

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "r", "S", "enter")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.settle()
        assert len(threads) == 4
        assert all(name.startswith("store") for name in threads)

    drive(four_hundred, script)


def test_groups_are_asked_for_in_a_thread(four_hundred: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    asked = Store.group_members

    def group_members(store: Store, query: ExperimentQuery, grouping: GroupBy, **options: object) -> GroupMembers:
        threads.add(threading.current_thread().name)
        return asked(store, query, grouping, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "group_members", group_members)

    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "enter", "S")
        assert threads
        assert all(name.startswith("store") for name in threads)

    drive(four_hundred, script)


# Looks.


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_hostile_groups_are_only_text(hostile: Store, golden: Golden, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("project"), "down", "space", "enter", "down", "down", "space")
        golden(f"groups_hostile_{size[0]}", browser.text)

    drive(hostile, script, size=size)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
def test_screen_of_groups(four_hundred: Store, golden: Golden, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*by("tag"), "space", "enter")
        golden(f"groups_{size[0]}", browser.text)

    drive(four_hundred, script, size=size)


# In a terminal.


def test_a_group_is_opened_marked_and_deleted_in_a_terminal(four_hundred: Store) -> None:
    terminal = Terminal.browse(four_hundred.path)
    try:
        terminal.until("1/400")
        terminal.press("O", *"status")
        terminal.until("Group by")
        terminal.press("enter")
        terminal.until("4 groups by status")
        terminal.press("down", "down", "enter")
        terminal.until("3/61")
        terminal.press("space")
        terminal.until("57 marked")
        terminal.press("d")
        # Four of them are pinned.
        terminal.until("type 53 and Enter")
        terminal.press(*"53", "enter")
        terminal.until("53 moved to trash, z undoes")
        terminal.until(lambda text: text.splitlines()[0].endswith(" 347"))
        terminal.press("z")
        terminal.until(lambda text: text.splitlines()[0].endswith(" 400"))
        terminal.press("escape")
        terminal.until("/400")
        terminal.press("q")
        assert terminal.end() == 0
    finally:
        terminal.kill()
