"""Text as it is stored and as it is searched."""

from __future__ import annotations

import unicodedata


def is_unicode(text: str) -> bool:
    """Whether UTF-8 and SQLite can hold `text`: arguments of a command line may have lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def fold(text: str) -> str:
    """The form in which texts are compared without regard to case: NFC, then casefold."""
    return unicodedata.normalize("NFC", text).casefold()
