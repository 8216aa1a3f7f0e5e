"""Changes of tags as a person writes them: `keep best -old "two words"`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from runicorn_db.errors import InvalidQuery
from runicorn_db.query import shown
from runicorn_tui.terminal import harmless

_WORD = re.compile(r'(-?)(?:"((?:[^"\\]|\\.)*)"|([^\s,"-][^\s,"]*))(?=[\s,]|$)', re.DOTALL)
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")
_PLAIN = re.compile(r'[^\s,"-][^\s,"]*')


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """Tags to be added and tags to be taken away, each as it was written first."""

    add: Sequence[str] = ()
    remove: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)

    def __str__(self) -> str:
        return " ".join([*(f"+{write_tag(tag)}" for tag in self.add), *(f"-{write_tag(tag)}" for tag in self.remove)])


def read_change(text: str) -> TagChange:
    """Words between blanks or commas; a minus sign takes away, double quotes hold together. Raises InvalidQuery."""
    add: dict[str, None] = {}
    remove: dict[str, None] = {}
    at = _begin(text, 0)
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise InvalidQuery(f"Not a tag: {shown(text[at:])}")
        minus, quoted, plain = match.groups()
        tag = plain if quoted is None else _ESCAPED.sub(_unescaped, quoted)
        if not tag.strip():
            raise InvalidQuery("A tag must not be empty")
        # One that a tracker wrote may have blanks around it, and can be taken away.
        (remove if minus else add)[tag if minus else tag.strip()] = None
        at = _begin(text, match.end())
    if both := add.keys() & remove.keys():
        raise InvalidQuery(f"'{shown(min(both))}' is to be both added and removed")
    return TagChange(add=tuple(add), remove=tuple(remove))


def _begin(text: str, at: int) -> int:
    """Where the next word begins."""
    match = _BETWEEN.match(text, at)
    assert match is not None, "nothing at all is between words too"
    return match.end()


def read_tags(text: str) -> tuple[str, ...]:
    """Tags without a minus sign before any. Raises InvalidQuery."""
    change = read_change(text)
    if change.remove:
        raise InvalidQuery(f"A tag that begins with - is written in double quotes, not as '-{shown(change.remove[0])}'")
    return tuple(change.add)


def write_tag(tag: str) -> str:
    """As `read_change` reads it, and harmless to show."""
    if _PLAIN.fullmatch(tag) and harmless(tag) == tag:
        return tag
    return '"' + harmless(tag.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits is None:
        return match[4]
    code = int(digits, 16)
    return chr(code) if code <= sys.maxunicode else match[0]


def begun(text: str) -> tuple[str, str, str]:
    """The last word while it is typed: what is before it, its minus sign or nothing, its letters."""
    start = 0
    is_quoted = False
    for place, character in enumerate(text):
        if character == '"':
            is_quoted = not is_quoted
        elif character in " ,\t" and not is_quoted:
            start = place + 1
    word = text[start:]
    minus = "-" if word.startswith("-") else ""
    return text[:start], minus, word.removeprefix("-").strip('"')
