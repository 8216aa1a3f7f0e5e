"""The browser begins as it was left; what is remembered lies in the file of `state`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui.state import MOST_MARKS, Memory, State
from tests.tui import indexed
from tests.tui.drive import Browser, Script, drive
from tests.tui.terminal_harness import Terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.json"


def start(store: Store, file: Path, script: Script, *, size: tuple[int, int] = (100, 24)) -> State:
    """One time the browser is used; what was remembered before."""
    memory = Memory(file, store.path)
    memory.load()
    drive(store, script, size=size, memory=memory)
    return memory.state


async def look(browser: Browser) -> None:
    """Does nothing."""


def test_columns_order_filter_and_marks_are_those_of_the_last_time(four_hundred: Store, file: Path) -> None:
    marked: set[str] = set()
    shown: list[str] = []

    async def first(browser: Browser) -> None:
        # The first closes the hints.
        await browser.press("escape", "space", "space", "slash")
        await browser.type("status:failed")
        await browser.press("enter", "l", "l", "minus", "escape", "s", "s", "S", "J")
        marked.update(browser.marked)
        shown.append(browser.text)

    async def second(browser: Browser) -> None:
        assert len(marked) == 4
        assert browser.marked == marked
        assert "114 of 400" in browser.lines[0]
        assert browser.screen.bar.text == "status:failed"
        await browser.press("down")
        # Sizes too, so that the number of bytes is known again.
        assert browser.text == shown[0]
        await browser.press("escape")
        assert browser.lines[0].rstrip().endswith(" 400")

    assert start(four_hundred, file, first) == State()
    assert start(four_hundred, file, second).filter == "status:failed"


def test_a_metric_that_was_sorted_by_is_again(store: Store, file: Path, tmp_path: Path) -> None:
    entries = [
        indexed.Entry(id=f"2025010{n}_000000_000000", name=f"run {n}", metrics={"[/]": n * 0.5}) for n in range(5)
    ]
    indexed.add(store, entries, root=tmp_path / "root")

    async def first(browser: Browser) -> None:
        await browser.press("C", "slash", "m", "i", "n", "full_stop", "enter", "space", "o", "escape")
        assert "min.[/] ↑" in browser.text

    async def second(browser: Browser) -> None:
        assert "min.[/] ↑" in browser.text
        assert browser.current == "run 0"
        assert "0.2000" in browser.lines[6]

    start(store, file, first)
    assert start(store, file, second).columns[4] == "min:[/]"


def test_marks_that_went_away_meanwhile_drop_out(four_hundred: Store, file: Path) -> None:
    async def first(browser: Browser) -> None:
        await browser.press("space", "space", "space")

    async def second(browser: Browser) -> None:
        assert len(browser.marked) == 1

    start(four_hundred, file, first)
    *_, kept = marks = json.loads(file.read_text())["indexes"][str(four_hundred.path)]["marks"]
    four_hundred.delete(marks[:1], source="cli")
    with four_hundred.database.writing() as connection:
        connection.execute("DELETE FROM experiment WHERE id = ?", (marks[1],))
    start(four_hundred, file, second)
    assert start(four_hundred, file, look).marks == [kept]


def test_marks_by_the_ten_thousand_are_not_remembered_and_it_is_said(store: Store, file: Path, tmp_path: Path) -> None:
    indexed.add(store, indexed.numbered(MOST_MARKS + 1), root=tmp_path / "root")

    async def first(browser: Browser) -> None:
        await browser.press("a")
        assert browser.notices == ["More than 10,000 marks are not remembered for the next start."]
        await browser.press("i", "a")
        assert len(browser.notices) == 1

    async def second(browser: Browser) -> None:
        assert not browser.marked
        await browser.press("a", "space")
        assert len(browser.marked) == MOST_MARKS
        assert browser.notices == ["More than 10,000 marks are not remembered for the next start."]

    async def third(browser: Browser) -> None:
        assert len(browser.marked) == MOST_MARKS

    start(store, file, first)
    start(store, file, second)
    start(store, file, third)


def test_a_filter_that_is_not_understood_any_more_is_left_out(four_hundred: Store, file: Path) -> None:
    memory = Memory(file, four_hundred.path)
    memory.remember(filter="status:nothing", order_by="nothing", columns=["nothing"])
    memory.write()

    async def script(browser: Browser) -> None:
        assert browser.screen.bar.text == ""
        assert browser.lines[0].rstrip().endswith(" 400")
        assert "created ↓" in browser.text
        assert browser.lines[1].split() == ["name"]

    start(four_hundred, file, script)


def test_a_half_typed_filter_is_not_remembered(four_hundred: Store, file: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("vit")
        browser.screen.bar.set_text("vit acc>")
        await browser.settle()

    start(four_hundred, file, script)
    assert start(four_hundred, file, look).filter == "vit"


def test_looking_alone_writes_nothing(four_hundred: Store, file: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "G", "question_mark", "escape")

    start(four_hundred, file, look)
    before = (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns)
    start(four_hundred, file, script)
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_it_is_written_while_the_browser_runs(four_hundred: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runicorn_tui.app.REMEMBER_SECONDS", 0.01)

    async def script(browser: Browser) -> None:
        await browser.press("s")
        await browser.until(file.exists)
        assert Memory(file, four_hundred.path).state == State()
        memory = Memory(file, four_hundred.path)
        memory.load()
        assert memory.state.order_by == "best"

    start(four_hundred, file, script)


def test_a_state_that_cannot_be_written_is_said_once_and_ends_nothing(
    four_hundred: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runicorn_tui.app.REMEMBER_SECONDS", 0.01)
    file.parent.write_text("a file where the folder should be")

    async def script(browser: Browser) -> None:
        for _ in range(3):
            await browser.press("S")
            await browser.until(lambda: browser.app._remembering is None)
            await browser.settle()
        assert len(browser.notices) == 1
        assert browser.notices[0].startswith("Not remembered for the next start: ")

    start(four_hundred, file, script)


def test_a_process_remembers_and_no_restore_begins_afresh(four_hundred: Store) -> None:
    def browse(*arguments: str) -> Terminal:
        command = ["-m", "runicorn_tui", "--db", str(four_hundred.path), *arguments]
        return Terminal(command, RUNICORN_TUI_WATCH="false")

    terminal = browse()
    terminal.until("1/400")
    terminal.press("s", "space")
    terminal.until("1 marked")
    terminal.press("q")
    assert terminal.end() == 0
    terminal = browse()
    terminal.until("best ↓")
    terminal.until("1 marked")
    terminal.press("q")
    assert terminal.end() == 0
    terminal = browse("--no-restore")
    terminal.until("created ↓")
    terminal.press("q")
    assert terminal.end() == 0
