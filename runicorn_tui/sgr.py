"""Colours that a program wrote into its log, and nothing else of what it wrote to a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.color import Color
from rich.style import Style
from rich.text import Text

from runicorn_tui.terminal import Drawn, safe

_SGR = re.compile(r"\x1b\[([0-9;:]{0,64})m")
_TAB = 8

# Hidden and blinking text is not among them: nothing in a log may hide, nothing may write for ever.
_ATTRIBUTES: dict[int, Style] = {
    1: Style(bold=True),
    2: Style(dim=True),
    3: Style(italic=True),
    4: Style(underline=True),
    7: Style(reverse=True),
    9: Style(strike=True),
    22: Style(bold=False, dim=False),
    23: Style(italic=False),
    24: Style(underline=False),
    27: Style(reverse=False),
    29: Style(strike=False),
    39: Style(color="default"),
    49: Style(bgcolor="default"),
}


def styled(line: str) -> Text:
    """One line with its colours; every other control character is visible, and what draws a bar stays drawn."""
    text = Text(no_wrap=True, end="")
    style = Style()
    position = 0
    line = line.expandtabs(_TAB)
    for match in _SGR.finditer(line):
        text.append(safe(Drawn(line[position : match.start()])), style)
        style = _applied(style, match.group(1))
        position = match.end()
    text.append(safe(Drawn(line[position:])), style)
    return text


def _applied(style: Style, parameters: str) -> Style:
    codes = iter([int(code or 0) for code in re.split("[;:]", parameters)])
    for code in codes:
        if code == 0:
            style = Style()
        elif code in _ATTRIBUTES:
            style += _ATTRIBUTES[code]
        elif code in (38, 48):
            color = _extended(codes)
            if color is not None:
                style += Style(color=color) if code == 38 else Style(bgcolor=color)
        else:
            style += _basic(code)
    return style


def _basic(code: int) -> Style:
    """The sixteen colours."""
    for first, offset in ((30, 0), (90, 8)):
        if first <= code < first + 8:
            return Style(color=Color.from_ansi(code - first + offset))
        if first + 10 <= code < first + 18:
            return Style(bgcolor=Color.from_ansi(code - first - 10 + offset))
    return Style()


def _extended(codes: Iterator[int]) -> Color | None:
    """`5;n` or `2;r;g;b`; None for anything else."""
    kind = next(codes, None)
    if kind == 5:
        number = next(codes, -1)
        return Color.from_ansi(number) if 0 <= number <= 255 else None
    if kind == 2:
        red, green, blue = next(codes, -1), next(codes, -1), next(codes, -1)
        if all(0 <= part <= 255 for part in (red, green, blue)):
            return Color.from_rgb(red, green, blue)
    return None
