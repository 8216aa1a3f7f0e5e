"""The filters that are kept under a name: use one, keep the current one, rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from runicorn_tui import keys
from runicorn_tui.saved_filters import is_name
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable, RowList
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

_NAMES = "letters, digits and _ . + -, at most 64"


class SavedTable(LineTable[tuple[str, str]]):
    """Names and filters."""

    def __init__(self) -> None:
        columns: list[Column[tuple[str, str]]] = [
            Column(id="name", title="name", width=16, rank=0, text=lambda pair: f"@{pair[0]}"),
            Column(id="filter", title="filter", width=20, grow=200, rank=0, text=lambda pair: pair[1], tone="muted"),
        ]
        super().__init__(columns, id="saved-list")


class NameInput(StillInput):
    """Hidden until a name is asked for."""

    BINDINGS = keys.bindings("naming")

    class Named(Message):
        """The person wants the filter kept under what was typed."""

    class Cancelled(Message):
        """The person wants no name."""

    def action_done(self) -> None:
        self.post_message(self.Named())

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())


class SavedFiltersScreen(ModalScreen[str | None]):
    """Answers with the text of the filter to use.

    `current` is the one that can be kept, `problem` says why it cannot.
    """

    DEFAULT_CSS = """
    SavedFiltersScreen {
        & #saved {
            width: 76; max-width: 100%; height: 60%; min-height: 10; max-height: 100%;
            background: $surface; border: round $frame;
        }
        & SavedTable { background: $surface; }
        & #saved-name { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
        & #saved-name:focus { border: none; background: $cursor-blurred; }
        & #saved-name > .input--placeholder { color: $text-muted; }
        & KeyBar { background: $surface; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("saved", "naming", "table")
    BINDINGS = keys.bindings("saved")
    AUTO_FOCUS = "SavedTable"

    def __init__(self, current: str, *, problem: str = "") -> None:
        super().__init__()
        self._current = current
        self._problem = problem
        self._saved: dict[str, str] = {}
        self._renamed: str | None = None
        self._deleted: tuple[str, str] | None = None
        self._replaces = ""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    @property
    def table(self) -> SavedTable:
        return self.query_one(SavedTable)

    @property
    def input(self) -> NameInput:
        return self.query_one(NameInput)

    def compose(self) -> ComposeResult:
        with Vertical(id="saved"):
            yield SavedTable()
            yield NameInput(compact=True, id="saved-name", placeholder=f"a name: {_NAMES}")
            yield Line(id="saved-said")
            yield KeyBar()

    def on_mount(self) -> None:
        self.table.empty = (
            "no filter is saved yet",
            f"{self.app.keymap.hint('saved-save')} saves the current one under a name",
        )
        self._show_keys()
        self.app.wait_for(self._read())

    @work(group="saved")
    async def _read(self) -> None:
        if self.app.memory is not None:
            self._show(await self.app.ask(self.app.memory.saved_filters))

    def _show(self, saved: dict[str, str], at: str | None = None) -> None:
        self._saved = saved
        if self.app.memory is not None:
            self.app.memory.state.saved_filters = saved
        rows = sorted(saved.items())
        names = [name for name, _ in rows]
        self.table.show(RowList(rows), names.index(at) if at in names else self.table.cursor)

    def _change(self, changes: dict[str, str | None], at: str | None = None) -> None:
        """Keeps these, without those that are None."""
        self.app.remember(saved_filters=changes)
        self._show({name: text for name, text in (self._saved | changes).items() if text is not None}, at)

    def _say(self, text: str = "", style: str = "$text-muted") -> None:
        self.query_one("#saved-said", Line).show(Content.assemble(" ", (safe(text), style)))

    def on_descendant_focus(self) -> None:
        self._show_keys()

    def _show_keys(self) -> None:
        scope: keys.Scope = "naming" if isinstance(self.focused, NameInput) else "saved"
        self.query_one(KeyBar).show([key for key in keys.of(scope) if key.in_footer])

    # What the keys do.

    @on(LineTable.Chosen)
    def action_use(self) -> None:
        if (row := self.table.current) is not None:
            self.dismiss(row[1])

    def action_save(self) -> None:
        if self.app.memory is None:
            self._say("This browser remembers nothing, so it keeps no filter.", "$warning")
        elif self._problem or not self._current.strip():
            self._say(self._problem or "There is no filter now: type one after /, then save it here.", "$warning")
        else:
            self._renamed = None
            self._ask_name("")
            self._say(f"keeps {self._current}")

    def action_rename(self) -> None:
        if (row := self.table.current) is not None:
            self._renamed = row[0]
            self._ask_name(row[0])
            self._say(f"renames @{row[0]}")

    def _ask_name(self, name: str) -> None:
        self._replaces = ""
        self.input.value = name
        self.input.display = True
        self.input.action_end()
        self.set_focus(self.input)

    def action_delete(self) -> None:
        if (row := self.table.current) is not None:
            self._deleted = row
            self._change({row[0]: None})
            self._say(f"@{row[0]} is deleted, {self.app.keymap.hint('saved-undo')} brings it back")

    def action_undo(self) -> None:
        if self._deleted is not None:
            (name, text), self._deleted = self._deleted, None
            self._change({name: text}, name)
            self._say(f"@{name} is back")

    def action_close(self) -> None:
        self.dismiss(None)

    # The name.

    @on(NameInput.Cancelled)
    def _close_name(self) -> None:
        self.input.display = False
        self.set_focus(self.table)
        self._say()

    @on(NameInput.Named)
    def _named(self) -> None:
        name = self.input.value.strip().removeprefix("@")
        if not is_name(name):
            self._say(f"a name is {_NAMES}", "$warning")
        elif name in self._saved and name not in (self._renamed, self._replaces):
            self._replaces = name
            self._say(f"@{name} is there already: {self.app.keymap.hint('name-done')} again replaces it", "$warning")
        else:
            self._close_name()
            self._keep(name)

    def _keep(self, name: str) -> None:
        if self._renamed is None:
            self._change({name: self._current}, name)
            self._say(f"saved: runicorn-tui ls @{name}")
        else:
            text = self._saved[self._renamed]
            self._change({self._renamed: None, name: text}, name)
            self._say(f"@{self._renamed} is @{name} now")
