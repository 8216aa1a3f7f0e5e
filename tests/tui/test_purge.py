"""Removing from disk out of the trash, on run directories that are really there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual import events

from runicorn_db.outcomes import PurgeProgress
from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_db.sync import sync
from runicorn_tui.screens.purge import ConfirmPurge
from runicorn_tui.screens.report import FailuresScreen, JournalScreen
from runicorn_tui.screens.trash import TrashScreen
from tests.db.runs import CREATED, write_run
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.gate import Gate

IDS = [f"20250101_00000{number}_aaaaaa" for number in range(6)]
HOSTILE = "a[red]\x1b[2J"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six runs with a file of a kilobyte each; the first has a name that tries to be more than text."""
    folder = tmp_path / "root"
    for number, run_id in enumerate(IDS):
        run = write_run(folder, run_id, created_at=CREATED + number, name=f"net {number}" if number else HOSTILE)
        (run / "weights.pt").write_bytes(b"w" * 1000)
    return folder


@pytest.fixture
def trashed(tmp_path: Path, root: Path) -> Iterator[Store]:
    """The first five of them in the trash as one batch."""
    with Store(tmp_path / "index.db") as store:
        store.add_root(root)
        sync(store)
        store.delete(IDS[:5], source="cli", reason="old")
        store.flush_outbox()
        with store.database.writing() as connection:
            connection.execute("UPDATE batch SET created_at = ?", (indexed.NOW,))
        yield store


def folders(root: Path) -> set[str]:
    return {path.name for path in root.glob("vision/*/runs/*")}


def held(store: Store) -> int:
    return store.batches()[0].remaining


def is_open(browser: Browser) -> bool:
    return isinstance(browser.app.screen, ConfirmPurge)


def test_a_batch_is_removed_once_its_number_is_typed(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        assert "Remove 5 experiments from disk for good" in browser.text
        assert "This cannot be undone" in browser.text
        assert re.search(r"frees \d", browser.text)
        assert "files     25, and the directories below" in browser.text
        await browser.press("y")
        await browser.press("enter")
        await browser.press("4", "enter")
        assert is_open(browser)
        assert len(folders(root)) == 6
        await browser.press("backspace", "5", "enter")
        assert isinstance(browser.app.screen, TrashScreen)
        assert re.fullmatch(r"5 experiments removed for good, \S+ kB freed, 25 files", browser.notices[-1])
        assert folders(root) == set(IDS[5:])
        assert "0 of 5" in browser.text
        await browser.press("z")
        assert browser.notices[-1].startswith("Nothing to undo")

    drive(trashed, script, size=(120, 24))


def test_one_needs_its_number_too_and_its_full_path_is_shown(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("enter")
        await browser.press("P")
        await browser.press("y")
        await browser.press("enter")
        assert is_open(browser)
        path = next(root.glob(f"vision/*/runs/{IDS[4]}"))
        assert str(path).replace(" ", "") in re.sub(r"[│\s]", "", browser.text)
        await browser.press("1", "enter")
        assert browser.notices[-1].startswith("1 experiment removed for good")
        assert held(trashed) == 4
        assert "net 4" not in browser.text

    drive(trashed, script, size=(160, 50))


def test_marked_ones_alone_are_removed(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("enter")
        await browser.press("space", "down", "space", "P")
        assert "Remove 2 experiments" in browser.text
        await browser.press("2", "enter")
        assert folders(root) == {IDS[0], IDS[1], IDS[3], IDS[5]}
        assert "3 of 5 in the trash" in browser.lines[0]

    drive(trashed, script)


def test_pasted_text_and_escape_remove_nothing(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        browser.app.screen.post_message(events.Paste("5\n"))
        await browser.press("enter")
        assert is_open(browser)
        await browser.press("escape")
        assert not is_open(browser)
        assert len(folders(root)) == 6

    drive(trashed, script)


def test_what_is_refused_is_named_before_and_stays(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        # Taken back by another program, which knows the marker file alone.
        (next(root.glob(f"vision/*/runs/{IDS[2]}")) / ".deleted").unlink()
        await browser.press("X")
        await browser.press("P")
        assert "Remove 4 experiments" in browser.text
        assert "stays     1: was taken back from the trash by another program 1" in browser.text
        first = next(line for line in browser.lines if "net 2" in line)
        assert "was taken back" in first
        await browser.press("4", "enter")
        assert folders(root) == {IDS[2], IDS[5]}
        assert held(trashed) == 1

    drive(trashed, script, size=(160, 30))


def test_what_fails_on_the_way_is_listed_with_its_reason(trashed: Store, root: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        (next(root.glob(f"vision/*/runs/{IDS[1]}")) / ".deleted").unlink()
        await browser.press("5", "enter")
        assert isinstance(browser.app.screen, FailuresScreen)
        assert "1 experiment not removed" in browser.lines[0]
        assert "net 1" in browser.text
        assert "was taken back from the trash by another program" in browser.text
        assert browser.notices[-1].startswith("4 experiments removed for good")
        await browser.press("escape")
        assert "1 of 5" in browser.text

    drive(trashed, script, size=(120, 24))


def gate_behind_first_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """One that a purge comes to when it has told of its first part, which is of one experiment."""
    monkeypatch.setattr("runicorn_db.purge._PART", 1)
    gate, purge = Gate(), store.purge

    def in_parts(*args: object, progress: Callable[[PurgeProgress], None], **kwargs: object) -> object:
        def told(at: PurgeProgress) -> None:
            progress(at)
            gate.wait()

        return purge(*args, progress=told, **kwargs)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(store, "purge", in_parts)
    return gate


def test_escape_stops_and_what_was_freed_is_told(trashed: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = gate_behind_first_part(trashed, monkeypatch)

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        await gate.reached(browser, "5", "enter")
        await browser.until(lambda: "freed, 1 of 5   esc stops here" in browser.text)
        await browser.pilot.press("q")
        await browser.until(lambda: "removing for good: 1 of 5" in browser.text)
        await browser.pilot.press("escape", "escape")
        gate.open()
        await browser.until(lambda: not is_open(browser))
        await browser.settle()
        assert browser.notices[-1].startswith("1 experiment removed for good, ")
        assert browser.notices[-1].endswith(". Stopped: the rest is in the trash as it was")
        assert len(folders(root)) == 5
        assert held(trashed) == 4

    drive(trashed, script, size=(100, 24))


def test_quitting_all_the_same_stops_a_purge_where_it_is(
    trashed: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gate_behind_first_part(trashed, monkeypatch)

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        await gate.reached(browser, "5", "enter")
        await browser.pilot.press("q", "q")
        browser.app.call_later(gate.open)

    drive(trashed, script)
    assert 1 <= len(folders(root)) - 1 < 5


def test_the_journal_says_what_was_removed_from_where(trashed: Store, root: Path) -> None:
    trashed.purge(IDS[:2], source="api")

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("J")
        assert isinstance(browser.app.screen, JournalScreen)
        assert "removed for good: 2 records" in browser.lines[0]
        assert "✓ removed" in browser.text
        assert "5 files" in browser.text
        assert "REST" in browser.text
        await browser.press("down")
        assert IDS[0] in browser.text
        await browser.press("escape", "escape")
        assert browser.current == "net 5"

    drive(trashed, script, size=(120, 24))


def test_an_empty_journal_says_what_would_fill_it(trashed: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("J")
        assert "Nothing was removed from disk yet." in browser.text
        await browser.press("enter")
        assert isinstance(browser.app.screen, TrashScreen)

    drive(trashed, script)


def test_nothing_is_left_to_remove_of_a_batch_that_was_restored(trashed: Store) -> None:
    trashed.restore(IDS)

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        assert browser.notices == ["Nothing of it is in the trash."]
        assert trashed.find(ExperimentQuery()).total == 6

    drive(trashed, script)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (160, 50)])
def test_the_dialog_at_every_size(
    trashed: Store, root: Path, golden: Callable[[str, str], None], size: tuple[int, int]
) -> None:
    (next(root.glob(f"vision/*/runs/{IDS[2]}")) / ".deleted").unlink()

    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("P")
        await browser.press("1")
        assert "Remove 4 experiments" in browser.text
        assert "type 4 and Enter: 1" in browser.text
        path = browser.widget("#purge-path")
        rows = range(path.region.y, path.region.bottom) if path.display else ()
        lines = [line for number, line in enumerate(browser.text.splitlines()) if number not in rows]
        # Where the directories lie differs from run to run, and with it how much of them fits.
        golden(f"purge_{size[0]}", "\n".join(re.sub(r"/\S+", "/", line).rstrip(" │▐") for line in lines))

    drive(trashed, script, size=size)
