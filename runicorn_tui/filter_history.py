"""The filters that were used before, and the way through them."""

from __future__ import annotations

from collections.abc import Sequence

from runicorn_tui.state import MOST_HISTORY


class FilterHistory:
    """The latest last, each once, at most `MOST_HISTORY`."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._place = 0
        self._shown: str | None = None
        self._draft = ""

    def begin_with(self, texts: Sequence[str]) -> None:
        """Those of the last time."""
        self.texts = list(texts)[-MOST_HISTORY:]

    def add(self, text: str) -> None:
        """Makes a filter the latest."""
        if text.strip():
            self.texts = [*(old for old in self.texts if old != text), text][-MOST_HISTORY:]
        self._shown = None

    def walk(self, by: int, text: str) -> str | None:
        """The filter before (-1) or after (1) the one that was shown, at last the text as it was; None: no further.

        A text that was changed since begins at the latest again.
        """
        if text != self._shown:
            self._place, self._draft = len(self.texts), text
        place = self._place + by
        while 0 <= place < len(self.texts) and self.texts[place] == text:
            place += by
        if not 0 <= place <= len(self.texts) or (by > 0 and text != self._shown):
            return None
        self._place = place
        self._shown = self._draft if place == len(self.texts) else self.texts[place]
        return self._shown
