"""What the list shows, as a command line to use elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from runicorn_tui import keys
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.status_line import pressing

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp


class QueryTextScreen(ModalScreen[None]):
    """`text` as it was copied, and what should be known about it."""

    DEFAULT_CSS = """
    QueryTextScreen {
        & #query {
            width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
            background: $surface; border: round $frame;
            scrollbar-size-vertical: 1;
        }
        & #query-text { height: auto; width: 1fr; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("help",)
    BINDINGS = keys.bindings("help")

    def __init__(self, title: str, text: str, notes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._notes = notes

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def compose(self) -> ComposeResult:
        closes = self.app.keymap.hint("help-close")
        lines = [
            Content.styled(self._title, "bold $primary"),
            Content(""),
            Content(safe(self._text)),
            Content(""),
            *(Content.styled(safe(note), "$accent") for note in self._notes),
            Content.assemble(
                ("Copied, where the terminal lets programs copy (OSC 52). ", "$text-muted"),
                pressing(closes, Content.styled("closes", "$text-muted"), "$text-muted"),
            ),
        ]
        with VerticalScroll(id="query"):
            yield Static(Content("\n").join(lines), id="query-text", markup=False)

    def on_mount(self) -> None:
        self.app.copy_to_clipboard(self._text)

    def action_close(self) -> None:
        self.dismiss()
