"""The key table: one row a key, feeding bindings, footer, help and the documentation.

A scope is where a key works: "app" everywhere, "table" wherever a list has the focus, "marks" where that can be
marked in, the rest are screens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Scope = Literal[
    "app", "table", "marks", "filter", "experiments", "experiment", "chart", "log", "find", "trash", "confirm", "help"
]

_SHOWN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+up": "shift+↑",
    "shift+down": "shift+↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "escape": "esc",
    "slash": "/",
    "question_mark": "?",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a key does.

    `id` is its lasting name; `keys` are Textual's names, of which the footer shows the first,
    with the label or its `short` form.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    group: str
    scopes: tuple[Scope, ...]
    in_footer: bool = False
    short: str = ""

    @property
    def shown(self) -> str:
        """The keys as printed on a keyboard: `↑ k`."""
        return " ".join(shown(key) for key in self.keys)

    @property
    def hint(self) -> str:
        """The first key, for the footer."""
        return shown(self.keys[0])


def shown(key: str) -> str:
    """Textual's name of a key as a person writes it."""
    return _SHOWN.get(key, key)


KEYS: tuple[Key, ...] = (
    # Moving in any list.
    Key("up", ("up", "k"), "move(-1)", "up", "Move", ("table",)),
    Key("down", ("down", "j"), "move(1)", "down", "Move", ("table",)),
    Key("page-up", ("pageup",), "page(-1)", "a page up", "Move", ("table",)),
    Key("page-down", ("pagedown",), "page(1)", "a page down", "Move", ("table",)),
    Key("first", ("home", "g"), "first", "to the first", "Move", ("table",)),
    Key("last", ("end", "G"), "last", "to the last", "Move", ("table",)),
    # Marking experiments.
    Key("mark", ("space",), "mark", "mark", "Mark", ("marks",), True),
    Key("range", ("v",), "range", "mark a range", "Mark", ("marks",), True, "range"),
    Key("extend-up", ("shift+up", "K"), "extend(-1)", "mark upwards", "Mark", ("marks",)),
    Key("extend-down", ("shift+down", "J"), "extend(1)", "mark downwards", "Mark", ("marks",)),
    Key("mark-all", ("a",), "mark_all", "mark all that match", "Mark", ("marks",), True, "all"),
    Key("invert", ("i",), "invert", "invert the marks", "Mark", ("marks",)),
    Key("unmark", ("U",), "unmark", "clear the marks", "Mark", ("marks",)),
    # Acting on experiments.
    Key("delete", ("d",), "delete", "delete", "Act", ("experiments", "experiment"), True),
    Key("undo", ("z",), "undo", "undo a deletion", "Act", ("experiments", "trash")),
    Key("trash", ("X",), "trash", "trash", "Act", ("experiments",)),
    Key("pin", ("p",), "pin", "pin or unpin", "Act", ("experiments",)),
    Key("copy-id", ("y",), "copy_id", "copy the id", "Act", ("experiments", "experiment")),
    Key("open", ("enter",), "open", "open", "Act", ("experiments",), True),
    # Choosing what is listed.
    Key("filter", ("slash",), "filter", "filter", "List", ("experiments",), True),
    Key("sort", ("s",), "sort", "sort by next column", "List", ("experiments",), True, "sort"),
    Key("reverse", ("S",), "reverse", "reverse the order", "List", ("experiments",)),
    Key("clear", ("escape",), "clear", "clear filter, marks", "List", ("experiments",)),
    Key("filter-done", ("enter", "down"), "done", "to the list", "Filter", ("filter",), True),
    Key("filter-clear", ("escape",), "clear", "clear the filter", "Filter", ("filter",), True),
    # The trash.
    Key("batch-open", ("enter",), "open", "list the experiments", "Trash", ("trash",), True, "open"),
    Key("batch-restore", ("r",), "restore", "restore", "Trash", ("trash",), True),
    Key("trash-back", ("escape", "q", "X"), "back", "back", "Trash", ("trash",), True),
    # One experiment.
    Key("overview", ("1",), "show_tab('overview')", "overview", "Experiment", ("experiment",)),
    Key("parameters", ("2",), "show_tab('parameters')", "parameters", "Experiment", ("experiment",)),
    Key("charts", ("3",), "show_tab('charts')", "charts", "Experiment", ("experiment",)),
    Key("log", ("4",), "show_tab('log')", "log", "Experiment", ("experiment",)),
    Key("next-tab", ("tab",), "next_tab(1)", "page", "Experiment", ("experiment",), True),
    Key("previous-tab", ("shift+tab",), "next_tab(-1)", "previous page", "Experiment", ("experiment",)),
    Key("chart-next", ("n",), "next_metric(1)", "next metric", "Chart", ("chart",), True),
    Key("chart-previous", ("N",), "next_metric(-1)", "previous metric", "Chart", ("chart",)),
    Key("chart-toggle", ("space",), "toggle_metric", "overlay", "Chart", ("chart",), True),
    Key("chart-only", ("enter",), "only_metric", "this metric alone", "Chart", ("chart",)),
    Key("zoom-in", ("plus", "equals_sign"), "zoom_in", "zoom", "Chart", ("chart",), True),
    Key("zoom-out", ("minus",), "zoom_out", "zoom out", "Chart", ("chart",)),
    Key("pan-left", ("h", "left"), "pan(-1)", "pan left", "Chart", ("chart",)),
    Key("pan-right", ("l", "right"), "pan(1)", "pan right", "Chart", ("chart",)),
    Key("zoom-reset", ("0",), "zoom_reset", "whole range, no crosshair", "Chart", ("chart",)),
    Key("crosshair-left", ("left_square_bracket",), "crosshair(-1)", "crosshair", "Chart", ("chart",), True),
    Key("crosshair-right", ("right_square_bracket",), "crosshair(1)", "crosshair right", "Chart", ("chart",)),
    Key("log-scale", ("L",), "log_scale", "logarithmic", "Chart", ("chart",), True),
    Key("smoothing", ("E",), "smoothing", "smooth", "Chart", ("chart",)),
    Key("marker", ("m",), "marker", "braille, blocks or ASCII", "Chart", ("chart",)),
    Key("follow", ("F",), "follow", "follow", "Log", ("log",), True),
    Key("find", ("slash",), "find", "find", "Log", ("log",), True),
    Key("find-next", ("n",), "find_next(1)", "next match", "Log", ("log",), True),
    Key("find-previous", ("N",), "find_next(-1)", "previous match", "Log", ("log",)),
    Key("find-done", ("enter",), "done", "find", "Log", ("find",), True),
    Key("find-cancel", ("escape",), "cancel", "stop finding", "Log", ("find",), True),
    Key("experiment-back", ("escape", "q"), "back", "back", "Everywhere", ("experiment",), True),
    # Everywhere.
    Key("reload", ("r",), "reload", "reload", "Everywhere", ("experiments", "experiment")),
    Key("server", ("W",), "toggle_server", "REST server on/off", "Everywhere", ("app",)),
    Key("help", ("question_mark",), "help", "help", "Everywhere", ("app",), True),
    Key("quit", ("q",), "quit", "quit", "Everywhere", ("experiments",)),
    Key("help-close", ("escape", "q", "question_mark", "enter"), "close", "close", "Help", ("help",), True),
    # The delete dialog.
    Key("confirm", ("y",), "confirm", "move to trash", "Confirm", ("confirm",)),
    Key(
        "confirm-number",
        ("enter",),
        "confirm_number",
        "move to trash, once the number is typed",
        "Confirm",
        ("confirm",),
    ),
    Key("take-running", ("r",), "toggle_running", "take running ones along", "Confirm", ("confirm",)),
    Key("take-pinned", ("p",), "toggle_pinned", "take pinned ones along", "Confirm", ("confirm",)),
    Key("reason", ("e", "tab"), "reason", "write a reason", "Confirm", ("confirm",)),
    Key("cancel", ("escape", "q", "n"), "cancel", "cancel", "Confirm", ("confirm",)),
)


def of(*scopes: Scope) -> Iterator[Key]:
    """The rows that work in any of these scopes, in table order."""
    return (key for key in KEYS if any(scope in key.scopes for scope in scopes))


def bindings(scope: Scope) -> list[BindingType]:
    """For a `BINDINGS` of Textual: one binding a row, under the row's id."""
    return [
        Binding(",".join(key.keys), key.action, key.label, show=key.in_footer, id=f"{scope}.{key.id}")
        for key in KEYS
        if scope in key.scopes
    ]


def grouped(keys: Iterable[Key]) -> dict[str, list[Key]]:
    """By help group, both in table order."""
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key)
    return groups
