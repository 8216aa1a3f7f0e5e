"""Writes the table of a comparison to a file whose name is confirmed first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from runicorn_tui import keys
from runicorn_tui.comparison_text import FORMS, Form
from runicorn_tui.export.files import whole_file
from runicorn_tui.screens.choosing import choosing
from runicorn_tui.screens.naming_file import FileDialog
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput

_STEM = "comparison"


class FileInput(StillInput):
    """The name of the file."""


class WriteComparisonScreen(FileDialog):
    """Closes with a sentence about what was written. `content` makes a file of a form, in a thread."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("writing",)
    BINDINGS = keys.bindings("writing")
    AUTO_FOCUS = "FileInput"
    DEFAULT_CSS = """
    WriteComparisonScreen {
        & #write {
            width: 76;
            max-width: 100%;
            height: auto;
            background: $surface;
            border: round $frame;
        }
        & KeyBar { background: $surface; }
        & #write-forms, & #file-prompt { margin-top: 1; }
        & FileInput { height: 1; border: none; padding: 0 1; margin-top: 1; background: $panel; }
        & FileInput:focus { border: none; }
    }
    """

    def __init__(self, what: str, content: Callable[[Form], bytes]) -> None:
        super().__init__()
        self._what = what
        self._content = content
        self._form: Form = "csv"
        self._is_writing = False

    def compose(self) -> ComposeResult:
        with Vertical(id="write"):
            yield Line(id="write-what")
            yield Line(id="write-forms")
            yield FileInput(compact=True, select_on_focus=False)
            yield Line(id="file-prompt")
            yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#write-what", Line).show(Content.styled(f" Write {self._what}", "bold"))
        self._show_form()
        super().on_mount()

    def stem_and_suffix(self) -> tuple[str, str]:
        return _STEM, self._form

    def how_to_replace(self) -> str:
        return f"{self.app.keymap.hint('write')} again replaces it"

    def _show_form(self) -> None:
        said = [
            choosing(
                Content.styled(
                    f"{'●' if form == self._form else '○'} {title}   ", "" if form == self._form else "$text-muted"
                ),
                form,
            )
            for form, title in FORMS.items()
        ]
        self.query_one("#write-forms", Line).show(Content.assemble(" ", *said))
        self.query_one(KeyBar).show(
            [key for key in keys.of("writing") if key.in_footer], {"write": "replace"} if self.replaces else {}
        )

    @on(Input.Changed)
    def _renamed(self) -> None:
        self.replaces = None
        self.show_prompt("", "$foreground")
        self._show_form()

    async def action_form(self) -> None:
        forms = list(FORMS)
        await self.choose(forms[(forms.index(self._form) + 1) % len(forms)])

    async def choose(self, what: Form) -> None:
        self._form = what
        self._show_form()
        await self.propose()

    def action_cancel(self) -> None:
        # Left meanwhile, nobody would be told what came of it.
        if not self._is_writing:
            self.dismiss(None)

    @on(Input.Submitted)
    @work(group="write")
    async def action_write(self) -> None:
        if self._is_writing:
            return
        self._is_writing = True
        replaces = self.replaces is not None
        with self.reporting_file(), self.app.doing(lambda: "writing the comparison"):
            path = await self.destination(replaces=replaces)
            self._show_form()
            if path is not None:
                await self.app.ask(self._write, path, self._form, replaces)
                self.finish_with(path, self._what)
        self._is_writing = False

    def _write(self, path: Path, form: Form, replaces: bool) -> None:
        """In a thread."""
        with whole_file(path, replaces=replaces) as stream:
            stream.write(self._content(form))
