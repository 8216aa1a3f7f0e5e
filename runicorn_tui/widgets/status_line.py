"""The two lowest lines: where one is, and what the keys do."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from runicorn_tui.key_names import named
from runicorn_tui.keys import Key

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

SEPARATOR = "  "
PRESSES = "presses"
"""In the meta of a style: the key, by Textual's name, that a click on the text presses."""
MAX_HINTS = 8
SLOW_SECONDS = 0.3
"""What takes longer is said to go on."""


class Line(Static):
    """One line of text, a part at the left and a part at the right; the right one gives way."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._left = Content("")
        self._right = Content("")

    def show(self, left: Content, right: Content | None = None) -> None:
        right = Content("") if right is None else right
        if (left, right) == (self._left, self._right):
            return
        self._left, self._right = left, right
        # Without a layout: the line keeps its height and its place.
        self.refresh()

    @property
    def plain(self) -> str:
        """What the line says, for tests and screen readers."""
        return f"{self._left.plain} {self._right.plain}".strip()

    def render(self) -> Content:
        width = self.size.width
        left, right = self._left, self._right
        gap = width - left.cell_length - right.cell_length
        if gap < 1 and right.cell_length:
            right, gap = Content(""), width - left.cell_length
        return left.truncate(width, ellipsis=True) if gap < 0 else Content.assemble(left, " " * gap, right)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1


class StatusLine(Horizontal):
    """Position at the left in a small widget of its own: it changes with every key, the rest does not."""

    def __init__(self) -> None:
        super().__init__()
        self._left: Sequence[Content] = ()
        self._right: Sequence[Content] = ()
        self._working: list[str] = []

    def compose(self) -> ComposeResult:
        yield Line(id="status-position")
        yield Line(id="status-rest")

    def show_position(self, index: int, total: int, what: str = "") -> None:
        """`what` is counted, where that is not clear."""
        text = f" {what}{index + 1:,}/{total:,}" if total else " 0/0"
        position = self.query_one("#status-position", Line)
        width = max(8, len(what) + 2 * len(f"{total:,}") + 3)
        if position.styles.width is None or position.styles.width.value != width:
            position.styles.width = width
        position.show(Content(text))

    def show_parts(self, left: Sequence[Content], right: Sequence[Content] = ()) -> None:
        self._left, self._right = left, right
        self._show()

    def _show(self) -> None:
        # What one waits for stands first.
        left = [*(Content.styled(what, "$live") for what in self._working[-1:]), *self._left]
        for line in self.query("#status-rest").results(Line):
            line.show(Content(SEPARATOR).join(left), Content.assemble(Content(SEPARATOR).join(self._right), " "))

    @contextmanager
    def working(self, what: str) -> Generator[None]:
        """Says what goes on inside, if it takes more than a moment."""

        def say() -> None:
            self._working.append(what)
            self._show()

        timer = self.set_timer(SLOW_SECONDS, say)
        try:
            yield
        finally:
            timer.stop()
            if what in self._working:
                self._working.remove(what)
                self._show()

    @property
    def is_working(self) -> bool:
        """Whether it says that something goes on."""
        return bool(self._working)

    @property
    def plain(self) -> str:
        return " ".join(line.plain for line in self.query(Line))


@contextmanager
def working(node: Widget, what: str) -> Generator[None]:
    """`StatusLine.working` of the screen of a node, if it has such a line."""
    with ExitStack() as told:
        for line in node.screen.query(StatusLine):
            told.enter_context(line.working(what))
        yield


class KeyBar(Widget):
    """The keys that do something now, at most eight, as many as fit."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints: Sequence[tuple[str, str]] = ()

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def show(self, rows: Sequence[Key], labels: dict[str, str] | None = None) -> None:
        """`labels` gives some of the rows, by id, another word than the table's."""
        labels = labels or {}
        live = [row for row in map(self.app.keymap.live, rows) if row.keys]
        hints = [(row.hint, labels.get(row.id, row.short or row.label)) for row in live][:MAX_HINTS]
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def render(self) -> Content:
        parts: list[Content] = []
        room = self.size.width - 1
        # The last hint is help: it stays when others do not fit.
        *others, last = self._hints or [("", "")]
        room -= len(last[0]) + len(last[1]) + 1
        for hint, label in others:
            needed = len(hint) + len(label) + 1 + len(SEPARATOR)
            if needed > room:
                break
            room -= needed
            parts.append(_hint(hint, label))
        parts.append(_hint(*last))
        return Content.assemble(" ", Content(SEPARATOR).join(parts))


def pressing(hint: str, label: str | Content, style: str = "bold $primary") -> Content:
    """A key as a person writes it and what it does; a click on either presses it."""
    return clickable(Content.assemble((hint, style), " ", label), hint)


def clickable(text: Content, hint: str) -> Content:
    """The text, which presses that key when it is clicked on."""
    return text.stylize(Style.from_meta({PRESSES: named(hint)})) if hint else text


def _hint(hint: str, label: str) -> Content:
    return pressing(hint, Content.styled(label, "$text-muted"))
