"""The keys that work here, and the filter language in a few lines."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from runicorn_tui import keys

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


class HelpScreen(ModalScreen[None]):
    """The rows of the key table for some scopes."""

    SCOPES: ClassVar[tuple[keys.Scope, ...]] = ("help",)
    BINDINGS = keys.bindings("help")

    def __init__(self, scopes: tuple[keys.Scope, ...]) -> None:
        super().__init__()
        self._scopes = scopes

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(self._text(), id="help-keys", markup=False)

    def _text(self) -> Content:
        lines: list[Content] = []
        for group, rows in keys.grouped(keys.of(*self._scopes)).items():
            lines.append(Content.styled(f" {group}", "bold $primary"))
            lines += [_line(key.shown, key.label) for key in rows]
            lines.append(Content(""))
        if "experiments" in self._scopes:
            lines.append(Content.styled(" What a filter can say", "bold $primary"))
            lines += [_line(example, meaning, width=34) for example, meaning in FILTER_EXAMPLES]
        return Content("\n").join(lines)

    def action_close(self) -> None:
        self.dismiss()


def _line(left: str, right: str, width: int = 18) -> Content:
    return Content.assemble("   ", (f"{left:<{width}}", "$foreground"), " ", (right, "$text-muted"))
