"""The screens, and what those that ask the store have in common."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import Screen, ScreenResultType

from runicorn_db.errors import Interrupted, StoreError
from runicorn_tui.terminal import harmless, safe
from runicorn_tui.widgets.status_line import Line

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp


LOW_BELOW = 16
"""With fewer lines dialogs leave out what only separates."""


class BrowserScreen(Screen[ScreenResultType]):
    """A screen of the browser with a line `#problem`."""

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    @contextmanager
    def reporting(self) -> Generator[None]:
        """Shows what the store could not do; what is on screen stays."""
        try:
            yield
        except Interrupted:
            return
        except StoreError as error:
            self.show_problem(str(error))

    def show_problem(self, reason: str) -> None:
        """One line with the cause."""
        line = self.query_one("#problem", Line)
        line.show(Content.assemble(" ", safe(reason)), Content(f"{self.app.keymap.hint('reload')} retries "))
        line.display = True

    def clear_problem(self) -> None:
        """What was wrong went well now."""
        self.query_one("#problem", Line).display = False

    def copy(self, text: str) -> None:
        """To the clipboard of the terminal, if it lets us; shown too, for those that do not."""
        copied = harmless(text)
        self.app.copy_to_clipboard(copied)
        self.say(f"Copied {copied}")

    def say(self, text: str, *, is_warning: bool = False) -> None:
        """A short notice that goes away by itself."""
        self.notify(safe(text), severity="warning" if is_warning else "information", markup=False)
