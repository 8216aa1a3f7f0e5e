from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.widgets import ContentSwitcher

from runicorn_db.errors import QueryFailed
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.app import RunicornApp
from runicorn_tui.screens.confirm import ConfirmDelete
from runicorn_tui.screens.experiment import VANISHED, ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.terminal import shows
from runicorn_tui.widgets.chart_pane import ChartPane
from runicorn_tui.widgets.log_view import LogView
from tests.tui.drive import Browser, drive, opened
from tests.tui.recorded import BEGAN, curves, index, log_steps, unpack, write_run

HOSTILE = ("[/]", "[red]x[/red]", "[@click=app.quit]go[/]", "a\x1b[2Jb", "c\x9b31m", "\u202eevil", "中文" * 20, "🧪 é")

Script = Callable[[Browser], Awaitable[None]]


@pytest.fixture(autouse=True)
def braille() -> object:
    """Whatever the locale of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LC_ALL", raising=False)
        patch.setenv("LANG", "en_US.UTF-8")
        yield


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    """A finished experiment with three metrics, four parameters and a log, indexed."""
    summary = {
        "best_metric_name": "accuracy",
        "best_metric_value": 0.8354,
        "best_metric_step": 200,
        "best_metric_mode": "max",
    }
    run = write_run(
        tmp_path / "root",
        metrics=curves(200),
        params={"lr": 3e-4, "optimizer": "adamw", "layers": [64, 128], "note": "warm up, " * 15},
        summary=summary,
        log=b"".join(b"08:53:%02d | step %d\n" % (step % 60, step) for step in range(1, 201)),
    )
    index(store, tmp_path / "root")
    return run


def screen(browser: Browser) -> ExperimentScreen:
    assert isinstance(browser.app.screen, ExperimentScreen)
    return browser.app.screen


def charts(browser: Browser) -> ChartPane:
    return screen(browser).query_one(ChartPane)


def test_the_overview_shows_what_is_known(store, run, golden):
    async def script(browser: Browser) -> None:
        # The rest depends on where the tests keep their files.
        golden("experiment_overview", browser.text.split("\n directory")[0])
        assert str(run)[:40] in browser.text
        await browser.press("end")
        lines = browser.text.splitlines()
        assert any(line.split() == ["accuracy", "200", "0.8343", "0.1099", "0.8343"] for line in lines), browser.text

    opened(store, script)


def test_the_parameters_are_whole(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("2")
        golden("experiment_parameters", browser.text)

    opened(store, script)


def test_the_log_opens_at_its_first_line(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("4")
        golden("experiment_log", browser.text)

    opened(store, script)


@pytest.mark.parametrize(("page", "name"), [("2", "parameters"), ("4", "log")])
def test_pages_with_much_room(store, run, golden, page, name):
    async def script(browser: Browser) -> None:
        await browser.press(page)
        golden(f"{name}_160", browser.text)

    opened(store, script, size=(160, 50))


@pytest.mark.parametrize("is_ascii", [False, True], ids=["all", "ascii"])
def test_a_hostile_log_is_only_text(store, tmp_path, golden, is_ascii):
    lines = (*HOSTILE, "\x1b]0;title\x07", "\x1b[31mred\x1b[0m", "10%|█▌ | 1/10\r20%|██▏ | 2/10", "\udcff", "x" * 500)
    write_run(tmp_path / "root", log="\n".join(lines).encode("utf-8", "surrogateescape"))
    index(store, tmp_path / "root")
    shows.is_ascii = is_ascii

    async def script(browser: Browser) -> None:
        await browser.press("4")
        assert all(line.isprintable() for line in browser.lines)
        golden("log_hostile_ascii" if is_ascii else "log_hostile", browser.text)

    opened(store, script)


def test_tab_goes_through_the_pages_and_back_at_the_ends(store, run):
    async def script(browser: Browser) -> None:
        pages: list[str | None] = []
        for key in ("tab", "tab", "tab", "tab", "tab", "shift+tab", "2"):
            await browser.press(key)
            pages.append(screen(browser).query_one(ContentSwitcher).current)
        assert pages == ["parameters", "charts", "log", "files", "overview", "files", "parameters"]

    opened(store, script)


def test_a_running_experiment_is_kept_up_to_date(store, tmp_path):
    run = write_run(tmp_path / "root", status="running", metrics=curves(50), log=b"first\n")
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("3")
        assert "▸ running" in browser.text
        before = browser.text
        log_steps(run, curves(50, first=51), first=51)
        (run / "logs.txt").write_bytes(b"first\nsecond\n")
        await browser.app.ask(sync, store)
        screen(browser)._look()
        await browser.settle()
        assert f"{0.9 - 0.8 * math.exp(-100 / 80):.4f}" in browser.text
        assert browser.text != before
        await browser.press("4")
        screen(browser)._look_at_log()
        await browser.settle()
        assert "second" in browser.text
        assert screen(browser).query_one(LogView).is_following

    opened(store, script)


@pytest.mark.parametrize("page", ["1", "2", "3", "4", "5"])
def test_nothing_is_painted_while_nothing_changes(store, tmp_path, monkeypatch, page):
    write_run(tmp_path / "root", status="running", metrics=curves(50), log=b"first\nsecond\n")
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press(page)
        await browser.settle()
        painted: list[object] = []
        display = RunicornApp._display

        def counted(app: RunicornApp, screen: object, renderable: object) -> None:
            painted.append(renderable)
            display(app, screen, renderable)

        monkeypatch.setattr(RunicornApp, "_display", counted)
        for _ in range(3):
            screen(browser)._look()
            screen(browser)._look_at_log()
            await browser.settle()
        assert painted == []
        await browser.press("tab")
        assert painted

    opened(store, script)


def test_an_experiment_without_anything_says_so_on_every_page(store, tmp_path):
    write_run(tmp_path / "root")
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("end")
        assert "No metrics: the program never logged a number." in browser.text
        await browser.press("2")
        assert "No parameters: nothing in the run directory names any." in browser.text
        await browser.press("3")
        assert "nothing to draw" in browser.text
        assert "No metrics: the program never logged a number." in browser.text
        await browser.press("n", "space", "plus", "left_square_bracket", "L", "E", "m", "h", "0")
        await browser.press("4")
        assert "No log: the program wrote no logs.txt" in browser.text

    opened(store, script)


def test_an_experiment_that_vanished_is_said_and_its_last_state_stays(store, run, tmp_path):
    async def script(browser: Browser) -> None:
        store.remove_root(str(tmp_path / "root"))
        await browser.press("r")
        assert VANISHED[:60] in browser.text
        assert "vit_b" in browser.text

    opened(store, script)


def test_an_unknown_experiment_is_said(store):
    async def script(browser: Browser) -> None:
        assert VANISHED[:60] in browser.text
        await browser.press("2", "3", "4", "n", "1", "escape")
        assert isinstance(browser.app.screen, ExperimentsScreen)

    opened(store, script, id="20250101_000000_ffffff")


def test_a_store_that_fails_is_said_and_asked_again(store, run, monkeypatch):
    def fail(*arguments: object) -> None:
        raise QueryFailed("Database query failed: disk I/O error")

    async def script(browser: Browser) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "get", fail)
            patch.setattr(Store, "series", fail)
            await browser.press("r")
            assert "disk I/O error" in browser.text
        await browser.press("r")
        assert "disk I/O error" not in browser.text

    opened(store, script)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
def test_hostile_names_are_only_shown(store, tmp_path, size):
    write_run(
        tmp_path / "root",
        name="[/]\x1b]0;title\x07",
        metrics=[dict.fromkeys(HOSTILE, step) for step in range(20)],
        params={name: name for name in HOSTILE},
        log="\n".join(HOSTILE).encode(),
    )
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        assert r"[/]\x1b]0;title\x07" in browser.text
        for page in ("1", "2", "3", "4", "5"):
            await browser.press(page)
            assert all(line.isprintable() for line in browser.lines), browser.text
            assert "[/]" in browser.text
        await browser.press("3", *("down", "space") * len(HOSTILE))
        assert all(line.isprintable() for line in browser.lines), browser.text

    opened(store, script, size=size)


def test_d_deletes_after_the_dialog_and_goes_back(store, run):
    async def script(browser: Browser) -> None:
        id = screen(browser)._experiment_id
        await browser.press("d")
        assert isinstance(browser.app.screen, ConfirmDelete)
        await browser.press("escape")
        assert store.get(id).experiment.deleted_at is None
        await browser.press("d")
        await browser.press("y")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        assert store.get(id).experiment.deleted_at is not None

    opened(store, script)


def test_what_was_deleted_here_is_gone_from_the_list(store, run):
    async def script(browser: Browser) -> None:
        assert "vit_b" in browser.text
        await browser.press("enter")
        await browser.press("d")
        await browser.press("y")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        await browser.settle()
        assert "vit_b" not in browser.text

    drive(store, script)


@pytest.mark.parametrize("page", "1235")
def test_w_watches_it_where_no_page_takes_the_key(four_hundred: Store, page: str) -> None:
    found = four_hundred.find(ExperimentQuery(per_page=100)).experiments
    running = next(experiment.id for experiment in found if experiment.status == "running")

    async def script(browser: Browser) -> None:
        await browser.press(page, "w")
        assert browser.notices[-1] == "Watching 1 running experiment, w stops"
        assert browser.app.first_screen.table.watched == {running}
        await browser.press("4", "w")
        assert len(browser.notices) == 1

    opened(four_hundred, script, id=running)


@pytest.mark.parametrize("page", "25")
def test_e_exports_it_where_no_page_takes_the_key(four_hundred: Store, page: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(page, "e")
        assert isinstance(browser.app.screen, ExportScreen)
        assert "this one" in browser.text
        await browser.press("escape", "1", "e")
        assert not isinstance(browser.app.screen, ExportScreen)

    opened(four_hundred, script)


def test_p_pins_and_unpins_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        newest = browser.screen.table.current
        assert newest is not None
        for expected, said in ((True, "Pinned"), (False, "Unpinned"), (True, "Pinned")):
            await browser.press("enter", "p")
            assert four_hundred.get(newest.id).experiment.is_pinned is expected
            assert browser.notices[-1] == said
            await browser.press("escape")
            row = browser.screen.table.current
            assert row is not None
            assert row.is_pinned is expected

    drive(four_hundred, script)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_what_is_tagged_and_described_here_is_in_the_list_at_once_which_stays_where_it_is(
    four_hundred: Store, size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("-tag:seen")
        await browser.press("enter", *["down"] * 5)
        name, line = browser.current, browser.screen.table.cursor
        await browser.press("enter")
        await browser.press("t")
        await browser.press(*"seen", "enter")
        await browser.press("D")
        await browser.press(*"good", "ctrl+o")
        await browser.press("escape")
        row = browser.screen.table.current
        assert row is not None
        assert (browser.current, browser.screen.table.cursor) == (name, line)
        assert ("seen" in row.tags, row.description) == (True, "good")
        assert "1 no longer match" in browser.text

    drive(four_hundred, script, size=size)


def test_y_copies_the_id_and_shows_it(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("y")
        assert browser.app.clipboard == run.name
        assert browser.notices == [f"Copied {run.name}"]

    opened(store, script)


def test_capital_y_copies_the_run_directory_and_shows_it(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("Y")
        assert browser.app.clipboard == str(run)
        assert browser.notices == [f"Copied {run}"]

    opened(store, script)


@pytest.mark.alone
def test_a_running_experiments_log_grows_on_screen_by_itself(store, tmp_path):
    run = write_run(tmp_path / "root", status="running", metrics=curves(5), log=b"first\n")
    index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("4")
        for number in range(3):
            with (run / "logs.txt").open("ab") as file:
                file.write(b"appended %d\n" % number)
            began = time.monotonic()
            await browser.until(lambda number=number: f"appended {number}" in browser.text)
            assert time.monotonic() - began < 2.0

    opened(store, script)


def test_where_titles_have_no_room_the_other_pages_are_numbers(store, run):
    async def script(browser: Browser) -> None:
        assert browser.lines[1].rstrip() == " 1 Overview  2  3  4  5"
        await browser.pilot.click(offset=(21, 1))
        await browser.settle()
        assert browser.lines[1].rstrip() == " 1  2  3  4  5 Files"

    opened(store, script, size=(40, 10))


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (40, 10)])
def test_a_run_directory_that_is_gone_is_said_on_every_page_that_reads_it(store, run, size):
    shutil.rmtree(run)

    async def script(browser: Browser) -> None:
        await browser.press("end")
        await browser.press("g", *("j",) * 30)
        await browser.press("4")
        assert "No log: the program wrote no" in browser.text
        await browser.press("5")
        assert "The run directory is no longer there." in browser.text
        await browser.press("enter", "s", "S", "y")
        assert browser.app.clipboard == run.name

    opened(store, script, size=size)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.4.1", "0.7.2"])
def test_every_experiment_of_a_real_root_can_be_looked_at(store, tmp_path, version):
    store.add_root(unpack(version, tmp_path))
    sync(store)
    ids = store.id_list(store.ids(ExperimentQuery(include_deleted=True)))
    known = json.loads((Path(__file__).parents[1] / "data" / "roots" / f"root-{version}.index.json").read_text())
    assert len(ids) > len(known) // 2

    async def script(browser: Browser) -> None:
        for id in ids:
            await browser.app.push_screen(ExperimentScreen(id))
            await browser.settle()
            for page in ("2", "3", "4", "5"):
                await browser.press(page)
                assert not screen(browser).query_one("#problem").display
                assert all(line.isprintable() for line in browser.lines), browser.text
            await browser.press("escape")

    drive(store, script)


PAGES = {"2": "parameters", "3": "charts", "4": "log", "5": "files"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("state", ["empty", "gone", "broken"])
def test_pages_without_anything_to_show_say_why(store, tmp_path, golden, state, page):
    run = write_run(tmp_path / "root", log=b"" if state == "empty" else None)
    if state == "broken":
        (run / "assets.json").write_text("{")
        (run / "logs.txt").mkdir()
    index(store, tmp_path / "root")
    if state == "gone":
        shutil.rmtree(run)
    for path in run.rglob("*"):
        os.utime(path, (BEGAN, BEGAN))

    async def script(browser: Browser) -> None:
        await browser.press(page)
        golden(f"{PAGES[page]}_{state}", browser.text)

    opened(store, script)


@pytest.mark.parametrize("state", ["gone", "broken"])
def test_an_overview_of_damaged_files_says_which(store, tmp_path, golden, state):
    run = write_run(tmp_path / "root", metrics=curves(3))
    for name in ("meta.json", "environment.json", "assets.json"):
        (run / name).write_text('{"a": 1,\n x')
    index(store, tmp_path / "root")
    if state == "gone":
        shutil.rmtree(run)

    async def script(browser: Browser) -> None:
        lines = browser.text.splitlines()
        begin = next(number for number, line in enumerate(lines) if line.startswith(" unreadable"))
        golden(f"overview_{state}", "\n".join(lines[begin:]))

    opened(store, script, size=(80, 40))


def test_on_a_small_screen_the_log_keeps_its_place_and_help(store, run, golden):
    async def script(browser: Browser) -> None:
        await browser.press("4", "w", "slash", *"step", "enter")
        golden("log_small", browser.text)

    opened(store, script, size=(40, 10))
