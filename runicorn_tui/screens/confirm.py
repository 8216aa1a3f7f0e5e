"""What a deletion would take, and the one place where it can be agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from runicorn_db.errors import StoreError
from runicorn_db.query import DEFAULT_DELETE_REASON, MAX_REASON_LENGTH, DeletePreview, Experiment, Snapshot
from runicorn_tui import format, keys
from runicorn_tui.acts import CHUNK, parts
from runicorn_tui.key_sets import difference
from runicorn_tui.widgets.line_table import fit

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

ONE_KEY_LIMIT = 20
"""Up to so many are confirmed by one key, more by typing their number."""

_NAMES_AT_EACH_END = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was moved before the dialog closed; `problem` is why it stopped early."""

    done: Snapshot
    moved: int
    problem: str | None = None


class ReasonInput(Input):
    """Leaving it goes back to the dialog: no key in here confirms or cancels a deletion."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,tab,down,up", "leave", show=False)]

    def on_mount(self) -> None:
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.screen.set_focus(None)


class ConfirmDelete(ModalScreen[Outcome | None]):
    """Asks about exactly these experiments: what matches the filter later on is not touched."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("confirm",)
    BINDINGS = keys.bindings("confirm")
    AUTO_FOCUS = ""

    def __init__(self, chosen: Snapshot, *, hidden: int, query: str) -> None:
        super().__init__()
        self._asked = chosen
        self._hidden = hidden
        self._query = query
        self._chosen = Snapshot()
        self._preview: DeletePreview | None = None
        self._takes_running = False
        self._takes_pinned = False
        self._typed = ""
        self._is_deleting = False
        self._is_called_off = False

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(Content(" Counting…"), id="confirm-body", markup=False)
            with Horizontal(id="confirm-reason-row"):
                yield Static(Content(" reason"), id="confirm-reason-label", markup=False)
                yield ReasonInput(
                    DEFAULT_DELETE_REASON, max_length=MAX_REASON_LENGTH, compact=True, id="confirm-reason"
                )
            yield Static("", id="confirm-prompt", markup=False)

    def on_mount(self) -> None:
        self._look()

    # Looking.

    @work(group="preview", exclusive=True)
    async def _look(self) -> None:
        """Asks what would go, without what is left out."""
        ask, store = self.app.ask, self.app.store
        self._preview = None
        try:
            preview = await ask(
                store.preview_delete,
                self._asked,
                takes_running=self._takes_running,
                takes_pinned=self._takes_pinned,
            )
            left_out = (() if self._takes_running else preview.running) + (() if self._takes_pinned else preview.pinned)
            self._chosen = self._asked
            if left_out:
                self._chosen = await ask(difference, self._asked, await ask(store.snapshot_of, left_out))
            self._preview = preview
        except StoreError as error:
            self.dismiss(Outcome(done=Snapshot(), moved=0, problem=str(error)))
            return
        self._typed = ""
        self._draw()

    def _draw(self) -> None:
        if self._preview is not None:
            width = self.query_one("#confirm-body").size.width or 70
            body = Content("\n").join(self._lines(self._preview, width))
            self.query_one("#confirm-body", Static).update(body)
            self._draw_prompt()

    def _lines(self, preview: DeletePreview, width: int) -> list[Content]:
        title = f" Move {format.plural(preview.total, 'experiment')} to the trash"
        size = f"{format.size(preview.size_bytes)} "
        lines = [
            Content.assemble((title, "bold"), " " * max(1, width - len(title) - len(size)), (size, "bold")),
            Content.styled(" Nothing is removed from disk; z brings them back.", "$text-muted"),
            Content(""),
        ]
        if preview.total:
            lines += [
                _row("status", _counts(preview.by_status, width), "$foreground"),
                _row("project", _counts(preview.by_project, width), "$foreground"),
                _row("created", _span(preview), "$foreground"),
            ]
        lines += self._warnings(preview)
        lines.append(Content(""))
        return lines + _names(preview, width)

    def _warnings(self, preview: DeletePreview) -> list[Content]:
        lines: list[Content] = []
        for ids, takes, what, key in (
            (preview.running, self._takes_running, "running", "r"),
            (preview.pinned, self._takes_pinned, "pinned", "p"),
        ):
            if ids and takes:
                lines.append(_row("taken", f"{len(ids):,} {what} (press {key} to leave out)", "$warning"))
            elif ids:
                lines.append(_row("left out", f"{len(ids):,} {what} (press {key} to take along)", "$accent"))
        if self._hidden:
            lines.append(_row("hidden", f"{self._hidden:,} of the marked ones do not match the filter", "$accent"))
        if preview.index_only:
            text = f"{preview.index_only:,} in read-only roots: only this index will know"
            lines.append(_row("note", text, "$accent"))
        return lines

    # Agreeing.

    @property
    def _total(self) -> int:
        return self._preview.total if self._preview is not None else 0

    def _draw_prompt(self) -> None:
        if not self._total:
            prompt = Content.styled(" Nothing to move · esc closes", "$text-muted")
        elif self._total <= ONE_KEY_LIMIT:
            prompt = Content.assemble(
                " ", ("y", "bold $error"), " moves them   ", ("esc", "bold $primary"), " cancels   ",
                ("e", "bold $primary"), " reason",
            )  # fmt: skip
        else:
            is_wrong = not str(self._total).startswith(self._typed)
            prompt = Content.assemble(
                " type ", (str(self._total), "bold $error"), " and Enter: ",
                (self._typed, "bold $warning" if is_wrong else "bold"), ("▏", "$primary"), "   ",
                ("esc", "bold $primary"), " cancels   ", ("e", "bold $primary"), " reason",
            )  # fmt: skip
        self._show_prompt(prompt)

    def _show_prompt(self, prompt: Content) -> None:
        self.query_one("#confirm-prompt", Static).update(prompt)

    def on_key(self, event: events.Key) -> None:
        """Digits of the number. Only keys count: pasted text arrives as another event."""
        if self._is_deleting or self.focused is not None:
            return
        if event.key == "backspace":
            self._typed = self._typed[:-1]
        elif event.character is not None and event.character in "0123456789":
            self._typed = (self._typed + event.character)[:12]
        else:
            return
        event.stop()
        self._draw_prompt()

    def action_confirm(self) -> None:
        if 0 < self._total <= ONE_KEY_LIMIT:
            self._delete()

    def action_confirm_number(self) -> None:
        if self._total > ONE_KEY_LIMIT and self._typed == str(self._total):
            self._delete()

    def action_toggle_running(self) -> None:
        if not self._is_deleting and self._preview is not None and self._preview.running:
            self._takes_running = not self._takes_running
            self._look()

    def action_toggle_pinned(self) -> None:
        if not self._is_deleting and self._preview is not None and self._preview.pinned:
            self._takes_pinned = not self._takes_pinned
            self._look()

    def action_reason(self) -> None:
        if not self._is_deleting:
            self.set_focus(self.query_one(ReasonInput))

    def action_cancel(self) -> None:
        if self._is_deleting:
            self._is_called_off = True
        else:
            self.dismiss(None)

    @work(group="delete")
    async def _delete(self) -> None:
        if self._is_deleting:
            return
        self._is_deleting = True
        chosen, moved, done, problem, batch = self._chosen, 0, 0, None, None
        reason = self.query_one(ReasonInput).value.strip() or DEFAULT_DELETE_REASON
        for part in parts(chosen):
            if self._is_called_off:
                break
            if len(chosen) > CHUNK:
                self._show_prompt(Content(f" moved {done:,} of {len(chosen):,}   esc stops here"))
            try:
                result = await self.app.ask(
                    self.app.store.delete, part, source="tui", reason=reason, query=self._query, batch=batch
                )
            except StoreError as error:
                problem = str(error)
                break
            moved += result.changed
            batch = result.batch
            done += len(part)
        self.dismiss(Outcome(done=chosen[:done], moved=moved, problem=problem))


def _row(label: str, text: str, style: str) -> Content:
    return Content.assemble((f" {label:<10}", "$text-muted"), (text, style))


def _counts(counts: Mapping[str, int], width: int) -> str:
    """`vision 81   nlp 40   … 3 more`: as many as fit, the largest first."""
    items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{fit(name, 24).rstrip()} {count:,}" for name, count in items]
    text = "   ".join(parts)
    shown = len(parts)
    while cell_len(text) > width - 12 and shown > 1:
        shown -= 1
        text = "   ".join([*parts[:shown], f"… {len(parts) - shown} more"])
    return text


def _span(preview: DeletePreview) -> str:
    first, last = format.day(preview.created_from), format.day(preview.created_to)
    return first if first == last else f"{first} … {last}"


def _names(preview: DeletePreview, width: int) -> list[Content]:
    """The first and the last names, and how many lie between."""
    sample: list[Experiment] = [*preview.first, *preview.last]
    if preview.total <= 2 * _NAMES_AT_EACH_END + 1 and len(sample) == preview.total:
        return [_name(experiment, width) for experiment in sample]
    first, last = sample[:_NAMES_AT_EACH_END], sample[-_NAMES_AT_EACH_END:]
    between = preview.total - len(first) - len(last)
    if between <= 0:
        return [_name(experiment, width) for experiment in sample]
    middle = Content.styled(f"  … {between:,} more", "$text-muted")
    return [*(_name(e, width) for e in first), middle, *(_name(e, width) for e in last)]


def _name(experiment: Experiment, width: int) -> Content:
    project = fit(experiment.project, 16)
    name = fit(experiment.name, max(10, width - 36))
    return Content.assemble("  ", name, " ", (project, "$text-muted"), " ", format.status(experiment.status))
