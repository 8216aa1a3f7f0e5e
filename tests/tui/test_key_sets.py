from __future__ import annotations

import random
from array import array
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.query import Snapshot
from runicorn_tui.key_sets import (
    common,
    difference,
    has,
    intersection,
    ordered_as,
    symmetric_difference,
    toggled,
    union,
)

OPERATIONS: dict[Callable[[Snapshot, Snapshot], Snapshot], Callable[[set[int], set[int]], set[int]]] = {
    union: set[int].__or__,
    difference: set[int].__sub__,
    intersection: set[int].__and__,
    symmetric_difference: set[int].__xor__,
    toggled: lambda one, other: one - other if other <= one else one | other,
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


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("are_descending", [(False, False), (False, True), (True, True)])
@given(one=KEYS, other=KEYS)
def test_keys_in_order_are_combined_as_any_others(
    operation: Callable[[Snapshot, Snapshot], Snapshot],
    are_descending: tuple[bool, bool],
    one: list[int],
    other: list[int],
) -> None:
    ordered = [sorted(keys, reverse=reverse) for keys, reverse in zip((one, other), are_descending, strict=True)]
    found = operation(snapshot(ordered[0]), snapshot(ordered[1]))
    assert list(found.keys) == sorted(OPERATIONS[operation](set(one), set(other)))


@given(KEYS, st.integers(-5, 45))
def test_has_finds_exactly_what_is_there(keys: list[int], key: int) -> None:
    assert has(snapshot(sorted(keys)), key) == (key in keys)


@given(listed=KEYS, ascending=KEYS)
def test_ordered_as_keeps_the_order_of_the_list_and_loses_nothing(listed: list[int], ascending: list[int]) -> None:
    found = list(ordered_as(snapshot(listed), snapshot(sorted(ascending))).keys)
    on_list = [key for key in listed if key in ascending]
    assert found == on_list + sorted(set(ascending) - set(listed))


@given(one=KEYS, other=KEYS)
def test_common_counts_what_both_hold(one: list[int], other: list[int]) -> None:
    assert common(snapshot(one), snapshot(other)) == len(set(one) & set(other))


@pytest.mark.parametrize("few", [0, 5, 70_000])
def test_common_counts_among_many(few: int) -> None:
    one, other = range(200_000), range(199_995, 199_995 + few)
    assert common(snapshot([*one]), snapshot([*other])) == common(snapshot([*other]), snapshot([*one])) == min(few, 5)
