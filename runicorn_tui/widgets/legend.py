"""Which line is which, its value, and what the chart does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from runicorn_tui import format
from runicorn_tui.charts.frame import Color
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_table import fit

_MOST_ENTRIES = 6
_MOST_ENTRIES_NARROW = 4
_WIDE = 100
_VALUE_WIDTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the chart. `value` is what to read at the crosshair; `shown` of `points` logged values were read."""

    label: str
    color: Color
    swatch: str
    value: float | None
    not_finite: int = 0
    shown: int = 0
    points: int = 0

    @property
    def notes(self) -> str:
        """What is left out of this line, in words."""
        notes: list[str] = []
        if self.not_finite:
            notes.append(f"{format.count(self.not_finite)} not finite")
        if self.shown < self.points:
            notes.append(f"{format.count(self.shown)} of {format.count(self.points)} points")
        return "  ".join(notes)


def legend_text(head: str, entries: Sequence[Entry], width: int) -> Text:
    """One line for the chart, one for each entry, each cut to `width`."""
    most = _MOST_ENTRIES if width >= _WIDE else _MOST_ENTRIES_NARROW
    text = Text(no_wrap=True, end="")
    text.append(fit(head, width), Style(dim=True))
    shown = entries if len(entries) <= most else entries[: most - 1]
    longest = max((cell_len(safe(entry.label)) for entry in shown), default=0)
    for entry in shown:
        notes = entry.notes
        room = width - cell_len(entry.swatch) - _VALUE_WIDTH - (cell_len(notes) + 2 if notes else 0) - 2
        text.append("\n")
        text.append(f"{entry.swatch} ", Style(color=f"rgb({entry.color[0]},{entry.color[1]},{entry.color[2]})"))
        text.append(fit(entry.label, max(6, min(longest, room))))
        text.append(fit(format.number(entry.value), _VALUE_WIDTH, is_right=True), Style(bold=True))
        if notes:
            text.append(f"  {notes}", Style(dim=True))
    if len(shown) < len(entries):
        text.append(f"\n   and {format.count(len(entries) - len(shown))} more", Style(dim=True))
    return text


class Legend(Static):
    """Below a chart; as high as it needs to be."""

    DEFAULT_CSS = """
    Legend {
        height: auto;
        max-height: 7;
        padding: 0 1;
        background: $surface;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(markup=False, id=id)
        self._head = ""
        self._entries: Sequence[Entry] = ()
        self._lines = 0

    def show(self, head: str, entries: Sequence[Entry]) -> None:
        """The line about the whole chart, and one entry for each line in it."""
        if (head, entries) == (self._head, self._entries):
            return
        self._head, self._entries = head, entries
        self._rewrite()

    def on_resize(self) -> None:
        self._rewrite()

    def _rewrite(self) -> None:
        text = legend_text(self._head, self._entries, self.size.width)
        lines = text.plain.count("\n") + 1
        # A new layout repaints the whole screen.
        self.update(text, layout=lines != self._lines)
        self._lines = lines
