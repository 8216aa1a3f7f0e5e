"""Which key does what for this user: the key table, changed by a file.

`keys.toml` beside the user's settings: `delete = "x"`, `"experiments.delete" = ["x", "ctrl+x"]`, `range = ""`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runicorn_tui import keys
from runicorn_tui.key_names import UnknownKey, is_printable, named, shown
from runicorn_tui.keys import Key, Scope
from runicorn_tui.settings import InvalidSetting, user_file

_DIGITS = frozenset((*"0123456789", "backspace"))
"""What a number is typed with, where one is asked for."""
_ASKS_FOR_NUMBER: frozenset[Scope] = frozenset(("confirm", "purging"))
_WITH_PALETTE = frozenset(scope for scopes in keys.TOGETHER if "app" in scopes for scope in scopes) | {"filter"}
"""Where the palette finds what has no key."""
_LIST = "runicorn-tui keys lists them"


def keys_file() -> Path:
    """Where the keys of this user are read from."""
    return user_file().with_name("keys.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keymap:
    """The key table as it is in force. `changed`: scope and id of a row -> Textual's names of its keys, or none."""

    changed: Mapping[tuple[Scope, str], tuple[str, ...]] = field(default_factory=dict[tuple[Scope, str], Any])

    def of(self, *scopes: Scope) -> Iterator[Key]:
        """As `keys.of`, each row with the keys in force; with none where it was taken off the keyboard."""
        return map(self.live, keys.of(*scopes))

    def live(self, row: Key) -> Key:
        """The row with the keys it has in the first of its scopes."""
        found = self.changed.get((row.scopes[0], row.id))
        return row if found is None else replace(row, keys=found)

    def rows(self) -> Iterator[Key]:
        """The whole table; a row that has other keys in one place than in another comes once for each."""
        for row in keys.KEYS:
            scopes: dict[tuple[str, ...], list[Scope]] = {}
            for scope in row.scopes:
                scopes.setdefault(self.live(replace(row, scopes=(scope,))).keys, []).append(scope)
            for found, where in scopes.items():
                yield replace(row, keys=found, scopes=tuple(where))

    def hint(self, id: str) -> str:
        """The first key of a row, for a sentence; where it has none, the one by which anything is found."""
        row = next(self.live(row) for row in keys.KEYS if row.id == id)
        return row.hint or self.hint("palette")

    def of_bindings(self) -> dict[str, str]:
        """What Textual's `set_keymap` takes."""
        found: dict[str, str] = {}
        for name, (row, place) in keys.BY_BINDING.items():
            if (row.scopes[0], row.id) in self.changed:
                live = self.live(row) if place is None else self.live(row).only(place)
                # Textual keeps the key of the table for what is to have none: it gets one that nobody can press.
                found[name] = ",".join(live.keys) or f"no key.{name}"
        return found


def load(path: Path | None = None) -> Keymap:
    """The key table, changed by the file of this user, if there is one.

    Raises InvalidSetting, which names the file, the name in it and the way out, for the first thing that is wrong.
    """
    path = path or keys_file()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Keymap()
    except OSError as error:
        raise InvalidSetting(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSetting(f"{path}: not valid TOML: {error}") from error
    try:
        return _read(dict(_flat(document)))
    except _Wrong as error:
        raise InvalidSetting(f"{path}: {error}") from error


class _Wrong(ValueError):
    """Something in the file, without its name."""


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """`experiments.delete = "x"` is a table in a table; whoever writes it means a name with a dot."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield before + name, value


def _read(document: Mapping[str, Any]) -> Keymap:
    changed: dict[tuple[Scope, str], tuple[str, ...]] = {}
    names: dict[tuple[Scope, str], str] = {}
    # What names its scope wins over what does not.
    for name, value in sorted(document.items(), key=lambda item: "." in item[0]):
        row = _row(name)
        found = _keys(name, row, value)
        for scope in row.scopes:
            changed[scope, row.id] = found
            names[scope, row.id] = name
    keymap = Keymap(changed=changed)
    for scopes in keys.TOGETHER:
        _check(list(keymap.of(*scopes)), scopes, names)
    return keymap


def _row(name: str) -> Key:
    rows = {row.id: row for row in keys.KEYS}
    rows |= {f"{scope}.{row.id}": replace(row, scopes=(scope,)) for row in keys.KEYS for scope in row.scopes}
    if name not in rows:
        close = difflib.get_close_matches(name, rows, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else ";"
        raise _Wrong(f"there is no action '{name}'{meant} {_LIST}")
    return rows[name]


def _keys(name: str, row: Key, value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):  # pyright: ignore[reportUnknownVariableType]
        raise _Wrong(f'{name} must be a key or a list of keys, such as "x" or ["x", "ctrl+x"], not {value!r}')
    try:
        found = tuple(dict.fromkeys(named(text) for text in texts if text))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    except UnknownKey as error:
        raise _Wrong(f"{name}: {error}") from error
    if not found and row.is_needed:
        raise _Wrong(f"{name}: needs a key, because there would be no other way to '{row.label}'")
    without = [f"'{scope}'" for scope in row.scopes if scope not in _WITH_PALETTE]
    if not found and without:
        elsewhere = [f"'{scope}.{row.id}'" for scope in row.scopes if scope in _WITH_PALETTE]
        instead = f"; elsewhere {', '.join(elsewhere)} can go without" if elsewhere else ""
        raise _Wrong(
            f"{name}: needs a key in {', '.join(without)}, because the palette, which would find it, does not work"
            f" there{instead}"
        )
    if row.has_places and len(found) > len(row.keys):
        raise _Wrong(f"{name}: takes at most {len(row.keys)} keys, one for each place, not {len(found)}")
    typing = sorted(keys.TYPING.intersection(row.scopes))
    letter = next((key for key in found if is_printable(key) and key not in row.keys), None)
    if typing and letter is not None:
        raise _Wrong(f"{name}: '{shown(letter)}' is typed as a letter there: choose a key like ctrl+x or f5")
    return found


def _check(rows: Iterable[Key], scopes: Iterable[Scope], names: Mapping[tuple[Scope, str], str]) -> None:
    """No key means two things among rows that work at the same time. `names` are those of the file."""
    taken: dict[str, Key] = {}
    asks_for_number = not _ASKS_FOR_NUMBER.isdisjoint(scopes)
    for row in rows:
        mine = names.get((row.scopes[0], row.id))
        for key in row.keys:
            if asks_for_number and mine is not None and key in _DIGITS:
                raise _Wrong(f"{mine}: '{shown(key)}' types the number that is asked for there: choose another key")
            other = taken.setdefault(key, row)
            if other is not row:
                changed, said = (row, other) if mine is not None else (other, row)
                name = names[changed.scopes[0], changed.id]
                everywhere = next(row.scopes for row in keys.KEYS if row.id == changed.id)
                places = ", ".join(f"'{scope}.{changed.id}'" for scope in everywhere)
                where = f", or say where: {places}" if len(everywhere) > 1 and name == changed.id else ""
                raise _Wrong(
                    f"{name}: '{shown(key)}' is the key of '{said.id}' ({said.label}) in the same place: choose"
                    f" another key, give '{said.id}' another one{where}"
                )
