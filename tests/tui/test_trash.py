from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.report import FailuresScreen
from runicorn_tui.screens.trash import DeletedScreen, DeletedTable, TrashScreen
from runicorn_tui.widgets.line_table import LineTable
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate


@pytest.fixture
def ten(store: Store, tmp_path: Path) -> Store:
    """Ten experiments, `run 0` the newest."""
    indexed.add(store, indexed.numbered(10), root=tmp_path / "root")
    return store


def ids(store: Store) -> list[str]:
    return [experiment.id for experiment in store.find(ExperimentQuery()).experiments]


def test_an_empty_trash_says_so_and_lets_one_back(ten: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("enter")
        await browser.press("r")
        await browser.press("z")
        assert "Nothing was deleted yet." in browser.text
        await browser.press("escape")
        assert browser.current == "run 0"

    drive(ten, script)


def test_it_lists_the_acts_of_all_doors_newest_first(ten: Store) -> None:
    everything = ids(ten)
    ten.delete(everything[:3], source="cli", reason="old", query="age>30d")
    ten.delete(everything[3:4], source="api", reason="a\x1b[2Jb[/]")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        assert isinstance(browser.app.screen, TrashScreen)
        first, second = browser.lines[2], browser.lines[3]
        assert "REST" in first
        assert "a\\x1b[2Jb[/]" in first
        assert "command" in second
        assert "age>30d" in second
        assert "4 experiments in 2 deletions" in browser.lines[0]

    drive(ten, script, size=(120, 24))


def test_r_restores_an_act_and_the_list_shows_it(ten: Store) -> None:
    everything = ids(ten)
    ten.delete(everything[:3], source="cli")
    ten.delete(everything[3:5], source="cli")
    with ten.database.writing() as connection:
        connection.execute("UPDATE batch SET created_at = ?", (time.time() - 7200,))

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("down", "r")
        assert browser.notices == ["3 experiments restored, deleted 2h ago from command"]
        assert "0 of 3" in browser.lines[3]
        await browser.press("escape")
        assert "/8" in browser.text

    drive(ten, script, clock=time.time)


@pytest.mark.parametrize("keys", [("r", "escape"), ("enter", "r", "escape", "escape"), ("z", "escape")], ids=str)
def test_a_screen_that_is_left_before_the_end_of_a_restoration_ends_nothing_and_the_list_shows_it(
    ten: Store, monkeypatch: pytest.MonkeyPatch, keys: Sequence[str]
) -> None:
    gate = Gate.before(monkeypatch, ten, "restore", "restore_batch")

    async def script(browser: Browser) -> None:
        await browser.press("space", "d", "y")
        assert "/9" in browser.text
        await browser.press("X")
        for key in keys:
            await browser.pilot.press(key)
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        await browser.until(lambda: "/9" in browser.text)
        gate.open()
        await browser.settle()
        assert "/10" in browser.text
        assert any("restored" in notice for notice in browser.notices)

    drive(ten, script)


def test_what_cannot_be_restored_any_more_is_said_on_the_screen_below(
    ten: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ten.delete(ids(ten)[:3], source="cli")
    gate = Gate.before(monkeypatch, ten, "restore_batch")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        for key in ("r", "escape"):
            await browser.pilot.press(key)
        with closing(sqlite3.connect(ten.path)) as connection:
            connection.execute("ALTER TABLE batch RENAME TO gone")
        gate.open()
        await browser.settle()
        assert any("batch" in notice for notice in browser.notices)

    drive(ten, script)


def test_enter_lists_the_experiments_and_r_restores_one(ten: Store) -> None:
    ten.delete(ids(ten)[:3], source="cli")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("enter")
        assert isinstance(browser.app.screen, DeletedScreen)
        assert [f"run {number}" in browser.text for number in range(4)] == [True, True, True, False]
        await browser.press("down", "r")
        assert "run 1" not in browser.text
        await browser.press("escape")
        assert "2 of 3" in browser.lines[2]
        await browser.press("r")
        assert len(ids(ten)) == 10

    drive(ten, script)


def test_marked_ones_are_restored_together_and_the_cursor_goes_to_what_is_left(ten: Store) -> None:
    ten.delete(ids(ten)[:6], source="cli")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("enter")
        await browser.press("down", "v", "down", "down")
        assert "range: move, then v marks" in browser.text
        await browser.press("r")
        assert browser.notices == ["3 experiments restored"]
        assert "3 of 6 in the trash" in browser.lines[0]
        table = browser.app.screen.query_one(DeletedTable)
        assert (table.current is not None and table.current.name, len(table.marks)) == ("run 4", 0)
        await browser.press("a")
        assert "3 marked" in browser.text
        await browser.press("r")
        assert "Nothing of this is in the trash any more." in browser.text
        assert len(ids(ten)) == 10

    drive(ten, script)


def test_what_a_restart_forgot_is_restored_from_the_trash(ten: Store) -> None:
    async def delete(browser: Browser) -> None:
        await browser.press("space", "space", "d")
        await browser.press("y")
        assert len(ids(ten)) == 8

    async def restore(browser: Browser) -> None:
        await browser.press("z")
        assert browser.notices[-1].startswith("Nothing to undo in this session. X opens the trash")
        await browser.press("X")
        await browser.press("r")
        await browser.press("escape")
        assert "/10" in browser.text

    drive(ten, delete)
    drive(ten, restore)
    assert len(ids(ten)) == 10


def test_z_in_the_trash_takes_back_the_last_deletion_of_this_session(ten: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d")
        await browser.press("y")
        ten.delete(ids(ten)[:2], source="api")
        await browser.press("X")
        await browser.press("z")
        assert browser.notices[-1] == "1 experiment restored, Z deletes again"
        assert ["0 of 1" in line for line in browser.lines[2:4]] == [False, True]
        await browser.press("Z")
        await browser.press("escape")
        assert "/7" in browser.text

    drive(ten, script)


def test_emptied_deletions_can_be_hidden(ten: Store) -> None:
    everything = ids(ten)
    for number in range(3):
        ten.delete(everything[number : number + 1], source="cli", reason=f"reason {number}")
    ten.restore(everything[1:2])

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("end", "h")
        assert "1 emptied ones hidden" in browser.lines[0]
        assert "reason 1" not in browser.text
        assert browser.app.screen.query_one(LineTable).cursor == 1
        await browser.press("h")
        assert "reason 1" in browser.text
        ten.restore(everything)
        await browser.press("r")
        await browser.press("h")
        assert "Every deletion was taken back or removed for good." in browser.text

    drive(ten, script, size=(120, 24))


def test_ten_thousand_deletions_are_all_listed(ten: Store) -> None:
    with ten.database.writing() as connection:
        connection.executemany(
            "INSERT INTO batch (created_at, source, reason, query, count, size_bytes) VALUES (?, 'cli', ?, '', 1, 1)",
            [(indexed.NOW - number, f"reason {number}") for number in range(10_000)],
        )

    async def script(browser: Browser) -> None:
        await browser.press("X")
        assert "1/10,000" in browser.text
        await browser.press("end")
        assert "10,000/10,000" in browser.text
        assert "reason 0" in browser.text

    drive(ten, script, size=(120, 24))


def test_what_is_being_removed_cannot_be_restored_and_is_listed(ten: Store) -> None:
    gone = ids(ten)[:2]
    ten.delete(gone, source="cli")
    indexed.being_purged(ten, gone[0])

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("r")
        assert isinstance(browser.app.screen, FailuresScreen)
        assert "1 experiment not restored" in browser.lines[0]
        assert "is being purged" in browser.text
        assert len(ids(ten)) == 9

    drive(ten, script)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (160, 50)])
def test_the_trash_at_every_size(ten: Store, golden: Callable[[str, str], None], size: tuple[int, int]) -> None:
    everything = ids(ten)
    ten.delete(everything[:3], source="cli", reason="old", query="age>30d")
    ten.delete(everything[3:4], source="api", reason="a\x1b[2Jb[/]")
    ten.delete(everything[4:6], source="tui")
    ten.restore(everything[4:6])
    ten.restore(everything[:1])
    with ten.database.writing() as connection:
        connection.execute("UPDATE batch SET created_at = ? - 86400 * (10 - id)", (indexed.NOW,))

    async def script(browser: Browser) -> None:
        await browser.press("X")
        golden(f"trash_{size[0]}", browser.text)
        await browser.press("end", "enter")
        await browser.press("space")
        golden(f"trash_inside_{size[0]}", browser.text)

    drive(ten, script, size=size)
