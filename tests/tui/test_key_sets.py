from __future__ import annotations

import random
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.query import Snapshot
from runicorn_tui.key_sets import difference, has, intersection, symmetric_difference, union

OPERATIONS: dict[Callable[[Snapshot, Snapshot], Snapshot], Callable[[set[int], set[int]], set[int]]] = {
    union: set[int].__or__,
    difference: set[int].__sub__,
    intersection: set[int].__and__,
    symmetric_difference: set[int].__xor__,
}
KEYS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 40), unique=True)


def snapshot(keys: list[int]) -> Snapshot:
    return Snapshot(array("q", keys))


@pytest.mark.parametrize("operation", OPERATIONS)
@given(one=KEYS, other=KEYS)
def test_each_is_the_operation_on_sets_in_order(
    operation: Callable[[Snapshot, Snapshot], Snapshot], one: list[int], other: list[int]
) -> None:
    found = operation(snapshot(one), snapshot(other))
    assert list(found.keys) == sorted(OPERATIONS[operation](set(one), set(other)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_many_keys_in_any_order(operation: Callable[[Snapshot, Snapshot], Snapshot]) -> None:
    chance = random.Random(3)
    one, other = (chance.sample(range(100_000), 60_000) for _ in range(2))
    assert list(operation(snapshot(one), snapshot(other)).keys) == sorted(OPERATIONS[operation](set(one), set(other)))


@given(KEYS, st.integers(-5, 45))
def test_has_finds_exactly_what_is_there(keys: list[int], key: int) -> None:
    assert has(snapshot(sorted(keys)), key) == (key in keys)
