"""Whole screens as text at 80x24. A difference is looked at by a person, then kept with --update-golden."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runicorn_db.store import Store
from tests.tui import indexed
from tests.tui.drive import Browser, drive

Golden = Callable[[str, str], None]

HOSTILE = (
    "[/]",
    "[red]x[/red]",
    "[@click=app.quit]press[/]",
    "esc\x1b[2J\x1b]0;title\x07",
    "c1 \x9b5;5H",
    "line\none\ttab",
    "\u202etxt.exe",
    "zero\u200bwidth",
    "日本語の実験",
    "👩‍💻 emoji",
    "e\u0301" * 40,
    "x" * 5000,
    "",
    "{} %s $(id) `id`",
)


@pytest.fixture
def hostile(store: Store, tmp_path: Path) -> Store:
    """Names, projects, tags, metrics and hosts that try to be more than text."""
    entries = [
        indexed.Entry(
            id=f"20250101_000000_{number:06x}",
            name=name,
            project=HOSTILE[number - 1],
            best_metric_name=name,
            best_metric_value=0.5,
            tags=(name,) if name else (),
            hostname=name,
            created_at=indexed.NOW - 60 * number,
        )
        for number, name in enumerate(HOSTILE)
    ]
    indexed.add(store, entries, root=tmp_path / "root", root_name="root [/]")
    return store


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("experiments", []),
        ("experiments_marked", ["space", "space", "down", "v", "down", "down"]),
        ("experiments_filter", ["slash", *"status:failed", "enter"]),
        ("experiments_unclear", ["slash", *"acc", "greater_than_sign"]),
        ("confirm_one", ["d"]),
        ("confirm_many", ["a", "d", "r", *"37"]),
        ("help", ["question_mark"]),
        ("trash_empty", ["X"]),
    ],
)
def test_screen(four_hundred: Store, golden: Golden, name: str, keys: list[str]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys)
        if "slash" in keys:
            await browser.until(lambda: not browser.screen.bar.is_waiting)
            await browser.settle()
        golden(name, browser.text)

    drive(four_hundred, script)


@pytest.mark.parametrize(
    ("name", "keys", "size"),
    [
        ("hostile", [], (160, 24)),
        ("hostile_confirm", ["a", "d"], (80, 24)),
    ],
)
def test_hostile_names_are_only_text(
    hostile: Store, golden: Golden, name: str, keys: list[str], size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys)
        golden(name, browser.text)

    drive(hostile, script, size=size)


def test_a_click_on_a_hostile_name_runs_nothing(hostile: Store) -> None:
    async def script(browser: Browser) -> None:
        line = next(y for y, line in enumerate(browser.lines) if "@click" in line)
        await browser.pilot.click(offset=(browser.lines[line].index("press"), line))
        await browser.settle()
        assert browser.current == "[@click=app.quit]press[/]"

    drive(hostile, script, size=(160, 24))


def test_a_hostile_name_can_be_deleted_and_brought_back(hostile: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", "e", *"[/]", "enter", "y", "X", "enter")
        assert "[@click=app.quit]p" in browser.text
        await browser.press("escape", "r", "escape")
        assert f"/{len(HOSTILE)}" in browser.text

    drive(hostile, script, size=(160, 24))
