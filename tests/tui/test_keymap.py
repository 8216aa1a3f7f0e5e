"""Keys that a person chose: read whole or not at all, and true wherever they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from runicorn_db.query import ExperimentQuery
from runicorn_db.store import Store
from runicorn_tui import keys
from runicorn_tui.cli import run
from runicorn_tui.keymap import Keymap, keys_file, load
from runicorn_tui.screens.help import HelpScreen
from runicorn_tui.settings import InvalidSetting
from tests.tui import indexed
from tests.tui.drive import Browser, drive
from tests.tui.terminal_harness import Terminal


def written(tmp_path: Path, text: str) -> Keymap:
    file = tmp_path / "keys.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def keys_of(keymap: Keymap, scope: keys.Scope, id: str) -> tuple[str, ...]:
    return next(row.keys for row in keymap.of(scope) if row.id == id)


# Reading.


def test_without_a_file_the_table_is_in_force(tmp_path: Path) -> None:
    assert list(load(tmp_path / "keys.toml").of("app")) == list(keys.of("app"))


def test_a_name_is_about_every_place_and_one_with_a_scope_about_that_place(tmp_path: Path) -> None:
    keymap = written(tmp_path, 'delete = "B"\nexperiment.delete = ["f8", "ctrl+x"]\n"compare.axis" = "A"')
    assert keys_of(keymap, "experiments", "delete") == ("B",)
    assert keys_of(keymap, "experiment", "delete") == ("f8", "ctrl+x")
    assert keys_of(keymap, "compare", "axis") == ("A",)
    assert keys_of(keymap, "chart", "axis") == ("x",)


def test_two_keys_change_places(tmp_path: Path) -> None:
    keymap = written(tmp_path, 'trash = "c"\n"compare" = "X"')
    assert (keys_of(keymap, "experiments", "trash"), keys_of(keymap, "experiments", "compare")) == (("c",), ("X",))


def test_an_empty_text_takes_the_key_away(tmp_path: Path) -> None:
    keymap = written(tmp_path, 'redo = ""\nundo = []')
    assert keys_of(keymap, "experiments", "redo") == keys_of(keymap, "trash", "undo") == ()
    assert keymap.hint("undo") == "ctrl+p"


@pytest.mark.parametrize(
    ("said", "key", "shown"),
    [
        ("/", "slash", "/"),
        ("PgUp", "pageup", "PgUp"),
        ("ESC", "escape", "esc"),
        ("ctrl+X", "ctrl+x", "ctrl+x"),
        ("shift+left", "shift+left", "shift+←"),
        ("ctrl++", "ctrl+plus", "ctrl++"),
        ("ctrl+@", "ctrl+@", "ctrl+@"),
        ("ctrl+/", "ctrl+underscore", "ctrl+_"),
        ("ctrl+_", "ctrl+underscore", "ctrl+_"),
        (",", "comma", ","),
        ("é", "é", "é"),
        ("f12", "f12", "f12"),
    ],
)
def test_keys_are_written_as_on_a_keyboard(tmp_path: Path, said: str, key: str, shown: str) -> None:
    keymap = written(tmp_path, f'"experiments.delete" = "{said}"\n"filter" = "I"\n"clear" = "f9"\n"page-up" = "f7"')
    row = next(row for row in keymap.of("experiments") if row.id == "delete")
    assert (row.keys, row.shown) == ((key,), shown)


def test_of_keys_with_places_fewer_may_be_given(tmp_path: Path) -> None:
    keymap = written(tmp_path, 'compare-hide = ["f1", "f2"]')
    bound = keymap.of_bindings()
    assert (bound["compare.compare-hide.1"], bound["compare.compare-hide.2"]) == ("f1", "f2")
    assert bound["compare.compare-hide.9"] not in ("f1", "f2", "9")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('delte = "x"', "there is no action 'delte'; did you mean 'delete'? runicorn-tui keys lists them"),
        ('"trash.delete" = "x"', "there is no action 'trash.delete'"),
        ('delete = "dd"', "delete: 'dd' is no key; keys are written x, X, /"),
        ('delete = "shift+x"', "delete: 'shift+x' is written 'X'"),
        ('delete = "ctrl+i"', "delete: for 'ctrl+i' a terminal sends the same as for tab: choose another key"),
        ('delete = "ctrl+c"', "delete: 'ctrl+c' always quits"),
        ("delete = 3", 'delete must be a key or a list of keys, such as "x" or ["x", "ctrl+x"], not 3'),
        ('delete = ["x", 1]', "delete must be a key or a list of keys"),
        ('delete = "c"', "delete: 'c' is the key of 'compare' (compare the marked) in the same place: choose another"),
        ('delete = "x"', "give 'axis' another one, or say where: 'experiments.delete', 'experiment.delete'"),
        ('mark = "d"', "mark: 'd' is the key of 'delete'"),
        ('"experiments.delete" = "f5"\nredo = "f5"', "redo: 'f5' is the key of 'delete'"),
        ('quit = ""', "quit: needs a key"),
        ('help = ""', "help: needs a key"),
        ('palette = ""', "palette: needs a key"),
        ('cancel = ""', "cancel: needs a key"),
        ('filter-done = "x"', "filter-done: 'x' is typed as a letter there: choose a key like ctrl+x or f5"),
        ('tags-next = "space"', "tags-next: 'space' is typed as a letter there"),
        ('confirm = "1"', "confirm: '1' types the number that is asked for there"),
        ('down = "backspace"', "down: 'backspace' types the number that is asked for there"),
        ('compare-solo = ["f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10"]', "at most 9 keys"),
        ("delete = ", "not valid TOML"),
        ("\x00", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        written(tmp_path, f'preview = "f6"\n{text}')
    assert str(caught.value).startswith(str(tmp_path / "keys.toml"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('take-running = ""', "take-running: needs a key in 'confirm'"),
        ("confirm = []", "confirm: needs a key in 'confirm'"),
        ('confirm-number = ""', "confirm-number: needs a key in 'confirm', 'purging'"),
        ('pick = ""', "pick: needs a key in 'picking'"),
        ('write = ""', "write: needs a key in 'writing'"),
        ('saved-delete = ""', "saved-delete: needs a key in 'saved'"),
        ('sort-column = ""', "does not work there; elsewhere 'columns.sort-column' can go without"),
    ],
)
def test_where_there_is_no_palette_an_action_keeps_a_key(tmp_path: Path, text: str, where: str) -> None:
    with pytest.raises(InvalidSetting, match="because the palette, which would find it, does not work") as caught:
        written(tmp_path, text)
    assert where in str(caught.value)


def test_the_key_of_one_place_is_taken_away_where_there_is_a_palette(tmp_path: Path) -> None:
    keymap = written(tmp_path, '"columns.sort-column" = ""\nfilter-complete = ""')
    assert keys_of(keymap, "columns", "sort-column") == keys_of(keymap, "filter", "filter-complete") == ()
    assert keys_of(keymap, "chooser", "sort-column") == ("o",)


@pytest.mark.parametrize("row", [row for row in keys.KEYS if row.is_needed], ids=lambda row: row.id)
def test_no_way_out_can_be_taken_off_the_keyboard(tmp_path: Path, row: keys.Key) -> None:
    with pytest.raises(InvalidSetting, match="needs a key"):
        written(tmp_path, f'{row.id} = ""')


def test_every_screen_has_a_way_out_that_is_kept() -> None:
    parts = {"app", "table", "marks", "columns", "compared", "groups", "chart", "overview", "parameters"}
    parts |= {"log", "files", "exportable", "watchable"}
    screens = {scopes[0] for scopes in keys.TOGETHER} - parts
    assert len(screens) > 15
    assert [scope for scope in screens if not any(row.is_needed for row in keys.of(scope))] == []


def test_every_row_can_be_given_a_key_of_its_own(tmp_path: Path) -> None:
    for row in keys.KEYS:
        keymap = written(tmp_path, f'"{row.id}" = "alt+f9"')
        assert all(keys_of(keymap, scope, row.id) == ("alt+f9",) for scope in row.scopes)
        assert "alt+f9" in keymap.of_bindings().values()


# In the browser.


def test_the_chosen_key_acts_and_the_old_one_does_not(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("d")
        assert len(browser.app.screen_stack) == 1
        await browser.press("x")
        await browser.press("f2")
        assert "1 moved to trash, u undoes" in browser.notices[0]
        await browser.press("u")
        assert four_hundred.find(ExperimentQuery(per_page=1)).total == 400

    keymap = written(tmp_path, 'experiments.delete = "x"\nconfirm = "f2"\nundo = "u"')
    drive(four_hundred, script, keymap=keymap)


def test_two_keys_that_change_places_both_act(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("a")
        assert len(browser.marked) == 1
        await browser.press("space")
        assert len(browser.marked) == 400

    drive(four_hundred, script, keymap=written(tmp_path, 'mark = "a"\nmark-all = "space"'))


def test_footer_help_and_sentences_tell_the_chosen_keys(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        assert "x delete" in browser.lines[-1]
        assert "all" not in browser.lines[-1]
        assert "ctrl+f filters" in browser.lines[0]
        await browser.press("f1")
        assert isinstance(browser.app.screen, HelpScreen)
        assert "x            delete" in browser.text
        assert "–            mark all that match" in browser.text
        await browser.press("escape", "c")
        assert "f3 marks" in browser.notices[0]
        await browser.press("ctrl+f")
        await browser.type("nothing at all is called so")
        await browser.press("enter")
        assert "ctrl+f changes it, f1 shows examples" in browser.text

    text = 'experiments.delete = "x"\nfilter = "ctrl+f"\nhelp = "f1"\nmark = "f3"\nmark-all = ""'
    drive(four_hundred, script, keymap=written(tmp_path, text))


def test_empty_lists_and_dialogs_tell_the_chosen_keys(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("X")
        await browser.press("J")
        assert "f5 in the trash removes for good" in browser.text
        await browser.press("escape", "escape")
        await browser.press("e")
        assert all(told in browser.text for told in ("f6 what ", "f7 rows ", "f8 format "))
        await browser.press("f8")
        assert "● JSON" in browser.text
        await browser.press("escape", "space", "space")
        await browser.press("c")
        await browser.press("tab", "tab")
        assert "f9 shows what is equal" in browser.text

    text = 'purge = "f5"\nexport-what = "f6"\nexport-rows = "f7"\nexport-format = "f8"\ncompare-equal = "f9"'
    drive(four_hundred, script, keymap=written(tmp_path, text))


def test_letters_are_typed_whatever_they_were_chosen_for(four_hundred: Store, tmp_path: Path) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash", "x", "u", "l", "x", "A")
        assert browser.screen.bar.text == "xulxA"
        assert len(browser.app.screen_stack) == 1

    text = 'experiments.delete = "x"\nquit = "u"\nhelp = "A"\npalette = "ctrl+l"'
    drive(four_hundred, script, keymap=written(tmp_path, text))


# At the start, and on the command line.


def test_a_wrong_file_ends_the_start_with_a_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    keys_file().parent.mkdir(parents=True)
    keys_file().write_text('delete = "d"\nquit = ""\n')
    assert run(["keys"]) == 2
    assert capsys.readouterr().err == (
        f"runicorn-tui: {keys_file()}: quit: needs a key, because there would be no other way to 'quit'\n"
    )
    terminal = Terminal(["-m", "runicorn_tui", "--db", str(store.path)], columns=200)
    terminal.until("needs a key")
    assert terminal.end() == 2
    assert b"\x1b[?1049h" not in terminal.received


def test_the_browser_of_the_command_line_reads_the_file(store: Store, tmp_path: Path) -> None:
    indexed.add(store, indexed.varied(20), root=tmp_path / "root")
    keys_file().parent.mkdir(parents=True)
    keys_file().write_text('experiments.delete = "x"\nquit = "ctrl+x"\n')
    terminal = Terminal(["-m", "runicorn_tui", "--db", str(store.path)], RUNICORN_TUI_WATCH="false")
    terminal.until("x delete")
    terminal.press("x")
    terminal.until("y moves them")
    terminal.press("escape")
    terminal.until(lambda text: "y moves them" not in text)
    terminal.press("\x18")
    assert terminal.end() == 0
