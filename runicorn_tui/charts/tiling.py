"""Small charts side by side: how many fit, and where each stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A title, four rows of lines, an axis and its labels; wide enough for three ticks.
_LEAST_WIDTH, _LEAST_HEIGHT = 26, 7
_GAP = 1
# Cells are about twice as high as wide: this looks half as wide again as high.
_BEST_RATIO = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """`columns` by `rows` cells of `width` by `height`, a column of nothing between two of them."""

    columns: int
    rows: int
    width: int
    height: int

    @property
    def capacity(self) -> int:
        """How many charts a page has room for."""
        return self.columns * self.rows

    def page_of(self, index: int) -> range:
        """The numbers of the charts on the page of the one with this number."""
        first = index // self.capacity * self.capacity
        return range(first, first + self.capacity)

    def begin(self, place: int) -> tuple[int, int]:
        """The left upper corner of a place on the page."""
        row, column = divmod(place, self.columns)
        return column * (self.width + _GAP), row * self.height

    def place_at(self, x: int, y: int) -> int | None:
        """The place on the page that a cell of the screen belongs to."""
        row, column = y // self.height, x // (self.width + _GAP)
        return row * self.columns + column if row < self.rows and column < self.columns else None


def tiling(count: int, width: int, height: int) -> Tiling:
    """As many of `count` charts as fit, at least one, in the shape that is read best; no column and no row is empty."""
    most_columns = max(1, (width + _GAP) // (_LEAST_WIDTH + _GAP))
    most_rows = max(1, height // _LEAST_HEIGHT)
    wanted = max(1, min(count, most_columns * most_rows))
    tilings = [
        Tiling(
            columns=columns,
            rows=math.ceil(wanted / columns),
            width=max(1, (width - (columns - 1) * _GAP) // columns),
            height=max(1, height // math.ceil(wanted / columns)),
        )
        for columns in {math.ceil(wanted / rows) for rows in range(1, most_rows + 1)}
        if columns <= most_columns
    ]
    # Of two shapes that are as good, the one that leaves fewer places empty.
    return min(tilings, key=lambda one: (abs(math.log(one.width / one.height / _BEST_RATIO)), one.capacity - wanted))
