"""How many distinct steps several metrics have together, from the structure of their steps as far as that tells."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

_FEW = 50


@dataclass(frozen=True, slots=True)
class Irregular:
    """Steps with several distances; those of the same `fingerprint` are the same."""

    first: int
    last: int
    count: int
    fingerprint: bytes
    read: Callable[[], Iterable[int]] = field(compare=False, repr=False)


Piece = range | Irregular


def count_distinct(columns: Sequence[Sequence[Piece]]) -> int:
    """`columns` hold the steps of one metric each, piece after piece, none of them empty."""
    distinct = list(dict.fromkeys(tuple(joined(pieces)) for pieces in columns))
    if len(distinct) < 2:
        return sum(map(_count, chain(*distinct)))
    pieces = sorted(set(chain(*distinct)), key=ends_of)
    return sum(map(_count_together, _overlapping(pieces)))


def union(columns: Sequence[Sequence[int]]) -> Sequence[int]:
    """All steps of the columns, ascending."""
    if not columns:
        return array("q")
    if all(steps == columns[0] for steps in columns[1:]):
        return columns[0]
    return array("q", sorted(set().union(*columns)))


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces of one metric, ranges that go on with one stride as one."""
    before: Piece | None = None
    for piece in pieces:
        both = _as_one(before, piece)
        if both is None and before is not None:
            yield before
        before = both or piece
    if before is not None:
        yield before


def _as_one(one: Piece | None, other: Piece) -> range | None:
    if not (isinstance(one, range) and isinstance(other, range)):
        return None
    stride = other[0] - one[-1]
    is_one = (len(one) == 1 or one.step == stride) and (len(other) == 1 or other.step == stride)
    return range(one[0], other[-1] + 1, stride) if is_one else None


def ends_of(piece: Piece) -> tuple[int, int]:
    return (piece[0], piece[-1]) if isinstance(piece, range) else (piece.first, piece.last)


def _count(piece: Piece) -> int:
    return len(piece) if isinstance(piece, range) else piece.count


def _overlapping(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces (by first step) in groups, no step of one group lying between the ends of another."""
    group: list[Piece] = []
    end = 0
    for piece in pieces:
        first, last = ends_of(piece)
        if group and first > end:
            yield group
            group = []
        end = max(end, last) if group else last
        group.append(piece)
    if group:
        yield group


def _count_together(pieces: list[Piece]) -> int:
    if len(pieces) == 1:
        return _count(pieces[0])
    if len(pieces) <= _FEW:
        kept = [piece for piece in pieces if not any(_is_inside(piece, other) for other in pieces)]
        if len(kept) < len(pieces):
            return sum(map(_count_together, _overlapping(kept)))
    return len(set[int]().union(*(piece if isinstance(piece, range) else piece.read() for piece in pieces)))


def _is_inside(piece: Piece, other: Piece) -> bool:
    """Whether `other` is another range that has all steps of `piece`."""
    if piece is other or not (isinstance(piece, range) and isinstance(other, range)):
        return False
    return piece[0] in other and piece[-1] in other and (len(piece) == 1 or piece.step % other.step == 0)
