"""Which line is which, its value, and what the chart does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from runicorn_tui import format
from runicorn_tui.charts.palette import Color
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_table import fit

_MOST_ENTRIES = 6
_MOST_ENTRIES_NARROW = 4
_MOST_HEAD_LINES = 2
_WIDE = 100
_VALUE_WIDTH = 10
_GAP = "  "
_DIM = Style(dim=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The lowest or the highest value of a metric and where it was first reached; `is_best` where that is known."""

    name: str
    value: float
    step: int | None
    """None where there is no room to say it."""
    is_best: bool = False

    @property
    def said(self) -> str:
        """min 0.0981 @1,280, or with `best` before it"""
        best = "best " if self.is_best else ""
        at = "" if self.step is None else f" @{format.count(self.step)}"
        return f"{best}{self.name} {format.number(self.value)}{at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the chart. `value` is what to read at the crosshair; `shown` of `points` logged values were read."""

    label: str
    color: Color
    swatch: str
    value: float | None
    smoothed: float | None = None
    step: int | None = None
    """Where the value was logged, when that is not where the crosshair stands."""
    extremes: tuple[Extreme, ...] = ()
    not_finite: int = 0
    untimed: int = 0
    shown: int = 0
    points: int = 0

    @property
    def notes(self) -> list[str]:
        """What the number means and what is left out of this line, in words, the most important first."""
        notes: list[str] = []
        if self.smoothed is not None:
            notes.append(f"smoothed {format.number(self.smoothed)}")
        if self.step is not None:
            notes.append(f"@{format.count(self.step)}")
        if self.not_finite:
            notes.append(f"{format.count(self.not_finite)} not finite")
        is_partial = self.shown < self.points
        if self.untimed:
            least = "at least " if is_partial else ""
            notes.append(f"{least}{format.count(self.untimed)} without a time left out")
        if is_partial:
            notes.append(f"{format.count(self.shown)} of {format.count(self.points)} points")
        return notes


def legend_text(head: Sequence[str], entries: Sequence[Entry], width: int, muted: Style = _DIM) -> Text:
    """A line or two about the chart, one for each entry, each cut to `width`.

    A lone entry has a second line for its extremes where they do not fit.
    """
    most = _MOST_ENTRIES if width >= _WIDE else _MOST_ENTRIES_NARROW
    text = Text(no_wrap=True, end="")
    text.append("\n".join(fit(line, width) for line in _packed(head, width)[:_MOST_HEAD_LINES]), muted)
    shown = entries if len(entries) <= most else entries[: most - 1]
    longest = max((cell_len(safe(entry.label)) for entry in shown), default=0)
    for entry in shown:
        notes = _GAP.join(entry.notes)
        extremes = sorted(entry.extremes, key=lambda extreme: not extreme.is_best)
        used = cell_len(entry.swatch) + 1 + _VALUE_WIDTH + (len(_GAP + notes) if notes else 0)
        label = max(6, min(longest, width - used))
        text.append("\n")
        text.append(f"{entry.swatch} ", Style(color=f"rgb({entry.color[0]},{entry.color[1]},{entry.color[2]})"))
        text.append(fit(entry.label, label))
        text.append(fit(format.number(entry.value), _VALUE_WIDTH, is_right=True), Style(bold=True))
        if notes:
            text.append(f"{_GAP}{notes}", muted)
        if len(entries) == 1 and used + label + _width(extremes) > width >= _width(extremes) + 1:
            text.append("\n ")
            _add_extremes(text, extremes, muted)
        else:
            # Where each was reached goes first, then the one that is not the best.
            without_steps = [replace(extreme, step=None) for extreme in extremes]
            tried = (extremes, without_steps, [extreme for extreme in without_steps if extreme.is_best])
            _add_extremes(text, next((found for found in tried if used + label + _width(found) <= width), ()), muted)
    if len(shown) < len(entries):
        text.append(f"\n   and {format.count(len(entries) - len(shown))} more", muted)
    return text


def _width(extremes: Sequence[Extreme]) -> int:
    return sum(len(_GAP + extreme.said) for extreme in extremes)


def _add_extremes(text: Text, extremes: Sequence[Extreme], muted: Style) -> None:
    for extreme in extremes:
        text.append(_GAP + extreme.said, Style(bold=True) if extreme.is_best else muted)


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """The parts in lines, none of them broken unless it is too long itself."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_GAP) + len(part) <= width:
            lines[-1] += _GAP + part
        else:
            lines.append(part)
    return lines


class Legend(Static):
    """Below a chart; as high as it needs to be."""

    DEFAULT_CSS = """
    Legend {
        height: auto;
        max-height: 8;
        padding: 0 1;
        background: $surface;
        & > .legend--muted { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"legend--muted"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(markup=False, id=id)
        self._head: Sequence[str] = ()
        self._entries: Sequence[Entry] = ()
        self._lines = 0
        self.plain = ""
        """What it says, for tests and screen readers."""

    def show(self, head: Sequence[str], entries: Sequence[Entry]) -> None:
        """What there is to say about the whole chart, and one entry for each line in it."""
        if (head, entries) == (self._head, self._entries):
            return
        self._head, self._entries = head, entries
        self._rewrite()

    def on_resize(self) -> None:
        self._rewrite()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._rewrite()

    def _rewrite(self) -> None:
        muted = Style(color=self.get_component_rich_style("legend--muted").color)
        text = legend_text(self._head, self._entries, self.size.width, muted)
        self.plain = text.plain
        lines = text.plain.count("\n") + 1
        # A new layout repaints the whole screen.
        self.update(text, layout=lines != self._lines)
        self._lines = lines
