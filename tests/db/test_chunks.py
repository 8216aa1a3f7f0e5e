from __future__ import annotations

import math
import random
import struct
import sys
from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.chunks import MAX_POINTS, Points, pack, unpack, unpack_values, values_at
from runicorn_db.errors import QueryFailed


def points_at(steps: list[int] | range, values: list[float] | None = None) -> Points:
    return Points(array("q", steps), array("d", values or [step / 7 for step in steps]))


def bits(points: Points) -> tuple[list[int], bytes]:
    """Equal only when every bit is, NaN included."""
    return list(points.steps), points.values.tobytes()


steps = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 50), min_size=1, unique=True).map(sorted)


@given(steps, st.data())
def test_what_is_unpacked_is_what_was_packed(steps, data):
    values = data.draw(st.lists(st.floats(), min_size=len(steps), max_size=len(steps)))
    points = points_at(steps, values)
    assert bits(unpack(pack(points))) == bits(points)


@pytest.mark.parametrize(
    "steps",
    [
        range(1, MAX_POINTS + 1),
        range(-5_000_000, 5_000_000_000, 10**7),
        [*range(4000), *range(4001, 4097)],
        [-(2**63), 2**63 - 1],
        [-(2**63), 0, 2**63 - 1],
        [2**63 - 2, 2**63 - 1],
        [0],
        [-(2**63)],
        [2**63 - 1],
    ],
)
def test_steps_of_every_kind_come_back(steps):
    points = points_at(steps)
    assert bits(unpack(pack(points))) == bits(points)


def test_regular_steps_take_no_space():
    assert len(pack(points_at(range(0, 4000, 4), [math.pi] * 1000))) < 1000 * 8 + 40


def test_values_take_no_more_than_they_need_and_come_back_bit_by_bit():
    alike = points_at(range(MAX_POINTS), [0.25] * MAX_POINTS)
    singles = points_at(range(MAX_POINTS), list(array("f", [math.sin(step) for step in range(MAX_POINTS)])))
    doubles = points_at(range(MAX_POINTS), [math.sin(step) for step in range(MAX_POINTS)])
    sizes = [len(pack(points)) for points in (alike, singles, doubles)]
    assert sizes[0] < 40
    assert sizes[1] < MAX_POINTS * 4 + 40
    assert sizes[2] < MAX_POINTS * 8 + 40
    for points in (alike, singles, doubles):
        assert bits(unpack(pack(points))) == bits(points)


@pytest.mark.parametrize("values", [[0.0, -0.0], [math.nan, 1.0], [math.inf, 0.5], [1e300, 2.0], [5e-324, 1.0]])
def test_numbers_that_are_equal_or_nearly_so_are_not_confused(values):
    points = points_at(range(len(values)), values)
    assert bits(unpack(pack(points))) == bits(points)


def test_a_full_chunk_fits_into_a_page_of_the_index():
    doubles = points_at(range(MAX_POINTS), [math.sin(step) for step in range(MAX_POINTS)])
    # 4096 bytes less what SQLite needs for a row of two columns, and the limit beyond which rows overflow.
    assert len(pack(doubles)) <= 4061 - 12


@given(steps, st.data())
def test_values_are_found_at_their_steps_and_nowhere_else(steps, data):
    values = data.draw(st.lists(st.floats(), min_size=len(steps), max_size=len(steps)))
    wanted = sorted(data.draw(st.sets(st.sampled_from(steps) | st.integers(-(2**63), 2**63 - 1))))
    packed = pack(points_at(steps, values))
    assert list(map(repr, values_at(packed, wanted))) == [
        repr(values[steps.index(step)]) if step in steps else "None" for step in wanted
    ]
    assert unpack_values(packed).tobytes() == array("d", values).tobytes()


@given(st.data())
def test_damaged_bytes_are_refused_and_nothing_else_happens(data):
    points = data.draw(
        st.sampled_from([points_at(range(5)), points_at([1, 2, 9]), points_at(range(MAX_POINTS), [0.5] * MAX_POINTS)])
    )
    packed = pack(points)
    cut = data.draw(st.integers(0, len(packed) - 1))
    for read in (unpack, unpack_values):
        with pytest.raises(QueryFailed, match="Database query failed: "):
            read(packed[:cut])
    with pytest.raises(QueryFailed, match="Database query failed: "):
        values_at(packed[:cut], [points.steps[-1]])


times = st.floats(0, 253402300799) | st.floats(1.7e9, 1.8e9)


@given(steps, st.data())
def test_times_come_back_to_the_millisecond(steps, data):
    values = data.draw(st.lists(times, min_size=len(steps), max_size=len(steps)))
    wanted = sorted(data.draw(st.sets(st.sampled_from(steps) | st.integers(-(2**63), 2**63 - 1))))
    packed = pack(points_at(steps, values), is_time=True)
    expected = [round(value * 1000) / 1000 for value in values]
    assert list(unpack(packed).steps) == list(steps)
    assert list(unpack(packed).values) == list(unpack_values(packed)) == expected
    assert values_at(packed, wanted) == [expected[steps.index(step)] if step in steps else None for step in wanted]
    assert pack(unpack(packed), is_time=True) == packed


def test_times_of_even_steps_take_next_to_no_space():
    chance = random.Random(3)
    begin = 1_792_790_136.691122
    even = [begin + 0.25 * step for step in range(MAX_POINTS)]
    uneven = list(accumulate((abs(chance.gauss(0.3, 0.02)) for _ in range(MAX_POINTS - 1)), initial=begin))
    assert len(pack(points_at(range(MAX_POINTS), even), is_time=True)) < 80
    assert len(pack(points_at(range(MAX_POINTS), uneven), is_time=True)) < MAX_POINTS


@given(st.data())
def test_damaged_times_are_refused(data):
    packed = bytearray(pack(points_at(range(50), [1e9 + step**2 / 7 for step in range(50)]), is_time=True))
    cut = data.draw(st.integers(0, len(packed) - 1))
    wrong = packed[:2] + struct.pack("<I", data.draw(st.sampled_from([0, 49, 51, 2**32 - 1]))) + packed[6:]
    for damaged in (packed[:cut], wrong):
        for read in (unpack, unpack_values, lambda data: values_at(data, [7])):
            with pytest.raises(QueryFailed, match="Database query failed: "):
                read(bytes(damaged))


def test_an_unknown_version_is_refused():
    with pytest.raises(QueryFailed, match="unknown version 9"):
        unpack(b"\x09" + pack(points_at([1]))[1:])


@pytest.mark.parametrize("count", [0, 2, 4, 2**32 - 1])
@pytest.mark.parametrize("steps", [[1, 2, 3], [1, 2, 9]])
def test_a_wrong_number_of_points_is_refused_at_once(count, steps):
    packed = bytearray(pack(points_at(steps)))
    struct.pack_into("<I", packed, 2, count)
    with pytest.raises(QueryFailed, match="wrong number of values"):
        unpack(bytes(packed))


def test_a_wrong_number_of_steps_is_refused():
    few, many = pack(points_at([1, 2, 9])), pack(points_at([1, 2, 9, 20]))
    mixed = many[:2] + few[2:-24] + many[-32:]
    mixed = mixed[:2] + struct.pack("<I", 4) + mixed[6:]
    with pytest.raises(QueryFailed, match="wrong number of steps"):
        unpack(mixed)


@pytest.mark.parametrize("steps", [range(0, 50, 5), [1, 2, 9]])
def test_bytes_are_little_endian_on_every_machine(monkeypatch, steps):
    points = points_at(steps)
    packed = pack(points)
    assert packed.endswith(struct.pack("<d", points.values[-1]))
    monkeypatch.setattr("sys.byteorder", "big" if sys.byteorder == "little" else "little")
    assert pack(points) != packed
    assert bits(unpack(pack(points))) == bits(points)
