"""What becomes of the question whether to quit when the work ends under it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runicorn_db.errors import QueryFailed
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.export import ExportScreen
from runicorn_tui.screens.purge import ConfirmPurge
from runicorn_tui.screens.quit import QuitScreen
from runicorn_tui.screens.report import FailuresScreen
from tests.db.runs import CREATED, write_run
from tests.tui import indexed
from tests.tui.drive import Browser, drive, opened

pytestmark = pytest.mark.usefixtures("folder")

IDS = [f"20250101_00000{number}_aaaaaa" for number in range(3)]


class Gate:
    """Holds a method of a store back until `open`; then it raises `error`, if there is one."""

    def __init__(
        self, store: Store, name: str, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None
    ) -> None:
        self.begun, self.open = threading.Event(), threading.Event()
        method = getattr(store, name)

        def held(*args: Any, **kwargs: Any) -> Any:
            self.begun.set()
            assert self.open.wait(10)
            if error is not None:
                raise error
            return method(*args, **kwargs)

        monkeypatch.setattr(store, name, held)

    async def quit(self, browser: Browser, *keys: str, by: str = "q") -> None:
        """Presses keys that begin something, asks to quit meanwhile, and lets it go on."""
        for key in keys:
            await browser.pilot.press(key)
        await browser.until(self.begun.is_set)
        await browser.pilot.press(by)
        await browser.until(lambda: isinstance(browser.app.screen, QuitScreen))
        self.open.set()


@pytest.fixture
def thirty(store: Store, tmp_path: Path) -> Store:
    indexed.add(store, indexed.numbered(30), root=tmp_path / "root")
    return store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three run directories."""
    for number, run_id in enumerate(IDS):
        write_run(tmp_path / "root", run_id, created_at=CREATED + number, name=f"net {number}")
    return tmp_path / "root"


@pytest.fixture
def runs(tmp_path: Path, root: Path) -> Iterator[Store]:
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        sync(store)
        yield store


def run_directory(root: Path, run_id: str) -> Path:
    return next(root.glob(f"vision/*/runs/{run_id}"))


def test_an_export_that_fails_under_the_question_is_told(
    thirty: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("e")
        gate = Gate(thirty, "rows", monkeypatch, OSError(28, "No space left on device"))
        await gate.quit(browser, "enter")
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
        gate = Gate(thirty, "root_names", monkeypatch)
        await gate.quit(browser, "enter")
        await browser.until(lambda: isinstance(browser.app.screen, ExportScreen))
        await browser.until(lambda: "y replaces it" in browser.text)

    drive(thirty, script)
    assert (folder / "experiments.csv").read_text() == "mine"


def test_a_deletion_that_fails_under_the_question_is_told(thirty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(browser: Browser) -> None:
        gate = Gate(thirty, "delete", monkeypatch, QueryFailed("the index is full"))
        await browser.press("d")
        await gate.quit(browser, "y")
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
        await Gate(runs, "purge", monkeypatch).quit(browser, "3", "enter")
        await browser.until(lambda: isinstance(browser.app.screen, FailuresScreen))
        assert "1 experiment not removed" in browser.lines[0]

    drive(runs, script, size=(120, 24))


@pytest.mark.parametrize("keys", [("z",), ("X", "r")], ids=str)
def test_what_could_not_be_restored_under_the_question_is_listed_and_the_browser_stays(
    runs: Store, root: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "d", "y")
        with runs.database.writing() as connection:
            connection.execute(
                "INSERT INTO purge (experiment_id, root_path, root_inode, path, run_inode, aside, size_bytes,"
                " file_count, source, user, purged_at) SELECT id, '/nowhere', 1, path, 1,"
                " CAST('x/0123456789abcdef' AS BLOB), 5, 1, 'cli', 'me', 1 FROM experiment WHERE id = ?",
                (IDS[1],),
            )
        await browser.press(*keys[:-1])
        await Gate(runs, "restore_batch", monkeypatch).quit(browser, keys[-1], by="ctrl+c")
        await browser.until(lambda: isinstance(browser.app.screen, FailuresScreen))
        assert "1 experiment not restored" in browser.lines[0]
        await browser.press("escape")
        await browser.until(lambda: not isinstance(browser.app.screen, FailuresScreen | QuitScreen))
        assert browser.app.is_running

    drive(runs, script, size=(120, 24))


def test_work_that_ends_well_while_something_lies_over_the_question_quits_after_it(
    thirty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(thirty, "delete", monkeypatch)

    async def script(browser: Browser) -> None:
        await browser.press("d")
        for key in ("y", "q"):
            await browser.pilot.press(key)
        await browser.until(lambda: isinstance(browser.app.screen, QuitScreen))
        await browser.pilot.resize_terminal(30, 8)
        await browser.until(lambda: not isinstance(browser.app.screen, QuitScreen))
        gate.open.set()
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
        gate = Gate(thirty, "annotate", monkeypatch)
        await browser.pilot.press("p", "escape")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        gate.open.set()
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
        gate = Gate(four_hundred, "snapshot_of", monkeypatch)
        await browser.pilot.press("w", "escape")
        await browser.until(lambda: isinstance(browser.app.screen, ExperimentsScreen))
        gate.open.set()
        await browser.settle()
        assert browser.app.first_screen.table.watched == {running}

    opened(four_hundred, script, id=running)
