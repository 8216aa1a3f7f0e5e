"""The keys that work here, and the filter language in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from runicorn_tui import keys
from runicorn_tui.key_names import shown
from runicorn_tui.widgets.status_line import Line, clickable, pressing

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

FILTER_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("resnet", "in project, name or description"),
    ("status:failed,interrupted", "any of them"),
    ("project:vision -tag:keep", "both, the second negated"),
    ("age>30d duration<20s", "units s m h d w"),
    ("created>=2025-01", "a month, a day or a minute"),
    ("acc>0.9 last.loss<0.5", "metrics; best or last value, min. max. last."),
    ("param.lr<=1e-3", "parameters"),
    ("has:acc is:pinned size>1GB", "presence, state, bytes"),
    ("name:vit or name:/^bert_\\d+/", "one or the other, a pattern"),
)

_COLUMN = 36
_NARROW_BELOW = 70
# Of the box: its border and what its keys are.
_OTHER_LINES = 3
_SCROLLING = ("up", "down", "pageup", "pagedown")


class HelpScreen(ModalScreen[None]):
    """The rows of the key table for some scopes."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("help",)
    BINDINGS = keys.bindings("help")

    def __init__(self, scopes: tuple[keys.Scope, ...]) -> None:
        super().__init__()
        self._scopes = scopes

    if TYPE_CHECKING:

        @property
        def app(self) -> RunicornApp: ...

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            with VerticalScroll(id="help-lines"):
                yield Static(id="help-keys", markup=False)
            yield Line(id="help-prompt")

    def _text(self) -> Content:
        groups = [_group(name, rows) for name, rows in keys.grouped(self.app.keymap.of(*self._scopes)).items()]
        is_narrow = self.app.size.width < _NARROW_BELOW
        lines = [line for group in groups for line in group] if is_narrow else _two_columns(groups)
        if "experiments" in self._scopes:
            lines.append(Content.styled(" What a filter can say", "bold $primary"))
            lines += [_line(example, meaning, 29) for example, meaning in FILTER_EXAMPLES]
        return Content("\n").join(lines)

    def on_resize(self, event: events.Resize) -> None:
        text, room = self._text(), max(1, event.size.height - _OTHER_LINES)
        self.query_one("#help-keys", Static).update(text)
        self.query_one("#help-lines").styles.max_height = room
        closes = pressing(self.app.keymap.hint("help-close"), _muted("close"))
        scroll = [clickable(Content.styled(shown(key), "bold $primary"), shown(key)) for key in _SCROLLING]
        scrolls = Content(" ").join([*scroll, _muted("scroll")])
        is_all = text.plain.count("\n") < room
        self.query_one("#help-prompt", Line).show(Content("  ").join([closes] if is_all else [scrolls, closes]))

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            # Beside the dialog.
            self.action_close()

    def action_close(self) -> None:
        self.dismiss()


def _muted(text: str) -> Content:
    return Content.styled(text, "$text-muted")


def _line(left: str, right: str, width: int) -> Content:
    return Content.assemble("  ", (f"{left:<{width}}", "$foreground"), " ", (right, "$text-muted"))


def _group(name: str, rows: Sequence[keys.Key]) -> list[Content]:
    title = Content.styled(f" {name}", "bold $primary")
    return [title, *(_line(row.shown or "–", row.label, 12) for row in rows), Content("")]


def _two_columns(groups: Sequence[Sequence[Content]]) -> list[Content]:
    """The groups one below the other, then cut between two groups where the halves are most alike."""
    total = sum(map(len, groups))
    heights = [sum(map(len, groups[:cut])) for cut in range(len(groups) + 1)]
    cut = min(range(len(groups) + 1), key=lambda cut: abs(2 * heights[cut] - total))
    left = [line for group in groups[:cut] for line in group]
    right = [line for group in groups[cut:] for line in group]
    return [
        Content.assemble(first.pad_right(max(0, _COLUMN - first.cell_length)), second)
        for first, second in zip_longest(left, right, fillvalue=Content(""))
    ]
