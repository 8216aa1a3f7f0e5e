"""What the browser remembers from one start to the next: one small file in the user's state directory, never in a root.

A further thing to remember is a further field of `State`; whoever changes it says so with `Memory.remember`.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import platformdirs

from runicorn_tui.saved_filters import is_name
from runicorn_tui.settings import APP_NAME

VERSION = 1
MOST_MARKS = 10_000
MOST_HISTORY = 50
_MOST_INDEXES = 100
_EVERYWHERE = {"is_everywhere": True}
"""For the metadata of a field that is remembered once, not for each index."""
_KEPT = {"is_kept": True}
"""For the metadata of a field that is no place to begin at: it is known however the browser begins."""


@dataclass(slots=True, kw_only=True)
class State:
    """Texts, truth values, lists of texts and texts by name, each with what holds when nothing is remembered."""

    columns: list[str] = field(default_factory=list[str])
    """As `ColumnChoice.ids` writes them; none: those that are shown without a choice."""
    order_by: str = ""
    """The id of a column."""
    order_desc: bool = True
    group_by: str = ""
    """As `parse_group_by` reads it; empty: no groups."""
    filter: str = ""
    marks: list[str] = field(default_factory=list[str])
    """Ids of experiments."""
    watched: list[str] = field(default_factory=list[str])
    """Ids of experiments whose end is to be told."""
    preview: bool = field(default=True, metadata=_EVERYWHERE)
    """Whether the pane beside the list is shown where there is room."""
    theme: str = field(default="", metadata=_EVERYWHERE | _KEPT)
    has_seen_hints: bool = field(default=False, metadata=_EVERYWHERE | _KEPT)
    """Whether this person was told how to begin."""
    history: list[str] = field(default_factory=list[str], metadata=_KEPT)
    """Filters that were used, the latest last."""
    saved_filters: dict[str, str] = field(default_factory=dict[str, str], metadata=_EVERYWHERE | _KEPT)
    """Name -> filter; a change gives None for a name that goes, and leaves the other names as they are."""


def state_file() -> Path:
    """Where this user's browser remembers."""
    return platformdirs.user_state_path(APP_NAME) / "state.json"


class Memory:
    """The state of one index in `file`, which other indexes and other programs that run now share.

    Reading forgives everything: a file that is damaged counts as empty. One that a newer version wrote is neither
    read nor written. Only what has changed is written, over what the file holds by then.
    """

    def __init__(self, file: Path, index: Path) -> None:
        self.state = State()
        self._file = file
        self._index = str(index.resolve())
        self._changed: dict[str, object] = {}
        # Noting never waits for the disk.
        self._noting = threading.Lock()
        self._writing = threading.Lock()

    def load(self, *, restore: bool = True) -> None:
        """Takes over what is remembered; without `restore` only what is no place to begin at."""
        document = self._read()
        if document is None:
            return
        known = _part(document, "everywhere") | _part(_part(document, "indexes"), self._index)
        hints = get_type_hints(State)
        for of_state in fields(State):
            name = of_state.name
            if (restore or "is_kept" in of_state.metadata) and name in known and _is_a(known[name], hints[name]):
                setattr(self.state, name, known[name])

    def remember(self, **changes: object | Callable[[], object]) -> None:
        """Notes new values of fields of `State`; a function gives its value when `write` calls it."""
        with self._noting:
            self._changed = _together(self._changed, changes)

    def write(self) -> None:
        """Writes what was noted; waits for the disk. Raises OSError, and then still knows what was noted."""
        with self._writing:
            with self._noting:
                changed, self._changed = self._changed, {}
            if not changed:
                return
            try:
                values = {name: value() if callable(value) else value for name, value in changed.items()}
                document = self._read()
                if document is not None:
                    self._write(self._merged(document, values))
            except OSError:
                with self._noting:
                    self._changed = _together(changed, self._changed)
                raise

    def _merged(self, document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        of_all = {f.name for f in fields(State) if "is_everywhere" in f.metadata}
        everywhere = _part(document, "everywhere")
        everywhere = _without_none(_together(everywhere, {k: v for k, v in values.items() if k in of_all}))
        indexes = _part(document, "indexes")
        own = _part(indexes, self._index) | {k: v for k, v in values.items() if k not in of_all}
        indexes[self._index] = own | {"used_at": time.time()}
        newest = sorted(indexes, key=lambda index: _used_at(indexes[index]), reverse=True)[:_MOST_INDEXES]
        return document | {
            "version": VERSION,
            "everywhere": everywhere,
            "indexes": {index: indexes[index] for index in newest},
        }

    def saved_filters(self) -> dict[str, str]:
        """What is saved by now, by this browser or another program; waits for the disk."""
        # Between noting and the file a change is in neither.
        with self._writing, self._noting:
            noted = _part(self._changed, "saved_filters")
            saved = saved_filters(self._file) | noted
        return {name: text for name, text in saved.items() if text is not None}

    def _read(self) -> dict[str, Any] | None:
        return _document(self._file)

    def _write(self, document: dict[str, Any]) -> None:
        """A new file in the place of the old one, so that nobody ever reads half of one; for this user alone."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
        try:
            with open(number, "w", encoding="utf-8") as file:
                json.dump(document, file)
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink()
            raise


def saved_filters(file: Path) -> dict[str, str]:
    """Name -> filter: what this user's browser keeps for all indexes."""
    saved = _part(_part(_document(file) or {}, "everywhere"), "saved_filters")
    return {name: text for name, text in saved.items() if is_name(name) and isinstance(text, str)}


def _document(file: Path) -> dict[str, Any] | None:
    """What the file holds, nothing where it is damaged; None where it is not ours to touch."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    version = document.get("version")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return None if isinstance(version, int) and version > VERSION else document  # pyright: ignore[reportUnknownVariableType]


def _together(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The later value of each field; of texts by name the later one of each name."""
    merged = {k: before[k] | v for k, v in changes.items() if isinstance(v, dict) and isinstance(before.get(k), dict)}
    return {**before, **changes, **merged}


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]
        for name, value in values.items()
    }


def _part(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    return dict(part) if isinstance(part, dict) else {}  # pyright: ignore[reportUnknownArgumentType]


def _used_at(part: object) -> float:
    used_at = part.get("used_at") if isinstance(part, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return used_at if isinstance(used_at, float) else 0.0


def _is_a(value: object, hint: object) -> bool:
    if hint == list[str]:
        return isinstance(value, list) and all(isinstance(text, str) for text in value)  # pyright: ignore[reportUnknownVariableType]
    if hint == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(text, str) for pair in value.items() for text in pair)  # pyright: ignore[reportUnknownVariableType]
    return isinstance(value, bool if hint is bool else str)
