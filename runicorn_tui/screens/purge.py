"""What a purge would remove from disk, and the one place where it can be agreed to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from runicorn_db.errors import StoreError
from runicorn_db.outcomes import PurgePreview, PurgeProgress, PurgeResult
from runicorn_db.query import Experiment, Snapshot
from runicorn_tui import format, keys
from runicorn_tui.key_sets import difference
from runicorn_tui.screens.dialog import Part, TakingDialog, counts, heading, largest, row
from runicorn_tui.terminal import safe
from runicorn_tui.widgets.line_layout import Column
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.status_line import pressing

_PROGRESS_SECONDS = 0.1
_PATH_LINES = 2


class ConfirmPurge(TakingDialog[PurgeResult | str | None]):
    """Asks about exactly these experiments of the trash; closes with what was done, or why nothing could be."""

    DEFAULT_CSS = """
    ConfirmPurge {
        & #purge-path { height: 2; color: $text-muted; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("purging", "table")
    BINDINGS = keys.bindings("purging")

    def __init__(self, chosen: Snapshot) -> None:
        super().__init__()
        self._asked = chosen
        self._chosen = Snapshot()
        self._preview: PurgePreview | None = None
        self._progress = PurgeProgress(done=0, total=0, freed_bytes=0)

    @property
    def total(self) -> int | None:
        return None if self._preview is None else self._preview.total

    def columns(self) -> Sequence[Column[Experiment]]:
        def reason(experiment: Experiment) -> str:
            return "" if self._preview is None else self._preview.refused.get(experiment.id, "")

        return [
            Column(id="name", title="name", width=10, grow=16, rank=0, text=lambda e: format.text(e.name)),
            Column(id="size", title="size", width=7, rank=2, is_right=True, text=lambda e: format.size(e.size_bytes)),
            Column(id="stays", title="stays because", width=14, grow=20, rank=1, text=reason, tone="warn"),
            Column(id="path", title="directory", width=16, grow=80, rank=3, text=lambda e: e.run_dir, tone="muted"),
        ]

    def below(self) -> ComposeResult:
        yield Static("", id="purge-path", markup=False)

    @property
    def lines_below(self) -> int:
        return _PATH_LINES if self.has_class("roomy") else 0

    def draw(self) -> None:
        super().draw()
        self.query_one("#purge-path").display = self.has_class("roomy") and bool(len(self.table.rows))

    def on_mount(self) -> None:
        super().on_mount()
        self.app.wait_for(self._look())

    @work(group="preview", exclusive=True)
    async def _look(self) -> None:
        """Measures on disk what would go, without what is refused."""
        ask, store = self.app.ask, self.app.store
        self.show_prompt(
            Content.styled(f" Looking at the files…   {self.app.keymap.hint('cancel')} closes", "$text-muted")
        )
        try:
            preview = await ask(store.preview_purge, self._asked)
            refused = await ask(store.snapshot_of, list(preview.refused))
            self._chosen = await ask(difference, self._asked, refused)
            await self.show_names(self._chosen, first=refused)
        except StoreError as error:
            self.finish(str(error))
            return
        self._preview = preview
        self.draw()

    def lines(self, width: int) -> list[Part]:
        preview = self._preview
        if preview is None:
            return []
        title = f" Remove {format.plural(preview.total, 'experiment')} from disk for good"
        size = f"frees {format.size(preview.size_bytes)} "
        lines = [
            Part(0, heading(title, size, width)),
            Part(1, Content.styled(" This cannot be undone: files, metrics and log are gone.", "bold $error")),
            Part(4, Content("")),
        ]
        if preview.total:
            lines.append(Part(3, row("files", f"{preview.file_count:,}, and the directories below", "$foreground")))
        if preview.refused:
            reasons = largest(Counter(preview.refused.values()))
            lines.append(
                Part(
                    2,
                    row(
                        "stays",
                        f"{len(preview.refused):,}: {counts(reasons, width - 8, longest=max(10, width - 28))}",
                        "$accent",
                    ),
                )
            )
        return lines

    @on(LineTable.Moved)
    def _moved(self) -> None:
        current = self.table.current
        self.query_one("#purge-path", Static).update(Content(" " + safe(current.run_dir) if current else ""))

    def agreed_prompt(self) -> Content:
        cancel = self.app.keymap.hint("cancel")
        if not self.total:
            closes = pressing(cancel, "closes", "$text-muted")
            return Content.assemble((" Nothing can be removed · ", "$text-muted"), closes)
        return Content.assemble("   ", pressing(cancel, "cancels "))

    def doing(self) -> str:
        at = self._progress
        return f"removing for good: {at.done:,} of {len(self._chosen):,}, {format.size(at.freed_bytes)} freed"

    def went_well(self, result: PurgeResult | str | None) -> bool:
        return isinstance(result, PurgeResult) and not result.errors

    @work(group="delete")
    async def take(self) -> None:
        if self.is_working:
            return
        with self.working():
            self._show_progress()
            timer = self.set_interval(_PROGRESS_SECONDS, self._show_progress)
            try:
                result = await self.app.ask(
                    self.app.store.purge,
                    self._chosen,
                    source="tui",
                    progress=self._moved_on,
                    should_stop=lambda: self.is_called_off,
                )
            except StoreError as error:
                result = str(error)
            timer.stop()
        self.finish(result)

    def _moved_on(self, progress: PurgeProgress) -> None:
        """In the thread of the purge."""
        self._progress = progress

    def _show_progress(self) -> None:
        at = self._progress
        self.show_progress(at.done, len(self._chosen), f"{format.size(at.freed_bytes)} freed,")
