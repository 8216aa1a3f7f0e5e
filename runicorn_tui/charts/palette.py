"""How the lines of one chart are told apart, with colours and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int]

# Told apart with every kind of colour blindness, after Okabe and Ito: black is white here, blue and vermilion are
# lighter, so that each can be read in a legend.
PALETTE: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (218, 98, 0),
    (247, 247, 247),
    (60, 126, 248),
)
MARKS = "*+ox#@%&ABCDEFGHJKLM"
"""The character of each line where colours and braille cannot be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """`mark` draws the line where only ASCII can be shown; `dash` is the pattern of the others: solid is 0."""

    color: Color
    mark: str
    dash: int = 0

    @property
    def swatch(self) -> str:
        """One cell of the line, as a legend shows it."""
        return _SWATCHES[self.dash]


_SWATCHES = "━╍┅"
"""Solid, dashed, dotted."""


def style(number: int, colors: Sequence[Color] = PALETTE) -> Style:
    """The style of the line with this number; twenty lines have twenty styles."""
    return Style(
        color=colors[number % len(colors)],
        mark=MARKS[number % len(MARKS)],
        dash=number // len(colors) % len(_SWATCHES),
    )
