"""A line for changes of tags, with those that there are to complete by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message

from runicorn_db.text import fold
from runicorn_tui import keys
from runicorn_tui.tag_words import begun, write_tag
from runicorn_tui.terminal import harmless
from runicorn_tui.widgets.still_input import StillInput


class TagInput(StillInput):
    """`known` are the tags that there are, `held` those that can be taken away, each with how many have it."""

    BINDINGS = keys.bindings("tagging")

    class Turned(Message):
        """Other candidates, or another one of them is chosen."""

    class Cancelled(Message):
        """The person wants none of it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(compact=True, id=id, select_on_focus=False)
        self.known: Mapping[str, int] = {}
        self.held: Mapping[str, int] = {}
        self.candidates: Sequence[str] = ()
        """What the word that is being typed may become, the likeliest first."""
        self.chosen = 0

    def on_paste(self, event: events.Paste) -> None:
        event.text = harmless(event.text.strip())

    def look(self) -> None:
        """Finds the candidates anew."""
        _, minus, letters = begun(self.value)
        tags = self.held if minus else self.known
        wanted = fold(letters)
        found = [tag for tag in tags if wanted in fold(tag)]
        self.candidates = sorted(found, key=lambda tag: (not fold(tag).startswith(wanted), -tags[tag], tag))
        self.chosen = 0
        self.post_message(self.Turned())

    def watch_value(self) -> None:
        self.look()

    def action_candidate(self, by: int) -> None:
        if self.candidates:
            self.chosen = (self.chosen + by) % len(self.candidates)
            self.post_message(self.Turned())

    def action_complete(self) -> None:
        if self.candidates:
            before, minus, _ = begun(self.value)
            self.value = f"{before}{minus}{write_tag(self.candidates[self.chosen])} "
            self.action_end()

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())
