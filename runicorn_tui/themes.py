"""The colours: four themes, each also of the sixteen colours that every terminal has, and none at all.

A status, a mark or a line is never told by its colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from textual.color import Color as ThemeColor
from textual.theme import Theme

from runicorn_tui.charts.palette import PALETTE, Color
from runicorn_tui.settings import THEMES

DEFAULT = THEMES[0]

Colors = Literal["all", "256", "sixteen", "none"]
"""How many a terminal has."""

_LINE = "line-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shades:
    """Backgrounds from far to near, then texts, then what is no text."""

    background: str
    surface: str
    panel: str
    popup: str
    cursor: str
    cursor_blurred: str
    found: str
    problem: str
    foreground: str
    muted: str
    dimmed: str
    primary: str
    accent: str
    success: str
    warning: str
    error: str
    frame: str
    rule: str
    grid: str
    lines: Sequence[str]
    is_dark: bool = True


_PALETTE = tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in PALETTE)

_DARK = _Shades(
    background="#12161c",
    surface="#171c24",
    panel="#1e2530",
    popup="#26303d",
    cursor="#24405e",
    cursor_blurred="#232c38",
    found="#4d3d1a",
    problem="#36212a",
    foreground="#d3dae3",
    muted="#a0acbb",
    dimmed="#8996a7",
    primary="#6cb6ff",
    accent="#daaa3f",
    success="#6bc46d",
    warning="#daaa3f",
    error="#f4796f",
    frame="#5b6b7e",
    rule="#3a4656",
    grid="#333c48",
    lines=_PALETTE,
)
_LIGHT = _Shades(
    background="#fdfdfc",
    surface="#f3f4f5",
    panel="#e8ebee",
    popup="#e0e5ea",
    cursor="#c4dcf5",
    cursor_blurred="#dfe3e8",
    found="#f5d98b",
    problem="#f7dcdc",
    foreground="#1b1f24",
    muted="#4a535d",
    dimmed="#58626d",
    primary="#0a4a9c",
    accent="#7a3e00",
    success="#0f5c29",
    warning="#7a3e00",
    error="#a8101c",
    frame="#87909b",
    rule="#c3c9d0",
    grid="#d5d9de",
    lines=("#0072b2", "#ba4a00", "#007a5a", "#b0468a", "#1b1f24", "#6b3f00", "#7d55d6", "#68707a"),
    is_dark=False,
)
_HIGH_CONTRAST = _Shades(
    background="#000000",
    surface="#000000",
    panel="#141414",
    popup="#1c1c1c",
    cursor="#003a70",
    cursor_blurred="#2b2b2b",
    found="#4a3b00",
    problem="#3d0000",
    foreground="#ffffff",
    muted="#e0e0e0",
    dimmed="#c4c4c4",
    primary="#7fd4ff",
    accent="#ffd800",
    success="#6cff8a",
    warning="#ffd800",
    error="#ffb3ab",
    frame="#ffffff",
    rule="#b0b0b0",
    grid="#707070",
    lines=("#7fd4ff", "#ffd800", "#6cff8a", "#ff9ae0", "#ffffff", "#ff9a5c", "#a9a9ff", "#b0b0b0"),
)
_COLOUR_BLIND = _Shades(
    background="#10141a",
    surface="#161b22",
    panel="#1d232c",
    popup="#252d38",
    cursor="#233a55",
    cursor_blurred="#222a35",
    found="#4d400f",
    problem="#38231a",
    foreground="#dbe1e8",
    muted="#a6b1be",
    dimmed="#8b96a5",
    # Blue and yellow are told apart with every kind of colour blindness, as are light and dark.
    primary="#8fcff5",
    accent="#f0e442",
    success="#56b4e9",
    warning="#f0e442",
    error="#ff9a5c",
    frame="#5c6876",
    rule="#38424e",
    grid="#323a45",
    lines=_PALETTE,
)

# Backgrounds that are close to each other would become one of the 256, and some of them far too bright.
_ON_BLACK_256 = {
    "background": "#121212",
    "surface": "#1c1c1c",
    "panel": "#262626",
    "popup": "#303030",
    "cursor": "#00005f",
    "cursor_blurred": "#303030",
    "found": "#5f005f",
    "problem": "#5f0000",
    # What becomes #9e9e9e: Rich takes greys for a little darker ones.
    "dimmed": "#a0a0a0",
    "lines": ("#5fd7d7", "#ffaf00", "#5faf5f", "#d75faf", "#d7d75f", "#ff5f00", "#ffffff", "#5f87ff"),
}
_256: Mapping[str, _Shades] = {
    "dark": replace(_DARK, **_ON_BLACK_256),
    "light": replace(
        _LIGHT,
        background="#ffffff",
        surface="#ffffff",
        panel="#f0f0f0",
        popup="#e8e8e8",
        cursor="#afffff",
        cursor_blurred="#e8e8e8",
        found="#ffd787",
        problem="#ffd7d7",
        dimmed="#585858",
        accent="#5f5f00",
        warning="#5f5f00",
        lines=("#005faf", "#af5f00", "#00875f", "#af005f", "#1c1c1c", "#5f3700", "#5f5fd7", "#6c6c6c"),
    ),
    "high-contrast": replace(
        _HIGH_CONTRAST, cursor="#00005f", cursor_blurred="#262626", found="#5f0000", problem="#5f0000"
    ),
    "colour-blind": replace(_COLOUR_BLIND, **_ON_BLACK_256),
}

# The sixteen as Rich knows them: what is made of nothing else reaches the terminal as it stands here.
_BLACK, _BLUE, _CYAN, _WHITE, _GREY = "#000000", "#0000aa", "#00aaaa", "#aaaaaa", "#555555"
_RED, _BROWN, _PURPLE = "#aa0000", "#aa5500", "#aa00aa"
_LIGHT_RED, _LIGHT_GREEN = "#ff5555", "#55ff55"
_YELLOW, _PINK, _LIGHT_CYAN, _BRIGHT = "#ffff55", "#ff55ff", "#55ffff", "#ffffff"


def _on_black(*, success: str, warning: str, error: str, muted: str = _WHITE, dimmed: str = _WHITE) -> _Shades:
    return _Shades(
        background=_BLACK,
        surface=_BLACK,
        panel=_BLACK,
        popup=_BLACK,
        cursor=_BLUE,
        cursor_blurred=_GREY,
        found=_BLUE,
        problem=_BLACK,
        foreground=_BRIGHT,
        muted=muted,
        dimmed=dimmed,
        primary=_LIGHT_CYAN,
        accent=_YELLOW,
        success=success,
        warning=warning,
        error=error,
        frame=_WHITE,
        rule=_GREY,
        grid=_GREY,
        lines=(_LIGHT_CYAN, _YELLOW, _LIGHT_GREEN, _PINK, _BRIGHT, _LIGHT_RED, _CYAN, _WHITE),
    )


_SIXTEEN: Mapping[str, _Shades] = {
    "dark": _on_black(success=_LIGHT_GREEN, warning=_YELLOW, error=_LIGHT_RED),
    "light": _Shades(
        background=_BRIGHT,
        surface=_BRIGHT,
        panel=_BRIGHT,
        popup=_BRIGHT,
        cursor=_CYAN,
        cursor_blurred=_WHITE,
        found=_YELLOW,
        problem=_BRIGHT,
        foreground=_BLACK,
        muted=_GREY,
        dimmed=_GREY,
        primary=_BLUE,
        accent=_BLUE,
        # Green on white is too light to be read.
        success=_BLUE,
        warning=_BROWN,
        error=_RED,
        frame=_GREY,
        rule=_WHITE,
        grid=_WHITE,
        lines=(_BLUE, _RED, _BLACK, _PURPLE, _BROWN, _GREY),
        is_dark=False,
    ),
    "high-contrast": _on_black(success=_LIGHT_GREEN, warning=_YELLOW, error=_PINK, muted=_BRIGHT, dimmed=_BRIGHT),
    "colour-blind": _on_black(success=_LIGHT_CYAN, warning=_BRIGHT, error=_YELLOW),
}
_ALL: Mapping[str, _Shades] = dict(
    zip(THEMES, (_DARK, _LIGHT, _HIGH_CONTRAST, _COLOUR_BLIND), strict=True),
)

# Not colours but signs for `line_filters.Colorless`, which turns them into attributes.
PLAIN, REVERSED, UNDERLINED, BOLD, FAINT = "#000000", "#ffffff", "#0000ff", "#ff0000", "#808080"
_PLAIN_TEXT = "#c0c0c0"

_COLORLESS = _Shades(
    background=PLAIN,
    surface=PLAIN,
    panel=PLAIN,
    popup=PLAIN,
    cursor=REVERSED,
    cursor_blurred=UNDERLINED,
    found=REVERSED,
    problem=PLAIN,
    foreground=_PLAIN_TEXT,
    muted=_PLAIN_TEXT,
    dimmed=FAINT,
    primary=REVERSED,
    accent=BOLD,
    success=_PLAIN_TEXT,
    warning=BOLD,
    error=BOLD,
    frame=_PLAIN_TEXT,
    rule=_PLAIN_TEXT,
    grid=FAINT,
    lines=(_PLAIN_TEXT,),
)


def themes(colors: Colors) -> tuple[Theme, ...]:
    """Those to choose from on a terminal with so many colours; without any there is one."""
    if colors == "none":
        return (_theme("no-colour", _COLORLESS),)
    shades = {"all": _ALL, "256": _256, "sixteen": _SIXTEEN}[colors]
    return tuple(_theme(name, one) for name, one in shades.items())


def colors_of(system: str | None) -> Colors:
    """How many colours there are in what Rich calls a colour system."""
    match system:
        case "256":
            return "256"
        case "standard":
            return "sixteen"
        case _:
            return "all"


def line_colors(theme: Theme) -> tuple[Color, ...]:
    """Of the lines of a chart, in the order in which they are given out."""
    found = [color for name, color in theme.variables.items() if name.startswith(_LINE)]
    return tuple(ThemeColor.parse(color).rgb for color in found)


def _theme(name: str, shades: _Shades) -> Theme:
    lines = {f"{_LINE}{number}": color for number, color in enumerate(shades.lines, 1)}
    return Theme(
        name=name,
        primary=shades.primary,
        secondary=shades.primary,
        accent=shades.accent,
        foreground=shades.foreground,
        background=shades.background,
        surface=shades.surface,
        panel=shades.panel,
        success=shades.success,
        warning=shades.warning,
        error=shades.error,
        dark=shades.is_dark,
        variables={
            # Exactly these: Textual mixes its own and rounds.
            "background": shades.background,
            "surface": shades.surface,
            "panel": shades.panel,
            "foreground": shades.foreground,
            "primary": shades.primary,
            "accent": shades.accent,
            "success": shades.success,
            "warning": shades.warning,
            "error": shades.error,
            "text": shades.foreground,
            "text-muted": shades.muted,
            "text-disabled": shades.dimmed,
            "dimmed": shades.dimmed,
            "live": shades.primary,
            "popup": shades.popup,
            "cursor": shades.cursor,
            "cursor-blurred": shades.cursor_blurred,
            "found": shades.found,
            "problem": shades.problem,
            "frame": shades.frame,
            "rule": shades.rule,
            "grid": shades.grid,
            "input-cursor-background": shades.foreground if shades is not _COLORLESS else REVERSED,
            "input-cursor-foreground": shades.background,
            "input-selection-background": shades.cursor,
            **lines,
        },
    )
