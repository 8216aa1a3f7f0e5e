"""The browser around its screens: help, answers that come late, ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.worker import Worker, WorkerState

from runicorn_db.store import Store
from runicorn_db.sync_report import SyncProgress
from runicorn_tui.app import RunicornApp
from runicorn_tui.messages import SyncMoved
from runicorn_tui.widgets.status_line import KeyBar
from tests.tui import indexed
from tests.tui.drive import DEADLINE, Browser, drive
from tests.tui.gate import Gate


def test_help_shows_the_keys_of_the_screen_it_was_asked_on(store: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("question_mark")
        assert "mark all that match" in browser.text
        await browser.press("escape", "X", "question_mark")
        assert "list the experiments" in browser.text
        assert "mark all that match" not in browser.text
        await browser.press("question_mark", "escape")
        assert "no experiments" in browser.text

    drive(store, script)


@pytest.mark.parametrize("size", [(40, 10), (80, 24)])
def test_help_says_how_to_scroll_and_to_close_it_and_both_do(store: Store, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("question_mark")
        assert "↑ ↓ PgUp PgDn scroll  esc close" in browser.lines[-2]
        before = browser.text
        await browser.press("pagedown")
        assert browser.text != before
        assert "esc close" in browser.lines[-2]
        await browser.press("escape")
        assert "no experiments" in browser.text.lower()

    drive(store, script, size=size)


def test_help_that_is_seen_as_a_whole_says_only_how_to_close_it(store: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X", "question_mark")
        assert "esc close" in browser.text
        assert "scroll" not in browser.text

    drive(store, script, size=(160, 50))


def test_quitting_while_the_index_is_asked_ends_soon(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.varied(50), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        for text in ("v", "b", "m", "r"):
            browser.screen.bar.set_text(text)
        browser.app.exit()

    assert isinstance(drive(store, script), RunicornApp)


def test_q_while_roots_are_read_says_so_and_asks(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        browser.app.post_message(SyncMoved(SyncProgress(root="lab [/]", phase="list", done=12, total=500)))
        await browser.press("q")
        assert "Still at work" in browser.text
        assert "reading lab [/]: 12/500" in browser.text
        await browser.press("escape")
        assert browser.current == "vit_b_lr1e-2_s0"
        browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase="list", done=12, total=500)))
        await browser.press("ctrl+c")
        assert "reading lab: 12/500" in browser.text
        assert browser.app.is_running
        await browser.pilot.press("q")
        await browser.until(lambda: not browser.app.is_running)

    drive(four_hundred, script)


def test_the_question_stays_from_one_part_of_a_sync_to_the_next_and_its_end_quits(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase="list", done=12, total=500)))
        await browser.press("q")
        for phase, done in (("list", 500), ("series", 0), ("series", 450), ("series", 500)):
            browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase=phase, done=done, total=500)))
            await browser.pilot.pause()
            assert "Still at work: quits at its end" in browser.text
            assert browser.app.is_running
        browser.app.post_message(SyncMoved(None))
        await browser.until(lambda: not browser.app.is_running)

    assert drive(four_hundred, script).return_code == 0


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (160, 50)])
def test_the_question_at_every_size(
    four_hundred: Store, golden: Callable[[str, str], None], size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        browser.app.post_message(SyncMoved(SyncProgress(root="a\x1b[2J[/]", phase="list", done=12, total=500)))
        await browser.press("q")
        golden(f"quit_{size[0]}", browser.text)

    drive(four_hundred, script, size=size)


def test_an_answer_for_a_screen_that_was_left_is_dropped(four_hundred: Store) -> None:
    is_wanted, is_there, shown = threading.Event(), threading.Event(), list[str]()

    def answer() -> None:
        assert is_wanted.wait(DEADLINE)
        is_there.set()

    async def script(browser: Browser) -> None:
        await browser.press("enter")
        left = browser.app.screen

        async def show() -> None:
            await browser.app.ask(answer)
            shown.append(str(left.query_one("#problem")))

        worker = left.run_worker(show())
        await browser.until(lambda: worker.is_running)
        is_wanted.set()
        # No other task runs between the answer and the way back.
        assert is_there.wait(DEADLINE)
        left.dismiss()
        await browser.until(lambda: worker.is_finished)
        assert shown == []
        assert worker.state is WorkerState.CANCELLED
        await browser.settle()
        assert browser.screen.is_current

    drive(four_hundred, script)


def test_an_answer_that_comes_while_the_browser_closes_is_dropped(
    four_hundred: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, workers = Gate(), list[Worker[None]]()

    async def script(browser: Browser) -> None:
        async def show() -> None:
            await browser.app.ask(gate.wait)

        workers.append(browser.screen.run_worker(show()))
        await gate.reached(browser)

        async def unmounted(_: KeyBar) -> None:
            gate.open()
            while not workers[0].is_finished:
                await asyncio.sleep(0)

        # The parts of the screen go before the workers do.
        monkeypatch.setattr(KeyBar, "on_unmount", unmounted, raising=False)

    drive(four_hundred, script)
    assert workers[0].state is WorkerState.CANCELLED


def test_who_asks_after_the_end_ends(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        browser.app._threads.shutdown()
        worker = browser.app.run_worker(browser.app.ask(four_hundred.roots))
        await browser.until(lambda: worker.is_finished)
        assert worker.state is WorkerState.CANCELLED

    drive(four_hundred, script)
