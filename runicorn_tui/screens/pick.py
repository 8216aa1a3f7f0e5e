"""Picks one of many names: letters narrow the list, enter takes the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from runicorn_tui import keys
from runicorn_tui.chart_text import matching
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput


class PickInput(StillInput):
    """A part of the name to pick."""


class PickScreen(ModalScreen[str | None]):
    """Closes with the name that was picked. `question` says what it is for."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("picking",)
    BINDINGS = keys.bindings("picking")
    AUTO_FOCUS = "PickInput"
    DEFAULT_CSS = """
    PickScreen {
        align: center middle;
        background: $background 60%;
        & #pick {
            width: 76;
            max-width: 100%;
            height: 80%;
            background: $surface;
            border: round $panel-lighten-3;
        }
        & LineTable, & KeyBar { background: $surface; }
        & PickInput { height: 1; border: none; padding: 0 1; background: $panel; }
        & PickInput:focus { border: none; }
    }
    """

    def __init__(self, question: str, names: Sequence[str], current: str | None = None) -> None:
        super().__init__()
        self._question = question
        self._names = names
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical(id="pick"):
            yield Line(id="pick-question")
            yield PickInput(placeholder="part of a name", compact=True)
            yield LineTable[str]([Column(id="name", title="", width=10, grow=80, rank=0, text=lambda name: name)])
            yield KeyBar()

    def on_mount(self) -> None:
        # The letters that follow are meant for the input.
        self.table.can_focus = False
        self.table.empty = ("None has that in its name",)
        self.query_one("#pick-question", Line).show(Content.styled(f" {self._question}", "bold $primary"))
        self.query_one(KeyBar).show([key for key in keys.of("picking") if key.in_footer])
        self._list()

    @property
    def table(self) -> LineTable[str]:
        return cast("LineTable[str]", self.query_one(LineTable))

    @on(Input.Changed)
    def _list(self) -> None:
        found = matching(self._names, self.query_one(PickInput).value)
        current = self.table.current or self._current
        self.table.show(RowList(found), found.index(current) if current in found else 0)

    async def action_move(self, by: int) -> None:
        await self.table.action_move(by)

    async def action_page(self, by: int) -> None:
        await self.table.action_page(by)

    @on(Input.Submitted)
    @on(LineTable.Chosen)
    def action_pick(self) -> None:
        if self.table.current is not None:
            self.dismiss(self.table.current)

    def action_cancel(self) -> None:
        self.dismiss(None)
