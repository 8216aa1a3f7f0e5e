"""How the columns of a table share a line: which are shown, and how wide; texts cut or padded to their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from rich.cells import cell_len, set_cell_size

from runicorn_tui.numeral import Numeral
from runicorn_tui.terminal import safe

Row = TypeVar("Row")
Tone = Literal["plain", "muted", "mark", "group", "good", "bad", "live", "warn", "dimmed"]

GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """`width` is what it needs, `grow` how many more cells it likes to have; a low `rank` stays longest.

    `is_extra`: rather room for the others than this one.
    """

    id: str
    title: str
    width: int
    text: Callable[[Row], str]
    rank: int
    grow: int = 0
    tone: Callable[[Row], Tone] | Tone = "plain"
    is_right: bool = False
    is_extra: bool = False


def shortened(text: str, width: int) -> str:
    """At most `width` cells, with an ellipsis where it was cut; a number with fewer digits."""
    if isinstance(text, Numeral):
        return text.within(width)
    # A name may be kilobytes of zero-width marks: what cannot show is not measured.
    if len(text) > 4 * width:
        text = type(text)(text[: 4 * width])
    text = safe(text)
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…" if width else ""
    return text


def fit(text: str, width: int, *, is_right: bool = False) -> str:
    """Exactly `width` cells: shortened or padded."""
    text = shortened(text, width)
    padding = " " * (width - cell_len(text))
    return padding + text if is_right else text + padding


def widths(columns: Sequence[Column[Row]], room: int) -> dict[str, int]:
    """Column id -> width for the columns that fit, low ranks first; what is left over is shared out by `grow`.

    An extra column comes only while the others can still take a third of what they like.
    """
    chosen: list[Column[Row]] = []
    for column in sorted(columns, key=lambda column: column.rank):
        needed = column.width + (GAP if chosen else 0)
        comfort = sum(other.grow for other in (*chosen, column)) // 3 if column.is_extra else 0
        if needed + comfort > room:
            break
        chosen.append(column)
        room -= needed
    likes = sum(column.grow for column in chosen)
    share = min(1.0, room / likes) if likes else 0.0
    found = {column.id: column.width + int(column.grow * share) for column in chosen}
    if chosen and share < 1:
        found[chosen[0].id] += room - sum(int(column.grow * share) for column in chosen)
    return found


def around(columns: Sequence[Column[Row]], room: int, column_id: str) -> dict[str, int]:
    """As `widths`, but with this column: if it is not among those, the first column, and its neighbours up to it."""
    fitting = widths(columns, room)
    at = next((number for number, column in enumerate(columns) if column.id == column_id), None)
    if at is None or column_id in fitting:
        return fitting
    first, wanted = columns[0], columns[at]
    room -= first.width + GAP
    chosen = [first, replace(wanted, width=min(wanted.width, room), is_extra=False)]
    left = room - chosen[1].width
    for column in (*reversed(columns[1:at]), *columns[at + 1 :]):
        left -= column.width + GAP
        if left < 0:
            break
        chosen.append(replace(column, is_extra=False))
    return widths(chosen, room + first.width + GAP)
