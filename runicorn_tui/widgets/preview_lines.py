"""What is painted in the pane beside the list. Imported when there is something to paint: it takes its time."""

from __future__ import annotations

import asyncio
from typing import cast

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.content import Content

from runicorn_db.errors import StoreError, UnknownExperiment
from runicorn_db.query import ExperimentDetail, MetricsQuery, MetricTable
from runicorn_db.store import Store
from runicorn_tui import group_summary, preview
from runicorn_tui.charted import Charted
from runicorn_tui.charts.drawing import Drawing, draw
from runicorn_tui.experiment_text import VANISHED, summary
from runicorn_tui.fact_lines import MARGIN, folded
from runicorn_tui.metric_tables import points_for
from runicorn_tui.preview import LogEnd
from runicorn_tui.sgr import styled
from runicorn_tui.terminal import Drawn
from runicorn_tui.widgets.chart_canvas import ChartCanvas
from runicorn_tui.widgets.experiment_table import Ask
from runicorn_tui.widgets.legend import legend_text
from runicorn_tui.widgets.preview import ListedGroup

# A log is mostly there with the rest, so that the pane is painted once.
_PATIENCE_SECONDS = 0.3
_READING_LOG = Drawn("Reading the log…")

Line = list[Segment]


class PreviewLines:
    """The lines for `pane`, which is asked to draw again when something slow has been read."""

    def __init__(self, pane: ChartCanvas, ask: Ask, store: Store) -> None:
        self._pane = pane
        self._ask = ask
        self._store = store
        self._charted: Charted | None = None
        # A disk that does not answer holds up one thread, not one for each experiment.
        self._log_end: asyncio.Future[LogEnd] | None = None

    @property
    def is_live(self) -> bool:
        """Whether what was read last may change at any time."""
        detail = None if self._charted is None else self._charted.detail
        return detail is not None and detail.experiment.status == "running"

    async def of(self, experiment_id: str) -> list[Line]:
        """An experiment in short, or why there is nothing to show of it."""
        try:
            return await self._lines(experiment_id)
        except UnknownExperiment:
            return self.gone()
        except StoreError as error:
            return self._sentence(str(error))

    def gone(self) -> list[Line]:
        """That the experiment is no more."""
        self._charted = None
        return self._sentence(VANISHED)

    async def of_group(self, listed: ListedGroup) -> list[Line]:
        """A group in short, with as many of its experiments as there is room for."""
        self._charted = None
        width, height = self._pane.size
        facts = [self._content(line) for line in group_summary.summary(listed.group, listed.by, width)]
        room = height - len(facts) - 2
        if room < 1:
            return facts[:height]
        try:
            rows = await self._ask(self._store.rows, listed.members[:room])
        except StoreError as error:
            return [*facts, [], *self._sentence(str(error))]
        first = group_summary.first_experiments(rows, listed.group, listed.order, width)
        return [*facts, [], *map(self._content, first)]

    # Reading.

    async def _lines(self, experiment_id: str) -> list[Line]:
        detail: ExperimentDetail = await self._ask(self._store.get, experiment_id)
        run_dir = detail.experiment.run_dir
        self._begin_log(run_dir)
        charted = self._charted_of(detail)
        problem = ""
        try:
            await charted.read(charted.chosen, points_for(self._pane.size.width))
        except UnknownExperiment:
            raise
        except StoreError as error:
            problem = str(error)
        log = await self._read_log(run_dir)
        return await self._drawn(detail, charted, log, problem)

    def _charted_of(self, detail: ExperimentDetail) -> Charted:
        """The metric to draw, with what is in memory of it already."""
        charted = self._charted
        if charted is None or charted.detail is None or charted.detail.experiment.id != detail.experiment.id:
            charted = self._charted = Charted(self._series)
        charted.update(detail)
        name = preview.metric_of(detail)
        charted.choose(*([] if name is None else [name]))
        return charted

    async def _series(self, query: MetricsQuery) -> MetricTable:
        return await self._ask(self._store.series, query)

    def _begin_log(self, run_dir: str) -> asyncio.Future[LogEnd]:
        """The log that is being read, of another run as long as that is not done."""
        if self._log_end is None:
            self._log_end = asyncio.get_running_loop().run_in_executor(None, preview.log_end, run_dir)
        return self._log_end

    async def _read_log(self, run_dir: str) -> LogEnd | None:
        """The end of the log; None while it is read, and then this is drawn again once it was."""
        while True:
            reading = self._begin_log(run_dir)
            if not (await asyncio.wait({reading}, timeout=_PATIENCE_SECONDS))[0]:
                reading.add_done_callback(self._log_is_read)
                return None
            self._log_end = None
            if (end := reading.result()).run_dir == run_dir:
                return end

    def _log_is_read(self, _: asyncio.Future[LogEnd]) -> None:
        if self._pane.is_running:
            self._pane.request()

    # Drawing.

    async def _drawn(self, detail: ExperimentDetail, charted: Charted, log: LogEnd | None, problem: str) -> list[Line]:
        width, height = self._pane.size
        charted.colors = self._pane.line_colors
        facts = [self._content(line) for line in summary(detail, width)]
        drawing = Drawing(rows=())
        about = self._about(charted, drawing, problem)
        share = preview.shares(height, len(facts), len(about))
        lines = [*facts[: share.facts], []]
        if share.chart:
            curves, view = charted.curves(), charted.view.over(charted.extent(charted.chosen))
            if curves:
                drawing = await asyncio.to_thread(draw, curves, view, width, share.chart, self._pane.theme_colors())
            about = self._about(charted, drawing, problem)
            lines += about[: height - share.facts - share.chart - share.log - 2]
            lines += self._pane.styled(drawing.rows) if drawing.rows else [[] for _ in range(share.chart)]
        return lines + self._log_lines(log, share.log)

    def _about(self, charted: Charted, drawing: Drawing, problem: str) -> list[Line]:
        """The name of the metric and what there is to say about it."""
        if problem:
            return self._sentence(problem)
        head, entries = charted.legend(drawing)
        if not entries:
            return self._sentence("  ".join(head))
        # That its values are the last is clear without a crosshair.
        muted = Style(color=self._pane.get_component_rich_style("chart--label").color)
        text = legend_text(head[1:], entries, self._pane.size.width - MARGIN, muted)
        return [self._text(line) for line in text.split("\n") if line.plain]

    def _log_lines(self, log: LogEnd | None, count: int) -> list[Line]:
        name = "log" if log is None else log.name
        lines = [self._content(Content.styled(f"{' ' * MARGIN}{name}", "bold $text-muted"))]
        if log is None:
            return lines + self._sentence(_READING_LOG)
        if log.sentence:
            return lines + self._sentence(log.sentence)
        return lines + [self._text(styled(line)) for line in log.lines[-count:] if count]

    def _sentence(self, text: str) -> list[Line]:
        lines = folded(text, max(1, self._pane.size.width - 2 * MARGIN))
        return [self._content(Content.styled(" " * MARGIN + line, "$text-muted")) for line in lines]

    def _content(self, content: Content) -> Line:
        return list(content.render_segments(self._pane.visual_style))

    def _text(self, text: Text) -> Line:
        """At most as wide as the pane, on its background."""
        plain = self._pane.rich_style
        # The type of `app` is that of any app.
        console = cast("App[object]", self._pane.app).console  # pyright: ignore[reportUnknownMemberType]
        text.truncate(max(1, self._pane.size.width - MARGIN), overflow="ellipsis")
        found = [Segment(s.text, plain + s.style if s.style else plain) for s in text.render(console)]
        return [Segment(" " * MARGIN, plain), *found]
