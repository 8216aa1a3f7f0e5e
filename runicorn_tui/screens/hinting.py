"""What somebody is told who opens the browser for the first time."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from runicorn_tui.screens import LOW_BELOW, BrowserScreen


class FirstHints(Static):
    """A few lines below the list."""

    DEFAULT_CSS = """
    FirstHints { display: none; height: auto; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """


class Hinting(BrowserScreen[None]):
    """Shows three hints beside the first experiments that this person sees, and then never again."""

    def __init__(self) -> None:
        super().__init__()
        self._were_shown = False

    @property
    def _hints(self) -> FirstHints:
        return self.query_one(FirstHints)

    def hint_once(self) -> None:
        """Shows them, unless that was done before, nobody remembers, or there is no room: then the next time."""
        memory, has_room = self.app.memory, self.app.size.height >= LOW_BELOW
        if has_room and memory is not None and not (memory.state.has_seen_hints or self._were_shown):
            self._were_shown = True
            self.app.remember(has_seen_hints=True)
            self._hints.update(self._text())
            self._hints.display = True

    def close_hints(self) -> bool:
        """Whether there were any to close."""
        was_shown = self._hints.display
        self._hints.display = False
        return was_shown

    def _text(self) -> Content:
        hint = self.app.keymap.hint
        lines = (
            (hint("filter"), "filters, as in status:failed age>30d"),
            (
                hint("mark"),
                f"marks, {hint('delete')} moves what is marked to the trash, {hint('undo')} takes that back",
            ),
            (hint("help"), f"shows every key, {hint('palette')} finds what you want to do by a few letters"),
        )
        told = [Content.assemble("  ", (f"{key:<7}", "bold $primary"), (said, "$foreground")) for key, said in lines]
        closes = Content.styled(f"   {hint('clear')} closes this", "$text-muted")
        return Content("\n").join([Content.assemble((" To begin with", "bold $primary"), closes), *told])
