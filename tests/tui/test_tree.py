"""Trees of groups: which line is what, folding, where the cursor lands in another tree."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runicorn_db.criteria import STATUSES
from runicorn_db.groups import Group, GroupMembers, Groups, GroupValue
from runicorn_db.query import Experiment, Snapshot
from runicorn_tui.rows import KEPT_PAGES, PAGE
from runicorn_tui.tree import Place, Tree, TreeRows, Value, landing


def snapshot(*keys: int) -> Snapshot:
    return Snapshot(array("q", keys))


def group(value: GroupValue, count: int, **facts: object) -> Group:
    same: dict[str, object] = {
        "by_status": dict.fromkeys(STATUSES, 0),
        "best_metric_name": None,
        "best_metric_value": None,
        "best_metric_mode": None,
        "size_bytes": 0,
        "measured": 0,
        "latest": 0.0,
    }
    return Group(value=value, count=count, **{**same, **facts})  # type: ignore[arg-type]


def tree(members: dict[GroupValue, list[int]], *opened: GroupValue, more: int = 0) -> Tree:
    """A tree of these groups; the values in `opened` are open."""
    groups = Groups(
        groups=tuple(group(value, len(keys)) for value, keys in members.items()),
        total=sum(map(len, members.values())),
        more=more,
        more_experiments=more,
    )
    parts = tuple(snapshot(*keys) for keys in members.values())
    every = snapshot(*(key for part in parts for key in part.keys))
    found = GroupMembers(groups=groups, members=parts, every=every)
    return Tree.of(found, "project", {(isinstance(value, bool), value) for value in opened})


TREES = st.lists(st.integers(0, 4), max_size=6).flatmap(
    lambda sizes: st.builds(
        lambda opened, more: (sizes, opened, more),
        st.sets(st.integers(0, max(0, len(sizes) - 1))),
        st.integers(0, 1),
    )
)


def numbered(sizes: list[int], opened: set[int], more: int) -> tuple[Tree, list[tuple[str, int]]]:
    """A tree, and what its lines are: a group by its number, an experiment by its key."""
    members: dict[GroupValue, list[int]] = {}
    lines: list[tuple[str, int]] = []
    for number, size in enumerate(sizes):
        keys = [100 * number + offset for offset in range(size)]
        members[str(number)] = keys
        lines.append(("group", number))
        lines += [("experiment", key) for key in keys if number in opened]
    lines += [("more", 0)] * more
    return tree(members, *map(str, opened), more=more), lines


@given(TREES)
def test_every_line_is_a_group_or_one_of_its_experiments(made: tuple[list[int], set[int], int]) -> None:
    found, lines = numbered(*made)
    assert len(found) == len(lines)
    for line, (kind, number) in enumerate(lines):
        place = found.place(line)
        if kind == "experiment":
            assert found.key(line) == number
            assert place == Place(number // 100, number % 100)
        else:
            assert found.key(line) is None
            assert place == (Place(number) if kind == "group" else None)
    assert found.place(-1) is None
    assert found.place(len(lines)) is None
    groups = [line for line, (kind, _) in enumerate(lines) if kind == "group"]
    assert [found.line(number) for number in range(len(groups))] == groups
    assert list(found.groups_between(0, len(lines))) == list(range(len(groups)))


@given(TREES, st.lists(st.integers(0, 5), max_size=12))
def test_after_folding_the_lines_are_those_of_a_tree_that_began_so(
    made: tuple[list[int], set[int], int], folded: list[int]
) -> None:
    sizes, opened, more = made
    found, _ = numbered(sizes, opened, more)
    for group in (group for group in folded if group < len(sizes)):
        is_open = group not in opened
        opened = opened ^ {group}
        # Said twice it is done once.
        found.fold(group, is_open=is_open)
        found.fold(group, is_open=is_open)
        expected, lines = numbered(sizes, opened, more)
        assert len(found) == len(expected)
        assert [found.place(line) for line in range(len(lines))] == [expected.place(n) for n in range(len(lines))]
        assert [found.line(n) for n in range(len(sizes))] == [expected.line(n) for n in range(len(sizes))]
        assert [found.is_open(n) for n in range(len(sizes))] == [n in opened for n in range(len(sizes))]
        assert found.has_open == any(n in opened for n in range(len(sizes)))


class Counted(tuple[Group, ...]):
    """Counts how often a group is looked at, by its number or one after the other."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Group]:
        for one in super().__iter__():
            self.looks += 1
            yield one


def test_folding_one_of_many_groups_looks_at_few() -> None:
    groups = Counted(group(number, 3) for number in range(10_000))
    opened: set[Value] = {(False, number) for number in range(0, 10_000, 1000)}
    made = Tree(Groups(groups=groups, total=30_000), tuple(Snapshot() for _ in groups), "name", opened)
    assert len(made) == 10_030
    groups.looks = 0
    for number in (3, 5000, 9999):
        made.fold(number, is_open=not made.is_open(number))
        assert made.place(made.line(number)) == Place(number)
    assert len(made) == 10_033
    assert 0 < groups.looks < 50


@given(TREES, st.integers(0, 30), st.integers(0, 30))
def test_a_range_takes_what_is_seen_and_all_of_a_folded_group(
    made: tuple[list[int], set[int], int], first: int, last: int
) -> None:
    found, lines = numbered(*made)
    first, last = sorted((first, last))
    expected: list[int] = []
    for kind, number in lines[first : last + 1]:
        if kind == "experiment":
            expected.append(number)
        elif kind == "group" and number not in made[1]:
            expected += [100 * number + offset for offset in range(made[0][number])]
    assert list(found.between(first, last).keys) == expected


@given(TREES, st.integers(0, 30))
def test_the_next_group_and_the_one_above_are_found_from_any_line(
    made: tuple[list[int], set[int], int], line: int
) -> None:
    found, lines = numbered(*made)
    groups = [at for at, (kind, _) in enumerate(lines) if kind == "group"]
    if not groups or line >= len(lines):
        return
    below = [at for at in groups if at > line]
    above = [at for at in groups if at < line]
    is_last_line = lines[line][0] == "more"
    assert found.neighbour(line, 1) == (below[0] if below else line if is_last_line else groups[-1])
    assert found.neighbour(line, -1) == (above[-1] if above else groups[0])


def test_what_was_opened_is_open_in_the_next_tree_of_the_same_values() -> None:
    opened: set[Value] = set()
    groups = Groups(groups=(group(1, 2), group(True, 2), group(None, 1)), total=5)
    members = tuple(Snapshot() for _ in groups.groups)
    first = Tree(groups, members, "project", opened)
    assert not first.has_open
    first.fold(1, is_open=True)
    first.fold(2, is_open=True)
    first.fold(2, is_open=False)
    second = Tree(groups, members, "project", opened)
    assert [second.is_open(number) for number in range(3)] == [False, True, False]
    assert second.has_open
    assert (len(first), len(second)) == (5, 5)


def test_a_group_opens_while_its_members_are_still_being_read() -> None:
    reader = Reader()
    members = (snapshot(3), snapshot())
    made = Tree(Groups(groups=(group("a", 2), group("b", 1)), total=3), members, "project", {(False, "a")})
    rows = TreeRows(reader, made)
    assert (len(rows), rows.snapshot) == (4, None)
    asyncio.run(rows.ensure(0, 3))
    assert rows.is_loaded(0, 1)
    assert not rows.is_loaded(2, 2)
    assert rows.is_loaded(3, 3)
    members[0].keys.append(2)
    asyncio.run(rows.ensure(0, 3))
    assert reader.reads == [1, 1]
    assert [row and row.id for row in map(rows.row, range(4))] == [None, "3", "2", None]
    made.complete(snapshot(3, 2, 1))
    assert rows.snapshot is not None


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        (0, {"b": [5], "a": [3, 2, 1]}, 2),  # a group keeps the cursor wherever it goes
        (2, {"b": [5], "a": [3, 2, 1]}, 4),  # so does an experiment
        (2, {"b": [5], "a": [3, 1]}, 4),  # or else the next one of its group
        (3, {"a": [3, 2], "b": [5]}, 2),  # or else the one before
        (2, {"b": [5], "c": [2]}, 0),  # the group is gone: what stands in its place
        (4, {"a": [3, 2, 1]}, 0),
        (2, {}, 0),
    ],
)
def test_the_cursor_lands_on_what_it_was_on_or_near_it(
    line: int, after: dict[GroupValue, list[int]], expected: int
) -> None:
    before = tree({"a": [3, 2, 1], "b": [5]}, "a", "b")
    assert landing(before, line, tree(after, "a", "b")) == expected


def test_the_cursor_lands_on_the_group_when_it_is_folded_by_now() -> None:
    before = tree({"a": [3, 2, 1], "b": [5]}, "a")
    assert landing(before, 2, tree({"b": [5], "a": [3, 2, 1]})) == 1
    assert landing(tree({"a": [1]}, more=3), 1, tree({"a": [1]}, more=3)) == 1


def test_groups_of_the_same_size_take_over_what_is_said_of_them_now() -> None:
    made = tree({"a": [3, 2], "b": [1]})
    now = Groups(groups=(group("a", 2, size_bytes=7), group("b", 1)), total=3)
    made.groups, is_other = made.compared(now)
    assert not is_other
    assert made.groups.groups[0].size_bytes == 7
    made.groups, is_other = made.compared(Groups(groups=(group("a", 3, size_bytes=9), group("b", 1)), total=4))
    assert is_other
    assert (made.groups.groups[0].size_bytes, made.groups.groups[0].count) == (7, 2)
    assert made.compared(Groups(groups=(group("a", 2, size_bytes=7),), total=2))[1]


class Reader:
    def __init__(self) -> None:
        self.reads: list[int] = []

    async def __call__(self, part: Snapshot) -> list[Experiment | None]:
        self.reads.append(len(part))
        assert len(part) <= PAGE
        return [
            Experiment(id=str(key), project="p", name="n", status="failed", created_at=0.0, updated_at=0.0)
            for key in part.keys
        ]


def test_lines_are_read_when_they_are_looked_at_and_folding_forgets_none() -> None:
    reader = Reader()
    rows = TreeRows(reader, tree({"a": list(range(1000)), "b": list(range(1000, 3000))}, "a", "b"))
    asyncio.run(rows.ensure(10, 20))
    assert reader.reads == [PAGE - 1]
    assert (row := rows.row(1)) is not None
    assert row.id == "0"
    rows.tree.fold(0, is_open=False)
    rows.tree.fold(0, is_open=True)
    asyncio.run(rows.ensure(0, 50))
    assert len(reader.reads) == 1
    asyncio.run(rows.ensure(1002, 1010))
    assert (row := rows.row(1002)) is not None
    assert row.id == "1000"
    assert rows.fresh().row(1002) is None


def test_a_long_walk_keeps_few_experiments() -> None:
    reader = Reader()
    count = (KEPT_PAGES + 9) * PAGE
    rows = TreeRows(reader, tree({"a": list(range(count))}, "a"))
    for line in range(0, count, PAGE):
        asyncio.run(rows.ensure(line, line + 40))
    read = [line for line in range(1, count) if rows.row(line) is not None]
    assert len(read) == KEPT_PAGES * PAGE
    assert all(later - line == 1 for line, later in pairwise(read))


def test_an_experiment_that_stands_in_two_groups_is_read_once() -> None:
    reader = Reader()
    rows = TreeRows(reader, tree({"a": [1, 2], "b": [2, 3]}, "a", "b"))
    asyncio.run(rows.ensure(0, 5))
    assert reader.reads == [3]
    assert rows.row(2) == rows.row(4)
