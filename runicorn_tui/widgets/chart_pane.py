"""Charts of one experiment: the list of its metrics, the lines of those chosen, and what they are worth."""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.message import Message

from runicorn_db.errors import StoreError, UnknownExperiment
from runicorn_db.query import ExperimentDetail, MetricsQuery, MetricSummary, MetricTable
from runicorn_tui import format, keys
from runicorn_tui.charts.drawing import ASCII_MARKS, Drawing
from runicorn_tui.charts.series import Series
from runicorn_tui.charts.view import View, first_marker
from runicorn_tui.experiment_text import no_metrics
from runicorn_tui.widgets.chart import PALETTE, Chart
from runicorn_tui.widgets.legend import Entry, Legend
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.metric_list import MetricList, MetricRow, Swatch

MOST_POINTS = 4000
"""More than the widest terminal has columns of dots, few enough to draw while a key is held."""
_WIDE = 110
_NARROW_LIST = 4

ReadSeries = Callable[[MetricsQuery], Awaitable[MetricTable]]


class ChartPane(Container, can_focus=True):
    """Shows the metrics of the experiment that `show` was last given."""

    DEFAULT_CSS = """
    ChartPane {
        layout: vertical;
        & MetricList { dock: bottom; height: 4; }
        &.-wide MetricList { dock: left; width: 42; height: 1fr; border-right: vkey $foreground 15%; }
        & #chart-side { height: 1fr; width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("chart"), *keys.bindings("table")]

    class Failed(Message):
        """A series could not be read; `reason` is the sentence to show."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, read: ReadSeries, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._read = read
        self._detail: ExperimentDetail | None = None
        self._names: list[str] = []
        # The place in this list is the colour; None is a colour that is free again.
        self._chosen: list[str | None] = []
        self._whole: dict[str, MetricTable] = {}
        self._parts: dict[str, tuple[tuple[int, int], MetricTable]] = {}
        self._stale: set[str] = set()
        self._view = View(marker=first_marker(os.environ))
        self._drawing = Drawing(rows=())

    def compose(self) -> ComposeResult:
        yield MetricList(id="chart-metrics")
        with Vertical(id="chart-side"):
            yield Chart(id="chart-lines")
            yield Legend(id="chart-legend")

    @property
    def metrics(self) -> MetricList:
        return self.query_one(MetricList)

    @property
    def chosen(self) -> list[str]:
        """The metrics that are drawn."""
        return [name for name in self._chosen if name is not None]

    @property
    def view(self) -> View:
        return self._view

    # What is shown.

    def show(self, detail: ExperimentDetail) -> None:
        """Another state of the experiment: what has changed of the lines on screen is read again."""
        before: Mapping[str, MetricSummary] = {} if self._detail is None else self._detail.metrics
        self._detail = detail
        names = sorted(detail.metrics)
        self._stale |= {name for name in self._whole if detail.metrics.get(name) != before.get(name)}
        cursor = self.metrics.cursor
        if names != self._names:
            self._chosen = [name if name in detail.metrics else None for name in self._chosen]
            if not self.chosen and names:
                first = detail.experiment.best_metric_name
                self._chosen = [first if first in detail.metrics else names[0]]
            cursor = names.index(self.chosen[0]) if not self._names and names else cursor
            self._names = names
        if detail.metrics != before or not names:
            rows = [MetricRow(name=name, summary=detail.metrics[name]) for name in names]
            self.metrics.show_metrics(rows, cursor)
            self._fit_list()
            self._load()

    def reload(self) -> None:
        """Reads what is on screen again."""
        self._stale |= set(self._whole)
        self._load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self._fit_list()

    def _fit_list(self) -> None:
        # A header and as many metrics as there are, so that a lone one leaves its room to the chart.
        self.metrics.display = bool(self._names)
        lines = min(_NARROW_LIST, len(self._names) + 1)
        self.metrics.styles.height = "1fr" if self.has_class("-wide") else lines

    @work(group="series", exclusive=True)
    async def _load(self) -> None:
        """Draws, reading what is to be drawn and not in memory yet, then the range zoomed to in full detail."""
        self._draw()
        for name in self.chosen:
            try:
                if name not in self._whole or name in self._stale:
                    self._whole[name] = await self._series(name)
                    self._stale.discard(name)
                    self._parts.pop(name, None)
                    self._draw()
                steps = self._steps_wanted(name)
                if steps is not None and (name not in self._parts or self._parts[name][0] != steps):
                    self._parts[name] = (steps, await self._series(name, steps))
                    self._draw()
            except UnknownExperiment:
                # The screen that reads the experiment itself says so.
                return
            except StoreError as error:
                self.post_message(self.Failed(str(error)))
                return

    async def _series(self, name: str, steps: tuple[int, int] | None = None) -> MetricTable:
        assert self._detail is not None
        low, high = steps or (None, None)
        # One metric at a time: then every row is a logged value, and None can only mean not finite.
        return await self._read(
            MetricsQuery(
                experiment_id=self._detail.experiment.id,
                metrics=(name,),
                step_min=low,
                step_max=high,
                downsample=MOST_POINTS,
            )
        )

    def _steps_wanted(self, name: str) -> tuple[int, int] | None:
        """The range to read anew because the whole series is too coarse for what is zoomed to."""
        whole = self._whole[name]
        if not (self._view.is_zoomed and whole.is_downsampled):
            return None
        low, high = self._view.span(self._extent())
        return math.floor(low), math.ceil(high)

    def _table(self, name: str) -> MetricTable | None:
        whole = self._whole.get(name)
        if whole is None:
            return None
        steps = self._steps_wanted(name)
        part = self._parts.get(name)
        return part[1] if part is not None and part[0] == steps else whole

    # Drawing.

    def _swatches(self) -> dict[str, Swatch]:
        is_ascii = self._view.marker == "ascii"
        return {
            name: Swatch(
                text=ASCII_MARKS[number % len(ASCII_MARKS)] * 2 if is_ascii else "━━",
                color=PALETTE[number % len(PALETTE)],
            )
            for number, name in enumerate(self._chosen)
            if name is not None
        }

    def _extent(self) -> tuple[float, float]:
        ends = [
            end
            for name in self.chosen
            if name in self._whole and self._whole[name].steps
            for end in (self._whole[name].steps[0], self._whole[name].steps[-1])
        ]
        return (float(min(ends)), float(max(ends))) if ends else (0.0, 0.0)

    def _draw(self) -> None:
        swatches = self._swatches()
        self.metrics.show_swatches(swatches)
        series = [
            Series(xs=table.steps, ys=table.values[name], color=swatches[name].color)
            for name in self.chosen
            if (table := self._table(name)) is not None
        ]
        self.query_one(Chart).show(series, self._view.over(self._extent()))
        self._show_legend()

    @on(Chart.Drawn)
    def _drawn(self, message: Chart.Drawn) -> None:
        self._drawing = message.drawing
        self._show_legend()

    def _show_legend(self) -> None:
        swatches = self._swatches()
        entries = [self._entry(name, swatches[name]) for name in self.chosen if name in self._whole]
        self.query_one(Legend).show("  ".join(self._head()), entries)

    def _head(self) -> list[str]:
        view = self._view
        if self._detail is None:
            return []
        if not self.chosen:
            return ["Space draws the metric under the cursor." if self._names else no_metrics(self._detail)]
        parts = ["last values" if view.cursor is None else f"step {format.count(round(view.cursor))}"]
        if self._drawing.hidden:
            why = "of zero or less" if view.is_log else "beyond 1e150"
            # Only what was read is drawn and can be counted.
            is_partial = any(table.is_downsampled for name in self.chosen if (table := self._table(name)) is not None)
            least = "at least " if is_partial else ""
            parts.append(f"{least}{format.plural(self._drawing.hidden, 'value')} {why} hidden")
        if view.is_zoomed:
            low, high = view.span(self._extent())
            parts.append(f"steps {format.count(round(low))} to {format.count(round(high))}")
        if view.is_log:
            parts.append("logarithmic")
        if view.smoothing:
            parts.append(f"smoothed {view.smoothing:g}")
        return parts

    def _entry(self, name: str, swatch: Swatch) -> Entry:
        whole = self._whole[name]
        table = self._table(name) or whole
        if self._view.cursor is None:
            value = None if self._detail is None else self._detail.metrics[name].last
        else:
            point = Series(xs=table.steps, ys=table.values[name], color=swatch.color).near(self._view.cursor)
            value = None if point is None else point[1]
        return Entry(
            label=name,
            color=swatch.color,
            swatch=swatch.text,
            value=value,
            not_finite=whole.non_finite.get(name, 0),
            shown=len(table.steps),
            points=table.available_points,
        )

    # Choosing.

    async def action_next_metric(self, by: int) -> None:
        """The metric after the one under the cursor, alone."""
        if self._names:
            await self.metrics.go((self.metrics.cursor + by) % len(self._names))
            self.action_only_metric()

    @on(LineTable.Chosen)
    def action_only_metric(self) -> None:
        name = self.metrics.current_name
        if name is not None:
            self._chosen = [name]
            self._load()

    def action_toggle_metric(self) -> None:
        name = self.metrics.current_name
        if name is None:
            return
        if name in self._chosen:
            self._chosen[self._chosen.index(name)] = None
        elif None in self._chosen:
            self._chosen[self._chosen.index(None)] = name
        else:
            self._chosen.append(name)
        self._load()

    async def action_move(self, by: int) -> None:
        await self.metrics.action_move(by)

    async def action_page(self, by: int) -> None:
        await self.metrics.action_page(by)

    async def action_first(self) -> None:
        await self.metrics.action_first()

    async def action_last(self) -> None:
        await self.metrics.action_last()

    # Looking.

    def _look(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self._load()

    def action_zoom_in(self) -> None:
        self._look(self._view.zoomed_in(self._extent()))

    def action_zoom_out(self) -> None:
        self._look(self._view.zoomed_out(self._extent()))

    def action_pan(self, direction: int) -> None:
        self._look(self._view.panned(self._extent(), direction))

    def action_zoom_reset(self) -> None:
        self._look(self._view.whole())

    def action_crosshair(self, direction: int) -> None:
        if self._drawing.columns:
            self._look(self._view.pointed(self._extent(), direction, self._drawing.columns))

    def action_log_scale(self) -> None:
        self._look(self._view.with_log_scale())

    def action_smoothing(self) -> None:
        self._look(self._view.next_smoothing())

    def action_marker(self) -> None:
        self._look(self._view.next_marker())
