from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.file import FileScreen
from runicorn_tui.widgets import file_pane
from runicorn_tui.widgets.file_pane import FilePane
from tests.tui.drive import Browser, opened
from tests.tui.recorded import curves, index, write_details, write_run


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    """A run with files of all sorts."""
    run = write_run(tmp_path / "root", metrics=curves(20), log=b"".join(b"step %d\n" % n for n in range(200)))
    write_details(run)
    index(store, tmp_path / "root")
    return run


def pane(browser: Browser) -> FilePane:
    return browser.app.screen.query_one(FilePane)


def names(browser: Browser) -> list[bytes]:
    rows = pane(browser).table.rows
    return [row.path for index in range(len(rows)) if (row := rows.row(index)) is not None]


@pytest.mark.parametrize(("name", "size"), [("files", (80, 24)), ("files_wide", (160, 50)), ("files_small", (40, 10))])
def test_the_largest_file_comes_first(store, run, golden, name, size):
    async def script(browser: Browser) -> None:
        await browser.press("5")
        golden(name, browser.text)

    opened(store, script, size=size)


def test_s_orders_by_name_and_time_and_capital_s_the_other_way_round(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5")
        assert names(browser)[0] == b"media/1_best[].png"
        await browser.press("s")
        assert names(browser) == sorted(names(browser))
        await browser.press("S")
        assert names(browser) == sorted(names(browser), reverse=True)
        await browser.press("s")
        assert "by changed" in browser.text

    opened(store, script)


def test_the_cursor_stays_on_its_file_when_the_order_changes(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5", "down", "down")
        current = pane(browser).current
        await browser.press("s")
        assert pane(browser).current == current

    opened(store, script)


def test_a_search_narrows_the_list_and_its_total(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5", "slash", *"JSON")
        assert all(name.endswith((b".json", b".jsonl")) for name in names(browser))
        assert f" of {len([path for path in run.rglob('*') if not path.is_dir()])}" in browser.text
        await browser.press("enter")
        assert browser.app.focused is pane(browser).table
        await browser.press("slash", "escape")
        assert b"logs.txt" in names(browser)

    opened(store, script)


def test_y_copies_the_path_of_the_file(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5", "y")
        assert browser.app.clipboard == f"{run}/media/1_best[].png"

    opened(store, script)


def test_enter_looks_into_the_file_and_escape_comes_back(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5", "slash", *"logs.txt", "enter", "enter")
        assert isinstance(browser.app.screen, FileScreen)
        assert "step 0" in browser.text
        await browser.press("escape")
        assert isinstance(browser.app.screen, ExperimentScreen)
        assert browser.app.focused is pane(browser).table

    opened(store, script)


def test_r_looks_at_the_directory_again(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("5")
        (run / "new.bin").write_bytes(bytes(10**6))
        await browser.press("r")
        assert names(browser)[0] == b"new.bin"

    opened(store, script)


def test_many_files_are_shown_while_the_rest_is_read(store, run, monkeypatch):
    monkeypatch.setattr(file_pane, "_FIRST_REPORT", 10)
    for number in range(500):
        (run / "media" / f"{number}.png").touch()
    counts: list[tuple[int, bool]] = []
    show = FilePane._show_place

    def counted(pane: FilePane, chosen: list[object]) -> None:
        counts.append((len(chosen), pane.is_complete))
        show(pane, chosen)

    monkeypatch.setattr(FilePane, "_show_place", counted)

    async def script(browser: Browser) -> None:
        await browser.press("5")
        await browser.until(lambda: pane(browser).is_complete)
        assert [is_complete for _, is_complete in counts] == [False] * (len(counts) - 1) + [True]
        assert [count for count, _ in counts][:3] == [10, 20, 40]
        assert counts[-1][0] == len([path for path in run.rglob("*") if not path.is_dir()])

    opened(store, script)


def test_an_empty_directory_says_so(store, tmp_path):
    (tmp_path / "root" / "vision" / "default" / "runs" / "bare").mkdir(parents=True)
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("5")
        assert "No files: the run directory is empty." in browser.text
        await browser.press("enter", "y", "s", "slash", "x", "enter")

    opened(store, script)
