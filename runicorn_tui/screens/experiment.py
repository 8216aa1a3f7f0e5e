"""One experiment: overview, parameters, charts, log and files, kept up to date while it runs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import ContentSwitcher

from runicorn_db.errors import StoreError, UnknownExperiment
from runicorn_db.query import ExperimentDetail, MetricsQuery, MetricTable, Snapshot
from runicorn_tui import format, keys
from runicorn_tui.experiment_text import STATUS_COLORS, VANISHED
from runicorn_tui.messages import IndexChanged
from runicorn_tui.run_facts import RunFacts, read_facts
from runicorn_tui.screens.undo import UndoScreen
from runicorn_tui.terminal import safe
from runicorn_tui.typed_ahead import opening
from runicorn_tui.widgets.chart_pane import ChartPane
from runicorn_tui.widgets.file_pane import FilePane
from runicorn_tui.widgets.log_pane import LogPane
from runicorn_tui.widgets.overview import Overview
from runicorn_tui.widgets.parameter_pane import ParameterPane
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.tab_bar import TabBar

if TYPE_CHECKING:
    from runicorn_tui.screens.tags import Tagged

LIVE_SECONDS = 2.0
# A log is watched line by line, and looking whether a file has grown costs little.
LOG_SECONDS = 1.0
_PAGES: dict[str, str] = {
    "overview": "Overview",
    "parameters": "Parameters",
    "charts": "Charts",
    "log": "Log",
    "files": "Files",
}
_PAGE_SCOPES: dict[str, tuple[keys.Scope, ...]] = {
    "overview": ("overview", "watchable"),
    "parameters": ("parameters", "watchable", "exportable"),
    "charts": ("chart", "watchable"),
    "log": ("log",),
    "files": ("files", "watchable", "exportable"),
}
_CROWDED = ("charts", "log")
# What takes the keys on each page.
_FOCUS = {
    "overview": "#overview",
    "parameters": "#parameter-lines",
    "charts": "#charts",
    "log": "#log-lines",
    "files": "#file-table",
}


class ExperimentScreen(UndoScreen[bool]):
    """Closes with whether experiments were moved to the trash or back."""

    DEFAULT_CSS = """
    ExperimentScreen {
        layout: vertical;
        & #experiment-title { height: 1; background: $panel; }
        & ContentSwitcher { height: 1fr; }
        & #problem { display: none; height: 1; background: $problem; color: $error; }
        & .stale { opacity: 60%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("experiment"),
        *keys.bindings("watchable"),
        *keys.bindings("exportable"),
    ]
    AUTO_FOCUS = "#overview"

    def __init__(self, experiment_id: str) -> None:
        super().__init__()
        self._experiment_id = experiment_id
        self._detail: ExperimentDetail | None = None
        self._is_changed = False
        self._facts: RunFacts | None = None
        self._files_of: str | None = None
        self._page = "overview"

    @property
    def SCOPES(self) -> tuple[keys.Scope, ...]:
        """What the help is about: the page that is shown."""
        return (*_PAGE_SCOPES.get(self._page, ()), "experiment", "table", "app")

    def compose(self) -> ComposeResult:
        yield Line(id="experiment-title")
        yield TabBar(_PAGES)
        with ContentSwitcher(initial="overview"):
            yield Overview(id="overview")
            yield ParameterPane(id="parameters")
            yield ChartPane(self._series, id="charts")
            yield LogPane(id="log")
            yield FilePane(id="files")
        yield Line(id="problem")
        yield KeyBar()

    def on_mount(self) -> None:
        self._show_keys()
        self.query_one("#experiment-title", Line).show(Content.styled(" Reading the experiment…", "$text-muted"))
        self.app.wait_for(self._read())
        self.set_interval(LIVE_SECONDS, self._look)
        self.set_interval(LOG_SECONDS, self._look_at_log)

    # Reading.

    async def _series(self, query: MetricsQuery) -> MetricTable:
        return await self.app.ask(self.app.store.series, query)

    @work(group="detail", exclusive=True)
    async def _read(self) -> None:
        try:
            detail = await self.app.ask(self.app.store.get, self._experiment_id)
        except UnknownExperiment:
            self._show_stale(VANISHED)
        except StoreError as error:
            self._show_stale(str(error))
        else:
            self._show_fresh()
            self._show(detail)

    @property
    def _is_running(self) -> bool:
        return self._detail is not None and self._detail.experiment.status == "running"

    def _look(self) -> None:
        """Every two seconds: whether something happened to an experiment that still runs."""
        if self._is_running:
            self._read()

    def _look_at_log(self) -> None:
        if self._is_running and self._page == "log":
            self.query_one(LogPane).log_view.reload()

    @work(group="facts", exclusive=True)
    async def _read_facts(self, run_dir: str) -> None:
        facts = await self.app.ask(read_facts, run_dir)
        if facts == self._facts:
            return
        self._facts = facts
        self.query_one(Overview).show_facts(facts)
        self.query_one(ParameterPane).show_problems(facts.problems)
        self.query_one(FilePane).show_assets(facts.assets)

    def on_index_changed(self, message: IndexChanged) -> None:
        self._read()

    def action_reload(self) -> None:
        self._read()
        if self._detail is not None:
            self._read_facts(self._detail.experiment.run_dir)
        self.query_one(LogPane).log_view.reload()
        self.query_one(ChartPane).reload()
        self.query_one(FilePane).reload()
        self.app.look_now()

    # Showing.

    def _show(self, detail: ExperimentDetail) -> None:
        detail = replace(detail, query_time_ms=0.0)
        before, self._detail = self._detail, detail
        if detail == before:
            return
        self._show_title(detail)
        self.query_one(Overview).show_detail(detail)
        if before is None or detail.params != before.params:
            self.query_one(ParameterPane).show(detail.params)
        self.query_one(ChartPane).show(detail)
        experiment = detail.experiment
        if before is None or experiment.run_dir != before.experiment.run_dir:
            self.query_one(LogPane).open_run(experiment.run_dir, follow=self._is_running)
            self._files_of = None
            self._show_files()
        if before is None or experiment != before.experiment:
            self._read_facts(experiment.run_dir)
        tabs = self.query_one(TabBar)
        tabs.title("parameters", f"Parameters ({format.count(len(detail.params))})")
        tabs.title("charts", f"Charts ({format.count(len(detail.metrics))})")

    def _show_files(self) -> None:
        """Reads the run directory when its files are looked at, not before."""
        if self._page == "files" and self._detail is not None:
            run_dir = self._detail.experiment.run_dir
            if run_dir != self._files_of:
                self._files_of = run_dir
                self.query_one(FilePane).open(run_dir)

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
        if self._detail is None:
            title = Content.styled(f" {safe(self._experiment_id)} was not read", "$text-muted")
            self.query_one("#experiment-title", Line).show(title)

    def _show_fresh(self) -> None:
        self.query_one("#problem", Line).display = False
        self.query_one(ContentSwitcher).remove_class("stale")

    @on(ChartPane.Failed)
    def _series_failed(self, message: ChartPane.Failed) -> None:
        self.show_problem(message.reason)

    def _show_keys(self) -> None:
        page = _PAGE_SCOPES.get(self._page, ())
        rows = [key for scope in (*page, "experiment", "app") for key in keys.of(scope) if key.in_footer]
        if self._page in _CROWDED:
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
        self._show_files()

    def action_next_tab(self, by: int) -> None:
        pages = list(_PAGES)
        self.action_show_tab(pages[(pages.index(self._page) + by) % len(pages)])

    @on(TabBar.Chosen)
    def _tab_chosen(self, message: TabBar.Chosen) -> None:
        self.action_show_tab(message.page)

    # Acting.

    def action_back(self) -> None:
        if self._page == "charts" and self.query_one(ChartPane).step_back():
            return
        self.dismiss(self._is_changed)

    def action_copy(self) -> None:
        """The id, or on the page of files the path of the one under the cursor."""
        current = self.query_one(FilePane).current if self._page == "files" else None
        if current is None or self._detail is None:
            self.copy(self._experiment_id)
        else:
            self.copy(f"{self._detail.experiment.run_dir}/{os.fsdecode(current.path)}")

    def action_copy_directory(self) -> None:
        if self._detail is not None:
            self.copy(self._detail.experiment.run_dir)

    @on(FilePane.Chosen)
    def _file_chosen(self, message: FilePane.Chosen) -> None:
        from runicorn_tui.screens.file import FileScreen

        if self._detail is not None:
            self.app.push_screen(FileScreen(self._detail.experiment.run_dir, message.entry))

    # Workers of the app, as those of `UndoScreen`.

    def action_pin(self) -> None:
        """Pins it, or unpins it."""
        self.app.run_worker(self._pin(), group="pin")

    async def _pin(self) -> None:
        app, store, ids = self.app, self.app.store, (self._experiment_id,)
        with self.reporting(), app.doing(lambda: "pinning"):
            async with app.one_by_one:
                pinned = not (await app.ask(store.get, self._experiment_id)).experiment.is_pinned
                await app.ask(store.annotate, ids, pinned=pinned)
            self.say("Pinned" if pinned else "Unpinned")
            self.show_change()

    def action_watch(self) -> None:
        self.app.run_worker(self._watch(), group="watch")

    async def _watch(self) -> None:
        app = self.app
        with self.reporting(), app.doing(lambda: "watching"):
            async with app.one_by_one:
                chosen = await app.ask(app.store.snapshot_of, (self._experiment_id,))
                await app.first_screen.watch_chosen(chosen)

    @opening
    @work(group="export")
    async def action_export(self) -> None:
        from runicorn_tui.screens.export import Exportable, ExportScreen

        with self.reporting():
            current = await self.app.ask(self.app.store.snapshot_of, (self._experiment_id,))
            columns, none = self.app.first_screen.table.choice.shown, Snapshot()
            exportable = Exportable(marked=none, listed=none, current=current, columns=columns)
            self.app.push_screen(ExportScreen(exportable), self._exported)

    def _exported(self, sentence: str | None) -> None:
        if sentence is not None:
            self.say(sentence)

    @opening
    @work(group="tags", exclusive=True)
    async def action_tags(self) -> None:
        from runicorn_tui.screens.tags import TagsScreen

        with self.reporting():
            chosen = await self.app.ask(self.app.store.snapshot_of, (self._experiment_id,))
            self.app.push_screen(TagsScreen(chosen), self._tagged)

    def _tagged(self, tagged: Tagged | None) -> None:
        if tagged is not None:
            self.say(str(tagged), is_warning=tagged.problem is not None)
            self._annotated()

    def action_describe(self) -> None:
        from runicorn_tui.screens.description import DescriptionScreen

        def closed(is_saved: bool | None) -> None:
            if is_saved:
                self._annotated()

        self.app.push_screen(DescriptionScreen(self._experiment_id), closed)

    def _annotated(self) -> None:
        """Shows it here, and in the row of the list, which stays where it is."""
        self._read()
        self.app.first_screen.look_again(is_grown=False)

    @opening
    @work(group="delete", exclusive=True)
    async def action_delete(self) -> None:
        from runicorn_tui.screens.confirm import ConfirmDelete

        with self.reporting():
            chosen = await self.app.ask(self.app.store.snapshot_of, (self._experiment_id,))
            outcome = await self.app.push_screen_wait(ConfirmDelete(chosen, hidden=0, query=""))
        if outcome is None:
            return
        if outcome.problem is not None:
            self.show_problem(outcome.problem)
        elif outcome.moved:
            self.say(f"Moved to trash, {self.app.keymap.hint('undo')} undoes")
            self.dismiss(True)
        self.show_failures("not moved to the trash", outcome.failures)

    def restored_or_deleted(self) -> None:
        self._is_changed = True
        self._read()
