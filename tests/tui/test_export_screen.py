"""Experiments are exported through keys."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from runicorn_db.store import Store
from runicorn_tui.export.formats import NO_PARQUET
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.export import ExportScreen
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate
from tests.tui.recorded import curves, index, write_run
from tests.tui.test_golden import HOSTILE

pytestmark = pytest.mark.usefixtures("folder")

Golden = Callable[[str, str], None]


@pytest.fixture
def measured(store: Store, tmp_path: Path) -> Store:
    """Thirty experiments; those of even numbers have a metric and a parameter."""
    entries = [
        replace(entry, metrics={"acc": number / 10}, params={"lr": 0.1}) if number % 2 == 0 else entry
        for number, entry in enumerate(indexed.numbered(30))
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


def is_open(browser: Browser) -> bool:
    return isinstance(browser.app.screen, ExportScreen)


def test_the_dialog(measured: Store, golden: Golden) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*["space"] * 3, "e")
        golden("export_80", browser.text)
        await browser.press("w", "r", "f", "f")
        golden("export_series_80", browser.text)

    drive(measured, script)


def test_the_marked_ones_are_written_in_the_order_of_the_list(measured: Store, folder: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", *["space"] * 3, "home", "e", "enter")
        assert isinstance(browser.app.screen, ExperimentsScreen)
        assert browser.notices == [f"{folder / 'experiments.csv'}: 3 rows of 3 experiments"]

    drive(measured, script)
    assert [row["name"] for row in rows(folder / "experiments.csv")] == ["run 1", "run 2", "run 3"]
    assert list(rows(folder / "experiments.csv")[0])[:3] == ["id", "name", "project"]
    assert os.listdir(folder) == ["experiments.csv"]


def test_all_that_match_with_all_columns(measured: Store, folder: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash", *"acc>1", "enter")
        await browser.until(lambda: len(browser.screen.table.rows) == 9)
        await browser.press("S", "e", "c", "f", "f", "enter")
        assert browser.notices == [f"{folder / 'experiments.jsonl'}: 9 rows of 9 experiments"]

    drive(measured, script)
    found = [json.loads(line) for line in (folder / "experiments.jsonl").read_text().splitlines()]
    assert [row["name"] for row in found] == [f"run {number}" for number in range(28, 10, -2)]
    assert found[0]["last.acc"] == 2.8
    assert found[0]["param.lr"] == 0.1


def test_the_one_under_the_cursor_alone(measured: Store, folder: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("end", "e", "w", "f", "f", "f", "enter")
        assert browser.notices == [f"{folder / 'experiments.parquet'}: 1 row of 1 experiment"]

    drive(measured, script)
    assert pyarrow.parquet.read_table("experiments.parquet")["name"].to_pylist() == ["run 29"]


def test_series_are_a_row_for_each_step(store: Store, tmp_path: Path, folder: Path) -> None:
    write_run(tmp_path / "root", metrics=curves(50))
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("e", "r", "enter")
        assert browser.notices == [f"{folder / 'series.csv'}: 50 rows of 1 experiment"]

    drive(store, script)
    found = rows(folder / "series.csv")
    assert [int(row["global_step"]) for row in found] == list(range(1, 51))
    assert [float(row["loss"]) for row in found] == [step["loss"] for step in curves(50)]


def test_a_file_that_is_there_is_replaced_only_after_a_yes(measured: Store, folder: Path) -> None:
    (folder / "experiments.csv").write_text("mine")

    async def script(browser: Browser) -> None:
        await browser.press("e", "enter")
        assert "experiments.csv is there already: y replaces it" in browser.text
        await browser.press("enter", "escape")
        assert is_open(browser)
        await browser.press("y")
        assert (folder / "experiments.csv").read_text() == "mine"
        await browser.press("enter")
        await browser.press("y")
        assert browser.notices == [f"{folder / 'experiments.csv'}: 30 rows of 30 experiments"]

    drive(measured, script)
    assert len(rows(folder / "experiments.csv")) == 30


def test_another_name_asks_again(measured: Store, folder: Path) -> None:
    for name in ("experiments.csv", "experiments.csvx"):
        (folder / name).write_text("mine")

    async def script(browser: Browser) -> None:
        await browser.press("e", "enter", "n", "end", "x", "enter", "y")
        assert is_open(browser)
        await browser.press("enter")
        assert "experiments.csvx is there already" in browser.text

    drive(measured, script)
    assert {path.read_text() for path in folder.iterdir()} == {"mine"}


def test_the_name_follows_what_is_chosen_until_another_is_typed(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e", "f", "r")
        assert "series.json" in browser.text
        await browser.press("n", "end", *"l", "escape", "f")
        assert "series.jsonl " in browser.text
        await browser.press("n", *"my", "escape", "f")
        assert "mseries.jsonly" in browser.text or "series.jsonlmy" in browser.text

    drive(measured, script)


def test_a_storage_root_takes_only_a_path_that_is_typed_in_full(
    measured: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("e")
        assert "~/experiments.csv" in browser.text
        await browser.press("n", *["backspace"] * 20, *"x.csv", "enter", "enter")
        assert "type its whole path" in browser.text
        assert is_open(browser)

    drive(measured, script)
    assert os.listdir(tmp_path / "root") == []


@pytest.mark.parametrize("name", ["", "no/such/folder/x.csv", "."])
def test_a_name_that_cannot_be_written_is_told(measured: Store, folder: Path, name: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e", "n", *["backspace"] * 20, *name, "enter", "enter")
        assert is_open(browser)
        assert any(words in browser.text for words in ("needs a file name", "no folder", "is a folder"))

    drive(measured, script)
    assert os.listdir(folder) == []


def test_a_filter_that_is_only_half_understood_refuses(measured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash", *"foo:bar", "enter")
        await browser.press("e")
        assert not is_open(browser)
        assert browser.notices[-1].startswith("Cannot export while the filter is unclear")

    drive(measured, script)


def test_without_pyarrow_parquet_says_how_to_get_it(
    measured: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    async def script(browser: Browser) -> None:
        await browser.press("e", "f", "f", "f")
        assert NO_PARQUET in browser.text
        await browser.press("enter")
        assert NO_PARQUET in browser.text
        await browser.press("f")
        assert NO_PARQUET not in browser.text

    drive(measured, script)
    assert os.listdir(folder) == []


def test_an_empty_list_has_nothing_to_export(store: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        assert not is_open(browser)

    drive(store, script)


async def begin(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Begins to write, but no row is read until what comes back is opened."""
    await browser.press("e")
    gate = Gate.before(monkeypatch, browser.app.store, "rows")
    monkeypatch.setattr("runicorn_tui.screens.export._STEP_SECONDS", 0.0)
    await gate.reached(browser, "enter")
    return gate


def test_escape_stops_and_leaves_no_file(three_thousand: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        assert len(os.listdir(folder)) == 1
        await browser.pilot.press("escape")
        gate.open()
        await browser.until(lambda: "Stopped: nothing was written." in browser.text)
        assert os.listdir(folder) == []
        await browser.press("escape")
        assert not is_open(browser)

    drive(three_thousand, script)


def test_q_while_it_writes_asks_first(three_thousand: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        await browser.pilot.press("q")
        await browser.until(lambda: "exporting: 0 of 3,000 experiments; a part is not kept" in browser.text)
        await browser.pilot.press("escape")
        await browser.until(lambda: is_open(browser))
        assert len(os.listdir(folder)) == 1
        await browser.pilot.press("q")
        await browser.until(lambda: "Still at work" in browser.text)
        gate.open()
        await browser.until(lambda: not browser.app.is_running)

    drive(three_thousand, script)
    assert len(rows(folder / "experiments.csv")) == 3000


def test_q_closes_the_dialog_while_nothing_is_written(measured: Store, folder: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e", "q")
        assert isinstance(browser.app.screen, ExperimentsScreen)

    drive(measured, script)
    assert os.listdir(folder) == []


def test_the_end_of_the_program_leaves_a_whole_file_or_none(
    three_thousand: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        gate = await begin(browser, monkeypatch)
        browser.app.exit()
        gate.open()

    drive(three_thousand, script)
    assert os.listdir(folder) in ([], ["experiments.csv"])
    assert [len(rows(path)) for path in folder.iterdir()] in ([], [3000])


def test_hostile_names_are_only_text(store: Store, tmp_path: Path, folder: Path) -> None:
    entries = [
        replace(entry, name=name, tags=(name,) if name else ())
        for entry, name in zip(indexed.numbered(len(HOSTILE)), HOSTILE, strict=True)
    ]
    indexed.add(store, entries, root=tmp_path / "root", root_name="root [/]")

    async def script(browser: Browser) -> None:
        await browser.press("a", "e", "n", *"[@click=app.quit]", "enter", "enter")
        assert len(browser.notices) == 1
        assert "14 rows of 14 experiments" in browser.notices[0]

    drive(store, script)
    (path,) = folder.iterdir()
    assert b"\x1b" not in path.read_bytes()
    assert len(rows(path)) == len(HOSTILE)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (160, 50)])
def test_the_dialog_fits_any_terminal(measured: Store, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        assert "Export 30 experiments" in browser.text
        await browser.press("enter")
        assert not is_open(browser)

    drive(measured, script, size=size)
