"""What a filter that is being typed may become: the piece at the cursor, and the words that fit there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast, get_args

from runicorn_db.criteria import State, quote, write_value
from runicorn_db.filter_terms import FIELDS, TEXT_FIELDS
from runicorn_db.named_values import NamedValue, Which
from runicorn_db.query import MAX_SEARCH_LENGTH
from runicorn_db.text import fold, is_unicode
from runicorn_tui.terminal import harmless, safe

if TYPE_CHECKING:
    from runicorn_db.database import Interrupt
    from runicorn_db.store import Store

T = TypeVar("T")

MOST = 50
_MOST_KEPT = 64

_FIELD_NOTES = {
    "project": "part of it",
    "name": "part of it",
    "host": "part of it",
    "root": "part of it",
    "id": "part of it",
    "status": "running, finished, failed, interrupted",
    "tag": "any of several",
    "created": "created>2025-01-31",
    "updated": "updated:2025-01",
    "age": "age>30d",
    "duration": "duration<20s",
    "size": "size>1GB",
    "files": "files>100",
    "steps": "steps<10",
    "best": "best metric, whatever its name",
    "has": "a metric, param.NAME, tags",
    "is": "deleted, pinned, running, missing",
}
_PREFIX_NOTES = {
    "last.": "a metric's last value",
    "min.": "a metric's lowest",
    "max.": "a metric's highest",
    "param.": "a parameter",
}
_TAKES_COLON = {*TEXT_FIELDS, "status", "tag", "has", "is"}
_PRESENCES = ("tags", "description", "environment")

_OPERATOR = re.compile(r"!=|<=|>=|[:=<>]")
_PATTERN = re.compile(r"/(?:[^/\\]|\\.)*/", re.DOTALL)
_BARE_NAME = re.compile(r"[^\s\"':=<>!@-][^\s\":=<>!]*")


@dataclass(frozen=True, slots=True)
class Begun:
    """The piece of a filter that ends at the cursor: where it begins, as written, and the letters it stands for.

    `field` is what is before its operator, in small letters; empty for the first piece of a term,
    "@" for a saved filter.
    """

    begin: int
    written: str
    letters: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`text` is what is written, `label` and `note` are what is shown, harmless; `goes_on`: more has to follow."""

    text: str
    label: str
    note: str = ""
    goes_on: bool = False


def begun_at(text: str, cursor: int) -> Begun | None:
    """What is being typed at the cursor; None inside of a word or where nothing can be completed."""
    if text[cursor : cursor + 1].strip(" \t,"):
        return None
    text = text[:cursor]
    if text.startswith("@"):
        return Begun(0, text, text, "@")
    begin = piece = at = 0
    field: str | None = None
    is_quoted = False
    while at < len(text):
        character = text[at]
        if is_quoted:
            at += character == "\\"
            is_quoted = character != '"'
        elif character == '"':
            is_quoted = True
        elif character.isspace():
            begin = piece = at + 1
            field = None
        elif field is None and at == begin and character in "-!":
            begin = piece = at + 1
        elif field is None and (match := _OPERATOR.match(text, at)):
            field = text[begin:at].casefold()
            at = piece = match.end()
            if field in TEXT_FIELDS and text[at : at + 1] == "/":
                pattern = _PATTERN.match(text, at)
                if pattern is None:
                    return None
                at = pattern.end()
            continue
        elif field is not None and character == ",":
            piece = at + 1
        at += 1
    written = text[piece:]
    return Begun(piece, written, _letters(written), field or "")


def _letters(written: str) -> str:
    if not written.startswith('"'):
        return written
    return re.sub(r'\\(["\\])', r"\1", written[1:].removesuffix('"'))


def write_name(value: NamedValue) -> str | None:
    """As a term of a filter begins with it; None for a name that no term can have."""
    text, prefix = str(value), value.name.partition(".")[0] + "."
    if value.which == "best" and prefix in _PREFIX_NOTES and "." in value.name:
        return None
    is_field = text.casefold() in (*FIELDS, "or")
    is_prefixed = value.which == "best" and prefix.casefold() in _PREFIX_NOTES and "." in value.name
    is_plain = _BARE_NAME.fullmatch(text) and text == harmless(text) and not is_field and not is_prefixed
    return text if is_plain else quote(text)


class FilterWords:
    """What can stand in a filter of `store`. Blocks on the disk; what was read is kept until the index changes."""

    def __init__(self, store: Store, saved: Callable[[], Mapping[str, str]]) -> None:
        self._store = store
        self._saved = saved
        self._stamp: str | None = None
        self._kept: dict[object, object] = {}

    def candidates(self, begun: Begun, interrupt: Interrupt) -> tuple[Candidate, ...]:
        """The likeliest first. Raises StoreError."""
        wanted = fold(begun.letters)
        found = [c for c in self._all(begun, interrupt) if wanted in fold(c.label) and c.text != begun.written]
        found.sort(key=lambda candidate: not fold(candidate.label).startswith(wanted))
        return tuple(found[:MOST])

    def names(self) -> Sequence[NamedValue]:
        """Every metric (as `best`) and every parameter. Raises StoreError."""
        return self._kept_until_changed("values", self._store.value_names)

    def _all(self, begun: Begun, interrupt: Interrupt) -> Iterable[Candidate]:
        match begun.field:
            case "@":
                return [Candidate(f"@{name}", f"@{name}", safe(text)) for name, text in sorted(self._saved().items())]
            case "":
                return self._names(begun)
            case "has":
                return [*(Candidate(name, name, "any") for name in _PRESENCES), *self._presences()]
            case "is":
                return [Candidate(state, state) for state in get_args(State)]
            case "tag":
                return _counted(self._kept_until_changed("tag", self._store.tag_counts))
            case "root":
                names = self._kept_until_changed("root", self._store.root_names)
                return _counted(dict.fromkeys(names.values()))
            case "project" | "status" | "host" as field:
                read = self._store.field_values
                return _counted(self._kept_until_changed(field, lambda: read(field, interrupt=interrupt)))
            case "name":
                # Too many to keep: a run's name may be its own.
                key, read = ("name", begun.letters), self._store.field_values
                return _counted(self._kept_until_changed(key, lambda: read("name", begun.letters, interrupt=interrupt)))
            case field if field.strip('"').startswith("param."):
                return self._values(_letters(field), interrupt)
            case _:
                return ()

    def _values(self, field: str, interrupt: Interrupt) -> Iterable[Candidate]:
        """Of a parameter, whose name is in small letters here."""
        values = self.names()
        read, found = self._store.param_values, dict[str, None]()
        for name in (value.name for value in values if value.is_param and str(value).casefold() == field):
            found |= dict.fromkeys(
                self._kept_until_changed(("param", name), lambda name=name: read(name, interrupt=interrupt))
            )
        return _counted(found)

    def _names(self, begun: Begun) -> Iterable[Candidate]:
        prefix = begun.letters.partition(".")[0].casefold() + "."
        values = self.names()
        if prefix in _PREFIX_NOTES and "." in begun.letters:
            which = _which(prefix)
            return _named(NamedValue(which, value.name) for value in values if value.is_param == (which == "param"))
        # What a word is about is meant by its first letters; a name by any of several.
        typed = begun.letters.casefold()
        fields = [_field(name) for name in FIELDS if name.startswith(typed)]
        prefixes = [_leading(text, note) for text, note in _PREFIX_NOTES.items() if text.startswith(typed)]
        named = [c for c in _named(values) if len(typed) > 1 or c.label.casefold().startswith(typed)]
        return [*fields, *prefixes, *named]

    def _presences(self) -> Iterable[Candidate]:
        for value in self.names():
            text = str(value)
            is_other = not value.is_param and text.startswith("param.")
            if _can_be_written(text) and not is_other:
                is_plain = value.is_param or (text.casefold() not in _PRESENCES and text[:6].casefold() != "param.")
                yield Candidate(write_value(text) if is_plain else quote(text), safe(text), _kind(value))

    def _kept_until_changed(self, key: object, read: Callable[[], T]) -> T:
        stamp = self._store.stamp()
        if stamp is None or stamp != self._stamp or len(self._kept) > _MOST_KEPT:
            self._kept, self._stamp = {}, stamp
        kept = self._kept
        if key not in kept:
            kept[key] = read()
        return cast("T", kept[key])


def _field(name: str) -> Candidate:
    note = _FIELD_NOTES[name]
    return _leading(f"{name}:", note) if name in _TAKES_COLON else Candidate(name, name, note)


def _leading(text: str, note: str) -> Candidate:
    return Candidate(text, text, note, goes_on=True)


def _which(prefix: str) -> Which:
    return NamedValue.parse(f"{prefix}x").which


def _kind(value: NamedValue) -> str:
    return "parameter" if value.is_param else "metric"


def _can_be_written(text: str) -> bool:
    return 0 < len(text) <= MAX_SEARCH_LENGTH and "\0" not in text and is_unicode(text)


def _named(values: Iterable[NamedValue]) -> Iterable[Candidate]:
    for value in values:
        text = write_name(value)
        if text is not None and _can_be_written(text):
            yield Candidate(text, safe(str(value)), _kind(value))


def _counted(counts: Mapping[str, int | None]) -> Iterable[Candidate]:
    for text, count in counts.items():
        if _can_be_written(text):
            yield Candidate(write_value(text), safe(text), "" if count is None else f"{count:,}")
