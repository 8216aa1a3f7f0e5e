"""What becomes of the question whether to quit when the work ends under it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.errors import QueryFailed
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui import comparison_text
from runicorn_tui.screens.compare import CompareScreen
from runicorn_tui.screens.description import DescriptionScreen
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.screens.purge import ConfirmPurge
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.screens.report import FailuresScreen
from runicorn_tui.screens.write_comparison import WriteComparisonScreen
from tests.db.runs import CREATED, write_run
from tests.tui import indexed
from tests.tui.drive import Browser, drive, opened
from tests.tui.gate import Gate

pytestmark = pytest.mark.usefixtures("folder")

IDS = [f"20250101_00000{number}_aaaaaa" for number in range(3)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three run directories."""
    for number, run_id in enumerate(IDS):
        write_run(tmp_path / "root", run_id, created_at=CREATED + number, name=f"net {number}")
    return tmp_path / "root"


@pytest.fixture
def runs(store: Store, root: Path) -> Store:
    store.add_root(root)
    sync(store)
    return store


async def quit_meanwhile(browser: Browser, gate: Gate, *keys: str, by: str = "q") -> None:
    """Presses keys that begin something, asks to quit while it is held back, and lets it go on."""
    await gate.reached(browser, *keys)
    await browser.pilot.press(by)
    await browser.until(lambda: isinstance(browser.app.screen, QuitScreen))
    gate.open()


def run_directory(root: Path, run_id: str) -> Path:
    return next(root.glob(f"vision/*/runs/{run_id}"))


def test_an_export_that_fails_under_the_question_is_told(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        gate = Gate.before(monkeypatch, thirty, "rows", error=OSError(28, "No space left on device"))
        await quit_meanwhile(browser, gate, "enter")
        await browser.until(lambda: isinstance(browser.app.screen, ExportScreen))
        await browser.until(lambda: "No space left on device" in browser.text)

    drive(thirty, script)
    assert os.listdir(folder) == []


def test_whether_a_file_is_to_be_replaced_is_asked_though_one_asked_to_quit(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        (folder / "experiments.csv").write_text("mine")
        gate = Gate.before(monkeypatch, thirty, "root_names")
        await quit_meanwhile(browser, gate, "enter")
        await browser.until(lambda: isinstance(browser.app.screen, ExportScreen))
        await browser.until(lambda: "y replaces it" in browser.text)

    drive(thirty, script)
    assert (folder / "experiments.csv").read_text() == "mine"


def test_a_comparison_that_cannot_be_written_under_the_question_is_told(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c")
        gate = Gate.before(monkeypatch, comparison_text, "whole", error=OSError(28, "No space left on device"))
        await browser.press("w")
        await quit_meanwhile(browser, gate, "enter", by="ctrl+q")
        await browser.until(lambda: isinstance(browser.app.screen, WriteComparisonScreen))
        await browser.until(lambda: "No space left on device" in browser.text)
        assert os.listdir(folder) == []
        await browser.press("enter")
        await browser.until(lambda: "No space left on device" in browser.text)
        await browser.press("escape")
        assert isinstance(browser.app.screen, CompareScreen)

    drive(thirty, script)


def test_whether_a_comparison_is_to_be_replaced_is_asked_though_one_asked_to_quit(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c")
        await browser.press("w")
        (folder / "comparison.csv").write_text("mine")
        gate = Gate.before(monkeypatch, thirty, "root_names")
        await quit_meanwhile(browser, gate, "enter", by="ctrl+q")
        await browser.until(lambda: isinstance(browser.app.screen, WriteComparisonScreen))
        await browser.until(lambda: "enter again replaces it" in browser.text)

    drive(thirty, script)
    assert (folder / "comparison.csv").read_text() == "mine"


@pytest.mark.parametrize("asks", [True, False])
def test_a_comparison_that_is_being_written_is_written_once_whatever_is_pressed_meanwhile(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("space", "space", "c")
        gate = Gate.before(monkeypatch, comparison_text, "whole")
        await browser.press("w")
        await gate.reached(browser, "enter")
        await browser.pilot.press("enter", "escape")
        assert browser.app.going_on() == ["writing the comparison"]
        if asks:
            await quit_meanwhile(browser, gate, by="ctrl+q")
            await browser.until(lambda: not browser.app.is_running)
        else:
            gate.open()
            await browser.until(lambda: isinstance(browser.app.screen, CompareScreen))
            assert len(browser.notices) == 1

    drive(thirty, script)
    assert os.listdir(folder) == ["comparison.csv"]


def test_a_description_that_cannot_be_saved_under_the_question_is_told_and_not_lost(
    thirty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("E", *"good")
        gate = Gate.before(monkeypatch, thirty, "annotate", error=QueryFailed("the index is full"))
        await quit_meanwhile(browser, gate, "ctrl+o", by="ctrl+q")
        await browser.until(lambda: isinstance(browser.app.screen, DescriptionScreen))
        await browser.until(lambda: "the index is full" in browser.text)
        assert "good" in browser.text

    drive(thirty, script)


@pytest.mark.parametrize("fails", [True, False])
def test_tags_that_are_changed_under_the_question_end_the_browser_only_if_nothing_is_to_be_told(
    thirty: Store, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "t", *"best")
        error = QueryFailed("the index is full") if fails else None
        gate = Gate.before(monkeypatch, thirty, "annotate", error=error)
        await gate.reached(browser, "enter")
        assert browser.app.going_on() == ["changing tags: 0 of 30"]
        await quit_meanwhile(browser, gate, by="ctrl+q")
        if fails:
            await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
            assert browser.notices == ["+best: 0 experiments changed, 30 not touched: the index is full"]
        else:
            await browser.until(lambda: not browser.app.is_running)

    drive(thirty, script)
    assert thirty.tag_counts() == ({} if fails else {"best": 30})


def test_a_deletion_that_fails_under_the_question_is_told(thirty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, thirty, "delete", error=QueryFailed("the index is full"))
        await browser.press("d")
        await quit_meanwhile(browser, gate, "y")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        await browser.until(lambda: "the index is full" in browser.text)

    drive(thirty, script, size=(120, 24))


def test_what_a_purge_could_not_remove_under_the_question_is_listed(
    runs: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.delete(IDS, source="cli")
    runs.flush_outbox()

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        assert isinstance(browser.app.screen, ConfirmPurge)
        (run_directory(root, IDS[1]) / ".deleted").unlink()
        await quit_meanwhile(browser, Gate.before(monkeypatch, runs, "purge"), "3", "enter")
        await browser.until(lambda: isinstance(browser.app.screen, FailuresScreen))
        assert "1 experiment not removed" in browser.lines[0]

    drive(runs, script, size=(120, 24))


@pytest.mark.parametrize("keys", [("z",), ("X", "r")], ids=str)
def test_what_could_not_be_restored_under_the_question_is_listed_and_the_browser_stays(
    runs: Store, root: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", "y")
        indexed.being_purged(runs, IDS[1])
        await browser.press(*keys[:-1])
        gate = Gate.before(monkeypatch, runs, "restore_batch")
        await quit_meanwhile(browser, gate, keys[-1], by="ctrl+c")
        await browser.until(lambda: isinstance(browser.app.screen, FailuresScreen))
        assert "1 experiment not restored" in browser.lines[0]
        await browser.press("escape")
        await browser.until(lambda: not isinstance(browser.app.screen, FailuresScreen | QuitScreen))
        assert browser.app.is_running

    drive(runs, script, size=(120, 24))


def test_work_that_ends_well_while_something_lies_over_the_question_quits_after_it(
    thirty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate.before(monkeypatch, thirty, "delete")

    async def script(browser: Browser) -> None:
        await browser.press("d")
        for key in ("y", "q"):
            await browser.pilot.press(key)
        await browser.until(lambda: isinstance(browser.app.screen, QuitScreen))
        await browser.pilot.resize_terminal(30, 8)
        await browser.until(lambda: not isinstance(browser.app.screen, QuitScreen))
        gate.open()
        await browser.until(lambda: not browser.app.going_on())
        await browser.pilot.resize_terminal(80, 24)
        await browser.until(lambda: not browser.app.is_running)

    drive(thirty, script)


# Pins, which take no dialog.


def is_pinned(store: Store) -> bool:
    return store.find(ExperimentQuery(per_page=1)).experiments[0].is_pinned


def test_who_pins_and_quits_at_once_has_pinned(thirty: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.pilot.press("p", "q")
        await browser.until(lambda: not browser.app.is_running)

    drive(thirty, script)
    assert is_pinned(thirty)


def test_who_pins_and_leaves_the_experiment_at_once_has_pinned_and_the_list_shows_it(
    thirty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("enter")
        assert isinstance(browser.app.screen, ExperimentScreen)
        gate = Gate.before(monkeypatch, thirty, "annotate")
        await browser.pilot.press("p", "escape")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        gate.open()
        await browser.settle()
        assert browser.notices == ["Pinned"]
        row = browser.screen.table.current
        assert row is not None
        assert row.is_pinned

    drive(thirty, script)
    assert is_pinned(thirty)


@pytest.mark.parametrize("keys", [("p", "p"), ("enter", "p", "p")], ids=str)
def test_a_pin_pressed_twice_is_as_before(thirty: Store, keys: tuple[str, ...]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press(*keys[:-2])
        changes: list[bool] = []
        annotate = thirty.annotate

        def counted(*args: Any, pinned: bool, **kwargs: Any) -> Any:
            changes.append(pinned)
            return annotate(*args, pinned=pinned, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(thirty, "annotate", counted)
            for key in keys[-2:]:
                browser.app.simulate_key(key)
            await browser.until(lambda: len(changes) == 2)
            await browser.settle()
        assert changes == [True, False]

    drive(thirty, script)
    assert not is_pinned(thirty)


def test_who_watches_and_leaves_the_experiment_at_once_watches(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = four_hundred.find(ExperimentQuery(per_page=100)).experiments
    running = next(experiment.id for experiment in found if experiment.status == "running")

    async def script(browser: Browser) -> None:
        gate = Gate.before(monkeypatch, four_hundred, "snapshot_of")
        await browser.pilot.press("w", "escape")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        gate.open()
        await browser.settle()
        assert browser.app.first_screen.table.watched == {running}

    opened(four_hundred, script, id=running)
