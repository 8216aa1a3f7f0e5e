"""Picks one of many: letters narrow the list, enter takes the one under the cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar, cast

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

Row = TypeVar("Row")


class PickInput(StillInput):
    """A part of what to pick is called."""


class Picking(ModalScreen[Row | None], Generic[Row]):
    """Closes with what was picked."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("picking",)
    BINDINGS = keys.bindings("picking")
    AUTO_FOCUS = "PickInput"
    DEFAULT_CSS = """
    Picking {
        align: center middle;
        background: $background 60%;
        & #pick {
            width: 76;
            max-width: 100%;
            height: 80%;
            background: $surface;
            border: round $frame;
        }
        & LineTable, & KeyBar { background: $surface; }
        & PickInput { height: 1; border: none; padding: 0 1; background: $panel; }
        & PickInput:focus { border: none; }
    }
    """

    def __init__(self, question: str, *, text: str = "", placeholder: str = "part of a name") -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._placeholder = placeholder

    @abstractmethod
    def columns(self) -> Sequence[Column[Row]]:
        """How a row is shown."""

    @abstractmethod
    def found(self, text: str) -> Sequence[Row]:
        """What can be picked by this text, the likeliest first."""

    @abstractmethod
    def place(self, rows: Sequence[Row]) -> int:
        """Where the cursor begins among them."""

    @property
    def absent(self) -> str:
        """What is said when nothing is found."""
        return "None has that in its name"

    def compose(self) -> ComposeResult:
        with Vertical(id="pick"):
            yield Line(id="pick-question")
            yield PickInput(self._text, placeholder=self._placeholder, select_on_focus=False, compact=True)
            yield LineTable[Row](self.columns())
            yield KeyBar()

    def on_mount(self) -> None:
        # The letters that follow are meant for the input.
        self.table.can_focus = False
        self.query_one("#pick-question", Line).show(Content.styled(f" {self._question}", "bold $primary"))
        self.query_one(KeyBar).show([key for key in keys.of("picking") if key.in_footer])
        self._list()

    @property
    def table(self) -> LineTable[Row]:
        return cast("LineTable[Row]", self.query_one(LineTable))

    @on(Input.Changed)
    def _list(self) -> None:
        found = self.found(self.query_one(PickInput).value)
        self.table.empty = (self.absent,)
        self.table.show(RowList(found), self.place(found))

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


class PickScreen(Picking[str]):
    """Closes with the name that was picked. `question` says what it is for."""

    def __init__(self, question: str, names: Sequence[str], current: str | None = None) -> None:
        super().__init__(question)
        self._names = names
        self._current = current

    def show_names(self, names: Sequence[str]) -> None:
        """Other names to pick from, read meanwhile."""
        self._names = names
        if self.is_mounted and self.is_current:
            self._list()

    def columns(self) -> Sequence[Column[str]]:
        return [Column(id="name", title="", width=10, grow=80, rank=0, text=lambda name: name)]

    def found(self, text: str) -> Sequence[str]:
        return matching(self._names, text)

    def place(self, rows: Sequence[str]) -> int:
        current = self.table.current or self._current
        return rows.index(current) if current in rows else 0
