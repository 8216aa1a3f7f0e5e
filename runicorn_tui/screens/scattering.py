"""The part of a comparison that is a scatter: what is drawn over what, and of which experiments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on, work

from runicorn_db.query import Snapshot
from runicorn_tui import comparison_text, scattered
from runicorn_tui.compared import Compared
from runicorn_tui.comparison import Row
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.screens.pick import PickScreen
from runicorn_tui.widgets.scatter import Dot, ScatterChart, Scattered


class Scattering(BrowserScreen[bool]):
    """A screen with a scatter of what is compared, and of `listed` if that is wanted."""

    if TYPE_CHECKING:

        def _draw(self) -> None: ...
        def _load(self) -> object: ...
        def _show_legend(self) -> None: ...

    def __init__(self, compared: Compared, listed: Snapshot) -> None:
        super().__init__()
        self._compared = compared
        self._every: list[Row] = []
        self._listed = listed
        self._scatter: scattered.Scatter | None = None
        self._scattered = Scattered(rows=())
        self._others: list[Dot] | None = None

    def draw_dots(self) -> None:
        """The scatter as it is now; not while the rows are still those of other experiments."""
        compared, scatter, view = self._compared, self._scatter, self._compared.view
        if scatter is not None and len(scatter.x.values) == len(compared.details):
            dots = [*(self._others or ()), *scattered.compared_dots(compared, scatter)]
            self.query_one(ScatterChart).show(dots, is_log=view.is_log, is_ascii=view.marker == "ascii")

    @on(ScatterChart.Drawn)
    def _dots_drawn(self, message: ScatterChart.Drawn) -> None:
        self._scattered = message.drawing
        self._show_legend()

    def scatter_said(self) -> list[str]:
        """What there is to say about the scatter."""
        if self._scatter is None:
            return []
        is_log = self._compared.view.is_log
        return scattered.said(self._scatter, self._scattered, self._others_said, is_log=is_log)

    def scatter_metric(self) -> None:
        """The metric that is charted now, over what was chosen."""
        if self._scatter is not None and (y := self._metric_row()) is not None:
            self._scatter_over(self._scatter.x, y)

    def _metric_row(self) -> Row | None:
        """The best value of the metric that is charted, where one knows what is best, else its last."""
        rows = [row for row in self._every if row.kind != "parameter" and row.name == self._compared.metric]
        return rows[0] if rows else None

    def action_scatter(self) -> None:
        """Asks what is drawn over what; back to the lines when that is shown."""
        if self._scatter is not None:
            self._scatter, self._others = None, None
            self.remove_class("-scatter")
            self._load()
            return
        ordered = sorted(self._every, key=lambda row: row.kind != "parameter")
        by_title = {comparison_text.title(row): row for row in ordered}
        metrics = [title for title, row in by_title.items() if row.kind != "parameter"]
        y = self._metric_row()
        if y is None:
            self.say("These experiments have no metrics.")
            return

        def x_picked(x: str | None) -> None:
            if x is not None:
                question = PickScreen("Up: a metric", metrics, comparison_text.title(y))
                self.app.push_screen(question, partial(y_picked, by_title[x]))

        def y_picked(x: Row, y: str | None) -> None:
            if y is not None:
                self._scatter_over(x, by_title[y])

        self.app.push_screen(PickScreen("Across: a parameter or a metric", list(by_title)), x_picked)

    def _scatter_over(self, x: Row, y: Row) -> None:
        had_others = self._others is not None
        self._scatter = scattered.Scatter(x=x, y=y)
        self.add_class("-scatter")
        self._draw()
        if had_others:
            self._read_others()

    def keep_scatter(self) -> None:
        """The same scatter of another state of the experiments."""
        if self._scatter is not None:
            x, y = (scattered.find(self._every, like) for like in (self._scatter.x, self._scatter.y))
            if x is None or y is None:
                self.action_scatter()
            else:
                self._scatter = scattered.Scatter(x=x, y=y)

    def action_all_points(self) -> None:
        """All that match, behind those that are compared; or those that are compared alone again."""
        if self._scatter is None:
            self.say(f"{self.app.keymap.hint('compare-scatter')} shows a scatter first.")
        elif self._others is not None:
            self._others = None
            self._draw()
        else:
            self._read_others()

    @work(group="others", exclusive=True)
    async def _read_others(self) -> None:
        scatter = self._scatter
        if scatter is None:
            return
        with self.reporting():
            found = await self.app.ask(self.app.store.rows, self._listed[: scattered.MOST], scatter.values)
            others = scattered.other_dots(found, scatter, self._compared.details)
            if scatter == self._scatter:
                self._others = others
                self._draw()

    @property
    def _others_said(self) -> str:
        if self._others is None:
            return ""
        total = len(self._listed)
        of = f"the first {scattered.MOST:,} of {total:,}" if total > scattered.MOST else f"all {total:,}"
        return f"{of} that match"
