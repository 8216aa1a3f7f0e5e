"""What runs beside the screens: roots are watched, REST is served."""

from __future__ import annotations

import socket
import sys
import tarfile
import urllib.request
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.companions import ServerHandle
from runicorn_tui.rest import make_server
from runicorn_tui.settings import Settings
from tests.tui import indexed
from tests.tui.drive import Browser, drive

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
