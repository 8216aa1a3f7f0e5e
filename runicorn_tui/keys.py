"""The key table: one row a key, feeding bindings, footer, help and the documentation.

A scope is where a key works: "app" everywhere, "table" wherever a list has the focus, "marks" where that can be
marked in, "watchable" and "exportable" on the pages of an experiment that leave these keys free, the rest are
screens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from textual.binding import Binding, BindingType

from runicorn_tui.key_names import shown
from runicorn_tui.terminal import Drawn

Scope = Literal[
    "app",
    "table",
    "marks",
    "groups",
    "columns",
    "chooser",
    "search",
    "filter",
    "saved",
    "naming",
    "tagging",
    "describing",
    "export",
    "experiments",
    "experiment",
    "watchable",
    "exportable",
    "chart",
    "compare",
    "compared",
    "picking",
    "writing",
    "overview",
    "parameters",
    "log",
    "find",
    "files",
    "file",
    "trash",
    "deleted",
    "report",
    "confirm",
    "purging",
    "quitting",
    "help",
]

TYPING: frozenset[Scope] = frozenset(
    ("search", "filter", "naming", "tagging", "describing", "picking", "writing", "find")
)
"""Where letters are typed, so that they can do nothing else."""

TOGETHER: tuple[tuple[Scope, ...], ...] = (
    ("experiments", "marks", "groups", "columns", "table", "app"),
    ("chooser", "table"),
    ("saved", "table"),
    ("experiment", "table", "app"),
    ("chart", "watchable", "experiment", "table", "app"),
    ("overview", "watchable", "experiment", "table", "app"),
    ("parameters", "watchable", "exportable", "experiment", "table", "app"),
    ("compare", "compared", "table", "app"),
    ("log", "experiment", "table", "app"),
    ("log", "file", "table", "app"),
    ("files", "watchable", "exportable", "experiment", "table", "app"),
    ("trash", "table", "app"),
    ("deleted", "marks", "table", "app"),
    ("report", "table", "app"),
    ("confirm", "table"),
    ("purging", "table"),
    *((scope,) for scope in get_args(Scope)),
)
"""Scopes that work at the same time: no key means two things in any of these."""

# Shift and 1 to 9 on an American keyboard: no terminal tells of both.
_SHIFTED_DIGITS = (
    "exclamation_mark",
    "at",
    "number_sign",
    "dollar_sign",
    "percent_sign",
    "circumflex_accent",
    "ampersand",
    "asterisk",
    "left_parenthesis",
)
_MOST_SHOWN = 5
_NEEDED = frozenset(("quit", "back", "close", "done", "cancel", "stay", "help", "palette"))


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a key does.

    `id` is its lasting name; `keys` are Textual's names, of which the footer shows the first,
    with the label or its `short` form. `{place}` in the action is the place of the key among them, from 1 on.
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
    def is_needed(self) -> bool:
        """Whether it must keep a key: there would be no way out without it, or none to the rest."""
        return self.action in _NEEDED

    @property
    def has_places(self) -> bool:
        """Whether each of the keys does something of its own."""
        return "{place}" in self.action

    @property
    def shown(self) -> str:
        """The keys as printed on a keyboard: `↑ k`."""
        if len(self.keys) > _MOST_SHOWN:
            return Drawn(f"{shown(self.keys[0])} … {shown(self.keys[-1])}")
        return " ".join(shown(key) for key in self.keys)

    @property
    def hint(self) -> str:
        """The first key, for the footer; nothing if it has none."""
        return shown(self.keys[0]) if self.keys else ""

    def only(self, place: int) -> Key:
        """With the key of one place alone, from 1 on."""
        return replace(self, keys=self.keys[place - 1 : place])

    def bound(self, scope: Scope) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """What Textual is told: under which id, the keys, and what they do."""
        name = f"{scope}.{self.id}"
        if not self.has_places:
            yield name, self.keys, self.action
        else:
            for place, typed in enumerate(self.keys, 1):
                yield f"{name}.{place}", (typed,), self.action.format(place=place)


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
    Key("undo", ("z",), "undo", "undo a deletion", "Act", ("experiments", "experiment", "trash", "deleted")),
    Key("redo", ("Z",), "redo", "delete them again", "Act", ("experiments", "experiment", "trash", "deleted")),
    Key("trash", ("X",), "trash", "trash", "Act", ("experiments",)),
    Key("pin", ("p",), "pin", "pin or unpin", "Act", ("experiments", "experiment")),
    Key("tags", ("t",), "tags", "change tags", "Act", ("experiments", "experiment")),
    Key("describe", ("E",), "describe", "describe", "Act", ("experiments",)),
    # Among charts E is taken.
    Key("describe-shown", ("D",), "describe", "describe", "Act", ("experiment",)),
    Key("export", ("e",), "export", "export", "Act", ("experiments", "exportable")),
    Key("watch", ("w",), "watch", "tell me when it ends", "Act", ("experiments", "watchable")),
    Key("copy-id", ("y",), "copy_id", "copy the id", "Act", ("experiments", "compare")),
    Key("copy", ("y",), "copy", "copy id, file's path", "Act", ("experiment", "file")),
    Key("copy-directory", ("Y",), "copy_directory", "copy the directory", "Act", ("experiments", "experiment")),
    Key("compare", ("c",), "compare", "compare the marked", "Act", ("experiments",)),
    Key("open", ("enter",), "open", "open", "Act", ("experiments",), True),
    # Choosing what is listed.
    Key("filter", ("slash",), "filter", "filter", "List", ("experiments",), True),
    Key("sort", ("s",), "sort", "sort by next column", "List", ("experiments",), True, "sort"),
    Key("reverse", ("S",), "reverse", "reverse the order", "List", ("experiments",)),
    Key("group", ("O",), "group", "groups on or off", "List", ("experiments",)),
    Key("group-before", ("left_square_bracket",), "next_group(-1)", "group before", "List", ("groups",)),
    Key("group-next", ("right_square_bracket",), "next_group(1)", "next group", "List", ("groups",)),
    Key("preview", ("V",), "preview", "preview on or off", "List", ("experiments",)),
    Key("clear", ("escape",), "clear", "clear groups, filter", "List", ("experiments",)),
    # Columns of a list.
    Key("column-left", ("h", "left"), "column(-1)", "column before", "Columns", ("columns",)),
    Key("column-right", ("l", "right"), "column(1)", "next column", "Columns", ("columns",), True, "column"),
    Key("sort-column", ("o",), "sort_column", "sort by it, reverse", "Columns", ("columns", "chooser"), True, "sort"),
    Key(
        "move-column-left",
        ("less_than_sign",),
        "move_column(-1)",
        "move it to the left",
        "Columns",
        ("columns", "chooser"),
    ),
    Key(
        "move-column-right",
        ("greater_than_sign",),
        "move_column(1)",
        "move it to the right",
        "Columns",
        ("columns", "chooser"),
        True,
        "move",
    ),
    Key("hide-column", ("minus",), "hide_column", "hide it", "Columns", ("columns",), True, "hide"),
    Key("choose-columns", ("C",), "columns", "choose columns", "Columns", ("experiments",)),
    Key("toggle-column", ("space",), "toggle_column", "show or hide", "Columns", ("chooser",), True, "show, hide"),
    Key("search-columns", ("slash",), "search", "search", "Columns", ("chooser",), True),
    Key("columns-done", ("escape", "enter", "q", "C"), "done", "done", "Columns", ("chooser",), True),
    Key("search-done", ("enter", "down"), "done", "to the list", "Search", ("search",), True),
    Key("search-clear", ("escape",), "clear", "clear", "Search", ("search",), True),
    Key("filter-done", ("enter",), "done", "to the list", "Filter", ("filter",), True),
    Key("filter-complete", ("tab",), "complete", "complete", "Filter", ("filter",), True),
    Key("filter-right", ("right",), "right", "take the completion", "Filter", ("filter",)),
    Key("filter-previous", ("up",), "step(-1)", "completion, earlier", "Filter", ("filter",), True, "earlier"),
    Key("filter-next", ("down",), "step(1)", "next, to the list", "Filter", ("filter",)),
    Key("filter-clear", ("escape",), "clear", "close list, clear", "Filter", ("filter",), True, "clear"),
    Key("saved-filters", ("F",), "saved_filters", "saved filters", "Filter", ("experiments",)),
    Key("saved-use", ("enter",), "use", "use", "Saved filters", ("saved",), True),
    Key("saved-save", ("s",), "save", "save the current one", "Saved filters", ("saved",), True, "save current"),
    Key("saved-rename", ("r",), "rename", "rename", "Saved filters", ("saved",), True),
    Key("saved-delete", ("d",), "delete", "delete", "Saved filters", ("saved",), True),
    Key("saved-undo", ("z",), "undo", "undo a deletion", "Saved filters", ("saved",)),
    Key("saved-close", ("escape", "q", "F"), "close", "close", "Saved filters", ("saved",), True),
    Key("name-done", ("enter",), "done", "keep under this name", "Saved filters", ("naming",), True, "keep"),
    Key("name-cancel", ("escape",), "cancel", "cancel", "Saved filters", ("naming",), True),
    # Tags, description, export.
    Key("tags-change", ("enter",), "submit", "change the tags", "Tags", ("tagging",), True, "change"),
    Key("tags-complete", ("tab",), "complete", "complete", "Tags", ("tagging",), True),
    Key("tags-next", ("down",), "candidate(1)", "next tag", "Tags", ("tagging",), True, "next"),
    Key("tags-previous", ("up",), "candidate(-1)", "tag before", "Tags", ("tagging",)),
    Key("tags-cancel", ("escape",), "cancel", "cancel, stop", "Tags", ("tagging",), True, "cancel"),
    Key("description-save", ("ctrl+o", "f2"), "save", "save", "Description", ("describing",), True),
    Key("description-discard", ("y",), "discard", "discard", "Description", ("describing",)),
    Key("description-cancel", ("escape",), "cancel", "cancel", "Description", ("describing",), True),
    Key("export-write", ("enter",), "write", "write", "Export", ("export",), True),
    Key("export-what", ("w",), "turn('what')", "which experiments", "Export", ("export",)),
    Key("export-rows", ("r",), "turn('rows')", "experiments or series", "Export", ("export",)),
    Key("export-columns", ("c",), "turn('columns')", "columns shown or all", "Export", ("export",)),
    Key("export-format", ("f",), "turn('format')", "format", "Export", ("export",)),
    Key("export-name", ("n", "tab"), "name", "name of the file", "Export", ("export",), True, "name"),
    Key("export-replace", ("y",), "replace", "replace the file", "Export", ("export",)),
    Key("export-cancel", ("escape",), "cancel", "cancel, stop", "Export", ("export",), True, "cancel"),
    Key("export-quit", ("q",), "quit", "cancel, or quit", "Export", ("export",)),
    # The trash.
    Key("batch-open", ("enter",), "open", "list the experiments", "Trash", ("trash", "deleted"), True, "open"),
    Key("batch-restore", ("r",), "restore", "restore", "Trash", ("trash", "deleted"), True),
    Key("purge", ("P",), "purge", "remove from disk", "Trash", ("trash", "deleted"), True, "remove for good"),
    Key("purge-journal", ("J",), "journal", "journal of removals", "Trash", ("trash",), True, "journal"),
    Key("hide-emptied", ("h",), "hide_emptied", "hide emptied ones", "Trash", ("trash",), True, "hide emptied"),
    Key("trash-back", ("escape", "q", "X"), "back", "back", "Trash", ("trash", "deleted"), True),
    Key("report-back", ("escape", "q", "enter"), "back", "back", "Everywhere", ("report",), True),
    # One experiment.
    Key("overview", ("1",), "show_tab('overview')", "overview", "Experiment", ("experiment",)),
    Key("parameters", ("2",), "show_tab('parameters')", "parameters", "Experiment", ("experiment",)),
    Key("charts", ("3",), "show_tab('charts')", "charts", "Experiment", ("experiment",)),
    Key("log", ("4",), "show_tab('log')", "log", "Experiment", ("experiment",)),
    Key("files", ("5",), "show_tab('files')", "files", "Experiment", ("experiment",)),
    Key("next-tab", ("tab",), "next_tab(1)", "page", "Experiment", ("experiment",), True),
    Key("previous-tab", ("shift+tab",), "next_tab(-1)", "previous page", "Experiment", ("experiment",)),
    Key("chart-large", ("enter",), "enlarge", "large or side by side", "Chart", ("chart",), True, "large"),
    Key("chart-next", ("n",), "next_metric(1)", "next metric", "Chart", ("chart",), True),
    Key("chart-previous", ("N",), "next_metric(-1)", "previous metric", "Chart", ("chart",)),
    Key("chart-left", ("left",), "aside(-1)", "chart left, pan", "Chart", ("chart",)),
    Key("chart-right", ("right",), "aside(1)", "chart right, pan", "Chart", ("chart",)),
    Key("chart-find", ("slash",), "find_metric", "find a metric", "Chart", ("chart",), True, "find"),
    Key("chart-toggle", ("space",), "toggle_metric", "overlay", "Chart", ("chart",)),
    Key("zoom-in", ("plus", "equals_sign"), "zoom_in", "zoom", "Chart", ("chart",), True),
    Key("zoom-out", ("minus",), "zoom_out", "zoom out", "Chart", ("chart", "compare")),
    Key("pan-left", ("h",), "pan(-1)", "pan left", "Chart", ("chart", "compare")),
    Key("pan-right", ("l",), "pan(1)", "pan right", "Chart", ("chart", "compare")),
    Key("zoom-reset", ("0",), "zoom_reset", "all, no crosshair", "Chart", ("chart", "compare")),
    Key("crosshair-left", ("left_square_bracket",), "crosshair(-1)", "crosshair", "Chart", ("chart", "compare")),
    Key("crosshair-right", ("right_square_bracket",), "crosshair(1)", "crosshair right", "Chart", ("chart", "compare")),
    Key("axis", ("x",), "axis", "steps or time", "Chart", ("chart", "compare"), True, "axis"),
    Key("log-scale", ("L",), "log_scale", "logarithmic", "Chart", ("chart", "compare")),
    Key("smoothing", ("E",), "smoothing(1)", "smooth more", "Chart", ("chart", "compare")),
    Key("smoothing-less", ("e",), "smoothing(-1)", "smooth less", "Chart", ("chart", "compare")),
    Key("clip", ("o",), "clip", "clip outliers", "Chart", ("chart", "compare")),
    Key("marker", ("m",), "marker", "braille, blocks, ASCII", "Chart", ("chart", "compare")),
    # Several experiments beside each other. `=` is taken there.
    Key("compare-experiment-left", ("left",), "experiment(-1)", "experiment before", "Compare", ("compared",)),
    Key("compare-experiment-right", ("right",), "experiment(1)", "next experiment", "Compare", ("compared",)),
    Key("compare-open", ("enter",), "open", "open", "Compare", ("compare",)),
    Key("compare-metric", ("n",), "next_metric(1)", "next metric", "Compare", ("compare",), True, "metric"),
    Key("compare-metric-back", ("N",), "next_metric(-1)", "previous metric", "Compare", ("compare",)),
    Key("compare-find", ("slash",), "find_metric", "find a metric", "Compare", ("compare",)),
    Key("compare-baseline", ("b",), "baseline", "baseline or none", "Compare", ("compare",), True, "baseline"),
    Key("compare-equal", ("equals_sign",), "equal_rows", "equal rows too", "Compare", ("compare",), True, "equal"),
    Key("compare-scatter", ("P",), "scatter", "scatter or lines", "Compare", ("compare",), True, "scatter"),
    Key("compare-all", ("a",), "all_points", "scatter all that match", "Compare", ("compare",)),
    Key("compare-hide", tuple("123456789"), "hide({place})", "hide its line", "Compare", ("compare",)),
    Key("compare-hide-this", ("space",), "hide", "hide this line", "Compare", ("compare",), True, "hide"),
    Key("compare-solo", _SHIFTED_DIGITS, "solo({place})", "its line alone", "Compare", ("compare",)),
    Key("compare-solo-this", ("s",), "solo", "this line alone", "Compare", ("compare",)),
    Key("compare-drop", ("u",), "drop", "out of the comparison", "Compare", ("compare",)),
    Key("compare-panes", ("tab",), "panes", "chart, table or both", "Compare", ("compare",)),
    Key("compare-write", ("w",), "write", "write the table", "Compare", ("compare",)),
    Key("compare-zoom-in", ("plus",), "zoom_in", "zoom", "Chart", ("compare",)),
    Key("pick", ("enter",), "pick", "choose", "Pick", ("picking",), True),
    Key("pick-next", ("down",), "move(1)", "next", "Pick", ("picking",), True),
    Key("pick-previous", ("up",), "move(-1)", "previous", "Pick", ("picking",)),
    Key("pick-page-down", ("pagedown",), "page(1)", "a page down", "Pick", ("picking",)),
    Key("pick-page-up", ("pageup",), "page(-1)", "a page up", "Pick", ("picking",)),
    Key("pick-cancel", ("escape",), "cancel", "cancel", "Pick", ("picking",), True),
    Key("write", ("enter",), "write", "write", "Write", ("writing",), True),
    Key("write-form", ("tab",), "form", "CSV, JSON, Markdown", "Write", ("writing",), True, "format"),
    Key("write-cancel", ("escape",), "cancel", "cancel", "Write", ("writing",), True),
    Key("environment", ("e",), "variables", "environment variables", "Overview", ("overview",), True, "variables"),
    Key("parameter-search", ("slash",), "search", "search", "Parameters", ("parameters",), True),
    Key("follow", ("F",), "follow", "follow", "Log", ("log",), True),
    Key("find", ("slash",), "find", "find", "Log", ("log",), True),
    Key("find-next", ("n",), "find_next(1)", "next match", "Log", ("log",), True),
    Key("find-previous", ("N",), "find_next(-1)", "previous match", "Log", ("log",)),
    Key("first-error", ("e",), "error(0)", "first error", "Log", ("log",), True, "error"),
    Key("next-error", ("right_square_bracket",), "error(1)", "next error", "Log", ("log",)),
    Key("previous-error", ("left_square_bracket",), "error(-1)", "previous error", "Log", ("log",)),
    Key("wrap", ("w",), "wrap", "wrap long lines", "Log", ("log",), True, "wrap"),
    Key("collapse", ("c",), "collapse", "collapse progress", "Log", ("log",)),
    Key("pager", ("o",), "pager", "open in the pager", "Log", ("log",)),
    Key("other-file", ("f",), "other_file", "next log file", "Log", ("log",)),
    Key("find-done", ("enter",), "done", "find", "Log", ("find",), True),
    Key("find-cancel", ("escape",), "cancel", "stop finding", "Log", ("find",), True),
    Key("file-open", ("enter",), "open", "look into the file", "Files", ("files",), True, "open"),
    Key("file-sort", ("s",), "sort", "size, name or time", "Files", ("files",), True, "sort"),
    Key("file-reverse", ("S",), "reverse", "reverse the order", "Files", ("files",)),
    Key("file-search", ("slash",), "search", "search", "Files", ("files",), True),
    Key("file-back", ("escape", "q"), "back", "back", "Everywhere", ("file",), True),
    Key("experiment-back", ("escape", "q"), "back", "back", "Everywhere", ("experiment", "compare"), True),
    # Everywhere.
    Key("reload", ("r",), "reload", "reload", "Everywhere", ("experiments", "experiment", "compare")),
    Key("server", ("W",), "toggle_server", "REST server on/off", "Everywhere", ("app",)),
    Key("palette", ("ctrl+p",), "palette", "find what to do", "Everywhere", ("app",)),
    Key("command", ("colon",), "palette(':')", "commands, as :curl", "Everywhere", ("app",)),
    Key("help", ("question_mark",), "help", "help", "Everywhere", ("app",), True),
    Key("quit", ("q",), "quit", "quit", "Everywhere", ("experiments",)),
    Key("help-close", ("escape", "q", "question_mark", "enter"), "close", "close", "Help", ("help",), True),
    # The delete dialog.
    Key("confirm", ("y",), "confirm", "move to trash", "Confirm", ("confirm",)),
    Key(
        "confirm-number",
        ("enter",),
        "confirm_number",
        "go on, once the number is typed",
        "Confirm",
        ("confirm", "purging"),
    ),
    Key("take-running", ("r",), "toggle_running", "take running ones along", "Confirm", ("confirm",)),
    Key("take-pinned", ("p",), "toggle_pinned", "take pinned ones along", "Confirm", ("confirm",)),
    Key("reason", ("e", "tab"), "reason", "write a reason", "Confirm", ("confirm",)),
    Key("cancel", ("escape", "n"), "cancel", "cancel, stop", "Confirm", ("confirm", "purging")),
    Key("cancel-or-quit", ("q",), "quit", "cancel, or quit", "Confirm", ("confirm", "purging")),
    Key("quit-anyway", ("q", "y"), "quit", "quit all the same", "Quit", ("quitting",)),
    Key("stay", ("escape", "n"), "stay", "stay", "Quit", ("quitting",)),
)


BY_BINDING: dict[str, tuple[Key, int | None]] = {
    name: (replace(key, scopes=(scope,)), place if key.has_places else None)
    for key in KEYS
    for scope in key.scopes
    for place, (name, _, _) in enumerate(key.bound(scope), 1)
}
"""By the id that Textual knows: the row in one scope, and which of its places."""


def of(*scopes: Scope) -> Iterator[Key]:
    """The rows that work in any of these scopes, in table order, each with those of its scopes."""
    for key in KEYS:
        if found := tuple(scope for scope in key.scopes if scope in scopes):
            yield replace(key, scopes=found)


def bindings(scope: Scope) -> list[BindingType]:
    """For a `BINDINGS` of Textual: one binding a row, under the scope and the row's id."""
    return [
        Binding(",".join(typed), action, key.label, show=key.in_footer, id=name)
        for key in KEYS
        if scope in key.scopes
        for name, typed, action in key.bound(scope)
    ]


def grouped(keys: Iterable[Key]) -> dict[str, list[Key]]:
    """By help group, both in table order."""
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key)
    return groups
