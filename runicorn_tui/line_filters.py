"""The last step before a line reaches the terminal: only ASCII, or no colour at all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from runicorn_tui.ascii_glyphs import in_ascii
from runicorn_tui.themes import BOLD, FAINT, REVERSED, UNDERLINED


class OnlyAscii(LineFilter):
    """Every glyph as ASCII, on as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


class Colorless(LineFilter):
    """No colour, neither of ours nor of a log: what the theme without colours signs becomes an attribute."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, None if style is None else _colorless(style), control) for text, style, control in segments
        ]


def _named(*colors: str) -> frozenset[tuple[int, int, int]]:
    return frozenset(Color.parse(color).rgb for color in colors)


_BACKGROUNDS = {"reverse": _named(REVERSED), "underline": _named(UNDERLINED)}
_TEXTS = {"bold": _named(BOLD, REVERSED), "dim": _named(FAINT)}


@lru_cache(1024)
def _colorless(style: Style) -> Style:
    signs = {*_signs(style.bgcolor, _BACKGROUNDS.items()), *_signs(style.color, _TEXTS.items())}
    return Style(
        bold=style.bold or "bold" in signs,
        dim=style.dim or "dim" in signs,
        italic=style.italic,
        underline=style.underline or "underline" in signs,
        strike=style.strike,
        reverse=style.reverse or "reverse" in signs,
        meta=style.meta or None,
    )


def _signs(color: RichColor | None, known: Iterable[tuple[str, frozenset[tuple[int, int, int]]]]) -> list[str]:
    if color is None or color.triplet is None:
        return []
    return [attribute for attribute, colors in known if tuple(color.triplet) in colors]
