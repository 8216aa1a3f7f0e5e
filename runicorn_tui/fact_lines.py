"""Facts as lines of a given width: a label, then a text that goes on below itself."""

from __future__ import annotations

import textwrap

from rich.cells import cell_len, chop_cells
from textual.content import Content

from runicorn_tui.terminal import safe

LABEL = 13
MARGIN = 1


def folded(text: str, width: int) -> list[str]:
    """The whole text, made safe, in lines of at most `width` cells; its own line breaks stay."""
    lines: list[str] = []
    for line in text.split("\n") or [""]:
        shown = safe(type(text)(line.expandtabs(4).rstrip("\r")))
        if cell_len(shown) <= width:
            lines.append(shown)
        elif len(shown) == cell_len(shown):
            lines += textwrap.wrap(shown, max(1, width), break_on_hyphens=False) or [""]
        else:
            lines += chop_cells(shown, max(2, width))
    return lines


def room(width: int) -> int:
    """How many cells the text of a fact has."""
    return max(10, width - MARGIN - LABEL)


def labelled(label: str, value: Content) -> Content:
    """One line; `value` is safe and fits."""
    return Content.assemble(" " * MARGIN, Content.styled(label.ljust(LABEL), "$text-muted"), value)


def wrapped(label: str, text: str, width: int, *, style: str = "", most: int = 0) -> list[Content]:
    """The whole text over as many lines as it needs, or the first `most` of them with an ellipsis."""
    lines = folded(text, room(width))
    if most and len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1][: room(width) - 2]} …"]
    first, *others = [Content.styled(line, style) for line in lines]
    return [labelled(label, first), *(labelled("", other) for other in others)]
