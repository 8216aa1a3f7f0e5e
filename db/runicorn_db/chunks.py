"""Points of one metric as bytes: one chunk of a stored series.

Layout, little-endian: version u8, kind of values u8, count u32, first step i64, stride u64, length of the steps part
u32, the steps part, the values part. Steps with one stride need no steps part; others are their differences as u64,
deflated. Values are float64; float32 where that loses no bit; one float64 when all are the same. They are not
deflated, so that one value can be read without the others.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import sub
from typing import Any, NamedTuple

from runicorn_db.errors import QueryFailed

# With its header it just fits into a page of SQLite's.
MAX_POINTS = 500

_VERSION = 2
_DOUBLE, _SINGLE, _CONSTANT = range(3)
_HEADER = struct.Struct("<BBIqQI")
_VALUE = {_DOUBLE: struct.Struct("<d"), _SINGLE: struct.Struct("<f")}
_LARGEST_STRIDE = 2**63 - 1


class Points(NamedTuple):
    """Values of one metric: `values[i]` (array "d", NaN and infinities included) belongs to `steps[i]` (array "q")."""

    steps: array[int]
    values: array[float]

    def between(self, begin: int, end: int) -> Points:
        """The points at the positions from `begin` to before `end`."""
        if begin <= 0 and end >= len(self.steps):
            return self
        return Points(self.steps[begin:end], self.values[begin:end])


def no_points() -> Points:
    return Points(array("q"), array("d"))


def pack(points: Points, stride: int | None = None) -> bytes:
    """The bytes of 1 to MAX_POINTS points whose steps strictly increase; `stride`: the one of the steps if known."""
    steps = points.steps
    stride = stride or stride_of(steps)
    differences = b"" if stride else zlib.compress(to_bytes(array("Q", map(sub, steps[1:], steps))), 1)
    kind, values = _pack_values(points.values)
    return _HEADER.pack(_VERSION, kind, len(steps), steps[0], stride, len(differences)) + differences + values


def unpack(data: bytes) -> Points:
    """The points that were packed; QueryFailed when these bytes do not come from `pack`."""
    try:
        kind, count, first, stride, values_begin = _read_header(data)
        values = _unpack_values(kind, count, data[values_begin:])
        # Looked at first: a damaged count must not make an endless array of steps.
        if len(values) != count:
            raise ValueError("wrong number of values")
        if stride:
            steps = array("q", range(first, first + stride * count, stride))
        else:
            differences = zlib.decompress(data[_HEADER.size : values_begin])
            steps = array("q", accumulate(from_bytes("Q", differences), initial=first))
    except (struct.error, zlib.error, OverflowError, ValueError) as error:
        raise _damaged(error) from error
    if len(steps) != count:
        raise _damaged("wrong number of steps")
    return Points(steps, values)


def unpack_values(data: bytes) -> array[float]:
    """The values of the packed points, whatever their steps."""
    try:
        kind, count, _, _, values_begin = _read_header(data)
        values = _unpack_values(kind, count, data[values_begin:])
    except (struct.error, ValueError) as error:
        raise _damaged(error) from error
    if len(values) != count:
        raise _damaged("wrong number of values")
    return values


def values_at(data: bytes, steps: Iterable[int]) -> list[float | None]:
    """What the packed points say at some steps; None where they have none."""
    try:
        kind, count, first, stride, begin = _read_header(data)
        value = _VALUE.get(kind)
        if value is None or not stride:
            points = unpack(data)
            return [value_at(points, step) for step in steps]
        size, unpack_from = value.size, value.unpack_from
        found: list[float | None] = []
        for step in steps:
            position, rest = divmod(step - first, stride)
            is_there = not rest and 0 <= position < count
            found.append(unpack_from(data, begin + position * size)[0] if is_there else None)
    except struct.error as error:
        raise _damaged(error) from error
    return found


def value_at(points: Points, step: int) -> float | None:
    position = bisect_left(points.steps, step)
    is_there = position < len(points.steps) and points.steps[position] == step
    return points.values[position] if is_there else None


def stride_of(steps: array[int]) -> int:
    """The one distance between neighbours; 0 when there are several, 1 for a single step."""
    if len(steps) == 1:
        return 1
    stride = steps[1] - steps[0]
    is_regular = steps[-1] == steps[0] + stride * (len(steps) - 1) and 0 < stride <= _LARGEST_STRIDE
    return stride if is_regular and steps == array("q", range(steps[0], steps[-1] + 1, stride)) else 0


def to_bytes(numbers: array[Any]) -> bytes:
    """Little-endian, whatever this machine is."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def from_bytes(typecode: Any, data: bytes) -> array[Any]:
    numbers: array[Any] = array(typecode, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _pack_values(values: array[float]) -> tuple[int, bytes]:
    # Compared as bytes: equal numbers may differ in sign or in what kind of NaN they are.
    plain = values.tobytes()
    if len(values) > 1 and plain == plain[:8] * len(values):
        return _CONSTANT, to_bytes(values[:1])
    # A look at a few tells most that are no float32.
    if _as_singles(values[:4]) is not None and (singles := _as_singles(values)) is not None:
        return _SINGLE, to_bytes(singles)
    return _DOUBLE, to_bytes(values)


def _as_singles(values: array[float]) -> array[float] | None:
    singles = array("f", values)
    return singles if array("d", singles).tobytes() == values.tobytes() else None


def _unpack_values(kind: int, count: int, data: bytes) -> array[float]:
    if kind == _SINGLE:
        return array("d", from_bytes("f", data))
    values = from_bytes("d", data)
    if kind == _CONSTANT and len(values) == 1 and count <= MAX_POINTS:
        return values * count
    return values


def _read_header(data: bytes) -> tuple[int, int, int, int, int]:
    """Kind of values, count, first step, stride, and where the values begin."""
    version, kind, count, first, stride, length = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise _damaged(f"unknown version {version}")
    return kind, count, first, stride, _HEADER.size + length


def _damaged(reason: object) -> QueryFailed:
    return QueryFailed(f"Database query failed: a chunk of a series is damaged ({reason})")
