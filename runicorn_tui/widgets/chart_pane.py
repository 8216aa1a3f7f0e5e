"""Charts of one experiment: small ones side by side, or one large with the lines of those chosen."""

from __future__ import annotations

from typing import ClassVar, cast

from textual import events, on, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.theme import Theme
from textual.widgets import Input

from runicorn_db.errors import StoreError, UnknownExperiment
from runicorn_db.query import ExperimentDetail
from runicorn_tui import chart_text, keys
from runicorn_tui.charted import Charted
from runicorn_tui.charts.curve import NOTHING_MISSING
from runicorn_tui.charts.drawing import Drawing
from runicorn_tui.charts.tiling import Tiling
from runicorn_tui.charts.view import View
from runicorn_tui.metric_tables import ReadSeries, points_for
from runicorn_tui.widgets.chart import Chart
from runicorn_tui.widgets.chart_grid import ChartGrid
from runicorn_tui.widgets.legend import Legend
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.metric_list import MetricList
from runicorn_tui.widgets.search_line import SearchLine
from runicorn_tui.widgets.status_line import Line
from runicorn_tui.widgets.view_keys import ViewKeys

_WIDE = 110
_NARROW_LIST = 4
# Below this height a list under the chart would leave no chart.
_LEAST_HEIGHT_WITH_LIST = 16
_LOW_LEGEND, _HIGH_LEGEND = 2, 8
# While much is read: one drawing for what is read soon, several for what is read slowly.
_SECONDS_BETWEEN_DRAWINGS = 0.15


class ChartPane(ViewKeys, Container, can_focus=True):
    """Shows the metrics of the experiment that `show` was last given."""

    DEFAULT_CSS = """
    ChartPane {
        layout: vertical;
        & MetricList { dock: bottom; height: 4; }
        &.-wide MetricList { dock: left; width: 42; height: 1fr; border-right: vkey $rule; }
        & #chart-side { height: 1fr; width: 1fr; }
        & #chart-place { background: $surface; }
        & Chart, & Legend { display: none; }
        &.-large Chart, &.-large Legend { display: block; }
        &.-large ChartGrid, &.-large #chart-place { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings("chart"), *keys.bindings("table")]

    class Failed(Message):
        """A series could not be read; `reason` is the sentence to show."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, read: ReadSeries, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-large")
        self._charted = Charted(read)
        self._drawing = Drawing(rows=())
        self._grid_missing = NOTHING_MISSING

    def compose(self) -> ComposeResult:
        yield MetricList(id="chart-metrics")
        with Vertical(id="chart-side"):
            yield Chart(id="chart-lines")
            yield ChartGrid(id="chart-grid")
            yield Legend(id="chart-legend")
            yield Line(id="chart-place")
            yield SearchLine("part of a metric's name", id="chart-search")

    @property
    def metrics(self) -> MetricList:
        return self.query_one(MetricList)

    @property
    def grid(self) -> ChartGrid:
        return self.query_one(ChartGrid)

    @property
    def chosen(self) -> list[str]:
        """The metrics that are laid over each other, or are to be."""
        return self._charted.chosen

    @property
    def listed(self) -> list[str]:
        """The metrics that were looked for, all of them when none was."""
        return self._charted.listed

    @property
    def view(self) -> View:
        return self._charted.view

    @property
    def is_large(self) -> bool:
        return self.has_class("-large")

    # What is shown.

    def show(self, detail: ExperimentDetail) -> None:
        """Another state of the experiment: what has changed of the lines on screen is read again."""
        charted, names = self._charted, self._charted.names
        current = self.metrics.current_name
        is_other = charted.update(detail)
        if is_other:
            if not names:
                self._be_large(len(charted.names) == 1)
                current = detail.experiment.best_metric_name
            self._show_list(current)
        if is_other or not charted.names:
            self._load()

    def reload(self) -> None:
        """Reads what is on screen again."""
        self._charted.tables.outdate_all()
        self._load()

    def on_mount(self) -> None:
        # The type of `app` is that of any app.
        app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]
        app.theme_changed_signal.subscribe(self, self._recolor)

    def _recolor(self, theme: Theme) -> None:
        if self._charted.detail is not None:
            self._draw()

    def on_show(self) -> None:
        self._load()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _WIDE, "-wide")
        self._fit_list()

    @on(ChartGrid.Resized)
    def _load_after_resize(self) -> None:
        self._load()

    def _show_list(self, cursor_on: str | None) -> None:
        """The metrics listed, the cursor on one of them."""
        charted = self._charted
        if charted.detail is not None:
            cursor = charted.listed.index(cursor_on) if cursor_on in charted.listed else 0
            self.metrics.empty = ("No metric has that in its name",) if charted.names and not charted.listed else ()
            self.metrics.show_metrics(charted.rows(), cursor)
            self._fit_list()

    def _fit_list(self) -> None:
        names, height = self._charted.names, self.size.height
        is_wide, is_low = self.has_class("-wide"), height < _LEAST_HEIGHT_WITH_LIST
        self.metrics.display = (bool(names) and is_wide) or (len(names) > 1 and self.is_large and not is_low)
        # A header and as many metrics as there are, so that few leave their room to the chart.
        self.metrics.styles.height = "1fr" if is_wide else min(_NARROW_LIST, max(1, len(self.listed)) + 1)
        self.query_one(Legend).styles.max_height = _LOW_LEGEND if is_low else _HIGH_LEGEND

    def _be_large(self, is_large: bool) -> None:
        charted = self._charted
        if is_large and not self.chosen and charted.names:
            charted.choose(self.metrics.current_name or charted.names[0])
        elif not is_large and len(self.chosen) == 1:
            # One alone was looked at, not marked to be laid over others.
            charted.choose()
        self.set_class(is_large, "-large")
        self._fit_list()

    # Reading and drawing.

    @property
    def _tiling(self) -> Tiling:
        return self.grid.tiling(len(self.listed))

    @property
    def _page(self) -> range:
        return self._tiling.page_of(self.metrics.cursor)

    @property
    def _on_screen(self) -> list[str]:
        return self.chosen if self.is_large else self.listed[self._page.start : self._page.stop]

    @property
    def _points(self) -> int:
        return points_for(self.query_one(Chart).size.width if self.is_large else self._tiling.width)

    @work(group="series", exclusive=True)
    async def _load(self) -> None:
        """Draws, once what is to be drawn and not in memory yet is read."""
        if not self.display or self._charted.detail is None:
            return
        drawing = self.set_interval(_SECONDS_BETWEEN_DRAWINGS, self._draw)
        try:
            await self._charted.read(self._on_screen, self._points)
        except UnknownExperiment:
            # The screen that reads the experiment itself says so.
            pass
        except StoreError as error:
            self.post_message(self.Failed(str(error)))
        finally:
            drawing.stop()
        self._draw()

    def _draw(self) -> None:
        charted = self._charted
        charted.colors = self.query_one(Chart).line_colors
        self.metrics.show_swatches(charted.swatches())
        view = charted.view.over(charted.extent(self._on_screen))
        if self.is_large:
            self.query_one(Chart).show(charted.curves(), view)
            self._show_legend()
        else:
            cells = [charted.cell(name) for name in self._on_screen]
            self.grid.show(cells, self._tiling, self.metrics.cursor - self._page.start, view)
            self._show_place()

    @on(Chart.Drawn)
    def _drawn(self, message: Chart.Drawn) -> None:
        self._drawing = message.drawing
        self._show_legend()

    @on(ChartGrid.Drawn)
    def _grid_drawn(self, message: ChartGrid.Drawn) -> None:
        self._grid_missing = message.missing
        self._show_place()

    def _show_legend(self) -> None:
        if self._charted.detail is not None:
            self.query_one(Legend).show(*self._charted.legend(self._drawing))

    def _show_place(self) -> None:
        if self._charted.detail is not None:
            left, right = self._charted.place(self._page, self._grid_missing, self._points)
            self.query_one("#chart-place", Line).show(Content(f" {left}"), Content(f"{right} "))

    # Choosing.

    async def action_next_metric(self, by: int) -> None:
        """The metric after the one under the cursor; of large charts alone."""
        if self.listed:
            await self.metrics.go((self.metrics.cursor + by) % len(self.listed))
            if self.is_large:
                self._show_alone()

    def _show_alone(self) -> None:
        name = self.metrics.current_name
        if name is not None:
            self._charted.choose(name)
            self._load()

    @on(LineTable.Chosen)
    def action_enlarge(self) -> None:
        """Large with all that are marked; large, the metric under the cursor alone; that already, the small ones."""
        name = self.metrics.current_name
        if name is None:
            return
        if not self.is_large:
            if name not in self.chosen:
                self._charted.toggle(name)
            self._be_large(True)
        elif self.chosen != [name]:
            self._charted.choose(name)
        else:
            self._be_large(False)
        self._load()

    def step_back(self) -> bool:
        """From a large chart to the small ones, from those looked for to all; False when there is no way back."""
        if self.is_large and len(self._charted.names) > 1:
            self._be_large(False)
        elif self._charted.wanted:
            self.query_one(SearchLine).value = ""
        else:
            return False
        self._load()
        return True

    def action_toggle_metric(self) -> None:
        name = self.metrics.current_name
        if name is not None:
            self._charted.toggle(name)
            self._load()

    @on(ChartGrid.Clicked)
    async def _cell_clicked(self, message: ChartGrid.Clicked) -> None:
        await self.metrics.go(self._page.start + message.place)
        if message.is_double:
            self.action_enlarge()

    @on(LineTable.Moved)
    def _moved(self) -> None:
        if not self.is_large:
            self._load()

    async def action_move(self, by: int) -> None:
        await self.metrics.action_move(by if self.is_large else by * self._tiling.columns)

    async def action_aside(self, by: int) -> None:
        """The small chart beside; a large one is panned."""
        if self.is_large:
            self.action_pan(by)
        else:
            await self.metrics.action_move(by)

    async def action_page(self, by: int) -> None:
        if self.is_large:
            await self.metrics.action_page(by)
        else:
            await self.metrics.action_move(by * self._tiling.capacity)

    async def action_first(self) -> None:
        await self.metrics.action_first()

    async def action_last(self) -> None:
        await self.metrics.action_last()

    # Looking for a metric.

    def action_find_metric(self) -> None:
        self.query_one(SearchLine).open()

    @on(Input.Changed, "#chart-search")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        current = self.metrics.current_name
        self._charted.look_for(event.value)
        self._show_list(current)
        self._load()

    @on(SearchLine.Done)
    def _found(self) -> None:
        self._close_search()
        name = self.metrics.current_name
        if self.is_large and name is not None and name not in self.chosen:
            self._show_alone()

    @on(SearchLine.Cleared)
    def _close_search(self) -> None:
        self.query_one(SearchLine).display = False
        self.focus()

    # Looking.

    def _look(self, view: View) -> None:
        if view != self.view:
            self._charted.view = view
            self._load()

    @property
    def _extent(self) -> tuple[float, float]:
        return self._charted.extent(self._on_screen)

    def action_crosshair(self, direction: int) -> None:
        chosen = self.chosen[:1] if self.is_large else [self.metrics.current_name]
        columns = self._drawing.columns if self.is_large else self.grid.columns
        for name in chosen:
            curve = None if name is None else self._charted.curve(name)
            if curve is not None and columns:
                self._look(self.view.pointed(curve, self._extent, direction, columns))

    def action_axis(self) -> None:
        """Over steps, the time since the beginning, the time of day."""
        view = self._charted.on_next_axis(self._on_screen)
        if view is not None:
            self._look(view)
        elif self._on_screen:
            self.notify(chart_text.NO_TIMES, markup=False)
