"""What is charted of one experiment: which metrics, over what, and what is said about them. No widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runicorn_db.query import ExperimentDetail, MetricSummary
from runicorn_tui import chart_text, format
from runicorn_tui.charts.axis import AXES
from runicorn_tui.charts.curve import Curve, Missing, Reading
from runicorn_tui.charts.drawing import Drawing
from runicorn_tui.charts.palette import PALETTE, Color, Style, style
from runicorn_tui.charts.view import View, first_view
from runicorn_tui.experiment_text import no_metrics
from runicorn_tui.metric_tables import MetricTables, ReadSeries
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.chart_grid import Cell
from runicorn_tui.widgets.legend import Entry
from runicorn_tui.widgets.metric_list import MetricRow, Swatch


class Charted:
    """The metrics of the experiment that `update` was last given, read by `read`."""

    def __init__(self, read: ReadSeries) -> None:
        self.tables = MetricTables(read)
        self.detail: ExperimentDetail | None = None
        self.names: list[str] = []
        """All metrics."""
        self.listed: list[str] = []
        """Those that were looked for, all of them when none was."""
        self.wanted = ""
        self.is_reading = False
        """What was looked for in their names."""
        self.view = first_view()
        self.colors: Sequence[Color] = PALETTE
        """Of the lines; the theme has its own."""
        # The place in this list is the style; None is a style that is free again.
        self._chosen: list[str | None] = []

    def update(self, detail: ExperimentDetail) -> bool:
        """Another state of the experiment; whether anything about its metrics is different."""
        before: Mapping[str, MetricSummary] = {} if self.detail is None else self.detail.metrics
        self.detail = detail
        self.tables.of(detail.experiment.id, self.began_at)
        self.tables.outdate(name for name in before if detail.metrics.get(name) != before[name])
        self.names = sorted(detail.metrics)
        self._chosen = [name if name in detail.metrics else None for name in self._chosen]
        self.look_for(self.wanted)
        return detail.metrics != before

    @property
    def began_at(self) -> float:
        assert self.detail is not None
        experiment = self.detail.experiment
        return experiment.created_at if experiment.started_at is None else experiment.started_at

    # Choosing.

    def look_for(self, wanted: str) -> None:
        """Lists the metrics with these words in their names."""
        self.wanted = wanted
        self.listed = chart_text.matching(self.names, wanted)

    @property
    def chosen(self) -> list[str]:
        """The metrics that are laid over each other, or are to be."""
        return [name for name in self._chosen if name is not None]

    def choose(self, *names: str) -> None:
        """These and no others."""
        self._chosen = list(names)

    def toggle(self, name: str) -> None:
        """The others keep their styles."""
        if name in self._chosen:
            self._chosen[self._chosen.index(name)] = None
        elif None in self._chosen:
            self._chosen[self._chosen.index(None)] = name
        else:
            self._chosen.append(name)

    # Reading.

    async def read(self, names: Sequence[str], points: int) -> None:
        """Reads what of these metrics is not in memory, and the range zoomed to in detail."""
        self.is_reading = True
        try:
            await self._read(names, points)
        finally:
            self.is_reading = False

    async def _read(self, names: Sequence[str], points: int) -> None:
        for name in names:
            known = [name for name in names if name in self.tables]
            before = self.tables.extent(known, self.view.axis)
            await self.tables.read_whole(name, points)
            after = self.tables.extent(known, self.view.axis)
            if before is not None and after is not None:
                # A range that reached the end still does when a metric has grown.
                self.view = self.view.followed(before, after)
        if self.view.is_zoomed:
            span = self.view.span(self.extent(names))
            for name in names:
                await self.tables.read_range(name, self.view.axis, span, points)
        else:
            self.tables.forget_ranges(names)

    def extent(self, names: Sequence[str]) -> tuple[float, float]:
        """From where to where on the axis these metrics reach, as far as they were read."""
        return self.tables.extent(names, self.view.axis) or (0.0, 0.0)

    def on_next_axis(self, names: Sequence[str]) -> View | None:
        """Over steps, the time since the beginning, the time of day; None where no time is known."""
        if not self.tables.has_times(names):
            return None
        axis = AXES[(AXES.index(self.view.axis) + 1) % len(AXES)]
        name = next(name for name in names if name in self.tables)
        return self.view.on_axis(axis, *self.tables.translation(name, self.view.axis, axis))

    # What is drawn.

    def _styles(self) -> dict[str, Style]:
        return {name: style(number, self.colors) for number, name in enumerate(self._chosen) if name is not None}

    def swatches(self) -> dict[str, Swatch]:
        """A piece of the line of each chosen metric."""
        is_ascii = self.view.marker == "ascii"
        return {
            name: Swatch(text=(one.mark if is_ascii else one.swatch) * 2, color=one.color)
            for name, one in self._styles().items()
        }

    def rows(self) -> list[MetricRow]:
        """The metrics listed."""
        assert self.detail is not None
        return [MetricRow(name=name, summary=self.detail.metrics[name]) for name in self.listed]

    def curve(self, name: str) -> Curve | None:
        """The line of a metric, None while it was not read."""
        if name not in self.tables:
            return None
        return self.tables.curve(name, self.view.axis, self._styles().get(name, style(0, self.colors)))

    def curves(self) -> list[Curve]:
        """The lines of the chosen metrics that were read."""
        return [curve for name in self.chosen if (curve := self.curve(name)) is not None]

    def cell(self, name: str) -> Cell:
        """A metric as one of many small charts."""
        assert self.detail is not None
        swatch = self.swatches().get(name)
        return Cell(
            label=name,
            curve=self.curve(name),
            value=self.detail.metrics[name].last,
            not_finite=self.tables.not_finite(name) if name in self.tables else 0,
            swatch="" if swatch is None else swatch.text,
            color=None if swatch is None else swatch.color,
        )

    # What is said.

    def _is_partial(self, names: Sequence[str]) -> bool:
        return any(self.tables.table(name).is_downsampled for name in names if name in self.tables)

    def _about_view(self, names: Sequence[str], missing: Missing) -> list[str]:
        return [
            *chart_text.missing(missing, is_log=self.view.is_log, is_partial=self._is_partial(names)),
            *chart_text.looked_at(self.view, self.extent(names)),
        ]

    def place(self, page: range, missing: Missing, points: int) -> tuple[str, str]:
        """The line below a page of small charts, its left and its right part."""
        names = self.listed[page.start : page.stop]
        parts = [chart_text.grid_place(page, len(self.listed))]
        if self.wanted:
            parts.append(f"with '{safe(self.wanted)}'")
        parts += self._about_view(names, missing)
        return "  ".join(parts), f"{format.count(points)} points each at most" if self._is_partial(names) else ""

    @property
    def _is_at_end(self) -> bool:
        """Whether the legend tells the last values and not those at the crosshair or the right edge."""
        return self.view.cursor is None and not self.view.is_zoomed

    def legend(self, drawing: Drawing) -> tuple[list[str], list[Entry]]:
        """What a legend says about the chart that was drawn last, and about each of its lines."""
        names = [name for name in self.chosen if name in self.tables]
        readings = drawing.readings if len(drawing.readings) == len(names) else (None,) * len(names)
        first = readings[0] if readings else None
        found = [self._entry(name, reading, first) for name, reading in zip(names, readings, strict=True)]
        return self._head(first, drawing.missing), found

    def _head(self, reading: Reading | None, missing: Missing) -> list[str]:
        assert self.detail is not None
        if not self.chosen:
            return ["Space draws the metric under the cursor." if self.names else no_metrics(self.detail)]
        if not any(name in self.tables for name in self.chosen):
            return [Drawn("Reading the metric…")] if self.is_reading else ["The metric was not read."]
        parts = ["last values"]
        if not self._is_at_end and reading is not None:
            step = round(reading.step)
            parts = chart_text.place(step, self.tables.time_at(self.chosen[0], step), self.began_at)
            if self.view.cursor is None:
                parts[0] = f"at the right edge: {parts[0]}"
        return parts + self._about_view(self.chosen, missing)

    def _entry(self, name: str, reading: Reading | None, first: Reading | None) -> Entry:
        assert self.detail is not None
        summary, table, swatch = self.detail.metrics[name], self.tables.table(name), self.swatches()[name]
        value, step = summary.last, None
        if not self._is_at_end and reading is not None and first is not None:
            value, step = reading.value, round(reading.step)
            step = None if step == round(first.step) else step
        return Entry(
            label=name,
            color=swatch.color,
            swatch=swatch.text,
            value=value,
            smoothed=None if reading is None else reading.smoothed,
            step=step,
            extremes=chart_text.extremes(name, summary, self.detail.experiment),
            not_finite=self.tables.not_finite(name),
            untimed=self.tables.points(name, self.view.axis).untimed,
            shown=len(table.steps),
            points=table.available_points,
        )
