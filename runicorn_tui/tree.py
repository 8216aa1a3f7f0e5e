"""The list as a tree: groups that fold, each with its experiments below it while it is open."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from runicorn_db.groups import Group, GroupBy, GroupMembers, Groups, GroupValue
from runicorn_db.query import Experiment, Snapshot
from runicorn_tui.rows import KEPT_PAGES, PAGE, Load, survivor

Value = tuple[bool, GroupValue]
"""The value of a group, with truth values told from 0 and 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands in a line: a group, or (`offset`) one of its experiments."""

    group: int
    offset: int | None = None


class Tree:
    """Which line is which group or experiment. Belongs to the event loop.

    It begins with groups whose members are still being read, from their first on; `complete` says that all are known.
    `opened` are the values of the groups that are open; it is kept up to date, so that another tree can begin with it.
    """

    def __init__(self, groups: Groups, members: tuple[Snapshot, ...], by: GroupBy, opened: set[Value]) -> None:
        self.by: GroupBy = by
        self.groups = groups
        self.members = members
        self.every: Snapshot | None = None
        """Everything that is in a group, in order; None as long as that, and the members, are not all known."""
        self.marked: dict[int, tuple[int, int]] = {}
        """Of groups, after which change of the marks it was counted, and how many of theirs were marked."""
        self._opened = opened
        # Only the open groups, in order, and their lines: that is all a line is counted from, and few are open.
        self._open = [number for number in range(len(groups.groups)) if self.value(number) in opened] if opened else []
        self._starts: list[int] = []
        below = 0
        for number in self._open:
            self._starts.append(number + below)
            below += groups.groups[number].count
        self._end = len(groups.groups) + below

    @classmethod
    def of(cls, found: GroupMembers, by: GroupBy, opened: set[Value]) -> Tree:
        """A tree whose members are all known."""
        tree = cls(found.groups, found.members, by, opened)
        tree.complete(found.every)
        return tree

    def complete(self, every: Snapshot) -> None:
        """From now on all members are known."""
        self.every = every

    def __len__(self) -> int:
        return self._end + (1 if self.groups.more else 0)

    def value(self, group: int) -> Value:
        value = self.groups.groups[group].value
        return isinstance(value, bool), value

    def is_open(self, group: int) -> bool:
        at = bisect_left(self._open, group)
        return self._open[at : at + 1] == [group]

    @property
    def has_open(self) -> bool:
        return bool(self._open)

    def fold(self, group: int, *, is_open: bool) -> None:
        """Opens or closes a group."""
        if is_open == self.is_open(group):
            return
        at, count = bisect_left(self._open, group), self.groups.groups[group].count
        if is_open:
            self._opened.add(self.value(group))
            self._starts.insert(at, self.line(group))
            self._open.insert(at, group)
            moved = count
        else:
            self._opened.discard(self.value(group))
            del self._open[at], self._starts[at]
            at, moved = at - 1, -count
        self._starts[at + 1 :] = [start + moved for start in self._starts[at + 1 :]]
        self._end += moved

    def line(self, group: int) -> int:
        """Where a group stands."""
        at = bisect_left(self._open, group) - 1
        return group if at < 0 else self._starts[at] + self._count(at) + group - self._open[at]

    def place(self, line: int) -> Place | None:
        """What stands in a line; None beyond the groups, where those that are left out are told of."""
        if not 0 <= line < self._end:
            return None
        at = bisect_right(self._starts, line) - 1
        if at < 0:
            return Place(line)
        offset = line - self._starts[at]
        if offset > self._count(at):
            return Place(self._open[at] + offset - self._count(at))
        return Place(self._open[at], offset - 1 if offset else None)

    def _count(self, at: int) -> int:
        """How many stand below one of the open groups."""
        return self.groups.groups[self._open[at]].count

    def groups_between(self, first: int, last: int) -> Iterator[int]:
        """The groups whose own line is one of these."""
        for line in range(max(first, 0), min(last, self._end - 1) + 1):
            place = self.place(line)
            if place is not None and place.offset is None:
                yield place.group

    def neighbour(self, line: int, by: int) -> int:
        """The line of the group above, which may be that of the experiment in this line, or of the next group."""
        place = self.place(line)
        if place is None:
            return self.line(len(self.groups.groups) - 1) if by < 0 and self._end else line
        group = place.group + (0 if by < 0 and place.offset is not None else by)
        return self.line(max(0, min(group, len(self.groups.groups) - 1)))

    def key(self, line: int) -> int | None:
        """What stands for the experiment in a line."""
        place = self.place(line)
        if place is None or place.offset is None:
            return None
        keys = self.members[place.group].keys
        return keys[place.offset] if place.offset < len(keys) else None

    def between(self, first: int, last: int) -> Snapshot:
        """The experiments of these lines; of a folded group all."""
        keys = array("q")
        begin, end = self.place(first), self.place(min(last, self._end - 1))
        if begin is None or end is None:
            return Snapshot(keys)
        for group in range(begin.group, end.group + 1):
            members, top = self.members[group].keys, self.line(group)
            if not self.is_open(group):
                keys.extend(members)
            elif last > top:
                keys.extend(members[max(0, first - top - 1) : last - top])
        return Snapshot(keys)

    def compared(self, groups: Groups) -> tuple[Groups, bool]:
        """The groups as they are, with what is said now of those of the same size; and whether there are other
        groups or sizes now. Changes nothing, so that a thread can do it.
        """
        now = {(isinstance(group.value, bool), group.value): group for group in groups.groups}
        before = self.groups.groups
        after: list[Group] = []
        for number, group in enumerate(before):
            same = now.get(self.value(number))
            after.append(same if same is not None and same.count == group.count else group)
        is_other = len(now) != len(before) or any(now.get(self.value(n)) is not group for n, group in enumerate(after))
        return replace(self.groups, groups=tuple(after)), is_other


def landing(before: Tree, line: int, after: Tree) -> int:
    """Where the cursor belongs in another tree: on its experiment or group, else near it."""
    place = before.place(line)
    if place is None or not after.groups.groups:
        return max(0, len(after) - 1) if place is None else 0
    values = {after.value(number): number for number in range(len(after.groups.groups))}
    group = values.get(before.value(place.group))
    if group is None:
        return after.line(min(place.group, len(after.groups.groups) - 1))
    if place.offset is None or not after.is_open(group):
        return after.line(group)
    return after.line(group) + 1 + survivor(before.members[place.group], place.offset, after.members[group])


class TreeRows:
    """The lines of a tree with the experiments that were looked at last: a million at constant memory."""

    def __init__(self, load: Load, tree: Tree) -> None:
        self.tree = tree
        self._load = load
        self._rows: OrderedDict[int, Experiment | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.tree)

    @property
    def snapshot(self) -> Snapshot | None:
        """Everything that is in a group, in order; None until all of it is known."""
        return self.tree.every

    def group(self, index: int) -> Group | None:
        """The group in a line."""
        place = self.tree.place(index)
        return None if place is None or place.offset is not None else self.tree.groups.groups[place.group]

    def key(self, index: int) -> int | None:
        return self.tree.key(index)

    def part(self, index: int) -> Snapshot:
        """The experiment of a line; of the line of a group none."""
        key = self.key(index)
        return Snapshot() if key is None else Snapshot(array("q", [key]))

    def between(self, first: int, last: int) -> Snapshot:
        return self.tree.between(first, last)

    def anchor(self, index: int) -> tuple[Snapshot | None, int]:
        """A snapshot and where the experiment of this line stands in it; of a group its first one."""
        place = self.tree.place(index)
        if place is None:
            return self.snapshot, 0
        return self.tree.members[place.group], place.offset or 0

    def fresh(self) -> TreeRows:
        """The same lines, to be read again."""
        return TreeRows(self._load, self.tree)

    def row(self, index: int) -> Experiment | None:
        key = self.key(index)
        return None if key is None else self._rows.get(key)

    def is_loaded(self, first: int, last: int) -> bool:
        return all(map(self._is_read, range(max(first, 0), min(last, len(self) - 1) + 1)))

    def _is_read(self, index: int) -> bool:
        place = self.tree.place(index)
        return place is None or place.offset is None or self.key(index) in self._rows

    async def ensure(self, first: int, last: int) -> None:
        if self.is_loaded(first, last):
            return
        lines = range(max(first, 0) // PAGE * PAGE, min((last // PAGE + 1) * PAGE, len(self)))
        keys = dict.fromkeys(key for line in lines if (key := self.key(line)) is not None)
        missing = [key for key in keys if key not in self._rows]
        for begin in range(0, len(missing), PAGE):
            part = array("q", missing[begin : begin + PAGE])
            rows = await self._load(Snapshot(part))
            if rows is None:
                return
            self._rows.update(zip(part, rows, strict=True))
        for key in keys:
            if key in self._rows:
                self._rows.move_to_end(key)
        while len(self._rows) > max(KEPT_PAGES * PAGE, len(keys)):
            self._rows.popitem(last=False)
