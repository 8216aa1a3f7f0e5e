from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.palette import Palette
from textual.theme import Theme

from runicorn_db.store import Store
from runicorn_tui import format
from runicorn_tui.ascii_glyphs import in_ascii
from runicorn_tui.charts.palette import Color
from runicorn_tui.settings import THEMES, Settings
from runicorn_tui.state import Memory
from runicorn_tui.themes import Colors, line_colors, themes
from runicorn_tui.widgets.log_view import LogView
from runicorn_tui.widgets.preview import Preview
from tests.tui.drive import Browser, drive
from tests.tui.tour import BEGAN, tour

LEAST_CONTRAST = dict.fromkeys(THEMES, 4.5) | {"high-contrast": 7.0}
"""WCAG 2: AA, and AAA for the one that promises more."""


def linear(color: Color) -> tuple[float, float, float]:
    """sRGB -> linear light."""
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in color))
    return red, green, blue


def rgb(color: str | RichColor) -> Color:
    red, green, blue = (RichColor.parse(color) if isinstance(color, str) else color).get_truecolor()
    return red, green, blue


def shown(theme: Theme, color: str) -> Color:
    """A colour of a theme as the terminals show it that the theme is for."""
    found = RichColor.parse(color)
    return rgb(found.downgrade(ColorSystem.EIGHT_BIT) if theme in themes("256") else found)


def contrast(one: Color, other: Color) -> float:
    """As WCAG 2 defines it."""

    def luminance(color: Color) -> float:
        red, green, blue = linear(color)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def probe() -> Theme:
    """A theme in which no two variables have the same colour, so that a colour on screen tells which one it is."""
    theme = themes("all")[0]
    variables = {name: f"#{20 + 5 * place:02x}{place:02x}40" for place, name in enumerate(theme.variables)}
    return replace(theme, name="probe", variables=variables)


def pairs(browser: Browser) -> Iterator[tuple[str, Color, Color]]:
    """Each word on the uppermost screen with its colours; neither what lies under a dialog nor a log's own colours."""
    screen = browser.app.screen
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for text, style, _ in strip:
            widget, _ = screen.get_widget_at(min(x, screen.size.width - 1), y)
            if widget is not screen and style is not None and any(map(str.isalnum, text)):
                assert style.color is not None
                assert style.bgcolor is not None
                color, behind = rgb(style.color), rgb(style.bgcolor)
                is_of_log = isinstance(widget, LogView | Preview)
                if not is_of_log or color in KNOWN:
                    yield text.strip(), *((behind, color) if style.reverse else (color, behind))
            x += cell_len(text)


KNOWN = {rgb(color): name for name, color in probe().variables.items()}


def test_every_text_on_every_screen_stands_out_from_its_background_in_every_theme(toured: Store) -> None:
    found: dict[tuple[str, str], str] = {}
    others: set[tuple[str, str, Color, Color]] = set()

    async def script(browser: Browser) -> None:
        async def look(stop: str) -> None:
            for text, color, behind in pairs(browser):
                if color in KNOWN and behind in KNOWN:
                    found.setdefault((KNOWN[color], KNOWN[behind]), f"{stop}: {text[:20]}")
                else:
                    others.add((stop, text[:20], color, behind))

        browser.app.register_theme(probe())
        browser.app.theme = "probe"
        await browser.settle()
        await tour(browser, look)

    drive(toured, script, size=(120, 24), preview=True, clock=lambda: BEGAN + 3600)
    assert not others
    assert len(found) > 20
    faint = {
        (theme.name, pair, where, ratio)
        for theme in (*themes("all"), *themes("256"), *themes("sixteen"))
        for pair, where in found.items()
        if (ratio := contrast(*(shown(theme, theme.variables[name]) for name in pair))) < LEAST_CONTRAST[theme.name]
    }
    assert not faint


def names(colors: Colors) -> list[str]:
    return [theme.name for theme in themes(colors)]


def test_all_terminals_have_the_same_themes_but_those_without_colours() -> None:
    assert names("all") == names("256") == names("sixteen") == list(THEMES)
    assert len(names("none")) == 1


@pytest.mark.parametrize("theme", themes("sixteen"), ids=lambda theme: theme.name)
def test_on_a_terminal_of_sixteen_colours_nothing_else_is_asked_for(theme: Theme) -> None:
    from rich._palettes import STANDARD_PALETTE

    palette: Palette = STANDARD_PALETTE
    sixteen = {tuple(palette[number]) for number in range(16)}
    assert {rgb(color) for color in theme.variables.values()} <= sixteen


@pytest.mark.parametrize("theme", [*themes("256"), *themes("sixteen")], ids=lambda theme: theme.name)
def test_the_chosen_completion_is_told_from_the_others_with_few_colours(theme: Theme) -> None:
    assert shown(theme, theme.variables["popup"]) != shown(theme, theme.variables["cursor"])


# Machado, Oliveira and Fernandes, 2009, for the whole loss of one kind of cone.
SIGHTS: dict[str, Sequence[tuple[float, float, float]]] = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def lab(light: tuple[float, float, float]) -> tuple[float, float, float]:
    """Linear light -> CIELAB, where a distance of 2.3 can just be noticed."""
    red, green, blue = light
    white = (0.9505, 1.0, 1.089)
    xyz = (
        0.4124 * red + 0.3576 * green + 0.1805 * blue,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        0.0193 * red + 0.1192 * green + 0.9505 * blue,
    )
    x, y, z = (
        v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (c / w for c, w in zip(xyz, white, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def nearest(colors: Sequence[Color], sight: Sequence[tuple[float, float, float]] | None = None) -> float:
    """The smallest distance between two of them."""

    def seen(color: Color) -> tuple[float, float, float]:
        light = linear(color)
        if sight is not None:
            mixed = (sum(a * b for a, b in zip(row, light, strict=True)) for row in sight)
            red, green, blue = (max(0.0, min(1.0, part)) for part in mixed)
            light = (red, green, blue)
        return lab(light)

    found = [seen(color) for color in colors]
    return min(
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        for one, other in itertools.combinations(found, 2)
    )


@pytest.mark.parametrize("theme", [*themes("all"), *themes("256"), *themes("sixteen")], ids=lambda theme: theme.name)
def test_the_lines_of_a_chart_are_told_apart_and_from_the_background(theme: Theme) -> None:
    colors = [shown(theme, RichColor.from_rgb(*color).name) for color in line_colors(theme)]
    # That of the chart, and that of a legend.
    behind = [shown(theme, theme.variables[name]) for name in ("background", "surface")]
    assert len(colors) >= 6
    assert nearest(colors) > 25
    assert min(contrast(color, other) for color in colors for other in behind) >= 4.5


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("colors", ["all", "256"])
def test_the_lines_are_told_apart_with_every_kind_of_colour_blindness(sight: str, colors: Colors) -> None:
    theme = next(theme for theme in themes(colors) if theme.name == "colour-blind")
    assert nearest(line_colors(theme), SIGHTS[sight]) > 15


def test_a_status_is_a_glyph_and_a_word_of_its_own_in_ascii_too() -> None:
    said = [format.status(status) for status in format.STATUS_GLYPHS]
    assert len({text.split()[0] for text in said}) == len({text.split()[1] for text in said}) == len(said)
    assert len({in_ascii(text).split()[0] for text in said}) == len(said)


# Which of them is shown.


def begun(store: Store, memory: Memory | None = None, **settings: str) -> str:
    """The theme the browser begins with."""

    async def script(browser: Browser) -> None:
        assert set(browser.app.available_themes) == set(THEMES)

    return drive(store, script, memory=memory, settings=Settings(**settings)).theme  # pyright: ignore[reportArgumentType]


def test_the_theme_that_was_chosen_comes_back_unless_another_is_set(store: Store, tmp_path: Path) -> None:
    def memory() -> Memory:
        memory = Memory(tmp_path / "state.json", store.path)
        memory.load()
        return memory

    async def script(browser: Browser) -> None:
        assert browser.app.theme == "dark"
        browser.app.theme = "light"
        await browser.settle()

    drive(store, script, memory=memory())
    assert begun(store, memory()) == "light"
    assert begun(store, memory(), theme="high-contrast") == "high-contrast"
    assert begun(store, memory()) == "light"


def test_a_theme_that_is_remembered_and_no_more_is_no_reason_to_fail(store: Store, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state.json", store.path)
    memory.state.theme = "nord"
    assert begun(store, memory) == "dark"


def test_another_theme_recolours_the_lines_of_the_chart_on_screen(toured: Store) -> None:
    async def script(browser: Browser) -> None:
        await browser.press("down", "enter", "3", "enter")
        for theme in THEMES:
            browser.app.theme = theme
            await browser.settle()
            line = line_colors(browser.app.current_theme)[0]
            strips = browser.app.screen._compositor.render_strips()
            drawn = [s.style for strip in strips for s in strip if any("\u2801" <= c <= "\u28ff" for c in s.text)]
            assert {style.color.get_truecolor() for style in drawn if style is not None and style.color} == {line}

    drive(toured, script, size=(100, 30))
