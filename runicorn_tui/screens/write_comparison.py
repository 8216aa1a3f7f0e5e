"""Writes the table of a comparison to a file whose name is confirmed first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from runicorn_db.errors import StoreError
from runicorn_tui import keys
from runicorn_tui.comparison_text import FORMS, Form
from runicorn_tui.export import ExportError
from runicorn_tui.export.files import checked, proposed, whole_file
from runicorn_tui.screens.choosing import Choosing, choosing
from runicorn_tui.terminal import harmless, safe
from runicorn_tui.widgets.status_line import KeyBar, Line
from runicorn_tui.widgets.still_input import StillInput

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

_STEM = "comparison"


class FileInput(StillInput):
    """The name of the file."""


class WriteComparisonScreen(Choosing[str | None]):
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
        & #write-forms, & #write-prompt { margin-top: 1; }
        & FileInput { height: 1; border: none; padding: 0 1; margin-top: 1; background: $panel; }
        & FileInput:focus { border: none; }
    }
    """

    def __init__(self, what: str, content: Callable[[Form], bytes]) -> None:
        super().__init__()
        self._what = what
        self._content = content
        self._form: Form = "csv"
        self._proposed = ""
        self._roots: dict[str, str] = {}
        self._replaces: Path | None = None

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def compose(self) -> ComposeResult:
        with Vertical(id="write"):
            yield Line(id="write-what")
            yield Line(id="write-forms")
            yield FileInput(compact=True, select_on_focus=False)
            yield Line(id="write-prompt")
            yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#write-what", Line).show(Content.styled(f" Write {self._what}", "bold"))
        self._show_form()
        self._look()

    @work(group="roots")
    async def _look(self) -> None:
        try:
            self._roots = await self.app.ask(self.app.store.root_names)
            await self._propose()
        except (StoreError, OSError) as error:
            self._tell(str(error), "$error")

    async def _propose(self) -> None:
        """A name that goes with the form, unless the person wrote another."""
        name = self.query_one(FileInput)
        if name.value == self._proposed:
            self._proposed = harmless(await self.app.ask(proposed, _STEM, self._form, self._roots))
            name.value = self._proposed
            name.action_end()

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
            [key for key in keys.of("writing") if key.in_footer], {"write": "replace"} if self._replaces else {}
        )

    def _tell(self, text: str, style: str) -> None:
        self.query_one("#write-prompt", Line).show(Content.assemble(" ", (safe(text), style)))

    @on(Input.Changed)
    def _renamed(self) -> None:
        self._replaces = None
        self._tell("", "$foreground")
        self._show_form()

    async def action_form(self) -> None:
        forms = list(FORMS)
        await self.choose(forms[(forms.index(self._form) + 1) % len(forms)])

    async def choose(self, what: Form) -> None:
        self._form = what
        self._show_form()
        await self._propose()

    def action_cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    @work(group="write", exclusive=True)
    async def action_write(self) -> None:
        typed = self.query_one(FileInput).value
        try:
            path = await self.app.ask(checked, typed, self._roots)
            replaces = path == self._replaces
            if not replaces and await self.app.ask(path.exists):
                self._replaces = path
                self._tell(f"{path} is there already: {self.app.keymap.hint('write')} again replaces it", "$warning")
                self._show_form()
                return
            await self.app.ask(self._write, path, self._form, replaces)
        except (ExportError, StoreError) as error:
            self._tell(str(error), "$error")
        except OSError as error:
            self._tell(f"{error.filename or typed}: {error.strerror or error}", "$error")
        else:
            self.dismiss(f"{path}: {self._what}")

    def _write(self, path: Path, form: Form, replaces: bool) -> None:
        """In a thread."""
        with whole_file(path, replaces=replaces) as stream:
            stream.write(self._content(form))
