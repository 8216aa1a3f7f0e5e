"""Dialogs that work before they close, and what those two have in common that take experiments away."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from runicorn_db.query import Experiment, Snapshot
from runicorn_tui import keys
from runicorn_tui.rows import Pages
from runicorn_tui.widgets.line_layout import Column, shortened
from runicorn_tui.widgets.line_table import LineTable
from runicorn_tui.widgets.status_line import Line, pressing

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

ResultT = TypeVar("ResultT")

_ROOMY = 18
"""With fewer lines there are none to separate parts."""
_MOST_DIGITS = 12
PASTED = "Pasted text confirms nothing: type it"


@dataclass(frozen=True, slots=True)
class Part:
    """A line of a dialog; those of a low rank stay longest where there is little room."""

    rank: int
    line: Content


class ClosingItself(ModalScreen[ResultT], Generic[ResultT]):
    """A dialog whose work may end while another screen lies over it."""

    def __init__(self) -> None:
        super().__init__()
        self._came_of_it: tuple[ResultT] | None = None

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def finish(self, result: ResultT) -> None:
        """Closes with a result, once nothing lies over the dialog."""
        self._came_of_it = (result,)
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        # When this arrives something else may lie over it already.
        if self._came_of_it is not None and self.app.screen is self:
            (result,), self._came_of_it = self._came_of_it, None
            self.dismiss(result)


class TakingDialog(ClosingItself[ResultT], Generic[ResultT]):
    """Says what would be taken away; goes on when one key, or the number of them, is typed. Enter alone does nothing.

    Only keys that are pressed count: pasted text arrives as another event and is refused.
    """

    DEFAULT_CSS = """
    TakingDialog {
        & .dialog {
            width: 112; max-width: 100%; height: auto; max-height: 100%;
            background: $surface; border: round $error; padding: 0 1;
        }
        & .dialog-body { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
        & .dialog-prompt { height: 1; width: 1fr; }
        &.roomy .dialog-prompt { margin-top: 1; }
        &.roomy LineTable { margin-top: 1; }
    }
    """
    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("confirm", "table")
    AUTO_FOCUS = "LineTable"
    one_key_limit: ClassVar[int] = 0
    """Up to so many are agreed to by one key."""

    def __init__(self) -> None:
        super().__init__()
        self._typed = ""
        self._is_refused = False
        self.is_working = False
        self.is_called_off = False

    # What the dialogs differ in.

    @property
    @abstractmethod
    def total(self) -> int | None:
        """How many would be taken; None while that is not known."""

    @abstractmethod
    def lines(self, width: int) -> Sequence[Part]:
        """What is said above the list."""

    @abstractmethod
    def columns(self) -> Sequence[Column[Experiment]]:
        """Those of the list."""

    @abstractmethod
    def agreed_prompt(self) -> Content:
        """What the last line says when nothing was typed wrongly."""

    @abstractmethod
    def take(self) -> object:
        """Agreed."""

    def below(self) -> ComposeResult:
        """Lines between the list and the prompt."""
        return ()

    @property
    def lines_below(self) -> int:
        return 0

    # Showing.

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(" Counting…"), classes="dialog-body", markup=False)
            yield LineTable[Experiment](self.columns(), gutter=1)
            yield from self.below()
            yield Line(id="dialog-prompt").add_class("dialog-prompt")

    @property
    def table(self) -> LineTable[Experiment]:
        return cast("LineTable[Experiment]", self.query_one(LineTable))

    def on_mount(self) -> None:
        self.table.display = False

    async def show_names(self, snapshot: Snapshot, first: Snapshot | None = None) -> None:
        """Lists the experiments of a snapshot from its end to its beginning, `first` ones before them."""
        first = Snapshot() if first is None else first

        async def read(begin: int, end: int) -> list[Experiment | None]:
            part = first[begin:end].keys
            rest = max(0, begin - len(first)), max(0, end - len(first))
            behind = snapshot[max(0, len(snapshot) - rest[1]) : max(0, len(snapshot) - rest[0])].keys
            behind.reverse()
            return await self.app.ask(self.app.store.rows, Snapshot(part + behind))

        pages = Pages(read, len(first) + len(snapshot))
        await pages.ensure(0, self.app.size.height)
        self.table.show(pages)
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Everything that is known, as far as there is room for it."""
        if self.total is None:
            return
        height, width = self.app.size.height - 2, min(112, self.app.size.width) - 4
        is_roomy = height >= _ROOMY
        self.set_class(is_roomy, "roomy")
        listed = len(self.table.rows)
        fixed = 1 + self.lines_below + (2 if is_roomy else 0)
        least = 2 if listed else 0
        parts = list(self.lines(width))
        shown = sorted(sorted(range(len(parts)), key=lambda at: (parts[at].rank, at))[: max(1, height - fixed - least)])
        self.query_one(".dialog-body", Static).update(Content("\n").join(parts[at].line for at in shown))
        self.table.display = listed > 0
        self.table.styles.height = max(2, min(listed + 1, height - fixed - len(shown)))
        self.draw_prompt()

    # Agreeing.

    def draw_prompt(self) -> None:
        if self.total is None or self.is_working:
            return
        if self._is_refused:
            self.show_prompt(Content.styled(f" {PASTED}.", "bold $warning"))
        elif not self.total or self.total <= self.one_key_limit:
            self.show_prompt(self.agreed_prompt())
        else:
            is_wrong = not str(self.total).startswith(self._typed)
            typed = (self._typed, "bold $warning" if is_wrong else "bold")
            key = self.app.keymap.hint("confirm-number")
            said = key.capitalize() if key == "enter" else key
            self.show_prompt(
                Content.assemble(
                    " type ", (str(self.total), "bold $error"), f" and {said}: ", typed, ("▏", "$primary")
                ),
                self.agreed_prompt(),
            )

    def show_prompt(self, left: Content, right: Content | None = None) -> None:
        self.query_one("#dialog-prompt", Line).show(left, right)

    def show_progress(self, done: int, total: int, what: str) -> None:
        """A bar, and how far it is."""
        stops = pressing(self.app.keymap.hint("cancel"), "stops here")
        text = Content.assemble(f" {what} {done:,} of {total:,}   ", stops)
        width = max(0, min(40, self.query_one("#dialog-prompt").size.width - text.cell_length - 2))
        filled = width * done // max(1, total)
        self.show_prompt(
            Content.assemble(" ", ("━" * filled, "bold $success"), ("─" * (width - filled), "$dimmed"), text)
        )

    def untype(self) -> None:
        """What was typed was about something else."""
        self._typed = ""

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if not self.is_working:
            self._typed, self._is_refused = "", True
            self.draw_prompt()

    def on_key(self, event: events.Key) -> None:
        """Digits of the number."""
        if self.is_working or self.is_writing:
            return
        was_refused, self._is_refused = self._is_refused, False
        if event.key == "backspace":
            self._typed = self._typed[:-1]
        elif event.character is not None and event.character in "0123456789":
            self._typed = (self._typed + event.character)[:_MOST_DIGITS]
        elif not was_refused:
            return
        self.draw_prompt()

    @property
    def is_writing(self) -> bool:
        """Whether the keys go into a field."""
        return False

    def action_confirm(self) -> None:
        if not self.is_working and 0 < (self.total or 0) <= self.one_key_limit:
            self.take()

    def action_confirm_number(self) -> None:
        total = self.total or 0
        if not self.is_working and total > self.one_key_limit and self._typed == str(total):
            self.take()

    # Ending.

    def action_cancel(self) -> None:
        if self.is_working:
            self.is_called_off = True
        else:
            self.dismiss(None)

    def action_quit(self) -> None:
        """`q` closes a dialog, and asks while it works."""
        if self.is_working:
            self.app.ask_to_quit()
        else:
            self.dismiss(None)

    @contextmanager
    def working(self) -> Generator[None]:
        """While experiments are being taken."""
        self.is_working = True
        with self.app.doing(self.doing):
            yield

    @abstractmethod
    def doing(self) -> str:
        """What goes on while it works, and how far it is."""

    @abstractmethod
    def went_well(self, result: ResultT) -> bool:
        """Whether there is nothing to be told but how many were taken."""

    def finish(self, result: ResultT) -> None:
        if not self.went_well(result):
            self.app.stay_open()
        super().finish(result)

    def on_unmount(self) -> None:
        self.is_called_off = True


def heading(left: str, right: str, width: int) -> Content:
    """The first line: what the dialog is about, and how much it is."""
    return Content.assemble((left, "bold"), " " * max(1, width - len(left) - len(right)), (right, "bold"))


def row(label: str, text: str, style: str) -> Content:
    return Content.assemble((f" {label:<10}", "$text-muted"), (text, style))


def counts(items: Sequence[tuple[str, int]], width: int, *, longest: int = 24) -> str:
    """`vision 81   nlp 40   … 3 more`: as many as fit, of each at most so many cells."""
    parts = [f"{shortened(name, longest)} {count:,}" for name, count in items]
    text = "   ".join(parts)
    shown = len(parts)
    while cell_len(text) > width - 12 and shown > 1:
        shown -= 1
        text = "   ".join([*parts[:shown], f"… {len(parts) - shown} more"])
    return text


def largest(counted: Mapping[str, int]) -> list[tuple[str, int]]:
    """The largest first."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
