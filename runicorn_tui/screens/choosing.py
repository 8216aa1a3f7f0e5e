"""Dialogs in which a click on a text chooses what the text is about."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from textual import events
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style

ResultT = TypeVar("ResultT")

_CHOOSES = "chooses"


def choosing(text: Content, what: object) -> Content:
    """The text, of which a click chooses this."""
    return text.stylize(Style.from_meta({_CHOOSES: what}))


class Choosing(ModalScreen[ResultT], Generic[ResultT]):
    """A dialog with such texts."""

    @abstractmethod
    async def choose(self, what: Any) -> None:
        """A text was clicked that is about this."""

    async def on_click(self, event: events.Click) -> None:
        if (what := event.style.meta.get(_CHOOSES)) is not None:
            await self.choose(what)
