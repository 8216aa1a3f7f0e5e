from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from runicorn_db.store import Store
from runicorn_tui.state import MOST_HISTORY, Memory
from runicorn_tui.widgets.completion import MOST_ROWS
from tests.tui import indexed
from tests.tui.drive import Browser, Script, drive
from tests.tui.terminal_harness import Terminal
from tests.tui.test_golden import HOSTILE

Golden = Callable[[str, str], None]


def labels(browser: Browser) -> list[str]:
    return [candidate.label for candidate in browser.screen.bar.input.candidates]


def burst(browser: Browser, *keys: str) -> None:
    """All keys before the program has seen the first of them."""
    characters = {"slash": "/", "enter": "\r", "escape": "\x1b", "tab": "\t", "colon": ":"}
    for key in keys:
        browser.app.post_message(events.Key(key, characters.get(key, key)))


# Completion.


def test_words_are_offered_while_typing_and_taken_by_tab(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("sta")
        assert labels(browser) == ["status:"]
        assert "status:" in browser.lines[1]
        await browser.press("tab")
        assert browser.screen.bar.text == "status:"
        assert labels(browser) == ["finished", "failed", "interrupted", "running"]
        await browser.press("down", "tab")
        assert browser.screen.bar.text == "status:failed"
        assert labels(browser) == []
        await browser.pause_is_over()
        assert "114 of 400" in browser.lines[0]

    drive(four_hundred, script)


def test_the_right_arrow_takes_a_word_at_the_end_and_moves_elsewhere(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("project:vis")
        await browser.press("left")
        assert labels(browser) == []
        await browser.press("right")
        assert browser.screen.bar.text == "project:vis"
        await browser.press("backspace", "right")
        assert browser.screen.bar.text == "project:vision"
        await browser.pause_is_over()

    drive(four_hundred, script)


def test_up_and_down_move_in_the_open_list_only(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("project:")
        await browser.press("up")
        assert browser.screen.bar.input.chosen == 2
        await browser.press("down", "down")
        assert browser.screen.bar.input.chosen == 1
        await browser.press("escape", "down")
        assert browser.screen.focused is browser.screen.table

    drive(four_hundred, script)


def test_escape_closes_the_list_first_and_then_clears_the_filter(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("vit sta")
        assert labels(browser)
        await browser.press("escape")
        assert (browser.screen.bar.text, labels(browser)) == ("vit sta", [])
        await browser.press("escape")
        assert browser.screen.bar.text == ""
        assert browser.screen.focused is browser.screen.table

    drive(four_hundred, script)


def test_tab_in_an_empty_line_shows_every_field_eight_at_a_time(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        assert labels(browser) == []
        await browser.press("tab")
        assert "project:" in labels(browser)
        assert len(labels(browser)) > MOST_ROWS
        assert browser.widget("CompletionList").size.height == MOST_ROWS
        await browser.press("up")
        assert labels(browser)[-1] in browser.lines[MOST_ROWS]

    drive(four_hundred, script)


def test_a_burst_is_completed_by_what_was_typed_last(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        burst(browser, "slash", *"sta", "tab", *"fai", "tab", "enter")
        await browser.until(lambda: browser.screen.bar.text == "status:failed")
        await browser.settle()
        assert browser.screen.focused is browser.screen.table
        assert "114 of 400" in browser.lines[0]

    drive(four_hundred, script)


def test_a_click_takes_a_word(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("project:")
        line = next(y for y, text in enumerate(browser.lines) if "audio" in text and "133" in text)
        await browser.pilot.click(offset=(browser.lines[line].index("audio"), line))
        await browser.settle()
        assert browser.screen.bar.text == "project:audio"
        await browser.pause_is_over()

    drive(four_hundred, script)


def test_typing_goes_on_while_the_index_is_asked(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        burst(browser, "slash", *"name:vit_b_lr1e-2_s0")
        await browser.until(lambda: browser.screen.bar.text == "name:vit_b_lr1e-2_s0")
        await browser.pause_is_over()
        assert labels(browser) == []

    drive(four_hundred, script)


def test_letters_that_are_keys_elsewhere_are_letters_here(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("qd?FtaeUX@")
        assert browser.screen.bar.text == "qd?FtaeUX@"
        assert len(browser.app.screen_stack) == 1

    drive(four_hundred, script)


# History.


def remembering(store: Store, tmp_path: Path, script: Script) -> Memory:
    memory = Memory(tmp_path / "state.json", store.path)
    memory.load()
    drive(store, script, memory=memory)
    return memory


def test_up_and_down_walk_the_filters_of_this_and_earlier_times(four_hundred: Store, tmp_path: Path) -> None:
    async def first(browser: Browser) -> None:
        for text in ("status:failed", "vit", "status:failed", "foo:bar"):
            await browser.press("slash", "ctrl+u")
            await browser.type(text)
            await browser.press("enter")
        # Hints of the first start are closed, then the filter is cleared.
        await browser.press("escape", "escape")

    async def second(browser: Browser) -> None:
        bar = browser.screen.bar
        await browser.press("slash", "up")
        assert bar.text == "status:failed"
        await browser.press("up", "up")
        assert bar.text == "vit"
        await browser.pause_is_over()
        assert "100 of 400" in browser.lines[0]
        await browser.press("down", "down")
        assert bar.text == ""
        await browser.press("down")
        assert browser.screen.focused is browser.screen.table

    remembering(four_hundred, tmp_path, first)
    memory = remembering(four_hundred, tmp_path, second)
    assert memory.state.history == ["vit", "status:failed"]


def test_the_history_of_another_index_is_another(store: Store, four_hundred: Store, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state.json", tmp_path / "other.db")
    memory.remember(history=[str(number) for number in range(MOST_HISTORY)])
    memory.write()

    async def script(browser: Browser) -> None:
        await browser.press("slash", "up")
        assert browser.screen.bar.text == ""

    remembering(four_hundred, tmp_path, script)


# What is not understood.


def test_a_half_understood_filter_is_underlined_and_refuses_every_act(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("vit foo:bar")
        line = browser.app.screen._compositor.render_strips()[0]
        underlined = "".join(s.text for s in line if s.style is not None and s.style.underline)
        assert underlined == "foo"
        assert browser.lines[1].index("^^^") == browser.lines[0].index("foo")
        await browser.press("enter")
        for key, what in (("a", "mark all"), ("d", "delete"), ("e", "export"), ("t", "change tags")):
            await browser.press(key)
            assert len(browser.app.screen_stack) == 1
            assert not browser.marked
            assert browser.notices[-1].partition(" while")[0] == f"Cannot {what}"

    drive(four_hundred, script)


@pytest.mark.parametrize(
    ("text", "last"),
    [("optimizer:adam", "for a text; a metric takes a number"), ("foo:bar baz>", "takes a number  (+1 more)")],
)
def test_a_reason_that_needs_more_than_a_line_is_whole(four_hundred: Store, text: str, last: str) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type(text)
        field = text.partition(":")[0]
        assert browser.lines[1].index("^" * len(field)) == browser.lines[0].index(field)
        assert f"write param.{text.split()[0]} for a parameter" in browser.lines[2]
        assert browser.lines[3].rstrip().endswith(last)

    drive(four_hundred, script)


def test_a_reason_longer_than_its_lines_is_cut_with_an_ellipsis_before_how_many_more(four_hundred: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type(f"{'f' * 60}:bar baz>")
        assert browser.lines[3].rstrip().endswith("…  (+1 more)")

    drive(four_hundred, script)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_a_filter_by_a_metric_that_is_a_parameter_says_what_to_write(
    store: Store, tmp_path: Path, size: tuple[int, int]
) -> None:
    entries = [replace(entry, params={"lr": 0.01}, metrics={"acc": 1.0}) for entry in indexed.numbered(3)]
    indexed.add(store, entries, root=tmp_path / "root")

    async def script(browser: Browser) -> None:
        await browser.press("slash")
        await browser.type("lr<1e-3")
        assert browser.lines[1].rstrip() == " no metric is called lr, but a parameter is: write param.lr<0.001"
        # It is understood: nothing matches.
        await browser.press("enter")
        assert "No experiment matches this filter" in browser.text
        await browser.press("escape")
        assert "no metric" not in browser.text
        await browser.press("slash")
        await browser.type("acc>0")
        assert "no metric" not in browser.text
        assert "run 2" in browser.text

    drive(store, script, size=size)


# Keys that come in one burst.


@pytest.mark.parametrize("text", ["vit", "foo:bar"])
def test_keys_right_after_enter_are_for_the_list_of_the_new_filter(four_hundred: Store, text: str) -> None:
    async def script(browser: Browser) -> None:
        burst(browser, "slash", *("colon" if c == ":" else c for c in text), "enter", "a")
        await browser.until(lambda: browser.screen.focused is browser.screen.table)
        await browser.settle()
        assert browser.screen.bar.text == text
        assert len(browser.marked) == (100 if text == "vit" else 0)
        assert bool(browser.notices) == (text != "vit")

    drive(four_hundred, script)


def test_a_burst_from_a_terminal_reaches_the_list(four_hundred: Store) -> None:
    terminal = Terminal.browse(four_hundred.path)
    terminal.until("1/400")
    terminal.press("/vit\rd")
    terminal.until("Move ")
    assert " vit " in terminal.text.splitlines()[0]
    assert "vitd" not in terminal.text
    terminal.kill()


# Whole screens.


@pytest.fixture
def hostile(store: Store, tmp_path: Path) -> Store:
    """Projects that try to be more than text."""
    entries = [
        indexed.Entry(id=f"h{number}", name=f"run {number}", project=name, created_at=indexed.NOW - 60 * number)
        for number, name in enumerate(HOSTILE)
    ]
    indexed.add(store, entries, root=tmp_path / "root")
    return store


@pytest.mark.parametrize(
    ("name", "text", "key", "size"),
    [
        ("filter_words_80", "", "tab", (80, 24)),
        ("filter_words_160", "age>1d -status:", "down", (160, 50)),
        ("filter_words_40", "st", "down", (40, 10)),
    ],
)
def test_words_over_the_list(
    four_hundred: Store, golden: Golden, name: str, text: str, key: str, size: tuple[int, int]
) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        browser.screen.bar.input.insert_text_at_cursor(text)
        await browser.settle()
        await browser.press(key)
        await browser.pause_is_over()
        golden(name, browser.text)

    drive(four_hundred, script, size=size)


@pytest.mark.parametrize(("name", "size"), [("filter_hostile_80", (80, 24)), ("filter_hostile_160", (160, 50))])
def test_hostile_words_are_only_text(hostile: Store, golden: Golden, name: str, size: tuple[int, int]) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("slash")
        browser.screen.bar.input.insert_text_at_cursor("project:")
        await browser.settle()
        await browser.press("up", "up")
        await browser.pause_is_over()
        golden(name, browser.text)
        while True:
            line = browser.screen.bar.input
            if "\x1b" in line.candidates[line.chosen].text:
                break
            await browser.press("up")
        await browser.press("tab")
        await browser.pause_is_over()
        assert "\x1b" in browser.screen.bar.text
        assert "\x1b" not in browser.text
        assert "1 of 14" in browser.lines[0]

    drive(hostile, script, size=size)
