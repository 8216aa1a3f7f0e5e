"""Columns of the list through their keys: chosen, moved, hidden, sorted by, read for what is on screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from runicorn_db.named_values import NamedValue
from runicorn_db.query import ExperimentQuery, Order, Snapshot
from runicorn_db.store import Store
from runicorn_db.sync import SyncReport
from runicorn_tui.messages import IndexChanged
from runicorn_tui.screens.columns import ColumnsScreen
from runicorn_tui.widgets.line_table import LineTable
from tests.tui import indexed
from tests.tui.drive import Browser, drive

Golden = Callable[[str, str], None]

NASTY = (
    "[/]",
    "[@click=app.quit]press[/]",
    "esc\x1b[2J\x1b]0;title\x07",
    "\u202eexe",
    "学习率",
    "n" * 200,
    "👩‍💻 top-1",
)


@pytest.fixture
def measured(store: Store, tmp_path: Path) -> Store:
    """Sixty experiments with metrics and parameters; `acc` of the ones made first is the highest."""
    entries = [
        replace(
            entry,
            metrics={"acc": round(0.2 + number / 100, 2), "loss": round(0.9 - number / 100, 2)} if number % 5 else {},
            params={"lr": round(0.001 * (number + 1), 3), "optimizer": ("adam", "sgd")[number % 2]},
        )
        for number, entry in enumerate(indexed.varied(60))
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


@pytest.fixture
def nasty(store: Store, tmp_path: Path) -> Store:
    """Metrics and parameters whose names try to be more than text."""
    entries = [
        replace(entry, metrics=dict.fromkeys(NASTY, number + 0.25), params=dict.fromkeys(NASTY, NASTY[number % 7]))
        for number, entry in enumerate(indexed.numbered(20))
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


def search(text: str) -> list[str]:
    """The keys that look for a column in the open chooser and go back to its list."""
    special = {" ": "space", ".": "full_stop", "/": "slash", "_": "underscore", "[": "left_square_bracket"}
    return ["slash", *(special.get(c, c) for c in text), "enter"]


def titles(browser: Browser) -> list[str]:
    return [title for title in browser.lines[1].split() if title not in ("↓", "↑")]


def first(store: Store, order: Order, *, desc: bool = True) -> str:
    return store.find(ExperimentQuery(order_by=order, order_desc=desc)).experiments[0].name


# Choosing.


def test_a_metric_and_a_parameter_become_columns_at_once(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", *search("optim"), "space")
        assert isinstance(browser.app.screen, ColumnsScreen)
        assert "● 6 param.optimizer" in browser.text
        await browser.press("escape")
        assert titles(browser)[:5] == ["name", "project", "status", "best", "max.acc"]
        assert titles(browser)[5].startswith("param.optimi")
        row = next(line for line in browser.lines if "bert_c_lr3e-3_s1 " in line)
        assert "2.1000" in row
        assert "sgd" in row
        none = next(line for line in browser.lines if "bert_c_lr3e-4_s5 " in line)
        assert "—" in none

    drive(measured, script, size=(160, 24))


def test_the_chooser_says_how_many_experiments_have_a_name(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("acc"))
        lines = [line.split("│")[1].split() for line in browser.lines if "metric:" in line]
        assert [(line[0], line[-1]) for line in lines] == [
            (name, "48") for name in ("acc", "last.acc", "min.acc", "max.acc")
        ]
        await browser.press(*search(""), "slash", "escape", *search("param"))
        lines = [line.split("│")[1].split() for line in browser.lines if " parameter " in line]
        assert [(line[0], line[-1]) for line in lines] == [("param.lr", "60"), ("param.optimizer", "60")]

    drive(measured, script)


def test_a_search_that_finds_nothing_says_how_to_get_out(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("zzz"))
        assert "no such column" in browser.text
        await browser.press("space", "o", "greater_than_sign", "slash", "escape", "escape")
        assert titles(browser) == ["name", "project", "status", "best", "metric", "age"]

    drive(measured, script)


def test_what_is_moved_in_the_chooser_moves_in_the_list(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", "down", "greater_than_sign", "greater_than_sign")
        assert "● 4 project" in browser.text
        await browser.press("less_than_sign", "escape")
        assert titles(browser)[:3] == ["name", "status", "project"]

    drive(measured, script)


# In the list.


def test_a_column_is_moved_and_hidden_where_the_cursor_is(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("h")
        assert browser.screen.table.column == "age"
        await browser.press("left", "left", "less_than_sign")
        assert titles(browser) == ["name", "project", "best", "status", "metric", "age"]
        await browser.press("minus")
        assert titles(browser) == ["name", "project", "status", "metric", "age"]
        assert browser.screen.table.column == "status"
        assert "- hide" in browser.text
        await browser.press("escape")
        assert browser.screen.table.column is None
        assert "space mark" in browser.text

    drive(measured, script)


def test_the_name_cannot_be_hidden_or_moved(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["h"] * 9, "minus", "greater_than_sign")
        assert titles(browser)[0] == "name"

    drive(measured, script)


def test_the_cursor_reaches_columns_that_do_not_fit_and_the_name_stays(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("l", *["l"] * 5)
        assert browser.screen.table.column == "host"
        assert (titles(browser)[0], titles(browser)[-1]) == ("name", "host")
        assert all(len(line) == 80 for line in browser.lines)
        await browser.press("l")
        assert browser.screen.table.column == "host"
        await browser.press(*["h"] * 5)
        assert titles(browser) == ["name", "project", "status", "best", "metric", "age"]

    drive(measured, script)


@pytest.mark.parametrize("width", [40, 41, 60, 80, 120])
def test_every_column_can_be_looked_at_at_any_width(measured: Store, width: int) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", "escape", *["h"] * 9)
        for column in browser.screen.table.choice.ids():
            await browser.pilot.press("l")
            assert browser.screen.table.column is not None
            shown = [column.id for column, _ in browser.screen.table._shown]
            assert browser.screen.table.column in shown, column
            assert shown[0] == "name"
            assert all(len(line) == width for line in browser.lines)

    drive(measured, script, size=(width, 12))


def test_chosen_columns_come_before_less_important_ones_when_it_is_narrow(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", *search("last.loss"), "space", "escape")
        assert titles(browser) == ["name", "status", "best", "max.acc", "last.loss", "age"]

    drive(measured, script)


# Sorting.


def test_the_column_under_the_cursor_is_sorted_by_and_then_reversed(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", "escape", "h", "h", "h", "o")
        value = NamedValue("max", "acc")
        assert browser.current == first(measured, value)
        assert "max.acc ↓" in browser.text
        await browser.press("o")
        assert browser.current == first(measured, value, desc=False)
        assert "max.acc ↑" in browser.text
        await browser.press("G")
        assert browser.current == "vit_b_lr1e-2_s0"

    drive(measured, script, size=(120, 24))


def test_a_click_on_the_title_of_a_metric_sorts_by_it(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("param.lr"), "space", "escape")
        at = browser.lines[1].index("param.lr")
        await browser.pilot.click(LineTable, offset=(at, 0))
        await browser.settle()
        assert browser.current == first(measured, NamedValue("param", "lr"))
        assert "↓ param.lr" in browser.lines[1]

    drive(measured, script, size=(120, 24))


def test_a_metric_can_be_sorted_by_without_showing_it(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("min.loss"), "o", "escape")
        assert browser.current == first(measured, NamedValue("min", "loss"), desc=False)
        assert "min.loss ↑" in browser.text
        assert "min.loss" not in browser.lines[1]

    drive(measured, script)


def test_s_goes_on_to_the_metrics_that_are_shown(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", "escape", *["s"] * 9)
        assert "max.acc ↓" in browser.text
        await browser.press("s")
        assert "created ↓" in browser.text

    drive(measured, script)


def test_a_column_without_an_order_says_so(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("tags"), "o", "escape")
        assert browser.notices == ["There is no order by tags."]
        assert "created ↓" in browser.text

    drive(measured, script)


# Reading.


def test_values_are_read_for_the_rows_that_are_looked_at(measured: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    read = measured.rows

    def rows(snapshot: Snapshot, values: tuple[NamedValue, ...] = ()) -> object:
        asked.append((len(snapshot), len(values)))
        return read(snapshot, values)

    monkeypatch.setattr(measured, "rows", rows)
    monkeypatch.setattr("runicorn_tui.rows.PAGE", 20)

    async def script(browser: Browser) -> None:
        await browser.press("C", *search("max.acc"), "space", *search("param.lr"), "space", "escape")
        assert asked == [(20, 1), (20, 1), (20, 2), (20, 2)]
        await browser.press("G")
        assert asked[4:] == [(20, 2)]
        assert "0.06" in browser.lines[-3]

    drive(measured, script, size=(120, 30))


def test_running_experiments_are_updated_in_place_under_chosen_columns_and_orders(
    measured: Store, tmp_path: Path
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C", *search("last.acc"), "space", "o", "escape", "down", "down")
        before, position = browser.current, browser.screen.table.cursor
        with measured.database.writing() as connection:
            connection.execute("UPDATE metric SET last = 777 WHERE last IS NOT NULL")
        fresh = [indexed.Entry(id=f"20251231_000000_00000{n}", name="new", metrics={"acc": 999.0}) for n in range(3)]
        indexed.add(measured, fresh, root=tmp_path / "root")
        browser.app.post_message(IndexChanged(SyncReport(added=3, changed=48)))
        await browser.until(lambda: "3 new: r" in browser.text)
        assert (browser.current, browser.screen.table.cursor) == (before, position)
        assert "777.00" in browser.lines[4]
        assert "999.00" not in browser.text
        await browser.press("r")
        assert browser.current == before
        await browser.press("g")
        assert browser.current == "new"
        assert "999.00" in browser.lines[2]

    drive(measured, script, size=(120, 24))


# Hostile names.


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_hostile_names_are_only_text(nasty: Store, golden: Golden, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("C")
        golden(f"columns_chooser_{size[0]}", browser.text)
        for text in ("max.[", "param.[/", "esc", "exe", "学习率", "nnn", "top-1"):
            await browser.press("slash", "escape", *search(text), "space")
        await browser.press("escape")
        golden(f"columns_hostile_{size[0]}", browser.text)
        await browser.press("C", *search("nnn"), "o", "escape", "h", "l", "l")
        golden(f"columns_hostile_sorted_{size[0]}", browser.text)
        assert "\x1b" not in browser.text
        assert all(cell_len(line) == size[0] for line in browser.lines)

    drive(nasty, script, size=size)
