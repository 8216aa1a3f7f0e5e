"""Whole screens as text at 80x24. A difference is looked at by a person, then kept with --update-golden."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from textual import events

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui.state import Memory
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate

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
        await browser.pause_is_over()
        golden(name, browser.text)

    drive(four_hundred, script)


SIZES = [(80, 24), (160, 50)]
SAVED = {"failures": "status:failed age>30d", "vision": "project:vision best>0.9", "hostile": "name:'[/]' \x1b[2J"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("saved_filters", ["F"]),
        ("saved_filters_delete", ["F", "d"]),
        ("saved_filters_name", ["slash", *"status:failed", "enter", "F", "s", *"mine"]),
        ("query_cli", ["slash", *"status:failed acc>0.5", "enter", "colon", *"cli", "enter"]),
        ("query_curl", ["space", "colon", *"curl", "enter"]),
    ],
)
def test_dialog_about_filters(
    four_hundred: Store, tmp_path: Path, golden: Golden, name: str, keys: list[str], size: tuple[int, int]
) -> None:
    memory = Memory(tmp_path / "state.json", tmp_path / "index.db")
    memory.state.saved_filters = dict(SAVED)
    memory.state.has_seen_hints = True
    memory.remember(saved_filters=SAVED)
    memory.write()

    async def script(browser: Browser) -> None:
        await browser.press(*("space" if key == " " else key for key in keys))
        golden(f"{name}_{size[0]}", browser.text)

    drive(four_hundred, script, size=size, memory=memory)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("experiments_160", []),
        ("help_160", ["question_mark"]),
        ("description_160", ["E"]),
        ("tags_160", ["t"]),
        ("export_160", ["e"]),
    ],
)
def test_screen_with_much_room(four_hundred: Store, golden: Golden, name: str, keys: list[str]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys)
        golden(name, browser.text)

    drive(four_hundred, script, size=(160, 50))


# While something is read, and when it cannot be.


QUESTIONS = (
    *("find", "get", "series", "root_names", "plan_delete", "preview_annotate"),
    *("batches", "batch_snapshot", "purges", "preview_purge"),
)
"""What screens ask a store before they can show anything."""


def delete_four(store: Store) -> None:
    """One deletion in the trash."""
    store.delete(store.id_list(store.ids(ExperimentQuery()))[5:9], source="cli", reason="old")
    with store.database.writing() as connection:
        connection.execute("UPDATE batch SET created_at = ?", (indexed.NOW,))


@pytest.mark.parametrize(
    ("name", "before", "keys"),
    [
        ("confirm", [], ["d"]),
        ("tags", [], ["t"]),
        ("experiment", [], ["enter"]),
        ("charts", ["end", "enter"], ["3"]),
        ("trash", [], ["X"]),
        ("trash_inside", ["X"], ["enter"]),
        ("journal", ["X"], ["J"]),
        ("purge", ["X", "enter"], ["P"]),
        ("compare", [], ["space", "space", "c"]),
        ("export", [], ["e"]),
        ("write_comparison", ["space", "space", "c"], ["w"]),
    ],
)
def test_screen_that_waits_for_the_store(
    four_hundred: Store,
    golden: Golden,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    before: list[str],
    keys: list[str],
) -> None:
    async def script(browser: Browser) -> None:
        for key in before:
            await browser.press(key)
        depth = len(browser.app.screen_stack)
        gate = Gate.before(monkeypatch, four_hundred, *QUESTIONS)
        for key in keys:
            await browser.pilot.press(key)
        await browser.until(lambda: len(browser.app.screen_stack) > depth or name == "charts")
        golden(f"{name}_loading", browser.text)
        gate.open()
        await browser.settle()

    if name == "charts":
        with_metrics = indexed.Entry(id="20240101_000000_000000", name="oldest", created_at=1e9, metrics={"loss": 0.5})
        indexed.add(four_hundred, [with_metrics], root=four_hundred.path.parent / "metrics")
    if "X" in before:
        delete_four(four_hundred)
    drive(four_hundred, script)


@pytest.mark.parametrize(
    ("name", "table", "keys"),
    [
        ("experiments", "experiment", ["r"]),
        ("trash", "batch", ["X"]),
        ("trash_inside", "experiment", ["X", "enter"]),
        ("journal", "purge", ["X", "J"]),
        ("purge", "experiment", ["X", "P"]),
        ("experiment", "experiment", ["enter", "2", "r"]),
        ("experiment_first", "experiment", ["enter"]),
        ("compare", "experiment", ["space", "space", "c", "r"]),
        ("compare_first", "metric", ["space", "space", "c"]),
        ("export", "root", ["e"]),
        ("write_comparison", "root", ["space", "space", "c", "w"]),
        ("confirm", "experiment", ["d"]),
        ("tags", "experiment", ["t"]),
    ],
)
def test_screen_over_an_index_that_broke(
    four_hundred: Store, golden: Golden, name: str, table: str, keys: list[str]
) -> None:
    async def script(browser: Browser) -> None:
        for key in keys[:-1]:
            await browser.press(key)
        with closing(sqlite3.connect(four_hundred.path)) as connection:
            connection.execute(f"ALTER TABLE {table} RENAME TO gone")
        await browser.press(keys[-1])
        golden(f"{name}_error", browser.text)

    if "X" in keys:
        delete_four(four_hundred)
    drive(four_hundred, script)


# What is empty.


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("trash_inside", ["X", "enter", "a", "r"]),
        ("trash_emptied", ["X", "r", "h"]),
        ("journal", ["X", "J"]),
        ("compare", ["slash", *"keep", "enter", "space", "space", "c"]),
        ("compare_table", ["slash", *"keep", "enter", "space", "space", "c", "tab", "tab"]),
        ("compare_pick", ["slash", *"keep", "enter", "space", "space", "c", "slash", *"zzz"]),
    ],
)
def test_screen_that_has_nothing_to_show(four_hundred: Store, golden: Golden, name: str, keys: list[str]) -> None:
    async def script(browser: Browser) -> None:
        for key in keys:
            await browser.press(key)
        golden(f"{name}_empty", browser.text)

    same = indexed.numbered(2, project="keep")
    indexed.add(four_hundred, same, root=four_hundred.path.parent / "same")
    delete_four(four_hundred)
    drive(four_hundred, script)


@pytest.mark.parametrize("size", SIZES)
def test_hostile_names_in_the_trash_and_beside_each_other(
    hostile: Store, golden: Golden, size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "down", "space", "down", "space", "c")
        golden(f"compare_hostile_{size[0]}", browser.text)
        await browser.press("escape", "enter")
        golden(f"overview_hostile_{size[0]}", browser.text.split("\n directory")[0])
        await browser.press("escape", "F")
        golden(f"saved_filters_empty_{size[0]}", browser.text)

    drive(hostile, script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_hostile_names_in_the_trash_and_in_what_is_removed_for_good(
    hostile: Store, golden: Golden, size: tuple[int, int]
) -> None:
    everything = hostile.id_list(hostile.ids(ExperimentQuery()))
    hostile.delete(everything[:12], source="cli", reason="[/]\x1b[2J\u202e", query="name:'[@click=app.quit]x'")
    hostile.delete(everything[12:], source="api", reason="日本" * 40)
    with hostile.database.writing() as connection:
        connection.execute("UPDATE batch SET created_at = ? + id", (indexed.NOW - 60,))

    async def script(browser: Browser) -> None:
        await browser.press("X")
        golden(f"trash_hostile_{size[0]}", browser.text)
        await browser.press("down")
        await browser.press("enter")
        golden(f"trash_inside_hostile_{size[0]}", browser.text)
        assert all(line.replace("\u200d", "").isprintable() for line in browser.lines)

    drive(hostile, script, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_hostile_names_of_files_that_are_written(
    hostile: Store, golden: Golden, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # As it is pasted: an ESC byte becomes what one can see.
    name = "[@click=app.quit]x\\x1b[2J.csv"
    (tmp_path / name).write_text("mine")

    async def script(browser: Browser) -> None:
        await browser.press("a", "e", "n", "ctrl+u")
        browser.app.post_message(events.Paste("[@click=app.quit]x\x1b[2J.csv\nsecond"))
        await browser.settle()
        await browser.press("enter")
        await browser.press("enter")
        golden(f"export_hostile_{size[0]}", browser.text)
        await browser.press("escape", "escape", "U", "space", "space")
        await browser.press("c")
        await browser.press("w")
        await browser.press("ctrl+u")
        browser.app.post_message(events.Paste("[@click=app.quit]x\x1b[2J.csv\nsecond"))
        await browser.settle()
        await browser.press("enter")
        golden(f"write_comparison_hostile_{size[0]}", browser.text)
        assert all(line.replace("\u200d", "").isprintable() for line in browser.lines)
        assert (tmp_path / name).read_text() == "mine"

    drive(hostile, script, size=size)


@pytest.mark.parametrize(
    ("name", "keys", "size"),
    [
        ("hostile", [], (160, 24)),
        ("hostile_80", [], (80, 24)),
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
