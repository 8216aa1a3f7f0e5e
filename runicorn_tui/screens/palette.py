"""Everything that can be done where one is, found by a few letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode
from textual.fuzzy import Matcher
from textual.screen import Screen

from runicorn_tui import keys
from runicorn_tui.screens.pick import Picking
from runicorn_tui.widgets.line_layout import Column

if TYPE_CHECKING:
    from runicorn_tui.app import RunicornApp

_COMMANDS = "Commands"
# The palette itself, by its two keys.
_OWN = frozenset(("palette", "command"))
# What is done on another screen is found by the key that goes there.
_LEADS_TO: Mapping[str, tuple[keys.Scope, ...]] = {"trash": ("trash",)}
_LATE = {"Move": 1, _COMMANDS: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that can be done: `action` of `node`. `label` is what is shown, `key` does the same.

    `name` finds it too: what the key table and the code call it.
    """

    label: str
    note: str
    key: str
    group: str
    action: str
    node: DOMNode
    name: str = ""


def entries(app: RunicornApp) -> list[Entry]:
    """What works on the screen that is shown, by the key table, and the commands that are typed."""
    found = [*_keyed(app), *_typed(app)]
    return sorted(found, key=lambda entry: _LATE.get(entry.group, 0))


def _keyed(app: RunicornApp) -> Iterator[Entry]:
    active: dict[str, tuple[DOMNode, str]] = {}
    for node, binding, is_enabled, _ in app.screen.active_bindings.values():
        if is_enabled and binding.id is not None:
            active.setdefault(binding.id, (node, binding.action))
    for name, (row, place) in keys.BY_BINDING.items():
        if name in active and row.id not in _OWN:
            node, action = active[name]
            live = app.keymap.live(row)
            key = live.shown if place is None else live.only(place).shown
            label = row.label if place is None else f"{row.label} {place}"
            called = " ".join(_names(row))
            yield Entry(label=label, note="", key=key, group=row.group, action=action, node=node, name=called)


def _names(row: keys.Key) -> Iterator[str]:
    for found in (row, *keys.of(*_LEADS_TO.get(row.id, ()))):
        yield from (found.id, found.action.partition("(")[0])


def _typed(app: RunicornApp) -> Iterator[Entry]:
    screen: Screen[Any] = app.screen
    here: Mapping[str, tuple[str, str]] = getattr(screen, "TYPED_COMMANDS", {})
    for node, commands in ((screen, here), (app, app.TYPED_COMMANDS | _themes(app))):
        for name, (action, note) in commands.items():
            yield Entry(label=name, note=note, key="", group=_COMMANDS, action=action, node=node)


def _themes(app: RunicornApp) -> dict[str, tuple[str, str]]:
    return {
        f":theme {name}": (f"theme({name!r})", "the colours in use" if name == app.theme else "other colours")
        for name in sorted(app.available_themes)
    }


class PaletteScreen(Picking[Entry]):
    """Closes with what is to be done. After a colon only commands are found."""

    def __init__(self, offered: Sequence[Entry], text: str = "") -> None:
        super().__init__("What to do here", text=text, placeholder="letters of it, or : and a command")
        self._offered = offered

    @property
    def absent(self) -> str:
        return "Nothing that works here is called so"

    def columns(self) -> Sequence[Column[Entry]]:
        return [
            Column(id="label", title="", width=26, rank=0, text=lambda entry: entry.label),
            Column(id="about", title="", width=28, rank=1, tone="muted", text=lambda entry: entry.note or entry.group),
            Column(id="key", title="", width=10, rank=1, is_right=True, text=lambda entry: entry.key),
        ]

    def found(self, text: str) -> Sequence[Entry]:
        text = text.strip()
        if not text:
            return self._offered
        matcher = Matcher(text)

        def score(entry: Entry) -> float:
            if text.startswith(":") and not entry.label.startswith(":"):
                return 0
            return matcher.match(entry.label) or matcher.match(f"{entry.group} {entry.label}") / 2

        scored = [(score(entry), entry) for entry in self._offered]
        # Equally good ones stay as they were.
        labelled = [entry for points, entry in sorted(scored, key=lambda found: -found[0]) if points]
        if text.startswith(":"):
            return labelled
        called = [entry for points, entry in scored if not points and text.casefold() in entry.name]
        return [*labelled, *called]

    def place(self, rows: Sequence[Entry]) -> int:
        return 0
