"""Every screen as a terminal gets it that knows ASCII alone, or no colour."""

from __future__ import annotations

from typing import Any

import pytest
from rich.color import Color
from rich.style import Style

from runicorn_db.store import Store
from runicorn_tui.terminal import settle
from tests.tui.drive import Browser, drive
from tests.tui.tour import BEGAN, STOPS, tour

CLOCK: dict[str, Any] = {"clock": lambda: BEGAN + 3600}


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_in_ascii_no_screen_shows_anything_else(toured: Store, size: tuple[int, int]) -> None:
    settle(is_ascii=True)
    others: set[tuple[str, str]] = set()

    async def script(browser: Browser) -> None:
        async def look(stop: str) -> None:
            others.update((stop, character) for character in browser.text if not character.isascii())

        await tour(browser, look)

    drive(toured, script, size=size, preview=True, **CLOCK)
    assert not others


def test_in_ascii_names_that_differ_look_different(toured: Store) -> None:
    settle(is_ascii=True)

    async def script(browser: Browser) -> None:
        assert "na\\xefve \\xb10.5" in browser.text
        assert "\\u65e5\\u672c\\u8a9e" in browser.text

    drive(toured, script, size=(160, 50), **CLOCK)


def test_in_ascii_keys_are_words_and_a_chart_has_no_other_markers(toured: Store) -> None:
    settle(is_ascii=True)

    async def script(browser: Browser) -> None:
        await browser.press("question_mark")
        assert "up k" in browser.text
        await browser.press("escape", "down", "enter", "3", "enter")
        before = browser.text
        await browser.press("m")
        assert browser.text == before
        assert any(line.count("*") > 5 for line in browser.lines)

    drive(toured, script, **CLOCK)


# NO_COLOR.


def styles(browser: Browser, text: str) -> list[Style]:
    """Of each piece of a line with this text in it."""
    strips = browser.app.screen._compositor.render_strips()
    strip = next(strip for strip in strips if text in strip.text)
    return [segment.style or Style() for segment in strip if segment.text.strip() or (segment.style or Style()).reverse]


def test_with_no_color_no_screen_has_a_colour(toured: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    coloured: set[tuple[str, Color | None, Color | None]] = set()

    async def script(browser: Browser) -> None:
        async def look(stop: str) -> None:
            for strip in browser.app.screen._compositor.render_strips():
                for _, style, _ in strip:
                    if style is not None and (style.color or style.bgcolor):
                        coloured.add((stop, style.color, style.bgcolor))

        await tour(browser, look, only=tuple(stop for stop in STOPS if stop != "journal"))

    drive(toured, script, size=(120, 30), preview=True, **CLOCK)
    assert not coloured


def test_with_no_color_cursor_marks_and_focus_are_still_to_be_seen(
    toured: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def script(browser: Browser) -> None:
        await browser.press("space", "down")
        assert all(style.reverse for style in styles(browser, "tokenizer_ablation"))
        marked, *rest = styles(browser, "●")
        assert marked.bold
        assert not any(style.reverse for style in rest)
        await browser.press("slash")
        unfocused = styles(browser, "tokenizer_ablation")
        assert all(style.underline and not style.reverse for style in unfocused)
        await browser.type("name:t")
        assert any(style.reverse for style in styles(browser, "name:t"))
        await browser.press("escape", "escape", "enter")
        assert [bool(style.reverse) for style in styles(browser, "1 Overview")] == [True] + [False] * 4

    drive(toured, script, **CLOCK)


def test_an_empty_no_color_asks_for_nothing(toured: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")

    async def script(browser: Browser) -> None:
        assert any(style.color for style in styles(browser, "tokenizer_ablation"))

    drive(toured, script, **CLOCK)
