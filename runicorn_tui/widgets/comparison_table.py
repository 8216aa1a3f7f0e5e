"""The table of a comparison: a row for each parameter and metric, a column for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType

from runicorn_tui import keys
from runicorn_tui.comparison import ABSENT, Row
from runicorn_tui.comparison_text import cell, title
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_layout import Column, Tone
from runicorn_tui.widgets.line_table import LineTable, RowList

_NAME = "name"
_NARROWEST, _WIDEST, _MOST_GROWTH = 10, 28, 60
_WIDEST_NAME = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A column: the experiment's number and its name as it is shown."""

    id: str
    number: int
    label: str


def columns(rows: Sequence[Row], headings: Sequence[Heading], baseline: int | None) -> list[Column[Row]]:
    """As wide as what is in them, within limits. Looks at every cell: for a thread."""
    width, grow = _widths([title(row) for row in rows], 8, _WIDEST_NAME)
    found: list[Column[Row]] = [Column(id=_NAME, title="", width=width, grow=grow, rank=0, text=title)]
    for index, heading in enumerate(headings):
        head = f"{heading.number}{' (baseline)' if index == baseline else ''} {heading.label}"
        width, grow = _widths([cell(row, index, baseline) for row in rows], _NARROWEST, _WIDEST)
        found.append(
            Column(
                id=heading.id,
                title=head,
                width=max(width, min(len(head), 14)),
                grow=max(grow, min(_MOST_GROWTH, len(head)) - width, 0),
                rank=1 + index,
                is_right=True,
                text=lambda row, index=index: cell(row, index, baseline),
                tone=lambda row, index=index: _tone(row, index, baseline),
            )
        )
    return found


def _widths(texts: Sequence[str], least: int, most: int) -> tuple[int, int]:
    """The width that is needed, and how much more would show everything."""
    whole = max((cell_len(safe(text[:_MOST_GROWTH])) for text in texts), default=0)
    width = max(least, min(whole, most))
    return width, max(0, min(whole, _MOST_GROWTH) - width)


def _tone(row: Row, index: int, baseline: int | None) -> Tone:
    if row.values[index] is ABSENT:
        return "muted"
    found = row.delta(index, baseline)
    if found is None or found.verdict is None:
        return "plain"
    # Blue and amber: no colour blindness takes one for the other.
    return "live" if found.verdict == "better" else "warn"


class ComparisonTable(LineTable[Row]):
    """The cursor stands on a row and on an experiment; the column of names always stays."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("compared")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__([], id=id)
        self._ids: list[str] = []

    @property
    def experiment(self) -> str | None:
        """The id of the experiment that the cursor stands on."""
        return self.column

    @property
    def place(self) -> int:
        """The place of that experiment."""
        return self._ids.index(self.column) if self.column in self._ids else 0

    def show_rows(self, rows: Sequence[Row], columns: Sequence[Column[Row]]) -> None:
        """Other rows and columns; the cursor stays on its row and on its experiment."""
        before, place = self.current, self.place
        self._ids = [column.id for column in columns if column.id != _NAME]
        if self.column not in self._ids:
            self.column = self._ids[min(place, len(self._ids) - 1)] if self._ids else None
        self.set_columns(columns)
        kinds = [(row.kind, row.name) for row in rows]
        same = (before.kind, before.name) if before is not None else None
        self.show(RowList(rows), kinds.index(same) if same in kinds else self.cursor)

    def go_to_experiment(self, place: int) -> None:
        if self._ids:
            self.go_to_column(self._ids[max(0, min(place, len(self._ids) - 1))])
            self.post_message(self.Moved())

    def action_experiment(self, by: int) -> None:
        self.go_to_experiment(self.place + by)
