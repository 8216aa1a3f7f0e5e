"""Names of keys: as a person writes them, and as Textual does."""

from __future__ import annotations

import string

from textual.binding import Binding
from textual.keys import Keys

from runicorn_tui.terminal import shows


def _textual(character: str) -> str:
    """Textual's name of the key of one character."""
    if character == ",":
        # Between commas stand several keys.
        return "comma"
    return next(iter(Binding.make_bindings([Binding(character, "")]))).key


_CHARACTERS = {_textual(character): character for character in string.punctuation}
_SHOWN = _CHARACTERS | {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "escape": "esc",
}
_NAMED = {key.value for key in Keys if key.value.isidentifier()} | set(_CHARACTERS)
_ALIASES = {said.casefold(): key for key, said in _SHOWN.items()} | {
    "pgdown": "pagedown",
    "del": "delete",
    " ": "space",
}
_MODIFIERS = ("ctrl", "alt", "shift")
# What Textual calls the bytes that a terminal sends for these.
_ARRIVES_AS = {"ctrl+at": "ctrl+@", "ctrl+slash": "ctrl+underscore"}
# A terminal sends the same for both.
_SENT_AS = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+left_square_bracket": "esc",
    "ctrl+space": "ctrl+@",
    "shift+space": "space",
    "shift+enter": "enter",
}
_ALWAYS_QUIT = ("ctrl+c", "ctrl+q")


class UnknownKey(ValueError):
    """No key that could be used; `str(error)` says why, and what can be written instead."""


def shown(key: str) -> str:
    """Textual's name of a key as a person writes it."""
    modifiers, plus, last = key.rpartition("+")
    said = _SHOWN.get(last, last)
    # An arrow in ASCII would look like another key.
    return modifiers + plus + (said if said.isascii() or not shows.is_ascii else last)


def is_printable(key: str) -> bool:
    """Whether the key types something."""
    return len(key) == 1 or key == "space" or key in _CHARACTERS


def named(text: str) -> str:
    """Textual's name of a key that a person wrote: `X`, `/`, `esc`, `PgUp`, `f5`, `ctrl+x`. Raises UnknownKey."""
    *modifiers, last = [text] if len(text) == 1 else _parts(text)
    base = _base(last)
    if base is None or set(modifiers) - set(_MODIFIERS) or len(set(modifiers)) < len(modifiers):
        raise UnknownKey(
            f"'{text}' is no key; keys are written x, X, /, space, enter, esc, tab, up, PgUp, home, f5, ctrl+x or alt+x"
        )
    if modifiers == ["shift"] and len(base) == 1:
        raise UnknownKey(f"'{text}' is written '{base.upper()}'")
    if "ctrl" in modifiers:
        base = base.lower()
    key = "+".join([*(modifier for modifier in _MODIFIERS if modifier in modifiers), base])
    key = _ARRIVES_AS.get(key, key)
    if key in _SENT_AS:
        raise UnknownKey(f"for '{text}' a terminal sends the same as for {_SENT_AS[key]}: choose another key")
    if key in _ALWAYS_QUIT:
        raise UnknownKey(f"'{text}' always quits: choose another key")
    return key


def _parts(text: str) -> list[str]:
    """`ctrl+x` in two, `ctrl++` too."""
    before, plus, last = (text[:-1] if text.endswith("+") else text).rpartition("+")
    last += "+" if text.endswith("+") else ""
    return [*(before.lower().split("+") if plus else ()), last]


def _base(text: str) -> str | None:
    if len(text) == 1 and text.isprintable() and text != " ":
        return _ALIASES.get(text) or _textual(text)
    lower = text.casefold()
    return _ALIASES.get(lower) or (lower if lower in _NAMED else None)
