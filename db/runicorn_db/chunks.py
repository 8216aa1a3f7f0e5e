"""Points of one metric as bytes: one chunk of a stored series.

Layout, little-endian: version u8, kind of values u8, count u32, first step i64, stride u64, length of the steps part
u32, the steps part, the values part. Steps with one stride need no steps part; others are their differences as u64,
deflated. Values are float64; float32 where that loses no bit; one float64 when all are the same. They are not
deflated, so that one value can be read without the others. Times are whole milliseconds: the first one i64, the least
difference between neighbours i64, bytes of a number u8, then what each difference is above the least, deflated.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from operator import sub, truediv
from typing import Any, NamedTuple

from runicorn_db.errors import QueryFailed

# With its header it just fits into a page of SQLite's.
MAX_POINTS = 500

_VERSION = 2
_DOUBLE, _SINGLE, _CONSTANT, _TIMES = range(4)
_HEADER = struct.Struct("<BBIqQI")
_TIMES_HEADER = struct.Struct("<qqB")
_UNSIGNED = {array(code).itemsize: code for code in "QIHB"}
_VALUE = {_DOUBLE: struct.Struct("<d"), _SINGLE: struct.Struct("<f")}
_LARGEST_STRIDE = 2**63 - 1
_WINDOW_BITS, _MEMORY_LEVEL = 12, 4


class Points(NamedTuple):
    """Values of one metric: `values[i]` (array "d", NaN and infinities included) belongs to `steps[i]` (array "q")."""

    steps: array[int]
    values: array[float]

    def between(self, begin: int, end: int) -> Points:
        """The points at the positions from `begin` to before `end`."""
        if begin <= 0 and end >= len(self.steps):
            return self
        return Points(self.steps[begin:end], self.values[begin:end])

    def extend(self, more: Points) -> None:
        self.steps.extend(more.steps)
        self.values.extend(more.values)


def no_points() -> Points:
    return Points(array("q"), array("d"))


def pack(points: Points, stride: int | None = None, *, is_time: bool = False) -> bytes:
    """The bytes of 1 to MAX_POINTS points whose steps strictly increase; `stride`: the one of the steps if known.

    With `is_time` the values are Unix seconds, of which whole milliseconds are kept.
    """
    steps = points.steps
    stride = stride or stride_of(steps)
    differences = b"" if stride else deflate(to_bytes(array("Q", map(sub, steps[1:], steps))))
    kind, values = (_TIMES, _pack_times(points.values)) if is_time else _pack_values(points.values)
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
    except (struct.error, zlib.error, OverflowError, ValueError) as error:
        raise _damaged(error) from error
    if len(values) != count:
        raise _damaged("wrong number of values")
    return values


def values_at(data: bytes, steps: Sequence[int]) -> list[float | None]:
    """What the packed points say at some ascending steps; None where they have none."""
    try:
        kind, count, first, stride, begin = _read_header(data)
        if kind == _TIMES and stride:
            return _times_at(data[begin:], (divmod(step - first, stride) for step in steps), count)
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
    except (struct.error, zlib.error, OverflowError, ValueError) as error:
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
    return stride if is_regular and steps == _regular(range(steps[0], steps[-1] + 1, stride)) else 0


def _regular(steps: range) -> array[int]:
    return _regular_chunk(steps) if len(steps) <= MAX_POINTS else array("q", steps)


@lru_cache(64)
def _regular_chunk(steps: range) -> array[int]:
    # The metrics of a run are mostly logged together, and many runs log at the same steps.
    return array("q", steps)


def deflate(data: bytes) -> bytes:
    """What zlib.decompress inflates."""
    # zlib.compress clears so much memory that it takes eight times as long for the little that a chunk is.
    packer = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return packer.compress(data) + packer.flush()


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


def _pack_times(times: array[float]) -> bytes:
    milliseconds = [round(time * 1000.0) for time in times]
    differences = list(map(sub, milliseconds[1:], milliseconds))
    least, largest = min(differences, default=0), max(differences, default=0)
    width = next(width for width in (1, 2, 4, 8) if largest - least < 1 << 8 * width)
    above = array(_UNSIGNED[width], [difference - least for difference in differences])
    return _TIMES_HEADER.pack(milliseconds[0], least, width) + deflate(to_bytes(above))


def _unpack_times(data: bytes) -> tuple[int, int, array[int]]:
    first, least, width = _TIMES_HEADER.unpack_from(data)
    return first, least, from_bytes(_UNSIGNED.get(width, "Q"), zlib.decompress(data[_TIMES_HEADER.size :]))


def _times_at(data: bytes, places: Iterable[tuple[int, int]], count: int) -> list[float | None]:
    """The times at ascending positions that come with a rest; None where there is one, or no such position."""
    milliseconds, least, above = _unpack_times(data)
    if len(above) != count - 1:
        raise ValueError("wrong number of values")
    found: list[float | None] = []
    at = 0
    for position, rest in places:
        if rest or not 0 <= position < count:
            found.append(None)
            continue
        milliseconds += sum(above[at:position]) + least * (position - at)
        at = position
        found.append(milliseconds / 1000)
    return found


def _as_singles(values: array[float]) -> array[float] | None:
    singles = array("f", values)
    return singles if array("d", singles).tobytes() == values.tobytes() else None


def _unpack_values(kind: int, count: int, data: bytes) -> array[float]:
    if kind == _SINGLE:
        return array("d", from_bytes("f", data))
    if kind == _TIMES:
        first, least, above = _unpack_times(data)
        milliseconds = accumulate(map(least.__add__, above), initial=first)
        return array("d", map(truediv, milliseconds, repeat(1000)))
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
