"""Text as it is stored, as it is searched, as a sentence has it, and as a spreadsheet gets it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def is_unicode(text: str) -> bool:
    """Whether UTF-8 and SQLite can hold `text`: arguments of a command line may have lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def fold(text: str) -> str:
    """The form in which texts are compared without regard to case: NFC, then casefold."""
    return unicodedata.normalize("NFC", text).casefold()


def printable(text: str) -> str:
    r"""`text` with `\x1b` and the like for what would not be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def csv_cell(value: float | str | None, shown: Callable[[str], str]) -> float | str | None:
    """Texts as `shown` that begin no formula: those that could begin one get an apostrophe. Numbers stay."""
    if not isinstance(value, str):
        return value
    return f"'{shown(value)}" if value.startswith(_FORMULA_STARTS) else shown(value)
