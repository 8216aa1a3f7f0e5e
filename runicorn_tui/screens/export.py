"""Writes experiments or their series to a file: what, how, where, and how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from runicorn_db.named_values import NamedValue
from runicorn_db.query import Snapshot
from runicorn_tui import format, keys
from runicorn_tui.export import FORMATS, Format
from runicorn_tui.export.formats import NO_PARQUET, TITLES, has_parquet
from runicorn_tui.export.tables import ExperimentTable, SeriesTable, Table
from runicorn_tui.export.writing import Progress, Writing, summary, to_file
from runicorn_tui.progress import bar
from runicorn_tui.screens import LOW_BELOW
from runicorn_tui.screens.choosing import choosing
from runicorn_tui.screens.naming_file import FileDialog
from runicorn_tui.terminal import Drawn
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput

What = Literal["marked", "listed", "current"]
Rows = Literal["experiments", "series"]
Columns = Literal["shown", "all"]
Turn = Literal["what", "rows", "columns", "format"]

_TITLES_OF_WHAT: dict[What, str] = {
    "marked": "marked",
    "listed": "all that match",
    "current": "this one",
}
_TURNS: tuple[Turn, ...] = get_args(Turn)
_STEP_SECONDS = 0.15
_NARROW_BELOW = 72
"""With fewer columns only what is chosen has room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """What there is to choose from, each in the order it is to be written in."""

    marked: Snapshot
    listed: Snapshot
    current: Snapshot
    columns: Sequence[str | NamedValue]
    """Those that the list shows."""


class NameInput(StillInput):
    """Leaving it goes back to the dialog: no key in here writes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,tab,down,up", "leave", show=False)]

    def action_leave(self) -> None:
        self.screen.set_focus(None)


class ExportScreen(FileDialog):
    """Closes with a sentence about what was written."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("export",)
    BINDINGS = keys.bindings("export")
    AUTO_FOCUS = ""

    def __init__(self, exportable: Exportable) -> None:
        super().__init__()
        self._snapshots: dict[What, Snapshot] = {
            "marked": exportable.marked,
            "listed": exportable.listed,
            "current": exportable.current,
        }
        self._shown = exportable.columns
        self._offered: dict[Turn, Sequence[str]] = {
            "what": [what for what, snapshot in self._snapshots.items() if len(snapshot)],
            "rows": ("experiments", "series"),
            "columns": ("shown", "all"),
            "format": FORMATS,
        }
        self._at: dict[Turn, int] = dict.fromkeys(self._offered, 0)
        self._is_writing = False
        self._is_called_off = False
        self._progress = Progress(total=0)

    def compose(self) -> ComposeResult:
        with Vertical(id="export"):
            yield Static("", id="export-body", markup=False)
            with Horizontal(id="export-name-row"):
                yield Static(
                    Content.assemble(" ", (self.app.keymap.hint("export-name"), "bold $primary"), " file"),
                    id="export-name-label",
                )
                yield NameInput(compact=True, id="export-name", select_on_focus=False)
            yield Line(id="file-prompt")
            yield KeyBar()

    def on_mount(self) -> None:
        self._draw()
        super().on_mount()

    # What is chosen.

    def _chosen(self, turn: Turn) -> str:
        return self._offered[turn][self._at[turn]] if self._offered[turn] else ""

    @property
    def _format(self) -> Format:
        return FORMATS[self._at["format"]]

    @property
    def _snapshot(self) -> Snapshot:
        return next((s for what, s in self._snapshots.items() if what == self._chosen("what")), Snapshot())

    def _draw(self) -> None:
        counted = {
            what: f"{_TITLES_OF_WHAT[what]} ({len(snapshot):,})" if what != "current" else _TITLES_OF_WHAT[what]
            for what, snapshot in self._snapshots.items()
        }
        titles: dict[str, str] = {
            **counted,
            "experiments": "one an experiment",
            "series": "one a step: metric series",
            "shown": f"shown ({len(self._shown)}) and id",
            "all": "all, with metrics and parameters",
            **TITLES,
        }
        title = f" Export {format.plural(len(self._snapshot), 'experiment')}"
        lines = [Content.styled(title, "bold"), *([] if self.app.size.height < LOW_BELOW else [Content("")])]
        lines += [self._choice(turn, titles) for turn in _TURNS]
        self.query_one("#export-body", Static).update(Content("\n").join(lines))
        self._show_keys()

    def _choice(self, turn: Turn, titles: dict[str, str]) -> Content:
        key = self.app.keymap.hint(f"export-{turn}")
        row = Content.assemble(" ", (key, "bold $primary"), (f" {turn:<10}", "$text-muted"))
        if turn == "columns" and self._chosen("rows") == "series":
            return Content.assemble(row, ("every metric that any of them has", "$text-muted"))
        is_narrow = self.app.size.width < _NARROW_BELOW
        for place, value in enumerate(self._offered[turn]):
            is_chosen = place == self._at[turn]
            if is_narrow and not is_chosen:
                continue
            text = f"{'●' if is_chosen else '○'} {titles[value]}   "
            choice = Content.styled(text, "$foreground" if is_chosen else "$text-muted")
            row = Content.assemble(row, choosing(choice, (turn, place)))
        return row

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _show_keys(self) -> None:
        if self._is_writing:
            rows, labels = ["export-cancel"], {"export-cancel": "stop"}
        elif self.replaces is not None:
            rows, labels = ["export-replace", "export-cancel"], {"export-cancel": "go back"}
        else:
            rows, labels = [key.id for key in keys.of("export") if key.in_footer], {"export-cancel": "cancel"}
        self.query_one(KeyBar).show([key for key in keys.of("export") if key.id in rows], labels)

    def stem_and_suffix(self) -> tuple[str, str]:
        return self._chosen("rows"), self._format

    def how_to_replace(self) -> str:
        return f"{self.app.keymap.hint('export-replace')} replaces it"

    # What the keys do.

    async def choose(self, what: tuple[Turn, int]) -> None:
        await self._choose(*what)

    async def action_turn(self, turn: Turn) -> None:
        await self._choose(turn, (self._at[turn] + 1) % max(1, len(self._offered[turn])))

    async def _choose(self, turn: Turn, place: int) -> None:
        if self._is_writing:
            return
        self._at[turn] = place
        self._draw()
        self._begin_again()
        await self.propose()

    def action_name(self) -> None:
        if not self._is_writing:
            self._begin_again()
            self.set_focus(self.query_one(NameInput))

    @on(Input.Changed)
    def _begin_again(self) -> None:
        """Nothing was asked yet about what is chosen now."""
        if not self._is_writing:
            self.replaces = None
            is_missing = self._format == "parquet" and not has_parquet()
            self.show_prompt(NO_PARQUET if is_missing else "", "$warning")
            self._show_keys()

    def action_cancel(self) -> None:
        if self._is_writing:
            self._is_called_off = True
        elif self.replaces is not None:
            self._begin_again()
        else:
            self.dismiss(None)

    def action_quit(self) -> None:
        """`q` closes the dialog, and asks while it writes."""
        if self._is_writing:
            self.app.ask_to_quit()
        else:
            self.action_cancel()

    def action_write(self) -> None:
        if not self._is_writing and self.replaces is None:
            self._is_writing = True
            self._write(replaces=False)

    def action_replace(self) -> None:
        if not self._is_writing and self.replaces is not None:
            self._is_writing = True
            self._write(replaces=True)

    # Writing.

    def _doing(self) -> str:
        at = self._progress
        return f"exporting: {at.done:,} of {at.total:,} experiments; a part is not kept"

    @work(group="export")
    async def _write(self, *, replaces: bool) -> None:
        self.replaces = None
        self._progress = Progress(total=len(self._snapshot))
        self._show_keys()
        with self.reporting_file(), self.app.doing(self._doing):
            path = await self.destination(replaces=replaces)
            if path is not None:
                self.show_prompt(Drawn("looking at what there is…"), "$accent")
                await self._written(path, await self.app.ask(self._table), replaces=replaces)
        self._is_writing = self._is_called_off = False
        self._show_keys()

    def _table(self) -> Table:
        """In a thread: looks up which columns there are."""
        if self._chosen("rows") == "series":
            return SeriesTable(self.app.store, self._snapshot)
        columns = None if self._chosen("columns") == "all" else ("id", *self._shown)
        return ExperimentTable(self.app.store, self._snapshot, columns)

    async def _written(self, path: Path, table: Table, *, replaces: bool) -> None:
        writing = Writing(to_file(table, self._format, path, replaces=replaces))
        try:
            while not writing.is_done and not self._is_called_off:
                self._progress = at = await self.app.ask(writing.advance, _STEP_SECONDS) or self._progress
                self.show_prompt(f"{bar(at.done, at.total)}   {at.rows:,} rows", "$accent")
        finally:
            # Not by the threads of the app: when it ends they are gone before this.
            await asyncio.to_thread(writing.close)
        if writing.is_done:
            self.finish_with(path, summary(self._progress))
        else:
            self.show_prompt("Stopped: nothing was written.", "$warning")
