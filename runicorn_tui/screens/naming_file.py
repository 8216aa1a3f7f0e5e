"""Dialogs that write a file: a name is proposed, and what is there already is replaced only when that is wanted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from textual.content import Content

from runicorn_db.errors import StoreError
from runicorn_tui.export import ExportError
from runicorn_tui.export.files import checked, proposed
from runicorn_tui.screens.choosing import Choosing
from runicorn_tui.screens.dialog import ClosingItself
from runicorn_tui.terminal import harmless, safe
from runicorn_tui.widgets.status_line import Line
from runicorn_tui.widgets.still_input import StillInput


class FileDialog(Choosing[str | None], ClosingItself[str | None]):
    """A dialog with a `StillInput` for the name and a line `#file-prompt`; closes with a sentence about the file."""

    def __init__(self) -> None:
        super().__init__()
        self._proposed = ""
        self.replaces: Path | None = None
        """The file of which it was asked whether it is to be replaced."""

    @abstractmethod
    def stem_and_suffix(self) -> tuple[str, str]:
        """Of a file name that goes with what is chosen."""

    @abstractmethod
    def how_to_replace(self) -> str:
        """`y replaces it`"""

    @property
    def name_input(self) -> StillInput:
        return self.query_one(StillInput)

    def show_prompt(self, text: str, style: str) -> None:
        self.query_one("#file-prompt", Line).show(Content.assemble(" ", (safe(text), style)))

    def on_mount(self) -> None:
        self.run_worker(self.propose(), group="propose")

    async def propose(self) -> None:
        """A name that goes with what is chosen, unless the person wrote another."""
        name = self.name_input
        if name.value != self._proposed:
            return
        with self.reporting_file():
            roots = await self.app.ask(self.app.store.root_names)
            fresh = harmless(await self.app.ask(proposed, *self.stem_and_suffix(), roots))
            if name.value == self._proposed:
                name.value = self._proposed = fresh
                name.action_end()

    async def destination(self, *, replaces: bool) -> Path | None:
        """The file that was named, unless it is there and not to be replaced, which is asked then.

        Raises ExportError, StoreError, OSError.
        """
        ask = self.app.ask
        path = await ask(checked, self.name_input.value, await ask(self.app.store.root_names))
        if replaces or not await ask(path.exists):
            return path
        self.replaces = path
        self.app.stay_open()
        self.show_prompt(f"{path} is there already: {self.how_to_replace()}", "$warning")
        return None

    @contextmanager
    def reporting_file(self) -> Generator[None]:
        """Says why a file cannot be written."""
        typed = self.name_input.value
        try:
            yield
        except (ExportError, StoreError) as error:
            self.show_prompt(str(error), "$error")
        except OSError as error:
            self.show_prompt(f"{error.filename or typed}: {error.strerror or error}", "$error")

    def finish_with(self, path: Path, what: str) -> None:
        """Closes with where the file is and what is in it."""
        self.finish(f"{path.absolute()}: {what}")
