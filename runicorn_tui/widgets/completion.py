"""A list of words over what is below the line they may be typed into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from runicorn_tui.completions import Candidate
from runicorn_tui.widgets.line_table import fit

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

MOST_ROWS = 8
_WIDEST = 64
_NOTE = 40
_GAP = 2


class CompletionList(Widget):
    """At most `MOST_ROWS` of the candidates, the chosen one among them. Never has the focus."""

    DEFAULT_CSS = """
    CompletionList {
        display: none;
        overlay: screen;
        constrain: inside none;
        background: $popup;
        color: $foreground;
    }
    """

    class Picked(Message):
        """A click on one of them."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._candidates: Sequence[Candidate] = ()
        self._chosen = 0
        self._first = 0

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def offer(self, candidates: Sequence[Candidate], chosen: int, column: int) -> None:
        """Shows them below `column`; none: nothing."""
        self.display = bool(candidates)
        self._candidates, self._chosen = candidates, chosen
        self._first = max(0, min(self._first, chosen))
        self._first = max(self._first, chosen - MOST_ROWS + 1)
        if not candidates:
            self._first = 0
            return
        labels = max(cell_len(candidate.label) for candidate in candidates)
        notes = max(cell_len(candidate.note) for candidate in candidates)
        width = min(labels + (_GAP + min(notes, _NOTE) if notes else 0) + 2, _WIDEST, self.app.size.width)
        self.styles.width, self.styles.height = width, min(len(candidates), MOST_ROWS)
        self.styles.offset = (max(0, min(column - 1, self.app.size.width - width)), 0)
        self.refresh()

    def render(self) -> Content:
        shown = list(enumerate(self._candidates))[self._first : self._first + MOST_ROWS]
        room = self.size.width - 2
        notes = min(max((cell_len(candidate.note) for _, candidate in shown), default=0), _NOTE, room // 2)
        label_room = room - (notes + _GAP if notes else 0)
        lines: list[Content] = []
        for place, candidate in shown:
            label = fit(candidate.label, label_room)
            note = " " * _GAP + fit(candidate.note, notes, is_right=candidate.note[:1].isdigit()) if notes else ""
            style = "bold $foreground on $cursor" if place == self._chosen else "$foreground"
            muted = "$foreground on $cursor" if place == self._chosen else "$text-muted"
            lines.append(Content.assemble((f" {label}", style), (f"{note} ", muted)))
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if (place := self._first + event.y) < len(self._candidates):
            self.post_message(self.Picked(place))
