"""Several experiments beside each other: their lines in one chart, their parameters and metrics in one table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content

from runicorn_db.errors import UnknownExperiment
from runicorn_db.query import ExperimentDetail, MetricsQuery, MetricTable, Snapshot
from runicorn_tui import chart_text, comparison_text, format, keys
from runicorn_tui.charts.drawing import Drawing
from runicorn_tui.charts.view import View
from runicorn_tui.compared import Compared
from runicorn_tui.comparison import FEWEST, Row, compare, labels, modes
from runicorn_tui.messages import IndexChanged
from runicorn_tui.metric_tables import points_for
from runicorn_tui.screens.pick import PickScreen
from runicorn_tui.screens.scattering import Scattering
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.chart import Chart
from runicorn_tui.widgets.compare_legend import CompareLegend
from runicorn_tui.widgets.comparison_table import ComparisonTable, Heading, columns
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.scatter import ScatterChart
from runicorn_tui.widgets.status_line import SEPARATOR, KeyBar, Line, StatusLine
from runicorn_tui.widgets.view_keys import ViewKeys

LIVE_SECONDS = 2.0
Pane = Literal["both", "chart", "table"]
_PANES: tuple[Pane, ...] = ("both", "chart", "table")
_WIDE = 110
_LEGEND_WIDTH = 44
_MOST_LEGEND_LINES = 3
# Title, what is said of the chart, problem, status, keys.
_OTHER_LINES = 5
_TABLE_SHARE = 0.45
_SECONDS_BETWEEN_DRAWINGS = 0.15


class CompareScreen(ViewKeys, Scattering):
    """Closes with whether experiments were changed. `listed` are those that a scatter can show besides."""

    DEFAULT_CSS = """
    CompareScreen {
        & #compare-title, & #compare-head { background: $panel; }
        & #compare-chart { height: 1fr; layout: vertical; }
        &.-wide #compare-chart { layout: horizontal; }
        &.-wide CompareLegend { width: 44; height: 1fr; }
        & ScatterChart { display: none; }
        &.-scatter ScatterChart { display: block; }
        &.-scatter Chart { display: none; }
        &.-table #compare-chart, &.-table #compare-head { display: none; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("compare", "compared", "table", "app")
    BINDINGS = keys.bindings("compare")
    AUTO_FOCUS = "ComparisonTable"

    def __init__(self, ids: Sequence[str], listed: Snapshot) -> None:
        super().__init__(Compared(ids, self._series), listed)
        self._shows_equal = False
        self._pane: Pane = "both"
        self._drawing = Drawing(rows=())
        self._points = 0
        self._is_changed = False

    def compose(self) -> ComposeResult:
        yield Line(id="compare-title")
        with Container(id="compare-chart"):
            yield Chart()
            yield ScatterChart()
            yield CompareLegend()
        yield Line(id="compare-head")
        yield ComparisonTable()
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    def on_mount(self) -> None:
        # The footer is about what only this screen has.
        rows = [key for key in keys.of("compare", "app") if key.in_footer and key.id != "axis"]
        self.query_one(KeyBar).show(rows)
        self.app.wait_for(self._read())
        self.set_interval(LIVE_SECONDS, self._look_again)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    @property
    def table(self) -> ComparisonTable:
        return self.query_one(ComparisonTable)

    @property
    def _current(self) -> str | None:
        """The id of the experiment under the cursor."""
        experiment = self.table.experiment
        return experiment if experiment in self._compared.details else None

    # Reading.

    async def _series(self, query: MetricsQuery) -> MetricTable:
        return await self.app.ask(self.app.store.series, query)

    def _get(self, id: str) -> ExperimentDetail | None:
        """In a thread; None for what left the index."""
        try:
            return replace(self.app.store.get(id), query_time_ms=0.0)
        except UnknownExperiment:
            return None

    @work(group="details", exclusive=True)
    async def _read(self) -> None:
        compared = self._compared
        with self.reporting():
            ids = compared.ids
            found = await asyncio.gather(*(self.app.ask(self._get, id) for id in ids))
            known = set(compared.details) - compared.gone
            is_other = compared.update(dict(zip(ids, found, strict=True)))
            self.clear_problem()
            if lost := known & compared.gone:
                self.say(f"{format.plural(len(lost), 'experiment')} left the index", is_warning=True)
            if is_other:
                tabulating = self._tabulate()
                if compared.is_reading:
                    self.app.wait_for(tabulating)
                # When the chart has the width it keeps.
                self.call_after_refresh(self._load)
        compared.is_reading = False
        self._show_legend()

    def _look_again(self) -> None:
        """Every two seconds: whether something happened to experiments that still run."""
        if any(experiment.status == "running" for experiment in self._compared.experiments):
            self._read()

    def on_index_changed(self, message: IndexChanged) -> None:
        self._read()

    def action_reload(self) -> None:
        self._compared.outdate()
        self._read()
        self._load()
        self.app.look_now()

    # The table.

    @work(group="tabulate", exclusive=True)
    async def _tabulate(self) -> None:
        compared = self._compared
        headings = [
            Heading(id=detail.experiment.id, number=compared.number(detail.experiment.id), label=label)
            for detail, label in zip(compared.known, labels(compared.experiments), strict=True)
        ]
        baseline = compared.baseline_index
        every, rows, laid_out = await self.app.ask(
            _tabulated, compared.known, headings, baseline, shows_equal=self._shows_equal
        )
        self._every = every
        equal = f"{self.app.keymap.hint('compare-equal')} shows what is equal"
        self.table.empty = ("Nothing differs.", "", equal)
        self.table.show_rows(rows, laid_out)
        self.keep_scatter()
        self._fit()
        self._draw()

    def action_equal_rows(self) -> None:
        self._shows_equal = not self._shows_equal
        self._tabulate()

    @on(LineTable.Moved)
    def _moved(self) -> None:
        self._show_legend()

    @on(CompareLegend.Clicked)
    def _legend_clicked(self, message: CompareLegend.Clicked) -> None:
        self.table.go_to_experiment(message.place)

    # The room of each.

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self._fit()
        self.call_after_refresh(self._load_for_width)

    def _load_for_width(self) -> None:
        """Reads what a wider chart wants; what is being read is not begun again for nothing."""
        if self._points < self._points_wanted:
            self._load()

    @property
    def _points_wanted(self) -> int:
        """For the width of the chart; before it has one, for the most it can have."""
        return points_for(self.query_one(Chart).size.width or self.size.width)

    def _fit(self) -> None:
        size, table, legend = self.size, self.table, self.query_one(CompareLegend)
        room = size.height - _OTHER_LINES
        wanted = max(2, len(table.rows) + 1)
        # Of the table beside the chart the names of the experiments stay.
        lines = 1 if self._pane == "chart" else min(wanted, max(3, int(room * _TABLE_SHARE)))
        table.styles.height = "1fr" if self._pane == "table" else lines
        if not self.has_class("-wide"):
            most = min(_MOST_LEGEND_LINES, max(1, room - lines))
            legend.styles.width = "100%"
            legend.styles.height = min(legend.lines_for(len(self._compared.ids), size.width), most)
        else:
            legend.styles.width, legend.styles.height = _LEGEND_WIDTH, "1fr"

    def action_panes(self) -> None:
        """The chart and the table, the chart alone, the table alone."""
        self._pane = _PANES[(_PANES.index(self._pane) + 1) % len(_PANES)]
        self.set_class(self._pane == "table", "-table")
        self._fit()
        self.call_after_refresh(self._load)

    # Drawing.

    @work(group="series", exclusive=True)
    async def _load(self) -> None:
        """Draws, once what is to be drawn and not in memory yet is read."""
        drawing = self.set_interval(_SECONDS_BETWEEN_DRAWINGS, self._draw)
        try:
            with self.reporting():
                self._points = self._points_wanted
                await self._compared.read(self._points)
        finally:
            drawing.stop()
        self._draw()

    def _draw(self) -> None:
        compared, view = self._compared, self.view
        compared.colors = self.query_one(Chart).line_colors
        if self._scatter is None:
            self.query_one(Chart).show(compared.curves(), view.over(compared.extent))
        else:
            self.draw_dots()
        self._show_legend()

    @on(Chart.Drawn)
    def _drawn(self, message: Chart.Drawn) -> None:
        self._drawing = message.drawing
        self._show_legend()

    def _show_legend(self) -> None:
        compared, table = self._compared, self.table
        self.query_one(CompareLegend).show(compared.items(self._drawing), table.place)
        parts = compared.head(self._drawing)
        if self._scatter is not None:
            parts = self.scatter_said()
        self.query_one("#compare-head", Line).show(Content.styled(f" {SEPARATOR.join(parts)}", "$text-muted"))
        self._show_title()
        self._show_status()

    def _show_title(self) -> None:
        compared = self._compared
        title = Content.styled(f" compare {format.plural(len(compared.ids), 'experiment')}", "bold $primary")
        right = ""
        if compared.metric is not None:
            mode = modes(compared.known).get(compared.metric)
            better = "" if mode is None else f"  {'more' if mode == 'max' else 'less'} is better"
            name = safe(compared.metric)
            title = Content.assemble(title, "  ", (name, "bold"), (better, "$text-muted"))
            right = f"metric {compared.metrics.index(compared.metric) + 1} of {len(compared.metrics)} "
        self.query_one("#compare-title", Line).show(title, Content.styled(right, "$text-muted"))

    def _show_status(self) -> None:
        table, compared = self.table, self._compared
        listed, every = len(table.rows), len(self._every)
        status = self.query_one(StatusLine)
        if not compared.details:
            # Nothing is counted before it is known.
            status.show_parts([])
            return
        status.show_position(table.cursor, listed)
        of = f"{listed:,} of {every:,} rows differ" if not self._shows_equal else f"all {every:,} rows"
        parts = [Content.styled(f"experiment {table.place + 1} of {len(compared.details)}", "$text-muted")]
        parts.append(Content.styled(of, "$text-muted"))
        trashed = sum(experiment.deleted_at is not None for experiment in compared.experiments)
        for count, what in ((trashed, "in the trash"), (len(compared.gone), "left the index")):
            if count:
                parts.append(Content.styled(f"{count} {what}", "$warning"))
        status.show_parts(parts)

    # Which experiments.

    def _numbered(self, number: int | None) -> str | None:
        return self._current if number is None else self._compared.id_of(number)

    def action_hide(self, number: int | None = None) -> None:
        id = self._numbered(number)
        if id is not None:
            self._compared.toggle(id)
            self._load()

    def action_solo(self, number: int | None = None) -> None:
        id = self._numbered(number)
        if id is not None:
            self._compared.solo(id)
            self._load()

    def action_baseline(self) -> None:
        """The experiment under the cursor, or none when it is that already."""
        id = self._current
        self._compared.baseline = None if id == self._compared.baseline else id
        self._tabulate()

    def action_drop(self) -> None:
        id = self._current
        if id is None:
            return
        if len(self._compared.ids) <= FEWEST:
            self.say(f"Comparing takes at least {FEWEST} experiments.")
            return
        self._compared.drop(id)
        self._tabulate()
        self._load()

    @on(LineTable.Chosen)
    def action_open(self) -> None:
        if (id := self._current) is not None:
            from runicorn_tui.screens.experiment import ExperimentScreen

            def closed(is_deleted: bool | None) -> None:
                self._is_changed = self._is_changed or bool(is_deleted)
                self._read()

            self.app.push_screen(ExperimentScreen(id), closed)

    def action_copy_id(self) -> None:
        if (id := self._current) is not None:
            self.copy(id)

    def action_back(self) -> None:
        if self._scatter is not None:
            self.action_scatter()
        else:
            self.dismiss(self._is_changed)

    # Which metric.

    def action_next_metric(self, by: int) -> None:
        self._compared.next_metric(by)
        self._metric_changed()

    def action_find_metric(self) -> None:
        def picked(name: str | None) -> None:
            if name is not None:
                self._compared.show_metric(name)
                self._metric_changed()

        self.app.push_screen(PickScreen("Metric", self._compared.metrics, self._compared.metric), picked)

    def _metric_changed(self) -> None:
        self.scatter_metric()
        self._load()

    # Looking.

    @property
    def view(self) -> View:
        return self._compared.view

    @property
    def _extent(self) -> tuple[float, float]:
        return self._compared.extent

    def _look(self, view: View) -> None:
        if view != self.view:
            self._compared.view = view
            self._load()

    def action_axis(self) -> None:
        """Over steps, the time since each began, the time of day."""
        view = self._compared.on_next_axis()
        if view is not None:
            self._look(view)
        elif self._compared.metric is not None:
            self.notify(chart_text.NO_TIMES, markup=False)

    def action_crosshair(self, direction: int) -> None:
        """On the line of the experiment under the cursor, or on the first."""
        curve = self._compared.curve(self._current or "") or next(iter(self._compared.curves()), None)
        if curve is not None and self._drawing.columns:
            self._look(self.view.pointed(curve, self._extent, direction, self._drawing.columns))

    # Writing.

    def action_write(self) -> None:
        from runicorn_tui.screens.write_comparison import WriteComparisonScreen

        experiments, baseline = self._compared.experiments, self._compared.baseline_index
        rows = [row for row in self._every if self._shows_equal or row.differs]
        what = f"{format.plural(len(rows), 'row')} of {format.plural(len(experiments), 'experiment')}"

        def written(sentence: str | None) -> None:
            if sentence is not None:
                self.say(sentence)

        content = partial(comparison_text.whole, experiments=experiments, rows=rows, baseline=baseline)
        self.app.push_screen(WriteComparisonScreen(what, content), written)


def _tabulated(
    details: Sequence[ExperimentDetail], headings: Sequence[Heading], baseline: int | None, *, shows_equal: bool
) -> tuple[list[Row], list[Row], list[Column[Row]]]:
    """All rows, those to show, and the columns; in a thread."""
    every = compare(details)
    rows = [row for row in every if shows_equal or row.differs]
    return every, rows, columns(rows, headings, baseline)
