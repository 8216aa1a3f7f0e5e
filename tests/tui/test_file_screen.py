from __future__ import annotations

import os
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.file_list import FileEntry
from runicorn_tui.screens.file import FileScreen
from tests.tui.drive import Browser, Script, drive
from tests.tui.recorded import index, write_details, write_run


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Path:
    run = write_run(tmp_path / "root", log=b"one\n")
    write_details(run)
    index(store, tmp_path / "root")
    return run


def looked_into(store: Store, run: Path, name: bytes, script: Script, size: tuple[int, int] = (80, 24)) -> None:
    async def then(browser: Browser) -> None:
        path = os.path.join(os.fsencode(run), name)
        length = os.lstat(path).st_size if os.path.lexists(path) else None
        await browser.app.push_screen(FileScreen(str(run), FileEntry(name, length, None)))
        await browser.settle()
        await script(browser)

    drive(store, then, size=size)


@pytest.mark.parametrize(
    ("golden_name", "name", "size"),
    [
        ("file_json", b"environment.json", (80, 24)),
        ("file_json_small", b"environment.json", (40, 10)),
        ("file_broken", b"broken.json", (80, 24)),
        ("file_binary", b"media/1_best[].png", (80, 24)),
        ("file_hostile", b"esc\x1b[2J.txt", (80, 24)),
        ("file_link", b"link", (80, 24)),
        ("file_gone", b"gone", (80, 24)),
    ],
)
def test_a_file_is_shown_as_what_it_is(store, run, golden, golden_name, name, size):
    async def script(browser: Browser) -> None:
        assert all(line.isprintable() for line in browser.lines)
        golden(golden_name, browser.text)

    looked_into(store, run, name, script, size)


def test_a_file_that_grows_is_shown_as_it_grows(store, run):
    async def script(browser: Browser) -> None:
        assert "one" in browser.text
        with (run / "logs.txt").open("a") as file:
            file.write("two\n")
        await browser.until(lambda: "two" in browser.text)

    looked_into(store, run, b"logs.txt", script)


def test_text_is_found_in_json_as_it_is_set_out(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("slash", *"branch", "enter")
        assert "'branch' in line 10, 1 of 1" in browser.text

    looked_into(store, run, b"environment.json", script)


def test_y_copies_the_path_and_q_goes_back(store, run):
    async def script(browser: Browser) -> None:
        await browser.press("y")
        assert browser.app.clipboard == f"{run}/logs.txt"
        await browser.press("q")
        assert not isinstance(browser.app.screen, FileScreen)

    looked_into(store, run, b"logs.txt", script)
