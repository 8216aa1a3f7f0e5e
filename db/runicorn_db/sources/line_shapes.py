"""What the lines of files hold that were read before: lines that hold the same are decoded several times faster.

A shape is a struct with the names of such lines. What a line says that its shape does not know is an error of the
decoder's, so that lines of a known shape are read exactly as they would be without one, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

STEP = "global_step"
ABSENT: object = UNSET
"""Stands in the place of a value that a line does not have."""

Kind = Literal["number", "text", "anything"]

_TYPES: Mapping[Kind, Any] = {"number": float | UnsetType, "text": str | UnsetType, "anything": Any}
_MOST_NAMES = 64
_MOST_SHAPES = 64
_MOST_KNOWN = 1000


class ShapedLines(NamedTuple):
    """What lines say, line by line: times, steps, and of each name its kind and its values or `ABSENT`."""

    times: tuple[float, ...]
    steps: tuple[int, ...]
    columns: Sequence[tuple[str, Kind, tuple[Any, ...]]]


class _First(msgspec.Struct):
    data: dict[str, Any]


_Kinds = tuple[tuple[str, Kind], ...]
_Columns = Sequence[tuple[str, Kind, tuple[Any, ...]]]
_decode_first = msgspec.json.Decoder(_First).decode
# By the names of the first line, in their order.
_known: dict[tuple[str, ...], _Kinds] = {}


def decode(lines: Sequence[bytes]) -> ShapedLines | None:
    """What these lines say; None where they do not all hold what lines that began like them held before."""
    kinds = _known.get(_names_in(lines[0])) if lines else None
    shape = None if kinds is None else _shape(kinds)
    if kinds is None or shape is None:
        return None
    try:
        events = list(map(shape, lines))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    rows = map(msgspec.structs.astuple, map(attrgetter("data"), events))
    steps, *columns = zip(*rows, strict=True)
    named: _Columns = [(name, kind, column) for (name, kind), column in zip(kinds, columns, strict=True)]
    return ShapedLines(tuple(map(attrgetter("ts"), events)), steps, named)


def learn(first: Sequence[str], kinds: Mapping[str, Kind]) -> None:
    """Remember what lines of metrics hold of which the first one has these names; the step is left out of `kinds`."""
    key = tuple(first)
    # The decoder looks first for the name that follows the last one.
    together: dict[str, Kind] = {name: kinds[name] for name in key if name in kinds}
    together |= _known.get(key, ())
    together |= kinds
    if len(together) > _MOST_NAMES:
        return
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[key] = tuple(together.items())


def forget() -> None:
    """Begin anew."""
    _known.clear()


def _names_in(line: bytes) -> tuple[str, ...]:
    try:
        return tuple(_decode_first(line).data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


@lru_cache(_MOST_SHAPES)
def _shape(kinds: _Kinds) -> Callable[[bytes], Any] | None:
    fields = [(f"value_{number}", _TYPES[kind], UNSET) for number, (_, kind) in enumerate(kinds)]
    names = {f"value_{number}": name for number, (name, _) in enumerate(kinds)}
    try:
        data = msgspec.defstruct(
            "Data", [("step", int), *fields], rename={"step": STEP, **names}, forbid_unknown_fields=True, gc=False
        )
    except ValueError:
        # A name that is written with an escape.
        return None
    event = msgspec.defstruct("Event", [("ts", float), ("type", Literal["metrics"]), ("data", data)], gc=False)
    return msgspec.json.Decoder(event).decode
