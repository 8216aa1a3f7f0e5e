"""Text as it is stored and as it is searched."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """The form in which texts are compared without regard to case: NFC, then casefold."""
    return unicodedata.normalize("NFC", text).casefold()
