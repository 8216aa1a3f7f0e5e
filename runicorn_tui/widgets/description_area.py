"""Where a text of several lines is written."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from runicorn_tui.terminal import harmless


def safe_lines(text: str) -> str:
    """`text` made safe, with its lines and tabs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("\t".join(map(harmless, line.split("\t"))) for line in lines)


class DescriptionArea(TextArea):
    """Shows nothing but harmless characters: the others are in it as `\\xNN`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True, id=id)
        # Blinking would write for ever.
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        event.text = safe_lines(event.text)
