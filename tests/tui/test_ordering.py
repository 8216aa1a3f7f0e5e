"""What the list is ordered by at first, and where the best stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.store import Store
from tests.tui import indexed
from tests.tui.drive import Browser, drive


def scored(store: Store, root: Path, *modes: str) -> None:
    """One experiment for each mode, named by its value: the more, the older."""
    entries = [
        indexed.Entry(
            id=f"e{at}",
            name=f"run{at}",
            created_at=indexed.NOW - 60 * at,
            best_metric_name="score",
            best_metric_value=float(at),
            best_metric_mode=mode,
        )
        for at, mode in enumerate(modes)
    ]
    indexed.add(store, [*entries, indexed.Entry(id="none", name="none")], root=root)


async def by_best(browser: Browser) -> None:
    await browser.press("C", "slash", *"best", "enter", "o", "escape")


@pytest.mark.parametrize(
    ("modes", "first", "arrow"), [("min min min", "run0", "↑"), ("max max max", "run2", "↓"), ("min max", "run1", "↓")]
)
def test_the_best_come_first_where_all_agree_what_is_better(
    store: Store, tmp_path: Path, modes: str, first: str, arrow: str
) -> None:
    scored(store, tmp_path / "root", *modes.split())

    async def script(browser: Browser) -> None:
        await by_best(browser)
        assert browser.current == first
        assert f"best {arrow}" in browser.lines[-2]
        assert arrow in browser.lines[1]
        await browser.press("S")
        assert f"best {arrow}" not in browser.lines[-2]

    drive(store, script)


def test_groups_are_ordered_by_their_best_and_those_without_one_come_last(store: Store, tmp_path: Path) -> None:
    values = {"much": (1.0, 9.0), "little": (3.0, 4.0, 2.0), "some": (5.0,), "none": (None, None)}
    entries = [
        indexed.Entry(
            id=f"{project}{at}",
            name=f"{project}{at}",
            project=project,
            best_metric_name=None if value is None else "loss",
            best_metric_value=value,
            best_metric_mode=None if value is None else "min",
        )
        for project, found in values.items()
        for at, value in enumerate(found)
    ]
    indexed.add(store, entries, root=tmp_path / "root")

    def projects(browser: Browser) -> list[str]:
        tree = browser.screen.table.group_tree
        assert tree is not None
        return [str(group.value) for group in tree.groups.groups]

    async def script(browser: Browser) -> None:
        await browser.press("O", "enter")
        assert projects(browser) == ["little", "much", "none", "some"]
        await by_best(browser)
        assert projects(browser) == ["much", "little", "some", "none"]
        await browser.press("enter", "down")
        assert browser.current == "much0"
        await browser.press("S")
        assert projects(browser) == ["some", "little", "much", "none"]

    drive(store, script)
