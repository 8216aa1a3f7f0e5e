"""What of a chart is looked at: range, scale, smoothing, crosshair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runicorn_tui.charts.axis import Axis, carried
from runicorn_tui.charts.curve import Curve
from runicorn_tui.charts.raster import Marker
from runicorn_tui.terminal import shows

MARKERS: tuple[Marker, ...] = ("braille", "blocks", "ascii")
SMOOTHINGS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
CLIPS = (0.0, 0.01, 0.05)

_ZOOM = 0.5
_PAN = 0.2
# Steps are whole numbers: nothing is to be seen between two of them. Unix times have six decimals.
_SMALLEST_SPANS: dict[Axis, float] = {"step": 2.0, "relative": 0.01, "wall": 5.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`low` and `high` bound what is shown of the axis, None for all of it; `cursor` is where the crosshair stands.

    `clip` is the share of the values at either end that may be outliers.
    """

    low: float | None = None
    high: float | None = None
    is_log: bool = False
    smoothing: float = 0.0
    marker: Marker = "braille"
    cursor: float | None = None
    axis: Axis = "step"
    clip: float = 0.0

    def span(self, extent: tuple[float, float]) -> tuple[float, float]:
        """What is shown of curves that reach over `extent`."""
        return (
            extent[0] if self.low is None else self.low,
            extent[1] if self.high is None else self.high,
        )

    @property
    def is_zoomed(self) -> bool:
        return self.low is not None or self.high is not None

    def zoomed_in(self, extent: tuple[float, float]) -> View:
        """Half the range around the crosshair, else around the middle."""
        return self._zoomed(extent, _ZOOM)

    def zoomed_out(self, extent: tuple[float, float]) -> View:
        return self._zoomed(extent, 1 / _ZOOM)

    def _zoomed(self, extent: tuple[float, float], factor: float) -> View:
        low, high = self.span(extent)
        width = (high - low) * factor
        if width < _SMALLEST_SPANS[self.axis] and factor < 1:
            return self
        if width >= extent[1] - extent[0]:
            return replace(self, low=None, high=None)
        inside = self.cursor is not None and low <= self.cursor <= high
        center = self.cursor if inside and self.cursor is not None else (low + high) / 2
        return self._placed(extent, center - (center - low) * factor, width)

    def panned(self, extent: tuple[float, float], direction: int) -> View:
        """A fifth of the range to the left (-1) or right (1), not past the ends."""
        if not self.is_zoomed:
            return self
        low, high = self.span(extent)
        return self._placed(extent, low + (high - low) * _PAN * direction, high - low)

    def _placed(self, extent: tuple[float, float], low: float, width: float) -> View:
        low = max(extent[0], min(low, extent[1] - width))
        return replace(self, low=low, high=low + width)

    def followed(self, before: tuple[float, float], after: tuple[float, float]) -> View:
        """After the curves have grown: a range that reached their end still does, another one stays."""
        if self.high is None or self.high < before[1]:
            return self
        low, high = self.span(before)
        return self._placed(after, after[1] - (high - low), high - low)

    def pointed(self, curve: Curve, extent: tuple[float, float], direction: int, columns: int) -> View:
        """The crosshair on the next point of `curve` that is another column; from the middle when there was none."""
        low, high = self.span(extent)
        if self.cursor is None:
            near = curve.index_near((low + high) / 2)
            x = curve.xs[near] if near is not None else low
        else:
            x = curve.next_x(self.cursor, (high - low) / max(1, columns) * direction)
        return replace(self, cursor=max(low, min(high, x)))

    def on_axis(self, axis: Axis, source: Sequence[float], target: Sequence[float]) -> View:
        """The same range on another axis, where the points at `source` stand at `target`."""

        def moved(x: float | None) -> float | None:
            return None if x is None else carried(x, source, target)

        low, high = moved(self.low), moved(self.high)
        if low is not None and high is not None and high - low < _SMALLEST_SPANS[axis]:
            low = high = None
        return replace(self, axis=axis, low=low, high=high, cursor=moved(self.cursor))

    def whole(self) -> View:
        """The whole range without a crosshair."""
        return replace(self, low=None, high=None, cursor=None)

    def over(self, extent: tuple[float, float]) -> View:
        """With the whole range as its own where it had none."""
        low, high = self.span(extent)
        return replace(self, low=low, high=high)

    def with_log_scale(self) -> View:
        """With the other scale."""
        return replace(self, is_log=not self.is_log)

    def smoother(self, by: int) -> View:
        """Smoothed more (1) or less (-1); after the strongest comes none."""
        return replace(self, smoothing=SMOOTHINGS[(SMOOTHINGS.index(self.smoothing) + by) % len(SMOOTHINGS)])

    def next_clip(self) -> View:
        return replace(self, clip=CLIPS[(CLIPS.index(self.clip) + 1) % len(CLIPS)])

    def next_marker(self) -> View:
        return replace(self, marker=MARKERS[(MARKERS.index(self.marker) + 1) % len(MARKERS)])


def first_view() -> View:
    """Everything, drawn with what the terminal can show."""
    return View(marker="ascii" if shows.is_ascii else "braille")
