"""Filters that are kept under a name, and what `@name` means on screen and on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runicorn_db.criteria import Criteria
from runicorn_db.filter_language import parse
from runicorn_db.filter_terms import Note
from runicorn_db.query import shown

MOST_LETTERS = 64
_NAME = re.compile(rf"[\w][\w.+-]{{0,{MOST_LETTERS - 1}}}")
_REFERENCE = re.compile(r"\s*@(\S*)\s*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD = re.compile(r"(?<!\S)[-!]?@\S*")


def is_name(text: str) -> bool:
    """Whether a filter can be kept under it: letters, digits, `_`, and after the first one also `.`, `+`, `-`."""
    return _NAME.fullmatch(text) is not None


def read(text: str, saved: Mapping[str, str]) -> tuple[Criteria, tuple[Note, ...]]:
    """As `filter_language.parse`, but `@name` as the whole text is the filter saved under that name.

    Beside other terms `@name` is a note: as a word, which REST takes it for, it would be something else than meant.
    """
    reference = _REFERENCE.fullmatch(text)
    if reference is None:
        # Blanks in the place of what is quoted keep the columns.
        bare = _QUOTED.sub(lambda match: '"' * len(match[0]), text)
        if word := _WORD.search(bare):
            message = 'a saved filter stands alone; quote a word that begins with @: "@word"'
            return Criteria(), (Note(word.start(), len(word[0]), message),)
        return parse(text)
    name = reference[1]
    begin, length = text.index("@"), len(name) + 1
    if name not in saved:
        return Criteria(), (Note(begin, length, unknown(name, saved)),)
    criteria, notes = parse(saved[name])
    return criteria, tuple(Note(begin, length, f"in the filter saved as @{name}: {note.message}") for note in notes[:1])


def written_out(text: str, saved: Mapping[str, str]) -> str:
    """The text itself, or the one that is saved under the name it is."""
    reference = _REFERENCE.fullmatch(text)
    return text if reference is None else saved.get(reference[1], text)


def unknown(name: str, saved: Mapping[str, str]) -> str:
    """That nothing is saved under a name, and what is."""
    known = ", ".join(f"@{other}" for other in sorted(saved)) or "none yet"
    return f"no filter is saved as '@{shown(name)}'; there are: {known}"
