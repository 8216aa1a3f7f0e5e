"""The description of one experiment, to be written."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import TextArea

from runicorn_db.errors import StoreError
from runicorn_db.outcomes import AnnotatePreview
from runicorn_db.query import Experiment
from runicorn_tui import keys
from runicorn_tui.screens.dialog import ClosingItself
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.description_area import DescriptionArea, safe_lines
from runicorn_tui.widgets.status_line import KeyBar, Line


class DescriptionScreen(ClosingItself[bool]):
    """Closes with whether the description was saved."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("describing",)
    BINDINGS = keys.bindings("describing")
    AUTO_FOCUS = "DescriptionArea"

    def __init__(self, experiment_id: str) -> None:
        super().__init__()
        self._experiment_id = experiment_id
        self._before: str | None = None
        self._is_saving = False

    @property
    def area(self) -> DescriptionArea:
        return self.query_one(DescriptionArea)

    def compose(self) -> ComposeResult:
        with Vertical(id="description"):
            yield Line(id="description-title")
            area = DescriptionArea(id="description-text")
            area.read_only = True
            yield area
            yield Line(id="description-prompt")
            yield KeyBar()

    def on_mount(self) -> None:
        self._show_keys()
        # What is typed meanwhile is a part of the description.
        self.app.wait_for(self._read())

    @work(group="description")
    async def _read(self) -> None:
        ask, store = self.app.ask, self.app.store
        try:
            experiment = (await ask(store.get, self._experiment_id)).experiment
            preview = await ask(store.preview_annotate, (self._experiment_id,))
        except StoreError as error:
            self._show_prompt(str(error), "$error")
            return
        self._show_title(experiment)
        self._before = safe_lines(experiment.description or "")
        self.area.load_text(self._before)
        self.area.read_only = False
        self.area.move_cursor(self.area.document.end)
        self._show_notes(experiment, preview)

    def _show_title(self, experiment: Experiment) -> None:
        self.query_one("#description-title", Line).show(
            Content.assemble(" Description of ", (safe(experiment.name) or safe(experiment.id), "bold")),
            Content.styled(f"{safe(experiment.project)} ", "$text-muted"),
        )

    def _show_notes(self, experiment: Experiment, preview: AnnotatePreview) -> None:
        if preview.index_only:
            self._show_prompt("In a read-only root: only this index will know", "$accent")
        elif self._before != (experiment.description or ""):
            self._show_prompt(r"Control characters are written as \xNN and would be saved so", "$accent")

    def _show_prompt(self, text: str, style: str) -> None:
        self.query_one("#description-prompt", Line).show(Content.assemble(" ", (safe(text), style)))

    @property
    def _is_asking(self) -> bool:
        """Whether to throw away what was written is the question."""
        return self.focused is None and self._before is not None and not self._is_saving

    def _show_keys(self) -> None:
        labels = {"description-cancel": "go on writing"} if self._is_asking else {}
        rows = [key for key in keys.of("describing") if key.in_footer or (self._is_asking and key.action == "discard")]
        self.query_one(KeyBar).show(rows, labels)

    @property
    def _is_changed(self) -> bool:
        return self._before is not None and self.area.text.rstrip() != self._before.rstrip()

    @on(TextArea.Changed)
    def _changed(self) -> None:
        # What was a notice is one no more.
        if self._is_changed:
            self._show_prompt("changed", "$text-muted")

    # Acting.

    def action_cancel(self) -> None:
        if self._is_asking:
            self.set_focus(self.area)
            self._show_prompt("changed", "$text-muted")
        elif self._is_changed:
            self.set_focus(None)
            self._show_prompt(
                f"Not saved yet: {self.app.keymap.hint('description-discard')} throws it away", "$warning"
            )
        elif not self._is_saving:
            self.dismiss(False)
            return
        self._show_keys()

    def action_discard(self) -> None:
        if self._is_asking:
            self.dismiss(False)

    def action_save(self) -> None:
        if not self._is_changed:
            self.dismiss(False)
        elif not self._is_saving:
            self._is_saving = True
            self._save(self.area.text.rstrip())

    @work(group="describe")
    async def _save(self, text: str) -> None:
        try:
            with self.app.doing(lambda: "saving the description"):
                await self.app.ask(self.app.store.annotate, (self._experiment_id,), description=text)
        except StoreError as error:
            self._is_saving = False
            self._show_prompt(str(error), "$error")
            return
        self.finish(True)
