"""What a deletion would take, and the one place where it can be agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from runicorn_db.errors import StoreError
from runicorn_db.outcomes import DeletePreview
from runicorn_db.query import DEFAULT_DELETE_REASON, MAX_REASON_LENGTH, Experiment, Snapshot
from runicorn_tui import acts, format, keys
from runicorn_tui.acts import Failure
from runicorn_tui.screens.dialog import Part, TakingDialog, counts, heading, largest, row
from runicorn_tui.widgets.experiment_columns import columns
from runicorn_tui.widgets.line_layout import Column, shortened
from runicorn_tui.widgets.status_line import clickable, pressing
from runicorn_tui.widgets.still_input import StillInput

ONE_KEY_LIMIT = 20
"""Up to so many are confirmed by one key, more by typing their number."""

_LISTED = ("name", "project", "status", "age", "size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was moved before the dialog closed; `problem` is why it stopped early."""

    done: Snapshot
    moved: int
    batch: int | None = None
    failures: tuple[Failure, ...] = ()
    problem: str | None = None


class ReasonInput(StillInput):
    """Leaving it goes back to the dialog: no key in here confirms or cancels a deletion."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,tab,down,up", "leave", show=False)]

    def action_leave(self) -> None:
        self.screen.set_focus(self.screen.query_one("LineTable"))


class ConfirmDelete(TakingDialog[Outcome | None]):
    """Asks about exactly these experiments: what matches the filter later on is not touched."""

    DEFAULT_CSS = """
    ConfirmDelete {
        & #confirm-reason-row { height: 1; }
        &.roomy #confirm-reason-row { margin-top: 1; }
        & #confirm-reason-label { width: 11; color: $text-muted; }
        & #confirm-reason { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        & #confirm-reason:focus { background: $cursor-blurred; border: none; }
    }
    """
    BINDINGS = keys.bindings("confirm")

    def __init__(self, chosen: Snapshot, *, hidden: int, query: str) -> None:
        super().__init__()
        self._asked = chosen
        self._hidden = hidden
        self._query = query
        self._chosen = Snapshot()
        self._preview: DeletePreview | None = None
        self._takes_running = False
        self._takes_pinned = False
        self._done = 0

    one_key_limit = ONE_KEY_LIMIT

    @property
    def total(self) -> int | None:
        return None if self._preview is None else self._preview.total

    def columns(self) -> Sequence[Column[Experiment]]:
        return columns(self.app.clock, _LISTED)

    def below(self) -> ComposeResult:
        with Horizontal(id="confirm-reason-row"):
            yield Static(Content(" reason"), id="confirm-reason-label", markup=False)
            yield ReasonInput(DEFAULT_DELETE_REASON, max_length=MAX_REASON_LENGTH, compact=True, id="confirm-reason")

    @property
    def lines_below(self) -> int:
        return 2 if self.has_class("roomy") else 1

    @property
    def is_writing(self) -> bool:
        return isinstance(self.focused, ReasonInput)

    def on_mount(self) -> None:
        super().on_mount()
        self.app.wait_for(self._look())

    def went_well(self, result: Outcome | None) -> bool:
        return result is None or (result.problem is None and not result.failures)

    # Looking.

    @work(group="preview", exclusive=True)
    async def _look(self) -> None:
        """Asks what would go, without what is left out."""
        self._preview = None
        try:
            preview, self._chosen = await self.app.ask(
                self.app.store.plan_delete,
                self._asked,
                takes_running=self._takes_running,
                takes_pinned=self._takes_pinned,
                now=self.app.clock(),
            )
            await self.show_names(self._chosen)
        except StoreError as error:
            self.finish(Outcome(done=Snapshot(), moved=0, problem=str(error)))
            return
        self._preview = preview
        self.untype()
        self.draw()

    def lines(self, width: int) -> list[Part]:
        preview = self._preview
        if preview is None:
            return []
        undoes = self.app.keymap.hint("undo")
        title = f" Move {format.plural(preview.total, 'experiment')} to the trash"
        size = f"{format.size(preview.size_bytes)} "
        lines = [
            Part(0, heading(title, size, width)),
            Part(6, Content.styled(f" Nothing is removed from disk; {undoes} brings them back.", "$text-muted")),
            Part(7, Content("")),
        ]
        if preview.total:
            lines += [
                Part(2, row("status", counts(largest(preview.by_status), width), "$foreground")),
                Part(3, row("project", counts(largest(preview.by_project), width), "$foreground")),
                Part(4, row("age", counts(list(preview.by_age.items()), width), "$foreground")),
                Part(5, row("created", _span(preview), "$foreground")),
            ]
        if preview.total > 1:
            newest, oldest = preview.first[0], (preview.last or preview.first)[-1]
            half = (width - 16) // 2
            names = f"{shortened(newest.name, half)} … {shortened(oldest.name, half)}"
            lines.append(Part(6, row("names", names, "$foreground")))
        return lines + self._warnings(preview)

    def _warnings(self, preview: DeletePreview) -> list[Part]:
        lines: list[Part] = []
        for count, takes, what, key in (
            (preview.running, self._takes_running, "running", self.app.keymap.hint("take-running")),
            (preview.pinned, self._takes_pinned, "pinned", self.app.keymap.hint("take-pinned")),
        ):
            if count and takes:
                said = row("taken", f"{count:,} {what} (press {key} to leave out)", "$warning")
                lines.append(Part(1, clickable(said, key)))
            elif count:
                said = row("left out", f"{count:,} {what} (press {key} to take along)", "$accent")
                lines.append(Part(1, clickable(said, key)))
        if self._hidden:
            text = f"{self._hidden:,} of the marked ones do not match the filter"
            lines.append(Part(1, row("hidden", text, "$accent")))
        if preview.index_only:
            text = f"{preview.index_only:,} in read-only roots: only this index will know"
            lines.append(Part(1, row("note", text, "$accent")))
        return lines

    # Agreeing.

    def agreed_prompt(self) -> Content:
        hint = self.app.keymap.hint
        cancels = pressing(hint("cancel"), "cancels")
        if not self.total:
            return Content.assemble(
                (" Nothing to move · ", "$text-muted"), pressing(hint("cancel"), "closes", "$text-muted")
            )
        reason = pressing(hint("reason"), "reason")
        if self.total <= ONE_KEY_LIMIT:
            moves = pressing(hint("confirm"), "moves them", "bold $error")
            return Content.assemble(" ", moves, "   ", cancels, "   ", reason, " ")
        return Content.assemble("   ", cancels, "   ", reason, " ")

    def action_toggle_running(self) -> None:
        if not self.is_working and self._preview is not None and self._preview.running:
            self._takes_running = not self._takes_running
            self._look()

    def action_toggle_pinned(self) -> None:
        if not self.is_working and self._preview is not None and self._preview.pinned:
            self._takes_pinned = not self._takes_pinned
            self._look()

    def action_reason(self) -> None:
        if not self.is_working:
            self.set_focus(self.query_one(ReasonInput))

    def doing(self) -> str:
        return f"moving to the trash: {self._done:,} of {len(self._chosen):,}"

    @work(group="delete")
    async def take(self) -> None:
        if self.is_working:
            return
        with self.working():
            outcome = await self._move()
        self.finish(outcome)

    async def _move(self) -> Outcome:
        chosen, moved, problem, batch = self._chosen, 0, None, None
        failures: list[Failure] = []
        reason = self.query_one(ReasonInput).value.strip() or DEFAULT_DELETE_REASON
        for part in acts.parts(chosen):
            if self.is_called_off:
                break
            if len(chosen) > acts.CHUNK:
                self.show_progress(self._done, len(chosen), "moved")
            try:
                result = await self.app.ask(
                    acts.move, self.app.store, part, reason=reason, query=self._query, batch=batch
                )
            except StoreError as error:
                problem = str(error)
                break
            moved += result.changed
            failures += result.failures
            batch = result.batch
            self._done += len(part)
        if batch is not None and moved:
            self.app.history.add(batch)
        return Outcome(done=chosen[: self._done], moved=moved, batch=batch, failures=tuple(failures), problem=problem)


def _span(preview: DeletePreview) -> str:
    first, last = format.day(preview.created_from), format.day(preview.created_to)
    return first if first == last else f"{first} … {last}"
