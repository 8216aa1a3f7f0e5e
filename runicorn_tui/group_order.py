"""The order of groups, where that of the list has a meaning for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runicorn_db.groups import Group, GroupMembers, Groups
from runicorn_db.query import Order, Snapshot

_BY: dict[Order, Callable[[Group], float | None]] = {
    "best_metric_value": lambda group: group.best_metric_value,
    "size_bytes": lambda group: group.size_bytes,
}


def arranged(
    groups: Groups, members: tuple[Snapshot, ...], order: Order, *, is_descending: bool
) -> tuple[Groups, tuple[Snapshot, ...]]:
    """By best value or size, those without one last; otherwise, and where groups are left out, as they are.

    Those that are left out are the smallest, and one of them could be the best.
    """
    by = _BY.get(order)
    if by is None or groups.more:
        return groups, members
    known: list[tuple[float, int]] = []
    unknown: list[int] = []
    for number, group in enumerate(groups.groups):
        value = by(group)
        if value is None:
            unknown.append(number)
        else:
            known.append((-value if is_descending else value, number))
    places = [number for _, number in sorted(known)] + unknown
    return replace(groups, groups=tuple(groups.groups[at] for at in places)), tuple(members[at] for at in places)


def arranged_members(found: GroupMembers, order: Order, *, is_descending: bool) -> GroupMembers:
    """As `arranged`."""
    groups, members = arranged(found.groups, found.members, order, is_descending=is_descending)
    return replace(found, groups=groups, members=members)
