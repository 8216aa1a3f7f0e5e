"""What is charted of several experiments: which of them, which metric, over what, and what is said. No widget."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from runicorn_db.errors import UnknownExperiment
from runicorn_db.query import Experiment, ExperimentDetail
from runicorn_tui import chart_text, format
from runicorn_tui.charts.axis import AXES
from runicorn_tui.charts.curve import Curve, Reading
from runicorn_tui.charts.drawing import Drawing
from runicorn_tui.charts.palette import PALETTE, Color, Style, style
from runicorn_tui.charts.view import View, first_view
from runicorn_tui.comparison import first_metric, labels, metrics
from runicorn_tui.metric_tables import MetricTables, ReadSeries
from runicorn_tui.terminal import Drawn

_METRICS_HELD = 4
"""Of each experiment: twenty of them hold as much as one that is looked at alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An experiment in the legend; `note` says what is to be said besides its value."""

    number: int
    label: str
    swatch: str
    color: Color
    value: str
    note: str = ""
    is_shown: bool = True


class Compared:
    """The experiments with these ids, whose series `read` reads. Numbers and styles stay when others are dropped."""

    def __init__(self, ids: Sequence[str], read: ReadSeries) -> None:
        self._numbers = {id: number for number, id in enumerate(ids, 1)}
        self._tables = {id: MetricTables(read, most=_METRICS_HELD) for id in ids}
        self.details: dict[str, ExperimentDetail] = {}
        """What was last known of those that are compared, in their order."""
        self.gone: set[str] = set()
        """Those that left the index since."""
        self.hidden: set[str] = set()
        self.is_reading = True
        """Whether it is not known yet which of them there are."""
        self.is_read = False
        """Whether it was ever known."""
        self.baseline: str | None = None
        self.metric: str | None = None
        self.metrics: list[str] = []
        self.view = first_view()
        self.colors: Sequence[Color] = PALETTE
        """Of the lines; the theme has its own."""

    # Which experiments.

    @property
    def ids(self) -> list[str]:
        """All that were not dropped, known yet or not."""
        return list(self._tables)

    @property
    def known(self) -> list[ExperimentDetail]:
        return list(self.details.values())

    @property
    def experiments(self) -> list[Experiment]:
        return [detail.experiment for detail in self.known]

    @property
    def baseline_index(self) -> int | None:
        """The place of the baseline among those that are known."""
        known = list(self.details)
        return known.index(self.baseline) if self.baseline in known else None

    def number(self, id: str) -> int:
        return self._numbers[id]

    def id_of(self, number: int) -> str | None:
        """The experiment with a number, if it is still compared."""
        return next((id for id in self.details if self._numbers[id] == number), None)

    def update(self, found: Mapping[str, ExperimentDetail | None]) -> bool:
        """Another state of the experiments, None of those that are gone; whether anything is different."""
        before, gone = self.details, self.gone
        self.is_read = True
        # What was last known of an experiment that is gone stays, and is called that.
        current = {id: found.get(id) or before.get(id) for id in self.ids}
        self.details = {id: detail for id, detail in current.items() if detail is not None}
        self.gone = {id for id in self.details if found.get(id) is None}
        for id, detail in self.details.items():
            self._tables[id].of(id, _began_at(detail))
            if id in before:
                old = before[id].metrics
                self._tables[id].outdate(name for name in old if detail.metrics.get(name) != old[name])
        self._list_metrics()
        return (self.details, self.gone) != (before, gone)

    def _list_metrics(self) -> None:
        self.metrics = metrics(self.known)
        if self.metric not in self.metrics:
            self.metric = first_metric(self.known)

    def drop(self, id: str) -> None:
        """Takes an experiment out of the comparison."""
        del self._tables[id], self.details[id]
        self.hidden.discard(id)
        self.gone.discard(id)
        if self.baseline == id:
            self.baseline = None
        self._list_metrics()

    def toggle(self, id: str) -> None:
        """Hides the line of an experiment, or shows it again."""
        self.hidden ^= {id}

    def solo(self, id: str) -> None:
        """Hides all lines but this one; those of all are shown again when it is alone already."""
        others = set(self.details) - {id}
        self.hidden = set() if self.hidden == others else others

    # Which metric.

    def next_metric(self, by: int) -> None:
        if self.metric is not None:
            self.show_metric(self.metrics[(self.metrics.index(self.metric) + by) % len(self.metrics)])

    def show_metric(self, name: str) -> None:
        """Another metric reaches over other steps."""
        if name != self.metric:
            self.metric = name
            self.view = self.view.whole()

    # Reading.

    @property
    def charted(self) -> list[str]:
        """The experiments whose lines are wanted."""
        return [id for id, detail in self.details.items() if id not in self.hidden and self.metric in detail.metrics]

    @property
    def _drawn(self) -> list[str]:
        metric = self.metric
        return [] if metric is None else [id for id in self.charted if metric in self._tables[id]]

    async def read(self, points: int) -> None:
        """Reads what is to be drawn and not in memory. Raises StoreError."""
        metric = self.metric
        if metric is None:
            return
        known = self._drawn
        before = self._reach(known)
        wanted = [self._tables[id] for id in self.charted]
        await _one_by_one(table.read_whole(metric, points) for table in wanted)
        after = self._reach(known)
        if before is not None and after is not None:
            # A range that reached the end still does when a metric has grown.
            self.view = self.view.followed(before, after)
        tables = [self._tables[id] for id in self.charted if metric in self._tables[id]]
        if self.view.is_zoomed:
            span, axis = self.view.span(self.extent), self.view.axis
            await _one_by_one(table.read_range(metric, axis, span, points) for table in tables)
        else:
            for table in tables:
                table.forget_ranges([metric])

    def outdate(self) -> None:
        """Everything is read again when it is wanted next."""
        for table in self._tables.values():
            table.outdate_all()

    def _reach(self, ids: Sequence[str]) -> tuple[float, float] | None:
        found = [self._tables[id].extent([self.metric], self.view.axis) for id in ids if self.metric is not None]
        ends = [reach for reach in found if reach is not None]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None

    @property
    def extent(self) -> tuple[float, float]:
        """From where to where on the axis the lines reach, as far as they were read."""
        return self._reach(self._drawn) or (0.0, 0.0)

    def on_next_axis(self) -> View | None:
        """Over steps, the time since each began, the time of day; None where no time is known."""
        metric = self.metric
        if metric is None:
            return None
        timed = [self._tables[id] for id in self._drawn if self._tables[id].has_times([metric])]
        if not timed:
            return None
        axis = AXES[(AXES.index(self.view.axis) + 1) % len(AXES)]
        return self.view.on_axis(axis, *timed[0].translation(metric, self.view.axis, axis))

    # What is drawn and said.

    def style(self, id: str) -> Style:
        return style(self._numbers[id] - 1, self.colors)

    def curve(self, id: str) -> Curve | None:
        """The line of an experiment, None while it is hidden or was not read."""
        if id not in self._drawn or self.metric is None:
            return None
        return self._tables[id].curve(self.metric, self.view.axis, self.style(id))

    def curves(self) -> list[Curve]:
        return [curve for id in self._drawn if (curve := self.curve(id)) is not None]

    @property
    def _is_at_end(self) -> bool:
        """Whether the legend tells the last values and not those at the crosshair or the right edge."""
        return self.view.cursor is None and not self.view.is_zoomed

    def head(self, drawing: Drawing) -> list[str]:
        """What there is to say about the chart that was drawn last, the most important first."""
        metric = self.metric
        if not self.details:
            if self.is_reading:
                return [Drawn("Reading the experiments…")]
            return ["None of these experiments is known." if self.is_read else "The experiments were not read."]
        if metric is None:
            return ["These experiments have no metrics."]
        tables = [self._tables[id] for id in self._drawn]
        shown = sum(len(table.table(metric).steps) for table in tables)
        points = sum(table.table(metric).available_points for table in tables)
        parts = [self._place(drawing)]
        parts += chart_text.missing(drawing.missing, is_log=self.view.is_log, is_partial=shown < points)
        if not_finite := sum(table.not_finite(metric) for table in tables):
            parts.append(f"{format.count(not_finite)} not finite")
        if untimed := sum(table.points(metric, self.view.axis).untimed for table in tables):
            least = "at least " if shown < points else ""
            parts.append(f"{least}{format.count(untimed)} without a time left out")
        parts += chart_text.looked_at(self.view, self.extent)
        if shown < points:
            parts.append(f"{format.count(shown)} of {format.count(points)} points")
        return parts

    def _place(self, drawing: Drawing) -> str:
        reading = self._readings(drawing).get(next(iter(self._drawn), ""))
        if self._is_at_end or reading is None:
            return "last values"
        at = f"step {format.count(round(reading.step))}"
        return at if self.view.cursor is not None else f"at the right edge: {at}"

    def _readings(self, drawing: Drawing) -> Mapping[str, Reading | None]:
        drawn = self._drawn
        return dict(zip(drawn, drawing.readings, strict=True)) if len(drawing.readings) == len(drawn) else {}

    def items(self, drawing: Drawing) -> list[Item]:
        """The legend: every experiment, those whose lines are hidden too."""
        readings = self._readings(drawing)
        is_ascii = self.view.marker == "ascii"
        found: list[Item] = []
        for (id, detail), label in zip(self.details.items(), labels(self.experiments), strict=True):
            one, value, note = self.style(id), self._last(detail), self._state(id)
            reading = readings.get(id)
            if id in self.hidden:
                value, note = format.DASH, note or "hidden"
            elif self.metric not in detail.metrics:
                value, note = format.DASH, note or "not logged"
            elif not self._is_at_end and reading is not None:
                value, note = format.number(reading.value), note or f"@{format.count(round(reading.step))}"
            found.append(
                Item(
                    number=self._numbers[id],
                    label=label,
                    swatch=(one.mark if is_ascii else one.swatch) * 2,
                    color=one.color,
                    value=value,
                    note=note,
                    is_shown=id in self.charted,
                )
            )
        return found

    def _last(self, detail: ExperimentDetail) -> str:
        summary = None if self.metric is None else detail.metrics.get(self.metric)
        return format.number(None if summary is None else summary.last)

    def _state(self, id: str) -> str:
        """What is not as one would expect of an experiment that is compared."""
        experiment = self.details[id].experiment
        if id in self.gone:
            return "left the index"
        if experiment.deleted_at is not None:
            return "in the trash"
        if id == self.baseline:
            return "baseline"
        return format.status(experiment.status) if experiment.status == "running" else ""


def _began_at(detail: ExperimentDetail) -> float:
    experiment = detail.experiment
    return experiment.created_at if experiment.started_at is None else experiment.started_at


async def _one_by_one(reads: Iterable[Awaitable[None]]) -> None:
    """Threads that read at the same time keep each other from the interpreter, and keys from both.

    One that left the index meanwhile ends none of the others; who looks at it next says so.
    """
    for read in reads:
        with suppress(UnknownExperiment):
            await read
