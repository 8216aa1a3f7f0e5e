"""Points of one metric as bytes: one chunk of a packed series.

Layout, little-endian: version u8, flags u8, count u32, first step i64, stride u64, length of the steps part u32,
the steps part, the values part. Steps with one stride need no steps part; others are their differences as u64,
deflated. Values are float64; deflated ones are grouped by byte (all first bytes, all second bytes, …).
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from itertools import accumulate
from operator import sub
from typing import Any, NamedTuple

from runicorn_db.errors import QueryFailed

MAX_POINTS = 4096

_VERSION = 1
_DEFLATED_VALUES = 1
_HEADER = struct.Struct("<BBIqQI")
# A smaller saving is not worth inflating the values each time they are read.
_WORTHWHILE = 0.8


class Points(NamedTuple):
    """Values of one metric: `values[i]` (array "d", NaN and infinities included) belongs to `steps[i]` (array "q")."""

    steps: array[int]
    values: array[float]


def pack(points: Points) -> bytes:
    """The bytes of 1 to MAX_POINTS points whose steps strictly increase."""
    steps = points.steps
    stride = _stride(steps)
    differences = b"" if stride else zlib.compress(_to_bytes(array("Q", map(sub, steps[1:], steps))), 1)
    values = _to_bytes(points.values)
    flags = 0
    # The last chunk of a growing series is written again with every append: only full ones are deflated.
    if len(steps) >= MAX_POINTS:
        deflated = zlib.compress(b"".join(values[byte::8] for byte in range(8)), 1)
        if len(deflated) < _WORTHWHILE * len(values):
            values, flags = deflated, _DEFLATED_VALUES
    return _HEADER.pack(_VERSION, flags, len(steps), steps[0], stride, len(differences)) + differences + values


def unpack(data: bytes) -> Points:
    """The points that were packed; QueryFailed when these bytes do not come from `pack`."""
    try:
        version, flags, count, first, stride, length = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise QueryFailed(f"Database query failed: a chunk of a series has the unknown version {version}")
        differences = data[_HEADER.size : _HEADER.size + length]
        values = data[_HEADER.size + length :]
        if flags & _DEFLATED_VALUES:
            values = _ungrouped(zlib.decompress(values))
        # Looked at first: a damaged count must not make an endless array of steps.
        if len(values) != 8 * count:
            raise ValueError("wrong number of values")
        if stride:
            steps = array("q", range(first, first + stride * count, stride))
        else:
            steps = array("q", accumulate(_from_bytes("Q", zlib.decompress(differences)), initial=first))
    except (struct.error, zlib.error, OverflowError, ValueError) as error:
        raise QueryFailed(f"Database query failed: a chunk of a series is damaged ({error})") from error
    if len(steps) != count:
        raise QueryFailed("Database query failed: a chunk of a series is damaged (wrong number of steps)")
    return Points(steps, _from_bytes("d", values))


def _stride(steps: array[int]) -> int:
    """The one distance between neighbours; 0 when there are several."""
    if len(steps) == 1:
        return 1
    stride = steps[1] - steps[0]
    is_regular = steps[-1] == steps[0] + stride * (len(steps) - 1)
    return stride if is_regular and steps == array("q", range(steps[0], steps[-1] + 1, stride)) else 0


def _ungrouped(grouped: bytes) -> bytes:
    values = bytearray(len(grouped))
    count = len(grouped) // 8
    for byte in range(8):
        values[byte::8] = grouped[byte * count : (byte + 1) * count]
    return bytes(values)


def _to_bytes(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _from_bytes(typecode: Any, data: bytes) -> array[Any]:
    numbers: array[Any] = array(typecode, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
