"""The metrics of an experiment: which of them are drawn, and in which colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from runicorn_db.query import MetricSummary
from runicorn_tui import format
from runicorn_tui.charts.palette import Color
from runicorn_tui.widgets.line_table import Column, LineTable, RowList

_GUTTER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    name: str
    summary: MetricSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """How a line looks: a piece of it and its colour."""

    text: str
    color: Color


def _columns() -> list[Column[MetricRow]]:
    def number(id: str, rank: int, value: str) -> Column[MetricRow]:
        return Column(
            id=id,
            title=id,
            width=9,
            rank=rank,
            is_right=True,
            text=lambda row: format.number(getattr(row.summary, value)),
            tone="plain" if id == "last" else "muted",
        )

    return [
        Column(id="name", title="metric", width=22, grow=60, rank=0, text=lambda row: row.name),
        number("last", 1, "last"),
        number("min", 2, "min"),
        number("max", 3, "max"),
        Column(
            id="count",
            title="points",
            width=10,
            rank=4,
            is_right=True,
            text=lambda row: format.count(row.summary.count),
            tone="muted",
        ),
    ]


class MetricList(LineTable[MetricRow]):
    """A table of metrics; those that are drawn carry a piece of their line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(_columns(), gutter=_GUTTER, id=id)
        # The pane around it takes the keys, so that its own are never taken for scrolling.
        self.can_focus = False
        self._swatches: Mapping[str, Swatch] = {}

    @property
    def current_name(self) -> str | None:
        return None if self.current is None else self.current.name

    def show_metrics(self, metrics: Sequence[MetricRow], cursor: int) -> None:
        self.show(RowList(metrics), cursor)

    def show_swatches(self, swatches: Mapping[str, Swatch]) -> None:
        if swatches != self._swatches:
            self._swatches = dict(swatches)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        row = self.rows.row(self.top + y - 1) if y else None
        swatch = None if row is None else self._swatches.get(row.name)
        if swatch is None:
            return strip
        background = next(iter(strip)).style or Style()
        style = background + Style.from_color(RichColor.from_rgb(*swatch.color))
        head = Strip([Segment(" ", background), Segment(swatch.text, style)])
        return Strip.join([head, strip.crop(head.cell_length, strip.cell_length)])
