"""The palette: what works where one is, found by letters, and the commands that are typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from runicorn_db.store import Store
from runicorn_tui import keys
from runicorn_tui.keymap import load
from runicorn_tui.screens.experiment import ExperimentScreen
from runicorn_tui.screens.experiments import ExperimentsScreen
from runicorn_tui.screens.help import HelpScreen
from runicorn_tui.screens.palette import Entry, PaletteScreen
from runicorn_tui.screens.query_text import QueryTextScreen
from runicorn_tui.screens.trash import TrashScreen
from tests.tui.drive import Browser, drive, opened
from tests.tui.terminal_harness import Terminal

Golden = Callable[[str, str], None]


def listed(browser: Browser) -> list[Entry]:
    screen = browser.app.screen
    assert isinstance(screen, PaletteScreen)
    return [entry for index in range(len(screen.table.rows)) if (entry := screen.table.rows.row(index)) is not None]


def labels(browser: Browser) -> list[str]:
    return [entry.label for entry in listed(browser)]


def test_it_lists_every_key_that_works_here_and_none_that_does_not(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        expected = {
            (row.label, row.shown)
            for row in keys.of(*ExperimentsScreen.SCOPES)
            if row.id not in ("palette", "command") and row.scopes != ("filter",)
        }
        assert {(entry.label, entry.key) for entry in listed(browser) if not entry.label.startswith(":")} == expected

    drive(four_hundred, script)


def test_letters_find_what_is_wanted_and_enter_does_it(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        await browser.type("clear the m")
        assert labels(browser)[0] == "clear the marks"
        await browser.press("escape", "space", "ctrl+p")
        await browser.type("markall")
        await browser.press("enter")
        assert len(browser.marked) == 400
        await browser.press("ctrl+p")
        await browser.type("trash")
        await browser.press("enter")
        assert isinstance(browser.app.screen, TrashScreen)

    drive(four_hundred, script)


@pytest.mark.parametrize(
    ("typed", "label"),
    [("restore", "trash"), ("purge", "trash"), ("undo", "undo a deletion"), ("move_column", "move it to the left")],
)
def test_what_the_key_table_and_the_code_call_it_is_found_once(four_hundred: Store, typed: str, label: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        await browser.type(typed)
        assert labels(browser).count(label) == 1
        assert len(set(labels(browser))) == len(labels(browser))

    drive(four_hundred, script)


def test_what_is_labelled_so_comes_before_what_is_only_called_so(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        await browser.type("undo")
        assert labels(browser) == ["undo a deletion", "trash"]

    drive(four_hundred, script)


def test_what_nothing_is_called_is_said(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        await browser.type("[red]zzz[/] \\")
        assert "Nothing that works here is called so" in browser.text
        await browser.press("enter")
        assert isinstance(browser.app.screen, PaletteScreen)
        await browser.press("escape")
        assert browser.screen.is_current

    drive(four_hundred, script)


def test_it_is_about_the_screen_and_the_page_that_are_shown(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("3", "ctrl+p")
        assert {"logarithmic", "next metric", "files"} <= set(labels(browser))
        assert "mark all that match" not in labels(browser)
        await browser.type("files")
        await browser.press("enter")
        assert isinstance(browser.app.screen, ExperimentScreen)
        await browser.press("ctrl+p")
        assert "look into the file" in labels(browser)
        assert "logarithmic" not in labels(browser)

    opened(four_hundred, script)


def test_it_opens_from_the_filter_line_and_goes_back_there(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("vit")
        await browser.press("ctrl+p")
        assert "complete" in labels(browser)
        # What types a letter there does not work there.
        assert "delete" not in labels(browser)
        await browser.press("escape", "x")
        assert browser.screen.bar.text == "vitx"

    drive(four_hundred, script)


def test_it_does_what_has_no_key_and_shows_the_keys_in_force(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+o")
        shown = {entry.label: entry.key for entry in listed(browser)}
        assert (shown["mark all that match"], shown["delete"]) == ("", "f8")
        await browser.type("mark all")
        await browser.press("enter")
        assert len(browser.marked) == 400

    (tmp_path / "keys.toml").write_text('mark-all = ""\ndelete = "f8"\npalette = "ctrl+o"')
    drive(four_hundred, script, keymap=load(tmp_path / "keys.toml"))


# Commands.


def test_after_a_colon_only_commands_are_found(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("colon")
        themes = [f":theme {name}" for name in sorted(browser.app.available_themes)]
        assert labels(browser) == [":curl", ":cli", ":help", ":quit", *themes]
        await browser.type("frob")
        assert "Nothing that works here is called so" in browser.text

    drive(four_hundred, script)


def test_a_command_shows_and_copies_the_query(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("status:failed")
        await browser.press("enter", "s", "colon")
        await browser.type("cli")
        await browser.press("enter")
        assert isinstance(browser.app.screen, QueryTextScreen)
        assert shlex.split(browser.app.clipboard)[:2] == ["runicorn-tui", "ls"]
        assert "status:failed" in browser.text
        await browser.press("escape")
        assert browser.screen.bar.text == "status:failed"
        assert "114 of 400" in browser.lines[0]
        # From the line as well, where a colon is a letter.
        await browser.press("slash", "ctrl+p")
        await browser.type(":curl")
        await browser.press("enter")
        assert browser.app.clipboard.startswith("curl -sS 'http://127.0.0.1:23300/api/v2/experiments?")

    drive(four_hundred, script)


def test_no_command_shows_a_filter_that_is_unclear(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("foo:bar")
        await browser.press("enter")
        for command, what in ((":cli", "a command line"), (":curl", "a REST call")):
            await browser.press("ctrl+p")
            await browser.type(command)
            await browser.press("enter")
            assert not isinstance(browser.app.screen, QueryTextScreen)
            assert f"Cannot show this list as {what}" in browser.notices[-1]

    drive(four_hundred, script)


def test_a_theme_is_chosen_by_name(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        other = next(name for name in sorted(browser.app.available_themes) if name != browser.app.theme)
        await browser.press("colon")
        await browser.type(f"theme {other}")
        await browser.press("enter")
        assert browser.app.theme == other

    drive(four_hundred, script)


def test_help_and_quit_are_commands_too(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("colon")
        await browser.type("help")
        await browser.press("enter")
        assert isinstance(browser.app.screen, HelpScreen)
        assert "mark all that match" in browser.text
        await browser.press("escape", "colon")
        await browser.type("quit")
        await browser.press("enter")
        assert browser.app.return_code == 0

    drive(four_hundred, script)


def test_a_burst_from_a_terminal_reaches_the_palette(four_hundred: Store) -> None:
    terminal = Terminal.browse(four_hundred.path)
    terminal.until("1/400")
    terminal.press(":cli\r")
    terminal.until("This list as a command line")
    assert "runicorn-tui ls" in terminal.text
    terminal.press("escape")
    terminal.until(lambda text: "command line" not in text)
    terminal.press("\x10trash\r")
    terminal.until("Nothing was deleted yet")
    terminal.press("q")
    terminal.until("1/400")
    terminal.press("\x10:quit\r")
    assert terminal.end() == 0
    assert terminal.is_restored()


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.parametrize(("name", "typed"), [("palette", ""), ("palette_found", "mark"), ("palette_commands", ":")])
def test_screen(four_hundred: Store, golden: Golden, name: str, typed: str, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("ctrl+p")
        await browser.type(typed)
        golden(f"{name}_{size[0]}x{size[1]}", browser.text)

    drive(four_hundred, script, size=size)
