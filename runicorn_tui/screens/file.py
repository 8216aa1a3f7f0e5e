"""One file of an experiment, to look at."""

from __future__ import annotations

import os
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content

from runicorn_db.sources.files import Unreadable
from runicorn_tui import format, keys
from runicorn_tui.file_list import FileEntry
from runicorn_tui.file_text import lines_of, reason
from runicorn_tui.screens import BrowserScreen
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.file_pane import shown_path
from runicorn_tui.widgets.log_pane import LogPane
from runicorn_tui.widgets.status_line import KeyBar, Line

_LIVE_SECONDS = 1.0


class FileScreen(BrowserScreen[None]):
    """The lines of a file as a log, while it grows too."""

    DEFAULT_CSS = """
    FileScreen {
        layout: vertical;
        & #file-title { height: 1; background: $panel; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("log", "file", "table", "app")
    BINDINGS = keys.bindings("file")
    AUTO_FOCUS = "#log-lines"

    def __init__(self, run_dir: str, entry: FileEntry) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._entry = entry

    def compose(self) -> ComposeResult:
        yield Line(id="file-title")
        yield LogPane(id="log")
        yield Line(id="problem")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(KeyBar).show([key for key in keys.of("log", "file", "app") if key.in_footer])
        self._show_title("")
        self._read()
        self.set_interval(_LIVE_SECONDS, self.query_one(LogPane).log_view.reload)

    @work
    async def _read(self) -> None:
        try:
            lines, remark = await self.app.ask(lines_of, self._run_dir, self._entry.path)
        except Unreadable as error:
            self.query_one(LogPane).log_view.say(reason(error))
            return
        self._show_title(remark)
        self.query_one(LogPane).open(lines)

    def _show_title(self, remark: str) -> None:
        self.query_one("#file-title", Line).show(
            Content.assemble(
                " ",
                Content.styled(safe(shown_path(self._entry.path)), "bold $primary"),
                Content.styled(f"  {safe(remark)}", "$text-muted"),
            ),
            Content.styled(f"{format.size(self._entry.size)} ", "$text-muted"),
        )

    def action_copy(self) -> None:
        self.copy(f"{self._run_dir}/{os.fsdecode(self._entry.path)}")

    def action_back(self) -> None:
        self.dismiss()
