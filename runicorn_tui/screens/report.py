"""Lists to be read: what was not changed and why, and the journal of what was removed for good."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from runicorn_db.outcomes import PurgeRecord
from runicorn_tui import format, keys
from runicorn_tui.acts import Failure
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import Drawn, safe
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line, StatusLine

Row = TypeVar("Row")

SOURCES = {"tui": "terminal", "api": "REST", "cli": "command", "runicorn": "Runicorn"}
"""The doors that experiments are deleted through, in words."""

MOST_RECORDS = 10_000
_LOW = 14


class ReportScreen(BrowserScreen[None], Generic[Row]):
    """A title, a list, and all of the line under the cursor below it."""

    DEFAULT_CSS = """
    ReportScreen {
        & #report-title { background: $panel; }
        & #report-detail { height: auto; max-height: 5; padding: 0 1; background: $surface; }
        & #problem { display: none; background: $problem; color: $error; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("report", "table", "app")
    BINDINGS = keys.bindings("report")
    AUTO_FOCUS = "LineTable"

    def compose(self) -> ComposeResult:
        yield Line(id="report-title")
        yield LineTable[Row](self.columns(), gutter=1)
        yield Static("", id="report-detail", markup=False)
        yield Line(id="problem")
        yield StatusLine()
        yield KeyBar()

    @abstractmethod
    def columns(self) -> Sequence[Column[Row]]: ...

    @abstractmethod
    def detail(self, row: Row) -> Content:
        """All of a line, however long."""

    @property
    def table(self) -> LineTable[Row]:
        return cast("LineTable[Row]", self.query_one(LineTable))

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([key for key in keys.of("report", "app") if key.in_footer])

    def show(self, title: str, rows: Sequence[Row]) -> None:
        self.query_one("#report-title", Line).show(Content.assemble(" ", (title, "bold $primary")))
        self.table.show(RowList(rows))

    def on_resize(self) -> None:
        self.query_one("#report-detail").display = self.app.size.height >= _LOW

    @on(LineTable.Moved)
    def _moved(self) -> None:
        self.query_one(StatusLine).show_position(self.table.cursor, len(self.table.rows))
        row = self.table.current
        self.query_one("#report-detail", Static).update(Content("") if row is None else self.detail(row))

    @on(LineTable.Chosen)
    def action_back(self) -> None:
        self.dismiss()


class FailuresScreen(ReportScreen[Failure]):
    """What was not changed, and why."""

    def __init__(self, title: str, failures: Sequence[Failure]) -> None:
        super().__init__()
        self._title = title
        self._failures = failures

    def columns(self) -> Sequence[Column[Failure]]:
        return [
            Column(id="name", title="name", width=12, grow=20, rank=1, text=lambda f: format.text(f.name)),
            Column(id="id", title="id", width=22, rank=2, text=lambda f: format.text(f.id), tone="muted"),
            Column(id="reason", title="reason", width=16, grow=80, rank=0, text=lambda f: f.reason, tone="bad"),
        ]

    def on_mount(self) -> None:
        super().on_mount()
        self.show(self._title, self._failures)

    def detail(self, row: Failure) -> Content:
        return Content.assemble(safe(row.name), ("  " + safe(row.id), "$text-muted"), "\n", safe(row.reason))


class JournalScreen(ReportScreen[PurgeRecord]):
    """What was removed for good, the newest first."""

    def columns(self) -> Sequence[Column[PurgeRecord]]:
        return record_columns(self.app.clock)

    def on_mount(self) -> None:
        super().on_mount()
        self.table.empty = (Drawn("Reading the journal…"),)
        self.app.wait_for(self._read())

    def show_problem(self, reason: str) -> None:
        super().show_problem(reason)
        # It is not being read any more.
        self.table.empty = ()

    @work(group="read")
    async def _read(self) -> None:
        with self.reporting():
            found = await self.app.ask(self.app.store.purges, MOST_RECORDS)
            purge = f"{self.app.keymap.hint('purge')} in the trash removes for good"
            self.table.empty = ("Nothing was removed from disk yet.", "", purge)
            freed = format.size(sum(record.size_bytes for record in found))
            latest = "the latest " if len(found) == MOST_RECORDS else ""
            self.show(f"removed for good: {latest}{format.plural(len(found), 'record')}, {freed}", found)

    def detail(self, row: PurgeRecord) -> Content:
        what = "all of it" if row.pattern is None else f"what matches {row.pattern}"
        facts = f"{safe(row.id)}  {safe(what)}  {format.plural(row.file_count, 'file')}"
        facts += f", {format.size(row.size_bytes)}  by {safe(row.user)}, {SOURCES.get(row.source, safe(row.source))}"
        problem = "" if row.problem is None else f"\n{safe(row.problem)}"
        return Content.assemble(safe(row.path), ("\n" + facts, "$text-muted"), (problem, "$error"))


def record_columns(clock: Callable[[], float]) -> list[Column[PurgeRecord]]:
    def state(record: PurgeRecord) -> str:
        return Drawn("✓ removed" if record.problem is None else f"✗ {safe(record.problem)}")

    return [
        Column(id="when", title="removed", width=16, rank=1, text=lambda r: format.when(r.purged_at)),
        Column(id="age", title="age", width=5, rank=6, is_right=True, text=lambda r: format.age(clock() - r.purged_at)),
        Column(id="size", title="size", width=7, rank=3, is_right=True, text=lambda r: format.size(r.size_bytes)),
        Column(
            id="files",
            title="files",
            width=7,
            rank=5,
            is_right=True,
            text=lambda r: format.count(r.file_count),
            tone="muted",
        ),
        Column(
            id="by", title="by", width=8, grow=8, rank=4, text=lambda r: f"{r.user} {SOURCES.get(r.source, r.source)}"
        ),
        Column(
            id="state",
            title="state",
            width=10,
            grow=10,
            rank=2,
            text=state,
            tone=lambda r: "muted" if r.problem is None else "bad",
        ),
        Column(id="path", title="path", width=16, grow=80, rank=0, text=lambda r: r.path),
    ]
