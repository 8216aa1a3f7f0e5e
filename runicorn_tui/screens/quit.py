"""Asked when one leaves while experiments are moved, restored or removed, or roots are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from runicorn_tui import keys
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.status_line import pressing

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

_LOOK_SECONDS = 0.25


class QuitScreen(ModalScreen[bool]):
    """Closes with whether to quit all the same; `app` closes it once nothing is at work any more."""

    DEFAULT_CSS = """
    QuitScreen {
        & #quit {
            width: 64; max-width: 100%; height: auto; max-height: 100%;
            background: $surface; border: round $warning; padding: 0 1;
        }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("quitting",)
    BINDINGS = keys.bindings("quitting")
    AUTO_FOCUS = ""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def __init__(self, going_on: Callable[[], Sequence[str]]) -> None:
        super().__init__()
        self._going_on = going_on

    def compose(self) -> ComposeResult:
        yield Static("", id="quit", markup=False)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_LOOK_SECONDS, self._draw)

    def on_screen_resume(self) -> None:
        # All may have ended while something lay over it.
        if not self._going_on():
            self.app.stop_asking()

    def _draw(self) -> None:
        hint = self.app.keymap.hint
        lines = [Content.styled(" Still at work: quits at its end", "bold"), Content("")]
        lines += [Content(f"  {safe(what)}") for what in self._going_on()]
        lines += [
            Content(""),
            Content.styled(" What is done stays done, the rest is left as it is.", "$text-muted"),
            Content.assemble(
                " ",
                pressing(hint("quit-anyway"), "quits after the part at hand", "bold $error"),
                "   ",
                pressing(hint("stay"), "stays"),
            ),
        ]
        self.query_one("#quit", Static).update(Content("\n").join(lines))

    def action_quit(self) -> None:
        self.dismiss(True)

    def action_stay(self) -> None:
        self.dismiss(False)
