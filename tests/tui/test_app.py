"""The browser around its screens: watching roots, serving REST, ending."""

from __future__ import annotations

import socket
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.worker import WorkerState

from runicorn_db.store import Store
from runicorn_db.sync_report import SyncProgress
from runicorn_tui.app import RunicornApp, ServerHandle
from runicorn_tui.messages import SyncMoved
from runicorn_tui.rest import make_server
from runicorn_tui.settings import Settings
from tests.tui import indexed
from tests.tui.drive import DEADLINE, Browser, drive

REAL_ROOTS = Path(__file__).parents[1] / "data" / "roots"


def serving(store: Store, port: int = 0) -> ServerHandle:
    return make_server(store, Settings(port=port), syncing=lambda: False)


def test_it_reads_a_root_and_shows_what_it_finds(store: Store, tmp_path: Path) -> None:
    with tarfile.open(REAL_ROOTS / "root-0.4.1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    store.add_root(tmp_path / "root-0.4.1", "real")

    async def script(browser: Browser) -> None:
        await browser.until(lambda: len(browser.screen.table.rows) > 5)
        await browser.until(lambda: "● live" in browser.text)
        await browser.settle()

    drive(store, script, watch=True, roots=("real",))


def test_a_root_that_is_gone_is_told_where_the_rows_would_be(store: Store, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    store.add_root(tmp_path / "root")
    (tmp_path / "root").rmdir()

    async def script(browser: Browser) -> None:
        await browser.until(lambda: "No experiments here yet." in browser.text)
        assert str(tmp_path / "root") in browser.text

    drive(store, script, watch=True, size=(160, 24))


def test_w_starts_and_stops_the_rest_server(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.varied(3), root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        await browser.press("W")
        await browser.until(lambda: "http://127.0.0.1:" in browser.text)
        url = next(word for word in browser.text.split() if word.startswith("http://"))
        assert sys.getswitchinterval() == pytest.approx(0.005)
        body = await browser.app.ask(lambda: urllib.request.urlopen(f"{url}/v2/experiments").read())
        assert b'"total":3' in body.replace(b" ", b"")
        await browser.press("W")
        await browser.until(lambda: "http://" not in browser.text)
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        with pytest.raises(OSError, match="refused"):
            await browser.app.ask(lambda: urllib.request.urlopen(url))

    drive(store, script, make_server=lambda: serving(store), size=(120, 24))
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_serve_starts_it_at_once_and_the_end_stops_it(store: Store) -> None:
    found: list[str] = []

    async def script(browser: Browser) -> None:
        await browser.until(lambda: "http://127.0.0.1:" in browser.text)
        found.extend(word for word in browser.text.split() if word.startswith("http://"))
        assert sys.getswitchinterval() == pytest.approx(0.005)

    drive(store, script, make_server=lambda: serving(store), serve=True, size=(120, 24))
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(found[0])


def test_a_port_in_use_is_a_notice(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def script(browser: Browser) -> None:
            await browser.press("W")
            await browser.until(lambda: bool(browser.notices))
            assert browser.notices[0].startswith("REST server: ")

        drive(store, script, make_server=lambda: serving(store, port))


def test_without_a_server_w_says_so(store: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("W")
        assert browser.notices == ["No REST server can be started from here."]

    drive(store, script)


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
        await browser.press("q")
        browser.app.post_message(SyncMoved(None))
        await browser.until(lambda: "Still at work" not in browser.text)
        browser.app.post_message(SyncMoved(SyncProgress(root="lab", phase="list", done=12, total=500)))
        await browser.press("ctrl+c")
        assert "reading lab: 12/500" in browser.text
        assert browser.app.is_running
        await browser.pilot.press("q")
        await browser.until(lambda: not browser.app.is_running)

    drive(four_hundred, script)


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
        is_wanted.wait(DEADLINE)
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
        is_there.wait(DEADLINE)
        left.dismiss()
        await browser.until(lambda: worker.is_finished)
        assert shown == []
        assert worker.state is WorkerState.CANCELLED
        await browser.settle()
        assert browser.screen.is_current

    drive(four_hundred, script)
