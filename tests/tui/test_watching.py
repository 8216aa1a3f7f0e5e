"""Experiments that are watched until they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.query import Experiment, ExperimentQuery, Snapshot
from runicorn_db.store import Store
from runicorn_db.sync import SyncReport, sync
from runicorn_tui import watched
from runicorn_tui.messages import IndexChanged
from runicorn_tui.state import Memory
from tests.tui import indexed, recorded
from tests.tui.drive import Browser, drive
from tests.tui.recorded import BEGAN, end, write_run
from tests.tui.terminal_harness import Terminal

WATCH = """
import sys
from runicorn_db.store import Store
from runicorn_tui.app import RunicornApp
with Store(sys.argv[1]) as store:
    RunicornApp(store, running_interval=0.2, full_interval=0.5, notify=sys.argv[2]).run()
"""


@pytest.fixture
def three(store: Store, tmp_path: Path) -> Store:
    """Two that run, above one that has finished."""
    entries = [
        indexed.Entry(id="20250101_000000_00000a", name="first", status="running", created_at=indexed.NOW - 60),
        indexed.Entry(id="20250101_000000_00000b", name="second", status="running", created_at=indexed.NOW - 120),
        indexed.Entry(id="20250101_000000_00000c", name="third", created_at=indexed.NOW - 180),
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


def ends(store: Store, name: str, status: str, reason: str | None = None) -> None:
    """What a sync does when a status changed on disk."""
    with store.database.writing() as connection:
        connection.execute(
            "UPDATE experiment SET status = ?, recorded_status = ?, duration_seconds = 754, exit_reason = ?"
            " WHERE name = ?",
            (status, status, reason, name),
        )


def glyphs(browser: Browser) -> str:
    return "".join(line[0] for line in browser.lines[2:5])


def test_w_watches_what_runs_and_tells_its_end_once(three: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("w")
        assert browser.notices == ["Watching 1 running experiment, w stops"]
        assert glyphs(browser) == "◎  "
        ends(three, "second", "failed")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.settle()
        assert len(browser.notices) == 1
        ends(three, "first", "failed", "CUDA[/] out of memory\x1b[2J")
        for _ in range(2):
            browser.app.post_message(IndexChanged(SyncReport(changed=1)))
            await browser.settle()
        assert browser.notices[1:] == ["first failed after 12m 34s: CUDA[/] out of memory\\x1b[2J"]
        assert glyphs(browser) == "   "

    drive(three, script)


def test_w_again_stops_watching(three: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a", "w")
        assert glyphs(browser) == "◎◎ "
        await browser.press("w")
        assert glyphs(browser) == "   "
        ends(three, "first", "finished")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.settle()
        assert browser.notices == ["Watching 2 running experiments, w stops", "2 experiments no longer watched"]

    drive(three, script)


def test_what_has_ended_cannot_be_watched(three: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("end", "w")
        assert browser.notices == ["Only what still runs can be watched."]

    drive(three, script)


def test_the_end_is_told_on_every_screen(three: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("w", "enter")
        ends(three, "first", "interrupted")
        browser.app.post_message(IndexChanged(SyncReport(changed=1)))
        await browser.until(lambda: "first interrupted after 12m 34s" in browser.notices)

    drive(three, script)


def test_what_ended_while_the_browser_was_closed_is_told_at_the_next_start(three: Store, tmp_path: Path) -> None:
    def start(script: object) -> None:
        memory = Memory(tmp_path / "state.json", three.path)
        memory.load()
        drive(three, script, memory=memory)  # pyright: ignore[reportArgumentType]

    async def watch(browser: Browser) -> None:
        await browser.press("a", "w", "U")

    async def told(browser: Browser) -> None:
        await browser.until(lambda: browser.notices == ["second finished after 12m 34s"])
        assert glyphs(browser) == "◎  "

    async def quiet(browser: Browser) -> None:
        assert browser.notices == []
        assert glyphs(browser) == "◎  "

    start(watch)
    ends(three, "second", "finished")
    start(told)
    start(quiet)


def test_what_went_to_the_trash_is_no_longer_watched(three: Store) -> None:
    ids = [row.id for row in three.find(ExperimentQuery()).experiments]
    three.delete(ids[:1], source="api")

    found = watched.look(three, [*ids, "20250101_000000_ffffff"])

    assert (found.running, [one.name for one in found.ended]) == (ids[1:2], ["third"])
    assert watched.running_of(three, three.snapshot_of(ids)) == ids[1:2]
    assert watched.running_of(three, Snapshot()) == []


def test_many_that_ended_at_once_are_one_sentence() -> None:
    def one(number: int, status: str) -> Experiment:
        return Experiment(id=f"{number}", project="", name="", status=status, created_at=0, updated_at=0)

    few = [one(1, "failed"), one(2, "finished")]
    many = [*few, *(one(number, "finished") for number in range(3, 9))]

    assert watched.said(few) == ["1 failed", "2 finished"]
    assert watched.said(many) == ["8 watched experiments ended: 1 failed, 7 finished"]


def test_the_terminal_is_told_by_a_sequence_that_no_name_can_end(tmp_path: Path) -> None:
    run = write_run(tmp_path / "root", name="esc\x1b\\\x07;end", status="running", log=b"")
    with Store(tmp_path / "index.db") as store:
        store.add_root(tmp_path / "root")
        sync(store)
    terminal = Terminal(["-W", "error", "-c", WATCH, str(tmp_path / "index.db"), "osc777"])
    try:
        terminal.until("1/1")
        terminal.press("w")
        terminal.until("Watching 1 running")
        end(run, "finished")
        terminal.until("finished after 10m 00s")
        terminal.read(0.2)
        told = b"\x1b]777;notify;runicorn-tui;esc\\x1b\\\\x07,end finished after 10m 00s\x1b\\"
        assert terminal.received.count(told) == 1
        terminal.press("q")
        assert terminal.end() == 0
    finally:
        terminal.kill()


def test_the_files_of_a_watched_run_are_followed(store: Store, tmp_path: Path) -> None:
    run = write_run(tmp_path / "root", status="running")
    recorded.index(store, tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("w")
        end(run, "failed")
        await browser.until(lambda: "vit_b failed after 10m 00s" in browser.notices)

    drive(store, script, watch=True, running_interval=0.2, full_interval=0.5, clock=lambda: BEGAN + 3600)
