"""How the lines of one chart are told apart, with colours and without."""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[int, int, int]

# Told apart with every kind of colour blindness (Okabe and Ito), the darkest last.
PALETTE: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 188, 135),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (160, 160, 160),
    (0, 114, 178),
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


def style(number: int) -> Style:
    """The style of the line with this number; twenty lines have twenty styles."""
    return Style(
        color=PALETTE[number % len(PALETTE)],
        mark=MARKS[number % len(MARKS)],
        dash=number // len(PALETTE) % len(_SWATCHES),
    )
