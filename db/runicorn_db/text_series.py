"""Logged texts by name, packed: a series of texts that repeat themselves takes next to no space."""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from operator import sub
from typing import NamedTuple, overload

import msgspec

from runicorn_db.chunks import deflate, from_bytes, stride_of, to_bytes
from runicorn_db.errors import QueryFailed

_MAX_TEXTS = 1000
_MAX_CHARACTERS = 64 * 1024


class TextPoint(NamedTuple):
    name: str
    step: int
    text: str


class TextColumns(Sequence[TextPoint]):
    """Texts of many steps, by name; they are points only while they are looked at, for there are very many."""

    def __init__(self, columns: Mapping[str, tuple[array[int], list[str]]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return sum(len(texts) for _, texts in self.columns.values())

    def __iter__(self) -> Iterator[TextPoint]:
        for name, column in self.columns.items():
            # As TextPoint makes itself, without a call in Python for each.
            yield from map(tuple.__new__, repeat(TextPoint), zip(repeat(name), *column))  # pyright: ignore

    @overload
    def __getitem__(self, index: int) -> TextPoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[TextPoint]: ...
    def __getitem__(self, index: int | slice) -> TextPoint | list[TextPoint]:
        return list(self)[index]


def by_name(points: Sequence[TextPoint]) -> dict[str, dict[int, str]]:
    """The texts of each name by step, in the order in which they were logged; of each step the last one."""
    if isinstance(points, TextColumns):
        return {name: dict(zip(*column, strict=True)) for name, column in points.columns.items()}
    texts: dict[str, dict[int, str]] = {}
    for name, step, text in points:
        texts.setdefault(name, {})[step] = text
    return texts


class PackedTexts(NamedTuple):
    """A chunk of texts of one name as it is stored; `is_full`: it has no room for more."""

    first_step: int
    last_step: int
    is_full: bool
    data: bytes


class _Packed(msgspec.Struct, array_like=True):
    """`differences` between the steps are one number when all are the same; `numbers` of texts, one for each step."""

    first_step: int
    count: int
    differences: bytes
    texts: list[str]
    numbers: bytes


def read_texts(connection: sqlite3.Connection, experiment_seq: int, name: str) -> dict[int, str]:
    """The texts logged under a name by step, ascending; of each step the last one."""
    rows = connection.execute(
        "SELECT data FROM text_chunk WHERE experiment_seq = ? AND name = ? ORDER BY first_step", (experiment_seq, name)
    )
    texts: dict[int, str] = {}
    for (data,) in rows:
        texts.update(_unpack(data))
    return texts


def append_texts(connection: sqlite3.Connection, experiment_seq: int, name: str, texts: Mapping[int, str]) -> None:
    """Store texts by step, replacing those of the same steps."""
    key = (experiment_seq, name)
    first, last = min(texts), max(texts)
    affected = connection.execute(
        "SELECT first_step, data FROM text_chunk"
        " WHERE experiment_seq = ? AND name = ? AND last_step >= ? AND first_step <= ?",
        (*key, first, last),
    ).fetchall()
    if not affected:
        affected = _neighbour_with_room(connection, key, first)
    together: dict[int, str] = {}
    for first_step, data in affected:
        together.update(_unpack(data))
        connection.execute(
            "DELETE FROM text_chunk WHERE experiment_seq = ? AND name = ? AND first_step = ?", (*key, first_step)
        )
    together.update(texts)
    store_texts(connection, ((*key, packed) for packed in pack_texts(together)))


def pack_texts(texts: dict[int, str]) -> list[PackedTexts]:
    """All texts of a name, which has none stored yet, as chunks."""
    return [
        PackedTexts(next(iter(part)), next(reversed(part)), is_full, _pack(part)) for part, is_full in _parts(texts)
    ]


def store_texts(connection: sqlite3.Connection, packed: Iterable[tuple[int, str, PackedTexts]]) -> None:
    """Store chunks of texts that touch no stored ones, each with its experiment and its name."""
    connection.executemany(
        "INSERT INTO text_chunk (experiment_seq, name, first_step, last_step, is_full, data) VALUES (?, ?, ?, ?, ?, ?)",
        ((seq, name, *chunk) for seq, name, chunk in packed),
    )


def _neighbour_with_room(connection: sqlite3.Connection, key: tuple[int, str], step: int) -> list[tuple[int, bytes]]:
    """The chunk before `step`, else the one after it, unless it is full."""
    for condition, order in (("<", "DESC"), (">", "ASC")):
        row = connection.execute(
            "SELECT first_step, data, is_full FROM text_chunk WHERE experiment_seq = ? AND name = ?"
            f" AND first_step {condition} ? ORDER BY first_step {order} LIMIT 1",
            (*key, step),
        ).fetchone()
        if row is not None and not row[2]:
            return [row[:2]]
    return []


def _parts(texts: dict[int, str]) -> Iterator[tuple[dict[int, str], bool]]:
    """The texts by step, cut to size, and whether a part has no room for more."""
    steps = sorted(texts)
    if len(texts) < _MAX_TEXTS and sum(map(len, set(texts.values()))) < _MAX_CHARACTERS:
        yield {step: texts[step] for step in steps} if steps != list(texts) else texts, False
        return
    part: dict[int, str] = {}
    known: set[str] = set()
    characters = 0
    for step in steps:
        text = texts[step]
        part[step] = text
        if text not in known:
            known.add(text)
            characters += len(text)
        if len(part) >= _MAX_TEXTS or characters >= _MAX_CHARACTERS:
            yield part, True
            part, characters = {}, 0
            known.clear()
    if part:
        yield part, False


def _pack(texts: dict[int, str]) -> bytes:
    steps = array("q", list(texts))
    stride = stride_of(steps)
    differences = [stride] if stride else list(map(sub, steps[1:], steps))
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts.values()))}
    of_steps = array("H", list(map(numbers.__getitem__, texts.values())))
    packed = _Packed(steps[0], len(steps), to_bytes(array("Q", differences)), list(numbers), to_bytes(of_steps))
    return deflate(msgspec.msgpack.encode(packed))


def _unpack(data: bytes) -> dict[int, str]:
    try:
        packed = msgspec.msgpack.decode(zlib.decompress(data), type=_Packed)
        differences = from_bytes("Q", packed.differences)
        if len(differences) == 1:
            steps = range(packed.first_step, packed.first_step + differences[0] * packed.count, differences[0])
        else:
            steps = accumulate(differences, initial=packed.first_step)
        numbers = from_bytes("H", packed.numbers)
        return dict(zip(steps, map(packed.texts.__getitem__, numbers), strict=True))
    except (zlib.error, msgspec.DecodeError, msgspec.ValidationError, ValueError, IndexError) as error:
        raise QueryFailed(f"Database query failed: a chunk of texts is damaged ({error})") from error
