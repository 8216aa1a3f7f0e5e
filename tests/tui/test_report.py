from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.acts import Failure
from runicorn_tui.screens.report import FailuresScreen, JournalScreen
from tests.tui import indexed
from tests.tui.drive import Browser, drive

HOSTILE = "a[/]\x1b[2J\u202eb"
LONG = "Refused: experiment 20250101_000000_bbbbbb refers to " + "checkpoints/" * 12
SIZES = [(40, 10), (80, 24), (160, 50)]

Golden = Callable[[str, str], None]


@pytest.fixture
def purged(store: Store) -> Store:
    """An index with three purges in its journal: all of a run, some files of one, and one that is stuck."""
    rows = [
        ("20250101_000000_aaaaaa", b"vision/a/runs/1", None, 5_000_000, 12, "me", 1, None),
        (HOSTILE, HOSTILE.encode(), "checkpoints/**", 70_000, 3, HOSTILE, 1, None),
        ("20250101_000002_cccccc", b"vision/c/runs/3", None, 1_000, 1, "me", 0, "Permission denied: " + HOSTILE),
    ]
    with store.database.writing() as connection:
        connection.executemany(
            "INSERT INTO purge (experiment_id, root_path, root_inode, path, run_inode, aside, pattern, size_bytes,"
            " file_count, source, user, is_done, problem, purged_at)"
            " VALUES (?, '/data/lab', 1, ?, 1, CAST('' AS BLOB), ?, ?, ?, 'cli', ?, ?, ?, ?)",
            [(*row, indexed.NOW - 3600 * number) for number, row in enumerate(rows)],
        )
    return store


@pytest.mark.parametrize("size", SIZES)
def test_failures_at_every_size(store: Store, golden: Golden, size: tuple[int, int]) -> None:
    failures = [
        Failure(id="20250101_000000_aaaaaa", name=HOSTILE, reason=LONG),
        Failure(id="20250101_000001_bbbbbb", name="vit", reason="is running"),
        Failure(reason="left the index meanwhile"),
    ]

    async def script(browser: Browser) -> None:
        browser.app.push_screen(FailuresScreen("3 experiments not removed", failures))
        await browser.settle()
        golden(f"failures_{size[0]}", browser.text)
        await browser.press("down")
        assert "is running" in browser.text
        await browser.press("enter")
        assert not isinstance(browser.app.screen, FailuresScreen)

    drive(store, script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_journal_at_every_size(purged: Store, golden: Golden, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X", "J", "down")
        assert isinstance(browser.app.screen, JournalScreen)
        golden(f"journal_{size[0]}", browser.text)

    drive(purged, script, size=size)


def test_all_of_a_long_reason_can_be_read(store: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        browser.app.push_screen(FailuresScreen("1 experiment not removed", [Failure(id="a", name="b", reason=LONG)]))
        await browser.settle()
        assert LONG.replace(" ", "") in "".join(browser.text.split())

    drive(store, script, size=(60, 24))
