"""One experiment: overview, parameters, charts and log, kept up to date while it runs."""

from __future__ import annotations

from dataclasses import replace

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import ContentSwitcher

from runicorn_db.errors import StoreError, UnknownExperiment
from runicorn_db.query import ExperimentDetail, MetricsQuery, MetricTable
from runicorn_tui import format, keys
from runicorn_tui.experiment_text import STATUS_COLORS, overview, parameters
from runicorn_tui.messages import IndexChanged
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.chart_pane import ChartPane
from runicorn_tui.widgets.log_pane import LogPane
from runicorn_tui.widgets.sheet import Sheet
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.tab_bar import TabBar

LIVE_SECONDS = 2.0
_PAGES: dict[str, str] = {"overview": "Overview", "parameters": "Parameters", "charts": "Charts", "log": "Log"}
_PAGE_SCOPES: dict[str, tuple[keys.Scope, ...]] = {"charts": ("chart",), "log": ("log",)}
# What takes the keys on each page.
_FOCUS = {"overview": "#overview", "parameters": "#parameters", "charts": "#charts", "log": "#log-lines"}

VANISHED = "This experiment is no longer in the index: it was purged, or its root was removed."


class ExperimentScreen(BrowserScreen[bool]):
    """Closes with whether the experiment was moved to the trash."""

    DEFAULT_CSS = """
    ExperimentScreen {
        layout: vertical;
        & #experiment-title { height: 1; background: $panel; }
        & ContentSwitcher { height: 1fr; }
        & #problem { display: none; height: 1; background: $error 20%; color: $error; }
        & .stale { opacity: 60%; }
    }
    """
    BINDINGS = keys.bindings("experiment")
    AUTO_FOCUS = "#overview"

    def __init__(self, experiment_id: str) -> None:
        super().__init__()
        self._id = experiment_id
        self._detail: ExperimentDetail | None = None
        self._page = "overview"

    @property
    def SCOPES(self) -> tuple[keys.Scope, ...]:
        """What the help is about: the page that is shown."""
        return (*_PAGE_SCOPES.get(self._page, ()), "experiment", "table", "app")

    def compose(self) -> ComposeResult:
        yield Line(id="experiment-title")
        yield TabBar(_PAGES)
        with ContentSwitcher(initial="overview"):
            yield Sheet(id="overview")
            yield Sheet(id="parameters")
            yield ChartPane(self._series, id="charts")
            yield LogPane(id="log")
        yield Line(id="problem")
        yield KeyBar()

    def on_mount(self) -> None:
        self._show_keys()
        self._read()
        self.set_interval(LIVE_SECONDS, self._look)

    # Reading.

    async def _series(self, query: MetricsQuery) -> MetricTable:
        return await self.app.ask(self.app.store.series, query)

    @work(group="detail", exclusive=True)
    async def _read(self) -> None:
        try:
            detail = await self.app.ask(self.app.store.get, self._id)
        except UnknownExperiment:
            self._show_stale(VANISHED)
        except StoreError as error:
            self._show_stale(str(error))
        else:
            self._show_fresh()
            self._show(detail)

    def _look(self) -> None:
        """Every two seconds: whether something happened to an experiment that still runs."""
        if self._detail is None or self._detail.experiment.status != "running":
            return
        self._read()
        if self._page == "log":
            self.query_one(LogPane).log_view.reload()

    def on_index_changed(self, message: IndexChanged) -> None:
        self._read()

    def action_reload(self) -> None:
        self._read()
        self.query_one(LogPane).log_view.reload()
        self.query_one(ChartPane).reload()
        self.app.look_now()

    # Showing.

    def _show(self, detail: ExperimentDetail) -> None:
        detail = replace(detail, query_time_ms=0.0)
        before, self._detail = self._detail, detail
        if detail == before:
            return
        self._show_title(detail)
        self.query_one("#overview", Sheet).show(lambda width: overview(detail, width))
        if before is None or detail.params != before.params:
            self.query_one("#parameters", Sheet).show(lambda width: parameters(detail, width))
        self.query_one(ChartPane).show(detail)
        experiment = detail.experiment
        if before is None or experiment.run_dir != before.experiment.run_dir:
            is_running = experiment.status == "running"
            self.query_one(LogPane).log_view.open(experiment.run_dir, follow=is_running)
        tabs = self.query_one(TabBar)
        tabs.title("parameters", f"Parameters ({format.count(len(detail.params))})")
        tabs.title("charts", f"Charts ({format.count(len(detail.metrics))})")

    def _show_title(self, detail: ExperimentDetail) -> None:
        experiment = detail.experiment
        self.query_one("#experiment-title", Line).show(
            Content.assemble(
                " ",
                Content.styled(format.status(experiment.status), f"bold {STATUS_COLORS.get(experiment.status, '')}"),
                "  ",
                Content.styled(safe(experiment.name), "bold"),
                Content.styled(f"  {safe(experiment.project)}", "$text-muted"),
            ),
            Content.styled(f" {safe(experiment.id)} ", "$text-muted"),
        )

    def _show_stale(self, reason: str) -> None:
        """What was last known stays, dimmed."""
        self.show_problem(reason)
        self.query_one(ContentSwitcher).add_class("stale")

    def _show_fresh(self) -> None:
        self.query_one("#problem", Line).display = False
        self.query_one(ContentSwitcher).remove_class("stale")

    @on(ChartPane.Failed)
    def _series_failed(self, message: ChartPane.Failed) -> None:
        self.show_problem(message.reason)

    def _show_keys(self) -> None:
        page = _PAGE_SCOPES.get(self._page, ())
        rows = [key for scope in (*page, "experiment", "app") for key in keys.of(scope) if key.in_footer]
        if page:
            # The page's own keys need the room.
            rows = [key for key in rows if key.id != "delete"]
        self.query_one(KeyBar).show(rows, {"chart-next": "metric", "log-scale": "log"})

    # Pages.

    def action_show_tab(self, page: str) -> None:
        self._page = page
        self.query_one(ContentSwitcher).current = page
        self.query_one(TabBar).show(page)
        self.query_one(_FOCUS[page]).focus()
        self._show_keys()

    def action_next_tab(self, by: int) -> None:
        pages = list(_PAGES)
        self.action_show_tab(pages[(pages.index(self._page) + by) % len(pages)])

    @on(TabBar.Chosen)
    def _tab_chosen(self, message: TabBar.Chosen) -> None:
        self.action_show_tab(message.page)

    # Acting.

    def action_back(self) -> None:
        self.dismiss(False)

    def action_copy_id(self) -> None:
        self.app.copy_to_clipboard(safe(self._id))
        self.say(f"Copied {self._id}")

    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        from runicorn_tui.screens.confirm import ConfirmDelete

        with self.reporting():
            chosen = await self.app.ask(self.app.store.snapshot_of, (self._id,))
            outcome = await self.app.push_screen_wait(ConfirmDelete(chosen, hidden=0, query=""))
        if outcome is None:
            return
        if outcome.problem is not None:
            self.show_problem(outcome.problem)
        elif outcome.moved:
            self.say("Moved to trash, z in the list undoes")
            self.dismiss(True)
