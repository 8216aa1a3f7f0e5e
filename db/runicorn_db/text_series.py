"""Logged texts of one name, packed: a series of texts that repeat themselves takes next to no space."""

from __future__ import annotations

import sqlite3
import zlib
from array import array
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise

import msgspec

from runicorn_db.chunks import from_bytes, stride_of, to_bytes
from runicorn_db.errors import QueryFailed

_MAX_TEXTS = 1000
_MAX_CHARACTERS = 64 * 1024


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
    connection.executemany(
        "INSERT INTO text_chunk (experiment_seq, name, first_step, last_step, is_full, data) VALUES (?, ?, ?, ?, ?, ?)",
        ((*key, min(part), max(part), is_full, _pack(part)) for part, is_full in _parts(together)),
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


def _parts(texts: Mapping[int, str]) -> Iterator[tuple[dict[int, str], bool]]:
    """The texts by step, cut to size, and whether a part has no room for more."""
    part: dict[int, str] = {}
    known: set[str] = set()
    characters = 0
    for step in sorted(texts):
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


def _pack(texts: Mapping[int, str]) -> bytes:
    steps = array("q", texts)
    stride = stride_of(steps)
    differences = [stride] if stride else [after - before for before, after in pairwise(steps)]
    numbers: dict[str, int] = {}
    of_steps = array("H", [numbers.setdefault(text, len(numbers)) for text in texts.values()])
    packed = _Packed(steps[0], len(steps), to_bytes(array("Q", differences)), list(numbers), to_bytes(of_steps))
    return zlib.compress(msgspec.msgpack.encode(packed), 1)


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
